"""A listing page becomes entries: its links that look like articles, for outlets without a feed. Pure."""

from functools import lru_cache
from typing import Any

import re2

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import FeedEntry
from workers.poll.documents.html import links_of, parse_html
from workers.poll.documents.parsed import ParsedFeed, taken
from workers.poll.documents.text import MAX_KEY


def parse_listing(body: bytes, *, url: str, content_type: str = "", pattern: str) -> ParsedFeed:
    """Return the links of a page in which `pattern` (RE2, searched in the absolute URL) is found, in their order.

    A URL that is linked several times is one entry; its title is the longest text of its links. No entry has a date.
    """
    root = parse_html(body, content_type)
    if root is None:
        return ParsedFeed(FeedOutcome.EMPTY, detail="an empty page")
    looks_right = _compiled(pattern)
    seen = 0
    titles: dict[str, str] = {}
    for link, words in links_of(root, url):
        seen += 1
        if link in titles or looks_right.search(link):
            titles[link] = max(titles.get(link, ""), words, key=len)
    if not titles:
        said = f"none of {seen} links fits the pattern" if seen else "a page without links"
        return ParsedFeed(FeedOutcome.EMPTY, detail=said)
    return taken(list(titles.items()), _entry, url)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern)


def _entry(found: tuple[str, str], _url: str) -> FeedEntry:
    link, title = found
    return FeedEntry(key=link[:MAX_KEY], url=link, title=title)
