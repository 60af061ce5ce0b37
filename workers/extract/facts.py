"""The facts that a page states about itself, read from its tree with a few cheap look-ups.

trafilatura can find them too (`with_metadata=True`), but it searches whole pages for dates: measured on the 181 pages
of the scrapinghub set that costs 11 ms a page, as much as the extraction; these look-ups cost under 1 ms.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from workers.extract.clean import clean_line
from workers.extract.dates import Moment, read_moment

#: schema.org types that say "this page is one article" (NewsArticle and its children end so).
_ARTICLE_TYPES = ("Article", "BlogPosting", "LiveBlogPosting", "ReportageNewsArticle", "Report")
_PUBLISHED_METAS = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "date",
    "dc.date.issued",
    "dc.date",
    "dcterms.created",
    "parsely-pub-date",
    "sailthru.date",
    "pubdate",
    "publishdate",
    "publish-date",
)
_AUTHOR_METAS = ("author", "article:author", "dc.creator", "byl", "parsely-author")
_JSON_LD_LIMIT = 500_000  # characters; real ones are under 50,000


@dataclass(frozen=True, kw_only=True, slots=True)
class Stated:
    """What head and markup of a page say."""

    titles: tuple[str, ...] = ()  # h1 when it is the only one, JSON-LD headline, og:title, title: in that order
    site_name: str = ""
    authors: tuple[str, ...] = ()
    published: Moment | None = None
    canonical_url: str | None = None
    language: str | None = None  # the page's own claim
    kind: str = ""  # og:type, lower case
    is_article: bool = False  # JSON-LD names an article type


def read_stated(tree: Any, url: str) -> Stated:
    """Collect the facts that an lxml HTML tree states. `url` resolves a relative canonical link."""
    metas = _metas(tree)
    story = next(_stories(tree), {})
    h1 = [clean_line(str(node.text_content())) for node in tree.iter("h1")]
    title = tree.find(".//title")
    titles = (
        h1[0] if len(h1) == 1 else "",
        _text(story.get("headline")),
        metas.get("og:title", "") or metas.get("twitter:title", ""),
        clean_line(str(title.text_content())) if title is not None else "",
    )
    return Stated(
        titles=tuple(filter(None, titles)),
        site_name=metas.get("og:site_name", ""),
        authors=_authors(story, metas),
        published=_published(tree, story, metas),
        canonical_url=_canonical(tree, metas, url),
        language=(tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or None),
        kind=metas.get("og:type", "").lower(),
        is_article=bool(story),
    )


def _metas(tree: Any) -> dict[str, str]:
    """First content of each meta, by lower-case property, name or itemprop."""
    metas: dict[str, str] = {}
    for node in tree.iter("meta"):
        key = node.get("property") or node.get("name") or node.get("itemprop")
        content = node.get("content")
        if key and content:
            metas.setdefault(key.lower(), clean_line(content))
    return metas


def _stories(tree: Any) -> Iterator[dict[str, Any]]:
    """Each JSON-LD object of an article type. Broken JSON is common and states nothing."""
    for node in tree.iter("script"):
        if "ld+json" in (node.get("type") or "").lower() and node.text and len(node.text) < _JSON_LD_LIMIT:
            try:
                data = json.loads(node.text, strict=False)
            except (ValueError, RecursionError):
                continue
            yield from _articles_in(data)


def _articles_in(data: Any) -> Iterator[dict[str, Any]]:
    """Article objects of a document: itself, a list of them, or under `@graph`."""
    items = data if isinstance(data, list) else [data]
    for item in items:
        if not isinstance(item, dict):
            continue
        kinds = item.get("@type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if isinstance(kind, str) and kind.endswith(_ARTICLE_TYPES):
                yield item
                break
        graph = item.get("@graph")
        if isinstance(graph, list):
            yield from _articles_in(graph)


def _published(tree: Any, story: dict[str, Any], metas: dict[str, str]) -> Moment | None:
    """The first exact time, else the first vague one: JSON-LD, metas, then time elements of the article."""
    vague = None
    for written in _written_dates(tree, story, metas):
        moment = read_moment(written)
        if moment and moment.exact:
            return moment
        vague = vague or moment
    return vague


def _written_dates(tree: Any, story: dict[str, Any], metas: dict[str, str]) -> Iterator[str]:
    yield _text(story.get("datePublished"))
    for name in _PUBLISHED_METAS:
        if name in metas:
            yield metas[name]
    for node in tree.iter("time"):
        # Side bars carry times of other stories: only marked ones, or those inside the article, are this story's.
        marked = (node.get("itemprop") or "").lower() == "datepublished" or node.get("pubdate") is not None
        if node.get("datetime") and (marked or next(node.iterancestors("article", "main"), None) is not None):
            yield node.get("datetime")
            if not marked:
                return


def _authors(story: dict[str, Any], metas: dict[str, str]) -> tuple[str, ...]:
    given = story.get("author")
    names = [
        _text(person.get("name")) if isinstance(person, dict) else _text(person)
        for person in (given if isinstance(given, list) else [given])
    ]
    if not any(names):
        names = [metas[name] for name in _AUTHOR_METAS if name in metas][:1]
    # Profile addresses and handles stand where names should; they name nobody.
    usable = [name for name in names if name and len(name) <= 200 and "://" not in name and not name.startswith("@")]
    return tuple(dict.fromkeys(usable))[:20]


def _canonical(tree: Any, metas: dict[str, str], url: str) -> str | None:
    link = next(
        (node.get("href") for node in tree.iter("link") if (node.get("rel") or "").lower() == "canonical"), None
    )
    for candidate in (link, metas.get("og:url")):
        if not candidate:
            continue
        try:
            absolute = urljoin(url, candidate.strip())
            parts = urlsplit(absolute)
        except ValueError:  # a broken address literal, as in http://[
            continue
        if parts.scheme in {"http", "https"} and parts.hostname:
            return clean_line(absolute, 2048)
    return None


def _text(value: Any) -> str:
    """A JSON value as a clean line; anything but a string (or a list that begins with one) is empty."""
    if isinstance(value, list) and value:
        value = value[0]
    return clean_line(value) if isinstance(value, str) else ""
