"""Where the feeds of a site are: what its page says, then what sites usually do."""

import pytest

from workers.poll.documents.discover import MAX_CANDIDATES, Candidate, discover

URL = "https://paper.example/"


def named(html: str, sitemaps: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return kind and address of what is not guessed."""
    page = discover(html.encode(), url=URL, sitemaps=sitemaps)
    return [(one.found, one.url) for one in page.candidates if one.found != "well-known"]


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("<link rel=alternate type='application/rss+xml' href='/rss'>", f"{URL}rss"),
        ("<LINK REL='Alternate' TYPE='application/atom+xml; charset=utf-8' HREF='atom'>", f"{URL}atom"),
        ("<link rel='alternate home' type='application/feed+json' href='https://f.example/j'>", "https://f.example/j"),
        ("<link rel=feed href=/f>", f"{URL}f"),
        ("<body><link rel=alternate type=text/xml href=/in-the-body>", f"{URL}in-the-body"),
    ],
)
def test_a_page_names_its_feed(link: str, url: str) -> None:
    assert named(link) == [("link", url)]


@pytest.mark.parametrize(
    "link",
    [
        "<link rel=alternate hreflang=fr href=/fr/>",
        "<link rel=alternate type='application/json+oembed' href=/oembed>",
        "<link rel=alternate type='application/json' href=/wp-json/posts/1>",
        "<link rel=stylesheet type='text/css' href=/feed.css>",
        "<link rel=alternate type='application/rss+xml'>",
        "<link rel=alternate type='application/rss+xml' href='file:///etc/passwd'>",
        "<a href=/feedback>Feedback</a>",
        "<a href=/2026/atomic-power>Atomic power</a>",
        "<a href=/trussia>Trust</a>",
    ],
)
def test_what_is_no_feed_is_no_candidate(link: str) -> None:
    assert named(link) == []


@pytest.mark.parametrize(
    "link",
    [
        "<a href=/rss>x</a>",
        "<a href=/feeds/world.xml>World</a>",
        "<a href=/world.rss>World</a>",
        "<a href=/?feed=rss2>x</a>",
        "<a href=/subscribe>RSS</a>",
    ],
)
def test_a_link_that_looks_like_a_feed_is_a_candidate(link: str) -> None:
    assert [found for found, _ in named(link)] == ["anchor"]


def test_the_likeliest_come_first() -> None:
    html = (
        "<a href=/rss/sport>Sport</a>"
        "<link rel=alternate type='application/rss+xml' href='/comments/feed'>"
        "<link rel=alternate type='application/rss+xml' href='/feed'>"
    )
    sitemaps = ("https://paper.example/sitemap.xml", "https://paper.example/sitemap-NEWS-1.xml", "javascript:x")
    page = discover(html.encode(), url=URL, sitemaps=sitemaps)
    order = [one.url.removeprefix(URL) for one in page.candidates]
    assert order[:3] == ["feed", "comments/feed", "rss/sport"]
    assert order.index("rss.xml") < order.index("sitemap-NEWS-1.xml") < order.index("sitemap.xml")
    assert Candidate(f"{URL}sitemap.xml", "robots") in page.candidates
    assert len(order) == len(set(order))


def test_a_page_full_of_feeds_does_not_make_endless_candidates() -> None:
    html = "".join(f"<a href=/rss/{n}>x</a>" for n in range(500))
    assert len(discover(html.encode(), url=URL).candidates) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("html", "name", "language"),
    [
        ("<html lang=fr-CA><title>Le  Journal\n</title>", "Le Journal", "fr-CA"),
        ("<title>Front page</title><meta property='og:site_name' content='The Paper'>", "The Paper", ""),
        ("<p>x", "", ""),
        ("", "", ""),
        ("<!-- -->", "", ""),
    ],
)
def test_a_page_says_what_the_outlet_is_called(html: str, name: str, language: str) -> None:
    page = discover(html.encode(), url=URL)
    assert (page.name, page.language) == (name, language)
    assert page.candidates[0].found == "well-known"


def test_links_are_relative_to_the_base() -> None:
    html = "<base href='https://cdn.example/x/'><link rel=alternate type='application/rss+xml' href=rss>"
    assert named(html) == [("link", "https://cdn.example/x/rss")]
