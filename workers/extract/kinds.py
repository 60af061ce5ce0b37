"""Cheap, sure signs that a page is no article: error pages, home and section pages, players without a text."""

import re
from urllib.parse import parse_qsl, urlsplit

from workers.extract.facts.stated import Stated
from workers.extract.furniture import (
    ERRORS_ONLY,
    LIVE,
    LIVE_LABELS,
    NOT_FOUND,
    NOT_FOUND_STARTS,
    VIDEO_LABELS,
    fold,
    phrases,
    starts,
)
from workers.extract.prose import has_sentences, measure

__all__ = ["has_sentences", "why_not_an_article"]

_NOT_FOUND = phrases(NOT_FOUND)
_NOT_FOUND_START = starts(NOT_FOUND_STARTS)
_ERRORS = _NOT_FOUND | phrases(ERRORS_ONLY)
_LIVE_WORDS = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, phrases(LIVE)))})(?!\w)")
_LIVE_LABELS, _VIDEO_LABELS = phrases(LIVE_LABELS), phrases(VIDEO_LABELS)
#: What parts a title: "Page not found | Outlet", "Live: the story", "The story. Live", "The story (live)".
_PARTS = re.compile(r"[|•·»«/:：()\[\]【】]|\s[-–—]+\s|[.!,،]\s")
#: An outlet's name beside an error is no longer than this (measure).
_NAME = 40
#: A tag's or section's name has no more words; a page that lists articles leads to at least so many.
_NAME_WORDS, _LISTED = 5, 5
#: An entry of a ticker begins with the time: 10:32, 10.32, 10h32, ۱۰:۳۲.
_TIME = r"(?:[01٠١۰۱]?\d|[2٢۲][0-3٠-٣۰-۳])[:.h：]\d{2}(?!\d)"
_CLOCK, _CLOCK_INSIDE = re.compile(rf"^\W{{0,3}}{_TIME}", re.MULTILINE), re.compile(rf"(?<!\d){_TIME}")
_HEADLINES = 4  # fewer lines than this without a sentence are no list of headlines, but no text either
_LIVE = 4  # a story with an update or two is still a story
_CLOCKS = 6  # entries with a time, where only words say so
_VIDEO_TEXT = 200  # (measure) a video's caption is shorter, a report with a video longer
#: The root, alone or of one language: /en, /fa/, /pt-br/.
_FRONT_PATH = re.compile(
    r"/?(?:[a-z]{2}(?:-[a-z]{2})?/?)?(?:(?:index|home|default)\.(?:html?|php|aspx?))?", re.IGNORECASE
)
#: What a query names that still leads to the front page, or to what a search there finds.
_NO_PAGE = re.compile(
    r"(?:utm_\w+|fbclid|gclid|yclid|dclid|msclkid|mc_[ce]id|_ga|igshid|ref|referrer|src|source|amp"
    r"|s|q|query|search|keywords?|paged?)",
    re.IGNORECASE,
)
_SECTION_PATH = re.compile(
    r"/(?:tags?|topics?|category|categories|kategori|author|authors|search|etiketa?s?|sujet|thema|themen|temas?|rubrique|rubrik)"
    r"(?:/[^/]+)?/?(?:page/\d+/?)?$|/page/\d+/?$"
)
_NOT_FOUND_TEXT = 600  # an error page says little; a long text under such a title is about the number 404


def why_not_an_article(stated: Stated, text: str, url: str) -> str | None:
    """Say by which sign a page is no article, or return None when nothing speaks against it.

    Args:
        stated: what the page says of itself.
        text: its extracted text, tidied.
        url: where it was found, after redirects.
    """
    if len(text) < _NOT_FOUND_TEXT and any(_is_error(title, stated) for title in stated.titles):
        return "error page"
    if not stated.is_article and _is_front(url):
        return "home page"
    if stated.live_updates >= _LIVE:
        return f"live ticker of {stated.live_updates} entries"
    if entries := _live_entries(stated, text, url):
        return f"live ticker of {entries} entries"
    is_short = measure(text) < _VIDEO_TEXT
    if stated.kind.startswith("video") and is_short:
        return "video only"
    if not stated.is_article:
        if stated.is_collection:  # says more than og:type, which careless publishers put on every page
            return "list of articles"
        if stated.kind != "article" and _SECTION_PATH.search(urlsplit(url).path) and not stated.published:
            return "list of articles"
        if _lists_others(stated, text):
            return "list of articles"
        if stated.has_video and is_short and (stated.kind != "article" or _is_called_video(stated, url)):
            return "video only"
    # a canonical link to the home page is no sure sign: careless publishers put it on every article
    many = text.count("\n") + 1 >= _HEADLINES
    if many and not stated.is_article and stated.kind in {"website", ""} and not has_sentences(text):
        return "headlines only"
    return None


def _lists_others(stated: Stated, text: str) -> bool:
    """Whether a page at a section's address is that section, and no story that stands there too.

    Its heading is a name, and it leads to at least as many stories as it has lines of text.
    """
    named = all(measure(title) <= _NAME and len(title.split()) <= _NAME_WORDS for title in stated.titles.headings)
    return named and stated.headlines >= max(_LISTED, sum(map(bool, text.split("\n"))))


def _is_error(title: str, stated: Stated) -> bool:
    """Whether a title is nothing but an error's words, beside the outlet's name."""
    parts = [folded for part in _PARTS.split(title) if (folded := fold(part))]
    named = frozenset(map(fold, stated.site_names))
    errors = [part in _ERRORS or bool(_NOT_FOUND_START.match(part)) for part in parts]
    others = [part for part, error in zip(parts, errors, strict=True) if not error and part not in named]
    if not any(errors) or len(others) > 1:
        return False
    # a name that the page does not state: only beside words that are no news, and not behind a colon
    sure = any(part in _NOT_FOUND or _NOT_FOUND_START.match(part) for part in parts)
    return not others or (sure and measure(others[0]) <= _NAME and not re.search("[:：]", title))


def _live_entries(stated: Stated, text: str, url: str) -> int:
    """Count the entries of a page that is called live; 0 for a story."""
    titled = any(_LIVE_WORDS.search(fold(title)) or _is_labelled(title, _LIVE_LABELS) for title in stated.titles)
    addressed = any(_LIVE_WORDS.search(name) or name in _LIVE_LABELS for name in _segments(url))
    if not titled and not addressed:
        return 0
    clocks = len(_CLOCK.findall(text))
    if titled and addressed:  # then the times may stand anywhere, or be left out
        clocks = max(len(_CLOCK_INSIDE.findall(text)), sum(map(bool, text.split("\n"))))
    return clocks if clocks >= _CLOCKS else 0


def _is_called_video(stated: Stated, url: str) -> bool:
    """Whether a title or the address says that the page is a video's."""
    return any(name in _VIDEO_LABELS for name in _segments(url)) or any(
        _is_labelled(title, _VIDEO_LABELS) for title in stated.titles
    )


def _is_labelled(title: str, labels: frozenset[str]) -> bool:
    """Whether a label stands before or behind the title, parted from it."""
    parts = [folded for part in _PARTS.split(title) if (folded := fold(part))]
    return len(parts) > 1 and not labels.isdisjoint(parts)


def _segments(url: str) -> list[str]:
    return [fold(re.sub(r"[-_.]", " ", segment)) for segment in urlsplit(url).path.split("/") if segment]


def _is_front(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname:  # a saved file, of which nobody said where it is from
        return False
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    return _FRONT_PATH.fullmatch(parts.path) is not None and all(map(_NO_PAGE.fullmatch, names))
