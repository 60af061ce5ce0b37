"""The step: article text in, a flag for every topic with evidence out. Pure; the packs are read once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from workers.classify.fold import Folded
from workers.classify.matcher import Matcher, is_short
from workers.classify.score import (
    LEAD_CHARACTERS,
    LEAD_CHARACTERS_CHINESE,
    OPENING_CHARACTERS,
    Span,
    is_outside,
    joined_up,
    near,
    place,
    probability,
    total,
    without_overlaps,
)
from workers.domain.values import Classification, Evidence, Flag

#: Name and version of the scoring; a new number whenever the same pack and text could give another probability.
MODEL = "lexicon/1"

#: Enough to see why a flag stands, the heaviest first; a long article about a topic has hundreds.
MAX_EVIDENCE = 20


class Rule(Protocol):
    """Words of all `groups` within `within` words of one another weigh `weight`."""

    @property
    def groups(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def within(self) -> int: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102


class Pack(Protocol):
    """What the classifier reads of a topic pack (`config/topics.py` has the real one)."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def threshold(self) -> float: ...  # noqa: D102
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

    def masks(self) -> Iterable[tuple[str, str]]:
        """Give (language, phrase): evidence inside such a phrase does not count."""
        ...


class _Role(Enum):
    EVIDENCE = 1
    MEMBER = 2  # of a group
    MASK = 3


class _Use(NamedTuple):
    """What a term means to one topic, in one language."""

    topic: int
    role: _Role
    only_in: str | None  # a short word counts in its own language alone
    weight: float = 0.0
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Topic:
    """The numbers of a pack, read once (a version may cost a hash)."""

    id: str
    version: str
    threshold: float
    title_weight: float
    lead_weight: float
    rules: tuple[Rule, ...]


@dataclass(slots=True)
class _Found:
    """What was found of one topic in one field, in places of the padded fold."""

    evidence: list[tuple[int, int, float, int]]  # start, end, weight, key
    members: defaultdict[str, list[tuple[int, int]]]
    masks: list[tuple[int, int]]


class Classifier:
    """Flags articles with the topics of `packs`. Made once; `classify` gives the same answer to the same text."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self._topics = tuple(
            _Topic(p.id, p.version, p.threshold, p.title_weight, p.lead_weight, tuple(p.rules)) for p in packs
        )
        uses: dict[str, list[_Use]] = {}
        for topic, pack in enumerate(packs):
            for language, term, weight in pack.weighted_terms():
                uses.setdefault(term, []).append(_Use(topic, _Role.EVIDENCE, _only_in(language, term), weight))
            for language, term, group in pack.grouped_terms():
                uses.setdefault(term, []).append(_Use(topic, _Role.MEMBER, _only_in(language, term), group=group))
            for language, term in pack.masks():
                uses.setdefault(term, []).append(_Use(topic, _Role.MASK, _only_in(language, term)))
        self._uses = list(uses.values())
        self._matcher = Matcher(list(uses))

    def classify(self, title: str, text: str, language: str) -> Classification:
        """Return a flag for every topic with evidence, most probable first.

        `language` is an ISO 639-1 code or "und"; it only decides on short words that mean different things in
        different languages, so that mixed or misjudged texts lose next to nothing.
        """
        fields = (("title", Folded(title)), ("text", Folded(text)))
        spans: defaultdict[int, list[Span]] = defaultdict(list)
        for name, folded in fields:
            for topic, found in self._find(folded.plain, language).items():
                spans[topic] += self._weigh(name, found, folded.plain, self._topics[topic])
        texts = dict(fields)
        lead = LEAD_CHARACTERS_CHINESE if language == "zh" else LEAD_CHARACTERS
        opening = 0 if title.strip() else OPENING_CHARACTERS
        flags = [
            self._flag(self._topics[topic], of_topic, texts, lead, opening)
            for topic, of_topic in spans.items()
            if of_topic
        ]
        return Classification(flags=tuple(sorted(flags, key=lambda f: (-f.probability, f.topic))), model=MODEL)

    def _find(self, plain: str, language: str) -> dict[int, _Found]:
        """Collect the hits of one field by topic."""
        topics: dict[int, _Found] = {}
        for term, start, end in self._matcher.find(plain):
            for use in self._uses[term]:
                if use.only_in is not None and language not in (use.only_in, "und"):
                    continue
                found = topics.get(use.topic)
                if found is None:
                    found = topics[use.topic] = _Found([], defaultdict(list), [])
                if use.role is _Role.EVIDENCE:
                    found.evidence.append((start, end, use.weight, term))
                elif use.role is _Role.MEMBER:
                    found.members[use.group].append((start, end))
                else:
                    found.masks.append((start, end))
        return topics

    @staticmethod
    def _weigh(field: str, found: _Found, plain: str, topic: _Topic) -> list[Span]:
        """Return the evidence of one topic in one field, masks applied and overlaps resolved."""
        masks = joined_up(found.masks)
        spans = without_overlaps(Span(field, s, e, w, k) for s, e, w, k in found.evidence if is_outside(masks, s, e))
        for number, rule in enumerate(topic.rules):
            groups = [sorted({hit for hit in found.members.get(g, ()) if is_outside(masks, *hit)}) for g in rule.groups]
            # rules have keys below zero, so that they never meet the number of a term
            joined = [Span(field, s, e, rule.weight, -1 - number) for s, e in near(groups, rule.within, plain)]
            spans += without_overlaps(joined)
        return spans

    @staticmethod
    def _flag(topic: _Topic, spans: Sequence[Span], texts: dict[str, Folded], lead: int, opening: int) -> Flag:
        places = [
            place(
                s.field,
                s.start,
                title=topic.title_weight,
                lead=topic.lead_weight,
                lead_characters=lead,
                opening=opening,
            )
            for s in spans
        ]
        value = probability(total((s.key, s.weight, p) for s, p in zip(spans, places, strict=True)))
        order = sorted(range(len(spans)), key=lambda n: (-spans[n].weight * places[n], spans[n].start, spans[n].end))
        return Flag(
            topic=topic.id,
            probability=round(value, 4),
            flagged=value >= topic.threshold,
            # a rule may find what a term has found: one span is told once
            evidence=tuple(dict.fromkeys(_evidence(spans[n], texts[spans[n].field]) for n in order))[:MAX_EVIDENCE],
            pack_version=topic.version,
        )


def _only_in(language: str, term: str) -> str | None:
    return language if is_short(term) else None


def _evidence(span: Span, folded: Folded) -> Evidence:
    start, end = folded.span(span.start, span.end)
    return Evidence(field=span.field, start=start, end=end, text=folded.text[start:end])
