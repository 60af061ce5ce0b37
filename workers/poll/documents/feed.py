"""A feed's bytes become entries. Pure: RSS 0.9x to 2.0, RSS 1.0, Atom (feedparser) and JSON Feed.

feedparser gets a BytesIO and nothing else: a str or bytes argument may be opened as a URL or a file
(RELIABILITY.md finding 6).
"""

import io
import json
import re
from dataclasses import replace
from typing import Any
from xml.sax import SAXException

import feedparser

from workers.domain.outcomes import FeedOutcome
from workers.domain.urls import absolute_link
from workers.domain.values import FeedEntry
from workers.poll.documents.encoding import decode_feed
from workers.poll.documents.parsed import MAX_ENTRIES, ParsedFeed, taken
from workers.poll.documents.salvage import ENTRY_END, LONG_TAG, bounded, pieces
from workers.poll.documents.text import (
    MAX_KEY,
    MAX_SUMMARY,
    MAX_TITLE,
    iso_moment,
    moment,
    one_line,
    plain_text,
    storable,
)
from workers.poll.documents.wishes import wishes

MAX_AUTHORS = 20
#: feedparser takes some 30 microseconds for a tag, and 10 MB hold 3 million of them (80 s). A feed of 700 entries has
#: 11,000.
MAX_TAGS = 300_000

REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
ROOT_END = re.compile(r"</(?:\w+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
SITEMAP = re.compile(r"<(?:\w+:)?(?:urlset|sitemapindex)\b", re.IGNORECASE)


def parse_feed(body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
    """Return the entries of a feed, in its order, links absolute against `url` (where it was found at last)."""
    text = decode_feed(body, content_type).strip("\0 \t\r\n")
    if not text:
        return ParsedFeed(FeedOutcome.EMPTY, detail="an empty body")
    return _parse_json(text, url) if text[0] == "{" else _parse_xml(text, url)


def _parse_xml(text: str, url: str) -> ParsedFeed:
    text, cut = bounded(REFERENCE.sub(_good_reference, text))
    if text.count("<") > MAX_TAGS:
        return ParsedFeed(FeedOutcome.TOO_LARGE, detail=f"over {MAX_TAGS} tags in its first {MAX_ENTRIES} entries")
    if LONG_TAG.search(text):
        return ParsedFeed(FeedOutcome.TOO_LARGE, detail="a tag of over 20,000 characters")
    feed, found, broken, notes = _read(text)
    if not feed.get("version") and not found:
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail=looks_like(text) if feed else "nothing could be read from it")
    ends = [match.end() for match in ENTRY_END.finditer(text)] if broken else []
    if not broken or ROOT_END.search(text, ends[-1] if ends else 0):  # perhaps not well-formed, but all there
        parsed = taken(found, _from_xml, url, cut=cut, notes=notes)
    else:
        whole = taken(found[: len(ends)], _from_xml, url, cut=cut)
        detail = "; ".join([f"ends in the middle; {len(whole.entries)} whole entries", *notes])
        parsed = replace(whole, outcome=FeedOutcome.CUT_OFF, detail=detail)
    about = feed.get("feed") or {}
    asked = wishes(text)
    return replace(
        parsed,
        title=plain_text(about.get("title"))[:MAX_TITLE],
        language=one_line(str(about.get("language") or ""))[:40],
        ttl_s=asked.ttl_s,
        skip_hours=asked.skip_hours,
        skip_days=asked.skip_days,
    )


def _read(text: str) -> tuple[Any, list[Any], bool, list[str]]:
    """Return the feed, its entries, whether it is not well-formed, and what is to be said of that.

    Where the whole does not parse, or gives fewer entries than begin in it, the entries are parsed one by one.
    """
    whole = _feedparser(text)
    if whole is not None and not isinstance(whole.get("bozo_exception"), SAXException):
        return whole, list(whole.entries), False, []
    found = list(whole.entries) if whole is not None else []
    root, parts = pieces(text)
    if len(parts) <= len(found):
        return whole or {}, found, True, []
    alone = [_feedparser(root + part) for part in parts]
    salvaged = [one.entries[0] for one in alone if one is not None and one.entries]
    if _linked(salvaged) <= _linked(found):
        return whole or {}, found, True, []
    return whole or {}, salvaged, True, [f"broken XML; {len(salvaged)} of {len(parts)} entries were read one by one"]


def _linked(entries: list[Any]) -> int:
    return sum(bool(one.get("link") or one.get("id")) for one in entries)


def _feedparser(text: str) -> Any:
    """Return what feedparser makes of a document; None when it raises (RELIABILITY.md finding 7)."""
    try:
        return feedparser.parse(
            io.BytesIO(text.encode()),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,  # text is taken out of the markup here; the sanitiser lets scripts through anyway
            resolve_relative_uris=False,
        )
    except Exception:  # noqa: BLE001  (it raises what it likes; the caller goes on with the document's parts)
        return None


def _good_reference(match: re.Match[str]) -> str:
    """Keep a reference to a character, remove one to what is none: feedparser raises on it (finding 7)."""
    digits, base = (match[1], 16) if match[1] else (match[2], 10)
    digits = digits.lstrip("0")
    number = int(digits, base) if 0 < len(digits) <= 7 else 0  # U+10FFFF has seven digits
    return match[0] if 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else ""


def _from_xml(one: Any, url: str) -> FeedEntry | None:
    identity = str(one.get("id") or "")
    link = absolute_link(url, str(one.get("link") or ""))
    if link is None and identity.startswith(("http://", "https://")):
        link = absolute_link(url, identity)
    if link is None:
        return None
    content = one.get("content") or [{}]
    # feedparser's own `get` answers with the date of publication where there is none of change
    updated = dict.get(one, "updated_parsed")
    return FeedEntry(
        key=storable(identity or link)[:MAX_KEY],
        url=link,
        title=plain_text(one.get("title"))[:MAX_TITLE],
        summary=plain_text(content[0].get("value") or one.get("summary"))[:MAX_SUMMARY],
        published=moment(one.get("published_parsed")),
        updated=moment(updated),
        authors=_names(one.get("authors")),
    )


def _parse_json(text: str, url: str) -> ParsedFeed:
    """Read a JSON Feed (jsonfeed.org, versions 1 and 1.1)."""
    try:
        data = json.loads(text, parse_int=str)  # a number of 5,000 digits is not worth an error
    except (ValueError, RecursionError) as error:
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail=f"JSON: {error}"[:200])
    if not isinstance(data.get("items"), list):
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail="JSON without a list of items")
    language = data.get("language")
    return replace(
        taken(data["items"], _from_json, url),
        title=plain_text(data.get("title"))[:MAX_TITLE],
        language=one_line(language)[:40] if isinstance(language, str) else "",
    )


