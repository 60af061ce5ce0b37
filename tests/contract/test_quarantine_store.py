"""The quarantine: what is in it, and what is written only while an entry stands as it was read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.event import listen, remove

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
)
from workers.domain.outcomes import Deferred, Failed, QuarantineReason, RetryReason, State
from workers.domain.values import Article
from workers.store.identity import url_key
from workers.store.overview import broken_invariants, overview
from workers.store.pages import forget_old_pages
from workers.store.quarantine import (
    Quarantined,
    Which,
    batches,
    body_of,
    by_ids,
    drop,
    facts_of,
    replay,
    summary,
)

BEFORE = [State.DISCOVERED, State.FETCHED, State.EXTRACTED]


def fail(engine: Engine, one: UUID, reason: QuarantineReason = QuarantineReason.BUG, detail: str = "Why") -> None:
    """Let the step that an entry waits for fail until it is quarantined."""
    for _ in range(3):
        let_wait_pass(engine)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State(row_of(engine, one).state))
        ledger.settle(claim, [(claim.entries[0], Failed(reason, detail))], to=State.CLASSIFIED, write=lambda *_: {})
        if row_of(engine, one).state == "quarantined":
            return


def quarantine(engine: Engine, ids: list[UUID], state: State = State.FETCHED, **given: object) -> list[UUID]:
    bring(engine, ids, state)
    for one in ids:
        fail(engine, one, **given)  # type: ignore[arg-type]
    return ids


def read(engine: Engine, **given: object) -> list[Quarantined]:
    return [one for found in batches(engine, Which(**given)) for one in found]  # type: ignore[arg-type]


@contextmanager
def listening(engine: Engine, heard: list[tuple[str, Any]]) -> Iterator[None]:
    """Collect each statement with its parameters, as the driver gets them."""

    def hear(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        heard.append((statement, given))

    listen(engine, "before_cursor_execute", hear)
    yield
    remove(engine, "before_cursor_execute", hear)


def sound(engine: Engine) -> bool:
    return broken_invariants(engine) == {} and overview(engine).counts.balanced


class TestWhatIsThere:
    @pytest.mark.parametrize("state", BEFORE)
    def test_an_entry_is_told_with_its_cause_and_where_it_stood(self, engine: Engine, state: State) -> None:
        (one,) = quarantine(engine, discover(engine), state, detail="Traceback\nKeyError: 'x'")
        (found,) = read(engine)
        assert found == Quarantined(
            id=one,
            source_id="agency",
            url="https://agency.example/news/0",
            reason=QuarantineReason.BUG,
            detail="Traceback\nKeyError: 'x'",
            before=state,
            attempt=3,
            crashes=0,
            since=row_of(engine, one).state_at,
        )
        assert found.tries == 3

    def test_the_claim_that_finds_three_deaths_is_no_try(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        for _ in range(4):
            make_ledger(engine).claim([one], State.FETCHED)
            expire_leases(engine)
        (found,) = read(engine)
        assert (found.reason, found.attempt, found.tries) == ("crashed", 4, 3)

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    @pytest.mark.parametrize("limit", [None, 1, 3, 5, 9])
    def test_each_comes_once_newest_first_also_those_of_one_moment(
        self, engine: Engine, size: int, limit: int | None
    ) -> None:
        ids = discover(engine, 6)
        run_sql(engine, "UPDATE entry SET state = 'quarantined', reason = 'bug', state_at = '2026-03-01Z'")
        set_entry(engine, ids[0], state_at=row_of(engine, ids[0]).now)
        set_entry(engine, ids[1], state="dropped", reason="gone")
        wanted = [ids[0], *sorted(ids[2:], reverse=True)][:limit]
        assert [one.id for found in batches(engine, Which(), limit=limit, size=size) for one in found] == wanted

    def test_only_some(self, engine: Engine) -> None:
        ours, away = discover(engine, 2)
        (theirs,) = discover(engine, 1, source="khabar", first=2)
        quarantine(engine, [ours], State.EXTRACTED)
        quarantine(engine, [away], State.DISCOVERED, reason=QuarantineReason.UNREACHABLE)
        quarantine(engine, [theirs], State.FETCHED)
        chosen: list[tuple[dict[str, object], list[UUID]]] = [
            ({}, [theirs, away, ours]),
            ({"reasons": ("bug",)}, [theirs, ours]),
            ({"reasons": ("unreachable", "crashed")}, [away]),
            ({"sources": ("khabar",)}, [theirs]),
            ({"states": (State.EXTRACTED,)}, [ours]),
            ({"states": (State.DISCOVERED, State.FETCHED)}, [theirs, away]),
            ({"reasons": ("bug",), "sources": ("agency",)}, [ours]),
            ({"until": row_of(engine, away).state_at}, [away, ours]),
        ]
        for given, wanted in chosen:
            assert [one.id for one in read(engine, **given)] == wanted, given
            assert summary(engine, Which(**given)).total == len(wanted), given  # type: ignore[arg-type]
        assert list(summary(engine, Which()).by_reason.items()) == [("bug", 2), ("unreachable", 1)]

    def test_a_large_ledger_is_not_read_for_it(self, engine: Engine) -> None:
        (one,) = discover(engine)
        run_sql(
            engine,
            """INSERT INTO entry (id, source_id, url, url_key, host, feed, state)
               SELECT uuidv7(), 'agency', 'x', n::text, 'x', '{}', 'classified' FROM generate_series(1, 20000) n""",
        )
        set_entry(engine, one, state="quarantined", reason="bug")
        run_sql(engine, "ANALYZE entry")
        asked: list[tuple[str, Any]] = []
        with listening(engine, asked):
            assert [found.id for found in read(engine, sources=("agency",))] == [one]
            assert summary(engine, Which()).by_reason == {"bug": 1}
        queries = [(query, given) for query, given in asked if "FROM entry" in query]
        assert len(queries) == 3, "two pages of the list, and the counts"
        with engine.connect() as connection:
            for query, given in queries:
                plan = connection.exec_driver_sql(f"EXPLAIN {query}", given).scalars().all()
                assert any("ix_entry_quarantined" in line for line in plan), plan


class TestOneEntry:
    def test_all_that_is_kept_of_it(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED, [make_page(b"<html>\x1b[2J")])
        fail(engine, one, detail="Why")
        facts = facts_of(engine, one)
        assert facts is not None
        assert (facts["state"], facts["detail"], facts["before"], facts["size"]) == (
            "quarantined",
            "Why",
            "fetched",
            10,
        )
        assert body_of(engine, facts["page_sha"]) == b"<html>\x1b[2J"

    @pytest.mark.parametrize("state", [*BEFORE, State.CLASSIFIED])
    def test_one_in_another_state_is_told_too(self, engine: Engine, state: State) -> None:
        (one,) = bring(engine, discover(engine), state)
        facts = facts_of(engine, one)
        assert facts is not None
        assert (facts["state"], facts["before"]) == (state, state)

    def test_nothing_is_told_of_nothing(self, engine: Engine) -> None:
        assert facts_of(engine, uuid4()) is None
        assert body_of(engine, "0") is None


class TestReplay:
    @pytest.mark.parametrize("state", BEFORE)
    def test_an_entry_is_due_at_once_where_it_stood_and_goes_to_its_end(self, engine: Engine, state: State) -> None:
        (one,) = quarantine(engine, discover(engine), state)
        assert replay(engine, read(engine)) == {}
        row = row_of(engine, one)
        assert (row.state, row.attempt, row.failures, row.crashes, row.not_found) == (state, 0, 0, 0, 0)
        assert (row.reason, row.detail) == ("bug", "replayed by an operator after: Why")
        assert [due.id for due in make_ledger(engine).due(state, 10)] == [one]
        assert sound(engine)
        for step in BEFORE[BEFORE.index(state) :]:
            assert advance(engine, [one], step) == [one]
        row = row_of(engine, one)
        assert (row.state, row.reason, row.detail) == ("classified", None, None)
        assert [(change.entry_id, change.type) for change in created_changes(engine)] == [(one, "created")]
        assert sound(engine)

    @pytest.mark.parametrize("state", BEFORE)
    def test_one_that_fails_again_has_all_its_tries_and_comes_back(self, engine: Engine, state: State) -> None:
        (one,) = quarantine(engine, discover(engine), state)
        replay(engine, read(engine))
        fail(engine, one, detail="Again")
        (found,) = read(engine)
        assert (found.before, found.tries, found.detail) == (state, 3, "Again")

    def test_an_outlet_that_was_away_gets_all_its_tries_again(self, engine: Engine) -> None:
        (one,) = quarantine(engine, discover(engine), State.DISCOVERED, reason=QuarantineReason.UNREACHABLE)
        replay(engine, read(engine))
        for tries in range(11):
            let_wait_pass(engine)
            ledger = make_ledger(engine)
            claim = ledger.claim([one], State.DISCOVERED)
            again = Deferred(RetryReason.TIMEOUT)
            ledger.settle(claim, [(claim.entries[0], again)], to=State.FETCHED, write=lambda *_: {})
            assert row_of(engine, one).state == "discovered", tries

    def test_one_whose_page_is_gone_is_fetched_anew(self, engine: Engine) -> None:
        (one,) = quarantine(engine, discover(engine), State.FETCHED, detail="the stored page is missing")
        run_sql(engine, "DELETE FROM page")
        replay(engine, read(engine))
        assert row_of(engine, one).state == "discovered"

    def test_one_that_killed_its_process_is_given_out_alone_and_two_more_deaths_bring_it_back(
        self, engine: Engine
    ) -> None:
        killer, mate = bring(engine, discover(engine, 2), State.FETCHED)
        ledger = make_ledger(engine)
        for _ in range(4):
            ledger.claim([killer], State.FETCHED)
            expire_leases(engine)
        replay(engine, read(engine))
        let_wait_pass(engine)
        assert {due.id: due.alone for due in ledger.due(State.FETCHED, 10)} == {killer: True, mate: False}
        assert [one.id for one in ledger.claim([killer, mate], State.FETCHED).entries] == [mate]
        for _ in range(2):
            assert ledger.claim([killer], State.FETCHED)
            expire_leases(engine)
        assert not ledger.claim([killer], State.FETCHED)
        (found,) = read(engine)
        assert (found.id, found.reason, found.tries) == (killer, "crashed", 2)

    def test_what_was_replayed_is_not_replayed_again(self, engine: Engine) -> None:
        quarantine(engine, discover(engine, 2))
        found = read(engine)
        assert replay(engine, found[:1]) == {}
        moved = row_of(engine, found[0].id)
        assert replay(engine, found) == {found[0].id: "it changed meanwhile"}
        assert row_of(engine, found[0].id).state_at == moved.state_at
        assert read(engine) == []


class TestDrop:
    @pytest.mark.parametrize("state", BEFORE)
    def test_an_entry_ends_counted_and_says_why(self, engine: Engine, state: State) -> None:
        (one,) = quarantine(engine, discover(engine), state)
        assert drop(engine, read(engine), "a test page") == {}
        row = row_of(engine, one)
        assert (row.state, row.reason) == ("dropped", "by_operator")
        assert row.detail == "a test page; was quarantined: bug: Why"
        assert overview(engine).counts.by_reason == {"dropped": {"by_operator": 1}, "quarantined": {}}
        assert sound(engine)

    def test_its_page_is_retentions_again(self, engine: Engine) -> None:
        kept, _ = quarantine(engine, discover(engine, 2))
        run_sql(engine, "UPDATE page SET stored_at = now() - interval '91 days'")
        assert forget_old_pages(engine, days=90) == 0
        drop(engine, [one for one in read(engine) if one.id != kept])
        assert forget_old_pages(engine, days=90) == 1
        assert row_of(engine, kept).page_sha is not None

    def test_whatever_the_operator_says_is_storable(self, engine: Engine) -> None:
        (one,) = quarantine(engine, discover(engine))
        drop(engine, read(engine), "half \ud800 and \0 %s :x" + "y" * 100_000)
        assert row_of(engine, one).detail.startswith("half ? and  %s :xyyy")
        assert len(row_of(engine, one).detail) < 5_000


WAYS: list[Callable[[Engine, list[Quarantined]], dict[UUID, str]]] = [replay, drop]


@pytest.mark.parametrize("way", WAYS)
class TestWhoeverComesSecond:
    def test_writes_nothing_over_an_entry_that_moved(
        self, engine: Engine, way: Callable[[Engine, list[Quarantined]], dict[UUID, str]]
    ) -> None:
        ids = quarantine(engine, discover(engine, 5))
        found = read(engine)
        since = row_of(engine, ids[0]).state_at
        set_entry(engine, ids[0], state="fetched")
        set_entry(engine, ids[1], lease_token=uuid4())
        set_entry(engine, ids[2], attempt=7)
        set_entry(engine, ids[3], state_at=since + timedelta(seconds=1))
        before = [row_of(engine, one)[:-1] for one in ids[:4]]
        assert way(engine, found) == dict.fromkeys(ids[:4], "it changed meanwhile")
        assert [row_of(engine, one)[:-1] for one in ids[:4]] == before
        assert row_of(engine, ids[4]).state != "quarantined"

    def test_nothing_of_nothing(
        self, engine: Engine, way: Callable[[Engine, list[Quarantined]], dict[UUID, str]]
    ) -> None:
        assert way(engine, []) == {}


class TestById:
    def test_each_that_cannot_be_taken_says_why(self, engine: Engine) -> None:
        quarantined, classified, held, kept = ids = discover(engine, 4)
        bring(engine, [classified], State.CLASSIFIED)
        quarantine(engine, [quarantined, kept])
        make_ledger(engine).claim([held], State.DISCOVERED)
        set_entry(engine, kept, lease_token=uuid4())
        unknown = uuid4()
        found, refused = by_ids(engine, [unknown, *ids])
        assert [one.id for one in found] == [quarantined]
        assert refused == {
            unknown: "no entry has this id",
            classified: "it is not in quarantine, it is classified",
            held: "a worker holds it",
            kept: "a worker holds it",
        }


def named(name: str, canonical: str) -> Article:
    return make_article(name, canonical_url=canonical)


class TestTheSameArticleMeanwhile:
    """An entry in quarantine owns no identity: what came by another address is the article."""

    FIRST, SECOND = "https://agency.example/news/0", "https://agency.example/news/1"

    @pytest.mark.parametrize("state", BEFORE)
    def test_an_entry_whose_url_another_one_has_as_canonical_stays(self, engine: Engine, state: State) -> None:
        first, second = discover(engine, 2)
        quarantine(engine, [first], state)
        bring(engine, [second], State.CLASSIFIED, [make_classified(1, canonical_url=self.FIRST)])
        assert row_of(engine, second).state == "classified"
        stays = replay(engine, read(engine))
        assert stays == {first: f"its article is here already, as entry {second}"}
        assert row_of(engine, first).state == "quarantined"

    def test_an_extracted_entry_whose_canonical_was_taken_stays(self, engine: Engine) -> None:
        third = "https://agency.example/news/story-of-both"
        first, second = discover(engine, 2)
        bring(engine, [first], State.EXTRACTED, [named("0", third)])
        fail(engine, first)
        bring(engine, [second], State.CLASSIFIED, [make_classified(1, canonical_url=third)])
        stays = replay(engine, read(engine))
        assert stays == {first: f"its article is here already: canonical to entry {second}"}
        assert row_of(engine, first).state == "quarantined"

    def test_it_takes_its_canonical_back_when_nobody_has_it(self, engine: Engine) -> None:
        third = "https://agency.example/news/story-of-both"
        (first,) = bring(engine, discover(engine), State.EXTRACTED, [named("0", third)])
        fail(engine, first)
        run_sql(engine, "DELETE FROM alias")
        assert replay(engine, read(engine)) == {}
        with engine.connect() as connection:
            taken = connection.execute(text("SELECT url_key, entry_id FROM alias")).all()
        assert [tuple(row) for row in taken] == [(url_key(third), first)]

    def test_of_two_in_one_replay_one_goes(self, engine: Engine) -> None:
        first, second = discover(engine, 2)
        quarantine(engine, [first], State.EXTRACTED)
        bring(engine, [second], State.EXTRACTED, [named("1", self.FIRST)])
        fail(engine, second)
        assert list(replay(engine, read(engine))) == [first]
        assert advance(engine, [second], State.EXTRACTED) == [second]
        assert list(replay(engine, read(engine))) == [first]
        assert count_of(engine, "change") == 1


def test_the_hash_of_a_page_is_that_of_what_is_written(engine: Engine) -> None:
    (one,) = quarantine(engine, discover(engine))
    body = body_of(engine, row_of(engine, one).page_sha)
    assert body is not None
    assert sha256(body).hexdigest() == row_of(engine, one).page_sha
