"""Events of a MISP feed, as MISP's own feed generator lays them out (PyMISP, `MISPEvent.to_feed`). Pure.

One event for each flagged article, with the UUID of its STIX report. The UUIDs of attributes are UUIDv5 of what they
are in the namespace of their event, so a new version of the article changes them in place.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from workers.deliver.formats.stix import UNFLAGGED, Ledger, Told, address_of, increasing, public_uuid, title_of

#: MISP counts the time of a version in seconds.
SECOND = timedelta(seconds=1)

#: MISP's own words: the event is complete; no threat level is claimed.
COMPLETED, UNDEFINED = "2", "4"

#: MISP's taxonomy says where an event is from (`type:OSINT`); ours, what it is about.
SOURCE_TAG, TOPIC_COLOUR, STATE_COLOUR = ("type:OSINT", "#004646"), "#1b5e8c", "#8c1b1b"


def misp_event(ledger: Ledger, told: Told) -> dict[str, Any]:
    """Return the event of an article, as the file `<uuid>.json` of the feed holds it."""
    article, uuid = told.article, public_uuid(UUID(told.article["id"]))
    timestamp = _timestamp(told)
    return {
        "Event": {
            **_summary(ledger, told),
            "uuid": str(uuid),
            "extends_uuid": "",
            "published": True,
            "publish_timestamp": timestamp,
            "Attribute": [
                {"uuid": str(uuid5(uuid, name)), "timestamp": timestamp, "to_ids": False, "deleted": False, **facts}
                for name, facts in _attributes(article, told)
            ],
        }
    }


def manifest_line(ledger: Ledger, told: Told) -> tuple[str, dict[str, Any]]:
    """Return an event's UUID and what `manifest.json` says of it."""
    return str(public_uuid(UUID(told.article["id"]))), _summary(ledger, told)


def hash_lines(event: Mapping[str, Any]) -> list[str]:
    """Return the lines of `hashes.csv` for an event: the MD5 of each value, by which MISP looks for overlaps."""
    inner = event["Event"]
    values = [one["value"].encode() for one in inner["Attribute"]]
    return [f"{hashlib.md5(one, usedforsecurity=False).hexdigest()},{inner['uuid']}\n" for one in values]


def _summary(ledger: Ledger, told: Told) -> dict[str, Any]:
    article = told.article
    return {
        "info": title_of(article),
        "date": datetime.fromisoformat(article["published"] or article["discovered"]).date().isoformat(),
        "timestamp": _timestamp(told),
        "analysis": COMPLETED,
        "threat_level_id": UNDEFINED,
        "Orgc": {"name": "Wirewatch", "uuid": str(ledger.named("identity/wirewatch"))},
        "Tag": _tags(told),
    }


def _timestamp(told: Told) -> str:
    return str(int(increasing(told.times, SECOND)[-1].timestamp()))


def _tags(told: Told) -> list[dict[str, str]]:
    """Return machine tags: of the topics, or of the state of an article that has none any more."""
    tags = [SOURCE_TAG, *((f'wirewatch:topic="{mark["topic"]}"', TOPIC_COLOUR) for mark in told.flagged)]
    if told.is_withdrawn or not told.flagged:
        state = "withdrawn" if told.is_withdrawn else UNFLAGGED
        tags.append((f'wirewatch:state="{state}"', STATE_COLOUR))
    return [{"name": name, "colour": colour} for name, colour in tags]


def _attributes(article: Mapping[str, Any], told: Told) -> list[tuple[str, dict[str, Any]]]:
    """Return what an event holds, each under the name that makes its UUID: address, title, a sentence for each flag.

    Only addresses are looked for in other events: the same title or sentence says nothing.
    """
    source = article["source"]
    link = _attribute("link", address_of(article), f"{source['name']} ({source['country']})", correlates=True)
    found = [("link", link), ("title", _attribute("text", title_of(article), "title"))]
    sentences: dict[str, list[Mapping[str, Any]]] = {}  # MISP refuses a value that an event has already
    for mark in told.flagged:
        if mark.get("sentence") and mark["sentence"]["text"].strip():
            sentences.setdefault(mark["sentence"]["text"], []).append(mark)
    for text, marks in sentences.items():
        why = "; ".join(f"{mark['topic']}, probability {mark['probability']:.2f}" for mark in marks)
        found.append((f"sentence/{marks[0]['topic']}", _attribute("comment", text, why)))
    return found


def _attribute(kind: str, value: str, comment: str, *, correlates: bool = False) -> dict[str, Any]:
    named = {"type": kind, "category": "External analysis", "value": value, "comment": comment}
    return named | {"disable_correlation": not correlates}
