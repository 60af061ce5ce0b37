"""Published articles for another classification: which there are, what readers have, and the change that replaces it.

The ledger's states and leases are left alone: a version of an article that readers have is replaced by its next
revision, and whoever publishes a new version meanwhile is not waited for and wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from workers.domain.values import Classification
from workers.store.articles import classification_json, flag_rows, flagged_in
from workers.store.schema import article, change, entry, flag
from workers.store.wanted import Wanted, among, count_entries, entry_ids


@dataclass(frozen=True, slots=True)
class Told:
    """What readers have of an article, with the text that they can ask for."""

    id: UUID
    version: int
    revision: int
    title: str
    text: str
    language: str
    change: dict[str, Any]  # the article as the last change tells it


def count_published(engine: Engine, wanted: Wanted) -> int:
    """Return how many articles will be classified."""
    return count_entries(engine, _published(wanted))


def published_ids(engine: Engine, wanted: Wanted, *, size: int) -> Iterator[list[UUID]]:
    """Give the ids of those, oldest first, `size` at a time."""
    return entry_ids(engine, _published(wanted), size=size)


def _published(wanted: Wanted) -> ColumnElement[bool]:
    """Whatever readers have, also while its page is looked at again: most such looks bring nothing new."""
    return and_(entry.c.version > 0, among(wanted))


def read_told(engine: Engine, ids: Sequence[UUID]) -> list[Told]:
    """Return published articles in the order of their ids."""
    last = and_(
        change.c.entry_id == entry.c.id, change.c.version == entry.c.version, change.c.revision == entry.c.revision
    )
    columns = [
        *(entry.c[name] for name in ("id", "version", "revision")),
        *(article.c[name] for name in ("title", "text", "language")),
        change.c.payload,
    ]
    query = (
        select(*columns)
        .join_from(entry, article, and_(article.c.entry_id == entry.c.id, article.c.version == entry.c.version))
        .join(change, last)
        .where(entry.c.id.in_(ids))
        .order_by(entry.c.id)
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:  # two journeys fewer
        return [Told(*row) for row in connection.execute(query)]


def told_anew(told: Told, found: Classification, topic: str | None = None) -> dict[str, Any]:
    """Return the article as a change would tell it with another classification; `topic`: of this one topic only."""
    new = classification_json(found)
    if topic is not None:
        kept = [mark for mark in told.change["flags"] if mark["topic"] != topic]
        both = kept + [mark for mark in new["flags"] if mark["topic"] == topic]
        new["flags"] = sorted(both, key=lambda mark: (-mark["probability"], mark["topic"]))
    return told.change | new


def write_reclassified(engine: Engine, made: Sequence[tuple[Told, dict[str, Any]]]) -> set[UUID]:
    """Replace articles as readers have them by what `told_anew` makes of them: one `reclassified` change each, and
    those flags that differ, in one transaction.

    Returns the ids of those that stood as they were read; the others are left alone, and so are those that somebody
    holds at this moment: nobody on the path is waited for.
    """
    ready = {told.id: _rows(told, anew) for told, anew in made}  # before anything is locked
    with engine.begin() as connection:
        won = _take(connection, [told for told, _ in made])
        rows = [ready[told.id] for told, _ in made if told.id in won]
        if gone := [key for of_one in rows for key in of_one.gone]:
            connection.execute(delete(flag).where(tuple_(flag.c.entry_id, flag.c.version, flag.c.topic).in_(gone)))
        if flags := [row for of_one in rows for row in of_one.flags]:
            connection.execute(_UPSERT, flags)
        if rows:
            connection.execute(insert(change), [of_one.change for of_one in rows])
    return won


class _Rows(NamedTuple):
    """The rows of one article."""

    gone: list[tuple[UUID, int, str]]  # the keys of flags that it has no more
    flags: list[dict[str, Any]]  # those that are new or others
    change: dict[str, Any]


def _rows(told: Told, anew: dict[str, Any]) -> _Rows:
    old, new = ({mark["topic"]: mark for mark in flags} for flags in (told.change["flags"], anew["flags"]))
    return _Rows(
        gone=[(told.id, told.version, topic) for topic in sorted(old.keys() - new.keys())],
        flags=flag_rows(told.id, told.version, (mark for topic, mark in new.items() if mark != old.get(topic))),
        change={
            "event_id": uuid_utils.compat.uuid7(),
            "entry_id": told.id,
            "version": told.version,
            "revision": told.revision + 1,
            "type": "reclassified",
            "payload": anew,
            "unflagged": sorted(flagged_in(told.change) - flagged_in(anew)),
        },
    )


_NEW = insert(flag)
_KEY = ("entry_id", "version", "topic")
_UPSERT = _NEW.on_conflict_do_update(
    index_elements=_KEY, set_={column.name: column for column in _NEW.excluded if column.name not in _KEY}
)


def _take(connection: Connection, made: Sequence[Told]) -> set[UUID]:
    """Count the revision of those that stand as they were read and that nobody holds; return their ids."""
    stands = tuple_(entry.c.id, entry.c.version, entry.c.revision).in_([(o.id, o.version, o.revision) for o in made])
    free = select(entry.c.id).where(stands).order_by(entry.c.id).with_for_update(skip_locked=True).cte("free")
    taken = update(entry).where(entry.c.id == free.c.id).values(revision=entry.c.revision + 1).returning(entry.c.id)
    return set(connection.execute(taken).scalars())
