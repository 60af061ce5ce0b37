import pytest

from benchmarks.measures import Bin, Counts, Judged, average_precision, bins, brier, calibration_error, counts


def judged(*pairs: tuple[float, bool]) -> list[Judged]:
    return [Judged(number, "t", "en", probability, label) for number, (probability, label) in enumerate(pairs)]


def test_counts_say_what_was_flagged_rightly_wrongly_and_not() -> None:
    found = counts(judged((0.9, True), (0.5, True), (0.6, False), (0.2, True), (0.1, False)))
    assert found == Counts(hits=2, false=1, missed=1)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 2 / 3, 2 / 3)


def test_a_lower_threshold_flags_more() -> None:
    assert counts(judged((0.2, True)), threshold=0.2) == Counts(1, 0, 0)


def test_figures_of_nothing_are_zero() -> None:
    none = counts([])
    assert (none.precision, none.recall, none.f1) == (0, 0, 0)
    assert average_precision([]) == calibration_error([]) == brier([]) == 0


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0.9, True), (0.8, True), (0.1, False)], 1.0),
        ([(0.9, False), (0.8, True)], 1 / 2),
        ([(0.9, True), (0.8, False), (0.7, True)], (1 + 2 / 3) / 2),
        ([(0.5, True), (0.5, False)], 1 / 2),  # whichever of equals comes first
        ([(0.5, False), (0.5, True)], 1 / 2),
    ],
)
def test_average_precision_is_the_mean_precision_at_the_positives(
    pairs: list[tuple[float, bool]], expected: float
) -> None:
    assert average_precision(judged(*pairs)) == pytest.approx(expected)


def test_bins_hold_what_is_near_one_another() -> None:
    assert bins(judged((0.81, True), (0.89, False), (1.0, True))) == [
        Bin(2, pytest.approx(0.85), 0.5),
        Bin(1, 1.0, 1.0),
    ]


def test_calibration_error_is_the_distance_from_what_came_true() -> None:
    assert calibration_error(judged((0.8, True), (0.8, False))) == pytest.approx(0.3)
    assert calibration_error(judged(*[(0.75, True)] * 3, (0.75, False))) == 0


def test_brier_is_the_mean_squared_error() -> None:
    assert brier(judged((1.0, True), (0.5, False))) == pytest.approx(0.125)
