"""The STIX 2.1 objects of a flagged article, and what the validator of OASIS says of them."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import uuid_utils.compat

from tests.naughty_formats import NAUGHTY
from tests.platforms import BIRTH, LEDGER, bundle, make_mark, make_told, stix_problems
from workers.deliver.formats.stix import (
    Ledger,
    Told,
    article_uuid,
    bundle_text,
    fixed_objects,
    increasing,
    public_uuid,
    report_id,
    stix_objects,
)

SAMPLES = sorted((Path(__file__).parent.parent.parent / "samples" / "changes").glob("*.json"))


def report_of(told: Told) -> dict[str, Any]:
    return stix_objects(LEDGER, told)[-1]


class TestAReport:
    def test_it_says_what_was_flagged_and_why(self) -> None:
        marks = [make_mark("sanctions", 0.914), make_mark("arms-control", 0.2), make_mark("extremism", 0.95)]
        report = report_of(make_told(*marks))
        assert report["labels"] == ["extremism", "sanctions"]
        assert report["confidence"] == 95
        assert report["description"] == "extremism (0.95): Border guards met.\nsanctions (0.91): Border guards met."
        assert (report["name"], report["lang"]) == ("گفت‌وگو · Überblick", "fa")

    def test_the_article_is_its_external_reference(self) -> None:
        outlet, own = report_of(make_told())["external_references"]
        assert outlet == {
            "source_name": "Khabar",
            "url": "https://khabar.example/%D9%85%D8%B1%D8%B2?a=1&b=x%20y",
        }
        assert own == {"source_name": "wirewatch", "external_id": "01a20000-0000-7000-8000-00000000002a"}

    @pytest.mark.parametrize(
        ("facts", "said"),
        [
            ({}, "2026-01-03T00:00:00.000Z"),
            ({"published": None}, "2026-01-03T00:01:00.123Z"),
            ({"published": "2026-01-03T03:30:00+03:30"}, "2026-01-03T00:00:00.000Z"),
        ],
    )
    def test_it_was_published_when_the_outlet_says_or_else_when_it_was_discovered(
        self, facts: dict[str, Any], said: str
    ) -> None:
        assert report_of(make_told(**facts))["published"] == said

    def test_it_refers_to_the_outlet_and_the_countries_that_it_names(self) -> None:
        objects = stix_objects(LEDGER, make_told(countries=["IR", "IQ", "AF"]))
        by_id = {one["id"]: one for one in objects}
        outlet, *countries = (by_id[one] for one in objects[-1]["object_refs"])
        assert (outlet["type"], outlet["name"], outlet["sectors"]) == ("identity", "Khabar", ["communications"])
        assert [one["country"] for one in countries] == ["IR", "IQ", "AF"]
        assert [one["name"] for one in countries] == ["Iran", "Iraq", "Afghanistan"]
        (link,) = (one for one in objects if one["type"] == "relationship")
        assert (link["relationship_type"], link["source_ref"]) == ("located-at", outlet["id"])
        assert by_id[link["target_ref"]]["country"] == "IR"

    def test_what_it_refers_to_comes_before_it_and_once(self) -> None:
        objects = stix_objects(LEDGER, make_told())
        ids = [one["id"] for one in objects]
        assert len(set(ids)) == len(ids)
        for place, one in enumerate(objects):
            refers_to = [one.get(name) for name in ("created_by_ref", "source_ref", "target_ref")]
            for name in [*filter(None, refers_to), *one.get("object_refs", [])]:
                assert name in ids[:place]

    def test_a_language_that_nobody_is_sure_of_is_left_out(self) -> None:
        assert "lang" not in report_of(make_told(language="und"))

    def test_an_article_that_lost_its_flags_says_so(self) -> None:
        """`revoked` would be for ever (STIX 2.1, section 3.6), and newer packs may flag it again."""
        report = report_of(make_told(make_mark(probability=0.31)))
        assert (report["labels"], report["confidence"], "revoked" in report) == (["unflagged"], 31, False)
        assert report["description"] == "No topic is flagged any more."

    def test_a_withdrawn_article_is_revoked(self) -> None:
        assert report_of(make_told(is_withdrawn=True))["revoked"] is True


class TestIds:
    def test_a_second_export_is_the_same_to_the_byte(self) -> None:
        first, second = ("".join(bundle_text(LEDGER, stix_objects(LEDGER, make_told()))) for _ in range(2))
        assert first == second

    def test_a_new_version_keeps_the_id_and_is_later(self) -> None:
        first = report_of(make_told(times=[BIRTH]))
        second = report_of(make_told(times=[BIRTH, BIRTH + timedelta(hours=1)], title="New"))
        assert first["id"] == second["id"]
        assert first["created"] == first["modified"] == second["created"] == "2026-01-02T03:04:05.678Z"
        assert second["modified"] == "2026-01-02T04:04:05.678Z"

    def test_versions_of_one_millisecond_or_of_a_clock_set_back_are_told_apart(self) -> None:
        times = [BIRTH, BIRTH, BIRTH - timedelta(hours=1), BIRTH + timedelta(microseconds=99), BIRTH + timedelta(1)]
        made = increasing(times, timedelta(milliseconds=1))
        assert made == sorted(set(made))
        assert [one - made[0] for one in made[:4]] == [timedelta(milliseconds=place) for place in range(4)]
        assert made[4] - made[0] == timedelta(1)

    def test_an_article_is_found_by_its_report(self) -> None:
        for _ in range(100):
            one = uuid_utils.compat.uuid7()
            public = public_uuid(one)
            assert (public.version, public.variant) == (4, uuid4().variant)
            assert str(public).replace("-4", "-7", 1)[:18] == str(one)[:18]
            assert article_uuid(public) == one
            assert article_uuid(UUID(report_id(one).removeprefix("report--"))) == one

    def test_another_ledger_has_other_ids(self) -> None:
        other = Ledger(uuid4(), BIRTH)
        ours, theirs = ({one["id"] for one in stix_objects(each, make_told())[:-1]} for each in (LEDGER, other))
        assert not ours & theirs

    @pytest.mark.parametrize("fact", [{"owner": "Sold Ltd"}, {"name": "K"}, {"country": "GB"}, {"state_owned": False}])
    def test_an_outlet_with_other_facts_is_another_object(self, fact: dict[str, Any]) -> None:
        ours, theirs = (report_of(one)["object_refs"][0] for one in (make_told(), make_told(source=fact)))
        assert ours != theirs

    def test_everything_that_a_report_may_refer_to_can_be_found_by_id(self) -> None:
        told = make_told(countries=["IR", "XK", "TW"])
        fixed = {one["id"]: one for one in fixed_objects(LEDGER, [told.article["source"]])}
        for one in stix_objects(LEDGER, told)[:-1]:
            assert fixed[one["id"]] == one


class TestValidity:
    def test_the_validator_finds_what_is_wrong(self) -> None:
        """Or the tests below would prove nothing."""
        wrong = bundle(stix_objects(LEDGER, make_told()))
        wrong["objects"][-1]["confidence"] = 101
        wrong["objects"][-1]["labels"] = []
        assert sum("confidence" in one for one in stix_problems(wrong)) == 1
        assert sum("labels" in one for one in stix_problems(wrong)) == 2

    def test_naughty_texts_make_valid_bundles(self) -> None:
        objects = []
        for place, text in enumerate(NAUGHTY.values()):
            span = {"field": "text", "start": 0, "end": len(text), "text": text}
            id_ = f"01a20000-0000-7000-8000-{place:012x}"
            source = {"name": text, "owner": text}
            objects += stix_objects(LEDGER, make_told(make_mark(sentence=span), id=id_, title=text, source=source))
        made = bundle(objects)
        assert stix_problems(made) == []
        assert sum(one["type"] == "report" and bool(one["name"].strip()) for one in made["objects"]) == len(NAUGHTY)

    @pytest.mark.parametrize(
        "told",
        [
            make_told(countries=[]),
            make_told(language="und", published=None),
            make_told(make_mark(probability=0.1)),
            make_told(flags=[]),
            make_told(is_withdrawn=True),
            make_told(url="https://a.example/%zz?q=<b>"),
            make_told(times=[BIRTH, BIRTH]),
        ],
    )
    def test_every_kind_of_article_makes_a_valid_bundle(self, told: Told) -> None:
        assert stix_problems(bundle(stix_objects(LEDGER, told))) == []

    @pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
    def test_changes_of_every_version_do(self, sample: Path) -> None:
        told = Told(json.loads(sample.read_text(encoding="utf-8"))["payload"], [BIRTH])
        made = bundle(stix_objects(LEDGER, told))
        assert stix_problems(made) == []
        assert re.fullmatch(r"bundle--[0-9a-f-]{36}", made["id"])

    def test_countries_do(self) -> None:
        fixed = [one for one in fixed_objects(LEDGER, []) if one.get("country") != "XK"]  # Kosovo has no ISO code
        assert len(fixed) > 245
        assert stix_problems(bundle([fixed[0], *fixed[1::20]])) == []
