"""A new model beside the one in force: what both say of the same labelled articles, and whether the new one may stand.

The champion is judged as it is. A challenger is judged as it is on articles that it was not trained on, and on those
that it was by out-of-fold predictions: the same method, fitted on the other parts. The champion may have been trained
on these too and is not fitted anew, for nobody knows what on. That favours it a little (a model on its own 1,221
articles against its method out of fold, with three states of the packs: micro-F1 +0.000 to +0.005, macro -0.001 to
+0.011), which makes the rule stricter, never laxer. Micro-F1 decides, for macro-F1 of few positives is noise of that
size; that no topic is given up is what the packs' examples see to, of which every topic has about as many. Pure.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from workers.classify.learning.training import FOLDS, Read, Sample, attested, outer_part, samples, train
from workers.classify.probability.calibration import ENOUGH
from workers.classify.probability.logistic import logistic
from workers.classify.probability.model import Model

#: A challenger whose micro-F1 is lower by more than this is refused: less is noise (docs/classification.md).
TOLERANCE = 0.01

#: Fits of a challenger: the model itself, and once for each part left out; `train` fits `FOLDS` + 1 times.
FITS = (FOLDS + 1) * (FOLDS + 1)

#: Thresholds that are tried for a suggestion.
STEPS = tuple(n / 20 for n in range(1, 20))


class Judged(NamedTuple):
    """One topic of one article: the model's probability, 0 without evidence, and what is true."""

    article: int
    topic: str
    probability: float
    label: bool


class Challenger(NamedTuple):
    """A new model, with what it was made of and what its method says out of fold."""

    model: Model
    learned: list[Sample]
    out_of_fold: list[Judged]


class Ground(NamedTuple):
    """Labelled articles on which two models are compared."""

    name: str
    reads: Sequence[Read]
    is_apart: bool = False  # the challenger was not trained on them


class Figures(NamedTuple):
    """F1 at the packs' thresholds: over all pairs, as a mean of topics, and of each topic."""

    micro: float
    macro: float | None  # of the topics with at least `ENOUGH` positives; None: there is no such topic
    topics: Mapping[str, float]  # of every topic with a positive or a flag


class Suggestion(NamedTuple):
    """A threshold that would have been better for a topic than its pack's."""

    topic: str
    positives: int
    threshold: float
    f1: float
    better: float  # the threshold that is suggested ...
    better_f1: float  # ... and its F1


def without(reads: Iterable[Read], apart: Iterable[Read]) -> list[Read]:
    """Return `reads` without the articles that are also among those kept apart, or that begin like one."""
    groups = {read.group for read in apart}
    return [read for read in reads if read.group not in groups]


def challenge(reads: Sequence[Read], topics: Collection[str], told: Callable[[], None] = lambda: None) -> Challenger:
    """Return the model that is learned from `reads`. `told` is called after each of the `FITS` fits.

    Raises ValueError when there is nothing to learn.
    """
    learned = samples(attested(reads), topics)
    return Challenger(train(learned, told), learned, judge_out_of_fold(reads, topics, told))


def compare(
    champion: Model, challenger: Challenger, ground: Ground, thresholds: Mapping[str, float]
) -> tuple[Figures, Figures]:
    """Return the figures of the champion and of the challenger on one ground."""
    if ground.is_apart:
        new = judge(challenger.model, ground.reads, thresholds)
    else:
        numbers = {read.number for read in ground.reads}
        new = [one for one in challenger.out_of_fold if one.article in numbers]
    old = judge(champion, ground.reads, thresholds)
    return figures(old, thresholds), figures(new, thresholds)


def judge(model: Model, reads: Sequence[Read], topics: Collection[str]) -> list[Judged]:
    """Return what a model says of every topic of every article, without those that an article only touches."""
    said = {(s.number, s.topic): _probability(model, s) for s in samples(reads, topics)}
    return _all_pairs(reads, topics, said)


def judge_out_of_fold(
    reads: Sequence[Read], topics: Collection[str], told: Callable[[], None] = lambda: None
) -> list[Judged]:
    """Return the same, each part of the articles judged by a model that was trained on the others.

    `told` is called after each of the `FOLDS` x (`FOLDS` + 1) fits. Raises ValueError when there is nothing to learn.
    """
    said: dict[tuple[int, str], float] = {}
    for part in range(FOLDS):
        inside = [read for read in reads if outer_part(read.group) != part]
        outside = samples([read for read in reads if outer_part(read.group) == part], topics)
        if outside:
            model = train(samples(attested(inside), topics), told)
            said |= {(s.number, s.topic): _probability(model, s) for s in outside}
    return _all_pairs(reads, topics, said)


def _probability(model: Model, sample: Sample) -> float:
    value = model.calibration(model.value(sample.numbers), sample.topic, sample.language)
    return round(logistic(value), 4)  # as a flag tells it


def _all_pairs(reads: Iterable[Read], topics: Collection[str], said: Mapping[tuple[int, str], float]) -> list[Judged]:
    return [
        Judged(read.number, topic, said.get((read.number, topic), 0.0), topic in read.article.about)
        for read in reads
        for topic in sorted(topics)
        if topic not in read.article.touch
    ]


def figures(judged: Iterable[Judged], thresholds: Mapping[str, float]) -> Figures:
    """Return F1 of what was judged, flagged from each topic's threshold on."""
    topics = _by_topic(judged)
    counted = {topic: _counts(of_topic, thresholds[topic]) for topic, of_topic in topics.items()}
    common = [_f1(*counted[topic]) for topic, of_topic in topics.items() if _positives(of_topic) >= ENOUGH]
    return Figures(
        micro=_f1(*(sum(one[n] for one in counted.values()) for n in range(3))),
        macro=sum(common) / len(common) if common else None,
        topics={topic: _f1(*one) for topic, one in counted.items() if any(one)},
    )


def is_worse(champion: Figures, challenger: Figures) -> bool:
    """Return whether the micro-F1 of the challenger is lower by more than `TOLERANCE`."""
    return round(champion.micro - challenger.micro, 10) > TOLERANCE  # ten digits: 0.9 - 0.89 is 0.01 and no more


def suggestions(judged: Iterable[Judged], thresholds: Mapping[str, float]) -> list[Suggestion]:
    """Return the topics, of those with at least `ENOUGH` positives, that another threshold would serve better.

    Better is by more than `TOLERANCE`; of equals it is the one nearest to the pack's.
    """
    found = []
    for topic, of_topic in _by_topic(judged).items():
        positives, now = _positives(of_topic), thresholds[topic]
        if positives < ENOUGH:
            continue
        f1 = {step: _f1(*_counts(of_topic, step)) for step in {*STEPS, now}}
        best = min(f1, key=lambda step: (-f1[step], abs(step - now), step))
        if f1[best] - f1[now] > TOLERANCE:
            found.append(Suggestion(topic, positives, now, f1[now], best, f1[best]))
    return found


def _by_topic(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    topics: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        topics[one.topic].append(one)
    return {topic: topics[topic] for topic in sorted(topics)}


def _positives(judged: Iterable[Judged]) -> int:
    return sum(one.label for one in judged)


def _counts(judged: Iterable[Judged], threshold: float) -> tuple[int, int, int]:
    """Return hits, false flags and misses."""
    pairs = [(one.probability >= threshold, one.label) for one in judged]
    return pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True))


def _f1(hits: int, false: int, missed: int) -> float:
    return 2 * hits / (2 * hits + false + missed) if hits else 0.0
