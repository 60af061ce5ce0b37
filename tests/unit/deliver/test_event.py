"""The event that readers get: CloudEvents 1.0 in structured JSON."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from workers.deliver.event import event_of, with_text, word_of

ROW: dict[str, Any] = {
    "seq": 17,
    "event_id": UUID(int=1),
    "entry_id": UUID(int=2),
    "type": "reclassified",
    "created_at": datetime(2026, 3, 11, 8, 21, 7, 120_000, UTC),
    "unflagged": ["sanctions"],
    "payload": {"id": str(UUID(int=2)), "title": "گفت‌وگو"},
}


def test_an_event_says_who_what_when_and_where_it_stands() -> None:
    assert event_of(ROW, "a-ledger") == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000001",
        "source": "urn:wirewatch:a-ledger",
        "type": "wirewatch.article.reclassified",
        "subject": "00000000-0000-0000-0000-000000000002",
        "time": "2026-03-11T08:21:07.120000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:wirewatch:schema:change:1#data",
        "seq": 17,
        "data": {"unflagged": ["sanctions"], "article": ROW["payload"]},
    }


def test_its_attributes_have_the_names_and_types_of_cloudevents() -> None:
    """CloudEvents 1.0.2, sections 3 and 3.1: names of lower-case letters and digits; strings, integers and `data`."""
    event = event_of(ROW, "a-ledger")
    for name, value in event.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name), name
        assert name == "data" or (isinstance(value, (str, int)) and value != ""), name
    assert json.loads(json.dumps(event)) == event


def test_a_text_is_added_to_a_copy() -> None:
    event = event_of(ROW, "a-ledger")
    told = with_text(event, "Border guards met.")
    assert told["data"]["article"] == {**ROW["payload"], "text": "Border guards met."}
    assert {**told, "data": None} == {**event, "data": None}
    assert "text" not in event["data"]["article"]
    assert "text" not in ROW["payload"]


def test_the_word_of_the_log_comes_back() -> None:
    assert word_of(event_of(ROW, "a-ledger")) == "reclassified"
