"""Clocks that tests move: the database's, by which leases and due times go, and Python's, from which `now` comes.

    def test_...(engine: Engine, clock: Clock) -> None:
        clock.jump(timedelta(days=3650))

How: the functions `now`, `clock_timestamp`, `statement_timestamp` and `transaction_timestamp` are made in `public`,
each PostgreSQL's own plus an offset that is kept in a table, and the database's search path has `public` before
`pg_catalog`. Column defaults, bound to PostgreSQL's own functions when they were made, are bound anew. So every
connection sees a jump at its next statement, from whatever process, and time goes on running in between.

Limits:

- `CURRENT_TIMESTAMP`, `LOCALTIMESTAMP` and the like are keywords and keep the real time; the product uses none
  (tests/contract/test_clock_jumps.py holds it to that). `pg_catalog.now()` keeps it too, and so does PostgreSQL for
  itself: `statement_timeout`, `pg_stat_activity`.
- `now()` stands still within a transaction, as it should, unless the clock jumps meanwhile.
- Python's clock is `workers.bootstrap.utc_now` of this process, looked up when `Steps` makes an edge or polls: make
  `Steps` after the fixture. Those who imported it by name (workers/cli), `uuid7`, Celery, Redis, and other processes
  keep the real one. `time.monotonic` never jumps: that is what it is for.
- A condition with `now()` costs some microseconds for each row that it is asked of.
- Connections that were open before `install` do not see it; those of the engine it is given are made anew.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

MOVED = {
    "now": "STABLE",
    "transaction_timestamp": "STABLE",
    "statement_timestamp": "STABLE",
    "clock_timestamp": "VOLATILE",
}

OFFSET = """
CREATE SCHEMA moved;
CREATE TABLE moved.clock (ahead interval NOT NULL);
INSERT INTO moved.clock VALUES (interval '0')
"""

FUNCTION = """
CREATE FUNCTION public.{name}() RETURNS timestamptz LANGUAGE plpgsql {volatility} PARALLEL SAFE AS
$$ BEGIN RETURN pg_catalog.{name}() + (SELECT ahead FROM moved.clock); END $$
"""

#: Gives the statements that bind column defaults anew.
DEFAULTS = """
SELECT format('ALTER TABLE %I ALTER COLUMN %I SET DEFAULT public.now()', table_name, column_name)
  FROM information_schema.columns WHERE table_schema = 'public' AND column_default = 'now()'
"""

#: `public` first, so that what is made without naming a schema is still made there.
PATH = """
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
END $$
"""


class Clock:
    """The clock of one test database, and of Python beside it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ahead = timedelta(0)

    def install(self) -> None:
        """Let every connection of this database, from now on, see the moved clock. Once for a database."""
        with self.engine.begin() as connection:
            defaults = connection.execute(text(DEFAULTS)).scalars().all()
            functions = [FUNCTION.format(name=name, volatility=kind) for name, kind in MOVED.items()]
            for statement in (OFFSET, *functions, *defaults, PATH):
                connection.execute(text(statement))
        self.engine.dispose()

    def jump(self, by: timedelta) -> None:
        """Move both clocks at once, forward or back."""
        self.ahead += by
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE moved.clock SET ahead = :ahead"), {"ahead": self.ahead})

    def now(self) -> datetime:
        """Return the moved time in UTC: what Python's code is given as its clock."""
        return datetime.now(UTC) + self.ahead
