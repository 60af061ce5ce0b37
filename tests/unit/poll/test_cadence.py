"""When a source is asked again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.poll.cadence import Bounds, next_interval_s, next_poll_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BOUNDS = Bounds(least=300, most=86_400)


@pytest.mark.parametrize(
    ("interval_s", "changed", "expected"),
    [
        (900, True, 600),
        (900, False, 1_125),
        (400, True, 300),
        (300, True, 300),
        (80_000, False, 86_400),
        (86_400, False, 86_400),
        (10, False, 300),
        (1_000_000, True, 86_400),
    ],
)
def test_the_interval_follows_what_the_feed_does_within_bounds(interval_s: int, changed: bool, expected: int) -> None:
    assert next_interval_s(interval_s, changed=changed, bounds=BOUNDS) == expected


@pytest.mark.parametrize(
    ("failures", "asks_s", "jitter", "expected"),
    [
        (0, None, 0.0, 900),
        (0, None, 1.0, 1_080),
        (1, None, 0.0, 900),
        (2, None, 0.0, 1_800),
        (3, None, 0.0, 3_600),
        (7, None, 0.0, 57_600),
        (8, None, 0.0, 86_400),
        (8, None, 1.0, 86_400),
        (10_000, None, 1.0, 86_400),
        (1, 60, 0.0, 900),  # asks for less than we wait anyway
        (1, -500, 0.0, 900),  # a moment that has passed
        (1, 7_200, 0.0, 7_200),
        (1, 7_200, 1.0, 7_200),
        (1, 1_000_000, 0.0, 86_400),
    ],
)
def test_a_failing_source_is_asked_less_often_but_daily_for_ever(
    failures: int, asks_s: int | None, jitter: float, expected: float
) -> None:
    until = None if asks_s is None else NOW + timedelta(seconds=asks_s)
    wait = next_poll_s(900, failures=failures, until=until, now=NOW, bounds=BOUNDS, jitter=jitter)
    assert wait == pytest.approx(expected)


@given(
    st.integers(300, 86_400),
    st.integers(0, 10**6),
    st.one_of(st.none(), st.integers(-(10**6), 86_400)),
    st.floats(0, 1),
)
def test_the_wait_stays_in_bounds_and_never_ends_before_the_moment_asked_for(
    interval_s: int, failures: int, asks_s: int | None, jitter: float
) -> None:
    until = None if asks_s is None else NOW + timedelta(seconds=asks_s)
    wait = next_poll_s(interval_s, failures=failures, until=until, now=NOW, bounds=BOUNDS, jitter=jitter)
    assert BOUNDS.least <= wait <= BOUNDS.most
    assert asks_s is None or wait >= asks_s
