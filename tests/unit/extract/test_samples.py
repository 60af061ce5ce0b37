"""The room over every page of the sample newsroom: what the text must hold, what not, and why others are dropped."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from ruamel.yaml import YAML

from workers.domain.outcomes import Advanced, Dropped, Outcome
from workers.domain.values import Article, Entry, FeedEntry, Page, Source
from workers.extract.language import detect
from workers.extract.stage import extract
from workers.relate.fingerprint import fingerprint

NEWSROOM = Path(__file__).parents[2] / "samples" / "newsroom"
MANIFEST = YAML(typ="safe").load((NEWSROOM / "newsroom.yaml").read_text(encoding="utf-8"))
OUTLETS = {outlet["id"]: outlet for outlet in MANIFEST["outlets"]}
PAGES = {
    route["path"]: route for route in MANIFEST["routes"] if route.get("file") and isinstance(route.get("expect"), dict)
}
ARTICLES = [path for path, route in PAGES.items() if route["expect"]["outcome"] == "classified"]
#: Reasons that this room gives; the others are the fetcher's.
REASONS = {"no_text", "not_html", "not_an_article"}
DROPPED = [path for path, route in PAGES.items() if route["expect"].get("reason") in REASONS]
COPIES = [path for path in ARTICLES if PAGES[path]["expect"].get("duplicate_of")]
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def run(path: str) -> Outcome[Article]:
    route: dict[str, Any] = PAGES[path]
    outlet = OUTLETS[route["file"].split("/")[0]]
    facts = {name: outlet[name] for name in ("id", "name", "language", "country", "owner", "state_owned")}
    url = f"https://newsroom.example{path}"
    entry = Entry(
        id=UUID(int=1),
        source=Source(url="https://newsroom.example/feed", **facts),
        url=url,
        feed=FeedEntry(key=url, url=url),
        discovered_at=NOW,
        attempt=1,
    )
    kind, _, charset = route["content_type"].partition("; charset=")
    body = (NEWSROOM / route["file"]).read_bytes()
    page = Page(url=url, status=200, content_type=kind, charset=charset or None, body=body, fetched_at=NOW)
    return extract(entry, page, detect=detect)


def article(path: str) -> Article:
    outcome = run(path)
    assert isinstance(outcome, Advanced), outcome
    return outcome.value


def test_the_newsroom_has_pages_of_each_kind() -> None:
    assert len(ARTICLES) >= 24
    assert DROPPED
    assert COPIES


@pytest.mark.parametrize("path", ARTICLES)
def test_the_story_is_there_and_what_stands_around_it_is_not(path: str) -> None:
    expect = PAGES[path]["expect"]
    found = article(path)
    text = f"{found.title}\n{found.text}"
    assert [phrase for phrase in expect.get("contains", []) if phrase not in text] == []
    assert [phrase for phrase in expect.get("absent", []) if phrase in text] == []
    assert found.language == expect["language"]
    assert found.quality == "full"


@pytest.mark.parametrize("path", DROPPED)
def test_a_page_that_is_no_article_is_dropped_with_its_reason(path: str) -> None:
    outcome = run(path)
    assert isinstance(outcome, Dropped)
    assert outcome.reason == PAGES[path]["expect"]["reason"]


@pytest.mark.parametrize("path", COPIES)
def test_a_story_printed_by_a_second_outlet_has_the_fingerprint_of_the_first(path: str) -> None:
    copy, first = article(path), article(PAGES[path]["expect"]["duplicate_of"])
    assert fingerprint(copy.title, copy.text) == fingerprint(first.title, first.text)
    others = [fingerprint(found.title, found.text) for found in map(article, ARTICLES)]
    assert len(set(others)) == len(others) - len(COPIES)
