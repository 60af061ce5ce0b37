"""A feed's bytes become entries. Pure: RSS 0.9x to 2.0, RSS 1.0, Atom (feedparser) and JSON Feed.

feedparser gets a BytesIO and nothing else: a str or bytes argument may be opened as a URL or a file
(RELIABILITY.md finding 6).
"""

import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import feedparser
import lxml.html
from lxml.etree import LxmlError

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import FeedEntry
from workers.poll.urls import absolute_link

#: Entries taken from one answer; feeds of the press hold 10 to 200 (RELIABILITY.md S10).
MAX_ENTRIES = 2_000
#: Characters of a feed's own text that are kept, in case the page gives none.
MAX_SUMMARY = 20_000
#: Outside these years a date is a mistake (RELIABILITY.md Q22).
FIRST_YEAR, LAST_YEAR = 1990, 2100

BAD_REFERENCE = re.compile(rb"&#(?:x[0-9a-fA-F]{1,12}|[0-9]{1,14});")
WHOLE_ENTRY = re.compile(rb"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)
ROOT_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf)\s*>\s*(?:<!--.*?-->\s*)*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What a feed's body held."""

    outcome: FeedOutcome  # OK, EMPTY, NOT_A_FEED, CUT_OFF
    entries: tuple[FeedEntry, ...] = ()
    detail: str = ""


def parse_feed(body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
    """Return the entries of a feed, in its order, links absolute against `url` (where it was found at last)."""
    if not body.strip():
        return ParsedFeed(FeedOutcome.EMPTY, detail="an empty body")
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _parse_json(body, url)
    parsed = _parse_xml(body, content_type)
    if not parsed.version and not parsed.entries:
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail=_looks_like(body))
    found = parsed.entries[:MAX_ENTRIES]
    cut = bool(parsed.bozo) and not ROOT_END.search(body)
    if cut:
        found = found[: len(WHOLE_ENTRY.findall(body))]
    entries = _usable(_from_xml(one, url) for one in found)
    if cut:
        return ParsedFeed(FeedOutcome.CUT_OFF, entries, f"ends in the middle; {len(entries)} whole entries")
    return ParsedFeed(FeedOutcome.OK if entries else FeedOutcome.EMPTY, entries)


def _parse_xml(body: bytes, content_type: str) -> Any:
    options = {
        "response_headers": {"content-type": content_type} if content_type else {},
        "sanitize_html": False,  # text is taken out of the markup here; the sanitiser lets scripts through anyway
        "resolve_relative_uris": False,
    }
    try:
        return feedparser.parse(io.BytesIO(body), **options)
    except (ValueError, OverflowError, UnicodeError):
        # character references to what is no character make feedparser raise (RELIABILITY.md finding 7)
        return feedparser.parse(io.BytesIO(BAD_REFERENCE.sub(_good_reference, body)), **options)


def _good_reference(match: re.Match[bytes]) -> bytes:
    digits = match.group()[2:-1]
    number = int(digits[1:], 16) if digits[:1] in {b"x", b"X"} else int(digits)
    return match.group() if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF and number else b""


def _from_xml(one: Any, url: str) -> FeedEntry | None:
    link = absolute_link(url, str(one.get("link") or ""))
    if link is None and one.get("id", "").startswith(("http://", "https://")):
        link = absolute_link(url, one["id"])  # RSS: a guid that is a permalink
    if link is None:
        return None
    content = one.get("content") or []
    summary = content[0].get("value", "") if content else one.get("summary", "")
    return FeedEntry(
        key=str(one.get("id") or link)[:2_000],
        url=link,
        title=plain_text(one.get("title", ""))[:1_000],
        summary=plain_text(summary)[:MAX_SUMMARY],
        published=_moment(one.get("published_parsed")),
        updated=_moment(one.get("updated_parsed")),
        authors=tuple(name for author in one.get("authors", []) if (name := plain_text(author.get("name", "")))),
    )


def _parse_json(body: bytes, url: str) -> ParsedFeed:
    """Read a JSON Feed (jsonfeed.org, versions 1 and 1.1)."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail=f"JSON: {error}"[:200])
    if not isinstance(data, dict) or not isinstance(data.get("items"), list):
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail="JSON without a list of items")
    items = [one for one in data["items"][:MAX_ENTRIES] if isinstance(one, dict)]
    entries = _usable(_from_json(one, url) for one in items)
    return ParsedFeed(FeedOutcome.OK if entries else FeedOutcome.EMPTY, entries)


def _from_json(one: dict[str, Any], url: str) -> FeedEntry | None:
    link = absolute_link(url, str(one.get("url") or one.get("external_url") or ""))
    if link is None:
        return None
    authors = one.get("authors") if isinstance(one.get("authors"), list) else [one.get("author")]
    text = one.get("content_text") or plain_text(one.get("content_html") or one.get("summary") or "")
    return FeedEntry(
        key=str(one.get("id") or link)[:2_000],
        url=link,
        title=plain_text(one.get("title") or "")[:1_000],
        summary=str(text)[:MAX_SUMMARY],
        published=_iso_moment(one.get("date_published")),
        updated=_iso_moment(one.get("date_modified")),
        authors=tuple(str(author["name"]) for author in authors or [] if isinstance(author, dict) and author.get("name")),
    )


def _usable(entries: Any) -> tuple[FeedEntry, ...]:
    return tuple(one for one in entries if one is not None)


def plain_text(markup: Any) -> str:
    """Return the words of a fragment of HTML on one line; publishers' text is never markup here."""
    text = markup if isinstance(markup, str) else ""
    if "<" in text or "&" in text:
        try:
            text = " ".join(lxml.html.fromstring(f"<div>{text}</div>").itertext())
        except (LxmlError, ValueError):
            text = re.sub(r"<[^>]*>", " ", text)
    return " ".join(text.replace("\0", " ").split())


def _moment(parsed: Any) -> datetime | None:
    """Return feedparser's time tuple (UTC) as a moment; None outside the years in which there are feeds."""
    if parsed is None or not FIRST_YEAR <= parsed[0] <= LAST_YEAR:
        return None
    try:
        return datetime(*parsed[:6], tzinfo=UTC)
    except (ValueError, TypeError):
        return None


def _iso_moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _looks_like(body: bytes) -> str:
    head = body[:2_000].lower()
    return "an HTML page" if b"<html" in head or b"<!doctype html" in head else "neither RSS, Atom nor JSON Feed"
