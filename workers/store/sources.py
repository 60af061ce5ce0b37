"""Sources in the ledger: which are watched, when each is due, how each poll ended, and the entries it found.

A source that is claimed although it still has a lease killed its process, or was in hand when that died: this is
recorded as `crashed`, a failure like any other, and until a poll of it ends it is polled without mates.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import uuid_utils.compat
from sqlalchemy import ColumnElement, Connection, Engine, Update, case, cast, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import FeedEntry, Source
from workers.store.hosts import plan
from workers.store.ledger import SOURCE_FIELDS, Due, feed_entry_to_json
from workers.store.outage import PATIENCE, Debts, is_away
from workers.store.schema import entry, note, sighting, source
from workers.store.text import detail_text, index_key, storable


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceDue:
    """A claimed source, with what its last answer said of itself."""

    source: Source
    token: UUID
    interval_s: int
    failures: int
    etag: str | None
    last_modified: str | None
    body_sha: str | None
    crashed: bool = False  # the process that held it before died: not to be asked, only to be recorded
    alone: bool = False  # a process died over it before, so it came without mates
    until: float = 0.0  # of the monotonic clock: so long it is worth to insist on recording


@dataclass(frozen=True, kw_only=True, slots=True)
class PollResult:
    """How one poll ended, and what is to be written of it."""

    outcome: FeedOutcome
    detail: str = ""
    next_poll_s: float
    interval_s: int
    entries: tuple[tuple[str, FeedEntry], ...] = ()  # (canonical URL, entry)
    etag: str | None = None
    last_modified: str | None = None
    body_sha: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a poll added: entries that are new, and of them those that may be fetched at once."""

    new: int = 0
    ready: tuple[UUID, ...] = ()


