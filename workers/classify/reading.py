"""Reading: the evidence for each topic in an article, as the packs say. Pure; the packs are read once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from workers.classify.entities.actors import ORGANISATION
from workers.classify.entities.names import Mention
from workers.classify.entities.naming import FIELDS, Names, find_names
from workers.classify.entities.nearby import CountriesNearby
from workers.classify.matching.fold import Folded
from workers.classify.matching.matcher import Matcher, is_short
from workers.classify.matching.score import (
    OPENING_CHARACTERS,
    Span,
    is_outside,
    joined_up,
    lead_of,
    near,
    place,
    total,
    without_overlaps,
)
from workers.classify.probability.features import Reading, Weighed
from workers.domain.values import Band


class Rule(Protocol):
    """Words of all `groups` within `within` words of one another weigh `weight`, where `countries` are named nearby."""

    @property
    def groups(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def within(self) -> int: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102
    @property
    def countries(self) -> int: ...  # noqa: D102


class Pack(Protocol):
    """What the classifier reads of a topic pack (`config/topics.py` has the real one)."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def title_weight(self) -> float: ...  # noqa: D102
    @property
    def lead_weight(self) -> float: ...  # noqa: D102
    @property
    def rules(self) -> Sequence[Rule]: ...  # noqa: D102

    def weighted_terms(self) -> Iterable[tuple[str, str, float]]:
        """Give (language, term, weight)."""
        ...

    def grouped_terms(self) -> Iterable[tuple[str, str, str]]:
        """Give (language, term, group)."""
        ...

    def grouped_organisations(self) -> Iterable[tuple[str, str]]:
        """Give (organisation, group): its names in every language are words of the group."""
        ...

    def masks(self) -> Iterable[tuple[str, str]]:
        """Give (language, phrase): evidence inside such a phrase does not count."""
        ...

    def band(self, probability: float) -> Band:
        """Return how a probability is read."""
        ...


class _Role(Enum):
    EVIDENCE = 1
    MEMBER = 2  # of a group
    MASK = 3


_EVIDENCE, _MEMBER, _MASK = _Role


#: A language without short words in the packs; in a text of an undetermined one they all count.
_ELSEWHERE, _UNDETERMINED = "", "und"


class _Use(NamedTuple):
    """What a term means to one topic, in one language."""

    topic: int
    role: _Role
    only_in: str | None  # a short word counts in its own language alone
    weight: float = 0.0
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Topic:
    """The numbers of a pack, read once."""

    id: str
    title_weight: float
    lead_weight: float
    rules: tuple[Rule, ...]


@dataclass(slots=True)
class _Found:
    """What was found of one topic in one field, in places of the padded fold."""

    evidence: list[tuple[int, int, float, int]]  # start, end, weight, key
    members: defaultdict[str, list[tuple[int, int]]]
    masks: list[tuple[int, int]]


