"""Where the feeds of a site are: candidates from its home page, the likeliest first. Pure; trying them is not."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from workers.domain.urls import web_link
from workers.poll.documents.html import base_of, links_of, parse_html
from workers.poll.documents.text import MAX_TITLE, one_line

#: What a page says of a feed in `<link rel="alternate" type=...>`; the second line is written by mistake, and common.
FEED_TYPES = {
    *("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"),
    *("application/rss", "application/atom", "text/rss", "text/atom", "text/rss+xml", "text/xml", "application/xml"),
}
FEED_WORD = re.compile(r"(?:^|[/._?&=-])(?:rss2?|atom|feeds?|rdf)(?:$|[/._?&=-])", re.IGNORECASE)
FEED_TEXT = re.compile(r"\b(?:rss|atom|feed)\b", re.IGNORECASE)
#: Comments under articles, a search's results: feeds, and not the news.
ASIDE = re.compile(r"comment|/search|[?&]s=", re.IGNORECASE)
#: Where content systems put their feeds: WordPress, Drupal, Ghost and Jekyll, Joomla, Hugo.
WELL_KNOWN = ("/feed/", "/rss.xml", "/rss", "/feed.xml", "/atom.xml", "/feed", "/index.xml", "/rss/", "/feed.json")
NEWS_SITEMAPS = ("/news-sitemap.xml", "/sitemap-news.xml", "/sitemap_news.xml")
#: Asking more of a site that nobody knows yet would be rude.
MAX_CANDIDATES = 30


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that may be a way in."""

    url: str
    found: str  # how: link | anchor | well-known | robots


@dataclass(frozen=True, slots=True)
class HomePage:
    """What a site's page says of itself, and of its feeds."""

    name: str = ""
    language: str = ""  # as it is written there: "fr-CA"
    candidates: tuple[Candidate, ...] = ()


def discover(body: bytes, *, url: str, content_type: str = "", sitemaps: Iterable[str] = ()) -> HomePage:
    """Return the candidates of a page in the order in which they are worth trying; none twice.

    First the page's own `<link rel=alternate>`, then its links that look like feeds, then well-known paths, then
    sitemaps: those of robots.txt (the argument; those called news first) and those with well-known names.
    """
    root = parse_html(body, content_type)
    found: list[Candidate] = []
    if root is not None:
        found += _aside_last(Candidate(link, "link") for link in _alternates(root, url))
        found += _aside_last(Candidate(link, "anchor") for link in _feed_links(root, url))
    found += _at(url, WELL_KNOWN)
    listed = [link for one in sitemaps if (link := web_link(url, one)) is not None]
    listed.sort(key=lambda link: "news" not in link.lower())
    found += [Candidate(link, "robots") for link in listed]
    found += _at(url, NEWS_SITEMAPS)
    first: dict[str, Candidate] = {}
    for one in found:
        if one.url != url:
            first.setdefault(one.url, one)
    candidates = tuple(first.values())[:MAX_CANDIDATES]
    return HomePage(candidates=candidates) if root is None else HomePage(_title(root), _language(root), candidates)


def _alternates(root: HtmlElement, url: str) -> Iterator[str]:
    base = base_of(root, url)
    for link in root.iter("link"):
        relations = (link.get("rel") or "").lower().split()
        media = (link.get("type") or "").partition(";")[0].strip().lower()
        href = web_link(base, link.get("href") or "") if link.get("href") else None
        if href and ("feed" in relations or ("alternate" in relations and media in FEED_TYPES)):
            yield href


def _feed_links(root: HtmlElement, url: str) -> Iterator[str]:
    for link, words in links_of(root, url):
        parts = urlsplit(link)
        if FEED_WORD.search(f"{parts.path}?{parts.query}") or (len(words) <= 40 and FEED_TEXT.search(words)):
            yield link


def _aside_last(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda one: bool(ASIDE.search(one.url)))


def _at(url: str, paths: Iterable[str]) -> list[Candidate]:
    return [Candidate(link, "well-known") for path in paths if (link := web_link(url, path)) is not None]


def _title(root: HtmlElement) -> str:
    """Return the site's name: as it tells the networks, else the page's title."""
    for meta in root.iter("meta"):
        if (meta.get("property") or "").lower() == "og:site_name" and meta.get("content"):
            return one_line(meta.get("content") or "")[:MAX_TITLE]
    title = root.find(".//title")
    return one_line(title.text_content())[:MAX_TITLE] if title is not None else ""


def _language(root: HtmlElement) -> str:
    return one_line(root.get("lang") or root.get("xml:lang") or "")[:40]
