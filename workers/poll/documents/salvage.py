"""A feed's text cut at its entries: to bound what is parsed, and to save good entries of a broken document. Pure."""

import re

from workers.poll.documents.parsed import MAX_ENTRIES

ENTRY_START = re.compile(r"<((?:\w+:)?(?:item|entry))(?=[\s>])", re.IGNORECASE)
ROOT = re.compile(r"<(?:\w+:)?(?:rss|feed|rdf)\b[^<>]{0,5000}>", re.IGNORECASE)
ENTRY_END = re.compile(r"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)
#: A tag of so many characters: parsers take time by the square of its attributes (40,000 of them: 20 s).
LONG_TAG = re.compile(r"<[A-Za-z][^<>]{20000}")


def bounded(text: str) -> tuple[str, int]:
    """Return the text with its first `MAX_ENTRIES` entries, and how many were left out.

    Before the parser sees it: feedparser takes some 0.2 ms for an entry, and 10 MB hold a million.
    """
    starts = [match.start() for match in ENTRY_START.finditer(text)]
    over = len(starts) - MAX_ENTRIES
    if over <= 0:
        return text, 0
    first_left = starts[MAX_ENTRIES]
    ends = [match.end() for match in ENTRY_END.finditer(text, first_left)]
    return text[:first_left] + (text[ends[-1] :] if ends else ""), over


def pieces(text: str) -> tuple[str, list[str]]:
    """Return the tag that the feed begins with, and each whole entry; an entry without its end is none.

    The tag (it declares the namespaces) and one entry are a document whose root stays open, which feedparser reads.
    """
    starts = [match.start() for match in ENTRY_START.finditer(text)][: MAX_ENTRIES + 1]
    if not starts:
        return "", []
    parts = []
    for start, following in zip(starts, [*starts[1:], len(text)], strict=True):
        end = ENTRY_END.search(text, start, following)
        if end is not None:
            parts.append(text[start : end.end()])
    root = ROOT.search(text, 0, starts[0])
    return root[0] if root else "<rss>", parts[:MAX_ENTRIES]
