"""Whether enough different countries are named around a place in an article."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import cached_property

from workers.classify.entities.naming import Names
from workers.classify.entities.places import COUNTRY
from workers.classify.matching.fold import Folded

#: Of a text without sentences, so many characters before and behind a place are near it. It also bounds the work.
REACH = 400


class CountriesNearby:
    """Knows the countries near any place: in the title, in the sentence of the place, and in the ones beside it.

    The title counts as the sentence before the text.
    """

    def __init__(self, texts: Mapping[str, Folded], names: Names) -> None:
        self._texts = texts
        self._names = names

    def are_at_least(self, wanted: int, field: str, start: int, end: int) -> bool:
        """Return whether `wanted` different countries are named near `start:end` of the padded fold of `field`."""
        if wanted <= len(self._in_title):
            return True
        if wanted > self._in_all:
            return False
        found = set(self._in_title)
        low, high = self._around(field, start, end)
        places = self._in_text
        at = bisect_left(places, (low, ""))
        while len(found) < wanted and at < len(places) and places[at][0] < high:
            found.add(places[at][1])
            at += 1
        return len(found) >= wanted

    def _around(self, field: str, start: int, end: int) -> tuple[int, int]:
        """Return the piece of the stored text in which countries are near."""
        bounds = self._bounds
        if field == "title":
            return 0, min(bounds[1], REACH)
        first, last = self._texts["text"].span(start, end)
        low = bounds[max(bisect_right(bounds, first) - 2, 0)]
        high = bounds[min(bisect_left(bounds, last) + 1, len(bounds) - 1)]
        return max(low, first - REACH), min(high, last + REACH)

    @cached_property
    def _in_title(self) -> frozenset[str]:
        return frozenset(name.id for name in self._names["title"] if name.kind == COUNTRY)

    @cached_property
    def _in_all(self) -> int:
        """How many different countries the article names."""
        return len(self._in_title.union(country for _, country in self._in_text))

    @cached_property
    def _in_text(self) -> list[tuple[int, str]]:
        """Where each country is named in the stored text."""
        text = self._texts["text"]
        return [(text.span(n.start, n.end)[0], n.id) for n in self._names["text"] if n.kind == COUNTRY]

    @cached_property
    def _bounds(self) -> list[int]:
        """Where the sentences of the stored text begin, and its end."""
        text = self._texts["text"]
        return [0, *(end for _, end in text.sentence_ends), len(text.text)]
