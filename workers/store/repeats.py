"""What repeats on a source's pages: learned from its stored articles now and then, kept on the source's row."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, or_, select, update

from workers.domain.values import PastText, RepeatedBlock
from workers.store.schema import article, entry, source

#: The latest articles of a source that are compared: a day of a busy outlet, a month of a quiet one.
LATEST = 60
#: Entries that were found this long before the last comparison may have become articles only after it.
LATE = timedelta(hours=1)
#: Sources of one run. Comparing takes a twentieth of a second each; what is left comes first in the next run.
MOST_SOURCES = 200

#: (latest texts, the newest first; what was known before) -> what repeats
Learn = Callable[[Sequence[PastText], Sequence[RepeatedBlock]], Sequence[RepeatedBlock]]


def relearn_repeats(engine: Engine, learn: Learn, *, limit: int = MOST_SOURCES) -> int:
    """Compare the articles of watched sources that gave new ones since the last time; return how many sources.

    Each source is a transaction of its own. Two runs at the same time do the same work, and no harm.
    """
    new = or_(source.c.repeats_at.is_(None), source.c.found_at > source.c.repeats_at - LATE)
    waiting = (
        select(source.c.id)
        .where(source.c.watched, source.c.found_at.is_not(None), new)
        .order_by(source.c.repeats_at.asc().nulls_first(), source.c.id)
        .limit(limit)
    )
    with engine.connect() as connection:
        ids = connection.execute(waiting).scalars().all()
    for one in ids:
        with engine.begin() as connection:
            texts, known = _latest(connection, one), _known(connection, one)
            found = [asdict(block) for block in learn(texts, known)]
            connection.execute(
                update(source).where(source.c.id == one).values(repeats=found, repeats_at=func.clock_timestamp())
            )
    return len(ids)


def repeats_of(engine: Engine, source_id: str) -> tuple[RepeatedBlock, ...]:
    """Return what is known to repeat on a source's pages, the most frequent first; nothing of an unknown source."""
    with engine.connect() as connection:
        return _known(connection, source_id)


def _known(connection: Connection, source_id: str) -> tuple[RepeatedBlock, ...]:
    rows: list[dict[str, Any]] | None = connection.execute(
        select(source.c.repeats).where(source.c.id == source_id)
    ).scalar()
    return tuple(RepeatedBlock(**row) for row in rows or ())


def _latest(connection: Connection, source_id: str) -> list[PastText]:
    """Return what the newest articles of a source read whose text came from their page."""
    query = (
        select(article.c.title, article.c.text, article.c.removed)
        .join(entry, and_(entry.c.id == article.c.entry_id, article.c.version == entry.c.version))
        .where(entry.c.source_id == source_id, article.c.quality == "full")
        .order_by(entry.c.id.desc())
        .limit(LATEST)
    )
    return [PastText(title=row.title, text=row.text, removed=row.removed) for row in connection.execute(query)]
