"""When a failed step is tried again."""

import pytest

from workers.domain.outcomes import QuarantineReason, RetryReason
from workers.store.backoff import DAY_S, MAX_CRASHES, MAX_TRIES, delay_s


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(1, 120), (2, 240), (3, 480), (10, 61_440), (11, DAY_S), (20, DAY_S), (1_000_000, DAY_S)],
)
def test_the_wait_doubles_up_to_a_day(attempt: int, seconds: float) -> None:
    assert delay_s(attempt, 0.5) == pytest.approx(seconds)


@pytest.mark.parametrize(("jitter", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_chance_spreads_the_wait_by_a_fifth_either_way(jitter: float, factor: float) -> None:
    assert delay_s(3, jitter) == pytest.approx(480 * factor)


def test_every_reason_for_another_try_has_a_last_one() -> None:
    assert set(MAX_TRIES) == {*RetryReason, *QuarantineReason}
    assert all(tries >= 1 for tries in MAX_TRIES.values())
    assert MAX_CRASHES == 3


def test_an_outlet_may_be_away_for_more_than_a_day() -> None:
    tries = MAX_TRIES[RetryReason.REFUSED]
    assert sum(delay_s(attempt, 0.0) for attempt in range(1, tries)) > DAY_S / 2
