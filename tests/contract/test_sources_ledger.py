"""Sources in the ledger: what is watched, when it is asked, and what a poll leaves behind."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from psycopg.errors import AdminShutdown
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from tests.making import (
    count_of,
    make_feed_entry,
    make_ledger,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    run_sql,
)
from workers.domain.outcomes import FeedOutcome, Hop, State
from workers.store.ledger import Due, Ledger
from workers.store.polls import Document, Pending, Recorded, Schedule
from workers.store.schema import entry, source
from workers.store.sources import SourceLedger


def source_row(engine: Engine, name: str = "agency") -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT *, now() AS now FROM source WHERE id = :id"), {"id": name}).one()


def watched(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(source.c.id).where(source.c.watched).order_by(source.c.id)).scalars())


class TestSync:
    def test_it_adds_changes_unwatches_and_watches_again(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        one, two = make_source("one"), make_source("two")
        sources.sync([one, two])
        assert watched(engine) == ["one", "two"]
        sources.sync([replace(one, name="Renamed", state_owned=True)])
        assert watched(engine) == ["one"]
        assert (source_row(engine, "one").name, source_row(engine, "one").state_owned) == ("Renamed", True)
        assert source_row(engine, "two").name == "The two", "what went away keeps its row"
        sources.sync([two])
        assert watched(engine) == ["two"]
        sources.sync([])
        assert watched(engine) == []

    def test_the_mark_of_the_file_is_noted(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        assert sources.mark() is None
        for mark in ("first", "second"):
            sources.sync([make_source()], mark=mark)
            assert make_source_ledger(engine).mark() == mark

    def test_the_same_list_again_leaves_what_was_learnt(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(etag='"1"', body_sha="x", wait_s=600))
        before = source_row(engine)
        sources.sync([make_source()])
        assert source_row(engine)[:-1] == before[:-1]

    def test_another_url_starts_afresh(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(etag='"1"', last_modified="Sun", body_sha="x"))
        record(sources, "agency", poll_result(outcome=FeedOutcome.TIMEOUT, was_read=False, wait_s=9_000))
        assert sources.due(10) == []
        assert not sources.claim(["agency"])
        sources.sync([make_source(url="https://agency.example/new")])
        fresh = source_row(engine)
        assert (fresh.documents, fresh.failures) == ({}, 0)
        assert fresh.outcomes == {"ok": 1, "timeout": 1}, "its history is kept"
        assert sources.due(10) == [Due("agency", alone=False)]
        assert [due.source.url for due in sources.claim(["agency"])] == ["https://agency.example/new"]

    def test_a_source_that_comes_back_is_due_at_once_with_its_failures_forgotten(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(), make_source("other")])
        for name in ("agency", "other"):
            record(sources, name, poll_result(etag='"1"', body_sha="x"))
            record(sources, name, poll_result(outcome=FeedOutcome.TIMEOUT, was_read=False, wait_s=80_000))
        sources.sync([make_source("other")])
        sources.sync([make_source(), make_source("other")])
        assert [due.id for due in sources.due(10)] == ["agency"], "the other was never away"
        assert (source_row(engine).failures, source_row(engine, "other").failures) == (0, 1)
        assert [due.known.etag for due in sources.claim(["agency", "other"])] == ['"1"']

    def test_a_poll_that_was_under_way_when_a_source_went_does_not_keep_it_from_coming_back(
        self, engine: Engine
    ) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        (late,) = sources.claim(["agency"])
        sources.sync([])
        sources.sync([make_source()])
        (due,) = sources.claim(["agency"])
        assert not due.crashed
        assert sources.record(late, poll_result(make_feed_entry())) == Recorded()

    def test_a_poll_of_the_old_url_writes_nothing_to_the_new_one(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        (late,) = sources.claim(["agency"])
        sources.sync([make_source(url="https://agency.example/new")])
        assert sources.record(late, poll_result(make_feed_entry(), etag='"old"')) == Recorded()
        assert source_row(engine).documents == {}

    def test_a_source_that_is_not_watched_is_neither_due_nor_given(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        sources.sync([])
        assert sources.due(10) == []
        assert sources.claim(["agency"]) == []


class TestClaim:
    def test_due_sources_are_put_off_by_the_lag_and_come_in_the_order_in_which_they_were_asked(
        self, engine: Engine
    ) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("a", "b", "c", "d")])
        run_sql(engine, "UPDATE source SET polled_at = now() - interval '1 h' WHERE id = 'a'")
        run_sql(engine, "UPDATE source SET polled_at = now() - interval '2 h' WHERE id = 'b'")
        run_sql(engine, "UPDATE source SET due_at = now() + interval '1 h' WHERE id = 'c'")
        assert [due.id for due in sources.due(10)] == ["d", "b", "a"]
        assert sources.due(10) == []

    def test_what_was_missed_while_the_system_was_away_is_spread_over_half_a_minute(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(f"s{number:02}") for number in range(60)])
        run_sql(engine, "UPDATE source SET polled_at = now() - interval '1 h', due_at = now() - interval '10 min'")
        run_sql(engine, "UPDATE source SET due_at = now() - interval '50 s' WHERE id = 's07'")
        run_sql(engine, "UPDATE source SET polled_at = NULL WHERE id = 's08'")
        assert sources.spread_missed() == 58
        assert [due.id for due in sources.due(100)] == ["s08", "s07"], "new; a little late; neither was missed"
        with engine.connect() as connection:
            waits = connection.execute(text("SELECT extract(epoch FROM due_at - now()) FROM source")).scalars().all()
        assert all(-1 < wait <= 30 for wait in waits)
        assert len([wait for wait in waits if wait < 15]) > 10
        assert len([wait for wait in waits if wait > 15]) > 10
        run_sql(engine, "UPDATE source SET due_at = due_at - interval '30 s'")
        assert sources.spread_missed() == 0
        assert len(sources.due(100)) == 60, "each has its turn"

    def test_sources_are_given_in_the_order_of_the_message(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("a", "b", "c")])
        assert [due.source.id for due in sources.claim(["c", "a", "b"])] == ["c", "a", "b"]

    def test_entries_of_a_host_wait_until_its_due_source_was_asked(self, engine: Engine) -> None:
        sources = make_source_ledger(engine, per_host=2)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(*[make_feed_entry(number) for number in range(9)]))
        run_sql(engine, "UPDATE host SET hinted_until = NULL; UPDATE source SET due_at = now(), not_before = now()")
        run_sql(engine, "UPDATE entry SET due_at = now()")
        ledger = make_ledger(engine, per_host=2)
        assert [due.id for due in sources.due(10)] == ["agency"]
        assert ledger.due(State.DISCOVERED, 10) == []
        run_sql(engine, "UPDATE host SET hinted_until = NULL")  # as the poll's session does when it gives the host back
        assert len(ledger.due(State.DISCOVERED, 10)) == 2

    def test_a_source_is_given_to_one_and_comes_back_when_the_lease_ends(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        (first,) = sources.claim(["agency"])
        assert sources.claim(["agency"]) == []
        run_sql(engine, "UPDATE source SET lease_until = now() - interval '1 s'")
        (second,) = sources.claim(["agency"])
        assert (first.crashed, second.crashed) == (False, True)
        assert sources.record(first, poll_result(make_feed_entry(1), etag='"late"')) == Recorded()
        assert count_of(engine, "entry") == 0
        assert source_row(engine).lease_token == second.token
        assert source_row(engine).polled_at is None
        assert sources.record(second, poll_result(make_feed_entry(1))).new == 1

    def test_a_message_that_comes_twice_does_not_ask_the_outlet_twice(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(wait_s=600))
        assert sources.claim(["agency"]) == []

    def test_it_says_what_the_last_answer_was(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(etag='"1"', last_modified="Sun", body_sha="x"))
        record(sources, "agency", poll_result(outcome=FeedOutcome.TIMEOUT, was_read=False))
        (due,) = sources.claim(["agency"])
        assert (due.known, due.failures) == (Document(etag='"1"', last_modified="Sun", body_sha="x"), 1)
        assert due.source == make_source()


class TestDeath:
    """A process died over a source, or with it in hand."""

    def crash(self, engine: Engine, sources: SourceLedger, *names: str) -> None:
        """Let a process die over these sources, and record it, as a poll does."""
        assert sources.claim(names)
        run_sql(engine, "UPDATE source SET lease_until = now() - interval '1 s', due_at = now()")
        for due in sources.claim(names):
            assert due.crashed
            sources.record(due, poll_result(outcome=FeedOutcome.CRASHED, detail="died"))

    def test_it_is_counted_as_a_failure_of_its_own_kind(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        for times in (1, 2):
            self.crash(engine, sources, "agency")
            row = source_row(engine)
            assert (row.failures, row.last_outcome, row.last_error) == (times, "crashed", "died")
            assert row.outcomes == {"crashed": times}
            assert row.lease_token is None

    def test_it_is_given_out_alone_until_a_poll_of_it_ends(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("bad", "good")])
        self.crash(engine, sources, "bad")
        assert {due.id: due.alone for due in sources.due(10)} == {"bad": True, "good": False}
        assert [due.source.id for due in sources.claim(["bad", "good"])] == ["good"]
        (alone,) = sources.claim(["bad", "bad"])
        sources.record(alone, poll_result(outcome=FeedOutcome.TIMEOUT))
        assert [due.alone for due in sources.due(10)] == [False]
        assert [due.source.id for due in sources.claim(["bad", "good"])] == ["bad"]

    def test_a_store_that_goes_away_is_no_death(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("one", "two")])
        claimed = sources.claim(["one", "two"])
        sources.record(claimed[0], poll_result(wait_s=600))
        with pytest.raises(OperationalError), sources.blameless(claimed):
            raise OperationalError("UPDATE", None, AdminShutdown())
        (again,) = sources.claim(["one", "two"])
        assert (again.source.id, again.crashed) == (claimed[1].source.id, False)

    @pytest.mark.parametrize("heard", [False, True])
    def test_a_claim_that_was_written_unheard_is_no_death(
        self, engine: Engine, heard: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        commit: Any = engine.dialect.do_commit

        def shut_down(connection: Any) -> None:
            if heard:
                commit(connection)
            raise AdminShutdown

        with monkeypatch.context() as patch:
            patch.setattr(engine.dialect, "do_commit", shut_down)
            with pytest.raises(OperationalError):
                sources.claim(["agency"])
        assert [due.crashed for due in sources.claim(["agency"])] == [False]


class TestRecord:
    def test_outcomes_are_counted_and_failures_in_a_row_too(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        for outcome in ("timeout", "timeout", "ok", "not_a_feed"):
            record(sources, "agency", poll_result(outcome=FeedOutcome(outcome), detail=f"said {outcome}"))
        row = source_row(engine)
        assert row.outcomes == {"timeout": 2, "ok": 1, "not_a_feed": 1}
        assert (row.failures, row.last_outcome, row.last_error) == (1, "not_a_feed", "said not_a_feed")

    def test_what_counts_as_success(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        link = make_feed_entry()
        for outcome, links, ok in [
            (FeedOutcome.OK, [link], True),
            (FeedOutcome.EMPTY, [], True),
            (FeedOutcome.NOT_MODIFIED, [], True),
            (FeedOutcome.CUT_OFF, [link], True),
            (FeedOutcome.CUT_OFF, [], False),
            *((one, [], False) for one in FeedOutcome if not one.is_success),
        ]:
            run_sql(engine, "UPDATE source SET failures = 5, succeeded_at = NULL")
            record(sources, "agency", poll_result(*links, outcome=outcome, detail="why"))
            row = source_row(engine)
            assert (row.failures, row.succeeded_at is not None) == ((0, True) if ok else (6, False)), outcome
            assert row.last_error == (None if outcome.is_success else "why"), outcome

    def test_an_answer_without_a_body_keeps_the_marks_of_the_last_one(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(etag='"1"', body_sha="x"))
        for outcome in (FeedOutcome.NOT_MODIFIED, FeedOutcome.TIMEOUT):
            record(sources, "agency", poll_result(outcome=outcome, was_read=False))
        (known,) = source_row(engine).documents.values()
        assert known == {"etag": '"1"', "body_sha": "x"}

    @pytest.mark.parametrize("text", ["a\0b", "half \ud800 character", "边" * 5_000])
    def test_nothing_that_a_feed_says_can_keep_a_poll_from_being_recorded(self, engine: Engine, text: str) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        noise = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(2_000))  # does not compress
        hostile = make_feed_entry(
            key=text + noise, title=text, summary=text, authors=(text,), url=f"https://{text[:9]}{noise}.example/{text}"
        )
        good = make_feed_entry("good")
        result = poll_result(hostile, good, etag=None)
        assert record(sources, "agency", replace(result, detail=text)).new == 2
        assert record(sources, "agency", replace(result, outcome=FeedOutcome.CUT_OFF, detail=text)).new == 0


class TestDiscover:
    def test_the_same_feed_again_brings_nothing_new(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        links = [make_feed_entry(number) for number in range(3)]
        found = record(sources, "agency", poll_result(*links))
        assert (found.new, len(found.ready)) == (3, 3)
        first_found = source_row(engine).found_at
        assert record(sources, "agency", poll_result(*links)) == Recorded()
        assert (count_of(engine, "entry"), count_of(engine, "sighting")) == (3, 3)
        assert source_row(engine).found_at == first_found

    def test_a_link_at_two_outlets_is_one_entry_seen_twice(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source("one"), make_source("two")])
        assert record(sources, "one", poll_result(make_feed_entry(1))).new == 1
        assert record(sources, "two", poll_result(make_feed_entry(1), make_feed_entry(2))).new == 1
        assert (count_of(engine, "entry"), count_of(engine, "sighting")) == (2, 3)

    def test_a_link_that_stands_twice_in_a_feed_is_one_entry_as_the_first_tells_it(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        first, second = make_feed_entry(1, title="first"), make_feed_entry(1, title="second", key="other")
        assert record(sources, "agency", poll_result(first, second)).new == 1
        with engine.connect() as connection:
            assert connection.execute(select(entry.c.feed["title"].as_string())).scalars().all() == ["first"]

    def test_links_are_told_apart_by_their_canonical_url_and_fetched_as_given(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        given = make_feed_entry(1, url="https://AGENCY.example:443/b/../a/?utm_source=rss#top")
        assert record(sources, "agency", poll_result(given)).new == 1
        again = make_feed_entry(1, url="https://agency.example/a")
        assert record(sources, "agency", poll_result(again)).new == 0
        with engine.connect() as connection:
            assert connection.execute(select(entry.c.url)).scalars().all() == [given.url]

    def test_new_entries_may_be_claimed_at_once_and_are_hinted_at_again_after_the_lag(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        ready = record(sources, "agency", poll_result(make_feed_entry())).ready
        ledger = Ledger(engine, lease_s=90, hint_lag_s=30)
        assert ledger.due(State.DISCOVERED, 10) == []
        assert len(ledger.claim(ready, State.DISCOVERED).entries) == 1


class TestSightings:
    def test_a_key_that_changes_at_each_poll_makes_no_new_sightings(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        fresh: list[int] = []

        def schedule(new: int) -> Schedule:
            fresh.append(new)
            return Schedule(wait_s=0)

        for number in range(3):
            links = [make_feed_entry(name, key=f"poll {number} of {name}") for name in ("a", "b")]
            record(sources, "agency", poll_result(*links, schedule=schedule))
        assert (count_of(engine, "entry"), count_of(engine, "sighting")) == (2, 2)
        assert fresh == [2, 0, 0]

    def test_what_is_new_to_a_source_is_told_to_its_schedule_though_the_ledger_knew_it(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source("one"), make_source("two")])
        record(sources, "one", poll_result(make_feed_entry(1)))
        fresh: list[int] = []

        def schedule(new: int) -> Schedule:
            fresh.append(new)
            return Schedule(wait_s=120, habits={"window": new})

        assert record(sources, "two", poll_result(make_feed_entry(1), schedule=schedule)).new == 0
        row = source_row(engine, "two")
        assert (fresh, row.habits) == ([1], {"window": 1})
        assert 115 < (row.not_before - row.now).total_seconds() <= 120
        assert row.due_at == row.not_before

    def test_habits_are_kept_until_others_are_learned_and_given_with_the_claim(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(schedule=lambda _: Schedule(wait_s=0, habits={"rate": 2.5})))
        record(sources, "agency", poll_result(outcome=FeedOutcome.TIMEOUT))
        (due,) = sources.claim(["agency"])
        assert due.habits == {"rate": 2.5}


MOVED = "https://new.example/rss"


class TestMoves:
    """A permanent redirect seen three times in a row moves the source."""

    def watch(self, engine: Engine) -> SourceLedger:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        return sources

    def poll(self, sources: SourceLedger, *targets: str | None, **facts: Any) -> None:
        for moving_to in targets:
            record(sources, "agency", poll_result(moving_to=moving_to, **facts))

    def asked_at(self, sources: SourceLedger) -> str:
        (due,) = sources.claim(["agency"])
        sources.record(due, poll_result(outcome=None))
        return due.next_url

    def test_two_times_do_not_move_it_three_do_with_its_history(self, engine: Engine) -> None:
        sources = self.watch(engine)
        self.poll(sources, MOVED, MOVED)
        row = source_row(engine)
        assert (row.address, row.moving_to, row.moving_seen, row.moves) == (None, MOVED, 2, [])
        assert self.asked_at(sources) == "https://agency.example/rss"
        self.poll(sources, MOVED)
        row = source_row(engine)
        assert (row.address, row.moving_to, row.moving_seen) == (MOVED, None, 0)
        (move,) = row.moves
        assert (move["from"], move["to"]) == ("https://agency.example/rss", MOVED)
        assert abs((datetime.fromisoformat(move["at"]) - row.now).total_seconds()) < 60
        assert self.asked_at(sources) == MOVED
        assert row.url == "https://agency.example/rss", "what the operator wrote is left"

    @pytest.mark.parametrize("between", [None, "https://elsewhere.example/rss"])
    def test_another_answer_in_between_starts_the_count_again(self, engine: Engine, between: str | None) -> None:
        sources = self.watch(engine)
        self.poll(sources, MOVED, MOVED, between, MOVED, MOVED)
        assert (source_row(engine).address, source_row(engine).moving_seen) == (None, 2)
        self.poll(sources, MOVED)
        assert source_row(engine).address == MOVED

    @pytest.mark.parametrize("outcome", [FeedOutcome.TIMEOUT, FeedOutcome.NOT_A_FEED, None])
    def test_a_poll_that_brought_no_answer_neither_counts_nor_starts_again(
        self, engine: Engine, outcome: FeedOutcome | None
    ) -> None:
        sources = self.watch(engine)
        self.poll(sources, MOVED, MOVED)
        self.poll(sources, MOVED, outcome=outcome)
        assert (source_row(engine).address, source_row(engine).moving_seen) == (None, 2)
        self.poll(sources, MOVED)
        assert source_row(engine).address == MOVED

    def test_it_may_move_on(self, engine: Engine) -> None:
        sources = self.watch(engine)
        further = "https://newer.example/rss"
        self.poll(sources, *[MOVED] * 3, *[further] * 3)
        assert source_row(engine).address == further
        assert [(one["from"], one["to"]) for one in source_row(engine).moves] == [
            ("https://agency.example/rss", MOVED), (MOVED, further),
        ]  # fmt: skip

    def test_an_operators_new_url_resets_it_and_the_old_one_again_does_not(self, engine: Engine) -> None:
        sources = self.watch(engine)
        self.poll(sources, *[MOVED] * 3, "https://third.example/rss")
        sources.sync([make_source()])
        assert (source_row(engine).address, source_row(engine).moving_seen) == (MOVED, 1)
        sources.sync([make_source(url="https://agency.example/new")])
        row = source_row(engine)
        assert (row.address, row.moving_to, row.moving_seen) == (None, None, 0)
        assert len(row.moves) == 1, "its history is kept"
        assert self.asked_at(sources) == "https://agency.example/new"

    def test_a_moved_source_that_is_parked_is_asked_at_its_url_again(self, engine: Engine) -> None:
        sources = self.watch(engine)
        self.poll(sources, *[MOVED] * 3)
        self.poll(sources, None, outcome=FeedOutcome.DNS, parked=False)
        assert self.asked_at(sources) == MOVED
        self.poll(sources, None, outcome=FeedOutcome.DNS, parked=True)
        assert self.asked_at(sources) == "https://agency.example/rss"
        assert source_row(engine).address is None


class TestPending:
    """A poll that is not at its end."""

    def test_what_is_left_to_do_is_given_with_the_next_claim(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(kind="sitemap")])
        hops = (Hop(302, "https://agency.example/index.xml"), Hop(301, "https://cdn.example/index.xml"))
        record(sources, "agency", poll_result(outcome=None, pending=Pending(hops=hops)))
        (due,) = sources.claim(["agency"])
        assert (due.pending.hops, due.next_url) == (hops, "https://cdn.example/index.xml")
        assert due.asked_at == "https://agency.example/rss"
        documents = ("https://agency.example/1.xml", "https://agency.example/2.xml")
        pending = Pending(documents=documents, entries=7, new=1)
        sources.record(due, poll_result(make_feed_entry(1), make_feed_entry(2), outcome=None, pending=pending))
        (due,) = sources.claim(["agency"])
        assert due.pending == replace(pending, new=3), "what this part brought is counted to the whole"
        assert (due.next_url, due.asked_at) == (documents[0], documents[0])
        sources.record(due, poll_result())
        (due,) = sources.claim(["agency"])
        assert due.pending == Pending()

    def test_a_poll_that_is_not_at_its_end_counts_nothing_but_its_entries(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(outcome=FeedOutcome.TIMEOUT, detail="no answer"))
        before = source_row(engine)
        pending = Pending(documents=("https://agency.example/1.xml",))
        more = poll_result(make_feed_entry(1), outcome=None, pending=pending, wait_s=60, cut=5, etag='"2"')
        assert record(sources, "agency", more).new == 1
        after = source_row(engine)
        kept = ("outcomes", "last_outcome", "last_error", "failures", "polled_at", "succeeded_at", "documents")
        assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
        assert after.lease_token is None
        assert after.found_at is not None
        assert after.cut == 5, "what was not taken of a part is not taken of the whole"
        assert 55 < (after.not_before - after.now).total_seconds() <= 60

    def test_what_is_known_of_an_index_and_of_its_parts_is_kept_apart(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        index, part, gone = make_source().url, "https://agency.example/1.xml", "https://agency.example/2.xml"
        for child in (gone, part):
            pending = Pending(documents=(child,))
            named = Document(etag='"index"', more=(child,))
            record(sources, "agency", poll_result(document=named, pending=pending, moving_to=MOVED))
            record(sources, "agency", poll_result(etag='"part"', body_sha="y"))
        row = source_row(engine)
        assert row.documents == {
            index: {"etag": '"index"', "more": [part]},
            part: {"etag": '"part"', "body_sha": "y"},
        }, "what it no longer names is forgotten"
        assert row.moving_seen == 2, "a part says nothing of where the index is"
        (due,) = sources.claim(["agency"])
        assert due.known == Document(etag='"index"', more=(part,))

    def test_a_part_that_cannot_be_had_is_no_failure_of_a_source_whose_other_parts_can(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(pending=Pending(documents=("https://agency.example/1",), succeeded=True)))
        record(sources, "agency", poll_result(outcome=FeedOutcome.HTTP_4XX, was_read=False))
        assert source_row(engine).failures == 0

    def test_a_new_url_forgets_what_was_left_to_do_of_the_old_one(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        left = Pending(documents=("https://agency.example/1.xml",))
        keep = Schedule(wait_s=0, habits={"rate": 1})
        record(sources, "agency", poll_result(outcome=None, pending=left, schedule=lambda _: keep))
        sources.sync([make_source(url="https://agency.example/new")])
        (due,) = sources.claim(["agency"])
        assert (due.pending, due.habits) == (Pending(), {})

    def test_entries_over_the_cap_are_those_of_the_last_answer(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        for cut in (3, 0, 4):
            record(sources, "agency", poll_result(make_feed_entry(), cut=cut, detail=f"{cut} more"))
            assert source_row(engine).last_error == (f"{cut} more" if cut else None), "a success that is not the whole"
            assert source_row(engine).cut == cut
        record(sources, "agency", poll_result(outcome=FeedOutcome.NOT_MODIFIED, was_read=False))
        assert source_row(engine).cut == 4, "the last answer that was read"


class TestRecordQuiet:
    """Polls without entries, written down together."""

    def test_each_is_written_as_if_it_were_alone(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("calm", "moving", "slow")])
        record(sources, "calm", poll_result(etag='"1"', body_sha="x"))
        claimed = {due.source.id: due for due in sources.claim(["calm", "moving", "slow"])}
        sources.record_quiet(
            [
                (claimed["calm"], poll_result(outcome=FeedOutcome.NOT_MODIFIED, was_read=False, wait_s=600)),
                (claimed["moving"], poll_result(outcome=FeedOutcome.EMPTY, moving_to=MOVED)),
                (claimed["slow"], poll_result(outcome=FeedOutcome.TIMEOUT, detail="no answer", was_read=False)),
            ]
        )
        calm, moving, slow = (source_row(engine, name) for name in ("calm", "moving", "slow"))
        assert (calm.outcomes, calm.failures) == ({"ok": 1, "not_modified": 1}, 0)
        assert [known["etag"] for known in calm.documents.values()] == ['"1"']
        assert 595 < (calm.not_before - calm.now).total_seconds() <= 600
        assert (moving.outcomes, moving.moving_to, moving.moving_seen) == ({"empty": 1}, MOVED, 1)
        assert (slow.outcomes, slow.failures, slow.last_error) == ({"timeout": 1}, 1, "no answer")
        assert {row.lease_token for row in (calm, moving, slow)} == {None}

    def test_who_lost_the_lease_writes_nothing_and_his_mates_do(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("kept", "lost")])
        claimed = sources.claim(["kept", "lost"])
        run_sql(engine, "UPDATE source SET lease_token = gen_random_uuid() WHERE id = 'lost'")
        sources.record_quiet([(due, poll_result(outcome=FeedOutcome.EMPTY)) for due in claimed])
        assert (source_row(engine, "kept").outcomes, source_row(engine, "lost").outcomes) == ({"empty": 1}, {})

    def test_nothing_to_write_is_no_error(self, engine: Engine) -> None:
        make_source_ledger(engine).record_quiet([])
