"""Entries that an operator wants to be looked at once more: counted, and named a few at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, and_, func, select, true

from workers.store.schema import entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which entries are meant, of those that a command is for."""

    sources: tuple[str, ...] = ()  # ids; none: of all sources
    since: datetime | None = None  # discovered then or later


def among(wanted: Wanted) -> ColumnElement[bool]:
    """Return the condition that an entry is meant."""
    of_source = entry.c.source_id.in_(wanted.sources) if wanted.sources else true()
    young = entry.c.discovered_at >= wanted.since if wanted.since is not None else true()
    return and_(of_source, young)


def count_entries(engine: Engine, condition: ColumnElement[bool]) -> int:
    """Return for how many entries a condition holds."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(entry).where(condition)).scalar_one()


def entry_ids(
    engine: Engine, condition: ColumnElement[bool], *, limit: int | None = None, size: int
) -> Iterator[list[UUID]]:
    """Give the ids of such entries, oldest first, `size` at a time; `limit`: how many in all."""
    last = UUID(int=0)
    left = limit
    while left is None or left > 0:
        at_once = size if left is None else min(size, left)
        query = select(entry.c.id).where(condition, entry.c.id > last).order_by(entry.c.id).limit(at_once)
        with engine.connect() as connection:
            ids = list(connection.execute(query).scalars())
        if not ids:
            return
        yield ids
        last = ids[-1]
        left = None if left is None else left - len(ids)