class SourceLedger:
    """Claims and records sources. Any number of processes may do so at the same time."""

    def __init__(self, engine: Engine, *, lease_s: float, hint_lag_s: float, host_delay_s: float) -> None:
        self.engine = engine
        self.lease = timedelta(seconds=lease_s)
        self.hint_lag = timedelta(seconds=hint_lag_s)
        self.host_delay = timedelta(seconds=host_delay_s)
        self.patience_s = PATIENCE * lease_s
        self._debts = Debts()

    def sync(self, sources: Sequence[Source], *, interval_s: int, mark: str = "") -> None:
        """Make the ledger watch exactly these; a source that went away keeps its row, its history and its entries.

        A source with another URL starts afresh: it is due, and a poll of the old URL that is under way writes nothing.
        One that comes back is due too, and its failures are forgotten.
        `mark` (a hash of the file) is noted, so that every process knows which file is in force.
        """
        with self.engine.begin() as connection:
            if sources:
                new = insert(source).values([asdict(one) | {"interval_s": interval_s} for one in sources])
                facts = {name: new.excluded[name] for name in SOURCE_FIELDS if name != "id"}
                moved = source.c.url != new.excluded.url
                back = or_(moved, ~source.c.watched)
                changed: dict[str, tuple[ColumnElement[bool], Any]] = {
                    **dict.fromkeys(("etag", "last_modified", "body_sha"), (moved, null())),
                    **dict.fromkeys(("lease_token", "lease_until"), (back, null())),
                    **dict.fromkeys(("not_before", "due_at"), (back, func.now())),
                    "failures": (back, 0),
                }
                connection.execute(
                    new.on_conflict_do_update(
                        index_elements=["id"],
                        set_=facts
                        | {name: case((when, value), else_=source.c[name]) for name, (when, value) in changed.items()}
                        | {"watched": True},
                    )
                )
            names = [one.id for one in sources]
            connection.execute(update(source).where(source.c.id.not_in(names), source.c.watched).values(watched=False))
            self._note(connection, "sources_mark", mark)

    def mark(self) -> str | None:
        """Return the mark of the file that `sync` took up last."""
        with self.engine.connect() as connection:
            return connection.execute(select(note.c.value).where(note.c.key == "sources_mark")).scalar()

    def _note(self, connection: Connection, key: str, value: str) -> None:
        new = insert(note).values(key=key, value=value)
        connection.execute(
            new.on_conflict_do_update(index_elements=["key"], set_={"value": value, "updated_at": func.now()})
        )

    def due(self, limit: int) -> list[Due]:
        """Return sources whose time has come, the oldest first, and put their next hint off by the lag."""
        waiting = (
            select(source.c.id, source.c.due_at)
            .where(source.c.watched, source.c.due_at <= func.now())
            .order_by(source.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("waiting")
        )
        put_off = (
            update(source)
            .where(source.c.id == waiting.c.id)
            .values(due_at=func.now() + self.hint_lag)
            .returning(source.c.id, waiting.c.due_at, (~_harmless()).label("alone"))
        )
        with self.engine.begin() as connection:
            rows = connection.execute(put_off).all()
        return [Due(row.id, row.alone) for row in sorted(rows, key=lambda row: row.due_at)]

    def claim(self, ids: Iterable[str]) -> list[SourceDue]:
        """Take a lease on those of `ids` that are watched, may be asked again and nobody holds.

        A message that comes twice, or late, does not make a source be asked sooner than its time. A source over which
        a process died is given out alone only; how that poll ended is still to be recorded (`SourceDue.crashed`).
        """
        wanted = list(dict.fromkeys(ids))
        free = (
            select(source.c.id, source.c.lease_token)
            .where(
                source.c.id.in_(wanted),
                source.c.watched,
                source.c.not_before <= func.now(),
                or_(source.c.lease_until.is_(None), source.c.lease_until < func.now()),
            )
            .order_by(source.c.id)
            .with_for_update(skip_locked=True)
        )
        mine = (free.where(_harmless()) if len(wanted) > 1 else free).cte("mine")
        token, until = uuid4(), time.monotonic() + self.patience_s
        take = (
            update(source)
            .where(source.c.id == mine.c.id)
            .values(lease_token=token, lease_until=func.now() + self.lease, due_at=func.now() + self.lease)
            .returning(*source.c, mine.c.lease_token.is_not(None).label("crashed"), (~_harmless()).label("alone"))
        )
        self._debts.pay(self.engine)
        try:
            with self.engine.begin() as connection:
                rows = connection.execute(take).mappings().all()
        except Exception as error:
            if is_away(error):  # the claim may be written all the same: nobody heard the answer
                self._debts.owe(_give_back(token, wanted))
            raise
        return [
            SourceDue(
                source=Source(**{name: row[name] for name in SOURCE_FIELDS}),
                token=token,
                until=until,
                **{name: row[name] for name in CLAIMED_FIELDS},
            )
            for row in rows
        ]

    @contextmanager
    def blameless(self, claimed: Sequence[SourceDue]) -> Iterator[None]:
        """Do not let claimed sources pay for a store that goes away while they are polled.

        The error goes on; what was not recorded is given back before this ledger claims anything else.
        """
        try:
            yield
        except Exception as error:
            if claimed and is_away(error):
                self._debts.owe(_give_back(claimed[0].token, [due.source.id for due in claimed]))
            raise

    def record(self, due: SourceDue, result: PollResult) -> Recorded:
        """Write down how a poll ended, and the entries it found, in one transaction; a lost lease writes nothing."""
        ok = result.outcome.is_success or bool(result.entries)
        word = literal(result.outcome.value)
        count = func.coalesce(source.c.outcomes[result.outcome.value].as_integer(), 0) + 1
        values: dict[str, Any] = {
            "lease_token": None,
            "lease_until": None,
            "not_before": func.now() + timedelta(seconds=result.next_poll_s),
            "due_at": func.now() + timedelta(seconds=result.next_poll_s),
            "interval_s": result.interval_s,
            "outcomes": source.c.outcomes.op("||")(cast(func.jsonb_build_object(word, count), JSONB)),
            "last_outcome": result.outcome,
            "last_error": None if result.outcome.is_success else detail_text(result.detail),
            "failures": 0 if ok else source.c.failures + 1,
            "polled_at": func.now(),
        }
        if ok:
            values["succeeded_at"] = func.now()
        if result.outcome in {FeedOutcome.OK, FeedOutcome.EMPTY, FeedOutcome.CUT_OFF}:
            values |= {"etag": result.etag, "last_modified": result.last_modified, "body_sha": result.body_sha}
        with self.engine.begin() as connection:
            done = connection.execute(
                update(source).where(source.c.id == due.source.id, source.c.lease_token == due.token).values(**values)
            )
            if not done.rowcount:
                return Recorded()
            return self._discover(connection, due.source.id, result.entries)

    def _discover(self, connection: Connection, source_id: str, entries: Sequence[tuple[str, FeedEntry]]) -> Recorded:
        if not entries:
            return Recorded()
        # feeds begin with the newest: from the last to the first, so that the order of ids is that of time
        by_key = {sha256(storable(url).encode()).hexdigest(): (url, one) for url, one in reversed(entries)}
        new_ids = {key: uuid_utils.compat.uuid7() for key in by_key}
        new = (
            insert(entry)
            .on_conflict_do_nothing(index_elements=["url_key"])
            .returning(entry.c.id, entry.c.url_key, sort_by_parameter_order=False)
        )
        hosts = {key: index_key(urlsplit(url).hostname or "") for key, (url, _) in by_key.items()}
        rows = [
            {
                "id": new_ids[key],
                "source_id": source_id,
                "url": storable(one.url),
                "url_key": key,
                "host": hosts[key],
                "feed": feed_entry_to_json(one),
            }
            for key, (_, one) in sorted(by_key.items())
        ]
        made = {row.url_key: row.id for row in connection.execute(new, rows)}
        known = select(entry.c.url_key, entry.c.id).where(entry.c.url_key.in_(list(by_key)))
        ids = {row.url_key: row.id for row in connection.execute(known)}
        connection.execute(
            insert(sighting).on_conflict_do_nothing(),
            [
                {"source_id": source_id, "entry_key": index_key(one.key), "entry_id": ids[key]}
                for key, (_, one) in sorted(by_key.items())
            ],
        )
        if not made:
            return Recorded()
        connection.execute(update(source).where(source.c.id == source_id).values(found_at=func.now()))
        newest_first = sorted(made.items(), key=lambda pair: pair[1], reverse=True)
        if not self.host_delay:
            ids_made = [one_id for _, one_id in newest_first]
            lag = {"not_before": func.now(), "due_at": func.now() + self.hint_lag}
            connection.execute(update(entry).where(entry.c.id.in_(ids_made)).values(**lag))
            return Recorded(new=len(made), ready=tuple(ids_made))
        by_host: dict[str, list[UUID]] = {}
        for key, one_id in newest_first:
            by_host.setdefault(hosts[key], []).append(one_id)
        ready = plan(connection, by_host, delay=self.host_delay, hint_lag=self.hint_lag)
        return Recorded(new=len(made), ready=tuple(ready))


CLAIMED_FIELDS = ("interval_s", "failures", "etag", "last_modified", "body_sha", "crashed", "alone")


def _harmless() -> ColumnElement[bool]:
    """Return the condition that no process died over the last poll of a source."""
    return source.c.last_outcome.is_distinct_from(FeedOutcome.CRASHED.value)


def _give_back(token: UUID, ids: list[str]) -> Update:
    return (
        update(source)
        .where(source.c.id.in_(ids), source.c.lease_token == token)
        .values(lease_token=None, lease_until=None, due_at=func.now())
    )
