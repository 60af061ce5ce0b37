"""What the operator is told: counts that must balance, and promises of which each can be seen to break."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.making import bring, discover, make_ledger, row_of, run_sql, set_entry
from workers.domain.outcomes import Dropped, DropReason, Failed, QuarantineReason, State
from workers.store.changes import number
from workers.store.overview import (
    INVARIANTS,
    broken_invariants,
    flow,
    ledger_rows,
    list_sources,
    overview,
    pulse,
    record_tick,
)
from workers.store.pages import write_pages


def every_end(engine: Engine) -> None:
    """One entry in each state, and one more dropped."""
    ids = discover(engine, 7)
    bring(engine, ids[1:2], State.FETCHED)
    bring(engine, ids[2:3], State.EXTRACTED)
    bring(engine, ids[3:4], State.CLASSIFIED)
    ledger = make_ledger(engine)
    claim = ledger.claim(ids[4:], State.DISCOVERED)
    endings = [
        Dropped(DropReason.GONE),
        Dropped(DropReason.GONE),
        Failed(QuarantineReason.UNSTORABLE),
    ]
    ledger.settle(claim, list(zip(claim.entries, endings, strict=True)), to=State.FETCHED, write=write_pages)


def test_every_link_is_counted_where_it_stands(engine: Engine) -> None:
    every_end(engine)
    found = overview(engine)
    assert found.counts.by_state == {
        "discovered": 1, "fetched": 1, "extracted": 1, "classified": 1, "dropped": 2, "quarantined": 1,
    }  # fmt: skip
    assert found.counts.by_reason == {"dropped": {"gone": 2}, "quarantined": {"unstorable": 1}}
    assert (found.counts.discovered, found.counts.in_flight, found.counts.balanced) == (7, 3, True)
    assert [row["id"] for row in found.sources] == ["agency"]
    assert (found.last_seq, found.unnumbered) == (0, 1)
    assert found.oldest_due is not None


def test_a_link_that_was_lost_unbalances_the_counts(engine: Engine) -> None:
    every_end(engine)
    (extra,) = discover(engine, 1, first=50)
    run_sql(engine, "DELETE FROM sighting WHERE entry_id = :id", id=extra)
    assert not overview(engine).counts.balanced


def test_a_link_seen_at_two_outlets_is_counted_once(engine: Engine) -> None:
    (one,) = discover(engine)
    run_sql(engine, "INSERT INTO sighting (source_id, entry_key, entry_id) VALUES ('agency', 'k2', :id)", id=one)
    assert overview(engine).counts.balanced


def test_an_empty_ledger_is_balanced(engine: Engine) -> None:
    found = overview(engine)
    assert (found.counts.discovered, found.counts.balanced, found.oldest_due, found.last_tick) == (0, True, None, {})


def test_the_pulse_beats_with_the_schedule_and_the_log(engine: Engine) -> None:
    assert (pulse(engine).last_tick, pulse(engine).last_seq, pulse(engine).unnumbered) == ({}, 0, 0)
    bring(engine, discover(engine, 2), State.CLASSIFIED)
    assert pulse(engine).unnumbered == 2
    with engine.begin() as connection:
        number(connection)
    for _ in range(2):
        record_tick(engine, "sweep")
    found = pulse(engine)
    assert (found.last_seq, found.unnumbered) == (2, 0)
    assert found.now - found.last_tick["sweep"] < timedelta(seconds=30)


def test_sources_and_rows_can_be_listed(engine: Engine) -> None:
    every_end(engine)
    assert [row["id"] for row in list_sources(engine)] == ["agency"]
    rows = ledger_rows(engine)
    assert len(rows) == 7
    assert {"id", "url", "source_id", "state", "reason", "detail"} == set(rows[0])


BREAKS = [
    ("every discovered link has a ledger row, and every row was seen in a feed", "DELETE FROM sighting"),
    ("every published article has exactly one `created` change", "UPDATE change SET type = 'updated'"),
    (
        "every version of an article has its change, and every change its version",
        """INSERT INTO change (event_id, entry_id, version, type, payload)
           SELECT uuidv7(), entry_id, 2, 'updated', '{}' FROM change""",
    ),
    ("every published version has its text", "DELETE FROM article"),
    (
        "classified means published, and what ended otherwise was not",
        "DELETE FROM change; UPDATE entry SET version = 0",
    ),
    *(
        (
            "classified means published, and what ended otherwise was not",
            f"UPDATE entry SET state = '{state}', reason = '{reason}' WHERE version = 1",
        )
        for state, reason in (("dropped", "gone"), ("quarantined", "bug"))
    ),
    ("the sequence has no gap", "UPDATE change SET seq = 2"),
    (
        "every entry that ended without an article says why",
        """ALTER TABLE entry DROP CONSTRAINT ck_entry_drop_reason;
           UPDATE entry SET reason = NULL WHERE state = 'dropped'""",
    ),
    ("no ended entry is still leased", "UPDATE entry SET lease_token = gen_random_uuid() WHERE state = 'dropped'"),
    (
        "nothing due is left lying for 10 minutes",
        "UPDATE entry SET due_at = now() - interval '11 min' WHERE state <> 'discovered'",
    ),
    (
        "nothing due is left lying for 10 minutes while its host may be asked",
        "UPDATE entry SET due_at = now() - interval '11 min' WHERE state = 'discovered'",
    ),
]


def test_every_promise_is_broken_once_below() -> None:
    assert {promise for promise, _ in BREAKS} == set(INVARIANTS)


@pytest.mark.parametrize(("promise", "statement"), BREAKS)
def test_a_broken_promise_is_seen_and_no_other(engine: Engine, promise: str, statement: str) -> None:
    every_end(engine)
    with engine.begin() as connection:
        number(connection)
    assert broken_invariants(engine) == {}
    run_sql(engine, statement)
    broken = broken_invariants(engine)
    assert list(broken) == [promise]
    assert broken[promise]


@pytest.mark.parametrize("column", ["next_allowed_at", "in_flight_until", "hinted_until"])
def test_what_waits_for_its_host_is_not_left_lying(engine: Engine, column: str) -> None:
    discover(engine, 3)
    run_sql(engine, "UPDATE entry SET due_at = now() - interval '2 h'")
    run_sql(engine, "INSERT INTO host (name, next_allowed_at) VALUES ('agency.example', now() - interval '2 h')")
    assert overview(engine).oldest_due == flow(engine).oldest_due
    assert broken_invariants(engine) != {}
    run_sql(engine, f"UPDATE host SET {column} = now() - interval '1 min'")
    assert broken_invariants(engine) == {}
    found = flow(engine)
    assert found.oldest_due is not None
    assert found.oldest_due == overview(engine).oldest_due
    assert timedelta(seconds=60) <= found.now - found.oldest_due < timedelta(seconds=90)


def test_a_classified_article_without_its_change_is_seen(engine: Engine) -> None:
    bring(engine, discover(engine), State.CLASSIFIED)
    run_sql(engine, "DELETE FROM change")
    assert list(broken_invariants(engine)) == [
        "every published article has exactly one `created` change",
        "every version of an article has its change, and every change its version",
    ]


def test_an_entry_that_waits_for_its_time_breaks_nothing(engine: Engine) -> None:
    (one,) = discover(engine)
    moment = row_of(engine, one).now + timedelta(hours=20)
    set_entry(engine, one, not_before=moment, due_at=moment)
    assert broken_invariants(engine) == {}
