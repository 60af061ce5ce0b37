"""Pairs of countries that a sentence tells to act together."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import combinations, groupby, pairwise
from typing import NamedTuple

from workers.classify.entities.names import Mention, Names, parse
from workers.classify.entities.places import COUNTRY
from workers.classify.matching.fold import Folded
from workers.classify.matching.score import is_outside, joined_up

TOGETHER = "together"
WEAKLY = "weakly"  # together, but only between the two names: "a man from Iran met a friend"
AGAINST = "against"
NEITHER = "neither"  # no word inside such a phrase counts: "the fight against crime"

#: A sentence that lists more countries says who was there, not who acts with whom; it also bounds the work.
MAX_COUNTRIES = 5

#: Two countries of one deed, and the word for it, stand no further apart (letters of the fold, some 20 words): longer
#: sentences, and texts without full stops, tell of several things.
MAX_APART = 120

#: What stands between two names that are told as one: "Iran and the US", "Iran-Iraq", "ирано-иракский", "中俄"; in
#: Arabic two adjectives in a row.
_JOINED = re.compile(
    r"(?:\.|['’]s)?\s*(?:[-–—/&、]?|"  # "U.S. and", "Iran's and"
    r"(?:and|with|et|avec|y|e|con|und|mit|ve|ile|и|с|со|та|і|й|з|із|жана|менен|و|وال|ال|مع|با|اور|ו|וה|和|与|與|及|同|跟)"
    r"(?:\s+(?:the|la|le|les|el|los|die|der|den)\b|\s+l['’])?)\s*",
    re.IGNORECASE,
)

#: A word that joins what comes before with the second name, at most two words further on: "and his Iraqi".
_JOINER = re.compile(
    r"(?:\b(?:and|with|et|avec|y|con|und|mit|ve|ile|и|с|со|та|з|із|жана|менен|و|مع|با|اور)\b|&)(?:\s+\S+){0,2}\s*$",
    re.IGNORECASE,
)

#: What stands before a deed that is not done, with at most one word between: "no direct talks", "没有签署".
_DENIED = re.compile(
    r"\b(?:no|not|never|without|neither|nor|cannot|denie[sd]|reject(?:s|ed)|refuse[sd]|pas|aucune?|sans|sin|ningún|kein\w*|"
    r"nicht|ohne|не|нет|без|немає|لا|لم|لن|بدون|دون|عدم|بغیر|לא|אין|ללא)\s+(?:\w+\s+)?$|(?:不|未|没有|沒有|无|無|拒绝|拒絕)$",
    re.IGNORECASE,
)
_LONGEST_DENIAL = 40


class Pair(NamedTuple):
    """Two countries (`first` < `second`) that act together at `start:end` of the padded fold."""

    first: str
    second: str
    start: int
    end: int
    is_told: bool  # by a word of cooperation or a meeting; else they are only named as one ("Iran-Iraq border")


@cache
def deed_words() -> Names:
    """Return the finder of words that say how countries act, made once a process (10 ms)."""
    table = files("workers.classify.entities").joinpath("data", "deeds.tsv").read_text("utf-8")
    return Names(parse(table, "deed"))


class _Deed(NamedTuple):
    start: int
    end: int
    what: str


def acting_together(folded: Folded, mentions: Sequence[Mention], language: str) -> tuple[Pair, ...]:
    """Return the pairs of countries that act together in a sentence, in the order of the text, each once a sentence.

    `mentions` is what `Places.find` gave of the same text. Two countries act together when a word of cooperation or of
    a meeting is near them, or when they are named as one and no deed is. Near a word of a fight or a deed that is
    denied, and for words that say little ("met"), the deed or a joiner ("and", "with") must stand between the names.
    """
    countries = [m for m in mentions if m.kind == COUNTRY]
    if len({m.id for m in countries}) < 2:
        return ()
    ends = [start for start, _ in folded.sentence_ends]
    sentences = groupby(countries, key=lambda m: bisect_left(ends, folded.span(m.start, m.end)[0]))
    candidates = {sentence: found for sentence, named in sentences if (found := _candidates(list(named)))}
    if not candidates:
        return ()
    deeds = _deeds(folded, language, candidates.keys(), ends)
    pairs: list[Pair] = []
    for sentence, close in candidates.items():
        pairs += _in_sentence(folded, close, deeds[sentence])
    return tuple(pairs)


def _deeds(folded: Folded, language: str, sentences: Iterable[int], ends: Sequence[int]) -> dict[int, list[_Deed]]:
    """Return the words of deeds in these `sentences` by their place; one that is denied counts as a word of a fight.

    A sentence is known by how many of `ends` stand before it.
    """
    found = deed_words().find(folded, language)
    phrases = joined_up((f.start, f.end) for f in found if f.id == NEITHER)
    deeds: dict[int, list[_Deed]] = {sentence: [] for sentence in sentences}
    for f in found:
        first = folded.span(f.start, f.end)[0]
        of_sentence = deeds.get(bisect_left(ends, first))
        if of_sentence is None or f.id == NEITHER or not is_outside(phrases, f.start, f.end):
            continue
        is_denied = _DENIED.search(folded.text[max(first - _LONGEST_DENIAL, 0) : first]) is not None
        of_sentence.append(_Deed(f.start, f.end, AGAINST if is_denied else f.id))
    return deeds


def _in_sentence(folded: Folded, close: Sequence[tuple[Mention, Mention]], deeds: Sequence[_Deed]) -> list[Pair]:
    found: dict[tuple[str, str], Pair] = {}
    for one, other in close:
        first, second = sorted((one.id, other.id))
        if (first, second) in found:
            continue
        near = _near(deeds, one, other)
        word = _telling(folded, near, one, other)
        if word is not None:
            start, end = min(one.start, word.start), max(other.end, word.end)
            found[first, second] = Pair(first, second, start, end, is_told=True)
        elif not near and _are_joined(_between(folded, one, other)):
            found[first, second] = Pair(first, second, one.start, other.end, is_told=False)
    return sorted(found.values(), key=lambda p: (p.start, p.end, p.first, p.second))


def _near(deeds: Sequence[_Deed], one: Mention, other: Mention) -> list[_Deed]:
    """Return the deeds, sorted by their place, that are no further than `MAX_APART` from both names."""
    low = bisect_left(deeds, one.start - 2 * MAX_APART, key=lambda deed: deed.start)  # a deed is shorter than that
    high = bisect_left(deeds, other.end + MAX_APART + 1, key=lambda deed: deed.start)
    return [deed for deed in deeds[low:high] if _gap(deed, one, other) <= MAX_APART]


def _telling(folded: Folded, near: Sequence[_Deed], one: Mention, other: Mention) -> _Deed | None:
    """Return the nearest word that tells that the two countries act together, or None."""
    inside = [deed for deed in near if one.end <= deed.start and deed.end <= other.start]
    told = [deed for deed in near if deed.what != AGAINST]
    if not told or any(deed.what == AGAINST for deed in inside):
        return None
    between = _between(folded, one, other)
    if not (_are_joined(between) or _JOINER.search(between)):
        is_fight = len(told) < len(near)
        told = [deed for deed in told if deed in inside or not (is_fight or deed.what == WEAKLY)]
    return min(told, key=lambda deed: _gap(deed, one, other), default=None)


def _gap(deed: _Deed, one: Mention, other: Mention) -> int:
    return max(deed.start - other.end, one.start - deed.end, 0)


def _candidates(named: Sequence[Mention]) -> list[tuple[Mention, Mention]]:
    """Return pairs of mentions of different countries that are close: neighbours, then the others of a short list."""
    if len({m.id for m in named}) < 2:
        return []
    firsts = sorted({m.id: m for m in reversed(named)}.values(), key=lambda m: m.start)[:MAX_COUNTRIES]
    pairs = [*pairwise(named), *combinations(firsts, 2)]
    return [(a, b) for a, b in pairs if a.id != b.id and b.start - a.end <= MAX_APART]


def _between(folded: Folded, one: Mention, other: Mention) -> str:
    return folded.text[folded.span(one.start, one.end)[1] : folded.span(other.start, other.end)[0]]


def _are_joined(between: str) -> bool:
    return len(between) <= 20 and not between.isspace() and _JOINED.fullmatch(between) is not None
