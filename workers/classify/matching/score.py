"""From hits to a score: what a hit weighs, by where it stands and how often it was seen.

Score of a topic = sum over its terms and rules of
    weight x (place of the best hit + a falling share of the places of its repeats)
where the place of a hit is the pack's title weight, its lead weight, or a share that falls with the distance from the
beginning of the text. What a score is worth is learned (workers/classify/probability/model.py).
"""

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

#: The score at which a topic is about as likely as not: one strong term (weight 3) told once in the lead (x 1.5).
MIDPOINT = 4.0

#: News is written in the inverted pyramid: the lead answers who, what, where in about this many characters.
LEAD_CHARACTERS = 400
LEAD_CHARACTERS_CHINESE = 150  # a Chinese character says what about three letters say elsewhere

#: A brief without a title tells its news in its first words; they count as the title does.
OPENING_CHARACTERS = 150

#: At this many characters into the body a mention counts half. (With 3,000, whole articles on politics got twice the
#: flags of their first 1,000 characters; with 800, topics told in the second half of a report were lost.)
HALF_AT = 2000

#: The second mention of a term adds 30 % of a first one, the third 9 %: a word repeated is not new evidence. (0.2 to
#: 0.3 measured best on labelled news; at 0.5 three times as many quiet items are flagged.)
REPEAT = 0.3


def lead_of(language: str) -> int:
    """Return how many characters of a text are its lead."""
    return LEAD_CHARACTERS_CHINESE if language == "zh" else LEAD_CHARACTERS


class Span(NamedTuple):
    """A piece of evidence in one field: `key` tells the term or rule, so that repeats are known as such."""

    field: str
    start: int
    end: int
    weight: float
    key: int


def place(field: str, start: int, *, title: float, lead: float, lead_characters: int, opening: int) -> float:
    """Return how much a hit counts at `start` of `field`, beside 1.0 at the beginning of the body.

    The first `opening` characters of the text count as a title (0 when there is one), the first `lead_characters` as
    the lead.
    """
    if field == "title" or start < opening:
        return title
    if start < lead_characters:
        return lead
    return HALF_AT / (HALF_AT + start - lead_characters)


def without_overlaps(spans: Sequence[Span]) -> list[Span]:
    """Keep the heaviest, then longest, of spans that overlap: "border police" is not also "border" and "police"."""
    if len(spans) < 2:
        return list(spans)
    taken: dict[str, list[tuple[int, int]]] = {}
    kept = []
    for span in sorted(spans, key=lambda s: (-s.weight, s.start - s.end, s.field, s.start, s.key)):
        of_field = taken.setdefault(span.field, [])
        at = bisect_left(of_field, (span.start, span.end))
        if at and of_field[at - 1][1] > span.start:
            continue
        if at < len(of_field) and of_field[at][0] < span.end:
            continue
        of_field.insert(at, (span.start, span.end))
        kept.append(span)
    return kept


def joined_up(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the places that any of `spans` covers, as sorted spans that do not touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def is_outside(covered: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Return whether the span `start`, `end` overlaps none of `covered`, as `joined_up` gives it."""
    before = bisect_left(covered, (end,)) - 1
    return before < 0 or covered[before][1] <= start


def total(weighted_places: Iterable[tuple[int, float, float]]) -> float:
    """Add up (key, weight, place) of the hits of one topic, with repeats of a key falling off."""
    places: dict[int, list[float]] = {}
    weights: dict[int, float] = {}
    for key, weight, where in weighted_places:
        places.setdefault(key, []).append(where)
        weights[key] = weight
    return sum(
        weights[key] * sum(where * REPEAT**n for n, where in enumerate(sorted(of_key, reverse=True)))
        for key, of_key in places.items()
    )


_CHINESE = re.compile("[\u3400-\u9fff]+")


def words_between(plain: str, start: int, end: int) -> int:
    """Return about how many words `plain[start:end]` spans; a word of Chinese is taken as two characters."""
    spaces = plain.count(" ", start, end)
    if plain[start] < "\u3400":
        return spaces
    return spaces + sum(map(len, _CHINESE.findall(plain, start, end))) // 2


def near(groups: Sequence[Sequence[tuple[int, int]]], within: int, plain: str) -> list[tuple[int, int]]:
    """Return the spans in which a member of every group stands within `within` words of the others.

    `groups` holds for each group the (start, end) of its hits, sorted. Each hit of the rarest group is joined with the
    nearest hit of every other one; one that overlaps it does not count.
    """
    if not all(groups):
        return []
    anchor, *others = sorted(groups, key=len)
    spans = []
    for start, end in anchor:
        first, last = start, end
        for other in others:
            nearest = _nearest(other, start, end)
            if nearest is None:
                break
            first, last = min(first, nearest[0]), max(last, nearest[1])
        else:
            # 100 characters a word is more than any script writes: a cheap way out before words are counted
            if last - first < 100 * within and words_between(plain, first, last) <= within:
                spans.append((first, last))
    return spans


def _nearest(hits: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """Return the hit with the smallest gap to `start:end`, the earlier of two equals, none that overlaps it."""
    at = bisect_left(hits, (start, end))
    nearest, least = None, sys.maxsize
    for hit in hits[max(at - 3, 0) : at + 3]:
        gap = start - hit[1] if hit[1] <= start else hit[0] - end  # below zero: it overlaps
        if 0 <= gap < least:
            nearest, least = hit, gap
    return nearest