class Reader:
    """Finds the evidence for the topics of `packs`. Made once; the same text always reads the same."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self._topics = tuple(_Topic(p.id, p.title_weight, p.lead_weight, tuple(p.rules)) for p in packs)
        uses: dict[str, list[_Use]] = {}
        for topic, pack in enumerate(packs):
            for language, term, weight in pack.weighted_terms():
                uses.setdefault(term, []).append(_Use(topic, _EVIDENCE, _only_in(language, term), weight))
            for language, term, group in pack.grouped_terms():
                uses.setdefault(term, []).append(_Use(topic, _MEMBER, _only_in(language, term), group=group))
            for language, term in pack.masks():
                uses.setdefault(term, []).append(_Use(topic, _MASK, _only_in(language, term)))
        self._terms = tuple(uses)
        self._uses_in = _by_language(list(uses.values()))
        self._matcher = Matcher(self._terms)
        self._organisations: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for topic, pack in enumerate(packs):
            for organisation, group in pack.grouped_organisations():
                self._organisations[organisation].append((topic, group))
        asks_countries = any(rule.countries for topic in self._topics for rule in topic.rules)
        self._asks_names = asks_countries or bool(self._organisations)
        self._rules = {topic.id: topic.rules for topic in self._topics}

    def read(self, title: Folded, text: Folded, language: str, names: Names | None = None) -> Reading:
        """Return the evidence for every topic that has any.

        `language` is an ISO 639-1 code or "und"; it only decides on short words that mean different things in
        different languages, so that mixed or misjudged texts lose next to nothing. `names` is what `find_names` gives
        of the same article, for whoever has it already.
        """
        texts = dict(zip(FIELDS, (title, text), strict=True))
        if names is None:
            names = find_names(texts, language) if self._asks_names else dict.fromkeys(FIELDS, ())
        nearby = CountriesNearby(texts, names)
        spans: defaultdict[int, list[Span]] = defaultdict(list)
        for field, folded in texts.items():
            for topic, found in self._find(folded.plain, language, names[field]).items():
                spans[topic] += self._weigh(field, found, folded.plain, self._topics[topic], nearby)
        has_title = bool(title.text.strip())
        opening = 0 if has_title else OPENING_CHARACTERS
        topics = {
            self._topics[topic].id: self._weighed(self._topics[topic], spans[topic], lead_of(language), opening)
            for topic in sorted(spans)
            if spans[topic]
        }
        return Reading(language, has_title, len(text.text), topics)

    def told(self, topic: str, key: int) -> str:
        """Return what fired, by the `key` of a span: the term as the pack writes it, or the rule in short words."""
        if key >= 0:
            return self._terms[key]
        rule = self._rules[topic][-1 - key]
        countries = f", {rule.countries} countries" if rule.countries else ""
        return f"{' + '.join(rule.groups)} within {rule.within}{countries}"

    def _find(self, plain: str, language: str, names: Iterable[Mention]) -> dict[int, _Found]:
        """Collect the hits of one field by topic."""
        topics: dict[int, _Found] = {}
        uses = self._uses_in.get(language, self._uses_in[_ELSEWHERE])
        for term, start, end in self._matcher.find(plain):
            for topic, role, _, weight, group in uses[term]:
                found = topics.get(topic)
                if found is None:
                    found = topics[topic] = _nothing()
                if role is _EVIDENCE:
                    found.evidence.append((start, end, weight, term))
                elif role is _MEMBER:
                    found.members[group].append((start, end))
                else:
                    found.masks.append((start, end))
        for name in names if self._organisations else ():
            for topic, group in self._organisations.get(name.id, ()) if name.kind == ORGANISATION else ():
                topics.setdefault(topic, _nothing()).members[group].append((name.start, name.end))
        return topics

    @staticmethod
    def _weigh(field: str, found: _Found, plain: str, topic: _Topic, nearby: CountriesNearby) -> list[Span]:
        """Return the evidence of one topic in one field, masks applied and overlaps resolved."""
        masks = joined_up(found.masks)
        evidence = found.evidence
        if masks:
            evidence = [hit for hit in evidence if is_outside(masks, hit[0], hit[1])]
        spans = without_overlaps([Span(field, *hit) for hit in evidence])
        members: dict[str, list[tuple[int, int]]] = {}  # of the groups of rules that may fire: most cannot
        for number, rule in enumerate(topic.rules):
            if not all(group in found.members for group in rule.groups):
                continue
            for group in rule.groups:
                if group not in members:
                    hits = sorted(set(found.members[group]))
                    members[group] = [hit for hit in hits if is_outside(masks, *hit)] if masks else hits
            # rules have keys below zero, so that they never meet the number of a term
            joined = [
                Span(field, start, end, rule.weight, -1 - number)
                for start, end in near([members[group] for group in rule.groups], rule.within, plain)
                if nearby.are_at_least(rule.countries, field, start, end)
            ]
            spans += without_overlaps(joined)
        return spans

    @staticmethod
    def _weighed(topic: _Topic, spans: Sequence[Span], lead: int, opening: int) -> Weighed:
        places = tuple(
            place(
                s.field,
                s.start,
                title=topic.title_weight,
                lead=topic.lead_weight,
                lead_characters=lead,
                opening=opening,
            )
            for s in spans
        )
        score = total((s.key, s.weight, p) for s, p in zip(spans, places, strict=True))
        return Weighed(tuple(spans), places, score)


def _nothing() -> _Found:
    return _Found([], defaultdict(list), [])


def _only_in(language: str, term: str) -> str | None:
    return language if is_short(term) else None


def _by_language(uses: Sequence[Sequence[_Use]]) -> dict[str, list[Sequence[_Use]]]:
    """Return the uses of each term that count in texts of a language, for all languages that have short words."""
    own = {use.only_in for of_term in uses for use in of_term if use.only_in is not None}
    common: list[Sequence[_Use]] = [
        of_term if all(use.only_in is None for use in of_term) else [use for use in of_term if use.only_in is None]
        for of_term in uses
    ]
    found = {_ELSEWHERE: common, _UNDETERMINED: list(uses)}
    for language in sorted(own):
        found[language] = list(common)
    for term, of_term in enumerate(uses):
        for language in {use.only_in for use in of_term if use.only_in is not None}:
            found[language][term] = [use for use in of_term if use.only_in in (None, language)]
    return found
