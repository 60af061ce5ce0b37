"""Text that every store, message and screen can carry, with its orthography as the author wrote it."""

import re
from collections.abc import Iterable
from functools import lru_cache
from unicodedata import combining, normalize

#: Longest title kept, in characters. The longest of real headlines are under 300; the rest is a page in a title tag.
TITLE_LIMIT = 1000

#: What no text needs: C0 and C1 controls but tab and newline, soft hyphens, zero-width spaces and byte order marks,
#: bidirectional embeddings and isolates (they can hide text from a reader), lone surrogates, noncharacters.
#: Joiners (U+200C, U+200D), direction marks (U+200E, U+200F, U+061C) and all diacritics are orthography and stay.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u202a-\u202e\u2060-\u206f\ufdd0-\ufdef"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_NONCHARACTERS = re.compile(  # looked for only beyond the emoji: 32 single characters are slow to look for
    "[" + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000)) + "]"
)
_HIGH = re.compile("[\U0001fffe-\U0010ffff]")
#: Marks that a letter may carry: those of the Stream-Safe Text Format (Unicode Standard Annex 15), which no language
#: comes near. Normalization sorts the marks of a letter, in a time that grows with the square of their number.
MOST_MARKS = 30
#: Where so many may be: a row of characters that are neither letters nor digits nor ASCII. Shorter rows cannot hold
#: more than `MOST_MARKS`, since a mark stands for two marks at most.
_MARKS = re.compile(r"[^\w\s!-~]{12,}")
_BLANK_LINES = re.compile("\n{3,}")


def clean_text(text: str) -> str:
    """Make text storable and tidy of spacing: NFC, newlines as LF, no control characters, at most one blank line.

    Idempotent, and linear in the length. Letters, joiners, vowel marks and digits are left as they are: folding is for
    matching only.
    """
    text = squeeze_lines(text.splitlines())
    if not text.replace("\n", "").isprintable():  # one quick look saves most texts two searches
        text = _UNWANTED.sub("", text)
        if _HIGH.search(text):
            text = _NONCHARACTERS.sub("", text)
        text = squeeze_lines(text.split("\n"))  # what was removed may have stood between two spaces
    return normalize("NFC", _MARKS.sub(_cap_marks, text) if not text.isascii() else text)


def _cap_marks(row: re.Match[str]) -> str:
    """The characters of a row without the marks that are too many for one letter."""
    marks = _marks_of(row.string[row.start() - 1])[1] if row.start() else 0
    kept = []
    for char in row[0]:
        goes_on, own = _marks_of(char)
        marks = marks + own if goes_on else own
        if marks <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _marks_of(char: str) -> tuple[bool, int]:
    """Whether a character is a mark on what stands before it, and how many marks it is or carries."""
    parts = normalize("NFD", char)
    return combining(parts[0]) > 0, sum(1 for part in parts if combining(part))


def squeeze_lines(lines: Iterable[str]) -> str:
    """Join lines, each trimmed and with single spaces, with at most one blank line between two of them."""
    joined = "\n".join(" ".join(line.split()) for line in lines)
    return _BLANK_LINES.sub("\n\n", joined).strip("\n")


def clean_line(text: str, limit: int = TITLE_LIMIT) -> str:
    """Make a single clean line of at most `limit` characters, as titles and names need."""
    if not (text.isascii() and text.isprintable()):
        text = clean_text(text)
    return " ".join(text.split())[:limit].rstrip()
