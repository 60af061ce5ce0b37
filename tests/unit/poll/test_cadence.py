"""When a source is asked again, and whether its validators are believed."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.poll.cadence import (
    PARKED_AFTER,
    Bounds,
    Habits,
    Seen,
    Wishes,
    asks_whole,
    from_json,
    is_parked,
    learn,
    next_wait_s,
    to_json,
)

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)  # a Wednesday
BOUNDS = Bounds(least=300, most=86_400, usual=900)
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def known(an_hour: float, **changes: Any) -> Habits:
    """Return the habits of a source that has been watched for two days."""
    usual: dict[str, Any] = {"answered_at": NOW, "whole_at": NOW, "found": an_hour * 48, "watched_h": 48, "window": 50}
    return Habits(**(usual | changes))


def wait(habits: Habits, **changes: Any) -> float:
    usual: dict[str, Any] = {"failures": 0, "now": NOW, "bounds": BOUNDS, "jitter": 0.0}
    return next_wait_s(habits, **(usual | changes))


def polled(habits: Habits, *polls: tuple[float, int | None, int], **changes: Any) -> Habits:
    """Learn polls that are (hours after NOW, entries in the list, new ones)."""
    for hours, entries, new in polls:
        habits = learn(habits, Seen(at=NOW + timedelta(hours=hours), entries=entries, new=new, **changes))
    return habits


# --- the interval -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habits", "expected"),
    [
        pytest.param(Habits(), 900, id="nobody knows it"),
        pytest.param(polled(Habits(), (0, 30, 30)), 900, id="its first list says nothing of its rate"),
        pytest.param(known(2), 1_800, id="two an hour"),
        pytest.param(known(8), 900, id="four times the entries, twice the polls"),
        pytest.param(known(0.5), 3_600, id="a quarter of the entries, half the polls"),
        pytest.param(known(72), 300, id="as often as is allowed"),
        pytest.param(known(1_000), 300, id="never more often"),
        pytest.param(known(1 / 1_000), 80_498, id="silent for weeks"),
        pytest.param(known(0), DAY, id="never less often than daily"),
        pytest.param(known(0.5, pace=8.0), 900, id="a story breaks now"),
        pytest.param(known(8, pace=0.1), 900, id="a quiet hour says little"),
        pytest.param(known(2, window=10, peak=10.0), 1_800, id="its fastest stretch took an hour for a list"),
        pytest.param(known(2, window=10, peak=30.0), 600, id="its fastest stretch took 20 minutes for a list"),
        pytest.param(known(2, window=10, peak=1e9), 300, id="faster than anybody may ask"),
    ],
)
def test_the_interval_follows_what_the_source_gives(habits: Habits, expected: float) -> None:
    assert wait(habits) == pytest.approx(expected, rel=1e-3)


def test_a_source_nobody_knows_is_asked_as_the_operator_says() -> None:
    assert wait(Habits(), bounds=Bounds(300, DAY, usual=2_000)) == 2_000


@pytest.mark.parametrize("rates", [(1.0, 4.0), (0.1, 10.0), (0.3, 0.5, 7.0)])
def test_no_other_split_of_the_same_requests_lets_entries_wait_less(rates: tuple[float, ...]) -> None:
    wide = Bounds(least=0.001, most=1e9)
    intervals = [wait(known(rate), bounds=wide) for rate in rates]

    def waiting(split: list[float]) -> float:
        return sum(rate * interval / 2 for rate, interval in zip(rates, split, strict=True))

    for moved in (-0.2, -0.05, 0.05, 0.2):  # some requests from the last source to the first, or the other way
        asked = [1 / one for one in intervals]
        given_away = moved * min(asked)
        other = [1 / (asked[0] + given_away), *intervals[1:-1], 1 / (asked[-1] - given_away)]
        assert waiting(other) > waiting(intervals)


def test_a_list_without_anything_known_in_it_shortens_the_wait_at_once() -> None:
    before = polled(known(0.5, window=20), (1, 20, 2))
    with_overlap, without = polled(before, (2, 20, 19)), polled(before, (2, 20, 20))
    assert (with_overlap.gaps, without.gaps) == (0, 1)
    assert wait(without) <= HOUR / 4 < wait(before)
    assert wait(without) < wait(with_overlap)


def test_the_first_list_is_no_gap() -> None:
    assert polled(Habits(), (0, 20, 20)).gaps == 0


def test_a_burst_is_followed_at_once_and_left_slowly() -> None:
    calm = known(0.5)
    burst = polled(calm, (1, 50, 10))
    assert wait(burst) < wait(calm) / 2
    waits = []
    for hour in range(2, 200):
        burst = polled(burst, (hour, 50, 0))
        waits.append(wait(burst))
    assert waits == sorted(waits), "each silent hour makes the wait longer"
    assert waits[4] < wait(calm), "not forgotten after five hours"
    assert waits[-1] > 3 * wait(calm)


def test_two_entries_a_minute_apart_are_no_hundred_an_hour() -> None:
    assert polled(known(0.5), (1 / 60, 50, 2)).peak <= 8


def test_entries_behind_304s_count_for_the_whole_time_since_the_last_look() -> None:
    silent = polled(known(2), *((hour, None, 0) for hour in (1, 2, 3)), not_modified=True, conditional=True)
    found = polled(silent, (3.1, 50, 6))
    assert found.peak == pytest.approx(6 / 3.1)


def test_a_source_that_answers_304_is_asked_in_time_for_a_look_at_its_body() -> None:
    sleepy = known(0.001, says_304=True, confirmed=20)
    assert wait(sleepy) == 5 * HOUR
    assert wait(sleepy, now=NOW + timedelta(hours=4)) == HOUR
    assert wait(sleepy, now=NOW + timedelta(hours=50)) == 300
    assert wait(replace(sleepy, says_304=False)) > 20 * HOUR


def test_a_liar_is_not_asked_more_often_than_others() -> None:
    assert wait(known(0.5, says_304=True, lies=5)) == wait(known(0.5))


# --- failures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "gone", "asked_s", "expected"),
    [
        (0, False, None, 1_800),
        (1, False, None, 1_800),
        (2, False, None, 3_600),
        (3, False, None, 7_200),
        (6, False, None, 57_600),
        (7, False, None, DAY),
        (PARKED_AFTER - 1, False, None, DAY),
        (PARKED_AFTER, False, None, DAY),
        (10**6, False, None, DAY),
        (1, True, None, DAY),
        (0, False, 60, 1_800),  # asks for less than we wait anyway
        (0, False, -500, 1_800),  # a moment that has passed
        (1, False, 7_200, 7_200),
        (5, False, 7_200, 28_800),
        (1, False, 10**6, DAY),
        (1, True, 10**6, DAY),
    ],
)
def test_a_failing_source_is_asked_less_often_but_daily_for_ever(
    failures: int, gone: bool, asked_s: int | None, expected: float
) -> None:
    assert wait(known(2), failures=failures, gone=gone, asked_s=asked_s) == expected


def test_retry_after_is_obeyed_beyond_the_operators_bound_for_a_day() -> None:
    hourly = Bounds(least=300, most=HOUR)
    assert wait(known(2), failures=9, bounds=hourly) == HOUR
    assert wait(known(2), failures=1, asked_s=6 * HOUR, bounds=hourly) == 6 * HOUR
    assert wait(known(2), failures=1, asked_s=9 * DAY, bounds=hourly) == DAY


@pytest.mark.parametrize(
    ("failures", "gone", "expected"),
    [(0, False, False), (PARKED_AFTER - 1, False, False), (PARKED_AFTER, False, True), (1, True, True)],
)
def test_a_source_is_parked_after_many_failures_or_when_it_is_gone(failures: int, gone: bool, expected: bool) -> None:
    assert is_parked(failures, gone=gone) is expected


# --- wishes -----------------------------------------------------------------------------------------------------

NIGHT = frozenset(range(8))


@pytest.mark.parametrize(
    ("wishes", "hour", "expected"),
    [
        pytest.param(Wishes(ttl_s=600), 12, 900, id="a ttl that asks for less"),
        pytest.param(Wishes(ttl_s=HOUR), 12, HOUR, id="ttl"),
        pytest.param(Wishes(max_age_s=HOUR), 12, HOUR, id="max-age"),
        pytest.param(Wishes(ttl_s=HOUR, max_age_s=2 * HOUR), 12, 2 * HOUR, id="the longer of both"),
        pytest.param(Wishes(ttl_s=1e300), 12, DAY, id="an absurd ttl"),
        pytest.param(Wishes(ttl_s=-5, max_age_s=-1e300), 12, 900, id="negative ones"),
        pytest.param(Wishes(skip_hours=frozenset({13})), 12, 900, id="an hour that this poll does not meet"),
        pytest.param(Wishes(skip_hours=frozenset({12})), 12, HOUR, id="the hour it is"),
        pytest.param(Wishes(skip_hours=frozenset({12, 13, 15})), 12, 2 * HOUR, id="two hours"),
        pytest.param(Wishes(skip_hours=NIGHT), 0, 8 * HOUR, id="the night"),
        pytest.param(Wishes(skip_hours=frozenset({23, 0, 1})), 23, 3 * HOUR, id="over midnight"),
        pytest.param(Wishes(skip_hours=frozenset(range(24))), 12, 900, id="all hours is a mistake"),
        pytest.param(Wishes(skip_hours=frozenset({-1, 24, 99})), 12, 900, id="hours that are none"),
        pytest.param(Wishes(skip_days=frozenset({2})), 12, 12 * HOUR, id="the day it is"),
        pytest.param(
            Wishes(skip_days=frozenset({2, 3, 4})), 12, 2 * DAY + 12 * HOUR, id="days, longer than the longest wait"
        ),
        pytest.param(Wishes(skip_days=frozenset(range(7))), 12, 900, id="all days is a mistake"),
        pytest.param(Wishes(skip_days=frozenset({2}), skip_hours=NIGHT), 12, 20 * HOUR, id="the day, then the night"),
    ],
)
def test_a_publishers_wish_makes_the_wait_longer(wishes: Wishes, hour: int, expected: float) -> None:
    assert wait(known(8, wishes=wishes), now=NOW.replace(hour=hour)) == expected


def test_hours_are_skipped_in_utc_whatever_the_zone_of_now() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    assert wait(known(8, wishes=Wishes(skip_hours=frozenset({12}))), now=there) == HOUR


def test_sources_that_skip_the_same_hour_do_not_all_come_at_its_end() -> None:
    skips = known(8, wishes=Wishes(skip_hours=frozenset({12})))
    assert wait(skips, jitter=0.0) == HOUR
    assert wait(skips, jitter=1.0) == pytest.approx(1.1 * HOUR)


def test_a_wish_holds_on_while_no_list_is_read_but_max_age_is_of_the_last_answer() -> None:
    asked = Wishes(ttl_s=HOUR, max_age_s=10, skip_days=frozenset({5}))
    first = learn(Habits(), Seen(at=NOW, entries=3, new=3, wishes=asked))
    later = learn(first, Seen(at=NOW, entries=None, not_modified=True, wishes=Wishes(max_age_s=20)))
    assert later.wishes == replace(asked, max_age_s=20)
    assert learn(later, Seen(at=NOW, entries=3)).wishes == Wishes()


# --- belief in validators ---------------------------------------------------------------------------------------


def quiet(habits: Habits, hours: float) -> Habits:
    """Learn one 304, `hours` after NOW."""
    return polled(habits, (hours, None, 0), conditional=True, not_modified=True)


@pytest.mark.parametrize(
    ("habits", "hours", "expected"),
    [
        pytest.param(Habits(), 0, True, id="its body was never looked at"),
        pytest.param(known(0.1), 0.9, False, id="a new acquaintance, within an hour"),
        pytest.param(known(0.1), 1, True, id="a new acquaintance, after an hour"),
        pytest.param(known(0.1, confirmed=2), 3.9, False, id="right twice"),
        pytest.param(known(0.1, confirmed=2), 4, True, id="right twice, four hours ago"),
        pytest.param(known(0.1, confirmed=10**6), 4.9, False, id="always right"),
        pytest.param(known(0.1, confirmed=10**6), 5, True, id="always right, and looked at all the same"),
        pytest.param(known(0.1, confirmed=9, lies=1), 1.2, False, id="lied once"),
        pytest.param(known(0.1, confirmed=9, lies=1), 1.25, True, id="lied once: a quarter of the trust"),
        pytest.param(known(0.1, lies=3), 0.1, True, id="lied often: each poll is whole"),
        pytest.param(quiet(known(6, confirmed=9), 1), 1.2, False, id="a short silence"),
        pytest.param(quiet(known(6, confirmed=9), 1), 1.5, True, id="eight entries should have come"),
        pytest.param(known(6, confirmed=9), 1.5, False, id="nobody said that there were none"),
        pytest.param(quiet(known(6, confirmed=9, window=10), 0.5), 1, True, id="half of its list should have come"),
        pytest.param(known(0.1), -1, True, id="the clock went back"),
    ],
)
def test_the_body_is_looked_at_when_the_last_look_is_too_old(habits: Habits, hours: float, expected: bool) -> None:
    assert asks_whole(habits, NOW + timedelta(hours=hours)) is expected


@pytest.mark.parametrize(
    ("silence", "seen", "expected"),
    [
        pytest.param(3, {"entries": None}, (3, 2), id="a look behind 304s, the same body: right"),
        pytest.param(3, {"entries": 9}, (3, 2), id="a look behind 304s, nothing new: right"),
        pytest.param(3, {"entries": 9, "new": 2, "same_validators": True}, (0, 3), id="a look, new entries: a lie"),
        pytest.param(0, {"entries": 9, "new": 2, "same_validators": True}, (0, 3), id="unchanged validators: a lie"),
        pytest.param(3, {"entries": 9, "new": 2}, (0, 2), id="a look, new entries and validators: nobody knows"),
        pytest.param(3, {"entries": 9, "new": 2, "conditional": True}, (3, 1), id="changed unasked: makes good"),
        pytest.param(0, {"entries": 9, "new": 2}, (3, 1), id="validators move again with the list: makes good"),
        pytest.param(0, {"entries": 9}, (2, 2), id="nothing new, nothing said"),
        pytest.param(
            3, {"entries": None, "not_modified": True, "conditional": True}, (2, 2), id="a 304 proves nothing"
        ),
    ],
)
def test_an_answer_changes_the_trust(silence: int, seen: dict[str, Any], expected: tuple[int, int]) -> None:
    before = known(1, confirmed=2, lies=2, silence=silence)
    after = learn(before, Seen(at=NOW + timedelta(hours=1), **seen))
    assert (after.confirmed, after.lies) == expected


def test_only_a_304_leaves_the_last_look_where_it_was() -> None:
    silent = quiet(quiet(known(1), 1), 2)
    assert (silent.whole_at, silent.silence, silent.says_304) == (NOW, 2, True)
    looked = polled(silent, (3, None, 0))
    assert (looked.whole_at, looked.silence, looked.says_304) == (NOW + timedelta(hours=3), 0, True)


def test_the_first_list_neither_praises_nor_blames_the_validators() -> None:
    first = polled(Habits(), (0, 30, 30))
    assert (first.confirmed, first.lies) == (0, 0)


# --- any input --------------------------------------------------------------------------------------------------

numbers = st.floats(0, 1e12)
moments = st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
wishes_of_any_kind = st.builds(
    Wishes,
    ttl_s=st.floats(allow_nan=False),
    max_age_s=st.floats(allow_nan=False),
    skip_hours=st.frozensets(st.integers(-2, 26)),
    skip_days=st.frozensets(st.integers(-2, 9)),
)
habits_of_any_kind = st.builds(
    Habits,
    answered_at=moments,
    whole_at=moments,
    found=numbers,
    watched_h=st.floats(0.25, 50),
    pace=numbers,
    peak=numbers,
    window=st.integers(0, 2_000),
    silence=st.integers(0, 10**6),
    says_304=st.booleans(),
    confirmed=st.integers(0, 10**6),
    lies=st.integers(0, 5),
    wishes=wishes_of_any_kind,
)
seconds = st.none() | st.floats(-1e8, 1e8)
chance = st.floats(0, 1)


@given(habits_of_any_kind, st.integers(0, 10**9), st.booleans(), seconds, chance)
def test_the_wait_is_within_bounds_and_never_shorter_than_a_wish(
    habits: Habits, failures: int, gone: bool, asked_s: float | None, jitter: float
) -> None:
    found = wait(habits, failures=failures, gone=gone, asked_s=asked_s, jitter=jitter)
    skips = habits.wishes.skip_hours | habits.wishes.skip_days
    assert BOUNDS.least <= found <= (BOUNDS.most if not skips else BOUNDS.most + 7 * DAY + HOUR)
    assert found >= min(max(asked_s or 0, habits.wishes.ttl_s, habits.wishes.max_age_s), BOUNDS.most) - 1e-6
    at = NOW + timedelta(seconds=found)
    assert at.hour not in habits.wishes.skip_hours or habits.wishes.skip_hours >= set(range(24))


@given(habits_of_any_kind, st.integers(0, 100), st.integers(0, 100), seconds)
def test_more_failures_never_shorten_the_wait(habits: Habits, some: int, more: int, asked_s: float | None) -> None:
    first, second = (wait(habits, failures=count, asked_s=asked_s) for count in sorted((some, more)))
    assert first <= second <= wait(habits, failures=some, gone=True, asked_s=asked_s)


@given(habits_of_any_kind, chance, st.integers(0, 20))
def test_jitter_adds_up_to_a_tenth_and_takes_nothing(habits: Habits, jitter: float, failures: int) -> None:
    plain = replace(habits, wishes=Wishes())
    without, with_it = wait(plain, failures=failures), wait(plain, failures=failures, jitter=jitter)
    assert without <= with_it <= without * 1.1 + 1e-6


@given(
    habits_of_any_kind,
    st.lists(
        st.builds(
            Seen,
            at=moments.filter(bool),
            entries=st.none() | st.integers(0, 2_000),
            new=st.integers(0, 2_000),
            conditional=st.booleans(),
            not_modified=st.booleans(),
            same_validators=st.booleans(),
            wishes=wishes_of_any_kind,
        ),
        max_size=5,
    ),
)
def test_whatever_is_seen_what_is_learned_is_finite_and_survives_being_kept(habits: Habits, polls: list[Seen]) -> None:
    for seen in polls:
        habits = learn(habits, seen)
    assert all(math.isfinite(one) for one in (habits.found, habits.watched_h, habits.pace, habits.peak, habits.rate))
    assert BOUNDS.least <= wait(habits) <= BOUNDS.most + 7 * DAY + HOUR
    assert asks_whole(habits, NOW) in {True, False}
    sane = replace(habits, wishes=Wishes(ttl_s=600.0, skip_days=frozenset({6})))
    assert from_json(json.loads(json.dumps(to_json(sane)))) == sane


# --- keeping ----------------------------------------------------------------------------------------------------


def test_habits_survive_being_kept() -> None:
    habits = known(3, pace=1.5, peak=4.0, gaps=2, silence=3, says_304=True, confirmed=4, lies=1)
    habits = replace(habits, wishes=Wishes(ttl_s=60.0, max_age_s=5.0, skip_hours=NIGHT, skip_days=frozenset({6})))
    assert from_json(json.loads(json.dumps(to_json(habits)))) == habits


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"unknown": 1},
        {"answered_at": "yesterday", "whole_at": 5, "found": "many", "watched_h": None, "window": [], "wishes": 7},
        {"answered_at": "2026-03-04T12:00:00", "says_304": "yes", "peak": -1, "lies": True, "gaps": {}},
        {"pace": math.inf, "found": -3, "confirmed": 10**400, "wishes": {"ttl_s": "x", "skip_hours": 3, "more": 1}},
        {"wishes": {"skip_days": ["Sunday", None, 1.5], "max_age_s": -1}},
    ],
)
def test_what_makes_no_sense_is_as_if_nothing_was_kept(kept: dict[str, Any]) -> None:
    assert from_json(kept) == Habits()


def test_kept_values_are_brought_into_their_bounds() -> None:
    habits = from_json({"watched_h": 0, "lies": 99, "found": 0})
    assert (habits.watched_h, habits.lies) == (0.25, 5)
    assert habits.rate == 0
