"""The change log for exports: a stretch at a time, so that nothing is held open and memory stays the same.

A cursor of the server would keep one snapshot for the length of an export, and vacuum from the whole database; and a
rare topic would run into the limit of a statement. The cursor is `seq`: whoever has it goes on anywhere.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, select
from sqlalchemy.engine import RowMapping

from workers.store.changes import FACTS, TOLD, is_flagged, was_unflagged
from workers.store.schema import article, change, entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which changes are exported."""

    topic: str | None = None
    language: str | None = None
    source: str | None = None
    country: str | None = None
    since: datetime | None = None  # articles discovered then or later
    history: bool = False  # every change, not only what still holds of each article
    text: bool = False  # with the texts


def changes_between(connection: Connection, after: int, until: int, wanted: Selection) -> list[RowMapping]:
    """Return the changes of a selection with `after < seq <= until`, in order; with `text` when that is wanted."""
    conditions = [change.c.seq > after, change.c.seq <= until, *_conditions(wanted)]
    query = select(*TOLD, change.c.payload).where(*conditions).order_by(change.c.seq)
    if wanted.text:
        same = and_(article.c.entry_id == change.c.entry_id, article.c.version == change.c.version)
        query = query.add_columns(article.c.text).join(article, same)
    return list(connection.execute(query).mappings())


def _conditions(wanted: Selection) -> list[ColumnElement[bool]]:
    made: list[ColumnElement[bool]] = []
    if wanted.topic is not None:
        flagged = is_flagged(wanted.topic)
        made.append(flagged | was_unflagged(wanted.topic) if wanted.history else flagged)
    for name, column in FACTS.items():
        if (value := getattr(wanted, name)) is not None:
            made.append(column == value)
    if wanted.since is not None:
        young = exists().where(entry.c.id == change.c.entry_id, entry.c.discovered_at >= wanted.since)
        made.append(young)
    if not wanted.history:
        made.append(_still_holds())
    return made


def _still_holds() -> ColumnElement[bool]:
    """Return the condition that no later change of its article has a number."""
    later = change.alias("later")
    return ~exists().where(later.c.entry_id == change.c.entry_id, later.c.seq > change.c.seq)
