"""A listing page becomes entries: the links that fit the pattern."""

import time

import pytest

from workers.domain.outcomes import FeedOutcome
from workers.poll.documents.listing import parse_listing
from workers.poll.documents.parsed import MAX_ENTRIES, ParsedFeed

URL = "https://paper.example/news/"
ARTICLE = r"/\d{4}/\d{2}/"


def parse(html: str | bytes, pattern: str = ARTICLE, content_type: str = "text/html") -> ParsedFeed:
    body = html.encode() if isinstance(html, str) else html
    return parse_listing(body, url=URL, content_type=content_type, pattern=pattern)


def found(html: str, pattern: str = ARTICLE) -> list[tuple[str, str]]:
    return [(one.url.removeprefix("https://paper.example"), one.title) for one in parse(html, pattern).entries]


@pytest.mark.parametrize(
    ("html", "entries"),
    [
        ("<a href='/2026/03/a'>One <b>two</b></a>", [("/2026/03/a", "One two")]),
        ("<a href='../2026/03/a'>One</a>", [("/2026/03/a", "One")]),
        ("<a href='/about'>About</a><a href='/2026/03/a'>One</a>", [("/2026/03/a", "One")]),
        ("<a href='/2026/03/b'>B</a><a href='/2026/03/a'>A</a>", [("/2026/03/b", "B"), ("/2026/03/a", "A")]),
        ("<a href='/2026/03/a#comments'>7</a><a href='/2026/03/a'>A headline</a>", [("/2026/03/a", "A headline")]),
        ("<a href='/2026/03/a'>A headline</a><a href='/2026/03/a'>More</a>", [("/2026/03/a", "A headline")]),
        ("<a href='/2026/03/a'><img src=x alt='A picture'></a>", [("/2026/03/a", "A picture")]),
        ("<a href='/2026/03/a' title='Told'><img src=x></a>", [("/2026/03/a", "Told")]),
        ("<a href='/2026/03/a'>A<script>b()</script> c</a>", [("/2026/03/a", "A c")]),
        ("<a href='/2026/03/a'></a>", [("/2026/03/a", "")]),
        ("<base href='/old/'><a href='2026/03/a'>A</a>", [("/old/2026/03/a", "A")]),
        ("<A HREF=/2026/03/a>A</A", [("/2026/03/a", "A")]),
        ("<a name='/2026/03/a'>A</a><a href>B</a><a href='javascript:/2026/03/'>C</a>", []),
        ("<a href='https://user:secret@paper.example/2026/03/a'>A</a>", []),
    ],
)
def test_links_that_fit_are_entries_in_the_order_of_the_page(html: str, entries: list[tuple[str, str]]) -> None:
    assert found(html) == entries


def test_the_pattern_sees_the_whole_address() -> None:
    html = "<a href='https://other.example/2026/03/a'>Elsewhere</a><a href='/2026/03/a'>Here</a>"
    assert found(html, r"^https://paper\.example/2026/") == [("/2026/03/a", "Here")]


def test_the_page_itself_is_no_article() -> None:
    assert found("<a href='/news/'>Again</a><a href='#top'>Top</a><a href='?page=2'>Next</a>", ".") == [
        ("/news/?page=2", "Next")
    ]


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("", "an empty page"),
        ("<!-- nothing -->", "an empty page"),
        ("<p>No link</p>", "a page without links"),
        ("<a href='/a'>A</a><a href='/b'>B</a>", "none of 2 links fits the pattern"),
    ],
)
def test_a_page_without_articles_says_why(html: str, words: str) -> None:
    feed = parse(html)
    assert (feed.outcome, feed.entries, feed.detail) == (FeedOutcome.EMPTY, (), words)


@pytest.mark.parametrize(
    ("codec", "head", "content_type"),
    [
        ("windows-1251", "<meta charset=windows-1251>", "text/html"),
        ("windows-1251", "", "text/html; charset=windows-1251"),
        ("koi8-r", "<meta http-equiv=content-type content='text/html; charset=koi8-r'>", ""),
        ("utf-8", "<meta charset=windows-1251>", "text/html; charset=utf-8"),
        ("utf-8", "", ""),
    ],
)
def test_the_page_is_read_in_the_encoding_of_a_browser(codec: str, head: str, content_type: str) -> None:
    html = f"<html><head>{head}</head><body><a href='/2026/03/a'>Учения на границе</a></body></html>"
    (entry,) = parse(html.encode(codec), content_type=content_type).entries
    assert entry.title == "Учения на границе"


def test_links_over_the_cap_are_counted_as_cut() -> None:
    feed = parse("".join(f"<a href='/2026/03/{n}'>x</a>" for n in range(MAX_ENTRIES + 5)))
    assert (len(feed.entries), feed.cut) == (MAX_ENTRIES, 5)


@pytest.mark.parametrize(
    ("html", "pattern"),
    [
        ("<a href='/2026/03/a'><div>" * 30_000, ARTICLE),
        ("<div>" * 100_000 + "<a href='/2026/03/a'>x</a>", ARTICLE),
        (f"<a href='/{'a' * 1_900}!'>x</a>" * 1_000, "(a+)+$"),
    ],
    ids=["links in links", "deep", "a pattern that would explode elsewhere"],
)
def test_no_page_takes_long(html: str, pattern: str) -> None:
    began = time.process_time()
    parse(html, pattern)
    assert time.process_time() - began < 5
