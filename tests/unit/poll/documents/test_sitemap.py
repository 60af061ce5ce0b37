"""A sitemap becomes entries: what is recent, and never an archive at once."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.domain.outcomes import FeedOutcome
from workers.poll.documents.parsed import MAX_ENTRIES, ParsedFeed, joined
from workers.poll.documents.sitemap import FEW_UNDATED, MAX_CHILDREN, parse_sitemap

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BASE = "https://paper.example"
URL = f"{BASE}/sitemap.xml"
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'


def parse(text: str | bytes, url: str = URL) -> ParsedFeed:
    return parse_sitemap(text.encode() if isinstance(text, str) else text, url=url, now=NOW)


def urlset(*pages: str, attributes: str = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"') -> str:
    return f'<?xml version="1.0"?><urlset {attributes}>{"".join(f"<url>{page}</url>" for page in pages)}</urlset>'


def index(*children: str) -> str:
    return f"<sitemapindex>{''.join(f'<sitemap>{child}</sitemap>' for child in children)}</sitemapindex>"


def loc(path: str, lastmod: str = "") -> str:
    return f"<loc>{BASE}{path}</loc>" + (f"<lastmod>{lastmod}</lastmod>" if lastmod else "")


def news(path: str, date: str = "2026-03-10T09:00:00Z", title: str = "A title") -> str:
    return (
        f"{loc(path)}<news:news><news:publication><news:name>Paper</news:name><news:language>fa</news:language>"
        f"</news:publication><news:publication_date>{date}</news:publication_date><news:title>{title}</news:title>"
        "</news:news>"
    )


def paths(feed: ParsedFeed) -> list[str]:
    return [one.url.removeprefix(BASE) for one in feed.entries]


def test_the_news_extension_gives_title_date_and_language() -> None:
    feed = parse(urlset(news("/a", title="One &amp; two"), attributes=NEWS))
    (entry,) = feed.entries
    assert (feed.outcome, feed.title, feed.language) == (FeedOutcome.OK, "Paper", "fa")
    assert (entry.url, entry.key, entry.title) == (f"{BASE}/a", f"{BASE}/a", "One & two")
    assert entry.published == datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_a_sitemap_of_several_outlets_has_no_name_of_its_own() -> None:
    feed = parse(urlset(news("/a"), news("/b").replace("Paper", "Other").replace("fa", "en"), attributes=NEWS))
    assert (feed.title, feed.language, len(feed.entries)) == ("", "", 2)


def test_the_title_of_a_video_is_not_the_page_s() -> None:
    page = (
        loc("/a", "2026-03-10")
        + "<v:video xmlns:v='x'><v:title>Film</v:title><v:loc>https://x.example/</v:loc></v:video>"
    )
    (entry,) = parse(urlset(page)).entries
    assert (entry.url, entry.title) == (f"{BASE}/a", "")


@pytest.mark.parametrize(
    "document",
    [
        urlset(news("/a")),  # a prefix that nobody declared
        urlset(news("/a"), attributes='xmlns:news="urn:something-else"'),
        urlset(news("/a").replace("news:", "n:"), attributes=NEWS.replace("news=", "n=")),
        urlset(news("/a"), attributes=NEWS)
        .replace("urlset", "s:urlset")
        .replace("<url>", "<s:url>")
        .replace("</url>", "</s:url>"),
        urlset(news("/a"), attributes=NEWS)[:-20],  # cut off
        urlset(news("/a"), attributes=NEWS).replace("A title", "A & B <"),
        urlset(news("/a"), attributes=NEWS).replace('"1.0"', '"1.0" encoding="undefined"'),
        "\ufeff\n" + urlset(news("/a"), attributes=NEWS),
    ],
)
def test_a_sitemap_is_read_however_carelessly_it_is_written(document: str) -> None:
    (entry,) = parse(document).entries
    assert (entry.url, entry.published) == (f"{BASE}/a", datetime(2026, 3, 10, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("lastmod", "is_taken"),
    [
        ("2026-03-10T11:59:00Z", True),
        ("2026-03-10", True),
        ("2026-03-08T01:00:00+09:00", True),
        ("Tue, 10 Mar 2026 09:00:00 GMT", True),
        ("2026-03-11", True),  # their clock
        ("2026-03-07T11:00:00Z", False),
        ("2026-02", False),
        ("2025-03-10", False),
    ],
)
def test_a_page_of_a_whole_site_is_taken_when_it_changed_within_three_days(lastmod: str, is_taken: bool) -> None:
    feed = parse(urlset(loc("/a", lastmod)))
    assert paths(feed) == (["/a"] if is_taken else [])
    assert ("older than 3 days" in feed.detail) is not is_taken


def test_an_old_article_that_was_touched_is_not_news() -> None:
    touched = news("/a", "2020-01-01") + "<lastmod>2026-03-10</lastmod>"
    assert paths(parse(urlset(touched, attributes=NEWS))) == []


def test_news_without_a_date_is_news() -> None:
    assert paths(parse(urlset(news("/a", ""), attributes=NEWS))) == ["/a"]


def test_an_archive_does_not_flood_the_system() -> None:
    old = [loc(f"/{n}", "2019-05-05") for n in range(20_000)]
    began = time.process_time()
    feed = parse(urlset(*old, loc("/new", "2026-03-10")))
    assert time.process_time() - began < 5
    assert paths(feed) == ["/new"]
    assert feed.detail == "20000 older than 3 days"


@pytest.mark.parametrize(("count", "taken"), [(FEW_UNDATED, FEW_UNDATED), (FEW_UNDATED + 1, 0)])
def test_pages_without_any_date_are_taken_when_they_are_few(count: int, taken: int) -> None:
    feed = parse(urlset(*(loc(f"/{n}") for n in range(count))))
    assert len(feed.entries) == taken
    assert ("without a date" in feed.detail) is (taken == 0)


def test_entries_over_the_cap_are_counted_as_cut() -> None:
    feed = parse(urlset(*(news(f"/{n}") for n in range(MAX_ENTRIES + 3)), attributes=NEWS))
    assert (len(feed.entries), feed.cut) == (MAX_ENTRIES, 3)


def test_a_page_without_an_address_is_counted() -> None:
    feed = parse(urlset("<lastmod>2026-03-10</lastmod>", loc("/a", "2026-03-10"), "<loc>javascript:x</loc>"))
    assert (paths(feed), feed.unusable) == (["/a"], 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{BASE}/a\n{BASE}/b\r\n", ["/a", "/b"]),
        (f"\ufeff{BASE}/a", ["/a"]),
        (f"{BASE}/a\nnot an address\n{BASE}/b", ["/a", "/b"]),
    ],
)
def test_a_text_sitemap_is_one_address_a_line(text: str, expected: list[str]) -> None:
    assert paths(parse(text)) == expected


def test_a_feed_that_is_given_as_a_sitemap_is_read_as_a_feed() -> None:
    feed = parse("<rss version='2.0'><channel><item><link>/a</link></item></channel></rss>")
    assert paths(feed) == ["/a"]


@pytest.mark.parametrize(
    ("body", "outcome", "words"),
    [
        ("", FeedOutcome.EMPTY, "an empty body"),
        (urlset(), FeedOutcome.EMPTY, ""),
        ("<!doctype html><html><body>No</body></html>", FeedOutcome.NOT_A_FEED, "HTML"),
        ("<catalog/>", FeedOutcome.NOT_A_FEED, "not a sitemap"),
        ("<", FeedOutcome.NOT_A_FEED, "not a sitemap"),
        ("User-agent: *\nDisallow: /\n", FeedOutcome.NOT_A_FEED, "neither"),
        (bytes(range(256)), FeedOutcome.NOT_A_FEED, "neither"),
    ],
)
def test_what_is_no_sitemap_says_what_it_is(body: str | bytes, outcome: FeedOutcome, words: str) -> None:
    feed = parse(body)
    assert (feed.outcome, feed.entries) == (outcome, ())
    assert words in feed.detail


class TestIndex:
    def test_children_are_read_newest_first_and_old_ones_are_left(self) -> None:
        feed = parse(index(loc("/1.xml", "2026-03-09"), loc("/2.xml", "2026-03-10"), loc("/3.xml", "2026-01-01")))
        assert feed.more == (f"{BASE}/2.xml", f"{BASE}/1.xml")
        assert feed.outcome is FeedOutcome.EMPTY
        assert feed.detail == "an index: 2 of 3 sitemaps are read"

    def test_no_more_than_ten_are_read_at_a_poll(self) -> None:
        dated = parse(index(*(loc(f"/{n}.xml", "2026-03-10") for n in range(500))))
        undated = parse(index(*(loc(f"/{n}.xml") for n in range(500))))
        assert len(dated.more) == len(undated.more) == MAX_CHILDREN

    def test_without_dates_news_comes_first_then_this_year_then_both_ends(self) -> None:
        names = ("/part1.xml", "/part2.xml", "/part3.xml", "/posts-2019.xml", "/posts-2026-03.xml", "/news.xml")
        feed = parse(index(*map(loc, names)))
        assert [link.removeprefix(BASE) for link in feed.more] == [
            "/news.xml",
            "/posts-2026-03.xml",
            "/part1.xml",
            "/part2.xml",
            "/part3.xml",
        ]

    def test_the_parts_at_both_ends_are_preferred(self) -> None:
        feed = parse(index(*(loc(f"/part{n}.xml") for n in range(1, 101))))
        assert {f"{BASE}/part1.xml", f"{BASE}/part100.xml"} <= set(feed.more)

    def test_an_index_that_names_itself_or_a_child_twice_leads_nowhere_twice(self) -> None:
        feed = parse(index(loc("/sitemap.xml"), loc("/a.xml"), loc("/a.xml"), "<loc>file:///etc/passwd</loc>"))
        assert feed.more == (f"{BASE}/a.xml",)

    def test_an_address_without_its_element_is_found(self) -> None:
        assert parse(index(f"\n{BASE}/a.xml\n")).more == (f"{BASE}/a.xml",)

    def test_children_and_index_are_one_answer(self) -> None:
        whole = parse(index(loc("/a.xml", "2026-03-10"), loc("/b.xml", "2026-03-10")))
        parts = [
            parse(urlset(loc("/1", "2026-03-10"))),
            parse(urlset(loc("/2", "2026-03-10"), loc("/3", "2020-01-01"))),
        ]
        feed = joined(whole, parts)
        assert (feed.outcome, paths(feed)) == (FeedOutcome.OK, ["/1", "/2"])
        assert feed.detail == "an index: 2 of 2 sitemaps are read; 1 older than 3 days"


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the-secret")
    head = f'<!DOCTYPE urlset [<!ENTITY x SYSTEM "file://{secret}"><!ENTITY % p SYSTEM "file://{secret}"> %p;]>'
    feed = parse(head + urlset(news("/a", title="One &x; two"), loc("/&x;", "2026-03-10"), attributes=NEWS))
    assert "the-secret" not in repr(feed)
    assert "/a" in paths(feed)


def test_billion_laughs_stay_small() -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    began = time.process_time()
    parse(f'<!DOCTYPE urlset [<!ENTITY l0 "haha">{lol}]>' + urlset(loc("/&l11;"), news("/a", title="&l11;")))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "body", ["<urlset>" * 100_000, urlset(loc("/" + "a" * 3_000_000)), "<urlset>" + "<url><loc>" * 100_000]
)
def test_no_sitemap_takes_long(body: str) -> None:
    began = time.process_time()
    parse(body)
    assert time.process_time() - began < 5


@given(st.text(alphabet=st.sampled_from("<>/&;:!?-[]\"' \nurlsetoca0129-TZ"), max_size=120), st.booleans())
def test_any_text_is_a_value(noise: str, inside: bool) -> None:
    parse(urlset(noise) if inside else noise)


def test_dates_without_a_zone_are_utc() -> None:
    (entry,) = parse(urlset(loc("/a", "2026-03-10T09:00:00"))).entries
    assert entry.updated is not None
    assert NOW - entry.updated == timedelta(hours=3)
