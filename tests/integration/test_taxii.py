"""The TAXII 2.1 server over real HTTP, as OASIS's own client meets it."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import requests
from sqlalchemy import Engine
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from tests.contract.test_flagged_store import number_all, publish, tell_again
from tests.integration.test_api import TOPICS, serving
from tests.making import run_sql
from tests.naughty_formats import NAUGHTY
from tests.platforms import stix_problems
from workers.deliver import collection as module
from workers.deliver.api.app import make_api
from workers.deliver.formats.stix import report_id

TAXII = "application/taxii+json;version=2.1"


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1.2.3")) as client:
        yield client


@pytest.fixture
def root(api: httpx.Client) -> Iterator[ApiRoot]:
    with Server(f"{api.base_url}/taxii2/") as server:
        yield server.default


def named(root: ApiRoot, alias: str = "all") -> Collection:
    return next(one for one in root.collections if one.alias == alias)


def versions_in(objects: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["id"], one["modified"]) for one in objects]


def paged(collection: Collection, size: int) -> list[dict[str, Any]]:
    """Return all objects as the client's own pager reads them."""
    pages = list(as_pages(collection.get_objects, per_request=size))
    assert all(0 < len(page["objects"]) <= size for page in pages)
    return [one for page in pages for one in page.get("objects", [])]


def reports(objects: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in objects if one["type"] == "report"]


class TestDiscovery:
    def test_a_client_finds_its_way_from_the_address_alone(self, root: ApiRoot) -> None:
        assert (root.title, root.versions) == ("Wirewatch", [TAXII])
        found = {one.alias: (one.can_read, one.can_write, one.media_types) for one in root.collections}
        assert found == dict.fromkeys(
            ("all", "quiet", "sanctions"), (True, False, ["application/stix+json;version=2.1"])
        )

    def test_a_collection_has_one_id_for_ever_and_an_alias(self, api: httpx.Client, root: ApiRoot) -> None:
        ids = [one.id for one in root.collections]
        assert [UUID(one).version for one in ids] == [4, 4, 4]
        assert len(set(ids)) == 3
        root.refresh_collections()
        assert [one.id for one in root.collections] == ids
        for one in root.collections:
            by_alias = api.get(f"/taxii2/api/collections/{one.alias}/").json()
            assert by_alias == api.get(f"/taxii2/api/collections/{one.id}/").json() == one._raw


