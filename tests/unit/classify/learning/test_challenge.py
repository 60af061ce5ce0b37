from collections.abc import Sequence
from typing import Any

import pytest

from workers.classify.learning.challenge import (
    FITS,
    Challenger,
    Figures,
    Ground,
    Judged,
    Suggestion,
    challenge,
    compare,
    figures,
    is_worse,
    judge,
    judge_out_of_fold,
    suggestions,
    without,
)
from workers.classify.learning.training import FOLDS, Labelled, Read, outer_part
from workers.classify.matching.score import Span
from workers.classify.probability.calibration import ENOUGH, Calibration
from workers.classify.probability.features import NAMES, Reading, Weighed
from workers.classify.probability.model import Model

THRESHOLDS = {"a": 0.5, "b": 0.4}
#: Says 0.95 wherever there is evidence.
SURE = Model(3.0, (0.0,) * len(NAMES), Calibration({}, {}))


def read(number: int, *, about: str = "", touch: str = "", evidence: str = "a", group: int | None = None) -> Read:
    """Return an article whose reader named the letters of `about`, with evidence for those of `evidence`."""
    # of a rule, which training counts however few articles have it
    weighed = {topic: Weighed((Span("text", 0, 3, 4.0, key=-1),), (1.0,), 4.0) for topic in evidence}
    article = Labelled("en", f"{number}", "", frozenset(about), frozenset(touch))
    return Read(number, number if group is None else group, article, Reading("en", True, 500, weighed))


def judged(topic: str, *pairs: tuple[float, bool]) -> list[Judged]:
    return [Judged(number, topic, probability, label) for number, (probability, label) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Figures(0.0, None, {})),
        # by the topic's own threshold; without a flag and a positive a topic has no figure
        (judged("a", (0.5, True)) + judged("b", (0.39, False)), Figures(1.0, None, {"a": 1.0})),
        (judged("a", (0.49, True)) + judged("b", (0.4, True)), Figures(2 / 3, None, {"a": 0.0, "b": 1.0})),
        (judged("a", (0.9, True), (0.9, False), (0.1, True)), Figures(0.5, None, {"a": 0.5})),
        # the mean is of topics with enough positives
        (
            judged("a", *[(0.9, True)] * ENOUGH) + judged("b", *[(0.1, True)] * ENOUGH),
            Figures(2 / 3, 0.5, {"a": 1.0, "b": 0.0}),
        ),
        (
            judged("a", *[(0.9, True)] * ENOUGH) + judged("b", *[(0.1, True)] * (ENOUGH - 1)),
            Figures(pytest.approx(30 / 44), 1.0, {"a": 1.0, "b": 0.0}),
        ),
    ],
)
def test_figures_are_f1_at_the_packs_thresholds(found: list[Judged], expected: Figures) -> None:
    assert figures(found, THRESHOLDS) == expected


@pytest.mark.parametrize(
    ("old", "new", "worse"),
    [(0.9, 0.9, False), (0.9, 0.95, False), (0.9, 0.89, False), (0.9, 0.8899, True), (0.0, 0.0, False)],
)
def test_worse_is_by_more_than_a_point_of_micro_f1(old: float, new: float, worse: bool) -> None:
    assert is_worse(Figures(old, 0.5, {}), Figures(new, 0.9, {})) is worse


def test_every_pair_is_judged_but_those_that_are_only_touched() -> None:
    found = judge(SURE, [read(7, about="ab", evidence="ac"), read(8, touch="a", evidence="a")], ["b", "a"])
    assert found == [Judged(7, "a", 0.9526, True), Judged(7, "b", 0.0, True), Judged(8, "b", 0.0, False)]


def corpus() -> list[Read]:
    """Return 60 articles, one in three about its topic; what starts alike is of one group."""
    return [read(n, about="a" if n % 3 == 0 else "", evidence="a", group=n // 2) for n in range(60)]


def test_out_of_fold_no_article_is_judged_by_what_was_learned_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[set[int]] = []

    def trained(samples: Sequence[Any], told: Any) -> Model:
        learned.append({sample.group for sample in samples})
        return Model(float(len(learned)), (0.0,) * len(NAMES), Calibration({}, {}))

    monkeypatch.setattr("workers.classify.learning.challenge.train", trained)
    reads = corpus()
    found = judge_out_of_fold(reads, ["a"])
    groups = {one.number: one.group for one in reads}
    assert [one.article for one in found] == list(range(60))
    by_model = sorted({one.probability for one in found})  # each model says something else
    for one in found:
        assert groups[one.article] not in learned[by_model.index(one.probability)]
    assert [len({outer_part(group) for group in of_part}) for of_part in learned] == [FOLDS - 1] * FOLDS


def test_a_challenger_is_the_model_and_what_its_method_says_out_of_fold() -> None:
    fits: list[None] = []
    made = challenge(corpus(), ["a"], told=lambda: fits.append(None))
    assert len(fits) == FITS
    assert len(made.learned) == len(made.out_of_fold) == 60
    assert made.out_of_fold == judge_out_of_fold(corpus(), ["a"])
    assert made.out_of_fold != judge(made.model, corpus(), ["a"])


def test_there_must_be_something_to_learn() -> None:
    with pytest.raises(ValueError, match="only look so"):
        challenge([read(n, about="a") for n in range(30)], ["a"])


def test_a_ground_that_was_learned_from_is_judged_out_of_fold() -> None:
    reads = [read(0, about="a"), read(1), read(2, about="a")]
    # out of fold it finds nothing, as it is it flags everything
    made = Challenger(SURE, [], judged("a", (0.1, True), (0.1, False), (0.1, True)))
    never = Model(-9.0, (0.0,) * len(NAMES), Calibration({}, {}))
    for is_apart, micro in ((True, 0.8), (False, 0.0)):
        old, new = compare(never, made, Ground("g", reads, is_apart), {"a": 0.5})
        assert (old.micro, round(new.micro, 3)) == (0.0, micro)
    # of a part of what was learned from only that part counts
    assert compare(SURE, made, Ground("g", reads[1:2]), {"a": 0.5})[1].topics == {}


def test_what_is_kept_apart_is_not_learned_from_however_it_is_numbered() -> None:
    reads = [read(0, group=5), read(1, group=6), read(2, group=5)]
    assert without(reads, [read(0, group=5)]) == [reads[1]]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (judged("a", *[(0.32, True)] * ENOUGH), [Suggestion("a", ENOUGH, 0.5, 0.0, 0.3, 1.0)]),
        (judged("a", *[(0.32, True)] * (ENOUGH - 1)), []),
        (judged("a", *[(0.9, True)] * ENOUGH, (0.1, False)), []),
        (judged("a", *[(0.9, True)] * 20, *[(0.62, False)] * 10), [Suggestion("a", 20, 0.5, 0.8, 0.65, 1.0)]),
        # one false flag in 200 is no reason to move
        (judged("a", *[(0.9, True)] * 200, (0.55, False)), []),
    ],
)  # fmt: skip
def test_another_threshold_is_suggested_where_it_is_clearly_better(
    found: list[Judged], expected: list[Suggestion]
) -> None:
    assert suggestions(found, THRESHOLDS) == expected
