"""The ledger of entries: claim, settle, sweep. Truth is here; a message is a hint to look.

Each transition is one conditional UPDATE, safe to repeat: `claim` takes a lease under a fencing token and counts the
attempt in a transaction of its own, before any hostile byte is touched; `settle` writes results and the next state in
one transaction, for those rows only whose token is still ours. Whoever lost the lease writes nothing.
Leases and due times go by the database's clock: any number of machines agree on it.

A lease that is still on a row when it is claimed anew says that its holder died, and that counts against the entry.
So a holder that is alive never leaves one: when the store goes away it gives its claim back (`blameless`).
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, assert_never
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DataError, DBAPIError

from workers.domain.outcomes import (
    Advanced,
    Deferred,
    Dropped,
    Failed,
    Outcome,
    QuarantineReason,
    RetryReason,
    State,
)
from workers.domain.values import Entry, FeedEntry, Source
from workers.store.backoff import DAY_S, MAX_CRASHES, MAX_TRIES, delay_s
from workers.store.hosts import admit, plan
from workers.store.outage import PATIENCE, Debts, is_away
from workers.store.schema import IN_FLIGHT, entry, source
from workers.store.text import detail_text, storable
from workers.telemetry import event

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """Entries that this process alone may work on, until the lease ends."""

    token: UUID
    state: State
    entries: tuple[Entry, ...]
    until: float  # of the monotonic clock: so long it is worth to insist on settling

    def __bool__(self) -> bool:
        return bool(self.entries)


@dataclass(frozen=True, slots=True)
class Due:
    """An entry or source whose due time has passed. `alone`: a process died over it, so it travels without mates."""

    id: UUID | str
    alone: bool


@dataclass(slots=True)
class Settled(Generic[T]):
    """What a settlement did: ids that went on, and each outcome's count."""

    advanced: list[UUID] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Settled[T]") -> None:
        """Take in another settlement of the same step."""
        self.advanced += other.advanced
        self.counts += other.counts


#: Writes what a step made, in the settling transaction.
Writer = Callable[[Connection, Sequence[tuple[Entry, T]]], None]


