"""Polling, simulated: the targets hold, and a rule that breaks them is caught."""

from datetime import datetime
from random import Random

import pytest

from workers.poll.cadence import Habits, asks_whole
from workers.poll.simulate import (
    DAY,
    HOUR,
    Believes,
    Feed,
    Line,
    Report,
    Server,
    Tally,
    adaptive_wait_s,
    fixed_wait_s,
    make_feeds,
    never_whole,
    simulate,
    watch,
)


def report(seed: int, *, feeds: int = 40, days: float = 4.0, whole: Believes = asks_whole) -> Report:
    return list(simulate(make_feeds(seed, feeds=feeds, days=days), seed=seed, days=days, whole=whole))[-1]


def watched(feed: Feed, *, days: float = 2.0, whole: Believes = asks_whole) -> Tally:
    return watch(feed, end=days * DAY, random=Random(1), waits=adaptive_wait_s, whole=whole)


def steady(gap_s: float, *, window: int = 20, days: float = 2.0, **changes: object) -> Feed:
    """Return a feed that publishes at an even pace."""
    published = [-HOUR] * window + [gap_s * n for n in range(1, int(days * DAY / gap_s))]
    return Feed(published=published, window=window, **changes)  # type: ignore[arg-type]


# --- the targets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_targets_hold(seed: int) -> None:
    found = report(seed)
    lines = list(found.lines())
    assert [line.what for line in lines if line.most is not None] == [
        "entries missed (%)",
        "requests (% of fixed)",
        "hidden by a validator, longest (h)",
    ]
    assert [line.what for line in lines if not line.holds] == []
    assert found.adaptive.hidden_h, "there were wrong validators to find"
    assert found.adaptive.published == found.fixed.published > 1_000


def test_a_rule_that_believes_validators_is_caught() -> None:
    hidden = next(line for line in report(1, whole=never_whole).lines() if line.what.startswith("hidden"))
    assert hidden.adaptive > 24
    assert not hidden.holds


def test_a_rule_that_looks_once_a_day_is_caught() -> None:
    def daily(habits: Habits, now: datetime) -> bool:
        return habits.whole_at is None or (now - habits.whole_at).total_seconds() >= DAY

    assert any(not line.holds for line in report(1, whole=daily).lines())


def test_the_same_seed_gives_the_same_figures() -> None:
    assert list(report(7, feeds=5).lines()) == list(report(7, feeds=5).lines())
    assert list(report(7, feeds=5).lines()) != list(report(8, feeds=5).lines())


# --- wrong validators -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", [Server.FROZEN, Server.STUCK])
@pytest.mark.parametrize("freezes_h", [0, 1, 30, 100])
@pytest.mark.parametrize("gap_h", [0.1, 1, 8, 30])
def test_a_wrong_validator_is_found_within_six_hours_at_any_age(server: Server, freezes_h: float, gap_h: float) -> None:
    feed = steady(gap_h * HOUR, days=7, server=server, freezes_at=freezes_h * HOUR)
    (hidden_h,) = watched(feed, days=7).hidden_h
    assert hidden_h < 6


def test_a_liar_is_believed_less_the_second_time() -> None:
    feed = steady(HOUR, days=4, server=Server.FROZEN)
    tally = watched(feed, days=4)
    assert sorted(tally.waits_s)[len(tally.waits_s) // 2] < 40 * 60
    honest = watched(steady(HOUR, days=4), days=4)
    assert tally.requests < 1.3 * honest.requests, "found by looking, not by asking more often"


def test_honest_validators_save_half_of_the_bodies_of_a_quiet_feed() -> None:
    quiet = watched(steady(6 * HOUR, days=6), days=6)
    assert quiet.bodies < 0.55 * quiet.requests


# --- the counting -----------------------------------------------------------------------------------------------


def test_an_entry_is_missed_when_it_left_the_list_before_a_poll_saw_it() -> None:
    batch = Feed(published=[-HOUR] * 10 + [DAY] * 25, window=10, server=Server.NONE)
    tally = watched(batch)
    assert (tally.published, tally.missed, len(tally.waits_s)) == (25, 15, 10)


def test_nothing_is_missed_of_a_feed_at_an_even_pace() -> None:
    tally = watched(steady(600))
    assert tally.missed == 0
    assert tally.published - len(tally.waits_s) <= 1, "the last one may still be on the list"


def test_entries_that_are_still_on_the_list_at_the_end_are_not_missed() -> None:
    late = Feed(published=[-HOUR] * 10 + [2 * DAY - 1] * 5, window=10)
    tally = watched(late)
    assert (tally.published, tally.missed, tally.waits_s) == (5, 0, [])


def test_entries_that_stay_hidden_to_the_end_are_counted_as_hidden_until_then() -> None:
    tally = watched(steady(HOUR, server=Server.FROZEN), whole=never_whole)
    assert tally.hidden_h == [pytest.approx(47, abs=1.1)]
    assert tally.missed_behind == tally.missed > 20


def test_a_feed_that_is_away_costs_fewer_requests_than_the_clock_makes() -> None:
    away = steady(600, away=((HOUR, 25 * HOUR),))
    fixed = watch(away, end=2 * DAY, random=Random(1), waits=fixed_wait_s, whole=never_whole)
    assert fixed.requests == 192
    assert watched(away).requests < watched(steady(600)).requests


def test_a_ttl_is_respected() -> None:
    assert watched(steady(600, ttl_s=HOUR)).requests <= 48


@pytest.mark.parametrize(("value", "most", "holds"), [(1.0, 1.0, True), (1.01, 1.0, False), (9.0, None, True)])
def test_a_line_holds_up_to_its_target(value: float, most: float | None, holds: bool) -> None:
    assert Line("x", value, 0.0, most).holds is holds


def test_nothing_published_gives_figures_all_the_same() -> None:
    assert all(line.adaptive >= 0 for line in Report(Tally(), Tally()).lines())
