"""When an article was published and updated, and where that is written."""

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from htmldate import extractors, find_date

from workers.extract.facts.moments import Moment, read_moment
from workers.extract.facts.stated import Stated, words_of

#: Outlets' clocks and time zones are wrong by this much at most before a date is not believed (issue 4).
AHEAD = timedelta(hours=1)
#: No news page is older than the web (RELIABILITY.md Q22).
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

#: A day in one time zone touches the next in another, and midnight stands for the whole day.
_SAME_DAY = timedelta(hours=36)
#: English pages write the day first outside of the United States; these endings say so.
_TLD_DAY_FIRST = re.compile(r"\.(?:uk|au|nz|ie|in|pk|za|ng|ke|gh|lk|bd|my|sg|eu|ae|ir|ru|tr|il)(?::|$)")

_IN_PATH = re.compile(
    r"[/_-]((?:19|20)\d{2}|1[34]\d{2})[/_.-](0?[1-9]|1[0-2])[/_.-](0?[1-9]|[12]\d|3[01])(?=\D|$)"
    r"|[/_-](20[0-4]\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[^\d]|\d{4,6}(?:\D|$)|$)"
    r"|/(20[0-4]\d)-?(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])(?=\D|$)"
)
#: Classes and ids of the line under a headline.
_MARKED = "|".join(
    f"//{tag}[@class or @id]"
    for tag in ("span", "p", "div", "li", "td", "small", "i", "b", "em", "h6", "a", "strong", "abbr")
)
_DATE_NAME = re.compile(
    r"(?:^|[\s_-])(?:date|time|datetime|timestamp|pub-?(?:date|time|lished)?|publish\w*|post(?:ed)?-?(?:on|date|time)|entry-?date|meta|byline|info|"
    r"article-?(?:date|time|info|meta)|news-?(?:date|time|info)|datum|fecha|data|tarih|zaman|tarikh|zeit|heure|source)(?:$|[\s_-])|[dD]ate|[tT]imestamp|[pP]ublish",
)
#: Languages whose written dates htmldate reads.
_WESTERN = frozenset(
    words_of("en de fr es it pt nl sv da nb no fi pl cs sk hu ro tr id ms vi hr sl et lv lt ca ko ja zh")
)
_LONGEST_LINE = 200  # characters of a line with a date
_MOST_LINES = 200  # marked elements that are looked at
#: htmldate looks into every text of a page: only into pages of at most so many elements.
_SEARCHED = 6000


#: Languages in which a date without a known language is read, besides the numbers.
_WIDE_SPREAD = words_of("en es pt fr de it nl ru tr")


class _Reader:
    """Reads for htmldate what its own patterns cannot, in the place of dateparser.

    dateparser takes 45 MB of memory in each process that ever needs it, and a second. On the pages of the scrapinghub
    and readability sets, their metas taken away, this finds the same dates, and one more.
    """

    def get_date_data(self, written: str) -> dict[str, datetime | None]:
        """Return the time that is written, without its zone, as dateparser does."""
        moments = (read_moment(written, language) for language in _WIDE_SPREAD)
        found = next(filter(None, moments), None)
        return {"date_obj": found.at.replace(tzinfo=None) if found else None}


@dataclass(frozen=True, slots=True)
class Dates:
    """The times that a page gives, best first, each with where it stands: json-ld | meta | time | url | text."""

    published: tuple[tuple[Moment, str], ...] = ()
    updated: tuple[tuple[Moment, str], ...] = ()


NO_DATES = Dates()


def find_dates(tree: Any, stated: Stated, url: str, fetched_at: datetime, *, search: bool) -> Dates:
    """Collect the believable times of a page.

    Args:
        tree: the page as parsed; a copy is searched.
        stated: what the page says of itself.
        url: where it was fetched.
        fetched_at: times over an hour later are not believed.
        search: whether to look through the text when nothing states the time (slow).
    """
    language = (stated.language or "en").replace("_", "-")
    month_first = language.lower() in {"en-us", "en"} and not _TLD_DAY_FIRST.search(urlsplit(url).netloc)
    code = language.split("-")[0].lower()

    def read(written: tuple[tuple[str, str], ...]) -> list[tuple[Moment, str]]:
        moments = ((read_moment(text, code, month_first=month_first), where) for text, where in written)
        return [(moment, where) for moment, where in moments if moment and is_believable(moment.at, fetched_at)]

    published = read(stated.published)
    if moment := date_in_url(stated.canonical_url or url) or date_in_url(url):
        published.append((moment, "url"))
    if search and not published:
        published = [(moment, "text") for moment in _searched(tree, url, code, fetched_at, month_first=month_first)]
    published = [(moment, where) for moment, where in published if is_believable(moment.at, fetched_at)]
    return Dates(tuple(published), tuple(read(stated.updated)))


