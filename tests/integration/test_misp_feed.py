"""The MISP feed over real HTTP, as a MISP instance pulls it and PyMISP reads it."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pymisp import MISPEvent
from sqlalchemy import Engine

from tests.contract.test_flagged_store import publish, tell_again
from tests.integration.test_api import TOPICS, serving
from tests.making import run_sql
from workers.deliver.api import misp as module
from workers.deliver.api.app import make_api
from workers.deliver.formats.stix import public_uuid


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1.2.3")) as client:
        yield client


def pull(api: httpx.Client) -> dict[str, MISPEvent]:
    """Return the feed's events as a MISP instance takes them: by the manifest, one after the other."""
    events = {}
    for uuid in get(api, "manifest.json"):
        events[uuid] = MISPEvent()
        events[uuid].from_dict(**get(api, f"{uuid}.json"))
    return events


def get(api: httpx.Client, name: str) -> Any:
    answer = api.get(f"/misp/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_flagged_article_is_one_event(api: httpx.Client, engine: Engine) -> None:
    ids = publish(engine, "sanctions", None, "extremism")
    events = pull(api)
    assert list(events) == [str(public_uuid(ids[0])), str(public_uuid(ids[2]))]
    manifest = get(api, "manifest.json")
    for uuid, event in events.items():
        assert event.uuid == uuid
        assert {one["name"] for one in manifest[uuid]["Tag"]} == {one.name for one in event.tags}
        assert manifest[uuid]["timestamp"] == str(int(event.timestamp.timestamp()))


def test_the_hashes_lead_to_the_events(api: httpx.Client, engine: Engine) -> None:
    publish(engine, "sanctions", "extremism")
    answer = api.get("/misp/hashes.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    events = pull(api).items()
    values = {(hashlib.md5(one.value.encode()).hexdigest(), uuid) for uuid, event in events for one in event.attributes}
    assert {tuple(line.split(",")) for line in answer.text.splitlines()} == values


def test_a_second_reading_is_the_same_to_the_byte(api: httpx.Client, engine: Engine) -> None:
    (one,) = publish(engine, "sanctions")
    for name in ("manifest.json", "hashes.csv", f"{public_uuid(one)}.json"):
        assert api.get(f"/misp/{name}").content == api.get(f"/misp/{name}").content


def test_a_new_version_changes_the_event_in_place(api: httpx.Client, engine: Engine) -> None:
    (one,) = publish(engine, "sanctions")
    (before,) = pull(api).values()
    tell_again(engine, one, "extremism", lost="{sanctions}")
    ((uuid, after),) = pull(api).items()
    assert uuid == before.uuid
    assert after.timestamp > before.timestamp
    assert [tag.name for tag in after.tags] == ["type:OSINT", 'wirewatch:topic="extremism"']


def test_the_manifest_is_of_some_days_and_older_events_stay(
    api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, newest = publish(engine, "sanctions", "sanctions", "sanctions")
    run_sql(engine, f"UPDATE change SET created_at = created_at - interval '{module.DAYS} days 1 min' WHERE seq = 1")
    assert list(pull(api)) == [str(public_uuid(new)), str(public_uuid(newest))]
    assert get(api, f"{public_uuid(old)}.json")["Event"]["uuid"] == str(public_uuid(old))
    monkeypatch.setattr(module, "MOST", 1)
    assert list(pull(api)) == [str(public_uuid(newest))]


def test_an_article_that_was_never_flagged_has_no_event(api: httpx.Client, engine: Engine) -> None:
    (one,) = publish(engine, None)
    assert get(api, "manifest.json") == {}
    assert api.get(f"/misp/{public_uuid(one)}.json").status_code == 404
    assert api.get("/misp/x.json").status_code == 422
