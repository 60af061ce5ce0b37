"""The ladder of attempts at a page's text: the cheapest that is good enough, and why another was needed.

lenient    trafilatura's own rules on the pruned tree
strict     the same, more strictly: for short texts, which the extractor fills up with what stands below them
united     the pieces of a story that stands in several boxes, put into one
whole      the tree as it came, when pruning took the story
unmenued   of a text that is mostly short lines, what stands below the long run of them at its beginning
stated     the text that the page's JSON-LD carries
baseline   every paragraph
summary    the feed's own text (the step's business, since it is not the page's)

trafilatura's comparison with readability and jusText (`fast=False`) is no rung: on the scrapinghub set it gave the text
of one page of 181, which `unmenued` gives too. It is quadratic in paragraphs (RELIABILITY.md finding 8), and its stop
words of a hundred languages take 27 MB in every process that ever needs it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from html import unescape
from typing import Any

from lxml.html import fromstring
from trafilatura import bare_extraction, baseline
from trafilatura.settings import Document, Extractor

from workers.extract.chunks import unite
from workers.extract.clean import clean_text
from workers.extract.kinds import has_sentences
from workers.extract.prune import prune


class Rung(StrEnum):
    """One way to the text of an article."""

    LENIENT = "lenient"
    STRICT = "strict"
    UNITED = "united"
    WHOLE = "whole"
    UNMENUED = "unmenued"
    STATED = "stated"
    BASELINE = "baseline"
    SUMMARY = "summary"


ALL: frozenset[Rung] = frozenset(Rung)
#: What is tried on a page over which time ran out: nothing that looks at it twice.
CHEAP: frozenset[Rung] = frozenset({Rung.LENIENT, Rung.STATED, Rung.SUMMARY})

#: A text below this many characters may be a brief, and is extracted again with the strict setting.
BRIEF = 1000
#: The least that a wire brief says (characters of the densest script; `has_sentences` measures by script).
SHORTEST_TEXT = 12
#: A text with less than this share of the page's paragraphs (characters) may be a piece of the story.
_PIECE = 0.6
#: A text with less than this share of it and of what was cut off for a doubtful name may be what stands below a story.
_REST = 0.25
#: A stated text (JSON-LD) of fewer characters is a summary; one of which this share of words is found, is covered.
_STATED_ENOUGH, _COVERED = 250, 0.8
#: How much longer (times) another attempt must be than a piece, to be the whole.
_LONGER = 1.25
#: So many lines without a sentence at the beginning of a text, as short as labels (characters), are a menu.
_MENU_LINES, _LABEL = 12, 20
#: Share of a text in lines that are sentences or paragraphs; a menu has next to none.
_PROSE_SHARE = 0.4

_NOTHING, _A_PIECE, _A_REST = "hardly a sentence", "a piece of the page", "little beside what was cut off"
_NOT_AS_STATED, _SHORT_LINES = "misses the stated text", "mostly short lines"
_IN_ONE_LINE = "the stated text in one line"
#: What some rungs are the only remedy for.
_ONLY_FOR = {Rung.UNMENUED: {_SHORT_LINES}, Rung.BASELINE: {_NOTHING}}

_WORD = re.compile(r"\w+")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")


@dataclass(frozen=True, slots=True)
class Climbed:
    """The text of a page, and by which rung."""

    text: str  # as the extractor gave it, "" when there is none
    rung: Rung
    why: str


class Ladder:
    """The attempts at one page. Each parses or changes the tree as it needs."""

    def __init__(self, tree: Any, again: Callable[[], Any], stated: str, rungs: AbstractSet[Rung]) -> None:
        """`tree` is pruned here; `again` parses the page anew; `stated` is the JSON-LD text; `rungs` are allowed."""
        self._prose = prune(tree)
        self._tree = tree
        self._again = again
        self._stated = _rendered(clean_text(stated)) if len(stated) >= _STATED_ENOUGH else ""
        self._words = Counter(_WORD.findall(self._stated.lower()))
        self._rungs = rungs

    def climb(self) -> Climbed:
        """Try rungs until one is good enough."""
        best = Climbed(extract_text(self._tree), Rung.LENIENT, "good enough")
        why = self._why_poor(best.text)
        if why is None:
            return self._strictly(best) if _may_be_filled_up(best.text) and Rung.STRICT in self._rungs else best
        attempts = (
            (Rung.UNITED, self._united),
            (Rung.WHOLE, self._whole),
            (Rung.UNMENUED, lambda: _without_menu(best.text)),
            (Rung.STATED, lambda: self._stated),
            (Rung.BASELINE, self._baseline),
        )
        for rung, attempt in attempts:
            if rung not in self._rungs or (rung in _ONLY_FOR and why not in _ONLY_FOR[rung]):
                continue
            text = attempt()
            if self._is_better(text, best.text, why):
                best = Climbed(text, rung, why)
                if self._why_poor(text) is None:
                    return best
        return best if best.rung is not Rung.LENIENT else Climbed(best.text, best.rung, f"{why}; nothing was better")

    def _why_poor(self, text: str) -> str | None:
        """Say what a cheap look finds wrong with a text; None when it is good enough."""
        if len(text) < SHORTEST_TEXT or not has_sentences(text):
            return _NOTHING
        if self._stated:
            if "\n" not in text.strip() and "\n" in self._stated:  # the extractor's own fallback
                return _IN_ONE_LINE
            return None if self._covered(text) >= _COVERED else _NOT_AS_STATED
        if len(text) < _PIECE * self._prose.kept:
            return _A_PIECE
        if len(text) < _REST * (self._prose.kept + self._prose.doubted):
            return _A_REST
        return _SHORT_LINES if _prose_share(text) < _PROSE_SHARE else None

    def _covered(self, text: str) -> float:
        """Share of the stated text's words that a text has."""
        found = Counter(_WORD.findall(text.lower()))
        return (self._words & found).total() / self._words.total() if self._words else 1.0

    def _agreement(self, text: str) -> float:
        """Token F1 of a text with the stated one."""
        found = Counter(_WORD.findall(text.lower()))
        return 2 * (self._words & found).total() / ((self._words.total() + found.total()) or 1)

    def _is_better(self, text: str, best: str, why: str) -> bool:
        if len(text) < SHORTEST_TEXT or not has_sentences(text):
            return False
        if why == _IN_ONE_LINE:
            return "\n" in text.strip() and self._covered(text) >= _COVERED
        if self._stated:
            return self._agreement(text) > self._agreement(best) + 0.05
        if why == _SHORT_LINES:
            return _prose_share(text) > _prose_share(best) + 0.2
        return len(text) > _LONGER * len(best) and _prose_share(text) >= _PROSE_SHARE

    def _strictly(self, lenient: Climbed) -> Climbed:
        """Of a short text, what the strict setting leaves, unless that cuts off the beginning or out of the middle."""
        text = extract_text(self._tree, strict=True)
        if len(text) < SHORTEST_TEXT or text == lenient.text or not _cuts_the_end(lenient.text, text):
            return lenient
        if self._stated and self._covered(text) < _COVERED:
            return lenient
        return Climbed(text, Rung.STRICT, "short, and what it ends with is not the story's")

    def _united(self) -> str:
        return extract_text(self._tree) if unite(self._tree) else ""

    def _whole(self) -> str:
        tree = self._again()
        return extract_text(tree) if tree is not None else ""

    def _baseline(self) -> str:
        tree = self._again()
        return str(baseline(tree)[1]) if tree is not None else ""


