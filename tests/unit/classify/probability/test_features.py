import pytest

from workers.classify.matching.score import Span, total
from workers.classify.probability.features import EVIDENCE, NAMES, Reading, Weighed, features


def reading(*spans: tuple[int, float, float], title: bool = True, characters: int = 1000) -> Reading:
    """Make a reading of one topic `t` from (key, weight, place)."""
    made = tuple(Span("text", 10 * n, 10 * n + 5, weight, key) for n, (key, weight, _) in enumerate(spans))
    places = tuple(where for *_, where in spans)
    return Reading("en", title, characters, {"t": Weighed(made, places, total(spans))})


def named(one: Reading) -> dict[str, float]:
    return dict(zip(NAMES, features(one, "t"), strict=True))


def test_the_score_is_cut_in_pieces_that_add_up() -> None:
    pieces = [features(reading((1, score, 1.0)), "t")[:3] for score in (1.0, 3.0, 6.0, 20.0)]
    assert pieces == [(0.5, 0.0, 0.0), (1.0, 0.5, 0.0), (1.0, 1.0, 0.5), (1.0, 1.0, 1.0)]


def test_different_terms_are_counted_by_what_they_weigh_and_repeats_once() -> None:
    found = named(reading((1, 3.0, 1.0), (1, 3.0, 1.0), (2, 1.5, 1.0), (3, 0.5, 1.0), (-1, 3.0, 1.0)))
    counted = [found[name] for name in ("strong terms", "medium terms", "weak terms", "rules")]
    assert counted == [pytest.approx(0.6931, abs=1e-4)] * 4


def test_more_evidence_is_never_less() -> None:
    spans = [(1, 3.0, 2.0), (2, 1.5, 1.0), (3, 0.5, 1.0), (-1, 2.0, 1.5)]
    before = features(reading(), "t")
    for count in range(1, len(spans) + 1):
        now = features(reading(*spans[:count]), "t")
        assert all(new >= old for new, old in zip(now[: len(EVIDENCE)], before[: len(EVIDENCE)], strict=True))
        before = now


@pytest.mark.parametrize(("characters", "brief"), [(0, 1.0), (399, 1.0), (400, 0.0)])
def test_a_brief_is_known_as_such(characters: int, brief: float) -> None:
    assert named(reading((1, 3.0, 1.0), characters=characters))["brief"] == brief


def test_a_missing_title_is_known() -> None:
    assert named(reading((1, 3.0, 1.0), title=False))["untitled"] == 1.0
