"""Queries for readers: what was published, in its last version; nothing half done."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, tuple_

from workers.store.changes import was_unflagged
from workers.store.schema import article, change, entry, flag
from workers.store.search import has_words


def list_articles(
    connection: Connection,
    *,
    limit: int,
    before: UUID | None = None,
    topic: str | None = None,
    language: str | None = None,
    source: str | None = None,
    country: str | None = None,
    min_probability: float | None = None,
    search: str | None = None,
) -> list[dict[str, Any]]:
    """Return the newest articles, each as its last change tells it; ids are UUIDv7, so their order is time.

    `search`: words of title and text, as `workers/store/search.py` reads them. Least probability: of the topic's flag,
    or of any.
    """
    query = (
        select(change.c.payload)
        .join(entry, entry.c.id == change.c.entry_id)
        .where(_is_last())
        .order_by(entry.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(entry.c.id < before)
    if source is not None:
        query = query.where(entry.c.source_id == source)
    if country is not None:
        query = query.where(change.c.country == country)
    if language is not None:
        query = query.where(change.c.language == language)
    if search is not None:
        same = and_(article.c.entry_id == entry.c.id, article.c.version == entry.c.version)
        query = query.join(article, same).where(has_words(search))
    if min_probability is not None:
        sure = and_(flag.c.flagged, flag.c.probability >= min_probability)
        if topic is None:
            same = and_(flag.c.entry_id == entry.c.id, flag.c.version == change.c.version)
            query = query.where(exists().where(same, sure))
        else:
            query = query.where(sure)  # of the flag that is joined below
    if topic is not None:
        # a join on the whole key of `flag`: an index gives the topic's entries newest first, and a page ends there
        mark = and_(flag.c.entry_id == entry.c.id, flag.c.version == change.c.version)
        query = query.join(flag, and_(mark, flag.c.topic == topic, flag.c.flagged))
    return list(connection.execute(query).scalars())


def _is_last() -> ColumnElement[bool]:
    """Return the condition that a change tells what readers have of its entry."""
    return and_(change.c.version == entry.c.version, change.c.revision == entry.c.revision)


def was_flagged(connection: Connection, topic: str) -> bool:
    """Return whether any article was ever flagged with a topic, also one whose pack is gone."""
    is_flagged = exists().where(flag.c.topic == topic, flag.c.flagged)
    return bool(connection.execute(select(or_(is_flagged, exists().where(was_unflagged(topic))))).scalar())


def article_by_id(connection: Connection, article_id: UUID) -> dict[str, Any] | None:
    """Return the last version of one article with its text; None when there is none."""
    query = (
        select(change.c.payload, article.c.text)
        .join(entry, entry.c.id == change.c.entry_id)
        .join(article, and_(article.c.entry_id == entry.c.id, article.c.version == change.c.version))
        .where(_is_last(), entry.c.id == article_id)
    )
    row = connection.execute(query).first()
    return None if row is None else row.payload | {"text": row.text}


def texts_of(connection: Connection, versions: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """Return the text of each (article id, version), in one query: for a page of changes and who wants texts too."""
    query = select(article.c.entry_id, article.c.version, article.c.text)
    query = query.where(tuple_(article.c.entry_id, article.c.version).in_(list(versions)))
    return {(row.entry_id, row.version): row.text for row in connection.execute(query)}


def times_of(connection: Connection, versions: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], datetime]:
    """Return when each (article id, version) was told last, in one query."""
    query = select(change.c.entry_id, change.c.version, func.max(change.c.created_at).label("at"))
    query = query.where(tuple_(change.c.entry_id, change.c.version).in_(list(versions)))
    rows = connection.execute(query.group_by(change.c.entry_id, change.c.version))
    return {(row.entry_id, row.version): row.at for row in rows}


def versions_of(connection: Connection, article_id: UUID, limit: int) -> list[dict[str, Any]]:
    """Return what readers were told of one article, the newest change first, each with the text of its version."""
    columns = [change.c[name] for name in ("event_id", "seq", "type", "created_at", "payload")]
    same = and_(article.c.entry_id == change.c.entry_id, article.c.version == change.c.version)
    query = (
        select(*columns, article.c.text)
        .join(article, same)
        .where(change.c.entry_id == article_id)
        .order_by(change.c.version.desc(), change.c.revision.desc())
        .limit(limit)
    )
    return [
        {
            "id": str(row.event_id),
            "seq": row.seq,
            "type": row.type,
            "time": row.created_at.isoformat().replace("+00:00", "Z"),
            "article": row.payload | {"text": row.text},
        }
        for row in connection.execute(query)
    ]
