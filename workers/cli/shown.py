"""How things look in a terminal. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

#: A sentence ends here, in the scripts of our languages.
ENDS = ".!?\n。！？؟۔"
LONGEST = 160


def sentence_around(article: Mapping[str, Any], span: Mapping[str, Any]) -> str:
    """Return the sentence of an article (`title`, `text`) around a piece of evidence, at most 160 characters."""
    text = article[span["field"]]
    start = max((text.rfind(end, 0, span["start"]) for end in ENDS), default=-1) + 1
    ends = [found for end in ENDS if (found := text.find(end, span["end"])) != -1]
    stop = min(ends) + 1 if ends else len(text)
    if stop - start > LONGEST:  # keep the evidence in sight
        start = max(start, span["start"] - LONGEST // 2)
        stop = min(stop, start + LONGEST)
    return " ".join(str(text[start:stop]).split())


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
