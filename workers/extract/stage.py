"""The step from a fetched page to clean text: pure composition of the rules of this room."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from html import unescape
from urllib.parse import urlsplit

from workers.domain.charset import decode
from workers.domain.outcomes import Advanced, Dropped, DropReason, Outcome
from workers.domain.values import Article, Entry, ExtractRules, Page
from workers.extract.clean import clean_line
from workers.extract.facts.published import choose_published, choose_updated
from workers.extract.facts.stated import Stated
from workers.extract.facts.titles import choose_title
from workers.extract.facts.wire import read_wire
from workers.extract.kinds import has_sentences, why_not_an_article
from workers.extract.ladder import ALL, CHEAP, SHORTEST_TEXT, Rung
from workers.extract.page import EXTRACTOR, PageFacts, read_page
from workers.extract.repeats import signature_of, without_repeats
from workers.extract.rules import signature
from workers.extract.sniff import not_html
from workers.extract.text import tidy

__all__ = ["ALL", "CHEAP", "Detect", "Rung", "extract"]

#: A feed's summary stands in for the text from this many characters on: less is a headline said twice.
_SUMMARY_ENOUGH = 80

#: A headline repeated in the text is one of the first lines, below a standfirst at most.
_OPENING = 3

Detect = Callable[[str], tuple[str, float]]


def extract(entry: Entry, page: Page, *, detect: Detect, rungs: AbstractSet[Rung] = ALL) -> Outcome[Article]:
    """Turn a page into an article, or say why it is none.

    Args:
        entry: the link with its source and what the feed said of it.
        page: the bytes as fetched.
        detect: text to (ISO 639-1 code or "und", confidence 0..1).
        rungs: the attempts at the text that are allowed (`ladder.CHEAP` after a try that ran out of time).
    """
    kind = not_html(page.body)
    if kind is not None:
        return Dropped(DropReason.NOT_HTML, kind)
    rules = entry.source.extract
    facts = read_page(
        decode(page.body, page.charset),
        page.url,
        fetched_at=page.fetched_at,
        feed_dated=entry.feed.published is not None,
        rungs=rungs,
        rules=rules,
    ) or PageFacts(text="", stated=Stated(), why="no element")
    stated = facts.stated
    title = facts.title or choose_title(
        stated.titles, entry.feed.title, site_names=_site_names(entry, page, stated), section=stated.section
    )
    whole = _without_headline(tidy(facts.text), title)
    text, removed = without_repeats(whole, entry.repeated)
    if why := why_not_an_article(stated, text, page.url):
        return Dropped(DropReason.NOT_AN_ARTICLE, why)
    rung, why, quality = facts.rung, facts.why, "full"
    if len(text) < SHORTEST_TEXT or not has_sentences(text):
        text, removed = _without_headline(tidy(entry.feed.summary), title), ()
        whole = text
        if len(text) < _SUMMARY_ENOUGH:
            return Dropped(DropReason.NO_TEXT, facts.why)
        rung, why, quality = Rung.SUMMARY.value, "the page has no text", "summary"
    language, confidence = detect(f"{title}\n{text}")
    if language == "und":
        language, confidence = entry.source.language, 0.0
    published, published_from = choose_published(facts.dates.published, entry.feed.published, page.fetched_at)
    updated, updated_from = choose_updated(facts.dates.updated, published, page.fetched_at)
    authors = stated.authors or tuple(filter(None, map(clean_line, entry.feed.authors)))
    wire = read_wire(whole, authors)  # an agency's name may be all that a repeated line says
    return Advanced(
        Article(
            title=title or clean_line(text.split("\n", 1)[0], 120),
            text=text,
            language=language,
            language_confidence=confidence,
            url=page.url,
            canonical_url=stated.canonical_url,
            authors=authors,
            published=published,
            published_from=published_from,
            quality=quality,
            extractor=_extractor(rules, removed),
            rung=rung,
            rung_why=why,
            updated=updated,
            updated_from=updated_from,
            section=stated.section,
            page_language=stated.language,
            dateline_place=wire.place,
            dateline_agency=wire.agency,
            wire_credit=wire.credit,
            image=stated.image,
            is_paywalled=stated.is_paywalled,
            removed=removed,
        )
    )


def _extractor(rules: ExtractRules, removed: Iterable[str]) -> str:
    """Say which program read a page, by which of the operator's rules, and freed of which repeated blocks.

    Of the blocks those that were there: the same page gives the same text wherever the same is said here.
    """
    settings = {"rules": signature(rules), "repeats": signature_of(removed)}
    return " ".join([EXTRACTOR, *(f"{name}/{sign}" for name, sign in settings.items() if sign)])


def _site_names(entry: Entry, page: Page, stated: Stated) -> list[str]:
    """Everything an outlet calls itself: its name here and on the page, its host with and without www and ending."""
    host = (urlsplit(page.url).hostname or "").removeprefix("www.")
    labels = [label for label in host.split(".")[:-1] if len(label) > 3]
    return [entry.source.name, *stated.site_names, host, host.rsplit(".", 1)[0], *labels]


def _without_headline(text: str, title: str) -> str:
    """Drop a line at the beginning that only repeats the title, which is stored beside the text."""
    lines = text.split("\n")
    spelled = set(map(_letters, {title, unescape(title)})) - {""}  # extraction reads references once more
    for index, line in enumerate(lines[:_OPENING]):
        if _letters(line) in spelled:
            return "\n".join(lines[:index] + lines[index + 1 :]).strip("\n")
    return text


def _letters(text: str) -> str:
    """Letters and digits alone: of the other characters, extraction keeps fewer in a text than there are in a title."""
    return "".join(filter(str.isalnum, text.casefold())) or clean_line(text)
