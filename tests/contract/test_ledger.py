"""The ledger's promises (RELIABILITY.md section 3), on the real PostgreSQL."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import errors
from sqlalchemy import Engine, event
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from tests.making import (
    advance,
    bring,
    count_of,
    created_changes,
    discover,
    expire_leases,
    let_wait_pass,
    make_article,
    make_classified,
    make_ledger,
    make_page,
    row_of,
    run_sql,
    set_entry,
    settle_advanced,
)
from workers.domain.outcomes import (
    Advanced,
    Deferred,
    Dropped,
    DropReason,
    Failed,
    Hop,
    Outcome,
    QuarantineReason,
    RetryReason,
    State,
)
from workers.store.articles import write_articles, write_classified
from workers.store.backoff import MAX_TRIES
from workers.store.batch import run_batch
from workers.store.ledger import Claim, Ledger, Settled
from workers.store.pages import write_pages


def settle_one(engine: Engine, entry_id: UUID, ending: Outcome[Any]) -> Settled[Any]:
    """Claim one discovered entry, whatever its waiting time, and settle it."""
    let_wait_pass(engine)
    ledger = make_ledger(engine)
    claim = ledger.claim([entry_id], State.DISCOVERED)
    return ledger.settle(claim, [(claim.entries[0], ending)], to=State.FETCHED, write=write_pages)


class TestClaim:
    def test_it_gives_the_entry_with_its_source_and_what_the_feed_said(self, engine: Engine) -> None:
        (one,) = discover(engine)
        (given,) = make_ledger(engine).claim([one], State.DISCOVERED).entries
        assert (given.id, given.url, given.attempt) == (one, "https://agency.example/news/0", 1)
        assert (given.source.id, given.source.country) == ("agency", "GB")
        assert (given.feed.title, given.feed.published) == ("Title 0", datetime(2026, 3, 1, 12, 30, tzinfo=UTC))

    def test_the_attempt_is_counted_before_the_work_begins(self, engine: Engine) -> None:
        (one,) = discover(engine)
        claim = make_ledger(engine).claim([one], State.DISCOVERED)
        seen = row_of(engine, one)  # another connection: so it is committed
        assert (seen.attempt, seen.lease_token) == (1, claim.token)
        assert seen.lease_until > seen.now

    def test_a_second_claim_gets_nothing(self, engine: Engine) -> None:
        ids = discover(engine, 3)
        ledger = make_ledger(engine)
        assert len(ledger.claim(ids, State.DISCOVERED).entries) == 3
        assert not ledger.claim(ids, State.DISCOVERED)
        assert not ledger.claim(ids[:1], State.DISCOVERED)

    def test_claimers_at_the_same_time_never_get_the_same_entry(self, engine: Engine) -> None:
        ids = discover(engine, 40)
        ledger = make_ledger(engine)
        together = threading.Barrier(4)

        def claim_all(_number: int) -> list[UUID]:
            together.wait(10)
            return [one.id for _ in range(3) for one in ledger.claim(ids, State.DISCOVERED).entries]

        with ThreadPoolExecutor(4) as pool:
            given = [one for claimed in pool.map(claim_all, range(4)) for one in claimed]
        assert sorted(given) == sorted(ids)
        assert {row_of(engine, one).attempt for one in ids} == {1}

    def test_a_claim_does_not_wait_for_a_row_that_another_transaction_holds(self, engine: Engine) -> None:
        ids = discover(engine, 2)
        with engine.begin() as other:
            other.exec_driver_sql(f"SELECT 1 FROM entry WHERE id = '{ids[0]}' FOR UPDATE")
            assert [one.id for one in make_ledger(engine).claim(ids, State.DISCOVERED).entries] == ids[1:]

    def test_an_entry_whose_time_has_not_come_is_not_given(self, engine: Engine) -> None:
        (one,) = discover(engine)
        set_entry(engine, one, not_before=datetime.now(UTC) + timedelta(minutes=1))
        assert not make_ledger(engine).claim([one], State.DISCOVERED)
        assert row_of(engine, one).attempt == 0

    @pytest.mark.parametrize("state", [State.FETCHED, State.EXTRACTED, State.CLASSIFIED, State.DROPPED])
    def test_an_entry_in_another_state_is_not_given(self, engine: Engine, state: State) -> None:
        (one,) = discover(engine)
        assert not make_ledger(engine).claim([one], state)

    def test_nothing_and_strangers_are_claimed_as_nothing(self, engine: Engine) -> None:
        ledger = make_ledger(engine)
        assert not ledger.claim([], State.DISCOVERED)
        assert not ledger.claim([uuid4()], State.DISCOVERED)

    def test_an_id_that_comes_twice_in_a_message_is_one_entry(self, engine: Engine) -> None:
        (one,) = discover(engine)
        assert len(make_ledger(engine).claim([one, one], State.DISCOVERED).entries) == 1


class TestFencing:
    @pytest.mark.parametrize(
        "ending",
        [
            Advanced(make_classified()),
            Dropped(DropReason.NO_TEXT),
            Deferred(RetryReason.TIMEOUT),
            Failed(QuarantineReason.UNSTORABLE),
        ],
    )
    def test_who_lost_the_lease_writes_nothing(self, engine: Engine, ending: Outcome[Any]) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED)
        ledger = make_ledger(engine)
        late = ledger.claim([one], State.EXTRACTED)
        expire_leases(engine)
        assert ledger.claim([one], State.EXTRACTED)
        before = row_of(engine, one)
        settled = ledger.settle(late, [(late.entries[0], ending)], to=State.CLASSIFIED, write=write_classified)
        assert (settled.advanced, settled.counts) == ([], {})
        assert row_of(engine, one)[:-1] == before[:-1]
        assert (count_of(engine, "change"), count_of(engine, "flag"), count_of(engine, "story")) == (0, 0, 0)

    def test_the_second_holder_settles_although_the_first_tried_before(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED)
        ledger = make_ledger(engine)
        late = ledger.claim([one], State.EXTRACTED)
        expire_leases(engine)
        holder = ledger.claim([one], State.EXTRACTED)
        assert settle_advanced(ledger, late) == []
        assert settle_advanced(ledger, holder) == [one]
        assert settle_advanced(ledger, late) == []
        assert len(created_changes(engine)) == 1

    def test_settling_twice_changes_nothing(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.EXTRACTED)
        assert settle_advanced(ledger, claim) == [one]
        assert settle_advanced(ledger, claim) == []
        assert len(created_changes(engine)) == 1

    def test_a_lease_that_ran_out_still_counts_while_nobody_else_took_it(self, engine: Engine) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.DISCOVERED)
        expire_leases(engine)
        assert settle_advanced(ledger, claim) == [one]

    def test_a_release_by_who_lost_the_lease_does_nothing(self, engine: Engine) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        late = ledger.claim([one], State.DISCOVERED)
        expire_leases(engine)
        holder = ledger.claim([one], State.DISCOVERED)
        ledger.release(late, [one])
        assert row_of(engine, one).lease_token == holder.token


class TestDeath:
    def test_what_a_dead_process_left_behind_is_given_out_alone(self, engine: Engine) -> None:
        ids = discover(engine, 3)
        ledger = make_ledger(engine)
        assert ledger.claim(ids[:2], State.DISCOVERED)
        expire_leases(engine)
        assert [one.id for one in ledger.claim(ids, State.DISCOVERED).entries] == ids[2:]
        assert [one.id for one in ledger.claim(ids[:1], State.DISCOVERED).entries] == ids[:1]

    def test_the_sweeper_is_told_which_entries_must_travel_alone(self, engine: Engine) -> None:
        ids = discover(engine, 2)
        ledger = make_ledger(engine)
        ledger.claim(ids[:1], State.DISCOVERED)
        expire_leases(engine)
        let_wait_pass(engine)
        assert {due.id: due.alone for due in ledger.due(State.DISCOVERED, 10)} == {ids[0]: True, ids[1]: False}

    def test_after_three_deaths_the_entry_is_quarantined_and_its_page_is_kept(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        ledger = make_ledger(engine)
        for _ in range(3):
            assert ledger.claim([one], State.FETCHED)
            expire_leases(engine)
        assert not ledger.claim([one], State.FETCHED)
        ended = row_of(engine, one)
        assert (ended.state, ended.reason, ended.lease_token) == ("quarantined", "crashed", None)
        assert ended.page_sha is not None
        assert count_of(engine, "page") == 1

    def test_two_deaths_are_forgiven_when_the_third_try_comes_back(self, engine: Engine) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        for _ in range(2):
            ledger.claim([one], State.DISCOVERED)
            expire_leases(engine)
        assert settle_advanced(ledger, ledger.claim([one], State.DISCOVERED)) == [one]
        after = row_of(engine, one)
        assert (after.state, after.crashes, after.attempt) == ("fetched", 0, 0)

    def test_a_process_that_dies_over_the_last_death_leaves_no_entry_without_an_end(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        for _ in range(3):
            ledger.claim([one], State.DISCOVERED)
            expire_leases(engine)
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "settle", _die)
            with pytest.raises(SystemExit):
                ledger.claim([one], State.DISCOVERED)
        expire_leases(engine)
        assert not ledger.claim([one], State.DISCOVERED)
        assert row_of(engine, one).reason == "crashed"


def _die(*_: Any, **__: Any) -> None:
    raise SystemExit(1)


class TestDefer:
    def test_the_due_time_is_kept_in_the_store_with_back_off(self, engine: Engine) -> None:
        (one,) = discover(engine)
        waits = []
        for _ in range(3):
            settled = settle_one(engine, one, Deferred(RetryReason.TIMEOUT, "no answer"))
            assert settled.counts == {"deferred:timeout": 1}
            seen = row_of(engine, one)
            assert (seen.state, seen.reason, seen.detail, seen.lease_token) == (
                "discovered", "timeout", "no answer", None,
            )  # fmt: skip
            assert seen.due_at == seen.not_before
            waits.append((seen.not_before - seen.now).total_seconds())
        for attempt, wait in enumerate(waits, start=1):
            assert 0.8 * 60 * 2**attempt - 5 <= wait <= 1.2 * 60 * 2**attempt

    @pytest.mark.parametrize(
        ("wish", "low", "high"),
        [
            pytest.param(timedelta(hours=5), 5, 5, id="respected"),
            pytest.param(timedelta(days=30), 24, 24, id="at most a day"),
            pytest.param(timedelta(seconds=1), 96 / 3600, 144 / 3600, id="never sooner than the back-off"),
            pytest.param(timedelta(days=-3), 96 / 3600, 144 / 3600, id="a wish for the past"),
        ],
    )
    def test_the_wish_of_the_other_side(self, engine: Engine, wish: timedelta, low: float, high: float) -> None:
        (one,) = discover(engine)
        now = row_of(engine, one).now
        settle_one(engine, one, Deferred(RetryReason.RATE_LIMITED, wait_s=wish.total_seconds()))
        hours = (row_of(engine, one).not_before - now).total_seconds() / 3600
        assert low - 0.01 <= hours <= high + 0.01

    def test_after_the_last_try_it_is_set_aside_with_its_last_reason(self, engine: Engine) -> None:
        (one,) = discover(engine)
        tries = MAX_TRIES[RetryReason.HTTP_5XX]
        for attempt in range(1, tries + 1):
            assert row_of(engine, one).state == "discovered"
            settle_one(engine, one, Deferred(RetryReason.HTTP_5XX, f"HTTP 503, try {attempt}"))
        ended = row_of(engine, one)
        assert (ended.state, ended.reason) == ("quarantined", "unreachable")
        assert ended.detail == f"http_5xx: HTTP 503, try {tries}"

    def test_a_try_that_came_back_wipes_out_earlier_deaths(self, engine: Engine) -> None:
        (one,) = discover(engine)
        make_ledger(engine).claim([one], State.DISCOVERED)
        expire_leases(engine)
        settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        assert row_of(engine, one).crashes == 0


class TestNotFound:
    """A 404 is often a page that is not there yet; three over a day are the end."""

    def test_the_third_ends_it_a_day_and_an_hour_after_the_first(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for hours in (1, 24):
            settle_one(engine, one, Deferred(RetryReason.NOT_FOUND, "HTTP 404"))
            seen = row_of(engine, one)
            assert (seen.state, seen.reason, seen.lease_token) == ("discovered", "not_found", None)
            assert seen.due_at == seen.not_before
            assert abs((seen.not_before - seen.now).total_seconds() - 3_600 * hours) < 5
        settled = settle_one(engine, one, Deferred(RetryReason.NOT_FOUND, "HTTP 404"))
        ended = row_of(engine, one)
        assert settled.counts == {"dropped:gone": 1}
        assert (ended.state, ended.reason, ended.detail) == ("dropped", "gone", "HTTP 404, 3 times over a day")

    def test_tries_that_failed_otherwise_do_not_count_for_it(self, engine: Engine) -> None:
        (one,) = discover(engine)
        others = (Deferred(RetryReason.TIMEOUT), Failed(QuarantineReason.BUG), Deferred(RetryReason.WAITING))
        for _ in range(2):
            settle_one(engine, one, Deferred(RetryReason.NOT_FOUND))
            for other in others:
                settle_one(engine, one, other)
        assert (row_of(engine, one).state, row_of(engine, one).not_found) == ("discovered", 2)
        settle_one(engine, one, Deferred(RetryReason.NOT_FOUND))
        assert row_of(engine, one).reason == "gone"

    def test_it_does_not_shorten_the_tries_of_an_outlet_that_is_away(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for _ in range(2):
            settle_one(engine, one, Deferred(RetryReason.NOT_FOUND))
        for _ in range(MAX_TRIES[RetryReason.TIMEOUT]):
            assert row_of(engine, one).state == "discovered"
            settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        assert row_of(engine, one).reason == "unreachable"

    def test_410_ends_it_at_once(self, engine: Engine) -> None:
        (one,) = discover(engine)
        settle_one(engine, one, Dropped(DropReason.GONE, "HTTP 410"))
        assert (row_of(engine, one).state, row_of(engine, one).reason) == ("dropped", "gone")


class TestWaiting:
    """The turn of its host has not come: no try was made."""

    def test_the_attempt_is_given_back_and_what_was_followed_is_kept(self, engine: Engine) -> None:
        (one,) = discover(engine)
        hops = (Hop(302, "https://agency.example/away"), Hop(301, "https://CDN.example:443/x"))
        settled = settle_one(engine, one, Deferred(RetryReason.WAITING, "cdn.example rests", 180.0, hops))
        assert settled.counts == {"deferred:waiting": 1}
        seen = row_of(engine, one)
        assert (seen.attempt, seen.state, seen.host, seen.lease_token) == (0, "discovered", "cdn.example", None)
        assert (seen.not_before, seen.reason) == (seen.due_at, "waiting")
        assert 179 < (seen.due_at - seen.now).total_seconds() <= 180
        let_wait_pass(engine)
        (given,) = make_ledger(engine).claim([one], State.DISCOVERED).entries
        assert (given.attempt, given.hops) == (1, hops)

    def test_hops_are_kept_while_it_waits_and_forgotten_when_a_try_failed(self, engine: Engine) -> None:
        (one,) = discover(engine)
        hops = (Hop(302, "https://cdn.example/x"),)
        settle_one(engine, one, Deferred(RetryReason.WAITING, hops=hops))
        settle_one(engine, one, Deferred(RetryReason.WAITING))
        let_wait_pass(engine)
        assert row_of(engine, one).host == "cdn.example"
        assert make_ledger(engine).claim([one], State.DISCOVERED).entries[0].hops == hops
        expire_leases(engine)
        settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        assert (row_of(engine, one).hops, row_of(engine, one).host) == ([], "agency.example")

    @pytest.mark.parametrize("wish", [None, timedelta(days=-1), timedelta(days=30)])
    def test_without_a_moment_it_is_due_at_once_and_never_later_than_in_a_day(
        self, engine: Engine, wish: timedelta | None
    ) -> None:
        (one,) = discover(engine)
        wait_s = None if wish is None else wish.total_seconds()
        settle_one(engine, one, Deferred(RetryReason.WAITING, wait_s=wait_s))
        waits = (row_of(engine, one).not_before - row_of(engine, one).now).total_seconds()
        assert 86_300 < waits <= 86_400 if wish == timedelta(days=30) else waits <= 0

    def test_however_often_it_waits_it_is_never_set_aside(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for _ in range(MAX_TRIES[RetryReason.TIMEOUT] + 2):
            settle_one(engine, one, Deferred(RetryReason.WAITING))
        settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        assert (row_of(engine, one).state, row_of(engine, one).attempt) == ("discovered", 1)

    def test_it_is_no_try_that_came_back(self, engine: Engine) -> None:
        """An entry over which a process died goes on travelling alone: its page was not touched since."""
        (one,) = discover(engine)
        make_ledger(engine).claim([one], State.DISCOVERED)
        expire_leases(engine)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.DISCOVERED)
        waiting = Deferred(RetryReason.WAITING)
        ledger.settle(claim, [(claim.entries[0], waiting)], to=State.FETCHED, write=write_pages)
        assert row_of(engine, one).crashes == 1
        let_wait_pass(engine)
        assert [due.alone for due in ledger.due(State.DISCOVERED, 10)] == [True]


class TestFail:
    def test_a_bug_is_tried_three_times_then_kept_with_its_traceback(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for state in ("discovered", "discovered", "quarantined"):
            settle_one(engine, one, Failed(QuarantineReason.BUG, "Traceback ...\nKeyError: 'x'"))
            assert row_of(engine, one).state == state
        ended = row_of(engine, one)
        assert (ended.reason, ended.detail) == ("bug", "Traceback ...\nKeyError: 'x'")

    def test_what_failed_for_another_reason_before_does_not_shorten_its_tries(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for _ in range(3):
            settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        for state in ("discovered", "discovered", "quarantined"):
            settle_one(engine, one, Failed(QuarantineReason.BUG))
            assert row_of(engine, one).state == state

    def test_bugs_are_counted_although_an_outlet_was_away_in_between(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for _ in range(2):
            settle_one(engine, one, Failed(QuarantineReason.BUG))
            settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        assert row_of(engine, one).state == "discovered"
        settle_one(engine, one, Failed(QuarantineReason.BUG))
        assert (row_of(engine, one).state, row_of(engine, one).reason) == ("quarantined", "bug")

    def test_a_bug_does_not_shorten_the_tries_of_an_outlet_that_is_away(self, engine: Engine) -> None:
        (one,) = discover(engine)
        settle_one(engine, one, Failed(QuarantineReason.BUG))
        for _ in range(MAX_TRIES[RetryReason.TIMEOUT]):
            assert row_of(engine, one).state == "discovered"
            settle_one(engine, one, Deferred(RetryReason.TIMEOUT))
        assert (row_of(engine, one).state, row_of(engine, one).reason) == ("quarantined", "unreachable")

    def test_the_next_step_begins_without_the_failures_of_the_last(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for _ in range(2):
            settle_one(engine, one, Failed(QuarantineReason.BUG))
        let_wait_pass(engine)
        bring(engine, [one], State.FETCHED)
        assert row_of(engine, one).failures == 0

    def test_the_end_of_a_long_traceback_is_kept(self, engine: Engine) -> None:
        (one,) = discover(engine)
        settle_one(engine, one, Failed(QuarantineReason.BUG, "first\n" + "x" * 100_000 + "\nKeyError: 'last'"))
        detail = row_of(engine, one).detail
        assert detail.startswith("first\n")
        assert detail.endswith("\nKeyError: 'last'")
        assert len(detail) < 5_000

    @pytest.mark.parametrize("detail", ["a\0b", "half \ud800 character"])
    def test_no_detail_is_unstorable(self, engine: Engine, detail: str) -> None:
        (one,) = discover(engine)
        settle_one(engine, one, Dropped(DropReason.GONE, detail))
        assert row_of(engine, one).state == "dropped"


class TestUnstorable:
    @pytest.mark.parametrize("text", ["a NUL \0 inside", "half \ud83d a character"])
    def test_only_the_entry_with_the_value_goes_to_quarantine(self, engine: Engine, text: str) -> None:
        ids = bring(engine, discover(engine, 3), State.FETCHED)
        ledger = make_ledger(engine)
        claim = ledger.claim(ids, State.FETCHED)
        bad = claim.entries[1].id
        endings: list[tuple[Any, Outcome[Any]]] = [
            (one, Advanced(make_article(text=text if one.id == bad else "good"))) for one in claim.entries
        ]
        settled = ledger.settle(claim, endings, to=State.EXTRACTED, write=write_articles)
        assert sorted(settled.advanced) == sorted(set(ids) - {bad})
        assert settled.counts == {"extracted": 2, "quarantined:unstorable": 1}
        ended = row_of(engine, bad)
        assert (ended.state, ended.reason) == ("quarantined", "unstorable")
        assert ended.detail
        assert ended.page_sha is not None

    def test_a_value_that_is_more_than_the_database_can_hold_is_refused_for_its_entry_alone(
        self, engine: Engine
    ) -> None:
        ids = bring(engine, discover(engine, 2), State.EXTRACTED)
        ledger = make_ledger(engine)
        claim = ledger.claim(ids, State.EXTRACTED)
        noise = "".join(Random(7).choices("0123456789abcdef", k=20_000))  # does not fit into an index
        endings: list[tuple[Any, Outcome[Any]]] = [
            (one, Advanced(make_classified(fingerprint=noise if one.id == ids[0] else "short")))
            for one in claim.entries
        ]
        settled = ledger.settle(claim, endings, to=State.CLASSIFIED, write=write_classified)
        assert settled.counts == {"classified": 1, "quarantined:unstorable": 1}
        assert row_of(engine, ids[0]).reason == "unstorable"

    def test_a_refusal_that_is_not_the_fault_of_a_value_is_an_error(self, engine: Engine) -> None:
        (one,) = discover(engine)
        claim = make_ledger(engine).claim([one], State.DISCOVERED)
        broken = Ledger(engine, lease_s=90, hint_lag_s=30)
        broken._values = lambda *_: {"reason": "a\0b"}  # type: ignore[method-assign,assignment,return-value]
        with pytest.raises(DataError):
            broken.settle(claim, [(claim.entries[0], Dropped(DropReason.GONE))], to=State.FETCHED, write=write_pages)


class TestUncertainCommit:
    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_settling_again_is_harmless(self, engine: Engine, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.EXTRACTED)
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", _killed(engine.dialect.do_commit, moment))
            with pytest.raises(SystemExit):
                settle_advanced(ledger, claim)
        assert row_of(engine, one).state == ("extracted" if moment == "before" else "classified")
        settle_advanced(ledger, claim)
        assert row_of(engine, one).state == "classified"
        assert len(created_changes(engine)) == 1
        assert count_of(engine, "flag") == 1

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_claim_that_nobody_heard_of_comes_back_with_its_lease(
        self, engine: Engine, moment: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", _killed(engine.dialect.do_commit, moment))
            with pytest.raises(SystemExit):
                ledger.claim([one], State.DISCOVERED)
        expire_leases(engine)
        claim = ledger.claim([one], State.DISCOVERED)
        assert claim.entries[0].attempt == (1 if moment == "before" else 2)


def _killed(commit: Any, moment: str) -> Any:
    def do_commit(connection: Any) -> None:
        if moment == "after":
            commit(connection)
        raise SystemExit(1)

    return do_commit


class TestDue:
    def test_what_was_given_out_is_put_off_by_the_lag(self, engine: Engine) -> None:
        ids = discover(engine, 2)
        let_wait_pass(engine)
        ledger = make_ledger(engine)
        assert {due.id for due in ledger.due(State.DISCOVERED, 10)} == set(ids)
        assert ledger.due(State.DISCOVERED, 10) == []
        seen = row_of(engine, ids[0])
        assert timedelta(seconds=25) < seen.due_at - seen.now <= timedelta(seconds=30)

    def test_the_oldest_come_first_and_no_more_than_asked_for(self, engine: Engine) -> None:
        ids = discover(engine, 5)
        moment = row_of(engine, ids[0]).now
        for age, one in enumerate(ids):
            set_entry(engine, one, due_at=moment - timedelta(minutes=age))
        assert [due.id for due in make_ledger(engine).due(State.DISCOVERED, 3)] == [ids[4], ids[3], ids[2]]

    def test_what_is_leased_waiting_or_ended_is_not_due(self, engine: Engine) -> None:
        leased, waiting, ended = discover(engine, 3)
        settle_one(engine, waiting, Deferred(RetryReason.TIMEOUT))
        ledger = make_ledger(engine)
        claim = ledger.claim([ended], State.DISCOVERED)
        ledger.settle(claim, [(claim.entries[0], Dropped(DropReason.GONE))], to=State.FETCHED, write=write_pages)
        ledger.claim([leased], State.DISCOVERED)
        set_entry(engine, ended, due_at=datetime(2000, 1, 1, tzinfo=UTC))
        assert [ledger.due(state, 10) for state in State] == [[]] * len(State)

    def test_sweepers_at_the_same_time_do_not_hand_out_the_same_rows(self, engine: Engine) -> None:
        ids = discover(engine, 40)
        let_wait_pass(engine)
        ledger = make_ledger(engine)
        together = threading.Barrier(4)

        def sweep(_number: int) -> list[UUID]:
            together.wait(10)
            return [due.id for due in ledger.due(State.DISCOVERED, 10)]

        with ThreadPoolExecutor(4) as pool:
            found = [one for some in pool.map(sweep, range(4)) for one in some]
        assert len(found) == len(set(found))
        assert set(found) <= set(ids)

    def test_a_sweeper_passes_by_rows_that_another_one_holds(self, engine: Engine) -> None:
        ids = discover(engine, 2)
        let_wait_pass(engine)
        with engine.begin() as other:
            other.exec_driver_sql(f"SELECT 1 FROM entry WHERE id = '{ids[0]}' FOR UPDATE")
            assert [due.id for due in make_ledger(engine).due(State.DISCOVERED, 10)] == ids[1:]


class TestEndings:
    @pytest.mark.parametrize("reason", list(DropReason))
    def test_every_drop_reason_is_an_end(self, engine: Engine, reason: DropReason) -> None:
        (one,) = discover(engine)
        assert settle_one(engine, one, Dropped(reason)).counts == {f"dropped:{reason}": 1}
        assert (row_of(engine, one).state, row_of(engine, one).reason) == ("dropped", reason)

    @pytest.mark.parametrize("reason", list(QuarantineReason))
    def test_every_quarantine_reason_is_reached_within_its_tries(
        self, engine: Engine, reason: QuarantineReason
    ) -> None:
        (one,) = discover(engine)
        for _ in range(MAX_TRIES[reason]):
            settle_one(engine, one, Failed(reason))
        assert (row_of(engine, one).state, row_of(engine, one).reason) == ("quarantined", reason)

    @pytest.mark.parametrize("reason", list(RetryReason))
    def test_every_retry_reason_defers(self, engine: Engine, reason: RetryReason) -> None:
        (one,) = discover(engine)
        assert settle_one(engine, one, Deferred(reason)).counts == {f"deferred:{reason}": 1}

    def test_every_step_advances(self, engine: Engine) -> None:
        ids = bring(engine, discover(engine, 2), State.CLASSIFIED)
        for one in ids:
            ended = row_of(engine, one)
            assert (ended.state, ended.reason, ended.attempt, ended.lease_token) == ("classified", None, 0, None)

    def test_a_step_from_a_state_that_has_passed_does_nothing(self, engine: Engine) -> None:
        ids = bring(engine, discover(engine), State.EXTRACTED)
        assert advance(engine, ids, State.FETCHED) == []

    @pytest.mark.parametrize(
        ("state", "reason"),
        [("dropped", "because"), ("dropped", None), ("dropped", "bug"), ("quarantined", "gone"), ("quarantined", None)],
    )
    def test_the_database_refuses_an_end_without_a_reason_of_the_list(
        self, engine: Engine, state: str, reason: str | None
    ) -> None:
        (one,) = discover(engine)
        with pytest.raises(IntegrityError, match="ck_entry_"):
            set_entry(engine, one, state=state, reason=reason)

    def test_the_database_refuses_a_state_that_does_not_exist(self, engine: Engine) -> None:
        (one,) = discover(engine)
        with pytest.raises(IntegrityError, match="ck_entry_state"):
            set_entry(engine, one, state="lost")


class TestBatch:
    def run(self, ledger: Ledger, claim: Claim, step: Any, budget_s: float = 60) -> Settled[Any]:
        given = [(one, None) for one in claim.entries]
        return run_batch(ledger, claim, given, step, to=State.FETCHED, write=write_pages, budget_s=budget_s)

    def test_an_entry_that_raises_does_not_stop_its_batch_mates(self, engine: Engine) -> None:
        ids = discover(engine, 3)
        ledger = make_ledger(engine)

        def step(one: Any, _value: None) -> Outcome[Any]:
            if one.id == ids[1]:
                raise KeyError("surprise")
            return Advanced(make_page())

        settled = self.run(ledger, ledger.claim(ids, State.DISCOVERED), step)
        assert sorted(settled.advanced) == sorted([ids[0], ids[2]])
        seen = row_of(engine, ids[1])
        assert (seen.state, seen.reason) == ("discovered", "bug")
        assert "KeyError: 'surprise'" in seen.detail

    def test_what_was_not_begun_in_time_is_given_back_with_its_attempt(self, engine: Engine) -> None:
        ids = discover(engine, 3)
        ledger = make_ledger(engine)
        claim = ledger.claim(ids, State.DISCOVERED)
        settled = self.run(ledger, claim, lambda *_: Advanced(make_page()), budget_s=-1)
        assert settled.advanced == [claim.entries[0].id]
        for one in claim.entries[1:]:
            seen = row_of(engine, one.id)
            assert (seen.attempt, seen.lease_token, seen.crashes) == (0, None, 0)
        assert len(ledger.claim(ids, State.DISCOVERED).entries) == 2  # at once, and together: nobody died over them

    def test_the_transaction_is_open_only_after_the_work(self, engine: Engine) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.DISCOVERED)
        open_at_work: list[int] = []
        begun: list[int] = []
        event.listen(engine, "begin", lambda _connection: begun.append(1))

        def step(*_: Any) -> Outcome[Any]:
            open_at_work.append(len(begun))
            return Advanced(make_page())

        self.run(ledger, claim, step)
        assert (open_at_work, len(begun)) == ([0], 1)

    def test_what_was_made_outlives_a_restart_of_the_store(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = discover(engine, 2)
        ledger = make_ledger(engine)
        claim = ledger.claim(ids, State.DISCOVERED)
        worked: list[UUID] = []

        def step(one: Any, _value: None) -> Outcome[Any]:
            worked.append(one.id)
            return Advanced(make_page())

        monkeypatch.setattr(engine.dialect, "do_commit", Outage(engine, 2))
        assert sorted(self.run(ledger, claim, step).advanced) == sorted(ids)
        assert len(worked) == 2, "the work was not thrown away"


class Outage:
    """A server that shuts down at the next commits; `heard`: what was to be committed is, and nobody hears of it."""

    def __init__(self, engine: Engine, times: int, *, heard: bool = False) -> None:
        self.commit: Any = engine.dialect.do_commit
        self.times = times
        self.heard = heard

    def __call__(self, connection: Any) -> None:
        if self.times == 0:
            self.commit(connection)
            return
        self.times -= 1
        if self.heard:
            self.commit(connection)
        raise errors.AdminShutdown("terminating connection due to administrator command")


class TestOutage:
    """The store goes away while entries are in hand: that is not their fault."""

    def fail(self, ledger: Ledger, claim: Claim) -> None:
        """Work on a claim until patience with the store is over."""
        with pytest.raises(OperationalError), ledger.blameless(claim):
            settle_advanced(ledger, claim)

    def test_entries_come_back_together_and_without_a_count_however_often_the_store_goes_away(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = discover(engine, 3)
        ledger = make_ledger(engine)
        for _ in range(4):
            claim = ledger.claim(ids, State.DISCOVERED)
            assert [(one.attempt, row_of(engine, one.id).crashes) for one in claim.entries] == [(1, 0)] * 3
            with monkeypatch.context() as patch:
                patch.setattr(engine.dialect, "do_commit", Outage(engine, 1))
                self.fail(ledger, claim)
        assert len(settle_advanced(ledger, ledger.claim(ids, State.DISCOVERED))) == 3

    def test_a_batch_gives_back_what_it_could_not_settle_in_time(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = discover(engine, 2)
        ledger = make_ledger(engine)
        ledger.patience_s = 0.3
        claim = ledger.claim(ids, State.DISCOVERED)
        given = [(one, None) for one in claim.entries]
        begun = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", Outage(engine, 1_000))
            work = partial(run_batch, ledger, claim, given, lambda *_: Advanced(make_page()), budget_s=60)
            with pytest.raises(OperationalError):
                work(to=State.FETCHED, write=write_pages)
        assert time.monotonic() - begun >= 0.29, "it was insisted on"
        again = ledger.claim(ids, State.DISCOVERED)
        assert [one.attempt for one in again.entries] == [1, 1]

    def test_what_went_on_before_the_store_went_away_is_not_given_back(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = discover(engine, 2)
        ledger = make_ledger(engine)
        claim = ledger.claim(ids, State.DISCOVERED)
        first = [(claim.entries[0], Advanced(make_page()))]
        ledger.settle(claim, first, to=State.FETCHED, write=write_pages)
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", Outage(engine, 1))
            self.fail(ledger, claim)
        assert [one.id for one in ledger.claim(ids, State.DISCOVERED).entries] == [claim.entries[1].id]
        assert row_of(engine, claim.entries[0].id).state == "fetched"

    @pytest.mark.parametrize("heard", [False, True])
    def test_a_claim_that_was_written_unheard_is_given_back(
        self, engine: Engine, heard: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = discover(engine, 2)
        ledger = make_ledger(engine)
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", Outage(engine, 1, heard=heard))
            with pytest.raises(OperationalError):
                ledger.claim(ids, State.DISCOVERED)
        assert [one.attempt for one in ledger.claim(ids, State.DISCOVERED).entries] == [1, 1]

    def test_while_the_store_is_away_nothing_new_is_taken_and_nothing_owed_is_forgotten(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = discover(engine, 2)
        ledger = make_ledger(engine)
        claim = ledger.claim(ids[:1], State.DISCOVERED)
        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", Outage(engine, 3))
            self.fail(ledger, claim)
            for _ in range(2):
                with pytest.raises(OperationalError):
                    ledger.claim(ids[1:], State.DISCOVERED)
        assert row_of(engine, ids[1]).attempt == 0
        assert [one.attempt for one in ledger.claim(ids, State.DISCOVERED).entries] == [1, 1]

    def test_an_outage_longer_than_a_lease_is_not_counted_however_many_there_are(self, engine: Engine) -> None:
        ids = discover(engine, 3)
        ledger = make_ledger(engine)
        for _ in range(4):
            claim = ledger.claim(ids, State.DISCOVERED)
            assert [(one.attempt, row_of(engine, one.id).crashes) for one in claim.entries] == [(1, 0)] * 3
            expire_leases(engine)  # whoever held them owes them still, and somebody else comes first
            assert ledger.excuse(120) == 3
            assert {one.id: one.alone for one in ledger.due(State.DISCOVERED, 10)} == dict.fromkeys(ids, False)
        assert len(settle_advanced(ledger, ledger.claim(ids, State.DISCOVERED))) == 3

    @pytest.mark.parametrize(
        ("ends_in_s", "excused"),
        [
            pytest.param(-121, 0, id="it ended before the outage"),
            pytest.param(-119, 1, id="it ended in the outage"),
            pytest.param(35, 1, id="nobody insists any more"),
            pytest.param(37, 0, id="somebody may still insist"),
        ],
    )
    def test_only_what_the_outage_can_have_cost_is_excused(self, engine: Engine, ends_in_s: int, excused: int) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine, lease_s=90)
        ledger.claim([one], State.DISCOVERED)
        run_sql(engine, "UPDATE entry SET lease_until = now() + make_interval(secs => :s)", s=ends_in_s)
        assert ledger.excuse(120) == excused

    def test_an_error_of_ours_is_not_excused(self, engine: Engine) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.DISCOVERED)
        with pytest.raises(ZeroDivisionError), ledger.blameless(claim):
            raise ZeroDivisionError
        expire_leases(engine)
        ledger.claim([one], State.DISCOVERED)
        assert row_of(engine, one).crashes == 1
