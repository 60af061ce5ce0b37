"""Published articles for another classification: which there are, what readers have, and the change that replaces it.

The ledger's states and leases are left alone: a version of an article that readers have is replaced by its next
revision, and whoever publishes a new version meanwhile is not waited for and wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from workers.domain.values import Classification
from workers.store.articles import classification_json, flagged_in
from workers.store.schema import article, change, entry
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


def read_told(connection: Connection, ids: Sequence[UUID]) -> list[Told]:
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
    return [Told(*row) for row in connection.execute(query)]


def told_anew(told: Told, found: Classification, topic: str | None = None) -> dict[str, Any]:
    """Return the article as a change would tell it with another classification; `topic`: of this one topic only."""
    new = classification_json(found)
    if topic is not None:
        kept = [mark for mark in told.change["flags"] if mark["topic"] != topic]
        both = kept + [mark for mark in new["flags"] if mark["topic"] == topic]
        new["flags"] = sorted(both, key=lambda mark: (-mark["probability"], mark["topic"]))
    return told.change | new


#: All in one statement: each journey to the server is a moment at which the path finds a core taken. The flags that are
#: written are those of the payload whose topics are `moved`; whoever holds an entry, or has changed it, is let win.
REPLACE = text("""
WITH made AS (
    SELECT * FROM jsonb_to_recordset(:made) AS made (
        entry_id uuid, version integer, revision integer, event_id uuid, payload jsonb, unflagged text[], moved text[],
        gone text[])
), free AS (
    SELECT entry.id FROM entry JOIN made ON made.entry_id = entry.id
     WHERE (entry.version, entry.revision) = (made.version, made.revision)
     ORDER BY entry.id FOR UPDATE OF entry SKIP LOCKED
), taken AS (
    UPDATE entry SET revision = entry.revision + 1 FROM free WHERE entry.id = free.id
    RETURNING entry.id AS entry_id, entry.revision AS next
), lost AS (
    DELETE FROM flag USING made JOIN taken USING (entry_id)
     WHERE flag.entry_id = made.entry_id AND flag.version = made.version AND flag.topic = ANY (made.gone)
), raised AS (
    INSERT INTO flag (entry_id, version, topic, probability, flagged, band, evidence, sentence, pack_version, model)
    SELECT entry_id, version, mark.*
      FROM made JOIN taken USING (entry_id), jsonb_to_recordset(payload -> 'flags') AS mark (
           topic text, probability float, flagged boolean, band text, evidence jsonb, sentence jsonb, pack_version text,
           model text)
     WHERE topic = ANY (moved)
    ON CONFLICT (entry_id, version, topic) DO UPDATE SET
        (probability, flagged, band, evidence, sentence, pack_version, model) =
        (excluded.probability, excluded.flagged, excluded.band, excluded.evidence, excluded.sentence,
         excluded.pack_version, excluded.model)
)
INSERT INTO change (event_id, entry_id, version, revision, type, payload, unflagged)
SELECT event_id, entry_id, version, next, 'reclassified', payload, unflagged FROM made JOIN taken USING (entry_id)
RETURNING entry_id
""").bindparams(bindparam("made", type_=JSONB))


def write_reclassified(connection: Connection, made: Sequence[tuple[Told, dict[str, Any]]]) -> set[UUID]:
    """Replace articles as readers have them by what `told_anew` makes of them: one `reclassified` change each, and
    those flags that differ.

    Returns the ids of those that stood as they were read; the others are left alone, and so are those that somebody
    holds at this moment: nobody on the path is waited for.
    """
    return set(connection.execute(REPLACE, {"made": [_row(told, anew) for told, anew in made]}).scalars())


def _row(told: Told, anew: dict[str, Any]) -> dict[str, Any]:
    old, new = ({mark["topic"]: mark for mark in flags} for flags in (told.change["flags"], anew["flags"]))
    return {
        "entry_id": str(told.id),
        "version": told.version,
        "revision": told.revision,
        "event_id": str(uuid_utils.compat.uuid7()),
        "payload": anew,
        "unflagged": sorted(flagged_in(told.change) - flagged_in(anew)),
        "moved": [topic for topic, mark in new.items() if mark != old.get(topic)],
        "gone": sorted(old.keys() - new.keys()),
    }
