"""Hosts in hand: whoever holds a host's row may ask it, one request at a time; nobody else until it is given back.

A session reserves the hosts of its batch in one statement, asks each host's URLs one after another with the host's
spacing between them, and gives the hosts back with the moment at which the next request may begin. A process that dies
gives nothing back: its hold ends with the lease. All times are the database's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Engine,
    Float,
    Text,
    Uuid,
    case,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from workers.store.schema import host


@dataclass(frozen=True, slots=True)
class Turn:
    """What a session was told of a host.

    `wait_s`: of one that is granted, until its next request may begin; else until it is worth reserving.
    """

    granted: bool
    wait_s: float
    penalties: int = 0  # how often in a row it has said stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a session leaves a host. Times in seconds."""

    rest_s: float = 0.0  # from now until the next request may begin
    penalised: bool | None = None  # true: it said stop; false: it answered; none: it was not asked


class HostBook:
    """Reserves hosts and gives them back. Any number of processes may do so at the same time."""

    def __init__(self, engine: Engine, *, lease_s: float, ahead_s: float) -> None:
        """`ahead_s`: a host is handed out this long before it may be asked; its holder waits."""
        self.engine = engine
        self.lease = timedelta(seconds=lease_s)
        self.ahead = timedelta(seconds=ahead_s)

    def reserve(self, names: Iterable[str], token: UUID) -> dict[str, Turn]:
        """Take hold of those of `names` that nobody holds and that may be asked soon; say of the others when to try."""
        wanted = sorted(set(names))  # rows are locked in the order of their names
        if not wanted:
            return {}
        now = func.clock_timestamp()  # of the lock, not of the transaction's beginning
        rows = select(func.unnest(_names(wanted)), literal(token, Uuid), now + self.lease)
        new = insert(host).from_select(["name", "in_flight_token", "in_flight_until"], rows)
        take = new.on_conflict_do_update(
            index_elements=["name"],
            set_={"in_flight_token": token, "in_flight_until": now + self.lease},
            where=is_open(self.ahead, now) & is_free(now),
        )
        wait = func.greatest(func.extract("epoch", host.c.next_allowed_at - now), 0).label("wait")
        with self.engine.begin() as connection:
            turns = {
                row.name: Turn(True, float(row.wait), row.penalties)
                for row in connection.execute(take.returning(host.c.name, wait, host.c.penalties))
            }
            refused = [name for name in wanted if name not in turns]
            if refused:
                others = select(host.c.name, wait, is_free(now).label("free")).where(host.c.name.in_(refused))
                for row in connection.execute(others):
                    ahead_s = self.ahead.total_seconds()
                    turns[row.name] = Turn(False, max(float(row.wait) - ahead_s, 0.0 if row.free else ahead_s))
        return turns

    def release(self, token: UUID, ended: Mapping[str, Ended]) -> None:
        """Give hosts back. What this session does not hold any more is left alone."""
        if not ended:
            return
        now = func.clock_timestamp()
        rows = (
            func.jsonb_to_recordset(
                literal([{"name": name, **asdict(one)} for name, one in sorted(ended.items())], JSONB)
            )
            .table_valued(column("name", Text), column("rest_s", Float), column("penalised", Boolean))
            .render_derived(name="ended", with_types=True)
        )
        rest = func.make_interval(0, 0, 0, 0, 0, 0, rows.c.rest_s)
        penalties = case(
            (rows.c.penalised.is_(None), host.c.penalties), (rows.c.penalised, host.c.penalties + 1), else_=0
        )
        held = (
            select(host.c.name)
            .where(host.c.name.in_(list(ended)), host.c.in_flight_token == token)
            .order_by(host.c.name)  # rows are locked in the order of their names
            .with_for_update()
            .cte("held")
        )
        with self.engine.begin() as connection:
            connection.execute(
                update(host)
                .where(host.c.name == held.c.name, host.c.name == rows.c.name)
                .values(
                    next_allowed_at=func.greatest(host.c.next_allowed_at, now + rest),
                    penalties=penalties,
                    in_flight_token=None,
                    in_flight_until=None,
                    hinted_until=None,
                )
            )


def forget_idle_hosts(engine: Engine) -> int:
    """Delete hosts that nobody has asked for a month; return how many."""
    old = func.now() - timedelta(days=30)
    idle = func.greatest(host.c.next_allowed_at, host.c.in_flight_until, host.c.hinted_until) < old
    with engine.begin() as connection:
        return connection.execute(delete(host).where(idle)).rowcount


def mark_hinted(connection: Connection, names: Iterable[str], lag: timedelta) -> None:
    """Note that entries of these hosts are on their way to a worker."""
    until = func.now() + lag
    new = insert(host).from_select(["name", "hinted_until"], select(func.unnest(_names(sorted(names))), until))
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"hinted_until": until}))


def _names(names: list[str]) -> BindParameter[Any]:
    """Return names as one array: the statement is the same for any number of them, and made once."""
    return literal(names, ARRAY(Text))


def is_open(ahead: timedelta, now: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a host may be asked within `ahead`."""
    return host.c.next_allowed_at <= now + ahead


def is_free(now: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that no session holds a host."""
    return or_(host.c.in_flight_until.is_(None), host.c.in_flight_until < now)
