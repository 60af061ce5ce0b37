"""The schema: from nothing to newest, by however many processes, and never by an older program."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from tests.making import count_of, discover, run_sql
from workers.domain.errors import StartError
from workers.store.engine import make_engine
from workers.store.migrate import check_known, current_revision, migrate, newest_revision
from workers.store.schema import metadata


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


def test_migrating_again_changes_nothing_and_keeps_what_is_stored(engine: Engine) -> None:
    discover(engine, 2)
    for _ in range(2):
        assert migrate(engine) == newest_revision()
    assert count_of(engine, "entry") == 2


def test_four_processes_may_migrate_at_once(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: migrate(empty), range(4))) == [newest_revision()] * 4
    assert count_of(empty, "alembic_version") == 1


def test_a_database_of_a_newer_program_is_refused_with_what_to_do(engine: Engine) -> None:
    run_sql(engine, "UPDATE alembic_version SET version_num = '9999'")
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