def _from_json(one: Any, url: str) -> FeedEntry | None:
    if not isinstance(one, dict):
        return None
    link = absolute_link(url, str(one.get("url") or one.get("external_url") or ""))
    if link is None:
        return None
    text = one.get("content_text")
    return FeedEntry(
        key=storable(str(one.get("id") or link))[:MAX_KEY],
        url=link,
        title=plain_text(one.get("title"))[:MAX_TITLE],
        summary=storable(text if isinstance(text, str) else plain_text(one.get("content_html") or one.get("summary")))[
            :MAX_SUMMARY
        ],
        published=iso_moment(one.get("date_published")),
        updated=iso_moment(one.get("date_modified")),
        authors=_names(one.get("authors") or [one.get("author")]),
    )


def _names(authors: Any) -> tuple[str, ...]:
    given = authors if isinstance(authors, list) else []
    names = (plain_text(author.get("name"))[:MAX_TITLE] for author in given[:MAX_AUTHORS] if isinstance(author, dict))
    return tuple(name for name in names if name)


def looks_like(text: str) -> str:
    """Say what a document is that is no feed."""
    head = text[:2_000].lower()
    if "<html" in head or "<!doctype html" in head:
        return "an HTML page"
    return "a sitemap: its kind is `sitemap`" if SITEMAP.search(head) else "neither RSS, Atom nor JSON Feed"
