"""The schema: from nothing to newest, by however many processes, and never by an older program."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, select

from tests.making import (
    NEXT,
    count_of,
    created_changes,
    discover,
    let_wait_pass,
    make_feed_entry,
    make_ledger,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    row_of,
    run_sql,
    set_entry,
    settle_advanced,
)
from workers.domain.errors import StartError
from workers.domain.outcomes import FeedOutcome, State
from workers.store.changes import number
from workers.store.engine import make_engine
from workers.store.halves import Migration, needed, serves
from workers.store.migrate import _config, chain, check_known, current_revision, migrate, newest_revision
from workers.store.notes import read_notes
from workers.store.overview import broken_invariants, overview
from workers.store.reading import article_by_id, list_articles
from workers.store.revision import NEEDED, NEWEST, SERVES_NOTE, check_schema
from workers.store.schema import entry, metadata


@pytest.fixture
def empty_url(database_url: str) -> str:
    """Address of a database without tables."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return database_url


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    made = make_engine(empty_url, role="test", pool_size=5)
    yield made
    made.dispose()


def test_from_nothing_to_exactly_the_tables_that_the_program_knows(empty: Engine) -> None:
    assert migrate(empty) == newest_revision()
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert current_revision(connection) == newest_revision()


def test_checks_and_comments_are_the_same_too(empty: Engine) -> None:
    """`compare_metadata` does not look at check constraints."""
    migrate(empty)
    found = inspect(empty)
    for table in metadata.sorted_tables:
        wanted = {str(one.name) for one in table.constraints if type(one).__name__ == "CheckConstraint"}
        assert {one["name"] for one in found.get_check_constraints(table.name)} == wanted
        told = {one["name"]: one["comment"] for one in found.get_columns(table.name)}
        assert told == {one.name: one.comment for one in table.columns}


