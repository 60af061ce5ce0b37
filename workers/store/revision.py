"""Which databases this program may run on, told cheaply: a service asks at every start."""

import psycopg

from workers.domain.errors import StartError, Unavailable

#: The newest migration (`migrations/versions/`); a test holds it to that.
NEWEST = "0010"
#: The newest one that this program cannot run without (`halves.py`); the same test.
NEEDED = "0010"

#: The note by which a database says the oldest program that it serves. Only whoever brought in a newer schema knew what
#: it takes away; an older program cannot.
SERVES_NOTE = "schema_serves"

LOOK = f"SELECT version_num, (SELECT value FROM note WHERE key = '{SERVES_NOTE}') FROM alembic_version"  # noqa: S608


def check_schema(url: str) -> None:
    """Return when this program may run on the database. Raises StartError, with what to do, when it may not;
    Unavailable when the database does not answer."""
    try:
        with psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=10) as connection:
            row = connection.execute(LOOK).fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer: {error}") from error
    check_fits(*(row or (None, None)), newest=NEWEST, needed=NEEDED)


def check_fits(found: str | None, serves: str | None, *, newest: str, needed: str) -> None:
    """Return when a program may run on a database of schema `found` (None: an empty one).

    It needs all of its own migrations but the last `post` ones. A newer database must say that it `serves` programs
    from this one's schema on, or an older. Raises StartError with what to do.
    """
    if found is None or found < needed:
        raise StartError(
            f"the database has schema {found or 'none'}, this program needs {needed}: run `wirewatch migrate`"
        )
    if found > newest and (serves is None or serves > newest):
        raise StartError(
            f"the database has schema {found}, which is newer than this program's {newest}"
            + (f" and serves none before {serves}" if serves else "")
            + ": install the newer Wirewatch, or give this one a database of its own (WIREWATCH_DATABASE_URL)"
        )
