"""Subscriptions over HTTP: made by who may, listed without secrets, replayed with the scope for it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from tests.integration.test_api import TOPICS, serving
from tests.integration.test_api_keys import bearer, make_key
from tests.making import bring, count_of, discover, run_sql
from workers.deliver.api.app import make_api
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.keys import Scope

URL = "https://desk.example/hook"


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1")) as client:
        yield client


@pytest.fixture
def one(api: httpx.Client, engine: Engine) -> int:
    """A subscription to sanctions that begins after three changes."""
    bring(engine, discover(engine, 3), State.CLASSIFIED)
    with engine.begin() as connection:
        number(connection)
    made = api.post("/v1/webhooks", json={"url": URL, "filters": {"topic": "sanctions"}})
    assert made.status_code == 201, made.text
    assert made.json()["secret"].startswith("whsec_")
    found: int = made.json()["id"]
    return found


def listed(api: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/v1/webhooks").json()["webhooks"]
    return found


def test_a_subscription_begins_with_the_next_change_and_never_shows_its_secret(api: httpx.Client, one: int) -> None:
    (found,) = listed(api)
    assert {name: found[name] for name in ("id", "url", "filters", "state", "cursor", "behind", "dead")} == {
        "id": one, "url": URL, "filters": {"topic": "sanctions"}, "state": "active", "cursor": 3, "behind": 0, "dead": 0
    }  # fmt: skip
    assert not {name for name in found if "secret" in name or "token" in name}


def test_it_is_sent_again_from_a_number_or_a_time_on(api: httpx.Client, one: int) -> None:
    for where, after in (({"from_seq": 900}, 899), ({"from_seq": 2}, 1), ({"from_time": "2020-01-01T00:00:00Z"}, 0)):
        answer = api.post(f"/v1/webhooks/{one}/replay", json=where)
        assert (answer.status_code, answer.json()) == (200, {"after": after})
        assert listed(api)[0]["cursor"] == min(after, 3)


def test_dead_letters_are_listed_and_go_with_it(api: httpx.Client, engine: Engine, one: int) -> None:
    run_sql(
        engine,
        "INSERT INTO dead_letter (webhook_id, seq, event_id, reason) SELECT :one, seq, event_id, '413' FROM change",
        one=one,
    )
    letters = api.get(f"/v1/webhooks/{one}/dead-letters").json()["dead_letters"]
    assert [(each["seq"], each["reason"]) for each in letters] == [(3, "413"), (2, "413"), (1, "413")]
    assert api.delete(f"/v1/webhooks/{one}").status_code == 204
    assert count_of(engine, "dead_letter") == 0
    for method, path in (("DELETE", ""), ("POST", "/replay"), ("GET", "/dead-letters")):
        body = {"from_seq": 1} if method == "POST" else None
        assert api.request(method, f"/v1/webhooks/{one}{path}", json=body).status_code == 404


def test_what_could_never_be_sent_is_refused(api: httpx.Client, engine: Engine) -> None:
    for body in (
        {}, {"url": "ftp://a.example"}, {"url": "https://me:word@a.example"}, {"url": "https://a.example", "to": 1},
        {"url": URL, "filters": {"topic": "sanktions"}}, {"url": URL, "filters": {"source": "nobody"}},
        {"url": URL, "filters": {"topics": "sanctions"}}, {"url": URL, "filters": {"min_probability": 2}},
    ):  # fmt: skip
        answer = api.post("/v1/webhooks", json=body)
        assert (answer.status_code, count_of(engine, "webhook")) == (422, 0), answer.text


def test_a_replay_says_from_where_and_no_form_of_a_page_elsewhere_can_ask(api: httpx.Client, one: int) -> None:
    path = f"/v1/webhooks/{one}/replay"
    for wrong in ({}, {"from_seq": 1, "from_time": "2020-01-01T00:00:00Z"}, {"from_time": "2020-01-01T00:00:00"}):
        assert api.post(path, json=wrong).status_code == 422
    assert api.post(path, data={"from_seq": "1"}).status_code == 415
    assert listed(api)[0]["cursor"] == 3


def test_each_scope_is_for_its_own(api: httpx.Client, engine: Engine, one: int) -> None:
    body = {"url": URL}
    replay = f"/v1/webhooks/{one}/replay"
    for scope, expected in (
        (Scope.READ, (403, 403, 403, 403)),
        (Scope.REPLAY, (200, 200, 403, 403)),
        (Scope.ADMIN, (200, 200, 201, 204)),
    ):
        headers = bearer(make_key(engine, scope))
        got = (
            api.get("/v1/webhooks", headers=headers),
            api.post(replay, json={"from_seq": 1}, headers=headers),
            api.post("/v1/webhooks", json=body, headers=headers),
            api.delete(f"/v1/webhooks/{one}", headers=headers),
        )
        assert tuple(each.status_code for each in got) == expected, scope


def test_a_method_that_is_not_allowed_is_told_which_are(api: httpx.Client) -> None:
    for path, allowed in (
        ("/v1/webhooks", "GET, POST"),
        ("/v1/articles/01a20000-0000-7000-8000-000000000000/verdicts", "GET, POST"),
        ("/v1/changes", "GET"),
        ("/v1/feeds/rss", "GET, HEAD"),
    ):
        answer = api.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
