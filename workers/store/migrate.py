"""Bring the database to this program's schema, once, however many processes ask for it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from workers.domain.errors import StartError

#: Any number, the same in every process: whoever holds it migrates, the others wait and find the work done.
MIGRATION_LOCK = 0x57495245


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest_revision() -> str:
    """Return the schema revision that this program was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101  (there is at least one migration)
    return head


def current_revision(connection: Connection) -> str | None:
    """Return the database's schema revision, None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def check_known(connection: Connection) -> None:
    """Refuse a database of a newer schema. Raises StartError with what to do."""
    revision = current_revision(connection)
    if revision is None:
        return
    try:
        ScriptDirectory.from_config(_config()).get_revision(revision)
    except CommandError as error:
        raise StartError(
            f"the database has schema {revision}, which is newer than this program's {newest_revision()}: "
            "install the newer Wirewatch, or give this one a database of its own (WIREWATCH_DATABASE_URL)"
        ) from error


def migrate(engine: Engine) -> str:
    """Upgrade to the newest schema and return its revision. Safe to run at the same time in many processes."""
    with engine.begin() as connection:
        # an index over years of news takes its time, and so does waiting for the process that builds it
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        check_known(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return newest_revision()
