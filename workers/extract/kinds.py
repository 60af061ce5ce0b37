"""Cheap, sure signs that a page is no article: error pages, home and section pages, players without a text."""

import re
from urllib.parse import urlsplit

from workers.extract.facts import Stated
from workers.extract.furniture import fold

#: Titles under which servers answer 200 for a page that is not there.
_NOT_FOUND = re.compile(
    r"(?:error )?404\b|(?:page|file|article|story) (?:was )?not found|page (?:introuvable|non trouvée)|"
    r"página no encontrada|seite nicht gefunden|страница не найдена|sayfa bulunamadı|"
    r"صفحه (?:مورد نظر )?(?:یافت|پیدا) نشد|"
    r"الصفحه غیر موجوده|الصفحة غیر موجودة|页面不存在|access denied|just a moment|attention required"
)
#: An article of any length has one line that ends as a sentence or is as long as one (characters).
_SENTENCE = re.compile(r"[.!?。！？؟۔।…][\"'”’»)\]]*(?:\s|$)")
_PARAGRAPH = 120
_HEADLINES = 4  # fewer lines than this without a sentence are no list of headlines, but no text either
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
    # a canonical link to the home page is no sure sign: careless publishers put it on every article
    many = text.count("\n") + 1 >= _HEADLINES
    if many and not stated.is_article and stated.kind in {"website", ""} and not has_sentences(text):
        return "headlines only"
    return None


def has_sentences(text: str) -> bool:
    """Whether a text says something in sentences, as the shortest brief does and a list of headlines does not."""
    return any(len(line) >= _PARAGRAPH or (len(line) >= 30 and _SENTENCE.search(line)) for line in text.split("\n"))


def _is_front(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname:  # a saved file, of which nobody said where it is from
        return False
    return parts.path in {"", "/", "/index.html", "/index.php"} and not parts.query
