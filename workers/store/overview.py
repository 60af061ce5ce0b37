"""What an operator asks of the ledger: counts, sources, the oldest due work, and the invariants."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping

from workers.domain.outcomes import FINAL_STATES, State
from workers.store.changes import last_seq
from workers.store.room import why_paused
from workers.store.schema import IN_FLIGHT, change, entry, host, sighting, source, tick
from workers.store.ticks import replaced


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the discovered links are. `discovered` is counted from sightings, the others from the ledger's states."""

    discovered: int
    by_state: dict[str, int]
    by_reason: dict[str, dict[str, int]]  # dropped and quarantined, by reason

    @property
    def in_flight(self) -> int:
        """Links that have not ended yet."""
        return sum(self.by_state.get(state, 0) for state in IN_FLIGHT)

    @property
    def balanced(self) -> bool:
        """discovered = in flight + classified + dropped + quarantined (promise 2)."""
        return self.discovered == self.in_flight + sum(self.by_state.get(state, 0) for state in FINAL_STATES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """Signs of life, cheap enough to be asked for every few seconds, however large the ledger is."""

    now: datetime  # the database's clock
    last_tick: dict[str, datetime]
    last_seq: int
    unnumbered: int
    replaced: dict[str, int] = field(default_factory=dict)  # worker services that did not consume: how often
    paused: str | None = None  # why nothing is polled or fetched


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow(Pulse):
    """What is on its way. As cheap: entries that have ended are not looked at."""

    in_flight: dict[str, int]  # by state
    oldest_due: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview(Pulse):
    """The ledger at one moment (one snapshot)."""

    counts: Counts
    sources: list[RowMapping]
    oldest_due: datetime | None


def pulse(engine: Engine) -> Pulse:
    """Return the signs of life."""
    with engine.connect() as connection:
        return Pulse(**_signs(connection))


def is_path_busy(engine: Engine) -> bool:
    """Return whether a worker holds a page or a text at this moment, to extract or to classify it."""
    held = and_(entry.c.state.in_([State.FETCHED, State.EXTRACTED]), entry.c.lease_until > func.now())
    # a held entry is due when its lease ends: there is an index
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return bool(connection.execute(select(exists().where(entry.c.due_at > func.now(), held))).scalar_one())


def flow(engine: Engine) -> Flow:
    """Return what is on its way."""
    waiting = (
        select(entry.c.state, func.count(), func.min(_ready_since()))
        .outerjoin(host, host.c.name == entry.c.host)
        .where(entry.c.state.in_(IN_FLIGHT))
        .group_by(entry.c.state)
    )
    with engine.connect() as connection:
        rows = connection.execute(waiting).all()
        return Flow(
            in_flight=dict.fromkeys(IN_FLIGHT, 0) | {state: count for state, count, _ in rows},
            oldest_due=min((due for _, _, due in rows), default=None),
            **_signs(connection),
        )


def _ready_since() -> ColumnElement[datetime]:
    """Return since when an entry could be worked on: what is to be fetched also waits for its host's turn."""
    turn = func.greatest(entry.c.due_at, host.c.next_allowed_at, host.c.in_flight_until, host.c.hinted_until)
    return case((entry.c.state == State.DISCOVERED, turn), else_=entry.c.due_at)


def list_sources(engine: Engine) -> list[RowMapping]:
    """Return all source rows, also of sources that are no longer watched, by id."""
    with engine.connect() as connection:
        return _sources(connection)


def _signs(connection: Connection) -> dict[str, Any]:
    waiting = select(func.count()).select_from(change).where(change.c.seq.is_(None))
    return {
        "now": connection.execute(select(func.now())).scalar_one(),
        "last_tick": {row.name: row.last_at for row in connection.execute(select(tick))},
        "last_seq": last_seq(connection),
        "unnumbered": connection.execute(waiting).scalar_one(),
        "replaced": replaced(connection),
        "paused": why_paused(connection),
    }


def _sources(connection: Connection) -> list[RowMapping]:
    return list(connection.execute(select(source).order_by(source.c.id)).mappings())


def overview(engine: Engine) -> Overview:
    """Read everything `wirewatch status` shows, from one snapshot, so that the sum must hold."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        by_state: dict[str, int] = dict.fromkeys(State, 0)
        by_reason: dict[str, dict[str, int]] = {State.DROPPED: {}, State.QUARANTINED: {}}
        grouped = select(entry.c.state, entry.c.reason, func.count()).group_by(entry.c.state, entry.c.reason)
        for state, reason, count in connection.execute(grouped):
            by_state[state] += count
            if reason is not None and state != State.CLASSIFIED:
                by_reason.setdefault(state, {})[reason] = count
        seen = select(func.count(sighting.c.entry_id.distinct()))
        oldest = (
            select(func.min(_ready_since()))
            .outerjoin(host, host.c.name == entry.c.host)
            .where(entry.c.state.in_(IN_FLIGHT))
        )
        return Overview(
            counts=Counts(connection.execute(seen).scalar_one(), by_state, by_reason),
            sources=_sources(connection),
            oldest_due=connection.execute(oldest).scalar(),
            **_signs(connection),
        )


#: Each query returns rows that break a promise; all must be empty (RELIABILITY.md section 3.2).
INVARIANTS = {
    "every discovered link has a ledger row, and every row was seen in a feed": """
        SELECT id FROM entry WHERE NOT EXISTS (SELECT FROM sighting WHERE entry_id = entry.id) LIMIT 5""",
    "every published article has exactly one `created` change": """
        SELECT entry.id FROM entry LEFT JOIN change ON entry_id = entry.id AND type = 'created'
         WHERE entry.version > 0 GROUP BY entry.id HAVING count(change.id) <> 1 LIMIT 5""",
    "every version of an article has its change, and every change its version": """
        SELECT entry.id FROM entry LEFT JOIN change ON entry_id = entry.id AND type IN ('created', 'updated')
         GROUP BY entry.id HAVING count(change.id) <> entry.version LIMIT 5""",
    "every published version has its text": """
        SELECT id FROM entry WHERE version > 0
           AND NOT EXISTS (SELECT FROM article WHERE entry_id = entry.id AND version = entry.version) LIMIT 5""",
    "classified means published, and what ended otherwise was not": """
        SELECT id FROM entry WHERE state = 'classified' AND version = 0
            OR state IN ('dropped', 'quarantined') AND version > 0 LIMIT 5""",
    "the sequence has no gap": """
        SELECT max(seq) FROM change HAVING max(seq) <> count(seq)""",
    "every entry that ended without an article says why": """
        SELECT id FROM entry WHERE state IN ('dropped', 'quarantined') AND reason IS NULL LIMIT 5""",
    "no ended entry is still leased": """
        SELECT id FROM entry WHERE state IN ('classified', 'dropped', 'quarantined') AND lease_token IS NOT NULL
         LIMIT 5""",
    "nothing due is left lying for 10 minutes": """
        SELECT id FROM entry WHERE state IN ('fetched', 'extracted')
           AND due_at < now() - interval '10 minutes' LIMIT 5""",
    "nothing due is left lying for 10 minutes while its host may be asked": """
        SELECT id FROM entry LEFT JOIN host ON name = host WHERE state = 'discovered'
           AND greatest(due_at, next_allowed_at, in_flight_until, hinted_until) < now() - interval '10 minutes'
         LIMIT 5""",
}


def broken_invariants(engine: Engine) -> dict[str, list[str]]:
    """Return each promise that does not hold, with a few of the ids that break it."""
    broken = {}
    with engine.connect() as connection:
        for promise, query in INVARIANTS.items():
            rows = [str(row[0]) for row in connection.execute(text(query))]
            if rows:
                broken[promise] = rows
    return broken


def record_tick(engine: Engine, name: str) -> None:
    """Note that a scheduled task ran now."""
    new = insert(tick).values(name=name, last_at=func.now())
    with engine.begin() as connection:
        connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"last_at": func.now()}))


def ledger_rows(engine: Engine) -> list[dict[str, Any]]:
    """Return url, state, reason and detail of every entry: for a small newsroom, not for years of news."""
    query = select(entry.c.id, entry.c.url, entry.c.source_id, entry.c.state, entry.c.reason, entry.c.detail)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
