import math

import pytest

from workers.classify.probability.logistic import Row, fit, logistic


@pytest.mark.parametrize(("value", "expected"), [(0, 0.5), (1e9, 1.0), (-1e9, 0.0), (math.log(3), 0.75)])
def test_logistic_never_overflows(value: float, expected: float) -> None:
    assert logistic(value) == pytest.approx(expected, abs=1e-12)


def test_a_bias_becomes_the_log_odds_of_the_labels() -> None:
    (bias,) = fit([[(0, 1.0)]] * 4, [True, True, True, False], ridge=[1e-9])
    assert bias == pytest.approx(math.log(3), abs=1e-6)


def test_offsets_are_taken_as_they_are() -> None:
    (bias,) = fit([[(0, 1.0)]] * 4, [True, True, True, False], ridge=[1e-9], offsets=[1.0] * 4)
    assert bias == pytest.approx(math.log(3) - 1, abs=1e-6)


def test_the_slope_of_the_loss_is_zero_at_the_weights() -> None:
    rows: list[Row] = [[(0, x), (2, 1.0), (1, x * y)] for x in (0.0, 1.0, 2.0) for y in (-1.0, 0.5)]
    labels = [False, True, False, True, True, True]
    ridge = [0.5, 1.0, 0.1]
    weights = fit(rows, labels, ridge=ridge)
    for column in range(3):
        slope = ridge[column] * weights[column]
        for row, label in zip(rows, labels, strict=True):
            guess = logistic(sum(weights[c] * v for c, v in row))
            slope += (guess - label) * dict(row).get(column, 0.0)
        assert slope == pytest.approx(0, abs=1e-7)


def test_a_stronger_ridge_draws_weights_to_zero() -> None:
    rows: list[Row] = [[(0, 1.0)], [(0, -1.0)]]
    weak, strong = (fit(rows, [True, False], ridge=[r])[0] for r in (0.1, 10.0))
    assert 0 < strong < weak


def test_labels_that_a_line_parts_have_weights_too() -> None:
    assert fit([[(0, 1.0)]] * 3, [True] * 3, ridge=[1e-3])[0] > 3


def test_a_weight_that_may_not_be_negative_is_zero_and_the_rest_fitted_without_it() -> None:
    rows: list[Row] = [[(0, 1.0), (1, 1.0)], [(0, 1.0), (1, 3.0)], [(0, 1.0), (1, 0.5)], [(0, 1.0)]]
    labels = [False, False, True, True]
    assert fit(rows, labels, ridge=[0.1, 0.1])[1] < 0
    alone = fit([row[:1] for row in rows], labels, ridge=[0.1, 0.1])
    assert fit(rows, labels, ridge=[0.1, 0.1], not_negative={1}) == alone
    assert alone[1] == 0


def test_no_rows_give_weights_of_zero() -> None:
    assert fit([], [], ridge=[1.0, 1.0]) == [0.0, 0.0]
