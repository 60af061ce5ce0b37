"""Where sentences end, in the scripts of our languages."""

import re
from collections.abc import Iterator

#: What may end a sentence, with what closes it: a mark, or the end of a line. A full stop only before a space or
#: a closing mark ("3.7 million" goes on), and not behind an initial ("U.S. troops").
#: (The set of marks stands first, and what a full stop needs behind it: `re` leaps from mark to mark.)
_END = re.compile(
    r"[.。！？؟۔।!?…\n](?:(?<!\.)|(?<!\b[A-ZА-Я]\.)(?=[\s\"'»”’)\]]|$))[.。！？؟۔।!?…\"'»”’)\]」』]*\s*",
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that are written short, with a full stop, in the middle of a sentence. Our own list.
_ABBREVIATIONS = _words(
    "vs dr prof e.g i.e u.s u.k u.n bzw z.b d.h ca str vb г гг ул им тыс млн млрд руб долл проф ген"
)
#: These only with a capital: without it some are words ("sen" is Turkish for you).
_TITLES = _words("mr mrs ms gen col lt sgt maj capt sen rep gov st adm brig hon messrs mme mlle sr sra srta sn")
#: These only before a number: "No. 5", "Jan. 3".
_BEFORE_NUMBERS = _words("no nr art jan feb mar apr jun jul aug sep sept oct nov dec")
#: Months that follow a day with a full stop ("3. Mai"): German, Turkish.
_MONTHS = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember "
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık"
)
_LONGEST_ABBREVIATION = 8
_LONGEST_MONTH = 12

_WORD = re.compile(r"\w+")

#: A sentence is shown up to this many characters: some 50 words, more than nearly every sentence of the news.
LONGEST = 300


def sentence_ends(text: str, start: int = 0, stop: int | None = None) -> Iterator[re.Match[str]]:
    """Yield what ends each sentence of `text[start:stop]`: its marks and the spaces behind them. Linear time.

    A full stop of an abbreviation ("Gen. Smith") or of an ordinal number ("3. Mai", "3. toplantı") ends none.
    """
    for match in _END.finditer(text, start, len(text) if stop is None else stop):
        if match[0].rstrip(" \xa0") != "." or not _goes_on(text, match.start(), match.end()):
            yield match


def _goes_on(text: str, dot: int, following: int) -> bool:
    """Return whether the sentence goes on behind the full stop at `dot`; the next word begins at `following`."""
    before = text[max(dot - _LONGEST_ABBREVIATION, 0) : dot].split()
    word = before[-1].lstrip("(\"'«“„‘[") if before else ""
    lower = word.lower()
    if lower in _ABBREVIATIONS or (lower in _TITLES and word[0].isupper()):
        return True
    following_word = _WORD.match(text, following, following + _LONGEST_MONTH)
    if following_word is None:
        return False
    after = following_word[0]
    if lower in _BEFORE_NUMBERS:
        return after[0].isdigit()
    return word.isdecimal() and (after[0].islower() or after.lower() in _MONTHS)


def sentence_at(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of the sentence around `text[start:end]`, without the spaces at its ends.

    It holds at most `LONGEST` characters: of a longer one the part around the span, at whole words where the script
    has any. `text[start:end]` must not be blank. The time does not depend on the length of the text.
    """
    low, high = max(start - LONGEST, 0), min(end + LONGEST, len(text))
    begin = max((match.end() for match in sentence_ends(text, low, start)), default=low)
    after = next(sentence_ends(text, end, high), None)
    stop = after.end() if after else high
    if stop - begin > LONGEST:
        begin, stop = _around(text, (begin, stop), (start, end))
    piece = text[begin:stop]
    return begin + len(piece) - len(piece.lstrip()), stop - len(piece) + len(piece.rstrip())


def _around(text: str, sentence: tuple[int, int], span: tuple[int, int]) -> tuple[int, int]:
    """Return a part of `sentence` of at most `LONGEST` characters, with `span` (or its beginning) in the middle."""
    beside = max(LONGEST - (span[1] - span[0]), 0) // 2
    # what one side leaves unused, the other may have
    begin = max(sentence[0], min(span[0] - beside, sentence[1] - LONGEST))
    stop = min(sentence[1], begin + LONGEST)
    if begin > sentence[0] and (space := text.find(" ", begin, span[0])) >= 0:
        begin = space + 1
    if stop < sentence[1] and (space := text.rfind(" ", span[1], stop)) >= 0:
        stop = space
    return begin, stop
