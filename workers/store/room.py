"""Room in the store: whether the database takes writes and has a disk to write to, and whether intake is paused.

That intake is paused is noted in the database for every process to see, by each machine that measures for itself: one
has room again while another has none. That the database is read-only cannot be noted there; whoever asks sees it for
himself.
"""

from datetime import timedelta

from sqlalchemy import Connection, Engine, delete, func, text
from sqlalchemy.exc import OperationalError

from workers.domain.intake import READ_ONLY
from workers.store.notes import put_note, read_notes
from workers.store.schema import note

NOTE = "intake_paused:"
#: Each machine's note is written anew with the sweeps that it gets, one of many every 5 s (60 s at most). One that was
#: not for so long is of a machine that is gone, as a container's name is with each deploy. Far ahead it is too: the
#: clock was set back since.
FORGOTTEN = timedelta(minutes=10)

#: How full its disk is PostgreSQL tells nobody. So a query writes 32 MB, twice a segment of its log, to a temporary
#: file, which is gone at the end of it, mostly before it has reached the disk: 35 ms (measured), no log, no rows, and
#: allowed where writes are not. (`temp_tablespaces` may put the file on another disk: then this tells nothing.)
FILL = text("""
WITH filler AS MATERIALIZED (SELECT repeat('x', 8000) AS bytes FROM generate_series(1, 4096))
SELECT count(bytes) FROM filler
""")
DISK_FULL = "53100"
#: The query came to the limit of temporary files (`temp_file_limit`) before it came to the end of the disk.
ANOTHER_LIMIT = "53400"


def takes_writes(engine: Engine) -> bool:
    """Return whether a transaction may write: not so on a standby, or while `default_transaction_read_only` is on."""
    with engine.connect() as connection:
        return str(connection.execute(text("SHOW transaction_read_only")).scalar_one()) == "off"


def has_room(engine: Engine) -> bool:
    """Return whether the database's disk takes 32 MB more."""
    try:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL work_mem = '64kB'"))
            connection.execute(FILL)
    except OperationalError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state not in {DISK_FULL, ANOTHER_LIMIT}:
            raise
        return bool(state == ANOTHER_LIMIT)
    return True


def note_pause(engine: Engine, disk: str, why: str) -> None:
    """Let every process know that intake is paused, and why; "": whoever measures `disk` sees no reason (any more)."""
    with engine.begin() as connection:
        put_note(connection, NOTE + disk, why)
        lately = note.c.updated_at.between(func.now() - FORGOTTEN, func.now() + FORGOTTEN)
        connection.execute(delete(note).where(note.c.key.startswith(NOTE), ~lately))


def noted_pause(engine: Engine, disk: str) -> str:
    """Return why whoever measures `disk` has noted that intake is paused, "" when he has not."""
    return read_notes(engine).get(NOTE + disk, "")


def why_paused(connection: Connection) -> str | None:
    """Return why nothing is taken in, None when intake is open."""
    query = text("""
        SELECT current_setting('transaction_read_only'),
               (SELECT string_agg(DISTINCT value, '; ') FROM note WHERE starts_with(key, :prefix))""")
    read_only, noted = connection.execute(query, {"prefix": NOTE}).one()
    return READ_ONLY if read_only == "on" else noted
