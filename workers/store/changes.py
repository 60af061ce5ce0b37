"""The append-only change log and its cursor.

A writer cannot number its own change: with two concurrent commits a reader that goes by `id > last` misses the later
one (RELIABILITY.md finding 12). So changes are written without a number, and one relay at a time, under an advisory
lock, numbers what is committed. `seq` has no gaps, never goes back, and everything up to the highest is visible.
"""

from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Text, and_, case, cast, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import JSONPATH, insert
from sqlalchemy.engine import RowMapping

from workers.store.schema import change, note

#: Held by whoever numbers or publishes; any number, the same everywhere.
RELAY_LOCK = 0x52454C59

#: Changes numbered in one transaction: small enough to stay under a second, large enough to drain a backlog.
RELAY_BATCH = 1_000

NUMBER = text("""
WITH base AS (SELECT coalesce(max(seq), 0) AS last FROM change),
     next AS (SELECT id, row_number() OVER (ORDER BY id) AS place
                FROM (SELECT id FROM change WHERE seq IS NULL ORDER BY id LIMIT :batch) AS waiting)
UPDATE change SET seq = base.last + next.place FROM base, next WHERE change.id = next.id
""")


def take_relay_lock(connection: Connection) -> bool:
    """Return whether this transaction is now the relay; False when another one is at work."""
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(RELAY_LOCK))).scalar())


def number(connection: Connection) -> int:
    """Give the next numbers to committed changes, in the order they were written. Needs the relay lock."""
    return connection.execute(NUMBER, {"batch": RELAY_BATCH}).rowcount


def ledger_id(connection: Connection) -> str:
    """Return the random id of this ledger, made at the first call: who asks at the same time gets the same one.

    Commit after it: an id that was rolled back is nobody's.
    """
    if found := connection.execute(select(note.c.value).where(note.c.key == "ledger_id")).scalar():
        return str(found)
    new = insert(note).values(key="ledger_id", value=str(uuid4()))
    connection.execute(new.on_conflict_do_nothing())
    return str(connection.execute(select(note.c.value).where(note.c.key == "ledger_id")).scalar_one())


def note_stream_trouble(connection: Connection, trouble: str | None) -> None:
    """Keep the sentence that says why the stream gets nothing; None when it is well. Needs the relay lock."""
    if trouble == stream_trouble(connection):
        return
    connection.execute(delete(note).where(note.c.key == "stream_trouble"))
    if trouble is not None:
        connection.execute(insert(note).values(key="stream_trouble", value=trouble))


def stream_trouble(connection: Connection) -> str | None:
    """Return why the stream gets nothing until an operator acts; None when it is well."""
    return connection.execute(select(note.c.value).where(note.c.key == "stream_trouble")).scalar()


def last_seq(connection: Connection) -> int:
    """Return the highest number given, 0 when there is none."""
    return int(connection.execute(select(func.coalesce(func.max(change.c.seq), 0))).scalar_one())


def changes_after(
    connection: Connection,
    after: int,
    limit: int,
    *,
    until: int | None = None,
    topic: str | None = None,
    min_probability: float | None = None,
    unread: bool = False,
    **only: str | None,
) -> list[RowMapping]:
    """Return changes with `after < seq <= until`, in order. `only`: language, source, country.

    Of a topic: what is flagged with it, and what is not any more. With a least probability: what is flagged, with that
    topic or with any, at least so surely, and what lost a flag; a flag that fell below it and still stands is left out.
    `unread`: ids, the list of `unflagged` and the payload as the text that is written of them, for who only hands it
    on: to make values of 500 and texts of these again took a fifth of a page.
    """
    query = (
        select(*(UNREAD if unread else (*TOLD, change.c.payload)))
        .where(change.c.seq > after)
        .order_by(change.c.seq)
        .limit(limit)
    )
    if until is not None:
        query = query.where(change.c.seq <= until)
    for name, wanted in only.items():
        if name not in FACTS:
            raise ValueError(name)
        if wanted is not None:
            query = query.where(FACTS[name] == wanted)
    if topic is not None or min_probability is not None:
        flagged = is_flagged(topic) if min_probability is None else _is_sure(topic, min_probability)
        query = query.where(or_(flagged, was_unflagged(topic)))
    return list(connection.execute(query).mappings())


#: What an event is made of, beside the payload.
TOLD = [change.c[name] for name in ("seq", "event_id", "entry_id", "version", "type", "unflagged", "created_at")]

#: The same and the payload, as they stand in JSON.
UNREAD = [
    *(change.c[name] for name in ("seq", "version", "type", "created_at")),
    *(cast(change.c[name], Text).label(name) for name in ("event_id", "entry_id")),
    cast(func.array_to_json(change.c.unflagged), Text).label("unflagged"),
    change.c.told.label("payload"),
]

#: What of an article a reader may choose by.
FACTS = {"language": change.c.language, "source": change.c.source_id, "country": change.c.country}


def was_unflagged(topic: str | None) -> ColumnElement[bool]:
    """Return the condition that a change took a topic's flag away; None: any topic's.

    (Both halves: the index is of the few that did.)
    """
    lost = func.cardinality(change.c.unflagged) > 0
    return lost if topic is None else and_(lost, change.c.unflagged.contains([topic]))


def is_flagged(topic: str | None) -> ColumnElement[bool]:
    """Return the condition that a change tells of an article flagged with a topic; None: with any."""
    return func.jsonb_array_length(change.c.topics) > 0 if topic is None else change.c.topics.contains([topic])


def _is_sure(topic: str | None, least: float) -> ColumnElement[bool]:
    sure = "$.flags[*] ? (@.flagged == true && @.probability >= $least"
    sure += ")" if topic is None else " && @.topic == $topic)"
    given = func.jsonb_build_object("topic", topic, "least", least)
    # CASE, so that the payload is read of rows alone that have the flag
    return case((is_flagged(topic), func.jsonb_path_exists(change.c.payload, cast(sure, JSONPATH), given)), else_=False)
