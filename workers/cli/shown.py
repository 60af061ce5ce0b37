"""How things look in a terminal. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

#: A sentence ends here, in the scripts of our languages; a full stop only before a space ("3.7 million" goes on).
ENDS = re.compile(r"[.!?؟۔](?=\s|$)|[。！？\n]")
LONGEST = 160
#: What a terminal obeys instead of showing it: controls (ESC begins most of its commands), line ends of Unicode,
#: bidirectional embeddings, overrides and isolates, and half characters.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

#: Joiners that Persian, Arabic and Indic words need; other invisible characters may turn a line round in a terminal.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Return a publisher's text on one line without what a terminal obeys: control and direction characters."""
    return " ".join("".join(map(_harmless, text)).split())


def _harmless(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "" if category in {"Cf", "Cs"} and letter not in _JOINERS else letter


def sentence_around(article: Mapping[str, Any], span: Mapping[str, Any]) -> str:
    """Return the sentence of an article (`title`, `text`) around a piece of evidence, printable.

    At most 160 characters of it.
    """
    text: str = article[span["field"]]
    before = [match.end() for match in ENDS.finditer(text, 0, span["start"])]
    after = ENDS.search(text, span["end"])
    start, stop = (before[-1] if before else 0), (after.end() if after else len(text))
    if stop - start <= LONGEST:
        return printable(text[start:stop])
    # keep the evidence in sight, and words whole
    left = max(start, span["start"] - (LONGEST - min(LONGEST, span["end"] - span["start"])) // 2)
    right = min(stop, left + LONGEST)
    if left > start and (space := text.find(" ", left, span["start"])) != -1:
        left = space
    if right < stop and (space := text.rfind(" ", span["end"], right)) != -1:
        right = space
    return ("… " if left > start else "") + printable(text[left:right]) + (" …" if right < stop else "")


def visible(text: str) -> str:
    """Return a stranger's text with each character that a terminal would obey spelled out, as `\\x1b`."""
    return OBEYED.sub(lambda match: f"\\x{code:02x}" if (code := ord(match.group())) < 256 else f"\\u{code:04x}", text)


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago, or how far ahead, a moment is."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    if size < 90:
        words = f"{size:.0f} s"
    elif size < 5_400:
        words = f"{size / 60:.0f} min"
    elif size < 172_800:
        words = f"{size / 3_600:.0f} h"
    else:
        words = f"{size / 86_400:.0f} days"
    return f"{words} ago" if seconds >= 0 else f"in {words}"
