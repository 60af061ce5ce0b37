"""A feed's bytes become entries. Pure: RSS 0.9x to 2.0, RSS 1.0, Atom (feedparser) and JSON Feed.

feedparser gets a BytesIO and nothing else: a str or bytes argument may be opened as a URL or a file
(RELIABILITY.md finding 6).
"""

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from xml.sax import SAXException

import feedparser
import lxml.html
from lxml import etree

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import FeedEntry
from workers.poll.encoding import decode_feed
from workers.poll.urls import absolute_link

#: Entries taken from one answer; feeds of the press hold 10 to 200 (RELIABILITY.md S10).
MAX_ENTRIES = 2_000
#: Characters of a feed's own text that are kept, in case the page gives none.
MAX_SUMMARY = 20_000
MAX_TITLE = 1_000
MAX_AUTHORS = 20
#: Characters of an entry's own id: it stands in an index of PostgreSQL, whose rows hold 2,700 bytes.
MAX_KEY = 600
#: Outside these years a date is a mistake (RELIABILITY.md Q22).
FIRST_YEAR, LAST_YEAR = 1990, 2100

REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
ENTRY_END = re.compile(r"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)
ROOT_END = re.compile(r"</(?:\w+:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
#: Every other tag ends a word: `<p>one</p><p>two</p>` is two words, `w<b>or</b>d` is one.
BLOCK_TAG = re.compile(
    r"<(?!/?(?:a|abbr|b|bdi|bdo|cite|code|em|font|i|mark|q|s|small|span|strong|sub|sup|u|wbr)\b)", re.IGNORECASE
)
#: What PostgreSQL cannot keep (NUL), what no encoding can write (lone surrogates), and what nobody can see.
UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What a feed's body held."""

    outcome: FeedOutcome  # OK, EMPTY, NOT_A_FEED, CUT_OFF
    entries: tuple[FeedEntry, ...] = ()
    detail: str = ""


def parse_feed(body: bytes, *, url: str, content_type: str = "") -> ParsedFeed:
    """Return the entries of a feed, in its order, links absolute against `url` (where it was found at last)."""
    text = decode_feed(body, content_type).strip("\0 \t\r\n")
    if not text:
        return ParsedFeed(FeedOutcome.EMPTY, detail="an empty body")
    return _parse_json(text, url) if text[0] == "{" else _parse_xml(text, url)


def _parse_xml(text: str, url: str) -> ParsedFeed:
    text = REFERENCE.sub(_good_reference, text)
    parsed = feedparser.parse(
        io.BytesIO(text.encode()),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,  # text is taken out of the markup here; the sanitiser lets scripts through anyway
        resolve_relative_uris=False,
    )
    if not parsed.version and not parsed.entries:
        return ParsedFeed(FeedOutcome.NOT_A_FEED, detail=_looks_like(text))
    if not isinstance(parsed.get("bozo_exception"), SAXException):
        return _outcome(parsed.entries, _from_xml, url)
    ends = [match.end() for match in ENTRY_END.finditer(text)]
    if ROOT_END.search(text, ends[-1] if ends else 0):
        return _outcome(parsed.entries, _from_xml, url)  # not well-formed, but all there
    whole = _outcome(parsed.entries[: len(ends)], _from_xml, url)
    return replace(whole, outcome=FeedOutcome.CUT_OFF, detail=f"ends in the middle; {len(whole.entries)} whole entries")


def _outcome(found: Sequence[Any], read: Callable[[Any, str], FeedEntry | None], url: str) -> ParsedFeed:
    """Read the entries that were found, up to the cap; those without a usable link are not entries."""
    entries = tuple(one for raw in found[:MAX_ENTRIES] if (one := read(raw, url)) is not None)
    over = len(found) - MAX_ENTRIES
    notes = [f"{over} entries over {MAX_ENTRIES} were not taken"] if over > 0 else []
    without = len(found) - max(over, 0) - len(entries)
    notes += [f"{without} entries without a usable link"] if without else []
    return ParsedFeed(FeedOutcome.OK if entries else FeedOutcome.EMPTY, entries, "; ".join(notes))


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
        key=_clean(identity or link)[:MAX_KEY],
        url=link,
        title=plain_text(one.get("title"))[:MAX_TITLE],
        summary=plain_text(content[0].get("value") or one.get("summary"))[:MAX_SUMMARY],
        published=_moment(one.get("published_parsed")),
        updated=_moment(updated),
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
    return _outcome(data["items"], _from_json, url)


def _from_json(one: Any, url: str) -> FeedEntry | None:
    if not isinstance(one, dict):
        return None
    link = absolute_link(url, str(one.get("url") or one.get("external_url") or ""))
    if link is None:
        return None
    text = one.get("content_text")
    return FeedEntry(
        key=_clean(str(one.get("id") or link))[:MAX_KEY],
        url=link,
        title=plain_text(one.get("title"))[:MAX_TITLE],
        summary=_clean(text if isinstance(text, str) else plain_text(one.get("content_html") or one.get("summary")))[
            :MAX_SUMMARY
        ],
        published=_iso_moment(one.get("date_published")),
        updated=_iso_moment(one.get("date_modified")),
        authors=_names(one.get("authors") or [one.get("author")]),
    )


def _names(authors: Any) -> tuple[str, ...]:
    given = authors if isinstance(authors, list) else []
    names = (plain_text(author.get("name"))[:MAX_TITLE] for author in given[:MAX_AUTHORS] if isinstance(author, dict))
    return tuple(name for name in names if name)


def plain_text(markup: Any) -> str:
    """Return the words of a fragment of HTML on one line; publishers' text is never markup here."""
    text = markup if isinstance(markup, str) else ""
    if "<" in text or "&" in text:
        deep = lxml.html.HTMLParser(huge_tree=True)  # text 256 elements deep is text
        root = lxml.html.fromstring(f"<div>{BLOCK_TAG.sub(' <', _clean(text))}</div>", parser=deep)
        etree.strip_elements(root, "script", "style", with_tail=False)
        text = "".join(str(part) for part in root.itertext())
    return " ".join(_clean(text).split())


def _clean(text: str) -> str:
    return UNSTORABLE.sub("", text)


def _moment(parsed: Any) -> datetime | None:
    """Return feedparser's time tuple (UTC) as a moment; None outside the years in which there are feeds."""
    if parsed is None or not FIRST_YEAR <= parsed[0] <= LAST_YEAR:
        return None
    year, month, day, hour, minute, second = parsed[:6]
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _iso_moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _looks_like(text: str) -> str:
    head = text[:2_000].lower()
    return "an HTML page" if "<html" in head or "<!doctype html" in head else "neither RSS, Atom nor JSON Feed"
