"""The change log: a reader with a cursor misses nothing, whoever commits when (promise 6)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import uuid_utils.compat
from sqlalchemy import Connection, Engine, event, insert, select, text

from tests.making import bring, created_changes, discover, make_classified, make_flag, run_sql
from tests.waiting import wait_until
from workers.domain.outcomes import State
from workers.store.changes import (
    changes_after,
    last_seq,
    ledger_id,
    note_stream_trouble,
    number,
    stream_trouble,
    take_relay_lock,
)
from workers.store.engine import make_engine
from workers.store.schema import change


def write_change(connection: Connection, entry_id: UUID, version: int) -> None:
    """Append a change as a later version of the article would."""
    connection.execute(
        insert(change).values(
            event_id=uuid_utils.compat.uuid7(), entry_id=entry_id, version=version, type="updated", payload={}
        )
    )


def relay(engine: Engine) -> int:
    with engine.begin() as connection:
        return number(connection) if take_relay_lock(connection) else 0


def sequence(engine: Engine, after: int = 0, **only: str | None) -> list[int]:
    with engine.connect() as connection:
        return [row["seq"] for row in changes_after(connection, after, 1_000, **only)]


@contextmanager
def uncommitted(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def test_concurrent_writers_and_a_reader_with_a_cursor_lose_nothing(engine: Engine, database_url: str) -> None:
    writers, each = 4, 15
    ids = bring(engine, discover(engine, writers), State.CLASSIFIED)
    many = make_engine(database_url, role="test writers", pool_size=writers + 2)
    finished = threading.Event()
    read: list[UUID] = []

    def write(place: int) -> None:
        for version in range(2, 2 + each):
            with many.begin() as connection:
                write_change(connection, ids[place], version)
                if place == 0:  # the slow one: its ids are low and its commits late
                    connection.exec_driver_sql("SELECT pg_sleep(0.02)")

    def read_on() -> None:
        after = 0
        while True:
            last_round = finished.is_set()
            relay(many)
            with many.connect() as connection:
                page = changes_after(connection, after, 7)
            read.extend(row["event_id"] for row in page)
            after = page[-1]["seq"] if page else after
            if last_round and not page:
                return

    with ThreadPoolExecutor(writers + 1) as pool:
        reader = pool.submit(read_on)
        for done in [pool.submit(write, place) for place in range(writers)]:
            done.result(30)
        finished.set()
        reader.result(30)
    many.dispose()
    assert sorted(read) == sorted(row.event_id for row in created_changes(engine))
    assert len(read) == writers * (each + 1)
    assert sequence(engine) == list(range(1, len(read) + 1))


def test_a_reader_by_order_of_writing_would_lose_what_commits_late(engine: Engine) -> None:
    """The negative control: this is why `id` is not the cursor."""
    first, second = bring(engine, discover(engine, 2), State.CLASSIFIED)
    relay(engine)
    seen_id = max(row.id for row in created_changes(engine))
    with engine.connect() as slow:
        write_change(slow, first, 2)
        with engine.begin() as quick:
            write_change(quick, second, 2)
        relay(engine)
        seen_seq = sequence(engine)[-1]
        with engine.connect() as connection:
            seen_id = max(connection.execute(select(change.c.id).where(change.c.id > seen_id)).scalars())
        slow.commit()
    relay(engine)
    with engine.connect() as connection:
        assert list(connection.execute(select(change.c.id).where(change.c.id > seen_id))) == []
    assert sequence(engine, after=seen_seq) == [4]


def test_what_is_not_committed_has_no_number_and_is_not_read(engine: Engine) -> None:
    (one,) = bring(engine, discover(engine), State.CLASSIFIED)
    with uncommitted(engine) as connection:
        write_change(connection, one, 2)
        assert relay(engine) == 1
        assert sequence(engine) == [1]


def test_what_has_no_number_yet_is_not_read(engine: Engine) -> None:
    bring(engine, discover(engine), State.CLASSIFIED)
    assert sequence(engine) == []


def test_numbering_again_changes_nothing(engine: Engine) -> None:
    bring(engine, discover(engine, 3), State.CLASSIFIED)
    assert relay(engine) == 3
    before = created_changes(engine)
    assert relay(engine) == 0
    assert created_changes(engine) == before


def test_a_crash_before_the_commit_leaves_no_gap(engine: Engine) -> None:
    bring(engine, discover(engine, 2), State.CLASSIFIED)
    with uncommitted(engine) as connection:
        assert number(connection) == 2
    relay(engine)
    assert sequence(engine) == [1, 2]


def test_a_backlog_is_numbered_in_batches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.store.changes.RELAY_BATCH", 2)
    bring(engine, discover(engine, 5), State.CLASSIFIED)
    assert [relay(engine) for _ in range(4)] == [2, 2, 1, 0]
    assert [row.seq for row in created_changes(engine)] == [1, 2, 3, 4, 5]


def test_a_second_relay_leaves_at_once(engine: Engine) -> None:
    bring(engine, discover(engine), State.CLASSIFIED)
    with engine.begin() as first, engine.begin() as second:
        assert take_relay_lock(first)
        assert not take_relay_lock(second)
    assert wait_until(lambda: relay(engine)) == 1


def test_the_last_number_of_an_empty_log_is_nought(engine: Engine) -> None:
    with engine.connect() as connection:
        assert last_seq(connection) == 0


@pytest.fixture
def mixed(engine: Engine) -> Engine:
    """Three numbered changes that differ in everything a reader may filter by."""
    british = discover(engine, 2)
    persian = discover(engine, 1, source="khabar", first=10, country="IR")
    values = [
        make_classified(1),
        make_classified(2, make_flag("sanctions"), make_flag(flagged=False, probability=0.2), language="fr"),
        make_classified(3, make_flag("sanctions"), make_flag(), language="fa"),
    ]
    bring(engine, british + persian, State.CLASSIFIED, values)
    relay(engine)
    return engine


def titles(engine: Engine, **given: Any) -> set[str]:
    with engine.connect() as connection:
        return {row["payload"]["title"][-1] for row in changes_after(connection, 0, 10, **given)}


def test_readers_may_ask_for_less(mixed: Engine) -> None:
    assert titles(mixed) == {"1", "2", "3"}
    assert titles(mixed, topic="sanctions") == {"2", "3"}
    assert titles(mixed, topic="border-cooperation") == {"1", "3"}, "a flag below its threshold is no flag"
    assert titles(mixed, topic="nothing") == set()
    assert titles(mixed, language="fa") == {"3"}
    assert titles(mixed, source="agency") == {"1", "2"}
    assert titles(mixed, country="IR") == {"3"}
    assert titles(mixed, topic="sanctions", country="GB") == {"2"}
    assert titles(mixed, topic=None, language=None) == {"1", "2", "3"}


def test_a_reader_may_ask_for_a_window(mixed: Engine) -> None:
    with mixed.connect() as connection:
        assert [row["seq"] for row in changes_after(connection, 1, 10, until=2)] == [2]
        assert [row["seq"] for row in changes_after(connection, 0, 2)] == [1, 2]
        assert changes_after(connection, 3, 10) == []


def test_a_filter_that_does_not_exist_is_a_mistake(engine: Engine) -> None:
    with pytest.raises(ValueError, match="colour"):
        titles(engine, colour="red")


def test_a_ledger_has_one_id_however_many_ask_first(database_url: str, engine: Engine) -> None:
    many = make_engine(database_url, role="test", pool_size=4)

    def ask(_: int) -> str:
        with many.begin() as connection:
            return ledger_id(connection)

    with ThreadPoolExecutor(4) as pool:
        (only,) = set(pool.map(ask, range(8)))
    many.dispose()
    with engine.begin() as connection:
        assert ledger_id(connection) == only


def test_no_two_ledgers_have_the_same_id(engine: Engine) -> None:
    with uncommitted(engine) as connection:
        first = ledger_id(connection)
    with uncommitted(engine) as connection:
        assert ledger_id(connection) != first


def test_the_trouble_of_a_stream_is_kept_until_it_is_over(engine: Engine) -> None:
    for trouble in (None, "one", "one", "another", None, None):
        with engine.begin() as connection:
            note_stream_trouble(connection, trouble)
        with engine.connect() as connection:
            assert stream_trouble(connection) == trouble


def test_a_page_of_a_topic_that_few_articles_have_looks_at_these_few(engine: Engine) -> None:
    """With 5,000 changes of which 1 % have the topic, and not the 5,000."""
    run_sql(
        engine,
        """
        INSERT INTO source (id, name, url, language, country, owner, state_owned)
             VALUES ('agency', 'n', 'u', 'en', 'GB', 'o', false);
        INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version)
             SELECT uuidv7(), 'agency', 'u', n, 'agency.example', '{}', 'classified', 1
               FROM generate_series(1, 5000) AS n;
        INSERT INTO change (event_id, entry_id, version, type, payload)
             SELECT uuidv7(), id, 1, 'created', jsonb_build_object('flags', jsonb_build_array(jsonb_build_object(
                    'topic', CASE WHEN url_key::int % 100 = 0 THEN 'rare' ELSE 'common' END, 'flagged', true)))
               FROM entry;
        UPDATE change SET seq = id;
        """,
    )
    run_sql(engine, "ANALYZE")
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        plans.extend(row[0] for row in cursor.connection.execute(f"EXPLAIN {statement}", parameters))

    event.listen(engine, "before_cursor_execute", explain)
    with engine.connect() as connection:
        assert len(changes_after(connection, 0, 500, until=5_000, topic="rare")) == 50
    event.remove(engine, "before_cursor_execute", explain)
    assert "ix_change_topics" in "\n".join(plans), plans


@pytest.mark.parametrize("is_for_readers", [True, False])
def test_each_page_of_a_reader_is_planned_for_what_it_asks(database_url: str, is_for_readers: bool) -> None:
    """One plan for all pages looks at every change: PostgreSQL may keep it from the sixth time on."""
    engine = make_engine(database_url, role="test", pool_size=1, is_for_readers=is_for_readers)
    with engine.connect() as connection:
        for after in range(20):
            changes_after(connection, after, 500, until=after + 5_000, topic="rare")
        kept = (
            "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%topics%'"
        )
        generic, custom = connection.execute(text(kept)).one()
    engine.dispose()
    assert (generic == 0) is is_for_readers, (generic, custom)
    assert custom > 0
