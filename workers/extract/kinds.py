"""Cheap, sure signs that a page is no article: error pages, home and section pages, players without a text."""

import re
from urllib.parse import urlsplit

from workers.extract.facts.stated import Stated
from workers.extract.furniture import LIVE, NOT_FOUND, fold, phrases, starts

_NOT_FOUND = re.compile(rf"404\b|{starts(NOT_FOUND).pattern}")
_LIVE_WORDS = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, phrases(LIVE)))})(?!\w)")
#: An entry of a ticker begins with the time: 10:32, 10.32, 10h32.
_CLOCK = re.compile(r"^\W{0,3}(?:[01]?\d|2[0-3])[:.h]\d{2}\b", re.MULTILINE)
#: An article of any length has one line that ends as a sentence or is as long as one (characters).
_SENTENCE = re.compile(r"[.!?。！？؟۔।…][\"'”’»)\]]*(?:\s|$)")
_PARAGRAPH = 120
_HEADLINES = 4  # fewer lines than this without a sentence are no list of headlines, but no text either
_LIVE = 4  # a story with an update or two is still a story
_CLOCKS = 6  # entries with a time, where only words say so
_VIDEO_TEXT = 200  # characters; a video's caption is shorter, a report with a video longer
#: The root, alone or of one language: /en, /fa/, /pt-br/.
_FRONT_PATH = re.compile(
    r"/?(?:[a-z]{2}(?:-[a-z]{2})?/?)?(?:(?:index|home|default)\.(?:html?|php|aspx?))?", re.IGNORECASE
)
_SECTION_PATH = re.compile(
    r"/(?:tags?|topics?|category|categories|kategori|author|authors|search|etiketa?s?|sujet|thema|themen|temas?|rubrique|rubrik)"
    r"/[^/]+/?(?:page/\d+/?)?$|/page/\d+/?$"
)
_NOT_FOUND_TEXT = 600  # an error page says little; a long text under such a title is about the number 404


def why_not_an_article(stated: Stated, text: str, url: str) -> str | None:
    """Say by which sign a page is no article, or return None when nothing speaks against it.

    Args:
        stated: what the page says of itself.
        text: its extracted text, tidied.
        url: where it was found, after redirects.
    """
    if len(text) < _NOT_FOUND_TEXT and any(_NOT_FOUND.match(fold(title)) for title in stated.titles):
        return "error page"
    if not stated.is_article and _is_front(url):
        return "home page"
    if stated.live_updates >= _LIVE:
        return f"live ticker of {stated.live_updates} entries"
    if (entries := len(_CLOCK.findall(text))) >= _CLOCKS and _is_called_live(stated, url):
        return f"live ticker of {entries} entries"
    if stated.kind.startswith("video") and len(text) < _VIDEO_TEXT:
        return "video only"
    if not stated.is_article and stated.kind != "article":
        if stated.is_collection or (_SECTION_PATH.search(urlsplit(url).path) and not stated.published):
            return "list of articles"
        if stated.has_video and len(text) < _VIDEO_TEXT:
            return "video only"
    # a canonical link to the home page is no sure sign: careless publishers put it on every article
    many = text.count("\n") + 1 >= _HEADLINES
    if many and not stated.is_article and stated.kind in {"website", ""} and not has_sentences(text):
        return "headlines only"
    return None


def has_sentences(text: str) -> bool:
    """Whether a text says something in sentences, as the shortest brief does and a list of headlines does not."""
    return any(len(line) >= _PARAGRAPH or (len(line) >= 30 and _SENTENCE.search(line)) for line in text.split("\n"))


def _is_called_live(stated: Stated, url: str) -> bool:
    """Whether a title or the address calls the page live."""
    names = (*stated.titles, re.sub(r"[-_/.]", " ", urlsplit(url).path))
    return any(_LIVE_WORDS.search(fold(name)) for name in names)


def _is_front(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname:  # a saved file, of which nobody said where it is from
        return False
    return _FRONT_PATH.fullmatch(parts.path) is not None and not parts.query
