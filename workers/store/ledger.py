"""The ledger of entries: claim, settle, sweep. Truth is here; a message is a hint to look.

Each transition is one conditional UPDATE, safe to repeat: `claim` takes a lease under a fencing token and counts the
attempt in a transaction of its own, before any hostile byte is touched; `settle` writes results and the next state in
one transaction, for those rows only whose token is still ours. Whoever lost the lease writes nothing.
Leases and due times go by the database's clock: any number of machines agree on it.

A lease that is still on a row when it is claimed anew says that its holder died, and that counts against the entry.
So a holder that is alive never leaves one: when the store goes away it gives its claim back (`blameless`). It may
come too late with that, after a long outage: then whoever notices the outage does it for all (`excuse`).
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, assert_never
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, DBAPIError

from workers.domain.outcomes import (
    Advanced,
    Deferred,
    Dropped,
    DropReason,
    Failed,
    Outcome,
    QuarantineReason,
    RetryReason,
    State,
    Unchanged,
)
from workers.domain.values import Entry
from workers.store.backoff import DAY_S, MAX_CRASHES, MAX_TRIES, NOT_FOUND_AGAIN_S, delay_s
from workers.store.hosts import is_free, is_open, mark_hinted
from workers.store.outage import PATIENCE, Debts, is_away
from workers.store.rows import entry_of, hops_to_json, host_of, source_columns
from workers.store.schema import IN_FLIGHT, alias, entry, host, sighting, source
from workers.store.text import detail_text
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


#: The columns of an entry over which nobody has tried anything.
GIVEN_BACK = {"attempt": entry.c.attempt - 1, "lease_token": None, "lease_until": None, "due_at": func.now()}

#: Writes what a step made, in the settling transaction; returns those entries that end here all the same, and why.
Writer = Callable[[Connection, Sequence[tuple[Entry, T]]], Mapping[UUID, Dropped]]


class Ledger:
    """Claims and settles entries. Cheap to make; holds nothing but what it owes to a store that was away."""

    def __init__(
        self,
        engine: Engine,
        *,
        lease_s: float,
        hint_lag_s: float,
        revisit_after: Iterable[float] = (),
        per_host: int | None = None,
        ahead_s: float = 0,
    ) -> None:
        """`revisit_after`: seconds from first sight to each further look at a page.

        `per_host`: entries of one host that are handed out at a time, and only while nobody holds it and it may be
        asked within `ahead_s`; None: hosts do not matter.
        """
        self.engine = engine
        self.lease = timedelta(seconds=lease_s)
        self.hint_lag = timedelta(seconds=hint_lag_s)
        self.revisit_after = sorted(timedelta(seconds=one) for one in revisit_after)
        self.per_host = per_host
        self.ahead = timedelta(seconds=ahead_s)
        self.patience_s = PATIENCE * lease_s
        self._debts = Debts()

    # --- claim ---------------------------------------------------------------------------------

    def claim(self, ids: Iterable[UUID], state: State) -> Claim:
        """Take a lease on those of `ids` that stand in `state`, are due and nobody holds; count the attempt.

        An entry that a dead process left behind is only given out alone, so that a page that kills its process
        cannot take batch-mates with it; after three such deaths it is quarantined with its page.
        """
        wanted = list(dict.fromkeys(ids))
        token, until = uuid4(), time.monotonic() + self.patience_s
        self._debts.pay(self.engine)
        try:
            with self.engine.begin() as connection:
                rows = connection.execute(self._take(self._free(wanted, state), token)).all()
        except Exception as error:
            if is_away(error):  # the claim may be written all the same: nobody heard the answer
                self._debts.owe(self._give_back(token, wanted))
            raise
        entries = tuple(entry_of(row) for row in rows)
        killers = {row.id for row in rows if row.crashes >= MAX_CRASHES}
        claim = Claim(token, state, tuple(one for one in entries if one.id not in killers), until)
        if killers:
            dead = Failed(QuarantineReason.CRASHED, f"{MAX_CRASHES} tries never came back")
            condemned = Claim(token, state, tuple(one for one in entries if one.id in killers), until)
            self.settle(condemned, [(one, dead) for one in condemned.entries], to=state, write=_write_nothing)
        return claim

    def _free(self, wanted: list[UUID], state: State) -> Select[tuple[UUID]]:
        free = or_(entry.c.lease_until.is_(None), entry.c.lease_until < func.now())
        if len(wanted) > 1:
            free = and_(free, entry.c.lease_token.is_(None), entry.c.crashes == 0)
        return (
            select(entry.c.id)
            .where(entry.c.id.in_(wanted), entry.c.state == state, entry.c.not_before <= func.now(), free)
            .order_by(entry.c.id)
            .with_for_update(skip_locked=True)
        )

    def _take(self, free: Select[tuple[UUID]], token: UUID) -> Any:
        mine = free.cte("mine")  # looked up once; a subquery may be run again for each row, and see its own locks
        return (
            update(entry)
            .where(entry.c.id == mine.c.id, entry.c.source_id == source.c.id)
            .values(
                attempt=entry.c.attempt + 1,
                crashes=entry.c.crashes + func.num_nonnulls(entry.c.lease_token),
                lease_token=token,
                lease_until=func.now() + self.lease,
                due_at=func.now() + self.lease,
            )
            .returning(*entry.c, *source_columns())
        )

    def release(self, claim: Claim, ids: Iterable[UUID]) -> None:
        """Give back entries that were not begun: the attempt did not happen, they are due at once."""
        with self.engine.begin() as connection:
            connection.execute(self._give_back(claim.token, list(ids)))

    def _give_back(self, token: UUID, ids: list[UUID]) -> Update:
        return update(entry).where(entry.c.id.in_(ids), entry.c.lease_token == token).values(GIVEN_BACK)

    def excuse(self, away_s: float) -> int:
        """Give back, with its attempt, what was held during an outage of `away_s` seconds that is over now.

        Only what nobody insists on settling any more: its holder owes it or is dead, and of what cannot be told. A
        lease that ended before the outage still counts. Returns how many.
        """
        insisted = func.now() + self.lease - timedelta(seconds=self.patience_s)
        held = (
            select(entry.c.id)
            .where(entry.c.state.in_(IN_FLIGHT), entry.c.lease_token.is_not(None))
            .where(entry.c.lease_until > func.now() - timedelta(seconds=away_s), entry.c.lease_until < insisted)
            .with_for_update(skip_locked=True)
            .cte("held")
        )
        given_back = update(entry).where(entry.c.id == held.c.id).values(GIVEN_BACK)
        with self.engine.begin() as connection:
            return connection.execute(given_back).rowcount

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
            if not is_refusal(error):
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
                ended = write(connection, moved)
                settled.advanced = [one.id for one, _ in moved if one.id not in ended]
                settled.counts[to.value] = len(settled.advanced)
                for one, _ in moved:
                    if one.id in ended:
                        self._end(connection, one, ended[one.id])
                        settled.counts[f"{State.DROPPED}:{ended[one.id].reason}"] += 1
        for one, ending in endings:
            if isinstance(ending, Advanced):
                continue
            values = self._values(one, ending)
            done = connection.execute(
                update(entry).where(entry.c.id == one.id, entry.c.lease_token == claim.token).values(**values)
            )
            if not done.rowcount:
                continue
            if isinstance(ending, Dropped) and ending.same_as is not None:
                _share_sightings(connection, one.id, ending.same_as)
            settled.counts[_counted(one, ending, values)] += 1
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

    def _end(self, connection: Connection, one: Entry, ending: Dropped) -> None:
        """Drop an entry that this transaction has just advanced."""
        ended = {"state": State.DROPPED, "reason": str(ending.reason), "detail": detail_text(ending.detail)}
        connection.execute(update(entry).where(entry.c.id == one.id).values(**ended, state_at=func.now()))
        if ending.same_as is not None:
            _share_sightings(connection, one.id, ending.same_as)

    def _advance(self, claim: Claim, to: State) -> Any:
        return (
            update(entry)
            .where(
                entry.c.id.in_(bindparam("ids", expanding=True)),
                entry.c.lease_token == claim.token,
                entry.c.state == claim.state,
            )
            .values(self._fresh(to))
            .returning(entry.c.id)
        )

    def _fresh(self, to: State) -> dict[str, Any]:
        """Return the columns of an entry that stands in a state anew, with nothing held against it."""
        return {
            "state": to,
            "reason": None,
            "detail": None,
            "state_at": func.now(),
            "attempt": 0,
            "failures": 0,
            "crashes": 0,
            "not_found": 0,
            "lease_token": None,
            "lease_until": None,
            "not_before": func.now(),
            "due_at": func.now() + self.hint_lag,
            "revisit_at": self._next_look() if to is State.CLASSIFIED else None,
        }

    def _next_look(self) -> Any:
        """Return when a classified entry's page is looked at again: the next of the moments after its first sight."""
        if not self.revisit_after:
            return null()
        allowed = exists().where(source.c.id == entry.c.source_id, source.c.revisited).correlate(entry)
        moments = [entry.c.discovered_at + after for after in self.revisit_after]
        return case(*[(and_(allowed, moment > func.now()), moment) for moment in moments], else_=null())

    def _values(self, one: Entry, ending: Unchanged | Dropped | Deferred | Failed) -> dict[str, Any]:
        if isinstance(ending, Unchanged):
            if one.version:
                return self._back(None, "")
            ending = Failed(QuarantineReason.BUG, "unchanged, though nothing was published yet")
        free: dict[str, Any] = {"lease_token": None, "lease_until": None, "reason": str(ending.reason)}
        free["detail"] = detail_text(ending.detail)
        if isinstance(ending, Deferred) and ending.reason is RetryReason.WAITING:
            return free | self._waits(ending)
        if one.hops:  # the next try begins at the beginning: what a redirect led to was for this one
            free |= {"hops": [], "host": host_of(one.url)}
        if one.version:  # readers have the article: a later look that fails takes nothing away
            return self._back(str(ending.reason), ending.detail)
        match ending:
            case Dropped():
                return free | {"state": State.DROPPED, "state_at": func.now()}
            case Deferred(reason=RetryReason.NOT_FOUND):
                tries = one.not_found + 1
                if tries >= len(NOT_FOUND_AGAIN_S) + 1:
                    gone = f"{ending.detail}, {tries} times over a day"
                    return self._values(one, Dropped(DropReason.GONE, gone))
                again = func.now() + timedelta(seconds=NOT_FOUND_AGAIN_S[tries - 1])
                return free | {"not_found": tries, "not_before": again, "due_at": again, "crashes": 0}
            case Deferred():
                again = self._again(tries := one.attempt - one.failures - one.not_found, ending.wait_s)
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

    def _waits(self, ending: Deferred) -> dict[str, Any]:
        """Return the columns of an entry whose host's turn has not come: no try was made."""
        again = func.now() + timedelta(seconds=min(ending.wait_s or 0.0, DAY_S))
        waiting: dict[str, Any] = {"attempt": entry.c.attempt - 1, "not_before": again, "due_at": again}
        if ending.hops:
            waiting |= {"hops": hops_to_json(ending.hops), "host": host_of(ending.hops[-1].url)}
        return waiting

    def _back(self, reason: str | None, detail: str) -> dict[str, Any]:
        """Return the columns of a published entry after a look that brought nothing new; why, if it failed."""
        return self._fresh(State.CLASSIFIED) | {"reason": reason, "detail": detail_text(detail) or None}

    def _again(self, tries: int, asked_s: float | None) -> Any:
        wait_s = delay_s(tries, random.random())  # noqa: S311  (jitter)
        if asked_s is not None:
            wait_s = min(max(asked_s, wait_s), DAY_S)
        return func.now() + timedelta(seconds=wait_s)

    # --- sweep ---------------------------------------------------------------------------------

    def begin_revisits(self, limit: int) -> int:
        """Send classified entries whose next look is due down the path again; return how many."""
        due = (
            select(entry.c.id)
            .join(source, source.c.id == entry.c.source_id)
            .where(entry.c.revisit_at <= func.now(), entry.c.state == State.CLASSIFIED)
            .where(source.c.watched, source.c.revisited)
            .order_by(entry.c.revisit_at)
            .limit(limit)
            .with_for_update(of=entry, skip_locked=True)
            .cte("due")
        )
        again = self._fresh(State.DISCOVERED) | {"due_at": func.now()}
        with self.engine.begin() as connection:
            return connection.execute(update(entry).where(entry.c.id == due.c.id).values(again)).rowcount

    def send_again(self, connection: Connection, one: Entry, *, ended: State, to: State) -> bool:
        """Put an entry that `ended` back on the path, due at once; return whether it stood as `one` says.

        False: somebody was there first, and it has another state, version or page by now, or no page any more.
        """
        page_is_known = entry.c.page_sha == one.seen.body_sha if one.seen else entry.c.page_sha.is_not(None)
        again = (
            update(entry)
            .where(entry.c.id == one.id, entry.c.state == ended, entry.c.version == one.version)
            .where(entry.c.lease_token.is_(None), page_is_known)
            .values(self._fresh(to) | {"due_at": func.now()})
        )
        return bool(connection.execute(again).rowcount)

    def due(self, state: State, limit: int) -> list[Due]:
        """Return entries in `state` whose due time has passed, oldest first, and put their next hint off by the lag.

        Of those that are to be fetched a few for each host that may be asked soon; the hosts count as hinted at.
        """
        by_host = state is State.DISCOVERED and self.per_host is not None
        waiting = (self._waiting_by_host(limit) if by_host else self._waiting(state, limit)).cte("waiting")
        put_off = (
            update(entry)
            .where(entry.c.id == waiting.c.id, entry.c.due_at <= func.now())
            # who is due may be claimed: one given back after the clock was set back would never be
            .values(due_at=func.now() + self.hint_lag, not_before=func.least(entry.c.not_before, func.now()))
            .returning(
                entry.c.id,
                entry.c.host,
                waiting.c.due_at,
                or_(entry.c.lease_token.is_not(None), entry.c.crashes > 0).label("alone"),
            )
        )
        with self.engine.begin() as connection:
            rows = connection.execute(put_off).all()
            if by_host and rows:
                mark_hinted(connection, {row.host for row in rows}, self.hint_lag)
        return [Due(row.id, row.alone) for row in sorted(rows, key=lambda row: row.due_at)]

    def _waiting(self, state: State, limit: int) -> Select[tuple[UUID, datetime]]:
        return (
            select(entry.c.id, entry.c.due_at)
            .where(entry.c.state == state, entry.c.state.in_(IN_FLIGHT), entry.c.due_at <= func.now())
            .order_by(entry.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

    def _waiting_by_host(self, limit: int) -> Select[tuple[UUID, datetime]]:
        place = func.row_number().over(partition_by=entry.c.host, order_by=(entry.c.due_at, entry.c.id))
        ranked = (
            select(entry.c.id, entry.c.due_at, place.label("place"))
            .outerjoin(host, host.c.name == entry.c.host)
            .where(
                entry.c.state == State.DISCOVERED,
                entry.c.due_at <= func.now(),
                or_(host.c.name.is_(None), may_be_hinted(self.ahead)),
            )
            .subquery()
        )
        return (
            select(entry.c.id, entry.c.due_at)
            .join(ranked, ranked.c.id == entry.c.id)
            .where(ranked.c.place <= self.per_host)
            .order_by(entry.c.due_at)
            .limit(limit)
            .with_for_update(of=entry, skip_locked=True)
        )


def may_be_hinted(ahead: timedelta) -> ColumnElement[bool]:
    """Return the condition that a host's entries may be handed out: it is free, and nobody is on the way to it."""
    hinted = and_(host.c.hinted_until.is_not(None), host.c.hinted_until >= func.now())
    return and_(is_open(ahead, func.now()), is_free(func.now()), ~hinted)


def _share_sightings(connection: Connection, ended: UUID, same_as: UUID) -> None:
    """Let the sources that found one entry, and those that will, count for the other, which is the same article."""
    seen = select(sighting.c.source_id, sighting.c.entry_key, literal(same_as), sighting.c.seen_at)
    copied = insert(sighting).from_select(list(sighting.c), seen.where(sighting.c.entry_id == ended))
    connection.execute(copied.on_conflict_do_nothing())
    columns = [alias.c.url_key, alias.c.entry_id, alias.c.canon_version, alias.c.via]
    own = select(entry.c.url_key, literal(same_as), entry.c.canon_version, literal("same_url"))
    known_as = insert(alias).from_select(columns, own.where(entry.c.id == ended))
    connection.execute(
        known_as.on_conflict_do_update(index_elements=["url_key"], set_={"entry_id": known_as.excluded.entry_id})
    )


def _counted(one: Entry, ending: Unchanged | Dropped | Deferred | Failed, values: Mapping[str, Any]) -> str:
    """Return the word under which an ending is counted."""
    if isinstance(ending, Unchanged):
        return "unchanged"
    if one.version and values.get("state") == State.CLASSIFIED:
        return f"revisit:{ending.reason}"
    return f"{values.get('state', 'deferred')}:{values['reason']}"


def is_refusal(error: Exception) -> bool:
    """Return whether the database refuses a value.

    NUL and numbers out of range; more than it can hold (SQLSTATE class 54); half a character (a lone surrogate), which
    does not even reach it.
    """
    over_limit = str(getattr(getattr(error, "orig", None), "sqlstate", None)).startswith("54")
    return over_limit or isinstance(error, DataError | UnicodeEncodeError)


def _write_nothing(_connection: Connection, _made: Sequence[tuple[Entry, Any]]) -> Mapping[UUID, Dropped]:
    """Serve steps whose entries end here."""
    return {}