class TestObjects:
    def test_an_empty_collection(self, root: ApiRoot) -> None:
        assert named(root).get_objects() == {}

    def test_each_flagged_article_is_a_report_and_the_whole_is_valid(self, root: ApiRoot, engine: Engine) -> None:
        ids = publish(engine, "sanctions", None, "extremism")
        objects = named(root).get_objects()["objects"]
        assert reports(objects) == [report_id(ids[0]), report_id(ids[2])]
        assert stix_problems({"type": "bundle", "id": f"bundle--{uuid4()}", "objects": objects}) == []

    def test_a_topic_has_a_collection_of_its_own(self, root: ApiRoot, engine: Engine) -> None:
        ids = publish(engine, "sanctions", "extremism")
        assert reports(named(root, "sanctions").get_objects()["objects"]) == [report_id(ids[0])]
        assert named(root, "quiet").get_objects() == {}

    def test_pages_leave_nothing_out_and_repeat_no_report(self, root: ApiRoot, engine: Engine) -> None:
        ids = publish(engine, *["sanctions", "extremism", None] * 3)
        for size in (1, 2, 3, 5, 100):
            read = paged(named(root), size)
            assert reports(read) == [report_id(one) for place, one in enumerate(ids) if place % 3 != 2]
            assert {one["id"] for one in read} == {one["id"] for one in named(root).get_objects()["objects"]}

    def test_without_a_limit_a_page_has_whole_changes_and_what_they_refer_to(
        self, root: ApiRoot, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "CHANGES", 2)
        ids = publish(engine, *["sanctions"] * 5)
        page, read = named(root).get_objects(), []
        while True:
            there = {one["id"] for one in page["objects"]}
            assert len(there) == len(page["objects"])
            assert all(
                {*one.get("object_refs", []), one.get("created_by_ref", one["id"])} <= there for one in page["objects"]
            )
            read += reports(page["objects"])
            if not page["more"]:
                break
            page = named(root).get_objects(next=page["next"])
        assert read == [report_id(one) for one in ids]

    def test_a_second_reading_is_the_same_to_the_byte(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, "sanctions", "extremism")
        for path in ("objects", "manifest"):
            first, second = (api.get(f"/taxii2/api/collections/all/{path}/") for _ in range(2))
            assert first.content == second.content

    def test_a_rare_topic_costs_a_bounded_look_and_loses_nothing(
        self, api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_AHEAD", 2)
        monkeypatch.setattr(module, "LOOKS", 1)
        ids = publish(engine, *["extremism"] * 5, "sanctions")
        pages, parameters = [], {}
        while True:
            page = api.get("/taxii2/api/collections/sanctions/objects/", params=parameters).json()
            pages.append(reports(page.get("objects", [])))
            if not page["more"]:
                break
            parameters = {"next": page["next"]}
        assert pages == [[], [], [report_id(ids[5])]]


class TestAddedAfter:
    def test_who_goes_by_the_time_of_the_last_object_reads_everything_once(
        self, api: httpx.Client, engine: Engine
    ) -> None:
        """Also when changes of one moment are numbered at different times, which is usual."""
        first = publish(engine, *["sanctions"] * 3)
        run_sql(engine, "UPDATE change SET created_at = (SELECT min(created_at) FROM change)")
        path, read, last = "/taxii2/api/collections/all/objects/", [], None
        for size in (1, 2, 3, 4, 5, 100):
            answer = api.get(path, params={"limit": size} | ({"added_after": last} if last else {}))
            read += answer.json().get("objects", [])
            last = answer.headers.get("x-taxii-date-added-last", last)
        assert reports(read) == [report_id(one) for one in first]
        assert api.get(path, params={"added_after": last}).json() == {}
        tell_again(engine, first[0], "extremism", lost="{sanctions}")
        run_sql(
            engine, "UPDATE change SET created_at = (SELECT min(created_at) FROM change) - interval '5 s' WHERE seq = 4"
        )
        assert reports(api.get(path, params={"added_after": last}).json()["objects"]) == [report_id(first[0])]

    def test_a_client_takes_datetimes_too(self, root: ApiRoot, engine: Engine) -> None:
        publish(engine, "sanctions")
        (*_, last) = named(root).get_manifest()["objects"]
        added = datetime.fromisoformat(last["date_added"])
        assert reports(named(root).get_objects(added_after=added - timedelta(microseconds=1))["objects"]) == [
            last["id"]
        ]
        assert named(root).get_objects(added_after=added) == {}


class TestVersions:
    @pytest.fixture
    def article(self, engine: Engine) -> str:
        """One article in three versions, beside another one."""
        one, _ = publish(engine, "sanctions", "sanctions")
        tell_again(engine, one, "sanctions", "extremism")
        tell_again(engine, one, "extremism", lost="{sanctions}")
        return report_id(one)

    def test_the_last_is_answered_unless_another_is_asked_for(self, root: ApiRoot, article: str) -> None:
        def labels(**wanted: str) -> list[list[str]]:
            found = named(root).get_objects(type="report", id=article, **wanted).get("objects", [])
            return [one["labels"] for one in found]

        assert labels() == labels(version="last") == [["extremism"]]
        assert labels(version="first") == [["sanctions"]]
        assert labels(version="all") == [["sanctions"], ["extremism", "sanctions"], ["extremism"]]
        told = named(root).object_versions(article)["versions"]
        assert told == sorted(set(told))
        assert labels(version=told[1]) == [["extremism", "sanctions"]]
        assert labels(version="first,last") == [["sanctions"], ["extremism"]]
        assert labels(version="2001-01-01T00:00:00Z") == []

    def test_the_log_holds_the_last_only(self, root: ApiRoot, article: str) -> None:
        assert reports(named(root).get_objects()["objects"]).count(article) == 1
        assert reports(named(root).get_objects(version="all")["objects"]).count(article) == 3

    def test_the_collection_of_a_lost_topic_tells_of_the_loss(self, root: ApiRoot, article: str) -> None:
        found = named(root, "sanctions").get_object(article)["objects"]
        assert [one["labels"] for one in found] == [["extremism"]]

    def test_created_stays_and_modified_grows(self, root: ApiRoot, article: str) -> None:
        found = named(root).get_object(article, version="all")["objects"]
        assert len({one["created"] for one in found}) == 1
        assert found[0]["created"] == found[0]["modified"] < found[1]["modified"] < found[2]["modified"]


class TestFilters:
    def test_the_manifest_says_what_the_objects_are(self, root: ApiRoot, engine: Engine) -> None:
        publish(engine, "sanctions", "extremism")
        objects, manifest = named(root).get_objects()["objects"], named(root).get_manifest()["objects"]
        assert [(one["id"], one["version"]) for one in manifest] == versions_in(objects)
        added = [one["date_added"] for one in manifest]
        assert added == sorted(set(added))

    def test_by_type_and_id(self, root: ApiRoot, engine: Engine) -> None:
        ids = publish(engine, "sanctions", "extremism")
        everything = named(root).get_objects()["objects"]
        assert [one["type"] for one in named(root).get_objects(type="report")["objects"]] == ["report"] * 2
        for one in everything:
            assert named(root).get_objects(id=one["id"])["objects"] == [one]
            assert named(root).get_object(one["id"])["objects"] == [one]
            assert named(root).object_versions(one["id"])["versions"] == [one["modified"]]
        both = [report_id(one) for one in ids]
        assert reports(named(root).get_objects(id=both)["objects"]) == both
        assert named(root).get_objects(type="indicator") == {}
        assert named(root).get_objects(spec_version="2.0") == {}
        assert len(named(root).get_objects(spec_version="2.0,2.1")["objects"]) == len(everything)


class TestRefusals:
    def test_they_are_told_in_taxii(self, api: httpx.Client) -> None:
        nobody = "report--01a20000-0000-4000-8000-000000000000"
        for method, path, status in (
            ("GET", "nobody/", 404),
            ("GET", "nobody/objects/", 404),
            ("GET", f"all/objects/{nobody}/", 404),
            ("GET", "all/objects/report--x/versions/", 404),
            ("GET", "all/objects/?limit=0", 400),
            ("GET", "all/objects/?next=yesterday", 400),
            ("GET", "all/objects/?added_after=yesterday", 400),
            ("GET", "all/objects/?match[version]=newest", 400),
            ("GET", "all/objects/?topic=sanctions", 400),
            ("POST", "all/objects/", 403),
            ("DELETE", f"all/objects/{nobody}/", 403),
        ):
            answer = api.request(method, f"/taxii2/api/collections/{path}")
            assert (answer.status_code, answer.headers["content-type"]) == (status, TAXII), path
            assert answer.json()["http_status"] == str(status)
            assert answer.json()["title"]

    def test_only_who_takes_taxii_is_answered(self, api: httpx.Client) -> None:
        for accept, status in (
            (TAXII, 200), ("application/taxii+json", 200), ("application/taxii+json; version=2.1", 200), ("*/*", 200),
            ("text/html, */*;q=0.8", 200), ("application/vnd.oasis.taxii+json; version=2.0", 406),
            ("application/taxii+json;version=2.0", 406), ("text/html", 406),
        ):  # fmt: skip
            assert api.get("/taxii2/", headers={"accept": accept}).status_code == status, accept

    def test_the_client_sees_them_as_errors(self, root: ApiRoot) -> None:
        with pytest.raises(requests.HTTPError, match="404"):
            named(root).get_object("report--01a20000-0000-4000-8000-000000000000")


def test_naughty_titles_come_through_as_they_are(root: ApiRoot, engine: Engine) -> None:
    publish(engine, *["sanctions"] * len(NAUGHTY))
    for place, text in enumerate(NAUGHTY.values(), start=1):
        run_sql(
            engine,
            "UPDATE change SET payload = jsonb_set(payload, '{title}', CAST(:title AS jsonb)) WHERE seq = :seq",
            title=json.dumps(text), seq=place,
        )  # fmt: skip
    number_all(engine)
    names = [one["name"] for one in named(root).get_objects(type="report")["objects"]]
    assert all(name == text for name, text in zip(names, NAUGHTY.values(), strict=True) if text.strip())