class Ledger:
    """Claims and settles entries. Cheap to make; holds nothing but what it owes to a store that was away."""

    def __init__(self, engine: Engine, *, lease_s: float, hint_lag_s: float, host_delay_s: float = 0) -> None:
        self.engine = engine
        self.lease = timedelta(seconds=lease_s)
        self.hint_lag = timedelta(seconds=hint_lag_s)
        self.host_delay = timedelta(seconds=host_delay_s)
        self.patience_s = PATIENCE * lease_s
        self._debts = Debts()

    # --- claim ---------------------------------------------------------------------------------

    def claim(self, ids: Iterable[UUID], state: State) -> Claim:
        """Take a lease on those of `ids` that stand in `state`, are due and nobody holds; count the attempt.

        An entry that a dead process left behind is only given out alone, so that a page that kills its process
        cannot take batch-mates with it; after three such deaths it is quarantined with its page. Of the entries that
        are to be fetched at most one a host is given, and none within the host's delay; the others get a new moment.
        """
        wanted = list(dict.fromkeys(ids))
        token, until = uuid4(), time.monotonic() + self.patience_s
        self._debts.pay(self.engine)
        try:
            with self.engine.begin() as connection:
                rows = connection.execute(self._take(self._ours(connection, wanted, state), token)).all()
        except Exception as error:
            if is_away(error):  # the claim may be written all the same: nobody heard the answer
                self._debts.owe(self._give_back(token, wanted))
            raise
        entries = tuple(_entry(row) for row in rows)
        killers = {row.id for row in rows if row.crashes >= MAX_CRASHES}
        claim = Claim(token, state, tuple(one for one in entries if one.id not in killers), until)
        if killers:
            dead = Failed(QuarantineReason.CRASHED, f"{MAX_CRASHES} tries never came back")
            condemned = Claim(token, state, tuple(one for one in entries if one.id in killers), until)
            self.settle(condemned, [(one, dead) for one in condemned.entries], to=state, write=_write_nothing)
        return claim

    def _ours(self, connection: Connection, wanted: list[UUID], state: State) -> ColumnElement[bool]:
        """Return which rows may be taken, locked or to be locked by the statement that takes them."""
        free = self._free(wanted, state)
        if state is not State.DISCOVERED or not self.host_delay:
            mine = free.cte("mine")  # looked up once; a subquery may be run again for each row, and see its own locks
            return entry.c.id == mine.c.id
        by_host: dict[str, list[UUID]] = {}
        for row in sorted(connection.execute(free).all(), key=lambda row: (row.not_before, row.id)):
            by_host.setdefault(row.host, []).append(row.id)
        admitted = admit(connection, by_host, self.host_delay) if by_host else set()
        later = {name: found[name in admitted :] for name, found in by_host.items()}
        if any(later.values()):
            waiting = {name: found for name, found in later.items() if found}
            plan(connection, waiting, delay=self.host_delay, hint_lag=self.hint_lag)
        return entry.c.id.in_([by_host[name][0] for name in admitted])

    def _free(self, wanted: list[UUID], state: State) -> Select[tuple[UUID, str, datetime]]:
        free = or_(entry.c.lease_until.is_(None), entry.c.lease_until < func.now())
        if len(wanted) > 1:
            free = and_(free, entry.c.lease_token.is_(None), entry.c.crashes == 0)
        return (
            select(entry.c.id, entry.c.host, entry.c.not_before)
            .where(entry.c.id.in_(wanted), entry.c.state == state, entry.c.not_before <= func.now(), free)
            .order_by(entry.c.id)
            .with_for_update(skip_locked=True)
        )

    def _take(self, ours: ColumnElement[bool], token: UUID) -> Any:
        return (
            update(entry)
            .where(ours, entry.c.source_id == source.c.id)
            .values(
                attempt=entry.c.attempt + 1,
                crashes=entry.c.crashes + func.num_nonnulls(entry.c.lease_token),
                lease_token=token,
                lease_until=func.now() + self.lease,
                due_at=func.now() + self.lease,
            )
            .returning(*entry.c, *_source_columns())
        )

    def release(self, claim: Claim, ids: Iterable[UUID]) -> None:
        """Give back entries that were not begun: the attempt did not happen, they are due at once."""
        with self.engine.begin() as connection:
            connection.execute(self._give_back(claim.token, list(ids)))

    def _give_back(self, token: UUID, ids: list[UUID]) -> Update:
        return (
            update(entry)
            .where(entry.c.id.in_(ids), entry.c.lease_token == token)
            .values(attempt=entry.c.attempt - 1, lease_token=None, lease_until=None, due_at=func.now())
        )

    @contextmanager
    def blameless(self, claim: Claim) -> Iterator[None]:
        """Do not let the entries of a claim pay for a store that goes away while they are worked on.

        The error goes on; what was not settled is given back with its attempt before this ledger claims anything else.
        """
        try:
            yield
        except Exception as error:
            if is_away(error):
                self._debts.owe(self._give_back(claim.token, [one.id for one in claim.entries]))
            raise

    # --- settle --------------------------------------------------------------------------------

    def settle(
        self, claim: Claim, endings: Sequence[tuple[Entry, Outcome[T]]], *, to: State, write: Writer[T]
    ) -> Settled[T]:
        """Write down how a step ended for these entries, in one transaction, where the lease is still ours.

        A value that the database refuses sends that entry alone to quarantine.
        """
        try:
            with self.engine.begin() as connection:
                return self._settle(connection, claim, endings, to=to, write=write)
        except (DBAPIError, UnicodeEncodeError) as error:
            if not _is_refusal(error):
                raise
            if len(endings) == 1:
                one, ending = endings[0]
                if not isinstance(ending, Advanced):
                    raise  # nothing of the outside's is in it: a mistake of ours
                unstorable = Failed(QuarantineReason.UNSTORABLE, str(getattr(error, "orig", error)))
                return self.settle(claim, [(one, unstorable)], to=to, write=write)
        settled: Settled[T] = Settled()
        for pair in endings:
            settled.add(self.settle(claim, [pair], to=to, write=write))
        return settled

    def _settle(
        self,
        connection: Connection,
        claim: Claim,
        endings: Sequence[tuple[Entry, Outcome[T]]],
        *,
        to: State,
        write: Writer[T],
    ) -> Settled[T]:
        settled: Settled[T] = Settled()
        moved = [(one, ending.value) for one, ending in endings if isinstance(ending, Advanced)]
        if moved:
            won = set(connection.execute(self._advance(claim, to), {"ids": [one.id for one, _ in moved]}).scalars())
            moved = [(one, value) for one, value in moved if one.id in won]
            if moved:
                write(connection, moved)
                settled.advanced = [one.id for one, _ in moved]
                settled.counts[to.value] = len(moved)
        for one, ending in endings:
            if isinstance(ending, Advanced):
                continue
            values = self._values(one, ending)
            done = connection.execute(
                update(entry).where(entry.c.id == one.id, entry.c.lease_token == claim.token).values(**values)
            )
            if not done.rowcount:
                continue
            settled.counts[f"{values.get('state', 'deferred')}:{values['reason']}"] += 1
            if isinstance(ending, Failed):
                event(
                    "entry_failed",
                    level="error",
                    entry=str(one.id),
                    url=one.url,
                    why=ending.reason.value,
                    detail=ending.detail,
                )
        return settled

    def _advance(self, claim: Claim, to: State) -> Any:
        return (
            update(entry)
            .where(
                entry.c.id.in_(bindparam("ids", expanding=True)),
                entry.c.lease_token == claim.token,
                entry.c.state == claim.state,
            )
            .values(
                state=to,
                reason=None,
                detail=None,
                state_at=func.now(),
                attempt=0,
                failures=0,
                crashes=0,
                lease_token=None,
                lease_until=None,
                not_before=func.now(),
                due_at=func.now() + self.hint_lag,
            )
            .returning(entry.c.id)
        )

    def _values(self, one: Entry, ending: Dropped | Deferred | Failed) -> dict[str, Any]:
        free: dict[str, Any] = {"lease_token": None, "lease_until": None, "reason": str(ending.reason)}
        free["detail"] = detail_text(ending.detail)
        match ending:
            case Dropped():
                return free | {"state": State.DROPPED, "state_at": func.now()}
            case Deferred():
                again = self._again(tries := one.attempt - one.failures, ending.until)
            case Failed():
                again = self._again(tries := one.failures + 1, None)
                free["failures"] = tries
            case _:
                assert_never(ending)
        if tries < MAX_TRIES[ending.reason]:
            return free | {"not_before": again, "due_at": again, "crashes": 0}
        reason = QuarantineReason.UNREACHABLE if isinstance(ending.reason, RetryReason) else ending.reason
        detail = f"{ending.reason}: {free['detail']}" if reason != ending.reason else free["detail"]
        return free | {"state": State.QUARANTINED, "state_at": func.now(), "reason": str(reason), "detail": detail}

    def _again(self, tries: int, until: datetime | None) -> Any:
        backoff = func.now() + timedelta(seconds=delay_s(tries, random.random()))  # noqa: S311  (jitter)
        if until is None:
            return backoff
        return func.least(func.greatest(until, backoff), func.now() + timedelta(seconds=DAY_S))

    # --- sweep ---------------------------------------------------------------------------------

    def due(self, state: State, limit: int) -> list[Due]:
        """Return entries in `state` whose due time has passed, oldest first, and put their next hint off by the lag."""
        waiting = (
            select(entry.c.id, entry.c.due_at)
            .where(entry.c.state == state, entry.c.state.in_(IN_FLIGHT), entry.c.due_at <= func.now())
            .order_by(entry.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("waiting")
        )
        put_off = (
            update(entry)
            .where(entry.c.id == waiting.c.id)
            .values(due_at=func.now() + self.hint_lag)
            .returning(
                entry.c.id,
                waiting.c.due_at,
                or_(entry.c.lease_token.is_not(None), entry.c.crashes > 0).label("alone"),
            )
        )
        with self.engine.begin() as connection:
            rows = connection.execute(put_off).all()
        return [Due(row.id, row.alone) for row in sorted(rows, key=lambda row: row.due_at)]


def _is_refusal(error: Exception) -> bool:
    """Return whether the database refuses a value.

    NUL and numbers out of range; more than it can hold (SQLSTATE class 54); half a character (a lone surrogate), which
    does not even reach it.
    """
    over_limit = str(getattr(getattr(error, "orig", None), "sqlstate", None)).startswith("54")
    return over_limit or isinstance(error, DataError | UnicodeEncodeError)


def _write_nothing(_connection: Connection, _made: Sequence[tuple[Entry, Any]]) -> None:
    """Serve steps whose entries end here."""


def _source_columns() -> list[Any]:
    return [source.c[name].label(f"source_{name}") for name in SOURCE_FIELDS if name != "id"]


SOURCE_FIELDS = ("id", "name", "url", "language", "country", "owner", "state_owned")


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        source=Source(**{name: getattr(row, f"source_{name}") for name in SOURCE_FIELDS}),
        url=row.url,
        feed=feed_entry_from_json(row.feed),
        discovered_at=row.discovered_at,
        attempt=row.attempt,
        failures=row.failures,
    )


def feed_entry_to_json(one: FeedEntry) -> dict[str, Any]:
    """Return the JSON form of a feed entry, as the ledger keeps it: storable, whatever the feed held."""
    return {
        "key": storable(one.key),
        "url": storable(one.url),
        "title": storable(one.title),
        "summary": storable(one.summary),
        "published": one.published.isoformat() if one.published else None,
        "updated": one.updated.isoformat() if one.updated else None,
        "authors": [storable(name) for name in one.authors],
    }


def feed_entry_from_json(data: dict[str, Any]) -> FeedEntry:
    """Return the feed entry that `feed_entry_to_json` wrote."""
    return replace(
        FeedEntry(key=data["key"], url=data["url"], title=data["title"], summary=data["summary"]),
        published=datetime.fromisoformat(data["published"]) if data["published"] else None,
        updated=datetime.fromisoformat(data["updated"]) if data["updated"] else None,
        authors=tuple(data["authors"]),
    )
