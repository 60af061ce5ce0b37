"""Publishers' text made fit to keep: words on one line, moments in UTC, links without what no store holds. Pure."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import lxml.html
from lxml import etree

#: Characters of a feed's own text that are kept, in case the page gives none.
MAX_SUMMARY = 20_000
MAX_TITLE = 1_000
#: Characters of an entry's own id: it stands in an index of PostgreSQL, whose rows hold 2,700 bytes.
MAX_KEY = 600
#: Outside these years a date is a mistake (RELIABILITY.md Q22).
FIRST_YEAR, LAST_YEAR = 1990, 2100

#: Every other tag ends a word: `<p>one</p><p>two</p>` is two words, `w<b>or</b>d` is one.
BLOCK_TAG = re.compile(
    r"<(?!/?(?:a|abbr|b|bdi|bdo|cite|code|em|font|i|mark|q|s|small|span|strong|sub|sup|u|wbr)\b)", re.IGNORECASE
)
#: What PostgreSQL cannot keep (NUL), what no encoding can write (lone surrogates), and what nobody can see.
UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
YEAR_MONTH = re.compile(r"\d{4}-\d{2}")


def plain_text(markup: Any) -> str:
    """Return the words of a fragment of HTML on one line; publishers' text is never markup here."""
    text = markup if isinstance(markup, str) else ""
    if "<" in text or "&" in text:
        deep = lxml.html.HTMLParser(huge_tree=True)  # text 256 elements deep is text
        root = lxml.html.fromstring(f"<div>{BLOCK_TAG.sub(' <', storable(text))}</div>", parser=deep)
        etree.strip_elements(root, "script", "style", with_tail=False)
        text = "".join(str(part) for part in root.itertext())
    return one_line(text)


def one_line(text: str) -> str:
    """Return words with one space between them."""
    return " ".join(storable(text).split())


def storable(text: str) -> str:
    """Leave out the characters that no store holds and nobody sees."""
    return UNSTORABLE.sub("", text)


def moment(parsed: Any) -> datetime | None:
    """Return feedparser's time tuple (UTC) as a moment; None outside the years in which there are feeds."""
    if parsed is None or not FIRST_YEAR <= parsed[0] <= LAST_YEAR:
        return None
    year, month, day, hour, minute, second = parsed[:6]
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def iso_moment(value: Any) -> datetime | None:
    """Return a date of ISO 8601 as a moment in UTC; without an offset it is taken for UTC."""
    if not isinstance(value, str):
        return None
    try:
        return _in_utc(datetime.fromisoformat(value))
    except ValueError:
        return None


def sitemap_moment(value: str) -> datetime | None:
    """Return a date as sitemaps write it: W3C's profile of ISO 8601 (also a month alone), now and then RFC 5322."""
    if YEAR_MONTH.fullmatch(value):
        return iso_moment(f"{value}-01")
    if value[:1].isdigit() and "-" in value[:6]:
        return iso_moment(value)
    try:
        return _in_utc(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return None


def _in_utc(written: datetime) -> datetime | None:
    if not FIRST_YEAR <= written.year <= LAST_YEAR:
        return None
    return (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
