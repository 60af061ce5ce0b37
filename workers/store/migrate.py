"""Bring the database to this program's schema, once, however many processes ask for it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, select, text

from workers.domain.errors import StartError
from workers.store.halves import Half, Migration, needed, serves, target
from workers.store.notes import put_note
from workers.store.revision import SERVES_NOTE, check_fits
from workers.store.schema import note

#: Any number, the same in every process: whoever holds it migrates, the others wait and find the work done.
MIGRATION_LOCK = 0x57495245

#: Programs say their schema in their connections' names (`engine.py`).
OLDER = """
SELECT DISTINCT application_name FROM pg_stat_activity
 WHERE datname = current_database()
   AND application_name ~ '^wirewatch .+ \\d{4}$' AND right(application_name, 4) < :revision
 ORDER BY 1
"""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def chain() -> list[Migration]:
    """Return this program's migrations, oldest first. Raises ValueError for a half that there is not."""
    found = ScriptDirectory.from_config(_config()).walk_revisions()
    halves = [(one.revision, getattr(one.module, "half", None)) for one in found]
    return [Migration(revision, half and Half(half)) for revision, half in reversed(halves)]


def newest_revision() -> str:
    """Return the schema revision that this program was written for."""
    return chain()[-1].revision


def current_revision(connection: Connection) -> str | None:
    """Return the database's schema revision, None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def check_known(connection: Connection) -> None:
    """Refuse a newer database that does not serve this program. Raises StartError with what to do."""
    if (found := current_revision(connection)) is not None:
        check_fits(found, _serves(connection), newest=newest_revision(), needed=found)


def check_ready(connection: Connection) -> None:
    """Return when this program may run on the database. Raises StartError with what to do."""
    own, found = chain(), current_revision(connection)
    oldest = _serves(connection) if found else None
    check_fits(found, oldest, newest=own[-1].revision, needed=needed(own))


def _serves(connection: Connection) -> str | None:
    return connection.scalar(select(note.c.value).where(note.c.key == SERVES_NOTE))


def outstanding(connection: Connection) -> list[str]:
    """Return the revisions of this program that a database it runs on does not have yet: `post` halves."""
    found = current_revision(connection) or ""
    return [one.revision for one in chain() if one.revision > found]


def migrate(engine: Engine, half: Half | None = None) -> str:
    """Upgrade by one half, or by both, and return the database's revision. Safe to run in many processes at once.

    A newer database that serves this program is left as it is. Raises StartError, with what to do first, when the half
    cannot be done now, or when a program runs that could not go on.
    """
    with engine.begin() as connection:
        # an index over years of news takes its time, and so does waiting for the process that builds it
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        check_known(connection)
        own, found = chain(), current_revision(connection)
        if found is not None and found > own[-1].revision:
            return found
        to = target(own, found, half)
        if found is not None and (oldest := serves(own, to)) != serves(own, found):
            _check_left(connection, oldest)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        put_note(connection, SERVES_NOTE, serves(own, to))
        return to


def _check_left(connection: Connection, oldest: str) -> None:
    """Raise StartError while a program is connected that the database would not serve any more."""
    older = connection.execute(text(OLDER), {"revision": oldest}).scalars().all()
    if older:
        raise StartError(
            f"programs of a version before schema {oldest} are still connected ({', '.join(older)}): "
            "start them on the new version, or stop them, then run this again"
        )
