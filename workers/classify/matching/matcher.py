"""Finding thousands of terms in a folded text, in one linear pass.

A term is one or more words. A word that ends in `*` is a stem: it stands for every word that begins with it. What may
stand before a word depends on the script: nothing in Latin or Cyrillic (no "ynet" in "Gwyneth"), the short words that
Arabic and Hebrew write together with the next one, anything in Chinese, which does not separate words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from workers.classify.matching.fold import fold

#: What Arabic, Persian and Hebrew write as one word with the next: article, "and", "in", "to", "so", "like", "anti".
_CLITICS = frozenset(
    (
        *("ال", "و", "ف", "ب", "ل", "ك", "وال", "فال", "بال", "كال", "لل", "ولل", "وب", "ول", "فب", "وبال"),
        *("ضد", "وضد"),
        *("ה", "ב", "ל", "מ", "ו", "ש", "כ", "וה", "וב", "ול", "ומ", "שה", "מה", "לה", "בה", "כש"),
    )
)
_LONGEST_CLITIC = max(map(len, _CLITICS))
_ARABIC, _HEBREW = _ARTICLES = ("ال", "ה")

#: What follows a stem has at most so many letters. Longer is no word but a text without spaces, or made up to be shown
#: whole wherever evidence is.
LONGEST_ENDING = 60


#: A term's number, and where it stands in the padded fold: start, end. (Thousands of them in an article: a named tuple
#: costs six times as much to make.)
Hit = tuple[int, int, int]


class _Word(NamedTuple):
    letters: str
    is_stem: bool


@dataclass(slots=True)
class _Head:
    """What terms begin with, as the automaton looks for it.

    It is the whole term in Chinese; all its words up to the first stem elsewhere, with the space before them; in Arabic
    and Hebrew at most two, without that space. One that ends in a whole word has the space behind it, too.
    """

    is_chinese: bool = False  # it is found anywhere
    joins: bool = False  # Arabic or Hebrew: short words before it may be written together with it
    is_whole: bool = False  # its last word is all here; else that is a stem
    terms: list[int] = field(default_factory=list)  # all of these is here
    tails: "_Tails" = field(default_factory=dict)  # further words of the others, by the first letter of these


_Tails = dict[str, list[tuple[int, tuple[_Word, ...]]]]


_CHINESE = re.compile("[\u3400-\u9fff]")
_JOINING = re.compile("[\u0590-\u06ff]")
_HEBREW_LETTER = re.compile("[\u0590-\u05ff]")


def _is_chinese(text: str) -> bool:
    return not text.isascii() and _CHINESE.search(text) is not None


def _joins_words(text: str) -> bool:
    """Return whether the script is Arabic or Hebrew."""
    return not text.isascii() and _JOINING.search(text) is not None


def _article_of(term: str) -> str:
    return _HEBREW if _HEBREW_LETTER.search(term) else _ARABIC


def is_short(term: str) -> bool:
    """Return whether `term` is one short word, which may by accident be a word of another language as well.

    Below 8 letters, 7 in Arabic and Hebrew, which write no short vowels: measured on labelled news, shorter limits flag
    four times as many quiet Arabic items, longer ones lose evidence in mixed text and gain nothing.
    """
    words = fold(term).split()
    return len(words) == 1 and not _is_chinese(term) and len(words[0]) < (7 if _joins_words(term) else 8)


def _words(term: str) -> tuple[_Word, ...]:
    """Split a term as written into folded words; one written word may give several ("cross-border*")."""
    words = []
    for written in term.split():
        parts = fold(written).split()
        words += [_Word(part, is_stem=False) for part in parts[:-1]]
        words += [_Word(part, is_stem=written.endswith("*")) for part in parts[-1:]]
    return tuple(words)


def _heads(term: str) -> tuple[list[str], _Head, tuple[_Word, ...]]:
    """Return the letters that `term` may begin with, what kind of head they are, and the words behind it."""
    words = _words(term)
    if not words:
        raise ValueError(f"the term {term!r} has no letter or digit")
    if _is_chinese(term):
        return [" ".join(word.letters for word in words)], _Head(is_chinese=True), ()
    joins = _joins_words(term)
    cut = next((number for number, word in enumerate(words, 1) if word.is_stem), len(words))
    if joins:
        cut = min(cut, 2)  # each further word may have an article: all of them would be too many
    first, *others = (word.letters for word in words[:cut])
    spellings = [first] if joins else [f" {first}"]
    for other in others:
        articles = ("", _article_of(term)) if joins else ("",)
        spellings = [f"{before} {article}{other}" for before in spellings for article in articles]
    is_whole = not words[cut - 1].is_stem
    if is_whole:
        spellings = [f"{letters} " for letters in spellings]
    return spellings, _Head(joins=joins, is_whole=is_whole), words[cut:]


class Matcher:
    """Finds every place where any of `terms` stands; hits name terms by their index."""

    def __init__(self, terms: Sequence[str]) -> None:
        heads: dict[str, _Head] = {}
        for number, term in enumerate(terms):
            spellings, kind, tail = _heads(term)
            for letters in spellings:
                head = heads.setdefault(letters, replace(kind, terms=[], tails={}))
                if tail:
                    head.tails.setdefault(tail[0].letters[0], []).append((number, tail))
                else:
                    head.terms.append(number)
        self._heads = list(heads.values())
        self._automaton = AhoCorasick(list(heads))

    def find(self, plain: str) -> list[Hit]:
        """Return every hit in `plain`, a folded text with a space at both ends; hits may overlap."""
        hits: list[Hit] = []
        heads = self._heads
        for number, start, end in self._automaton.find_matches_as_indexes(plain, overlapping=True):
            head = heads[number]
            if not head.is_chinese:
                if not head.joins:
                    start += 1  # noqa: PLW2901  (the space before it is a letter of the head)
                elif plain[start - 1] != " " and not _follows_clitic(plain, start):
                    continue
                if head.is_whole:
                    end -= 1  # noqa: PLW2901  (so is the one behind it)
                else:
                    # a stem: a call would cost as much again as all else here
                    end = plain.find(" ", end, end + LONGEST_ENDING + 1)  # noqa: PLW2901
                    if end < 0:
                        continue
            for term in head.terms:
                hits.append((term, start, end))  # noqa: PERF401  (most heads have one: a list of it costs more)
            if head.tails:
                for term, tail in _beginning_with(head.tails, plain, end + 1, head.joins):
                    last = _end_of(tail, plain, end, head.joins)
                    if last is not None:
                        hits.append((term, start, last))
        return hits


def _beginning_with(tails: _Tails, plain: str, begin: int, joins: bool) -> Sequence[tuple[int, tuple[_Word, ...]]]:
    """Return those of `tails` whose first letter, or what follows an article, stands at `begin`."""
    letter = plain[begin : begin + 1]
    found = tails.get(letter, ())
    if joins:
        for article in _ARTICLES:
            if article[0] == letter and plain.startswith(article, begin):
                following = plain[begin + len(article) : begin + len(article) + 1]
                if following != letter and following in tails:
                    return [*found, *tails[following]]
    return found


def _follows_clitic(plain: str, start: int) -> bool:
    """Return whether a clitic, and nothing else, stands between `start` and the space before it."""
    space = plain.rfind(" ", max(start - _LONGEST_CLITIC - 1, 0), start)
    return space >= 0 and plain[space + 1 : start] in _CLITICS


def _end_of(tail: tuple[_Word, ...], plain: str, space: int, joins: bool) -> int | None:
    """Return where the words of `tail` end that begin behind the `space`, or None when they are not there."""
    end: int | None = space
    for word in tail:
        if end is None or plain[end] != " ":
            return None
        begin = end + 1
        if not plain.startswith(word.letters, begin):
            if not joins:
                return None
            article = next((a for a in _ARTICLES if plain.startswith(a + word.letters, begin)), None)
            if article is None:
                return None
            begin += len(article)
        end = begin + len(word.letters)
        if word.is_stem:
            end = _end_of_word(plain, end)
    return end if end is not None and plain[end] == " " else None


def _end_of_word(plain: str, at: int) -> int | None:
    """Return where the word ends whose stem ends at `at`, or None when it is too long for one."""
    space = plain.find(" ", at, at + LONGEST_ENDING + 1)
    return space if space >= 0 else None
