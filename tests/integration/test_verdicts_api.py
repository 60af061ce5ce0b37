"""Verdicts over HTTP, over the real store."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine

from tests.integration.test_api import TOPICS, serving
from tests.making import bring, count_of, discover, make_classified, make_flag
from workers.deliver.api.app import make_api
from workers.deliver.api.bodies import LARGEST_BODY
from workers.deliver.api.verdicts import Verdicts
from workers.domain.outcomes import State

GIVEN = {"topic": "sanctions", "verdict": "rejected", "analyst": "desk one"}


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1.2.3")) as client:
        yield client


@pytest.fixture
def path(engine: Engine) -> str:
    """The verdicts of a published article that is flagged with sanctions."""
    (one,) = bring(engine, discover(engine), State.CLASSIFIED, [make_classified(0, make_flag("sanctions"))])
    return f"/v1/articles/{one}/verdicts"


def test_a_verdict_is_stored_and_listed_newest_first(api: httpx.Client, path: str) -> None:
    first = api.post(path, json=GIVEN)
    second = api.post(path, json=GIVEN | {"verdict": "confirmed", "note": "Read again.\nIt is.", "topic": "quiet"})
    assert (first.status_code, second.status_code) == (201, 201)
    told = first.json()
    assert (told["verdict"], told["version"], told["note"], told["flag"]["probability"]) == ("rejected", 1, "", 0.91)
    assert (second.json()["flag"], second.json()["note"]) == (None, "Read again.\nIt is.")
    listed = api.get(path)
    assert listed.json() == {"verdicts": [second.json(), told]}
    assert Verdicts.model_validate(listed.json()).model_dump(mode="json") == listed.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"topic": "sanktions"}, "topic"), ({"topic": ""}, "topic"), ({"topic": None}, "topic"),
        ({"verdict": "perhaps"}, "verdict"), ({"analyst": " "}, "analyst"), ({"analyst": "a\nb"}, "analyst"),
        ({"analyst": "x" * 101}, "analyst"), ({"note": "x" * 2001}, "note"), ({"note": "a\0b"}, "note"),
        *(({"analyst": name}, "analyst") for name in ("--", "\u202e\u200f", "\u200c", "\U0001f6c2")),
        *(({"analyst": name}, "analyst") for name in ("a\x9bb", "a\u2028b", "a\x1bb")),
        *(({"note": f"a{letter}b"}, "note") for letter in "\x07\x1b\x7f\x9b"),
        *(({"version": given}, "version") for given in ("1", 1.0, True)),
        ({"version": 0}, "version"), ({"version": 2**31}, "version"), ({"comment": "x"}, "comment"),
    ],
)  # fmt: skip
def test_what_is_no_verdict_is_refused_and_named(
    api: httpx.Client, path: str, engine: Engine, change: dict[str, Any], field: str
) -> None:
    answer = api.post(path, json=GIVEN | change)
    assert answer.status_code == 422
    assert (answer.json()["errors"][0]["in"], answer.json()["errors"][0]["name"]) == ("body", field)
    assert count_of(engine, "verdict") == 0


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"analyst": " desk\u202e one\ufeff "}, {"analyst": "desk one"}),
        ({"analyst": "\u200fمی\u200cنا 2"}, {"analyst": "می\u200cنا 2"}),
        ({"note": "one\ttwo\r\n\u2067three\u2069\u00ad"}, {"note": "one\ttwo\r\nthree"}),
        ({"version": 1}, {"version": 1}),
    ],
)
def test_what_nobody_sees_is_left_out(
    api: httpx.Client, path: str, given: dict[str, Any], stored: dict[str, Any]
) -> None:
    answer = api.post(path, json=GIVEN | given)
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in stored} == stored


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"topic": "\\ud800"}', b"[" * 30_000])
def test_a_body_that_is_no_json_object_is_refused(api: httpx.Client, path: str, body: bytes) -> None:
    answer = api.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["in"] == "body"


def test_the_largest_verdict_is_taken_and_a_larger_body_is_not_read_to_its_end(
    api: httpx.Client, path: str, engine: Engine
) -> None:
    large = GIVEN | {"note": "\U0001f6c2" * 2_000, "analyst": "\U00020000" * 100}
    assert api.post(path, json=large).status_code == 201

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b" " * LARGEST_BODY

    headers = {"content-type": "application/json"}
    assert api.post(path, content=b" " * (LARGEST_BODY + 1), headers=headers).status_code == 413
    with suppress(httpx.TransportError):  # it may be cut off while it still sends
        assert api.post(path, content=endless(), headers=headers).status_code == 413
    assert count_of(engine, "verdict") == 1


def test_a_sender_that_goes_away_is_no_error_of_ours(
    api: httpx.Client, path: str, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.base_url.port or 0)) as sender:
        sender.sendall(head.encode() + b'{"topic"')
    assert api.post(path, json=GIVEN).status_code == 201
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
    assert count_of(engine, "verdict") == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_what_a_foreign_page_can_make_a_browser_send_is_refused(
    api: httpx.Client, path: str, engine: Engine, kind: str | None
) -> None:
    content = httpx.Request("POST", "http://x", json=GIVEN).content
    answer = api.post(path, content=content, headers={"content-type": kind} if kind else {})
    assert (answer.status_code, answer.json()["detail"]) == (415, "the body must be application/json")
    asked = api.request(
        "OPTIONS", path, headers={"origin": "https://news.example", "access-control-request-method": "POST"}
    )
    assert not [name for name in asked.headers if name.startswith("access-control")]
    assert count_of(engine, "verdict") == 0


def test_an_article_that_nobody_has_is_said_so(api: httpx.Client, path: str) -> None:
    nobody = f"/v1/articles/{uuid4()}/verdicts"
    for answer in (api.get(nobody), api.post(nobody, json=GIVEN)):
        assert (answer.status_code, answer.json()["detail"]) == (404, "no classified article has this id")
    answer = api.post(path, json=GIVEN | {"version": 2})
    assert (answer.status_code, answer.json()["detail"]) == (404, "no classified article has this id and version")
    assert api.post("/v1/articles/7/verdicts", json=GIVEN).status_code == 422
    assert api.post(path, params={"topic": "x"}, json=GIVEN).status_code == 422


def test_the_contract_tells_what_to_send(api: httpx.Client) -> None:
    contract = api.get("/openapi.json").json()
    operation = contract["paths"]["/v1/articles/{article_id}/verdicts"]["post"]
    shape = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(shape["required"]) == {"topic", "verdict", "analyst"}
    assert {"201", "404", "413", "415", "422"} <= set(operation["responses"])
