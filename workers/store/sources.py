"""Sources in the ledger: which are watched, when each is due, how each poll ended, and the entries it found."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import uuid_utils.compat
from sqlalchemy import Connection, Engine, case, cast, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import FeedEntry, Source
from workers.store.ledger import SOURCE_FIELDS, feed_entry_to_json
from workers.store.schema import entry, host, note, sighting, source
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

    def sync(self, sources: Sequence[Source], *, interval_s: int, mark: str = "") -> None:
        """Make the ledger watch exactly these; a source that went away keeps its row, its history and its entries.

        A source with another URL starts afresh: it is due, and a poll of the old URL that is under way writes nothing.
        `mark` (a hash of the file) is noted, so that every process knows which file is in force.
        """
        with self.engine.begin() as connection:
            if sources:
                new = insert(source).values([asdict(one) | {"interval_s": interval_s} for one in sources])
                facts = {name: new.excluded[name] for name in SOURCE_FIELDS if name != "id"}
                moved = source.c.url != new.excluded.url
                forgotten = dict.fromkeys(("etag", "last_modified", "body_sha", "lease_token", "lease_until"), null())
                fresh = forgotten | {"failures": 0, "not_before": func.now(), "due_at": func.now()}
                connection.execute(
                    new.on_conflict_do_update(
                        index_elements=["id"],
                        set_=facts
                        | {name: case((moved, value), else_=source.c[name]) for name, value in fresh.items()}
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

    def due(self, limit: int) -> list[str]:
        """Return ids of sources whose time has come, and put their next hint off by the lag."""
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
            .returning(source.c.id, waiting.c.due_at)
        )
        with self.engine.begin() as connection:
            rows = connection.execute(put_off).all()
        return [row.id for row in sorted(rows, key=lambda row: row.due_at)]

    def claim(self, ids: Iterable[str]) -> list[SourceDue]:
        """Take a lease on those of `ids` that are watched, may be asked again and nobody holds.

        A message that comes twice, or late, does not make a source be asked sooner than its time.
        """
        mine = (
            select(source.c.id)
            .where(
                source.c.id.in_(list(ids)),
                source.c.watched,
                source.c.not_before <= func.now(),
                or_(source.c.lease_until.is_(None), source.c.lease_until < func.now()),
            )
            .order_by(source.c.id)
            .with_for_update(skip_locked=True)
            .cte("mine")
        )
        token = uuid4()
        take = (
            update(source)
            .where(source.c.id == mine.c.id)
            .values(lease_token=token, lease_until=func.now() + self.lease, due_at=func.now() + self.lease)
            .returning(*source.c)
        )
        with self.engine.begin() as connection:
            return [
                SourceDue(
                    source=Source(**{name: row[name] for name in SOURCE_FIELDS}),
                    token=token,
                    interval_s=row["interval_s"],
                    failures=row["failures"],
                    etag=row["etag"],
                    last_modified=row["last_modified"],
                    body_sha=row["body_sha"],
                )
                for row in connection.execute(take).mappings()
            ]

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
        rows = [
            {
                "id": new_ids[key],
                "source_id": source_id,
                "url": storable(one.url),
                "url_key": key,
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
        by_host: dict[str, list[UUID]] = {}
        for key, one_id in sorted(made.items(), key=lambda pair: pair[1], reverse=True):  # the newest first
            by_host.setdefault(index_key(urlsplit(by_key[key][0]).hostname or ""), []).append(one_id)
        ready: list[UUID] = []
        for name, waiting in sorted(by_host.items()):
            ready += self._spread(connection, name, waiting)
        return Recorded(new=len(made), ready=tuple(ready))

    def _spread(self, connection: Connection, name: str, ids: list[UUID]) -> list[UUID]:
        """Give each entry of a host its own moment, `host_delay` apart; return those whose moment is now."""
        if not self.host_delay:
            lag = {"not_before": func.now(), "due_at": func.now() + self.hint_lag}
            connection.execute(update(entry).where(entry.c.id.in_(ids)).values(**lag))
            return ids
        span = self.host_delay * len(ids)
        new = insert(host).values(name=name, next_allowed_at=func.now() + span)
        after = connection.execute(
            new.on_conflict_do_update(
                index_elements=["name"],
                set_={"next_allowed_at": func.greatest(host.c.next_allowed_at, func.now()) + span},
            ).returning(host.c.next_allowed_at - span, func.now())
        ).one()
        first, now = after
        for place, one_id in enumerate(ids):
            moment = first + self.host_delay * place
            due = moment if moment > now else now + self.hint_lag
            connection.execute(
                update(entry).where(entry.c.id == one_id).values(not_before=moment, due_at=due),
            )
        return ids[:1] if first <= now else []
