"""When a failed delivery is tried again, and when that ends."""

import pytest

from workers.deliver.webhooks.retry import (
    DAY_S,
    HOUR_S,
    LEAST_TRIES,
    REFUSALS,
    SHORTEST_S,
    Next,
    after_failure,
    wait_s,
)

MANY = 100


@pytest.mark.parametrize(
    ("status", "tries", "trying_s", "failing_s", "follows"),
    [
        (500, 1, 0, 0, Next.AGAIN),
        (None, MANY, 2.99 * DAY_S, 2.99 * DAY_S, Next.AGAIN),
        (None, MANY, 3 * DAY_S, 3 * DAY_S, Next.DEAD_LETTER),
        (404, MANY, 3 * DAY_S, 3 * DAY_S, Next.DEAD_LETTER),
        (302, MANY, DAY_S, DAY_S, Next.AGAIN),
        (500, MANY, DAY_S, 5 * DAY_S, Next.OFF),
        (500, MANY, DAY_S, 4.99 * DAY_S, Next.AGAIN),
        (422, 1, 0, 0, Next.AGAIN),
        (422, MANY, HOUR_S, HOUR_S, Next.DEAD_LETTER),
        (422, MANY, HOUR_S - 1, HOUR_S, Next.AGAIN),
        (401, MANY, HOUR_S, HOUR_S, Next.AGAIN),
        (422, MANY, HOUR_S, 5 * DAY_S, Next.OFF),
        (410, 1, 0, 0, Next.OFF),
        # we were away for a week: that is not the receiver's failure
        (500, LEAST_TRIES - 1, 7 * DAY_S, 7 * DAY_S, Next.AGAIN),
        (422, LEAST_TRIES - 1, 7 * DAY_S, 7 * DAY_S, Next.AGAIN),
    ],
)
def test_what_follows_a_failure(
    status: int | None, tries: int, trying_s: float, failing_s: float, follows: Next
) -> None:
    assert after_failure(status, tries=tries, trying_s=trying_s, failing_s=failing_s) is follows


def test_too_many_requests_is_no_refusal_of_a_message() -> None:
    assert not {401, 403, 404, 408, 425, 429} & REFUSALS


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_a_receiver_is_asked_again_within_a_part_of_its_absence(jitter: float) -> None:
    for absence in (HOUR_S, DAY_S, 3 * DAY_S):
        assert absence / 40 < wait_s(absence, jitter) <= absence / 24
    assert wait_s(0, jitter) == pytest.approx(SHORTEST_S * (0.8 + 0.4 * jitter))


def test_three_days_of_tries_are_some_hundred_and_the_first_come_quickly() -> None:
    moments = [0.0]
    while moments[-1] < 3 * DAY_S:
        moments.append(moments[-1] + wait_s(moments[-1], 0.5))
    assert 200 < len(moments) < 300
    assert moments[3] == 15


@pytest.mark.parametrize(("asked", "wait"), [(0, 5), (120, 120), (86_400, HOUR_S), (-3, 5)])
def test_a_receiver_may_ask_for_up_to_an_hour(asked: float, wait: float) -> None:
    assert wait_s(0, 0.5, asked) == wait
