"""What the model knows of one topic in one article: a few numbers made of the evidence, no words of the text.

They mean the same for every topic and every language, so that a topic which nobody has labelled yet is judged by what
was learned from the others. What was tried and did not pay (docs/classification.md): scores of title, lead and body
apart, scores of the other topics, weights of each topic's own, n-grams of title and lead.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from workers.classify.matching.score import MIDPOINT, Span

#: From these weights on a term is strong or medium (`config.topics.WEIGHTS`: 3, 1.5 and 0.5).
STRONG, MEDIUM = 2.5, 1.0

#: A text below this many characters is a brief, which has no body in which a topic could come up again.
BRIEF_CHARACTERS = 400

#: The names of what `features` gives, in its order: first the evidence, of which more is never less ...
EVIDENCE = (
    "score below half the midpoint",
    "score up to the midpoint",
    "score up to twice the midpoint",
    "score beyond",
    "strong terms",
    "medium terms",
    "weak terms",
    "rules",
)
#: ... then the shape of the article.
SHAPE = ("brief", "length", "untitled")
NAMES = EVIDENCE + SHAPE


class Weighed(NamedTuple):
    """The evidence of one topic: spans, what each counts at its place (`score.place`), and their score."""

    spans: tuple[Span, ...]
    places: tuple[float, ...]
    score: float


class Reading(NamedTuple):
    """All that was found in one article, by topic; a topic without evidence is not there."""

    language: str
    has_title: bool
    characters: int  # of the text
    topics: Mapping[str, Weighed]


def features(reading: Reading, topic: str) -> tuple[float, ...]:
    """Return the numbers called `NAMES` for a topic of `reading.topics`, each from 0 to about 3."""
    spans, _, score = reading.topics[topic]
    terms = {(span.key, span.weight) for span in spans}
    words = [weight for key, weight in terms if key >= 0]
    half = MIDPOINT / 2
    return (
        min(score, half) / half,
        min(max(score - half, 0.0), half) / half,
        min(max(score - MIDPOINT, 0.0), MIDPOINT) / MIDPOINT,
        math.log1p(max(score - 2 * MIDPOINT, 0.0)),
        math.log1p(sum(weight >= STRONG for weight in words)),
        math.log1p(sum(MEDIUM <= weight < STRONG for weight in words)),
        math.log1p(sum(weight < MEDIUM for weight in words)),
        math.log1p(len(terms) - len(words)),
        float(reading.characters < BRIEF_CHARACTERS),
        math.log1p(reading.characters / 1000),
        float(not reading.has_title),
    )
