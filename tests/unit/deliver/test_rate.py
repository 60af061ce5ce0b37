"""The token bucket of a reader."""

import pytest

from workers.deliver.api import limits
from workers.deliver.api.limits import Rate


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_reader_may_save_up_some_seconds_and_then_has_its_rate() -> None:
    clock = Clock()
    rate = Rate(2, clock)
    assert [rate.take("one") for _ in range(10)] == [0] * 10  # 5 s of 2 a second
    assert rate.take("one") == pytest.approx(0.5)
    assert rate.take("one") == pytest.approx(0.5), "a refusal costs nothing"
    clock.now += 0.5
    assert rate.take("one") == 0
    assert rate.take("one") > 0
    clock.now += 3_600
    assert [rate.take("one") > 0 for _ in range(11)] == [False] * 10 + [True], "an hour of rest saves up no more"


def test_readers_do_not_pay_for_one_another() -> None:
    rate = Rate(0.2, Clock())
    assert [rate.take(one) > 0 for one in ("one", "one", "two", "two")] == [False, True, False, True]


def test_no_rate_is_no_limit() -> None:
    assert {Rate(0, Clock()).take("one") for _ in range(1_000)} == {0}


def test_who_rests_is_forgotten_and_who_asks_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_READERS", 100)
    clock = Clock()
    rate = Rate(1, clock)
    for number in range(1_000):
        rate.take(f"10.0.0.{number}")
        clock.now += 0.1
        rate.take("busy")
    assert len(rate._full_at) <= 101
    assert rate.take("busy") > 0
