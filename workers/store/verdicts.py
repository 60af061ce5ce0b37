"""What analysts say of articles: append-only, and the newest of an analyst for an article and topic counts."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, Uuid, and_, cast, exists, func, insert, literal, select
from sqlalchemy.engine import RowMapping

from workers.store.articles import iso
from workers.store.schema import article, change, entry, flag, verdict
from workers.store.text import storable

#: Characters of an analyst's name.
LONGEST_NAME = 100


class Verdict(StrEnum):
    """What a person says of one topic of one article, flagged or not."""

    CONFIRMED = "confirmed"  # the article is about the topic
    REJECTED = "rejected"  # it is not


class Candidate(NamedTuple):
    """An article and a topic with evidence, for a person to look at."""

    id: UUID
    topic: str
    probability: float
    story: UUID  # the article that had the same text first
    is_judged: bool


class JudgedArticle(NamedTuple):
    """One version of an article, with the topics that all its analysts confirm and those that all reject."""

    language: str
    title: str
    text: str
    confirmed: frozenset[str]
    rejected: frozenset[str]


def is_name(analyst: str) -> bool:
    """Return whether `analyst` can name one: short, with a letter or a digit."""
    return len(analyst) <= LONGEST_NAME and any(map(str.isalnum, analyst))


def write_verdict(
    engine: Engine, one: UUID, *, topic: str, given: Verdict, analyst: str, note: str = "", version: int | None = None
) -> dict[str, Any] | None:
    """Keep a verdict on a published version of an article, the last one unless `version` says another.

    Returns it as it is stored, with what the classifier said at that moment; None when there is no such article.
    """
    published = and_(article.c.entry_id == entry.c.id, article.c.version <= entry.c.version)
    said = and_(flag.c.entry_id == entry.c.id, flag.c.version == article.c.version, flag.c.topic == topic)
    columns = {
        "entry_id": entry.c.id,
        "version": article.c.version,
        "topic": literal(topic),
        "verdict": literal(str(given)),
        "analyst": literal(storable(analyst)),
        "note": literal(storable(note)),
        **{name: flag.c[name] for name in ("probability", "flagged", "pack_version", "model")},
    }
    judged = (
        select(*columns.values())
        .select_from(entry)
        .join(article, published)
        .outerjoin(flag, said)
        .where(entry.c.id == one, article.c.version == (entry.c.version if version is None else version))
    )
    with engine.begin() as connection:
        new = insert(verdict).from_select(list(columns), judged).returning(verdict)
        row = connection.execute(new).mappings().first()
    return None if row is None else verdict_json(row)


def verdicts_of(connection: Connection, one: UUID, *, limit: int) -> list[dict[str, Any]]:
    """Return what was said of an article, in all its versions, newest first."""
    query = select(verdict).where(verdict.c.entry_id == one).order_by(verdict.c.id.desc()).limit(limit)
    return [verdict_json(row) for row in connection.execute(query).mappings()]


def verdict_json(row: RowMapping) -> dict[str, Any]:
    """Return a verdict as readers have it."""
    names = ("probability", "flagged", "pack_version", "model")
    return {
        "id": row["id"],
        "article_id": str(row["entry_id"]),
        **{name: row[name] for name in ("version", "topic", "verdict", "analyst")},
        "at": iso(row["at"]),
        "note": row["note"],
        "flag": None if row["probability"] is None else {name: row[name] for name in names},
    }


def is_judged(connection: Connection, one: UUID, topic: str) -> bool:
    """Return whether anybody has judged a topic of an article."""
    found = exists().where(verdict.c.entry_id == one, verdict.c.topic == topic)
    return bool(connection.execute(select(found)).scalar())


def candidates(
    connection: Connection, *, topics: Collection[str], language: str | None = None, newest: int
) -> list[Candidate]:
    """Return the evidence for `topics` in the `newest` published articles, of one language or of all."""
    recent = (
        select(entry.c.id, entry.c.version, entry.c.revision)
        .where(entry.c.version > 0)
        .order_by(entry.c.id.desc())
        .limit(newest)
        .subquery()
    )
    told = and_(
        change.c.entry_id == recent.c.id,
        change.c.version == recent.c.version,
        change.c.revision == recent.c.revision,
    )
    story = func.coalesce(cast(change.c.payload["duplicate_of"].as_string(), Uuid), recent.c.id)
    judged = exists().where(verdict.c.entry_id.in_([recent.c.id, story]), verdict.c.topic == flag.c.topic)
    query = (
        select(recent.c.id, flag.c.topic, flag.c.probability, story, judged)
        .select_from(recent)
        .join(flag, and_(flag.c.entry_id == recent.c.id, flag.c.version == recent.c.version))
        .join(change, told)
        .where(flag.c.topic.in_(topics))
    )
    if language is not None:
        text = and_(article.c.entry_id == recent.c.id, article.c.version == recent.c.version)
        query = query.join(article, text).where(article.c.language == language)
    return [Candidate(*row) for row in connection.execute(query)]


def judged_articles(connection: Connection) -> list[JudgedArticle]:
    """Return every version of an article that was judged, oldest first; what analysts disagree on is in neither set."""
    newest = select(func.max(verdict.c.id)).group_by(verdict.c.entry_id, verdict.c.topic, verdict.c.analyst)
    query = (
        select(verdict.c.entry_id, verdict.c.version, article.c.language, article.c.title, article.c.text)
        .add_columns(verdict.c.topic, verdict.c.verdict)
        .join(article, and_(article.c.entry_id == verdict.c.entry_id, article.c.version == verdict.c.version))
        .where(verdict.c.id.in_(newest))
        .order_by(verdict.c.entry_id, verdict.c.version)
    )
    rows = connection.execute(query).all()
    return [_judged(list(of_version)) for _, of_version in groupby(rows, key=lambda row: (row.entry_id, row.version))]


def _judged(rows: list[Any]) -> JudgedArticle:
    confirmed, rejected = (_topics(rows, one) for one in (Verdict.CONFIRMED, Verdict.REJECTED))
    return JudgedArticle(rows[0].language, rows[0].title, rows[0].text, confirmed - rejected, rejected - confirmed)


def _topics(rows: Iterable[Any], given: Verdict) -> frozenset[str]:
    return frozenset(row.topic for row in rows if row.verdict == given)
