"""Sources in the ledger: what is watched, when it is asked, and what a poll leaves behind."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import AdminShutdown
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import OperationalError

from tests.making import (
    count_of,
    make_feed_entry,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    row_of,
    run_sql,
)
from workers.domain.outcomes import FeedOutcome, State
from workers.store.ledger import Due, Ledger
from workers.store.schema import entry, source
from workers.store.sources import Recorded, SourceLedger


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
        record(sources, "agency", poll_result(etag='"1"', body_sha="x", next_poll_s=600, interval_s=450))
        before = source_row(engine)
        sources.sync([make_source()])
        assert source_row(engine)[:-1] == before[:-1]

    def test_another_url_starts_afresh(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(etag='"1"', last_modified="Sun", body_sha="x"))
        record(sources, "agency", poll_result(outcome=FeedOutcome.TIMEOUT, next_poll_s=9_000))
        assert sources.due(10) == []
        assert not sources.claim(["agency"])
        sources.sync([make_source(url="https://agency.example/new")])
        fresh = source_row(engine)
        assert (fresh.etag, fresh.last_modified, fresh.body_sha, fresh.failures) == (None, None, None, 0)
        assert fresh.outcomes == {"ok": 1, "timeout": 1}, "its history is kept"
        assert sources.due(10) == [Due("agency", alone=False)]
        assert [due.source.url for due in sources.claim(["agency"])] == ["https://agency.example/new"]

    def test_a_source_that_comes_back_is_due_at_once_with_its_failures_forgotten(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(), make_source("other")])
        for name in ("agency", "other"):
            record(sources, name, poll_result(etag='"1"', body_sha="x"))
            record(sources, name, poll_result(outcome=FeedOutcome.TIMEOUT, next_poll_s=80_000))
        sources.sync([make_source("other")])
        sources.sync([make_source(), make_source("other")])
        assert [due.id for due in sources.due(10)] == ["agency"], "the other was never away"
        assert (source_row(engine).failures, source_row(engine, "other").failures) == (0, 1)
        assert [due.etag for due in sources.claim(["agency", "other"])] == ['"1"']

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
        assert source_row(engine).etag is None

    def test_a_source_that_is_not_watched_is_neither_due_nor_given(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        sources.sync([])
        assert sources.due(10) == []
        assert sources.claim(["agency"]) == []


class TestClaim:
    def test_due_sources_are_put_off_by_the_lag_and_come_oldest_first(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source(name) for name in ("a", "b", "c")])
        run_sql(engine, "UPDATE source SET due_at = now() - interval '1 h' WHERE id = 'b'")
        run_sql(engine, "UPDATE source SET due_at = now() + interval '1 h' WHERE id = 'c'")
        assert [due.id for due in sources.due(10)] == ["b", "a"]
        assert sources.due(10) == []

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
        record(sources, "agency", poll_result(next_poll_s=600))
        assert sources.claim(["agency"]) == []

    def test_it_says_what_the_last_answer_was(self, engine: Engine) -> None:
        sources = make_source_ledger(engine)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(etag='"1"', last_modified="Sun", body_sha="x", interval_s=300))
        record(sources, "agency", poll_result(outcome=FeedOutcome.TIMEOUT, interval_s=300))
        (due,) = sources.claim(["agency"])
        assert (due.etag, due.last_modified, due.body_sha, due.failures, due.interval_s) == ('"1"', "Sun", "x", 1, 300)
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
        sources.record(claimed[0], poll_result(next_poll_s=600))
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
            record(sources, "agency", poll_result(outcome=outcome))
        assert (source_row(engine).etag, source_row(engine).body_sha) == ('"1"', "x")

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
        given = make_feed_entry(1, url="http://agency.example/a?utm_source=rss")
        result = replace(poll_result(), entries=(("https://agency.example/a", given),))
        assert record(sources, "agency", result).new == 1
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


class TestHostSpacing:
    def waits(self, engine: Engine) -> list[float]:
        with engine.connect() as connection:
            query = text("SELECT extract(epoch FROM not_before - discovered_at)::float FROM entry ORDER BY 1")
            return [round(one, 2) for one in connection.execute(query).scalars()]

    def test_pages_of_one_host_are_fetched_one_after_the_other(self, engine: Engine) -> None:
        sources = make_source_ledger(engine, host_delay_s=5)
        sources.sync([make_source()])
        found = record(sources, "agency", poll_result(*(make_feed_entry(number) for number in range(4))))
        assert self.waits(engine) == [0, 5, 10, 15]
        assert len(found.ready) == 1
        first: UUID = found.ready[0]
        assert row_of(engine, first).not_before <= row_of(engine, first).now
        order = [row.feed["title"] for row in sorted(self._rows(engine), key=lambda row: row.not_before)]
        assert order == [f"Title {number}" for number in range(4)], "the newest first, as feeds have them"
        assert [row.feed["title"] for row in sorted(self._rows(engine), key=lambda row: row.id)] == order[::-1]
        assert {row.host for row in self._rows(engine)} == {"agency.example"}
        late = [row for row in self._rows(engine) if row.id != first]
        assert all(row.due_at == row.not_before for row in late), "the sweeper hints when the moment has come"

    def test_the_next_poll_queues_up_behind_the_last_one(self, engine: Engine) -> None:
        sources = make_source_ledger(engine, host_delay_s=100)
        sources.sync([make_source("one"), make_source("two")])
        record(sources, "one", poll_result(make_feed_entry(1), make_feed_entry(2)))
        assert record(sources, "two", poll_result(make_feed_entry(3))).ready == ()
        waits = self.waits(engine)
        assert waits[:2] == [0, 100]
        assert 190 < waits[2] <= 200

    def test_hosts_do_not_wait_for_one_another(self, engine: Engine) -> None:
        sources = make_source_ledger(engine, host_delay_s=5)
        sources.sync([make_source()])
        links = [make_feed_entry(number, url=f"https://host{number}.example/a") for number in range(3)]
        assert len(record(sources, "agency", poll_result(*links)).ready) == 3
        assert self.waits(engine) == [0, 0, 0]

    @pytest.mark.parametrize("host_delay_s", [0, 5])
    def test_all_moments_of_a_poll_are_written_at_once(self, engine: Engine, host_delay_s: float) -> None:
        sources = make_source_ledger(engine, host_delay_s=host_delay_s)
        sources.sync([make_source()])
        links = [make_feed_entry(number, url=f"https://host{number % 4}.example/{number}") for number in range(12)]
        (due,) = sources.claim(["agency"])
        asked: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert sources.record(due, poll_result(*links)).new == 12
        assert len([one for one in asked if one.startswith("UPDATE entry")]) == 1
        assert len([one for one in asked if one.startswith("INSERT INTO host")]) == bool(host_delay_s)

    def test_a_host_that_was_left_in_peace_may_be_asked_at_once(self, engine: Engine) -> None:
        sources = make_source_ledger(engine, host_delay_s=5)
        sources.sync([make_source()])
        record(sources, "agency", poll_result(make_feed_entry(1)))
        run_sql(engine, "UPDATE host SET planned_until = now() - interval '1 h'")
        assert len(record(sources, "agency", poll_result(make_feed_entry(2))).ready) == 1

    def _rows(self, engine: Engine) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(select(entry)))
