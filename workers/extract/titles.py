"""Which of the titles that a page and its feed give is the headline, and what is cut off it."""

import re
from collections.abc import Iterable

from workers.extract.clean import clean_line

_SEPARATOR = re.compile(r"\s+[-–—|:·•»«›/]{1,2}\s+|\s*[|»›]\s*")
_GENERIC = frozenset(
    {"home", "homepage", "news", "untitled", "index", "article", "details", "خانه", "главная", "الرئيسية"}
)
#: A headline that a feed or a meta cut off ends so.
_CUT_OFF = ("…", "...")


def choose_title(page: Iterable[str], feed: str, *, site_names: Iterable[str]) -> str:
    """Choose the headline: the page's first usable title, else the feed's; "" when neither names anything.

    Args:
        page: titles of the page, best first (`facts.Stated.titles`).
        feed: title of the feed entry, may be empty.
        site_names: names of the outlet, cut off the end or the start and never taken for a headline.
    """
    names = frozenset(filter(None, map(_key, site_names)))
    feed = _without_site(clean_line(feed), names)
    offers = [
        title for title in (_without_site(clean_line(title), names) for title in page) if _is_headline(title, names)
    ]
    whole = [title for title in offers if not title.endswith(_CUT_OFF)]
    if not offers:
        return feed
    if _is_headline(feed, names) and (not whole or _key(feed) in {_key(title) for title in offers}):
        return feed
    return (whole or offers)[0]


def _without_site(title: str, names: frozenset[str]) -> str:
    """Cut " - Outlet" and "Outlet | " off a title, again while one is left."""
    while True:
        for separator in _SEPARATOR.finditer(title):
            if _key(title[separator.end() :]) in names:
                title = title[: separator.start()].strip()
                break
            if _key(title[: separator.start()]) in names:
                title = title[separator.end() :].strip()
                break
        else:
            return title


def _is_headline(title: str, names: frozenset[str]) -> bool:
    key = _key(title)
    return bool(key) and key not in names and key not in _GENERIC


def _key(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
