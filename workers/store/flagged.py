"""The change log for security platforms: what concerned a flag, with the versions and times that those want.

A change concerns a flag when it has one or took one away. Platforms want two times that the log does not keep: when
each version was made (`times`), and when it was added (`added`), which has to grow with `seq` for who polls by time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from workers.store.changes import is_flagged, last_seq, ledger_id, was_unflagged
from workers.store.schema import change, note, source

#: Between the times at which two neighbours of the log were added: room for 100 objects, a microsecond each.
STEP = timedelta(microseconds=100)

#: Changes of so many numbers before may carry a later time than this one: writers that commit at the same moment, some
#: dozen articles each. More means that the database's clock was set back.
DISORDER = 256


@dataclass(frozen=True, slots=True)
class FlaggedChange:
    """A numbered change that concerned a flag, and its place among those of its article."""

    seq: int
    article: dict[str, Any]
    is_withdrawn: bool
    times: tuple[datetime, ...]  # when the article's versions were told, up to this one
    is_first: bool  # of its article, among what was asked for
    is_last: bool


def ledger_since(connection: Connection) -> tuple[UUID, datetime]:
    """Return the ledger's id and since when it has it. Commit after it."""
    found = ledger_id(connection)
    since = connection.execute(select(note.c.updated_at).where(note.c.key == "ledger_id")).scalar_one()
    return UUID(found), since


def flagged_after(
    connection: Connection, after: int, limit: int, *, until: int, topic: str | None = None
) -> list[FlaggedChange]:
    """Return changes with `after < seq <= until` that concerned a flag, of one topic or of any, in order."""
    between = and_(change.c.seq > after, change.c.seq <= until)
    return _flagged(connection, between, topic, limit)


def flagged_of(connection: Connection, ids: Sequence[UUID], *, topic: str | None = None) -> list[FlaggedChange]:
    """Return every change of these articles that concerned a flag, in the order of the log."""
    return _flagged(connection, and_(change.c.entry_id.in_(ids), change.c.seq.is_not(None)), topic, None)


def added_times(connection: Connection, numbers: Collection[int]) -> dict[int, datetime]:
    """Return when the changes with these numbers were added: each at least a `STEP` later than any before it.

    `created_at` may go back while `seq` goes on. The greatest `created_at + STEP * (numbers since)` does not.
    """
    asked, near = change.alias("asked"), change.alias("near")
    since = near.c.created_at + (asked.c.seq - near.c.seq) * STEP
    window = and_(near.c.seq > asked.c.seq - DISORDER, near.c.seq <= asked.c.seq)
    added = select(func.max(since)).where(window).scalar_subquery()
    query = select(asked.c.seq, added.label("added")).where(asked.c.seq.in_(numbers))
    return {row.seq: row.added for row in connection.execute(query)}


def first_added_after(connection: Connection, moment: datetime) -> int:
    """Return the lowest number whose objects were added after `moment`; the next one to be given when there is none."""
    low, high = 1, last_seq(connection) + 1
    while low < high:
        middle = (low + high) // 2
        if added_times(connection, [middle])[middle] + STEP > moment + timedelta(microseconds=1):
            high = middle
        else:
            low = middle + 1
    return low


def outlets(connection: Connection) -> list[dict[str, Any]]:
    """Return the facts of every source, as changes tell them."""
    columns = (source.c[name] for name in ("id", "name", "language", "country", "owner", "state_owned"))
    return [dict(row) for row in connection.execute(select(*columns).order_by(source.c.id)).mappings()]


def _flagged(
    connection: Connection, which: ColumnElement[bool], topic: str | None, limit: int | None
) -> list[FlaggedChange]:
    columns = [change.c[name] for name in ("seq", "entry_id", "type", "payload")]
    query = select(*columns).where(which, _concerns(topic)).order_by(change.c.seq).limit(limit)
    rows = connection.execute(query).all()
    told = _history(connection, {row.entry_id for row in rows}, topic)
    return [_placed(row, told[row.entry_id]) for row in rows]


def _placed(row: Any, told: list[Any]) -> FlaggedChange:
    within = [one.seq for one in told if one.is_asked_for]
    return FlaggedChange(
        seq=row.seq,
        article=row.payload,
        is_withdrawn=row.type == "withdrawn",
        times=tuple(one.created_at for one in told if one.seq <= row.seq),
        is_first=row.seq == within[0],
        is_last=row.seq == within[-1],
    )


def _history(connection: Connection, ids: set[UUID], topic: str | None) -> dict[UUID, list[Any]]:
    """Return the changes of articles that concerned a flag, oldest first; `is_asked_for`: one of this topic."""
    asked = _concerns(topic).label("is_asked_for") if topic is not None else true().label("is_asked_for")
    query = select(change.c.entry_id, change.c.seq, change.c.created_at, asked)
    query = query.where(change.c.entry_id.in_(ids), change.c.seq.is_not(None), _concerns()).order_by(change.c.seq)
    found: dict[UUID, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.entry_id, []).append(row)
    return found


def _concerns(topic: str | None = None) -> ColumnElement[bool]:
    """Return the condition that a change has a flag or took one away, of one topic or of any."""
    return or_(is_flagged(topic), was_unflagged(topic))
