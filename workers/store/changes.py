"""The append-only change log and its cursor.

A writer cannot number its own change: with two concurrent commits a reader that goes by `id > last` misses the later
one (RELIABILITY.md finding 12). So changes are written without a number, and one relay at a time, under an advisory
lock, numbers what is committed. `seq` has no gaps, never goes back, and everything up to the highest is visible.
"""

from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping

from workers.store.schema import change, note

#: Held by whoever numbers or publishes; any number, the same everywhere.
RELAY_LOCK = 0x52454C59

#: Changes numbered in one transaction: small enough to stay under a second, large enough to drain a backlog.
RELAY_BATCH = 1_000

NUMBER = text("""
WITH base AS (SELECT coalesce(max(seq), 0) AS last FROM change),
     next AS (SELECT id, row_number() OVER (ORDER BY id) AS place
                FROM (SELECT id FROM change WHERE seq IS NULL ORDER BY id LIMIT :batch) AS waiting)
UPDATE change SET seq = base.last + next.place FROM base, next WHERE change.id = next.id
""")


def take_relay_lock(connection: Connection) -> bool:
    """Return whether this transaction is now the relay; False when another one is at work."""
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(RELAY_LOCK))).scalar())


def number(connection: Connection) -> int:
    """Give the next numbers to committed changes, in the order they were written. Needs the relay lock."""
    return connection.execute(NUMBER, {"batch": RELAY_BATCH}).rowcount


def ledger_id(connection: Connection) -> str:
    """Return the random id of this ledger, made at the first call: who asks at the same time gets the same one."""
    new = insert(note).values(key="ledger_id", value=str(uuid4()))
    connection.execute(new.on_conflict_do_nothing())
    return str(connection.execute(select(note.c.value).where(note.c.key == "ledger_id")).scalar_one())


def note_stream_trouble(connection: Connection, trouble: str | None) -> None:
    """Keep the sentence that says why the stream gets nothing; None when it is well. Needs the relay lock."""
    if trouble == stream_trouble(connection):
        return
    connection.execute(delete(note).where(note.c.key == "stream_trouble"))
    if trouble is not None:
        connection.execute(insert(note).values(key="stream_trouble", value=trouble))


def stream_trouble(connection: Connection) -> str | None:
    """Return why the stream gets nothing until an operator acts; None when it is well."""
    return connection.execute(select(note.c.value).where(note.c.key == "stream_trouble")).scalar()


def last_seq(connection: Connection) -> int:
    """Return the highest number given, 0 when there is none."""
    return int(connection.execute(select(func.coalesce(func.max(change.c.seq), 0))).scalar_one())


def changes_after(
    connection: Connection, after: int, limit: int, *, until: int | None = None, **only: str | None
) -> list[RowMapping]:
    """Return changes with `after < seq <= until`, in order. `only`: topic, language, source, country.

    Of a topic: what is flagged with it, and what is not any more.
    """
    query = select(change).where(change.c.seq > after).order_by(change.c.seq).limit(limit)
    if until is not None:
        query = query.where(change.c.seq <= until)
    for name, wanted in only.items():
        if wanted is not None:
            query = query.where(_matches(name, wanted))
    return list(connection.execute(query).mappings())


def was_unflagged(topic: str) -> ColumnElement[bool]:
    """Return the condition that a change took a topic's flag away. (Both halves: the index is of the few that did.)"""
    return and_(func.cardinality(change.c.unflagged) > 0, change.c.unflagged.contains([topic]))


def _matches(name: str, wanted: str) -> Any:
    payload = change.c.payload
    match name:
        case "topic":
            return or_(payload.contains({"flags": [{"topic": wanted, "flagged": True}]}), was_unflagged(wanted))
        case "language":
            return payload["language"].as_string() == wanted
        case "source":
            return payload["source"]["id"].as_string() == wanted
        case "country":
            return payload["source"]["country"].as_string() == wanted
        case _:
            raise ValueError(name)