def test_the_reasons_in_the_database_are_those_of_the_program(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        made = {one["name"]: one["sqltext"] for one in inspect(empty).get_check_constraints("entry")}
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    metadata.create_all(empty)
    assert {one["name"]: one["sqltext"] for one in inspect(empty).get_check_constraints("entry")} == made


KEY = "encode(sha256(convert_to('https://agency.example/' || {0}, 'UTF8')), 'hex')"

#: A ledger of schema 0001 with an entry in every state, and some with reasons that have other words now.
OLD_ROWS = f"""
INSERT INTO source (id, name, url, language, country, owner, state_owned, interval_s, etag, outcomes, last_outcome,
                    failures) VALUES
    ('agency', 'The agency', 'https://agency.example/rss', 'en', 'GB', 'Example Trust', false, 900, '"1"',
     '{{"ok": 5, "refused": 2, "connection": 1, "server_error": 3, "robots": 1}}', 'refused', 2),
    ('new', 'The new one', 'https://new.example/rss', 'en', 'GB', 'Example Trust', false, 900, NULL, '{{}}', NULL, 0);
INSERT INTO host VALUES ('agency.example', now() - interval '1 h', now() + interval '1 h');
INSERT INTO page (sha, body, size) VALUES ('sha', '\\x28b52ffd2005290000' || convert_to('hello', 'UTF8'), 5);
INSERT INTO entry (id, source_id, url, url_key, host, feed, state, reason, detail, attempt, lease_token, lease_until,
                   page_sha, fetched)
SELECT uuidv7(), 'agency', 'http://agency.example/' || name, {KEY.format("name")}, 'agency.example',
       jsonb_build_object('key', name, 'url', 'http://agency.example/' || name, 'title', '', 'summary', '',
                          'published', NULL, 'updated', NULL, 'authors', '[]'::jsonb),
       state, reason, reason, attempt, token, now() - interval '1 s', page,
       '{{"url": "https://agency.example/x", "status": 200, "content_type": "text/html", "charset": null,
         "at": "2026-03-01T12:30:00+00:00"}}'
  FROM (VALUES ('waiting', 'discovered', NULL, 0, NULL::uuid, NULL),
               ('deferred', 'discovered', 'server_error', 3, NULL, NULL),
               ('offline', 'discovered', 'connection', 1, NULL, NULL),
               ('leased', 'discovered', NULL, 1, gen_random_uuid(), NULL),
               ('fetched', 'fetched', NULL, 0, NULL, 'sha'),
               ('extracted', 'extracted', NULL, 0, NULL, 'sha'),
               ('classified', 'classified', NULL, 0, NULL, 'sha'),
               ('refused', 'dropped', 'refused', 1, NULL, NULL),
               ('robots', 'dropped', 'robots', 1, NULL, NULL),
               ('gone', 'dropped', 'gone', 1, NULL, NULL),
               ('unreachable', 'quarantined', 'unreachable', 10, NULL, NULL)
       ) AS old (name, state, reason, attempt, token, page);
INSERT INTO sighting (source_id, entry_key, entry_id) SELECT 'agency', url, id FROM entry;
INSERT INTO article (entry_id, version, title, text, language, language_confidence, url, authors, quality, extractor)
SELECT id, 1, 'Title', 'Text', 'en', 0.9, url, '{{}}', 'full', 'test 1' FROM entry
 WHERE state IN ('extracted', 'classified');
INSERT INTO flag (entry_id, version, topic, probability, flagged, evidence, pack_version, model)
SELECT id, 1, 'sanctions', 0.9, true, '[]', '1', 'test 1' FROM entry WHERE state = 'classified';
INSERT INTO change (seq, event_id, entry_id, version, type, payload)
SELECT 1, uuidv7(), id, 1, 'created', jsonb_build_object('id', id, 'version', 1, 'language', 'en') FROM entry
 WHERE state = 'classified'
"""


@pytest.fixture
def old(empty: Engine) -> Engine:
    """A database of schema 0001, with rows."""
    with empty.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(OLD_ROWS)
    return empty


def ledger_by_name(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        return {row.url.rsplit("/", 1)[-1]: row for row in connection.execute(select(entry))}


class TestFromTheFirstSchema:
    def test_reasons_have_their_words_of_today_and_every_promise_holds(self, old: Engine) -> None:
        assert migrate(old) == newest_revision()
        assert broken_invariants(old) == {}
        rows = ledger_by_name(old)
        assert {name: row.reason for name, row in rows.items() if row.reason} == {
            "deferred": "http_5xx", "offline": "refused", "refused": "http_4xx", "robots": "disallowed",
            "gone": "gone", "unreachable": "unreachable",
        }  # fmt: skip
        assert {name: row.version for name, row in rows.items() if row.version} == {"classified": 1}
        assert {(row.canon_version, row.not_found, tuple(row.hops)) for row in rows.values()} == {(1, 0, ())}
        assert {row.revisit_at for row in rows.values()} == {None}, "what was published before is not looked at again"
        found = overview(old)
        assert (found.counts.discovered, found.counts.in_flight, found.counts.balanced) == (11, 6, True)

    def test_sources_keep_their_history_in_the_words_of_today(self, old: Engine) -> None:
        migrate(old)
        agency, new = overview(old).sources
        assert agency["outcomes"] == {"ok": 5, "http_4xx": 2, "refused": 1, "http_5xx": 3, "disallowed": 1}
        assert (agency["last_outcome"], agency["failures"]) == ("http_4xx", 2)
        assert agency["documents"] == {agency["url"]: {"etag": '"1"'}}
        assert (new["outcomes"], new["last_outcome"]) == ({}, None)
        assert set(agency["outcomes"]) <= set(FeedOutcome)

    def test_the_ledger_goes_on_where_it_stood(self, old: Engine) -> None:
        migrate(old)
        rows = ledger_by_name(old)
        assert len(make_ledger(old, per_host=3, ahead_s=20).due(State.DISCOVERED, 10)) == 3
        for name in ("waiting", "deferred", "offline", "leased", "fetched", "extracted"):
            ledger = make_ledger(old, revisit_after=[3_600])
            while (state := State(ledger_by_name(old)[name].state)) in NEXT:
                let_wait_pass(old)
                assert settle_advanced(ledger, ledger.claim([rows[name].id], state)) == [rows[name].id], name
        assert overview(old).counts.by_state["classified"] == 7
        with old.begin() as connection:
            number(connection)
        assert broken_invariants(old) == {}

    def test_what_was_published_is_read_as_before_and_may_be_edited(self, old: Engine) -> None:
        migrate(old)
        one = ledger_by_name(old)["classified"].id
        with old.connect() as connection:
            found = article_by_id(connection, one)
            assert found is not None
            assert (found["version"], found["text"]) == (1, "Text")
            assert len(list_articles(connection, limit=10, topic="sanctions", language="en")) == 1
        set_entry(old, one, revisit_at=row_of(old, one).now)
        ledger = make_ledger(old)
        assert ledger.begin_revisits(10) == 1
        for state in NEXT:
            settle_advanced(ledger, ledger.claim([one], state))
        assert [row.type for row in created_changes(old)] == ["created", "updated"]
        assert broken_invariants(old) == {}

    def test_its_links_are_known_in_every_form(self, old: Engine) -> None:
        migrate(old)
        sources = make_source_ledger(old)
        sources.sync([make_source(), make_source("new", url="https://new.example/rss")])
        links = [
            make_feed_entry(url, url=url) for url in ("https://agency.example/gone", "http://agency.example/robots/")
        ]
        assert record(sources, "new", poll_result(*links)).new == 0
        assert count_of(old, "entry") == 11


def test_migrating_again_changes_nothing_and_keeps_what_is_stored(engine: Engine) -> None:
    discover(engine, 2)
    for _ in range(2):
        assert migrate(engine) == newest_revision()
    assert count_of(engine, "entry") == 2


def test_four_processes_may_migrate_at_once(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: migrate(empty), range(4))) == [newest_revision()] * 4
    assert count_of(empty, "alembic_version") == 1


def test_the_program_says_what_its_migrations_say() -> None:
    assert (newest_revision(), needed(chain())) == (NEWEST, NEEDED)
    assert [one.revision for one in chain()] == [f"{number + 1:04}" for number in range(len(chain()))]


@pytest.mark.parametrize("one", chain(), ids=lambda one: one.revision)
def test_a_migration_says_its_half(one: Migration) -> None:
    assert (one.half is not None) == (one.revision > "0008"), "`half` is written above `upgrade`: see store/halves.py"


def test_the_database_says_which_programs_it_serves(empty: Engine, empty_url: str) -> None:
    migrate(empty)
    assert read_notes(empty)[SERVES_NOTE] == serves(chain(), newest_revision())
    check_schema(empty_url)


def test_a_database_of_a_newer_program_is_refused_with_what_to_do(engine: Engine) -> None:
    run_sql(engine, "UPDATE alembic_version SET version_num = '9999'")
    run_sql(engine, "UPDATE note SET value = '9999' WHERE key = 'schema_serves'")
    with pytest.raises(StartError, match=r"schema 9999.*newer.*WIREWATCH_DATABASE_URL"):
        migrate(engine)
    with engine.connect() as connection:
        assert current_revision(connection) == "9999"


def test_an_empty_database_has_no_revision_and_is_no_stranger(empty: Engine) -> None:
    with empty.connect() as connection:
        assert current_revision(connection) is None
        check_known(connection)


def test_a_migration_is_not_cut_off_by_the_timeout_of_a_query(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = make_engine(empty_url, role="test", statement_timeout_s=1)
    monkeypatch.setattr(
        "workers.store.migrate.check_known", lambda connection: connection.exec_driver_sql("SELECT pg_sleep(1.2)")
    )
    assert migrate(impatient) == newest_revision()
    impatient.dispose()
