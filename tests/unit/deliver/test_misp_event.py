"""The events of the MISP feed, as PyMISP reads and would write them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pymisp import MISPEvent

from tests.naughty_formats import NAUGHTY
from tests.platforms import BIRTH, LEDGER, make_mark, make_told
from workers.deliver.formats.misp import hash_lines, manifest_line, misp_event
from workers.deliver.formats.stix import Told, report_id, stix_objects

PLAIN = make_told(make_mark("sanctions", 0.914), make_mark("arms-control", 0.2), make_mark("extremism", 0.95))


def read(told: Told) -> MISPEvent:
    """Return an event as PyMISP reads the file."""
    event = MISPEvent()
    event.from_json(json.dumps(misp_event(LEDGER, told), ensure_ascii=False))
    return event


def known(ours: Any, theirs: Any) -> Any:
    """Return what PyMISP writes, without what it adds of its own accord, and with the texts that MISP writes."""
    if isinstance(ours, dict):
        return {name: known(ours[name], theirs[name]) for name in ours}
    if isinstance(ours, list):
        return [known(*pair) for pair in zip(ours, theirs, strict=True)]
    return str(theirs) if isinstance(ours, str) else theirs


class TestWhatPyMispReads:
    @pytest.mark.parametrize("told", [PLAIN, make_told(flags=[]), make_told(is_withdrawn=True), make_told(title=" ")])
    def test_it_writes_the_same_event_manifest_and_hashes(self, told: Told) -> None:
        ours, event = misp_event(LEDGER, told), read(told)
        assert known(ours, event.to_feed()) == ours
        uuid, line = manifest_line(LEDGER, told)
        assert known({uuid: line}, event.manifest) == {uuid: line}
        assert hash_lines(ours) == [f"{one},{uuid}\n" for one in event.attributes_hashes("md5")]

    @pytest.mark.parametrize("name", NAUGHTY)
    def test_naughty_texts_come_through(self, name: str) -> None:
        text = NAUGHTY[name]
        span = {"field": "text", "start": 0, "end": len(text), "text": text}
        told = make_told(make_mark(sentence=span), title=text, source={"name": text})
        event, ours = read(told), misp_event(LEDGER, told)
        assert known(ours, event.to_feed()) == ours
        assert event.info.strip()
        assert event.info == text or not text.strip()
        assert all(one.value.strip() for one in event.attributes)


class TestAnEvent:
    def test_it_has_the_address_the_title_and_the_sentences(self) -> None:
        held = [(one.type, one.value, one.comment) for one in read(PLAIN).attributes]
        assert held == [
            ("link", "https://khabar.example/%D9%85%D8%B1%D8%B2?a=1&b=x%20y", "Khabar (IR)"),
            ("text", "گفت‌وگو · Überblick", "title"),
            ("comment", "Border guards met.", "extremism, probability 0.95; sanctions, probability 0.91"),
        ]

    def test_nothing_in_it_is_for_detection_and_only_addresses_correlate(self) -> None:
        found = read(PLAIN).attributes
        assert [(one.to_ids, one.disable_correlation) for one in found] == [
            (False, False),
            (False, True),
            (False, True),
        ]

    @pytest.mark.parametrize(
        ("told", "names"),
        [
            (PLAIN, ["type:OSINT", 'wirewatch:topic="extremism"', 'wirewatch:topic="sanctions"']),
            (make_told(make_mark(probability=0.1)), ["type:OSINT", 'wirewatch:state="unflagged"']),
            (
                make_told(is_withdrawn=True),
                ["type:OSINT", 'wirewatch:topic="sanctions"', 'wirewatch:state="withdrawn"'],
            ),
        ],
    )
    def test_its_tags_say_the_topics_and_claim_no_reliability(self, told: Told, names: list[str]) -> None:
        assert [one.name for one in read(told).tags] == names

    def test_it_has_the_uuid_of_its_report(self) -> None:
        assert f"report--{read(PLAIN).uuid}" == stix_objects(LEDGER, PLAIN)[-1]["id"]
        assert f"identity--{read(PLAIN).Orgc.uuid}" == stix_objects(LEDGER, PLAIN)[0]["id"]
        assert report_id.__doc__

    def test_a_second_export_is_the_same_to_the_byte(self) -> None:
        assert json.dumps(misp_event(LEDGER, PLAIN)) == json.dumps(misp_event(LEDGER, PLAIN))

    def test_a_new_version_keeps_the_uuids_and_is_a_second_later_at_least(self) -> None:
        first = misp_event(LEDGER, make_told(times=[BIRTH]))["Event"]
        second = misp_event(LEDGER, make_told(times=[BIRTH, BIRTH + timedelta(microseconds=5)], title="New"))["Event"]
        assert int(second["timestamp"]) == int(first["timestamp"]) + 1
        assert [one["uuid"] for one in first["Attribute"]] == [one["uuid"] for one in second["Attribute"]]
        assert second["Attribute"][1]["value"] == "New"
        assert len({one["uuid"] for one in first["Attribute"]}) == len(first["Attribute"])
