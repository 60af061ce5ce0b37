"""Training: from labelled articles to a model. Pure and deterministic: the same articles give the same bytes."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from workers.classify.matching.fold import Folded, fold
from workers.classify.matching.score import total
from workers.classify.probability.calibration import Calibration, Valued, calibrate
from workers.classify.probability.features import EVIDENCE, NAMES, Reading, Weighed, features
from workers.classify.probability.logistic import Row, fit
from workers.classify.probability.model import Model
from workers.classify.reading import Reader

#: The weights are drawn to 0 as four articles in doubt would (each counts 1/4); 0.3 to 3 gave the same figures.
RIDGE = 1.0

#: The calibration is learned from values for articles outside the fit: each of so many parts is left out once.
FOLDS = 5

#: Articles that share so many letters at the beginning are one story told twice.
GROUP_LETTERS = 100

_BIAS = len(NAMES)


class Labelled(NamedTuple):
    """An article and the topics that a reader found: a topic in neither set is absent."""

    language: str
    title: str
    text: str
    about: frozenset[str]
    touch: frozenset[str]  # mentioned only: neither a positive nor a negative


class Read(NamedTuple):
    """A labelled article and the evidence in it."""

    number: int
    group: int  # articles that begin alike are of one group, which is never split between fitting and judging
    article: Labelled
    reading: Reading


class Sample(NamedTuple):
    """One topic with evidence in one labelled article."""

    number: int  # of the article
    group: int
    topic: str
    language: str
    score: float
    numbers: tuple[float, ...]
    label: bool


def outer_part(group: int) -> int:
    """Return the part of a group in an evaluation, 0 to `FOLDS` - 1."""
    return group % FOLDS


def inner_part(group: int) -> int:
    """Return the part of a group in training; it does not follow from the outer one."""
    return group // FOLDS % FOLDS


def group_of(title: str, text: str) -> int:
    """Return a number below 2^32 that articles with the same beginning share."""
    beginning = "".join(fold(f"{title} {text}").split())[:GROUP_LETTERS]
    return int.from_bytes(hashlib.sha256(beginning.encode("utf-8", "replace")).digest()[:4], "big")


def read_all(articles: Iterable[Labelled], reader: Reader) -> list[Read]:
    """Return `articles` with their evidence."""
    return [
        Read(
            number=number,
            group=group_of(article.title, article.text),
            article=article,
            reading=reader.read(Folded(article.title), Folded(article.text), article.language),
        )
        for number, article in enumerate(articles)
    ]


def attested(reads: Sequence[Read], part_of: Callable[[int], int] = inner_part) -> list[Read]:
    """Return `reads` without the terms that articles of a single part have.

    Whoever writes a pack reads the labelled articles too, and takes up words of a single one. New articles have such
    words as well, but the pack does not: what is left is the evidence that a new article would have given.
    """
    parts: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for read in reads:
        for topic, weighed in read.reading.topics.items():
            for span in weighed.spans:
                parts[topic, span.key].add(part_of(read.group))
    # rules are few and general: they stay (their keys are below 0)
    rare = {of_topic for of_topic, seen in parts.items() if len(seen) == 1 and of_topic[1] >= 0}
    return [read._replace(reading=_without(read.reading, rare)) for read in reads]


def _without(reading: Reading, rare: Collection[tuple[str, int]]) -> Reading:
    topics = {}
    for topic, (spans, places, _) in reading.topics.items():
        kept = [(span, where) for span, where in zip(spans, places, strict=True) if (topic, span.key) not in rare]
        if kept:
            score = total((span.key, span.weight, where) for span, where in kept)
            topics[topic] = Weighed(tuple(span for span, _ in kept), tuple(where for _, where in kept), score)
    return reading._replace(topics=topics)


def samples(reads: Iterable[Read], topics: Collection[str]) -> list[Sample]:
    """Return a sample for every topic of `topics` with evidence in an article, without those that it only touches."""
    return [
        Sample(
            number=read.number,
            group=read.group,
            topic=topic,
            language=read.article.language,
            score=weighed.score,
            numbers=features(read.reading, topic),
            label=topic in read.article.about,
        )
        for read in reads
        for topic, weighed in read.reading.topics.items()
        if topic in topics and topic not in read.article.touch
    ]


def train(learned: Sequence[Sample], told: Callable[[], None] = lambda: None) -> Model:
    """Return the model of `learned`. `told` is called after each of the `FOLDS` + 1 fits.

    Raises ValueError when there is nothing to learn: no sample, or all of one label.
    """
    if len({sample.label for sample in learned}) < 2:
        raise ValueError("there must be articles about a topic and articles that only look so")
    valued: list[Valued] = []
    for part in range(FOLDS):
        outside = [s for s in learned if inner_part(s.group) == part]
        inside = [s for s in learned if inner_part(s.group) != part]
        if outside and inside:
            model = _fitted(inside)
            valued += [Valued(s.topic, s.language, model.value(s.numbers), s.label) for s in outside]
        told()
    model = _fitted(learned)
    told()
    return Model(model.bias, model.weights, calibrate(valued))


def _fitted(learned: Sequence[Sample]) -> Model:
    """Return the model that fits `learned` best, without calibration."""
    weights = fit(
        [_row(s.numbers) for s in learned],
        [s.label for s in learned],
        ridge=[RIDGE] * len(NAMES) + [1e-6],  # the bias may be what it must be
        not_negative=range(len(EVIDENCE)),
    )
    rounded = [round(weight, 6) + 0.0 for weight in weights]  # + 0.0: no "-0.0"
    return Model(rounded[_BIAS], tuple(rounded[:_BIAS]), Calibration({}, {}))


def _row(numbers: Sequence[float]) -> Row:
    return [*((column, value) for column, value in enumerate(numbers) if value), (_BIAS, 1.0)]
