"""A clock that jumps, an hour or ten years, either way: nobody waits longer than a rule says (RELIABILITY.md Q22)."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.clocks import Clock
from tests.making import (
    bring,
    count_of,
    discover,
    make_feed_entry,
    make_ledger,
    make_page,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    row_of,
    settle_advanced,
)
from workers.domain.outcomes import Deferred, RetryReason, State
from workers.fetch.manners import LONGEST_WAIT_S
from workers.fetch.polite import LONGEST_REST_S, UNREACHABLE_REST_S
from workers.fetch.robots import LONGEST_DELAY_S as LONGEST_CRAWL_DELAY_S
from workers.fetch.robots import MAX_AGE
from workers.poll.cadence import Bounds, Habits, Wishes, longest_wait_s, next_wait_s
from workers.store.ahead import AGES, DAY_S, GAP_S, Furthest, pull_in
from workers.store.backoff import LONGEST_DELAY_S, delay_s
from workers.store.engine import make_engine
from workers.store.hosts import Ended, HostBook
from workers.store.ledger import Claim
from workers.store.pages import forget_old_pages, write_pages
from workers.store.robots import KnownRobots, RobotsBook
from workers.store.ticks import seconds_since, take_slot

REPOSITORY = Path(__file__).parent.parent.parent
HOUR, YEARS = timedelta(hours=1), timedelta(days=3650)
JUMPS = [HOUR, -HOUR, YEARS, -YEARS]
LEASE_S, LAG_S = 90.0, 30.0
LOOKS = (3_600.0, 21_600.0, 86_400.0)
BOUNDS = Bounds(300, 86_400)
FURTHEST = Furthest(held=LEASE_S, polled=longest_wait_s(BOUNDS), looked_at=LOOKS[-1])
every_jump = pytest.mark.parametrize("by", JUMPS, ids=str)


@every_jump
def test_the_moved_clock_is_seen_by_every_connection_and_by_column_defaults(
    engine: Engine, database_url: str, clock: Clock, by: timedelta
) -> None:
    other = make_engine(database_url, role="test other")
    with other.connect() as connection:
        real = connection.execute(text("SELECT pg_catalog.clock_timestamp()")).scalar_one()
        connection.rollback()
        clock.jump(by)
        for name in ("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"):
            moved = connection.execute(text(f"SELECT {name}()")).scalar_one()
            assert timedelta(0) <= moved - real - by < timedelta(seconds=30)
    other.dispose()
    (one,) = discover(engine)
    assert abs(row_of(engine, one).discovered_at - real - by) < timedelta(seconds=30)
    assert abs(clock.now() - real - by) < timedelta(seconds=30)


def test_the_product_asks_no_clock_that_a_test_cannot_move() -> None:
    keyword = re.compile(r"\b(?:current_timestamp|current_date|current_time|localtimestamp|localtime)\b", re.IGNORECASE)
    programs = [*(REPOSITORY / "workers").rglob("*.py"), *(REPOSITORY / "workers").rglob("*.sql")]
    assert [str(one) for one in programs if keyword.search(one.read_text(encoding="utf-8"))] == []


# --- entries -------------------------------------------------------------------------------------------------------


def held(engine: Engine, one: UUID) -> Claim:
    return make_ledger(engine).claim([one], State.DISCOVERED)


def put_off(engine: Engine, one: UUID, *, waits: timedelta = timedelta(minutes=2)) -> None:
    claim = held(engine, one)
    ending = Deferred(RetryReason.RATE_LIMITED, wait_s=waits.total_seconds())
    make_ledger(engine).settle(claim, [(claim.entries[0], ending)], to=State.FETCHED, write=write_pages)


def sweep(engine: Engine) -> dict[str, int]:
    return pull_in(engine, FURTHEST)


def claims_after(engine: Engine, clock: Clock, one: UUID, seconds: float) -> bool:
    """Let time pass, sweep, and say whether the entry is hinted at and can be claimed."""
    clock.jump(timedelta(seconds=seconds + 1))
    sweep(engine)
    ledger = make_ledger(engine)
    hinted = [due.id for due in ledger.due(State.DISCOVERED, 10)] == [one]
    return hinted and bool(ledger.claim([one], State.DISCOVERED))


@every_jump
def test_entries_go_on_within_their_lease_or_lag(engine: Engine, clock: Clock, by: timedelta) -> None:
    new, dead, back = discover(engine, 3)
    held(engine, dead)
    make_ledger(engine).release(held(engine, back), [back])
    clock.jump(by)
    sweep(engine)
    clock.jump(timedelta(seconds=LAG_S + 1))
    sweep(engine)
    assert {new, back} <= {due.id for due in make_ledger(engine).due(State.DISCOVERED, 10)}
    assert {one.id for one in make_ledger(engine).claim([new, back], State.DISCOVERED).entries} == {new, back}
    clock.jump(timedelta(seconds=LEASE_S - LAG_S))
    assert dead in {due.id for due in make_ledger(engine).due(State.DISCOVERED, 10)}
    assert make_ledger(engine).claim([dead], State.DISCOVERED)


@pytest.mark.parametrize(
    ("by", "within_s"), [(HOUR, 0), (-HOUR, 3_600 + 180), (YEARS, 0), (-YEARS, 0), (-timedelta(days=2), 0)], ids=str
)
def test_an_entry_that_was_put_off_waits_no_longer_than_the_longest_delay(
    engine: Engine, clock: Clock, by: timedelta, within_s: float
) -> None:
    """An hour is shorter than waits can be, so it is added."""
    (one,) = discover(engine)
    put_off(engine, one)
    clock.jump(by)
    assert claims_after(engine, clock, one, within_s)


@every_jump
def test_whoever_lives_and_holds_an_entry_settles_it_after_the_jump(
    engine: Engine, clock: Clock, by: timedelta
) -> None:
    (one,) = discover(engine)
    ledger = make_ledger(engine)
    claim = ledger.claim([one], State.DISCOVERED)
    clock.jump(by)
    sweep(engine)
    assert settle_advanced(ledger, claim) == [one]
    row = row_of(engine, one)
    assert (row.state, row.lease_token, row.crashes) == (State.FETCHED, None, 0)


def test_the_lease_of_the_living_is_not_cut_short_by_a_clock_that_goes_back(engine: Engine, clock: Clock) -> None:
    (one,) = discover(engine)
    held(engine, one)
    clock.jump(-YEARS)
    assert sweep(engine)["entry"] == 1
    clock.jump(timedelta(seconds=LEASE_S - 2))
    assert not claims_after(engine, clock, one, 0)
    assert claims_after(engine, clock, one, LAG_S)


def test_an_entry_that_is_given_back_after_the_clock_was_set_back_can_be_claimed(engine: Engine, clock: Clock) -> None:
    """It was claimed in ten years: what it may not be claimed before is a moment of then."""
    clock.jump(YEARS)
    (one,) = discover(engine)
    claim = held(engine, one)
    clock.jump(-YEARS)
    make_ledger(engine).release(claim, [one])
    assert "entry" not in sweep(engine)
    assert claims_after(engine, clock, one, 0)


@every_jump
def test_a_page_is_looked_at_again_three_times_and_then_no_more(engine: Engine, clock: Clock, by: timedelta) -> None:
    (one,) = discover(engine)
    bring(engine, [one], State.EXTRACTED)
    ledger = make_ledger(engine, revisit_after=LOOKS)
    settle_advanced(ledger, ledger.claim([one], State.EXTRACTED))
    clock.jump(by)
    looks = 0
    for _ in range(28):
        sweep(engine)
        if ledger.begin_revisits(10):
            looks += 1
            ledger.due(State.DISCOVERED, 10)
            claim = ledger.claim([one], State.DISCOVERED)
            ledger.settle(
                claim, [(claim.entries[0], Deferred(RetryReason.TIMEOUT))], to=State.FETCHED, write=write_pages
            )
        clock.jump(HOUR)
    # an hour back: each look an hour later. Forward: those whose time is over are one, at once.
    assert looks == {HOUR: 3, -HOUR: 3, YEARS: 1, -YEARS: 3}[by]
    assert row_of(engine, one).revisit_at is None


def test_a_sweep_moves_nothing_while_the_clock_goes_as_it_should(engine: Engine, clock: Clock) -> None:
    ids = discover(engine, 5)
    put_off(engine, ids[1], waits=timedelta(days=9))  # it asks for more than the day that it gets
    held(engine, ids[2])
    bring(engine, ids[3:4], State.EXTRACTED)
    ledger = make_ledger(engine, revisit_after=LOOKS)
    settle_advanced(ledger, ledger.claim(ids[3:4], State.EXTRACTED))
    sources = make_source_ledger(engine)
    sources.sync([make_source("agency"), make_source("slow"), make_source("held"), make_source("new")])
    record(sources, "slow", poll_result(wait_s=longest_wait_s(BOUNDS)))
    sources.claim(["held"])
    book, token = HostBook(engine, lease_s=LEASE_S, ahead_s=20), uuid4()
    book.reserve(["stop.example", "gap.example", "held.example"], token)
    book.release(token, {"stop.example": Ended(rest_s=DAY_S, penalised=True), "gap.example": Ended(rest_s=GAP_S)})
    RobotsBook(engine).keep("https://agency.example", KnownRobots(verdict="parse", body=b"", expires_s=DAY_S))
    assert sweep(engine) == {}
    assert pull_in(engine, FURTHEST, AGES) == {}
    assert clock.ahead == timedelta(0)


# --- sources, hosts, robots.txt, pages, ticks ----------------------------------------------------------------------


@every_jump
def test_sources_are_polled_no_later_than_their_rhythm_says(engine: Engine, clock: Clock, by: timedelta) -> None:
    ledger = make_source_ledger(engine)
    ledger.sync([make_source(name) for name in ("rests", "dead", "waits")])
    record(ledger, "rests", poll_result(make_feed_entry(), wait_s=900))
    record(ledger, "dead", poll_result())
    ledger.claim(["dead"])
    record(ledger, "waits", poll_result(outcome=None, wait_s=5))  # for its host's turn: never polled yet
    clock.jump(by)
    claimed = []
    for name, within_s in (
        ("dead", LEASE_S),
        ("rests", 900 - LEASE_S),
        ("waits", LAG_S if by != -HOUR else 3_605 - 900),
    ):
        sweep(engine)
        clock.jump(timedelta(seconds=within_s + 1))
        sweep(engine)
        assert name in [one.id for one in ledger.due(10)], name
        claimed += [one.source.id for one in ledger.claim([name])]
    assert claimed == ["dead", "rests", "waits"]
    assert sweep(engine) == {}


@every_jump
def test_hosts_can_be_asked_again(engine: Engine, clock: Clock, by: timedelta) -> None:
    book, token = HostBook(engine, lease_s=LEASE_S, ahead_s=0), uuid4()
    book.reserve(["dead.example", "gap.example", "stop.example"], token)
    book.release(token, {"gap.example": Ended(rest_s=5), "stop.example": Ended(rest_s=60, penalised=True)})
    clock.jump(by)
    sweep(engine)
    clock.jump(timedelta(seconds=GAP_S + 1))
    assert all(book.reserve([name], uuid4())[name].granted for name in ("dead.example", "gap.example"))
    clock.jump(timedelta(seconds={-HOUR: 3_360, -YEARS: DAY_S}.get(by, 0)))
    assert book.reserve(["stop.example"], uuid4())["stop.example"].granted


def test_entries_of_a_host_are_hinted_at_again_after_the_clock_was_set_back(engine: Engine, clock: Clock) -> None:
    (one,) = discover(engine)
    ledger = make_ledger(engine, per_host=1, ahead_s=10)
    clock.jump(timedelta(seconds=LAG_S + 1))
    assert [due.id for due in ledger.due(State.DISCOVERED, 10)] == [one]
    clock.jump(-YEARS)
    sweep(engine)
    clock.jump(timedelta(seconds=GAP_S + 1))
    assert [due.id for due in ledger.due(State.DISCOVERED, 10)] == [one]


def test_a_robots_txt_of_the_future_is_asked_for_anew_and_ages_from_now(engine: Engine, clock: Clock) -> None:
    book, origin = RobotsBook(engine), "https://agency.example"
    clock.jump(YEARS)
    book.keep(origin, KnownRobots(verdict="parse", body=b"Disallow:", expires_s=DAY_S))
    clock.jump(-YEARS)
    assert pull_in(engine, FURTHEST, AGES) == {"robots": 1}
    assert book.known([origin]) == {}
    failing = KnownRobots(verdict="unknown", expires_s=60)
    assert book.keep(origin, failing).body == b"Disallow:"
    clock.jump(timedelta(days=31))
    assert book.keep(origin, failing).body is None


def test_a_page_of_the_future_is_kept_as_long_as_any_other(engine: Engine, clock: Clock) -> None:
    clock.jump(YEARS)
    bring(engine, discover(engine), State.CLASSIFIED)
    clock.jump(-YEARS)
    assert pull_in(engine, FURTHEST, AGES) == {"page": 1}
    clock.jump(timedelta(days=89))
    assert forget_old_pages(engine, days=90) == 0
    clock.jump(timedelta(days=2))
    assert forget_old_pages(engine, days=90) == 1
    assert count_of(engine, "page") == 0


@every_jump
def test_what_one_process_does_for_all_is_done_again_in_its_time(engine: Engine, clock: Clock, by: timedelta) -> None:
    assert take_slot(engine, "heartbeat", 10)
    assert take_slot(engine, "sweep", 10)
    clock.jump(by)
    assert take_slot(engine, "sweep", 10)
    assert not take_slot(engine, "sweep", 10)
    assert (seconds_since(engine, "heartbeat") or 0) >= 0
    clock.jump(timedelta(seconds=11))
    assert (seconds_since(engine, "heartbeat") or 0) >= 11


# --- the longest waits are those of the rules ----------------------------------------------------------------------


def test_no_rule_waits_longer_than_what_is_taken_for_a_moment_of_another_time() -> None:
    assert max(delay_s(attempt, 1.0) for attempt in range(1, 50)) < LONGEST_DELAY_S + 1
    assert max(LONGEST_REST_S, LONGEST_WAIT_S, MAX_AGE.total_seconds()) <= DAY_S
    assert max(LONGEST_CRAWL_DELAY_S, UNREACHABLE_REST_S) <= GAP_S


@given(
    failures=st.integers(0, 30),
    gone=st.booleans(),
    hours=st.frozensets(st.integers(0, 23)),
    days=st.frozensets(st.integers(0, 6)),
    asked_s=st.floats(0, 1e9),
    starts=st.integers(0, 7 * 86_400),
    wish_s=st.floats(0, 1e9),
    most=st.sampled_from([300.0, 86_400.0, 1e7]),
    jitter=st.floats(0, 1),
)
def test_no_source_waits_longer_than_the_longest_wait(
    failures: int,
    gone: bool,
    hours: frozenset[int],
    days: frozenset[int],
    asked_s: float,
    starts: int,
    wish_s: float,
    most: float,
    jitter: float,
) -> None:
    now = make_page().fetched_at + timedelta(seconds=starts)
    habits = Habits(wishes=Wishes(ttl_s=wish_s, skip_hours=hours, skip_days=days))
    bounds = Bounds(60, most)
    wait = next_wait_s(
        habits,
        failures=failures,
        gone=gone,
        asked_s=asked_s,
        now=now,
        bounds=bounds,
        jitter=jitter,
    )
    assert wait <= longest_wait_s(bounds)
