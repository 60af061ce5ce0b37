"""Folding: one plain form of a text in which spellings of the same word are the same letters.

The fold of a text holds letters, digits and spaces only. It is made character by character (a table, linear time), so
that every place in it leads back to the exact place in the stored text.
"""

import re
import sys
import unicodedata
from bisect import bisect_right
from functools import cache, cached_property
from importlib.resources import files

from workers.classify.matching.sentences import sentence_ends

#: Letters that differ by keyboard or habit, not by meaning, and that Unicode does not decompose.
_SAME_LETTER = {
    "ى": "ي",  # alef maksura
    "ی": "ي",  # Persian yeh
    "ے": "ي",  # Urdu yeh barree
    "ې": "ي",  # Pashto e
    "ک": "ك",  # Persian kaf
    "ګ": "گ",  # Pashto gaf
    "ة": "ه",  # teh marbuta
    "ە": "ه",
    "ھ": "ه",
    "ہ": "ه",  # Urdu heh goal
    "ۃ": "ه",
    "ٱ": "ا",  # alef wasla
    "ı": "i",  # Turkish dotless i: capitals of both i's fold to the same letter elsewhere
    "ø": "o",
    "đ": "d",
    "ł": "l",
}
_TATWEEL = "ـ"


@cache
def _simplified() -> dict[str, str]:
    """Return the simplified form of each traditional Chinese character that our terms need."""
    table = files("workers.classify.matching").joinpath("data", "traditional.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {old: new for new, forms in rows for old in forms}


def is_traditional(text: str) -> bool:
    """Return whether `text` has a traditional Chinese character that folds to a simplified one."""
    return not text.isascii() and any(c in _simplified() for c in text)


def _fold_character(character: str) -> str:
    category = unicodedata.category(character)
    if character == _TATWEEL or category in {"Mn", "Me"}:
        return ""
    if category == "Cf":  # soft hyphen, joiners, direction marks; the half-space (ZWNJ) separates like a space
        return " " if character == "\u200c" else ""
    if not character.isalnum():
        return " "
    decomposed = unicodedata.normalize("NFKD", character).casefold()
    kept = (_SAME_LETTER.get(c) or _simplified().get(c, c) for c in decomposed if c.isalnum() and c != _TATWEEL)
    # NFC puts Korean syllables together again; for all other scripts nothing is left to compose.
    folded = unicodedata.normalize("NFC", "".join(kept))
    return "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in folded) or " "


class _Table(dict[int, str]):
    """The fold of each code point met so far; each is worked out once. `uneven` do not fold to one character."""

    def __init__(self) -> None:
        self.uneven: list[str] = []

    def __missing__(self, code_point: int) -> str:
        folded = _fold_character(chr(code_point))
        if len(folded) != 1:
            self.uneven.append(chr(code_point))
        self[code_point] = folded  # last: another thread that has it must know of the uneven ones
        return folded


_TABLE = _Table()
_ASCII = str.maketrans({c: _fold_character(c) for c in map(chr, range(128))})


def fold(text: str) -> str:
    """Return the folded form of `text`: lower case, no diacritics, one letter per sound, punctuation as spaces."""
    return text.translate(_ASCII if text.isascii() else _TABLE)


class Folded:
    """A text beside its fold. `plain` is the fold with a space at both ends, so that every word has two neighbours."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = f" {fold(text)} "

    @cached_property
    def sentence_ends(self) -> list[tuple[int, int]]:
        """The spans of the text that end its sentences (`workers.classify.matching.sentences`)."""
        return [match.span() for match in sentence_ends(self.text)]

    @cached_property
    def _pieces(self) -> list[tuple[int, int, bool]]:
        """The pieces of the fold that go one to one with the text: (start in the fold, start in the text, True).

        A letter that folds to several is a piece of its own, with False: all its places lead to one. Nearly every text
        is a single piece.
        """
        pieces = [(0, 0, True)]
        if self.text.isascii() or not _TABLE.uneven:
            return pieces
        shift = 0  # how far the fold runs ahead of the text
        for match in re.finditer(f"[{''.join(_TABLE.uneven)}]", self.text):
            at, length = match.start(), len(_TABLE[ord(match[0])])
            if length > 1:
                pieces.append((at + shift, at, False))
            shift += length - 1
            pieces.append((at + 1 + shift, at + 1, True))
        return pieces

    def _source(self, place: int) -> int:
        """Return the index of the character of the text that stands at `place` of the unpadded fold."""
        # the last piece that begins at or before: (place, infinity) sorts behind every piece that begins at place
        start, source, is_even = self._pieces[bisect_right(self._pieces, (place, sys.maxsize, True)) - 1]
        return source + place - start if is_even else source

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open span of the text that the non-empty span `start`, `end` of `plain` was made from.

        The span never begins or ends outside the text, whatever spaces stand at the ends of `plain`.
        """
        start = start - 1 if start else 0
        end = end - 1 if end < len(self.plain) else end - 2
        if len(self._pieces) == 1:
            return start, end
        return self._source(start), self._source(end - 1) + 1
