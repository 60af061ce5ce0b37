from datetime import UTC, datetime
from uuid import UUID

import pytest

from workers.domain.outcomes import Advanced, Dropped, DropReason
from workers.domain.values import Article, Entry, FeedEntry, Page, Source
from workers.extract.stage import extract

SOURCE = Source(
    id="example",
    name="The Example",
    url="https://example.org/rss",
    language="fa",
    country="IR",
    owner="x",
    state_owned=False,
)
URL = "https://example.org/news/1"
FETCHED = datetime(2024, 5, 6, 12, tzinfo=UTC)
BRIEF = "The central bank kept its key rate at 4 per cent on Friday."
SUMMARY = "The bank met on Friday. It kept its rate, and said that prices would fall more slowly than expected."


def run(
    body: bytes, *, summary: str = "", title: str = "", url: str = URL, detected: str = "en"
) -> Advanced[Article] | Dropped:
    feed = FeedEntry(key=URL, url=URL, title=title, summary=summary, published=datetime(2024, 5, 6, 9, tzinfo=UTC))
    entry = Entry(id=UUID(int=1), source=SOURCE, url=URL, feed=feed, discovered_at=FETCHED, attempt=1)
    page = Page(url=url, status=200, content_type="text/html", charset=None, body=body, fetched_at=FETCHED)
    outcome = extract(entry, page, detect=lambda text: (detected, 0.9))
    assert isinstance(outcome, Advanced | Dropped)
    return outcome


def html(body: str, head: str = "<title>Rate kept - The Example</title>") -> bytes:
    return f"<html><head>{head}</head><body>{body}</body></html>".encode()


def article(outcome: Advanced[Article] | Dropped) -> Article:
    assert isinstance(outcome, Advanced)
    return outcome.value


def test_a_short_brief_becomes_an_article_with_its_facts() -> None:
    found = article(run(html(f"<h1>Rate kept</h1><p>{BRIEF}</p>")))
    assert (found.title, found.text, found.language, found.quality) == ("Rate kept", BRIEF, "en", "full")
    assert (found.published_from, found.url) == ("feed", URL)
    assert found.extractor.startswith("trafilatura/")


def test_an_undetected_language_is_the_outlets() -> None:
    found = article(run(html(f"<p>{BRIEF}</p>"), detected="und"))
    assert (found.language, found.language_confidence) == ("fa", 0.0)


@pytest.mark.parametrize(
    "body",
    [
        b"%PDF-1.7 ...", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"GIF89a", b'{"error": "gone"}', b"[1, 2]", b"PK\x03\x04",
        b"\x1f\x8b\x08", b"\x00\x00\x00 ftypmp42", b"<?xml version='1.0'?><rss></rss>", b"\x00\x01\x02binary",
    ],
)  # fmt: skip
def test_what_is_no_page_is_dropped_as_such(body: bytes) -> None:
    outcome = run(body, summary=SUMMARY)
    assert isinstance(outcome, Dropped)
    assert outcome.reason is DropReason.NOT_HTML


@pytest.mark.parametrize(
    "body", [b"", html(""), html("<h1>Watch: the harbour</h1><video src=x></video>"), html("<div id=root></div>")]
)
def test_a_page_without_text_is_dropped_or_replaced_by_the_feeds_own_text(body: bytes) -> None:
    outcome = run(body, title="Watch: the harbour")
    assert isinstance(outcome, Dropped)
    assert outcome.reason is DropReason.NO_TEXT
    found = article(run(body, title="Watch: the harbour", summary=SUMMARY))
    assert (found.quality, found.text, found.title) == (
        "summary",
        SUMMARY,
        "Watch: the harbour" if b"Rate" not in body else found.title,
    )


@pytest.mark.parametrize(
    ("body", "url"),
    [
        pytest.param(html(f"<p>{BRIEF}</p>", '<link rel=canonical href="/">'), URL, id="careless canonical link"),
        pytest.param(html(f"<p>{BRIEF}</p>" * 3), "", id="a saved file without its address"),
    ],
)
def test_an_article_is_not_taken_for_a_home_page(body: bytes, url: str) -> None:
    assert isinstance(run(body, url=url), Advanced)


@pytest.mark.parametrize(
    ("body", "url"),
    [
        pytest.param(html(f"<h1>Page not found</h1><p>{BRIEF}</p>"), URL, id="error page answered with 200"),
        pytest.param(html(f"<p>{BRIEF}</p>" * 3), "https://example.org/", id="redirected to the front page"),
        pytest.param(
            html("".join(f"<p>Headline number {n} of the section</p>" for n in range(9))), URL, id="headlines"
        ),
    ],
)
def test_a_page_that_is_no_article_is_dropped_even_when_the_feed_has_a_summary(body: bytes, url: str) -> None:
    outcome = run(body, url=url, summary=SUMMARY)
    assert isinstance(outcome, Dropped)
    assert outcome.reason is DropReason.NOT_AN_ARTICLE


def test_a_headline_repeated_above_the_text_is_not_kept_twice() -> None:
    found = article(run(html(f"<div><p>Rate kept</p><p>{BRIEF}</p><p>{SUMMARY}</p></div>")))
    assert found.title == "Rate kept"
    assert found.text.startswith(BRIEF)
