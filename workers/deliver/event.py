"""The event that downstream reads: the same in the API, the stream, webhooks and exports. Pure.

A CloudEvents 1.0 envelope in structured JSON; docs/formats.md and `schemas/change-1.json` describe it.
"""

from collections.abc import Mapping
from typing import Any

#: Before the word of the change log (`created`, ...) in an event's type.
TYPE = "wirewatch.article."

#: The published schema's id. A change that would break a reader gets the next number.
SCHEMA = "urn:wirewatch:schema:change:1"

#: CloudEvents: the schema of `data` alone, which is the anchor `data` of the published one.
DATA_SCHEMA = f"{SCHEMA}#data"


def event_of(row: Any, ledger: str) -> dict[str, Any]:
    """Return a change-log row as its public event. `ledger`: the random id of the ledger that the log belongs to.

    `source` and `id` together name an event for ever (CloudEvents 1.0, section 3.1); `seq` is an extension attribute.
    """
    return {
        "specversion": "1.0",
        "id": str(row["event_id"]),
        "source": f"urn:wirewatch:{ledger}",
        "type": f"{TYPE}{row['type']}",
        "subject": str(row["entry_id"]),
        "time": row["created_at"].isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": DATA_SCHEMA,
        "seq": row["seq"],
        "data": {"unflagged": list(row["unflagged"]), "article": row["payload"]},
    }


def with_text(event: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return the event with the text of its article, for a reader who asked for it."""
    data = event["data"]
    return {**event, "data": {**data, "article": {**data["article"], "text": text}}}


def word_of(event: Mapping[str, Any]) -> str:
    """Return what happened, as the change log says it: created, updated, reclassified or withdrawn."""
    return str(event["type"]).removeprefix(TYPE)