def extract_text(tree: Any, *, strict: bool = False) -> str:
    """Text by trafilatura's own rules alone; `strict` drops what it is not sure of."""
    document = bare_extraction(tree, options=_options(strict))
    return _plain_rows(str(document.text or "")) if isinstance(document, Document) else ""


@cache
def _options(strict: bool) -> Extractor:
    """Return trafilatura's settings, which read its configuration file anew for each object made of them."""
    return Extractor(output_format="python", fast=True, precision=strict, comments=False, tables=True)


def _plain_rows(text: str) -> str:
    """Undo the table marks of trafilatura's text: "| a | | b |" becomes "a | b", rules between rows go."""
    if "|" not in text:
        return text
    lines = []
    for line in text.split("\n"):
        if line.startswith("|"):
            cells = [cell for cell in map(str.strip, line.split("|")) if cell.strip("-: ")]
            lines.append(" | ".join(cells))
        else:
            lines.append(line)
    return "\n".join(lines)


def _may_be_filled_up(text: str) -> bool:
    """Whether a text is short and has lines that are no sentences, as what stands below a brief has."""
    return len(text) < BRIEF and not all(has_sentences(line) for line in text.split("\n") if line.strip())


def _without_menu(text: str) -> str:
    """A text without a long run of lines at its beginning that hold no sentence; "" when it begins with none."""
    lines = text.split("\n")
    first = next((index for index, line in enumerate(lines) if has_sentences(line)), 0)
    is_menu = first >= _MENU_LINES and sum(map(len, lines[:first])) <= _LABEL * first
    return "\n".join(lines[first:]) if is_menu else ""


def _cuts_the_end(longer: str, shorter: str) -> bool:
    """Whether a text is another without its last lines (and without small pieces here and there)."""
    kept = {line.strip() for line in shorter.split("\n")}
    lines = [line.strip() for line in longer.split("\n") if line.strip()]
    last = max((index for index, line in enumerate(lines) if line in kept), default=-1)
    return last >= 0 and all(line in kept or not has_sentences(line) for line in lines[:last])


def _prose_share(text: str) -> float:
    """Share of characters in lines that are whole sentences or as long as one."""
    lines = [line for line in text.split("\n") if line]
    return sum(len(line) for line in lines if has_sentences(line)) / (sum(map(len, lines)) or 1)


def _rendered(stated: str) -> str:
    """The JSON-LD text as plain text: entities read, markup rendered as lines."""
    text = unescape(stated) if "&" in stated else stated
    if not _MARKUP.search(text):
        return text
    return "\n".join(_lines(fromstring(f"<div>{text}</div>")))


def _lines(tree: Any) -> Iterator[str]:
    for node in tree.iter("p", "div", "li", "br", "h1", "h2", "h3", "h4", "blockquote"):
        node.tail = "\n" + (node.tail or "")
    yield from str(tree.text_content()).split("\n")
