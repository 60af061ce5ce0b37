"""Measures of a classifier: what precision, recall, F1, average precision and calibration error are here. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

#: Probabilities are compared with what came true in so many equally wide parts of 0 to 1.
BINS = 10


class Judged(NamedTuple):
    """One topic of one article: the classifier's probability, 0 without evidence, and the reader's verdict."""

    article: int
    topic: str
    language: str
    probability: float
    label: bool


class Counts(NamedTuple):
    """True and false positives and misses, with what follows from them."""

    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of flags that are right; 0 without flags."""
        return self.hits / (self.hits + self.false) if self.hits else 0.0

    @property
    def recall(self) -> float:
        """Share of positives that were flagged; 0 without positives."""
        return self.hits / (self.hits + self.missed) if self.hits else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / (2 * self.hits + self.false + self.missed) if self.hits else 0.0


class Bin(NamedTuple):
    """The judged whose probabilities are near one another: how many, their mean, and the share that came true."""

    size: int
    mean: float
    came_true: float


def counts(judged: Iterable[Judged], threshold: float = 0.5) -> Counts:
    """Count flags, taken from `threshold` on, against verdicts."""
    hits = false = missed = 0
    for one in judged:
        flagged = one.probability >= threshold
        hits += flagged and one.label
        false += flagged and not one.label
        missed += one.label and not flagged
    return Counts(hits, false, missed)


def average_precision(judged: Iterable[Judged]) -> float:
    """Return the mean, over the positives, of the precision down to their rank; equal probabilities share a rank."""
    ranked = sorted(judged, key=lambda one: -one.probability)
    positives = sum(one.label for one in ranked)
    if not positives:
        return 0.0
    total, hits, since = 0.0, 0, 0
    for seen, one in enumerate(ranked, 1):
        since += one.label
        if seen == len(ranked) or ranked[seen].probability != one.probability:
            hits += since
            total += since * hits / seen
            since = 0
    return total / positives


def bins(judged: Sequence[Judged]) -> list[Bin]:
    """Return the parts of 0 to 1 that hold any of `judged`, from low to high."""
    parts: list[list[Judged]] = [[] for _ in range(BINS)]
    for one in judged:
        parts[min(int(one.probability * BINS), BINS - 1)].append(one)
    return [
        Bin(len(part), sum(j.probability for j in part) / len(part), sum(j.label for j in part) / len(part))
        for part in parts
        if part
    ]


def calibration_error(judged: Sequence[Judged]) -> float:
    """Return the expected calibration error: how far the probabilities of each bin are from what came true."""
    if not judged:
        return 0.0
    return sum(part.size * abs(part.mean - part.came_true) for part in bins(judged)) / len(judged)


def brier(judged: Sequence[Judged]) -> float:
    """Return the mean squared error of the probabilities."""
    return sum((j.probability - j.label) ** 2 for j in judged) / len(judged) if judged else 0.0
