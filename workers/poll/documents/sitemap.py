"""A sitemap becomes entries (sitemaps.org protocol 0.90, Google's news extension). Pure.

A sitemap lists a whole site, a feed what is new. So that an archive of 50,000 pages does not flood the system:
pages that changed within `RECENT` are taken, and pages of the news extension without a date (it lists two days of
news). Pages without any date are taken when the document names few of them (`FEW_UNDATED`): each is fetched once, and
the ledger knows it ever after; of more nobody can tell what is new, and none is taken.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lxml import etree

from workers.domain.outcomes import FeedOutcome
from workers.domain.urls import absolute_link
from workers.domain.values import FeedEntry
from workers.poll.documents.encoding import decode_feed
from workers.poll.documents.feed import looks_like, parse_feed
from workers.poll.documents.parsed import ParsedFeed, taken
from workers.poll.documents.text import MAX_KEY, MAX_TITLE, one_line, plain_text, sitemap_moment

#: News sitemaps hold two days (Google's rule); one more for a poller that was away, or a date without an hour.
RECENT = timedelta(days=3)
#: As many links as a busy feed has. At one request in 5 s to a host, 100 pages are fetched in 8 minutes.
FEW_UNDATED = 100
#: Children of an index that are read at one poll.
MAX_CHILDREN = 10
#: What children with news are called, and the year that archives carry in their name.
NEWS_NAME = re.compile(r"news|latest|recent|today", re.IGNORECASE)
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?=\D|\d\d\D|\d{4}\D|$)")
LINE_OF_TEXT = re.compile(r"https?://\S+$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One `url` or `sitemap` element, or one line of a text sitemap."""

    loc: str
    changed: datetime | None = None
    published: datetime | None = None
    title: str = ""
    language: str = ""
    outlet: str = ""  # what the publication is called
    is_news: bool = False


def parse_sitemap(body: bytes, *, url: str, content_type: str = "", now: datetime) -> ParsedFeed:
    """Return the recent pages of a sitemap, or which children of a sitemap index are to be read next.

    A document that is a feed (the protocol allows that) is read as one. Nothing outside the document is loaded, and
    no entity is resolved.
    """
    text = decode_feed(body, content_type).strip("\0 \t\r\n")
    if not text:
        return ParsedFeed(FeedOutcome.EMPTY, detail="an empty body")
    if not text.startswith("<"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        urls = [Listed(loc=line) for line in lines if LINE_OF_TEXT.match(line)]
        if len(urls) * 2 < len(lines):
            return ParsedFeed(FeedOutcome.NOT_A_FEED, detail="neither XML nor a list of addresses")
        return _pages(urls, url, now)
    root = _tree(text)
    kind = _name(root) if root is not None else ""
    if kind in {"rss", "feed", "rdf"}:
        return parse_feed(body, url=url, content_type=content_type)
    if root is None or kind not in {"urlset", "sitemapindex"}:
        like = looks_like(text)
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail=like if "HTML" in like else "not a sitemap")
    if kind == "urlset":
        return _pages([_listed(element) for element in root if _name(element) == "url"], url, now)
    return _index([_listed(element) for element in root if _name(element) == "sitemap"], url, now)


def _tree(text: str) -> etree._Element | None:
    parser = etree.XMLParser(
        encoding="utf-8",  # of what we give it, whatever the declaration says
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:  # nothing at all could be recovered
        return None


def _name(element: etree._Element) -> str:
    """Return the element's name without its namespace or, where nobody declared that, its prefix."""
    tag = element.tag
    return re.split(r"[}:]", tag)[-1].lower() if isinstance(tag, str) else ""


def _listed(element: etree._Element) -> Listed:
    said = dict(_said(element))
    return Listed(
        loc=said.get("loc") or one_line(element.text or ""),  # some write the address without its element
        changed=sitemap_moment(said.get("lastmod", "")),
        published=sitemap_moment(said.get("publication_date", "")),
        title=plain_text(said.get("title"))[:MAX_TITLE],
        language=said.get("language", "")[:40],
        outlet=plain_text(said.get("name"))[:MAX_TITLE],
        is_news="publication_date" in said or "publication" in said,
    )


def _said(element: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield the fields of a page: its own, those of `news:news` and of the publication in it; not of its videos."""
    for child in element:
        name = _name(child)
        if name in {"news", "publication"}:
            yield from _said(child)
            yield name, ""
        elif name:
            yield name, one_line(child.text or "")


def _pages(listed: list[Listed], url: str, now: datetime) -> ParsedFeed:
    """Take the recent pages, and say of the others why they were left."""
    recent = [one for one in listed if _is_recent(one, now)]
    undated = [one for one in listed if _date(one) is None and not one.is_news]
    old = len(listed) - len(recent) - len(undated)
    notes = [f"{old} older than {RECENT.days} days"] if old else []
    if len(undated) > FEW_UNDATED:
        notes.append(f"{len(undated)} without a date were not taken, since nobody can tell which of them are new")
        undated = []
    wanted = set(map(id, [*recent, *undated]))
    read = taken([one for one in listed if id(one) in wanted], _entry, url, notes=notes)
    return replace(read, title=_only(one.outlet for one in recent), language=_only(one.language for one in recent))


def _only(values: Iterable[str]) -> str:
    """Return the value that all have which have one; "" where they differ."""
    distinct = {value for value in values if value}
    return distinct.pop() if len(distinct) == 1 else ""


def _date(one: Listed) -> datetime | None:
    return one.published or one.changed


def _is_recent(one: Listed, now: datetime) -> bool:
    """Tell by the date of publication, so that an old page that was touched is none; else by that of change."""
    date = _date(one)
    return one.is_news if date is None else now - date <= RECENT


def _entry(one: Listed, url: str) -> FeedEntry | None:
    link = absolute_link(url, one.loc)
    if link is None:
        return None
    return FeedEntry(key=link[:MAX_KEY], url=link, title=one.title, published=one.published, updated=one.changed)


def _index(listed: list[Listed], url: str, now: datetime) -> ParsedFeed:
    """Choose the children to read: newest first, none that did not change for long; itself is no child."""
    children = {link: one for one in listed if (link := absolute_link(url, one.loc)) is not None}
    dated = [link for link, one in children.items() if one.changed is not None and now - one.changed <= RECENT]
    dated.sort(key=lambda link: children[link].changed or now, reverse=True)
    undated = _undated_children([link for link, one in children.items() if one.changed is None], now)
    chosen = [*dated, *undated][:MAX_CHILDREN]
    detail = (
        f"an index: {len(chosen)} of {len(children)} sitemaps are read" if children else "an index without sitemaps"
    )
    return ParsedFeed(FeedOutcome.EMPTY, detail=detail, more=tuple(chosen))


def _undated_children(links: list[str], now: datetime) -> list[str]:
    """Put those called news first, then those of this year, then from the last and the first in turn: archives of
    numbered parts grow at one end. Those that name only other years are left out."""
    year = f"{now.astimezone(UTC):%Y}"
    named = {link: YEAR.findall(link.rpartition("/")[2]) for link in links}
    open_ = [link for link in links if not named[link] or year in named[link]]
    place = {link: min(at, len(open_) - 1 - at) for at, link in enumerate(open_)}
    return sorted(open_, key=lambda link: (not NEWS_NAME.search(link), year not in named[link], place[link]))
