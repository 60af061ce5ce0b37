"""Finding thousands of terms in a folded text, in one linear pass.

A term is one or more words. A word that ends in `*` is a stem: it stands for every word that begins with it. What may
stand before a word depends on the script: nothing in Latin or Cyrillic (no "ynet" in "Gwyneth"), the short words that
Arabic and Hebrew write together with the next one, anything in Chinese, which does not separate words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from workers.classify.fold import fold

#: What Arabic, Persian and Hebrew write as one word with the next: article, "and", "in", "to", "so", "like", "anti".
_CLITICS = frozenset(
    (
        *("", "ال", "و", "ف", "ب", "ل", "ك", "وال", "فال", "بال", "كال", "لل", "ولل", "وب", "ول", "فب", "وبال"),
        *("ضد", "وضد"),
        *("ה", "ב", "ל", "מ", "ו", "ש", "כ", "וה", "וב", "ול", "ומ", "שה", "מה", "לה", "בה", "כש"),
    )
)
_LONGEST_CLITIC = max(map(len, _CLITICS))
_ARTICLES = ("ال", "ה")

#: What follows a stem has at most so many letters. Longer is no word but a text without spaces, or made up to be shown
#: whole wherever evidence is.
LONGEST_ENDING = 60


class Hit(NamedTuple):
    """Term number `term` stands at `start:end` of the padded fold."""

    term: int
    start: int
    end: int


class _Word(NamedTuple):
    letters: str
    is_stem: bool


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What must follow once the head was found by the automaton."""

    term: int
    pad: int  # spaces at the beginning of the head that do not belong to the term
    last_is_stem: bool  # of the words within the head
    tail: tuple[_Word, ...]
    joins: bool  # Arabic or Hebrew: short words before it may be written together with it


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


def _compile(number: int, term: str) -> tuple[str, _Pattern]:
    """Return the head (the letters that the automaton looks for) and what is checked where it is found."""
    words = _words(term)
    if not words:
        raise ValueError(f"the term {term!r} has no letter or digit")
    if _is_chinese(term):
        return " ".join(word.letters for word in words), _Pattern(number, 0, False, (), False)
    if _joins_words(term):
        return words[0].letters, _Pattern(number, 0, words[0].is_stem, words[1:], True)
    stems = [index for index, word in enumerate(words) if word.is_stem]
    cut = stems[0] + 1 if stems else len(words)
    head = " " + " ".join(word.letters for word in words[:cut])
    return head, _Pattern(number, 1, bool(stems), words[cut:], False)


class Matcher:
    """Finds every place where any of `terms` stands; hits name terms by their index."""

    def __init__(self, terms: Sequence[str]) -> None:
        heads: dict[str, list[_Pattern]] = {}
        for number, term in enumerate(terms):
            head, pattern = _compile(number, term)
            heads.setdefault(head, []).append(pattern)
        self._patterns = list(heads.values())
        #: Those of which the head may be followed by more letters.
        self._stems = [[pattern for pattern in patterns if pattern.last_is_stem] for patterns in heads.values()]
        self._anywhere = [_is_chinese(head) for head in heads]
        self._joins = [patterns[0].joins for patterns in heads.values()]  # one head, one script
        self._automaton = AhoCorasick(list(heads))

    def find(self, plain: str) -> Iterator[Hit]:
        """Yield each hit in `plain`, a folded text with a space at both ends; hits may overlap."""
        for head, start, end in self._automaton.find_matches_as_indexes(plain, overlapping=True):
            if self._anywhere[head]:
                for pattern in self._patterns[head]:
                    yield Hit(pattern.term, start, end)
                continue
            # most heads are found inside longer words: those go before any pattern is looked at
            patterns = self._patterns[head] if plain[end] == " " else self._stems[head]
            if not patterns or (self._joins[head] and not _begins_word(plain, start)):
                continue
            for pattern in patterns:
                last = _end_of(pattern, plain, end)
                if last is not None:
                    yield Hit(pattern.term, start + pattern.pad, last)


def _begins_word(plain: str, start: int) -> bool:
    """Return whether nothing but a clitic stands between `start` and the space before it."""
    space = plain.rfind(" ", max(start - _LONGEST_CLITIC - 1, 0), start)
    return space >= 0 and plain[space + 1 : start] in _CLITICS


def _end_of(pattern: _Pattern, plain: str, at: int) -> int | None:
    """Return where the term ends whose head ends at `at`, or None when the rest of it is not there."""
    is_stem = pattern.last_is_stem
    for word in pattern.tail:
        space = _end_of_word(plain, at) if is_stem else at
        if space is None or plain[space] != " ":
            return None
        begin = space + 1
        if not plain.startswith(word.letters, begin):
            if not pattern.joins:
                return None
            article = next((a for a in _ARTICLES if plain.startswith(a + word.letters, begin)), None)
            if article is None:
                return None
            begin += len(article)
        at, is_stem = begin + len(word.letters), word.is_stem
    if is_stem:
        return _end_of_word(plain, at)
    return at if plain[at] == " " else None


def _end_of_word(plain: str, at: int) -> int | None:
    """Return where the word ends whose stem ends at `at`, or None when it is too long for one."""
    space = plain.find(" ", at, at + LONGEST_ENDING + 1)
    return space if space >= 0 else None
