"""When an article was published and updated, and where that is written."""

import re
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from htmldate import extractors, find_date

from workers.extract.facts.moments import Moment, read_moment
from workers.extract.facts.stated import Stated, words_of
from workers.extract.inside import text_in
from workers.extract.joiners import show
from workers.extract.language import UNDETERMINED, detect

#: Outlets' clocks and time zones are wrong by this much at most before a date is not believed (issue 4).
AHEAD = timedelta(hours=1)
#: No news page is older than the web (RELIABILITY.md Q22).
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

#: No zone is further ahead of UTC (Line Islands): a time without a zone that is ahead by no more is a local one.
EASTMOST = timedelta(hours=14)
#: A page is mostly fetched within so many days of its publication: that tells 5 April from 4 May.
FRESH = timedelta(days=7)

#: A day in one time zone touches the next in another, and midnight stands for the whole day.
_SAME_DAY = timedelta(hours=36)
#: English pages write the day first outside of the United States; these endings say so.
_TLD_DAY_FIRST = re.compile(r"\.(?:uk|au|nz|ie|in|pk|za|ng|ke|gh|lk|bd|my|sg|eu|ae|ir|ru|tr|il)(?::|$)")

_IN_PATH = re.compile(
    r"[/_-]((?:19|20)\d{2}|1[34]\d{2})[/_.-](0?[1-9]|1[0-2])[/_.-](0?[1-9]|[12]\d|3[01])(?=\D|$)"
    r"|[/_-](20[0-4]\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=[^\d]|\d{4,6}(?:\D|$)|$)"
    r"|/(20[0-4]\d)-?(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])(?=\D|$)"
)
#: What the line under a headline stands in, and its classes and ids.
_MARKED = ("span", "p", "div", "li", "td", "small", "i", "b", "em", "h6", "a", "strong", "abbr")
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
_PARAGRAPHS = 10  # that tell the language
#: A card of another story: how far above its date it is looked for, its characters, and those of the link to it.
_CARD_DEPTH, _LONGEST_CARD, _SHORTEST_LINK = 4, 400, 20
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
        fetched_at: times over an hour later are not believed; those without a zone may be of a zone that is ahead.
        search: whether to look through the text when nothing states the time (slow).
    """
    language = (stated.language or _language_of(tree, stated)).replace("_", "-").lower()
    in_path = list(filter(None, map(date_in_url, dict.fromkeys((stated.canonical_url or url, url)))))
    read = _Written(
        language=language.split("-")[0],
        month_first={"en-us": True, "en": None if not _TLD_DAY_FIRST.search(urlsplit(url).netloc) else False}.get(
            language, False
        ),
        days=tuple(moment.at for moment in in_path),
        fetched_at=fetched_at,
    )

    def believable(moments: Iterable[tuple[Moment | None, str]]) -> list[tuple[Moment, str]]:
        placed = ((_in_utc(moment, fetched_at), where) for moment, where in moments if moment)
        return [(moment, where) for moment, where in placed if is_believable(moment.at, fetched_at)]

    published = believable((read(text), where) for text, where in stated.published)
    published += believable((moment, "url") for moment in in_path[:1])
    if search and not published:
        published = believable((moment, "text") for moment in _searched(tree, url, read))
    return Dates(tuple(published), tuple(believable((read(text), where) for text, where in stated.updated)))


@dataclass(frozen=True, slots=True)
class _Written:
    """Reads what a page writes, in its language and by what is known of its day."""

    language: str  # ISO 639-1
    month_first: bool | None  # None: the language writes both
    days: tuple[datetime, ...]  # that its address names
    fetched_at: datetime

    def __call__(self, text: str) -> Moment | None:
        """Read a time; of 5/4/2024 the day that the address names, else in English the fresh one, else May 4."""
        one = read_moment(text, self.language, month_first=self.month_first is not False)
        other = read_moment(text, self.language, month_first=self.month_first is False)
        if one == other or one is None or other is None:
            return one or other
        for reading in (one, other):
            if any(abs(reading.at - day) <= _SAME_DAY for day in self.days):
                return reading
        if self.month_first is None:
            fresh = [reading for reading in (one, other) if self._is_fresh(reading)]
            past = [reading for reading in (one, other) if reading.at <= self.fetched_at + EASTMOST]
            return (fresh or past or [one])[0]
        return one

    def _is_fresh(self, moment: Moment) -> bool:
        return -FRESH <= moment.at - self.fetched_at <= EASTMOST


def _language_of(tree: Any, stated: Stated) -> str:
    """The language of a page that names none, by its titles and first paragraphs."""
    paragraphs = (text_in(node) for node in islice(tree.iter("p"), _PARAGRAPHS))
    language, _ = detect(show(" ".join((*stated.titles, stated.description, *paragraphs))))
    return "en" if language == UNDETERMINED else language


def _in_utc(moment: Moment, fetched_at: datetime) -> Moment:
    """Put a time without a zone, that is still to come, at the fetch: it is the local time of a place in the east.

    Nothing says of which place. The page was there when it was fetched, and a time ahead of UTC is mostly fresh.
    """
    if not moment.exact and fetched_at + AHEAD < moment.at <= fetched_at + EASTMOST:
        return Moment(fetched_at, exact=False)
    return moment


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


def _searched(tree: Any, url: str, read: _Written) -> list[Moment]:
    """What a look through the text finds, the likelier first."""
    lines = [node for node in tree.iter(*_MARKED) if _DATE_NAME.search(f"{node.get('class', '')} {node.get('id', '')}")]
    others = [node for node in lines[:_MOST_LINES] if _is_of_another_story(node)]
    shown = date_in_text((node for node in lines[:_MOST_LINES] if node not in others), read)
    found = date_by_search(tree, url, read.fetched_at, without=others)
    if found is None or (found.at.month, found.at.day) == (1, 1):  # a copyright's year, or one in the headline
        return [shown] if shown else []
    if shown is None:
        return [found]
    # htmldate takes 5/4/2024 for April everywhere
    is_swapped = (shown.at.year, shown.at.month, shown.at.day) == (found.at.year, found.at.day, found.at.month)
    if is_swapped or abs(shown.at - found.at) <= _SAME_DAY:
        return [shown]
    # htmldate weighs all dates of a page, but reads the western ones only
    return [found, shown] if read.language in _WESTERN else [shown, found]


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


def date_in_text(lines: Iterable[Any], read: Callable[[str], Moment | None]) -> Moment | None:
    """The first date in a short line among these elements."""
    for node in lines:
        line = " ".join(text_in(node).split())
        if len(line) <= _LONGEST_LINE and any(char.isdecimal() for char in line):
            moment = read(line)
            if moment:
                return moment
    return None


def _is_of_another_story(node: Any) -> bool:
    """Whether a line stands in a card: a small block without the headline, that links to something with a title.

    A link to an author or a section is shorter than a title.
    """
    block = node
    for _ in range(_CARD_DEPTH):
        if (
            block is None
            or block.tag in {"body", "html", "main", "article", "header"}
            or block.find(".//h1") is not None
        ):
            return False
        words = text_in(block)
        if len(words) > _LONGEST_CARD:
            return False
        links = (block,) if block.tag == "a" else block.iter("a")
        if any(len(" ".join(text_in(link).split())) >= _SHORTEST_LINK for link in links if link is not node):
            return True
        block = block.getparent()
    return False


def date_by_search(tree: Any, url: str, fetched_at: datetime, *, without: Sequence[Any] = ()) -> Moment | None:
    """What htmldate makes of the page without some elements, the last resort: slow, so not for large pages."""
    if sum(1 for _ in tree.iter()) > _SEARCHED:
        return None
    searched = deepcopy(tree)
    for twin in [twin for node, twin in zip(tree.iter(), searched.iter(), strict=True) if node in without]:
        if twin.getparent() is not None:
            twin.drop_tree()
    # the only way in: find_date has no argument for it. Put back, since whoever else uses htmldate means dateparser.
    theirs, extractors.get_external_parser = extractors.get_external_parser, _Reader  # type: ignore[assignment]
    try:
        found = find_date(searched, url=url, original_date=True, max_date=fetched_at.strftime("%Y-%m-%d"))
    finally:
        extractors.get_external_parser = theirs
    return read_moment(found) if found else None
