"""Articles as IPTC ninjs 3.0, held to the standard's own JSON Schema."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.naughty_formats import NAUGHTY
from workers.deliver.formats.ninjs import ninjs

SAMPLES = Path(__file__).parent.parent.parent / "samples"
STORED = sorted((SAMPLES / "changes").glob("*.json"))
TOLD = datetime(2026, 3, 11, 8, 21, 7, tzinfo=UTC)
TOPICS = [
    {"id": "border-cooperation", "name": "Border cooperation", "iptc": ["medtop:20000598"]},
    {"id": "irregular-migration", "name": "Irregular migration", "iptc": ["medtop:20000773", "medtop:20000598"]},
]

checker = jsonschema.FormatChecker(["date-time"])


@checker.checks("uri")
def is_uri(value: object) -> bool:
    """A scheme, and only what RFC 3986 lets stand there."""
    allowed = r"[a-z][a-z0-9+.-]*:(?:[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~-]|%[0-9A-Fa-f]{2})+"
    return re.fullmatch(allowed, str(value)) is not None


SCHEMA = json.loads((SAMPLES / "schemas" / "ninjs-3.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=checker)


def article_from(path: Path = STORED[-1], **facts: Any) -> dict[str, Any]:
    payload = json.loads(path.read_text(encoding="utf-8"))["payload"]
    return {**payload, "text": "Border guards met.\nThey talked.", **facts}


def flag(topic: str, probability: float, **facts: Any) -> dict[str, Any]:
    return {"topic": topic, "probability": probability, "flagged": True, "evidence": [], "pack_version": "1", **facts}


def made_of(article: dict[str, Any], topics: list[dict[str, Any]] = TOPICS) -> dict[str, Any]:
    found = ninjs(article, topics, TOLD)
    VALIDATOR.validate(found)
    return found


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_an_article_of_every_time_is_valid(path: Path) -> None:
    found = made_of(article_from(path))
    assert found["uri"] == f"urn:uuid:{article_from(path)['id']}"
    assert found["bodies"][0]["value"] == "Border guards met.\nThey talked."


@pytest.mark.parametrize("name", NAUGHTY)
def test_a_naughty_text_is_carried_as_it_is(name: str) -> None:
    text = NAUGHTY[name]
    outlet = article_from()["source"] | {"name": text, "owner": text}
    found = made_of(
        article_from(
            title=text, text=text, authors=[text], section=text, wire_credit=text, source=outlet, url=text,
            canonical_url=text, image=f"https://lanternfield.example/{text}", dateline={"place": text, "agency": text},
        )
    )  # fmt: skip
    assert json.loads(json.dumps(found, ensure_ascii=False)) == found
    assert (found["headlines"][0]["value"], found["bodies"][0]["value"]) == (text, text)


def test_topics_are_subjects_by_our_name_and_by_the_standard_s() -> None:
    flags = [
        flag("irregular-migration", 0.871),
        flag("border-cooperation", 0.93, model="lexicon-linear/2"),
        flag("sanctions", 0.2, flagged=False),
    ]
    found = made_of(article_from(flags=flags, model="lexicon/1"))
    by, of = {"creator": "lexicon-linear/2", "confidence": 93}, {"creator": "lexicon/1", "confidence": 87}
    medtop = "http://cv.iptc.org/newscodes/mediatopic/"
    assert found["subjects"] == [
        {"name": "Border cooperation", "literal": "border-cooperation", "rel": "about", **by},
        {"literal": "medtop:20000598", "uri": f"{medtop}20000598", "rel": "about", **by},
        {"name": "Irregular migration", "literal": "irregular-migration", "rel": "about", **of},
        {"literal": "medtop:20000773", "uri": f"{medtop}20000773", "rel": "about", **of},
    ]


def test_every_topic_of_ours_has_a_media_topic_or_says_that_there_is_none_near() -> None:
    files = sorted((Path(__file__).parents[3] / "config" / "topics").glob("*.yaml"))
    heads = [path.read_text(encoding="utf-8")[:2_000] for path in files]  # whole packs take seconds to load
    packs: list[dict[str, Any]] = [
        {"id": path.stem, "iptc": re.findall(r"medtop:\d{8}", head)} for path, head in zip(files, heads, strict=True)
    ]
    found = made_of(article_from(flags=[flag(one["id"], 0.9) for one in packs]), packs)
    ours = {one["literal"] for one in found["subjects"]}
    assert {one["id"] for one in packs} | {code for one in packs for code in one["iptc"]} == ours
    assert sum(bool(one["iptc"]) for one in packs) >= 12


def test_a_topic_whose_pack_is_gone_keeps_its_id() -> None:
    found = made_of(article_from(flags=[flag("piracy", 0.5)]), [])
    assert [one["name"] for one in found["subjects"]] == ["piracy"]


def test_who_where_and_when() -> None:
    found = made_of(
        article_from(
            authors=["A. Writer", "B. Writer"], dateline={"place": "TEHRAN", "agency": "Fars"}, wire_credit="Reuters",
            image="https://lanternfield.example/عکس.jpg", canonical_url="https://lanternfield.example/c",
        )
    )  # fmt: skip
    assert (found["by"], found["located"], found["language"]) == ("A. Writer, B. Writer", "TEHRAN", "en")
    assert found["infoSources"] == [
        {"role": "publisher", "name": "Lanternfield Post", "literal": "lanternfield"},
        {"role": "owner", "name": "Lanternfield Trust"},
        {"role": "agency", "name": "Reuters"},
    ]
    assert (found["contentCreated"], found["versionCreated"]) == ("2026-03-11T08:20:00Z", "2026-03-11T08:21:07Z")
    assert found["places"] == [{"literal": "CN"}]
    assert found["organisations"][0]["name"] == "Shanghai Cooperation Organisation"
    assert found["renditions"] == [{"name": "main", "href": "https://lanternfield.example/%D8%B9%DA%A9%D8%B3.jpg"}]
    assert found["associations"][0]["uri"] == "urn:uuid:01a20000-0000-7000-8000-000000000001"
    assert {"role": "canonical-url", "value": "https://lanternfield.example/c"} in found["altIds"]


@pytest.mark.parametrize(
    ("facts", "told"),
    [({}, "full"), ({"quality": "summary"}, "partial"), ({"is_paywalled": True}, "partial")],
)
def test_half_a_text_is_said_to_be_partial(facts: dict[str, Any], told: str) -> None:
    assert made_of(article_from(**facts))["representationType"] == told


def test_what_is_not_known_is_left_out() -> None:
    bare = article_from(
        STORED[0], authors=[], published=None, published_from=None, flags=[], image="data:image/png;base64,x"
    )
    absent = {"by", "contentCreated", "located", "subjects", "places", "organisations", "renditions", "associations"}
    assert not absent & set(made_of(bare))


def test_the_schema_holds_us_to_it() -> None:
    for wrong in ({"uri": "no uri"}, {"type": "article"}, {"novel": 1}, {"subjects": [{"confidence": 101}]}):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate({**made_of(article_from()), **wrong})
