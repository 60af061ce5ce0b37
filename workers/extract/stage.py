"""The step from a fetched page to clean text: pure composition of the rules of this room."""

from collections.abc import Callable
from urllib.parse import urlsplit

from workers.domain.charset import decode
from workers.domain.outcomes import Advanced, Dropped, DropReason, Outcome
from workers.domain.values import Article, Entry, Page
from workers.extract.clean import clean_line
from workers.extract.dates import choose_published
from workers.extract.facts import Stated
from workers.extract.kinds import has_sentences, why_not_an_article
from workers.extract.page import EXTRACTOR, SHORTEST_TEXT, read_page
from workers.extract.sniff import not_html
from workers.extract.text import tidy
from workers.extract.titles import choose_title

#: A feed's summary stands in for the text from this many characters on: less is a headline said twice.
_SUMMARY_ENOUGH = 80

Detect = Callable[[str], tuple[str, float]]


def extract(entry: Entry, page: Page, *, detect: Detect) -> Outcome[Article]:
    """Turn a page into an article, or say why it is none.

    Args:
        entry: the link with its source and what the feed said of it.
        page: the bytes as fetched.
        detect: text to (ISO 639-1 code or "und", confidence 0..1).
    """
    kind = not_html(page.body)
    if kind is not None:
        return Dropped(DropReason.NOT_HTML, kind)
    facts = read_page(decode(page.body, page.charset), page.url)
    stated = facts.stated if facts else Stated()
    title = choose_title(stated.titles, entry.feed.title, site_names=_site_names(entry, page, stated))
    text = _without_headline(tidy(facts.text), title) if facts else ""
    if facts is not None and (why := why_not_an_article(stated, text, page.url)):
        return Dropped(DropReason.NOT_AN_ARTICLE, why)
    quality = "full"
    if len(text) < SHORTEST_TEXT or not has_sentences(text):
        text, quality = _without_headline(tidy(entry.feed.summary), title), "summary"
        if len(text) < _SUMMARY_ENOUGH:
            return Dropped(DropReason.NO_TEXT)
    language, confidence = detect(f"{title}\n{text}")
    if language == "und":
        language, confidence = entry.source.language, 0.0
    published, published_from = choose_published(stated.published, entry.feed.published, page.fetched_at)
    return Advanced(
        Article(
            title=title or clean_line(text.split("\n", 1)[0], 120),
            text=text,
            language=language,
            language_confidence=confidence,
            url=page.url,
            canonical_url=stated.canonical_url,
            authors=stated.authors or tuple(filter(None, map(clean_line, entry.feed.authors))),
            published=published,
            published_from=published_from,
            quality=quality,
            extractor=EXTRACTOR,
        )
    )


def _site_names(entry: Entry, page: Page, stated: Stated) -> list[str]:
    """Everything an outlet calls itself: its name here and on the page, its host with and without www and ending."""
    host = (urlsplit(page.url).hostname or "").removeprefix("www.")
    return [entry.source.name, stated.site_name, host, host.rsplit(".", 1)[0]]


def _without_headline(text: str, title: str) -> str:
    """Drop the first line when it only repeats the title, which is stored beside the text."""
    first, _, rest = text.partition("\n")
    return rest.lstrip("\n") if title and clean_line(first).casefold() == title.casefold() else text
