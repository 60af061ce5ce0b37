"""Queries for readers: what was published, in its last version; nothing half done."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from workers.store.changes import was_unflagged
from workers.store.schema import article, change, entry, flag


def list_articles(
    connection: Connection,
    *,
    limit: int,
    before: UUID | None = None,
    topic: str | None = None,
    language: str | None = None,
    source: str | None = None,
    country: str | None = None,
) -> list[dict[str, Any]]:
    """Return the newest articles, each as its last change tells it; ids are UUIDv7, so their order is time."""
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
        query = query.where(change.c.payload["source"]["country"].as_string() == country)
    if language is not None:
        spoken = and_(
            article.c.entry_id == entry.c.id, article.c.version == entry.c.version, article.c.language == language
        )
        query = query.where(exists().where(spoken))
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
