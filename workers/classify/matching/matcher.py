"""Finding thousands of terms in a folded text, in one linear pass.

A term is one or more words. A word that ends in `*` is a stem: it stands for every word that begins with it. What may
stand before a word depends on the script: nothing in Latin or Cyrillic (no "ynet" in "Gwyneth"), the short words that
Arabic and Hebrew write together with the next one, anything in Chinese, which does not separate words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
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
_ARTICLES = ("ال", "ה")

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
    """The letters that the automaton looks for, and the terms that begin with them.

    A head is the whole term in Chinese; its first word in Arabic and Hebrew, of which every word may have an article;
    elsewhere all its words up to the first stem, with the space before them.
    """

    is_chinese: bool  # it is found anywhere
    joins: bool  # Arabic or Hebrew: short words before it may be written together with it
    words: list[int] = field(default_factory=list)  # terms that are all here, and end as a word ends
    stems: list[int] = field(default_factory=list)  # terms that are all here, and may go on
    #: The other terms with their further words, by the first letter of these: where the head ends as a word ends, and
    #: where it goes on.
    after_word: "_Tails" = field(default_factory=dict)
    after_stem: "_Tails" = field(default_factory=dict)
    goes_on: bool = False  # there are stems, or tails behind one


_Tails = dict[str, list[tuple[int, tuple[_Word, ...]]]]


_CHINESE = re.compile("[\u3400-\u9fff]")
_JOINING = re.compile("[\u0590-\u06ff]")


def _is_chinese(text: str) -> bool:
    return not text.isascii() and _CHINESE.search(text) is not None


def _joins_words(text: str) -> bool:
    """Return whether the script is Arabic or Hebrew."""
    return not text.isascii() and _JOINING.search(text) is not None


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


def _cut(term: str) -> tuple[str, _Head, bool, tuple[_Word, ...]]:
    """Return the letters of a term's head, a head of its script, whether it ends in a stem, and the words behind it."""
    words = _words(term)
    if not words:
        raise ValueError(f"the term {term!r} has no letter or digit")
    if _is_chinese(term):
        return " ".join(word.letters for word in words), _Head(is_chinese=True, joins=False), False, ()
    if _joins_words(term):
        return words[0].letters, _Head(is_chinese=False, joins=True), words[0].is_stem, words[1:]
    stems = [index for index, word in enumerate(words) if word.is_stem]
    cut = stems[0] + 1 if stems else len(words)
    head = " " + " ".join(word.letters for word in words[:cut])
    return head, _Head(is_chinese=False, joins=False), bool(stems), words[cut:]


class Matcher:
    """Finds every place where any of `terms` stands; hits name terms by their index."""

    def __init__(self, terms: Sequence[str]) -> None:
        heads: dict[str, _Head] = {}
        for number, term in enumerate(terms):
            letters, empty, is_stem, tail = _cut(term)
            head = heads.setdefault(letters, empty)
            if tail:
                for tails in (head.after_word, head.after_stem) if is_stem else (head.after_word,):
                    tails.setdefault(tail[0].letters[0], []).append((number, tail))
            else:
                (head.stems if is_stem else head.words).append(number)
        for head in heads.values():
            head.goes_on = bool(head.stems or head.after_stem)
        self._heads = list(heads.values())
        self._automaton = AhoCorasick(list(heads))

    def find(self, plain: str) -> list[Hit]:
        """Return every hit in `plain`, a folded text with a space at both ends; hits may overlap."""
        hits: list[Hit] = []
        heads = self._heads
        for number, start, end in self._automaton.find_matches_as_indexes(plain, overlapping=True):
            head = heads[number]
            ends_word = plain[end] == " "
            if head.is_chinese:
                hits += [(term, start, end) for term in head.words]
            # most heads are found inside longer words: those go before anything else is looked at
            elif ends_word or head.goes_on:
                if not head.joins:
                    start += 1  # noqa: PLW2901  (the space before it is a letter of the head)
                elif plain[start - 1] != " " and not _follows_clitic(plain, start):
                    continue
                if ends_word:
                    hits += [(term, start, end) for term in head.words]
                if head.goes_on or head.after_word:
                    _add_longer(hits, head, plain, start, end)
        return hits


def _add_longer(hits: list[Hit], head: _Head, plain: str, start: int, end: int) -> None:
    """Add the terms of `head` that go on behind its `end`; they stand at `start`, where a word begins."""
    space: int | None = end
    tails = head.after_word
    if plain[end] != " ":
        space, tails = _end_of_word(plain, end), head.after_stem
    if space is None:
        return
    hits += [(term, start, space) for term in head.stems]
    if tails:
        for term, tail in _beginning_with(tails, plain, space + 1, head.joins):
            last = _end_of(tail, plain, space, head.joins)
            if last is not None:
                hits.append((term, start, last))


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
