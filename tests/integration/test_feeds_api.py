"""Feeds, ninjs and the published schema over real HTTP, as a feed reader and a newsroom system meet them."""

import io
import json
from collections.abc import Iterator
from typing import Any

import feedparser
import httpx
import jsonschema
import pytest
from lxml import etree
from sqlalchemy import Engine

from tests.integration.test_api import TOPICS, serving
from tests.making import bring, discover, make_classified, make_flag, run_sql
from tests.naughty_formats import NAUGHTY
from workers.deliver.api.app import make_api
from workers.deliver.formats.feeds import MEDIA_TYPES
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.text import storable


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1.2.3")) as client:
        yield client


def publish(engine: Engine, *values: Any, **facts: Any) -> list[str]:
    """Publish articles; return their ids, newest first, as feeds give them."""
    ids = sorted(discover(engine, len(values), **facts))
    bring(engine, ids, State.CLASSIFIED, list(values))
    with engine.begin() as connection:
        number(connection)
    return [str(one) for one in reversed(ids)]


def entries(api: httpx.Client, kind: str = "atom", **asked: Any) -> list[str]:
    """Return the ids that a feed gives."""
    answer = api.get(f"/v1/feeds/{kind}", params=asked)
    assert answer.status_code == 200, answer.text
    if kind == "json":
        return [one["id"].removeprefix("urn:uuid:") for one in answer.json()["items"]]
    found = feedparser.parse(io.BytesIO(answer.content))
    assert not found.bozo
    return [one.id.removeprefix("urn:uuid:") for one in found.entries]


@pytest.fixture
def ids(engine: Engine) -> list[str]:
    """Two articles about sanctions in Persian of an Iranian outlet, then one of a British one."""
    persian = [make_classified(place, make_flag("sanctions"), language="fa") for place in range(2)]
    old = publish(engine, *persian, source="khabar", country="IR")
    return publish(engine, make_classified(2), first=2) + old


def test_a_saved_query_is_its_address(api: httpx.Client, ids: list[str]) -> None:
    for kind in MEDIA_TYPES:
        assert entries(api, kind) == ids
    for asked, expected in (
        ({"topic": "sanctions"}, ids[1:]),
        ({"topic": "quiet"}, []),
        ({"language": "en"}, ids[:1]),
        ({"source": "khabar", "country": "IR", "language": "fa"}, ids[1:]),
        ({"q": "guards -football", "limit": 2}, ids[:2]),
        ({"q": "football"}, []),
        ({"min_probability": 0.99}, []),
        ({"topic": "sanctions", "min_probability": 0.5}, ids[1:]),
        ({"limit": 1}, ids[:1]),
    ):
        assert entries(api, **asked) == expected, asked


def test_a_feed_says_what_it_is(api: httpx.Client, ids: list[str]) -> None:
    for kind, media_type in MEDIA_TYPES.items():
        answer = api.get(f"/v1/feeds/{kind}", params={"topic": "sanctions", "language": "fa"})
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "Wirewatch: Sanctions, fa" in answer.text
        assert str(answer.url).encode().replace(b"&", b"&" if kind == "json" else b"&amp;") in answer.content


def test_who_has_it_already_gets_nothing(api: httpx.Client, engine: Engine, ids: list[str]) -> None:
    run_sql(engine, "UPDATE change SET created_at = created_at - interval '1 hour'")
    given = []
    for path in (f"/v1/feeds/{kind}" for kind in MEDIA_TYPES):
        first = api.get(path)
        for asked, name in (("if-none-match", "etag"), ("if-modified-since", "last-modified")):
            headers = {asked: first.headers[name]}
            again = api.get(path, headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert api.head(path, headers=headers).status_code == 304
            given.append((path, headers))
    publish(engine, make_classified(3), first=3)
    for path, headers in given:
        assert api.get(path, headers=headers).status_code == 200


def test_bad_parameters_are_refused(api: httpx.Client) -> None:
    for path in (
        "/v1/feeds/rdf", "/v1/feeds/rss?limit=101", "/v1/feeds/rss?limit=0", "/v1/feeds/atom?topics=sanctions",
        "/v1/feeds/json?topic=sanktions", "/v1/feeds/rss?language=english", "/v1/articles/7.ninjs",
    ):  # fmt: skip
        assert api.get(path).status_code == 422, path


def test_naughty_texts_go_all_the_way(api: httpx.Client, engine: Engine) -> None:
    texts = {name: storable(text) for name, text in NAUGHTY.items()}
    values = [
        make_classified(place, title=text, text=text, authors=(text,))
        for place, text in enumerate(texts.values())
    ]  # fmt: skip
    published = publish(engine, *values)
    for kind in MEDIA_TYPES:
        assert entries(api, kind, limit=100) == published
    for kind in ("rss", "atom"):
        body = api.get(f"/v1/feeds/{kind}", params={"limit": 100}).content
        assert etree.fromstring(body, etree.XMLParser(resolve_entities=False)) is not None
    for one, text in zip(reversed(published), texts.values(), strict=True):
        assert api.get(f"/v1/articles/{one}.ninjs").json()["bodies"][0]["value"] == text


def test_an_article_as_ninjs(api: httpx.Client, ids: list[str]) -> None:
    answer = api.get(f"/v1/articles/{ids[1]}.ninjs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = answer.json()
    assert found["uri"] == f"urn:uuid:{ids[1]}"
    assert found["subjects"][1]["literal"] == "medtop:11000000"
    assert found["versionCreated"].endswith("Z")
    unknown = api.get("/v1/articles/01a20000-0000-7000-8000-000000000000.ninjs")
    assert (unknown.status_code, api.get(f"/v1/articles/{ids[1]}").status_code) == (404, 200)


def test_the_published_schema_holds_for_what_is_answered(api: httpx.Client, ids: list[str]) -> None:
    answer = api.get("/v1/schemas/change-1.json")
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    found = api.get("/v1/changes").json()["changes"]
    assert len(found) == 3
    for event in found:
        jsonschema.Draft202012Validator(schema).validate(event)
        assert event["dataschema"].startswith(schema["$id"])
        assert json.loads(json.dumps(event)) == event
