"""Which schema this program was written for, told cheaply: a service asks at every start."""

import psycopg

from workers.domain.errors import StartError, Unavailable

#: The newest migration (`migrations/versions/`); a test holds it to that.
NEWEST = "0010"


def check_schema(url: str) -> None:
    """Return when the database is at this program's schema. Raises StartError, with what to do, when it is not;
    Unavailable when the database does not answer."""
    try:
        with psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=10) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer: {error}") from error
    found = row[0] if row else "none"
    if found != NEWEST:
        raise StartError(f"the database has schema {found}, this program needs {NEWEST}: run `wirewatch migrate`")
