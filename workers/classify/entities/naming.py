"""Who and where in an article: what its title and text name, and who acts together, as bounded lists of exact spans."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from workers.classify.entities.actors import ORGANISATION
from workers.classify.entities.names import Mention
from workers.classify.entities.pairs import acting_together, deed_words
from workers.classify.entities.places import COUNTRY, Places, main_countries
from workers.classify.matching.fold import Folded
from workers.classify.matching.score import lead_of
from workers.domain.values import CountryPair, NamedCountry, NamedOrganisation, TextSpan

#: The parts of an article, in the order in which they are read.
FIELDS = ("title", "text")

#: An article names a handful of countries; a table of all of them would only make every reader's page longer.
MAX_NAMES = 30
#: Where a name stands first; `count` tells of the others.
MAX_SPANS = 3

#: What title and text name, each in its order.
Names = Mapping[str, tuple[Mention, ...]]


@cache
def shipped_places() -> Places:
    """Return the finder of names, made once a process: 0.1 s, 8 MB."""
    return Places()


def prepare() -> None:
    """Make what is made once a process, so that the first article need not wait and children share it."""
    shipped_places()
    deed_words()


def find_names(texts: Mapping[str, Folded], language: str) -> Names:
    """Return the countries and organisations in title and text; `language` as `Places.find` takes it."""
    return {field: shipped_places().find(texts[field], language) for field in FIELDS}


def countries_of(texts: Mapping[str, Folded], names: Names, language: str) -> tuple[NamedCountry, ...]:
    """Return the countries of an article, the one with the greatest share first."""
    shares = main_countries(names["title"], names["text"], lead_characters=lead_of(language))
    places = _by_id(names, COUNTRY)
    return tuple(
        NamedCountry(
            code=code,
            count=len(places[code]),
            share=round(share, 2),
            spans=_spans(texts, places[code]),
        )
        for code, share in shares[:MAX_NAMES]
    )


def organisations_of(texts: Mapping[str, Folded], names: Names) -> tuple[NamedOrganisation, ...]:
    """Return the organisations of an article, the one that is named most first."""
    places = _by_id(names, ORGANISATION)
    return tuple(
        NamedOrganisation(id=name, count=len(places[name]), spans=_spans(texts, places[name]))
        for name in sorted(places, key=lambda name: (-len(places[name]), name))[:MAX_NAMES]
    )


def pairs_of(texts: Mapping[str, Folded], names: Names, language: str) -> tuple[CountryPair, ...]:
    """Return the countries that act together in a sentence, each pair once, in the order of the text."""
    places: defaultdict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for field in FIELDS:
        for pair in acting_together(texts[field], names[field], language):
            places[pair.first, pair.second].append((field, pair.start, pair.end))
    return tuple(
        CountryPair(countries=both, count=len(found), spans=_spans(texts, found))
        for both, found in list(places.items())[:MAX_NAMES]
    )


def text_span(texts: Mapping[str, Folded], field: str, start: int, end: int) -> TextSpan:
    """Return the piece of the stored text that `start:end` of the padded fold of `field` was made from."""
    first, last = texts[field].span(start, end)
    return TextSpan(field=field, start=first, end=last, text=texts[field].text[first:last])


def _by_id(names: Names, kind: str) -> dict[str, list[tuple[str, int, int]]]:
    places: dict[str, list[tuple[str, int, int]]] = {}
    for field in FIELDS:
        for mention in names[field]:
            if mention.kind == kind:
                places.setdefault(mention.id, []).append((field, mention.start, mention.end))
    return places


def _spans(texts: Mapping[str, Folded], places: Iterable[tuple[str, int, int]]) -> tuple[TextSpan, ...]:
    # a letter that folds to several may hold the halves of one word: one span is told once
    spans: dict[TextSpan, None] = {}
    for place in places:
        if len(spans) == MAX_SPANS:
            break
        spans[text_span(texts, *place)] = None
    return tuple(spans)
