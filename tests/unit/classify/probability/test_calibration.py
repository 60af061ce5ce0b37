import pytest

from workers.classify.probability.calibration import ENOUGH, Calibration, Platt, Valued, calibrate
from workers.classify.probability.logistic import logistic


def valued(topic: str, value: float, positives: int, negatives: int, language: str = "en") -> list[Valued]:
    return [Valued(topic, language, value, label) for label in [True] * positives + [False] * negatives]


def test_probabilities_become_what_came_true() -> None:
    # the model says 0.5, and 0.9, of topics of which 0.8 came true
    learned = calibrate(valued("low", 0.0, 800, 200, "fa") + valued("high", 2.2, 800, 200, "ru"))
    assert logistic(learned(0.0, "low", "fa")) == pytest.approx(0.8, abs=0.02)
    assert logistic(learned(2.2, "high", "ru")) == pytest.approx(0.8, abs=0.02)


def test_few_labels_move_a_probability_less_than_many() -> None:
    few, many = (calibrate(valued("t", 0.0, n, 0))(0.0, "t", "xx") for n in (ENOUGH, 10 * ENOUGH))
    assert 0 < few < many


def test_a_topic_or_language_with_too_few_positives_is_left_as_it_is() -> None:
    learned = calibrate(valued("t", 0.0, ENOUGH - 1, 100))
    assert learned == Calibration({}, {})
    assert learned(1.5, "t", "en") == 1.5


def test_languages_are_calibrated_beside_topics() -> None:
    learned = calibrate(valued("t", 0.0, 200, 20, "ar") + valued("t", 0.0, 20, 200, "tr"))
    assert learned(0.0, "t", "ar") > 0.5
    assert learned(0.0, "t", "tr") < -0.5
    assert learned(0.0, "unheard", "of") == 0.0


def test_a_higher_value_is_never_less_probable() -> None:
    upside_down = Calibration({"t": Platt(slope=-3.0, offset=0.5)}, {})
    assert upside_down(2.0, "t", "en") == upside_down(-2.0, "t", "en") == 0.5
