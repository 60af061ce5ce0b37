"""Sources in the ledger: which are watched, when each is due, how each poll ended, and the entries it found.

A source that is claimed although it still has a lease killed its process, or was in hand when that died: this is
recorded as `crashed`, a failure like any other, and until a poll of it ends it is polled without mates.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import uuid_utils.compat
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Engine,
    Text,
    Update,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.engine import RowMapping

from workers.domain.outcomes import FeedOutcome
from workers.domain.urls import CANON_VERSION
from workers.domain.values import FeedEntry, Source
from workers.store.hosts import mark_hinted
from workers.store.identity import known_entries, url_key
from workers.store.ledger import Due, may_be_hinted
from workers.store.outage import PATIENCE, Debts, is_away
from workers.store.polls import (
    WRITE_ENDED,
    PollResult,
    Recorded,
    SourceDue,
    documents_from_json,
    ended_row,
    pending_from_json,
)
from workers.store.rows import SOURCE_FIELDS, feed_entry_to_json, host_of, source_of, source_to_row
from workers.store.schema import entry, host, note, sighting, source
from workers.store.text import index_key, storable

#: What nobody has looked for in so long was missed, and is spread over so long.
MISSED_S, SPREAD_S = 60.0, 30.0


class SourceLedger:
    """Claims and records sources. Any number of processes may do so at the same time."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease_s: float,
        hint_lag_s: float,
        per_host: int | None = None,
        ahead_s: float = 0,
    ) -> None:
        """`per_host` and `ahead_s`: see `Ledger`."""
        self.engine = engine
        self.lease = timedelta(seconds=lease_s)
        self.hint_lag = timedelta(seconds=hint_lag_s)
        self.per_host = per_host
        self.ahead = timedelta(seconds=ahead_s)
        self.patience_s = PATIENCE * lease_s
        self._debts = Debts()

    def sync(self, sources: Sequence[Source], *, mark: str = "") -> None:
        """Make the ledger watch exactly these; a source that went away keeps its row, its history and its entries.

        A source with another URL starts afresh: it is due, and a poll of the old URL that is under way writes nothing.
        One that comes back is due too, and its failures are forgotten.
        `mark` (a hash of the file) is noted, so that every process knows which file is in force.
        """
        with self.engine.begin() as connection:
            if sources:
                new = insert(source)
                facts = {name: new.excluded[name] for name in SOURCE_FIELDS if name != "id"}
                changed_facts = [source.c[name] != new.excluded[name] for name in ("url", "kind", "links")]
                moved = or_(*changed_facts)
                back = or_(moved, ~source.c.watched)
                changed: dict[str, tuple[ColumnElement[bool], Any]] = {
                    **dict.fromkeys(("address", "moving_to"), (moved, null())),
                    **dict.fromkeys(("habits", "pending", "documents"), (moved, cast(literal({}, JSONB), JSONB))),
                    "moving_seen": (moved, 0),
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
                    ),
                    [source_to_row(one) for one in sources],  # one by one: a statement takes at most 65,535 parameters
                )
            listed = select(func.unnest(literal([one.id for one in sources], ARRAY(Text))))
            gone = and_(source.c.id.not_in(listed), source.c.watched)
            connection.execute(update(source).where(gone).values(watched=False))
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

    def spread_missed(self) -> int:
        """Spread sources that came due while nobody looked over half a minute, by chance; return how many.

        Otherwise they would all be asked at the same moment when the system is back. New sources are asked at once.
        """
        missed = (
            update(source)
            .where(source.c.watched, source.c.due_at < func.now() - timedelta(seconds=MISSED_S))
            .where(source.c.polled_at.is_not(None), source.c.lease_token.is_(None))
            .values(due_at=func.now() + func.random() * timedelta(seconds=SPREAD_S))
        )
        with self.engine.begin() as connection:
            return connection.execute(missed).rowcount

    def due(self, limit: int) -> list[Due]:
        """Return sources whose time has come, those first that were asked longest ago, and put their next hint off.

        Their hosts count as hinted at: entries of theirs wait until the source was asked.
        """
        waiting = (
            select(source.c.id)
            .where(source.c.watched, source.c.due_at <= func.now())
            .order_by(source.c.polled_at.asc().nulls_first(), source.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("waiting")
        )
        put_off = (
            update(source)
            .where(source.c.id == waiting.c.id)
            .values(due_at=func.now() + self.hint_lag, not_before=func.least(source.c.not_before, func.now()))
            .returning(*source.c, (~_harmless()).label("alone"))
        )
        with self.engine.begin() as connection:
            rows = connection.execute(put_off).mappings().all()
            if self.per_host is not None and rows:
                mark_hinted(connection, {host_of(_next_url(row)) for row in rows}, self.hint_lag)
        longest_ago = sorted(rows, key=lambda row: (row["polled_at"] is not None, row["polled_at"], row["id"]))
        return [Due(row["id"], row["alone"]) for row in longest_ago]

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
                source=source_of(row),
                token=token,
                until=until,
                pending=pending_from_json(row["pending"]),
                documents=documents_from_json(row["documents"]),
                **{name: row[name] for name in CLAIMED_FIELDS},
            )
            for row in sorted(rows, key=lambda row: wanted.index(row["id"]))  # one host's are asked in this order
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
        found, fresh = Recorded(), 0
        with self.engine.begin() as connection:
            if result.entries:
                ours = and_(source.c.id == due.source.id, source.c.lease_token == due.token)
                if connection.execute(select(source.c.id).where(ours).with_for_update()).first() is None:
                    return Recorded()
                found, fresh = self._discover(connection, due.source.id, result.entries)
            connection.execute(WRITE_ENDED, {"ended": [ended_row(due, result, fresh, found.new)]})
        return found

    def record_quiet(self, polls: Sequence[tuple[SourceDue, PollResult]]) -> None:
        """Write down polls without entries, all in one statement; a lost lease writes nothing."""
        rows = [ended_row(due, result, 0, 0) for due, result in polls]
        with self.engine.begin() as connection:
            connection.execute(WRITE_ENDED, {"ended": rows})

    def _discover(self, connection: Connection, source_id: str, entries: Sequence[FeedEntry]) -> tuple[Recorded, int]:
        """Return what was new to the ledger, and how many entries were new to this source."""
        # feeds begin with the newest: from the last to the first, so that the order of ids is that of time
        by_key = {url_key(one.url): one for one in reversed(entries)}
        ids = known_entries(connection, [one.url for one in by_key.values()])
        unknown = {key: one for key, one in by_key.items() if key not in ids}
        new_ids = {key: uuid_utils.compat.uuid7() for key in unknown}
        made: dict[str, UUID] = {}
        if unknown:
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
                    "canon_version": CANON_VERSION,
                    "host": host_of(one.url),
                    "feed": feed_entry_to_json(one),
                }
                for key, one in sorted(unknown.items())
            ]
            made = {row.url_key: row.id for row in connection.execute(new, rows)}
            others = [key for key in unknown if key not in made]  # somebody else was faster
            if others:
                theirs = select(entry.c.url_key, entry.c.id).where(entry.c.url_key.in_(others))
                ids |= {row.url_key: row.id for row in connection.execute(theirs)}
        ids |= made
        fresh = self._see(connection, source_id, {ids[key]: one for key, one in by_key.items() if key in ids})
        if not made:
            return Recorded(), fresh
        newest_first = sorted(made.items(), key=lambda pair: pair[1], reverse=True)
        ready = self._ready(connection, [(one_id, host_of(by_key[key].url)) for key, one_id in newest_first])
        lag = {"due_at": func.now() + self.hint_lag}
        connection.execute(update(entry).where(entry.c.id.in_(ready)).values(**lag))
        return Recorded(new=len(made), ready=tuple(ready)), fresh

    def _see(self, connection: Connection, source_id: str, found: Mapping[UUID, FeedEntry]) -> int:
        """Note that a source gave these entries; return how many it had not given before, whatever their guid says."""
        before = select(sighting.c.entry_id).where(sighting.c.source_id == source_id, sighting.c.entry_id.in_(found))
        fresh = found.keys() - set(connection.execute(before).scalars())
        rows = [
            {"source_id": source_id, "entry_key": index_key(found[one].key), "entry_id": one} for one in sorted(fresh)
        ]
        if rows:
            connection.execute(insert(sighting).on_conflict_do_nothing(), rows)
        return len(rows)

    def _ready(self, connection: Connection, found: Sequence[tuple[UUID, str]]) -> list[UUID]:
        """Return those that may be handed on at once; the sweeper finds the others."""
        if self.per_host is None:
            return [one for one, _ in found]
        names = {name for _, name in found}
        closed = select(host.c.name).where(host.c.name.in_(names), ~may_be_hinted(self.ahead))
        open_ = names - set(connection.execute(closed).scalars())
        places: Counter[str] = Counter()
        ready = []
        for one, name in found:
            places[name] += 1
            if name in open_ and places[name] <= self.per_host:
                ready.append(one)
        if ready:
            mark_hinted(connection, {name for _, name in found} & open_, self.hint_lag)
        return ready


CLAIMED_FIELDS = (
    "failures",
    "address",
    "moving_to",
    "moving_seen",
    "habits",
    "crashed",
    "alone",
)


def _next_url(row: RowMapping) -> str:
    """Return the URL that a source is asked at next; see `SourceDue.next_url`."""
    pending = pending_from_json(row["pending"])
    asked_at = pending.documents[0] if pending.documents else row["address"] or row["url"]
    return pending.hops[-1].url if pending.hops else asked_at


def _harmless() -> ColumnElement[bool]:
    """Return the condition that no process died over the last poll of a source."""
    return source.c.last_outcome.is_distinct_from(FeedOutcome.CRASHED.value)


def _give_back(token: UUID, ids: list[str]) -> Update:
    return (
        update(source)
        .where(source.c.id.in_(ids), source.c.lease_token == token)
        .values(lease_token=None, lease_until=None, due_at=func.now())
    )
