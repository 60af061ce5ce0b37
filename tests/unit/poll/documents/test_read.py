"""What a source answers is read by its kind, unpacked first where it is packed."""

import gzip
import time
import tracemalloc
from datetime import UTC, datetime

import pytest

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import Source
from workers.poll.documents.parsed import ParsedFeed
from workers.poll.documents.read import MAX_BYTES, read_source

NOW = datetime(2026, 3, 10, tzinfo=UTC)
RSS = b"<rss version='2.0'><channel><item><link>/a</link></item></channel></rss>"
URLSET = b"<urlset><url><loc>https://paper.example/a</loc><lastmod>2026-03-10</lastmod></url></urlset>"
PAGE = b"<a href='/a'>A</a>"


def read(body: bytes, kind: str) -> ParsedFeed:
    source = Source(
        id="paper",
        name="Paper",
        url="https://paper.example/x",
        language="en",
        country="GB",
        owner="Paper",
        state_owned=False,
        kind=kind,
        links="/a$" if kind == "listing" else "",
    )
    return read_source(source, body, url=source.url, content_type="", now=NOW)


@pytest.mark.parametrize(("body", "kind"), [(RSS, "feed"), (URLSET, "sitemap"), (PAGE, "listing"), (RSS, "sitemap")])
@pytest.mark.parametrize("packed", [False, True])
def test_a_document_is_read_by_the_kind_of_its_source(body: bytes, kind: str, packed: bool) -> None:
    feed = read(gzip.compress(body) if packed else body, kind)
    assert [one.url for one in feed.entries] == ["https://paper.example/a"]


def test_a_sitemap_that_was_added_as_a_feed_says_what_to_do() -> None:
    feed = read(URLSET, "feed")
    assert feed.outcome is FeedOutcome.NOT_A_FEED
    assert "its kind is `sitemap`" in feed.detail


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (gzip.compress(RSS, mtime=0)[:-9], FeedOutcome.BROKEN_BODY),
        (b"\x1f\x8bnot gzip", FeedOutcome.BROKEN_BODY),
        (gzip.compress(gzip.compress(URLSET, mtime=0), mtime=0), FeedOutcome.NOT_A_FEED),
        (gzip.compress(b"", mtime=0), FeedOutcome.EMPTY),
    ],
    ids=["cut off", "not gzip", "two layers", "nothing inside"],
)
def test_what_does_not_unpack_to_a_document_says_so(body: bytes, outcome: FeedOutcome) -> None:
    assert read(body, "sitemap").outcome is outcome


def test_a_bomb_costs_no_more_than_the_cap() -> None:
    bomb = gzip.compress(bytes(100 * MAX_BYTES // 10), 9)
    tracemalloc.start()
    try:
        began = time.process_time()
        feed = read(bomb, "sitemap")
        took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert feed.outcome is FeedOutcome.TOO_LARGE
    assert took < 2
    assert peak < 4 * MAX_BYTES
