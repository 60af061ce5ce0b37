"""Published articles for another classification: which there are, what readers have, and the change that replaces it.

The ledger's states and leases are left alone: a version of an article that readers have is replaced by its next
revision, and whoever publishes a new version meanwhile is not waited for and wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    insert,
    select,
    tuple_,
    update,
)

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
    with engine.connect() as connection:
        return [Told(*row) for row in connection.execute(query)]


def told_anew(told: Told, found: Classification, topic: str | None = None) -> dict[str, Any]:
    """Return the article as a change would tell it with another classification; `topic`: of this one topic only."""
    new = classification_json(found)
    if topic is not None:
        kept = [mark for mark in told.change["flags"] if mark["topic"] != topic]
        both = kept + [mark for mark in new["flags"] if mark["topic"] == topic]
        new["flags"] = sorted(both, key=lambda mark: (-mark["probability"], mark["topic"]))
    return told.change | new


def write_reclassified(
    engine: Engine, made: Sequence[tuple[Told, Classification]], *, topic: str | None = None
) -> set[UUID]:
    """Replace the flags of articles, with one `reclassified` change each, in one transaction.

    Returns the ids of those that stood as they were read; the others are left alone, and so are those that somebody
    holds at this moment: nobody on the path is waited for.
    """
    ready = {told.id: _made(told, found, topic) for told, found in made}  # before anything is locked
    with engine.begin() as connection:
        won = _lock(connection, [told for told, _ in made])
        kept = [told for told, _ in made if told.id in won]
        if kept:
            _delete_flags(connection, kept, topic)
            rows = [row for told in kept for row in ready[told.id].flags]
            if rows:
                connection.execute(insert(flag), rows)
            connection.execute(insert(change), [ready[told.id].change for told in kept])
            connection.execute(update(entry).where(entry.c.id.in_(won)).values(revision=entry.c.revision + 1))
    return won


class _Made(NamedTuple):
    """The rows of one article."""

    flags: list[dict[str, Any]]
    change: dict[str, Any]


def _made(told: Told, found: Classification, topic: str | None) -> _Made:
    flags = flag_rows(told.id, told.version, _only(found, topic))
    return _Made(flags, _change(told, told_anew(told, found, topic)))


def _lock(connection: Connection, made: Sequence[Told]) -> set[UUID]:
    stands = tuple_(entry.c.id, entry.c.version, entry.c.revision).in_([(o.id, o.version, o.revision) for o in made])
    query = select(entry.c.id).where(stands).order_by(entry.c.id).with_for_update(skip_locked=True)
    return set(connection.execute(query).scalars())


def _delete_flags(connection: Connection, made: Sequence[Told], topic: str | None) -> None:
    old = delete(flag).where(tuple_(flag.c.entry_id, flag.c.version).in_([(told.id, told.version) for told in made]))
    connection.execute(old if topic is None else old.where(flag.c.topic == topic))


def _only(found: Classification, topic: str | None) -> Classification:
    return found if topic is None else replace(found, flags=tuple(m for m in found.flags if m.topic == topic))


def _change(told: Told, anew: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": uuid_utils.compat.uuid7(),
        "entry_id": told.id,
        "version": told.version,
        "revision": told.revision + 1,
        "type": "reclassified",
        "payload": anew,
        "unflagged": sorted(flagged_in(told.change) - flagged_in(anew)),
    }
