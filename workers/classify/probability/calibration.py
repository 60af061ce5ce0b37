"""Calibration: a probability that means what it says, for each topic and each language.

Platt's method (a slope and an offset of the model's value, learned from values for articles that the model was not
fitted on), with the slopes and offsets of topics and languages drawn towards none: few labels say little, and then the
value of all topics together stands.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from workers.classify.probability.logistic import fit

#: Fewer positives than this say nothing of a topic or a language of its own.
ENOUGH = 15

#: How strongly slopes and offsets are drawn to none: as strongly as about 40 articles in doubt (each counts 1/4).
RIDGE = 10.0


class Platt(NamedTuple):
    """What is added to the model's value z: `slope` x z + `offset`."""

    slope: float = 0.0
    offset: float = 0.0

    def rounded(self) -> "Platt":
        """Return it with six digits after the point: more say nothing and differ between machines."""
        return Platt(round(self.slope, 6), round(self.offset, 6))


NONE = Platt()


class Valued(NamedTuple):
    """One article and topic: what the model says (a log-odds) and what is true."""

    topic: str
    language: str
    value: float
    label: bool


class Calibration(NamedTuple):
    """The additions for topics and languages; one that is not there adds nothing."""

    topics: Mapping[str, Platt]
    languages: Mapping[str, Platt]

    def __call__(self, value: float, topic: str, language: str) -> float:
        """Return the calibrated log-odds of the model's `value`."""
        one, other = self.topics.get(topic, NONE), self.languages.get(language, NONE)
        # a value further up is never less probable, whatever the labels were
        slope = max(1.0 + one.slope + other.slope, 0.0)
        return slope * value + one.offset + other.offset


def calibrate(valued: Sequence[Valued]) -> Calibration:
    """Return the calibration that `valued`, values for articles the model was not fitted on, ask for."""
    topics = _common(v.topic for v in valued if v.label)
    languages = _common(v.language for v in valued if v.label)
    places = {("topic", name): 2 * n for n, name in enumerate(topics)}
    places |= {("language", name): 2 * (len(topics) + n) for n, name in enumerate(languages)}
    rows = []
    for one in valued:
        at = [places[key] for key in (("topic", one.topic), ("language", one.language)) if key in places]
        rows.append([pair for place in at for pair in ((place, one.value), (place + 1, 1.0))])
    weights = fit(
        rows,
        [one.label for one in valued],
        ridge=[RIDGE] * (2 * len(places)),
        offsets=[one.value for one in valued],
    )
    found = {key: Platt(weights[place], weights[place + 1]).rounded() for key, place in places.items()}
    return Calibration(
        topics={name: found["topic", name] for name in topics},
        languages={name: found["language", name] for name in languages},
    )


def _common(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count >= ENOUGH)