def is_believable(at: datetime, fetched_at: datetime) -> bool:
    """Whether a time lies between 1990 and an hour after the fetch."""
    return EARLIEST <= at <= fetched_at + AHEAD


def choose_published(
    page: Iterable[tuple[Moment, str]], feed: datetime | None, fetched_at: datetime
) -> tuple[datetime | None, str | None]:
    """Choose the believable time and its origin: an exact one of the page, the feed's, a vague one of the page.

    An exact time in a lesser place counts when it is of the day that the best place names, give or take one.
    """
    offers = [(moment, where) for moment, where in page if is_believable(moment.at, fetched_at)]
    for moment, where in offers:
        if moment.exact and abs(moment.at - offers[0][0].at) <= _SAME_DAY:
            return moment.at, where
    if feed is not None:
        at = feed.astimezone(UTC) if feed.tzinfo else feed.replace(tzinfo=UTC)
        if is_believable(at, fetched_at):
            return at, "feed"
    return (offers[0][0].at, offers[0][1]) if offers else (None, None)


def choose_updated(
    page: Iterable[tuple[Moment, str]], published: datetime | None, fetched_at: datetime
) -> tuple[datetime | None, str | None]:
    """Choose when the article was last changed: the first believable time that is not before its publication."""
    for moment, where in page:
        if is_believable(moment.at, fetched_at) and (published is None or moment.at >= published):
            return moment.at, where
    return None, None


def _searched(tree: Any, url: str, language: str, fetched_at: datetime, *, month_first: bool) -> list[Moment]:
    """What a look through the text finds, the likelier first."""
    shown = date_in_text(tree, language, month_first=month_first)
    found = date_by_search(tree, url, fetched_at)
    if found is None or (found.at.month, found.at.day) == (1, 1):  # a copyright's year, or one in the headline
        return [shown] if shown else []
    if shown is None or abs(shown.at - found.at) <= _SAME_DAY:
        return [shown or found]
    # htmldate weighs all dates of a page, but reads the western ones only
    return [found, shown] if language in _WESTERN else [shown, found]


def date_in_url(url: str) -> Moment | None:
    """The day that the path of an address names, as in /2024/05/17/, /1403-02-28/ and _20240517."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    for found in _IN_PATH.finditer(path):
        year, month, day = (found[group] for group in ((1, 2, 3) if found[1] else (4, 5, 6) if found[4] else (7, 8, 9)))
        if moment := read_moment(f"{year}-{int(month):02}-{int(day):02}"):
            return moment
    return None


def date_in_text(tree: Any, language: str, *, month_first: bool) -> Moment | None:
    """The first date in a short line that its class or id calls one."""
    named = (node for node in tree.xpath(_MARKED) if _DATE_NAME.search(f"{node.get('class', '')} {node.get('id', '')}"))
    for node in islice(named, _MOST_LINES):
        line = " ".join("".join(node.itertext()).split())
        if len(line) <= _LONGEST_LINE and any(char.isdecimal() for char in line):
            moment = read_moment(line, language, month_first=month_first)
            if moment:
                return moment
    return None


def date_by_search(tree: Any, url: str, fetched_at: datetime) -> Moment | None:
    """What htmldate makes of the page, the last resort: slow, so not for large pages."""
    if sum(1 for _ in tree.iter()) > _SEARCHED:
        return None
    # the only way in: find_date has no argument for it. Put back, since whoever else uses htmldate means dateparser.
    theirs, extractors.get_external_parser = extractors.get_external_parser, _Reader  # type: ignore[assignment]
    try:
        found = find_date(deepcopy(tree), url=url, original_date=True, max_date=fetched_at.strftime("%Y-%m-%d"))
    finally:
        extractors.get_external_parser = theirs
    return read_moment(found) if found else None
