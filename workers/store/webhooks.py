"""Subscriptions: who is sent which changes, how far each has come, and who is pushing for it now.

A subscription has one cursor, so its changes go out in order, and one lease, so one pusher at a time. Whoever pushes
writes under the token of its lease: who lost it, or whose subscription was paused, replayed or removed meanwhile,
writes nothing. Times are the database's: any number of machines agree on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Engine, ScalarSelect, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping

from workers.store.changes import changes_after, last_seq, ledger_id
from workers.store.reading import texts_of
from workers.store.schema import change, dead_letter, webhook
from workers.store.text import detail_text

#: A lease outlasts one try (15 s) and its bookkeeping; each success makes it new.
LEASE_S = 30.0

#: A read looks at so many numbers of the log, so that a rare topic cannot hold its statement up.
LOOK_AHEAD = 10_000

#: A subscription that is as it begins, or as an operator has just mended it.
FRESH: dict[str, Any] = {
    "attempt": 0,
    "attempt_since": None,
    "failing_since": None,
    "not_before": func.now(),
    "lease_token": None,
    "lease_until": None,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A subscription that we hold the lease of."""

    id: int
    token: UUID
    url: str
    filters: Mapping[str, Any]
    with_text: bool
    secrets: tuple[str, ...]  # in force: the current one, and for a while the one before
    cursor: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The next changes of a subscription, in order, and how far the log was looked at for them."""

    ledger: str
    rows: Sequence[RowMapping]
    texts: Mapping[tuple[UUID, int], str]
    reached: int


@dataclass(frozen=True, slots=True)
class Failing:
    """For how long a subscription has failed now. Times in seconds."""

    tries: int  # of the change that comes next, with the one that just failed
    trying_s: float  # since the first of them
    failing_s: float  # since the first failure after the last success


class WebhookBook:
    """What a pusher reads and writes. Any number of them may do so at the same time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def claim(self, limit: int) -> list[Held]:
        """Take hold of subscriptions that have something to read in the log, and that nobody holds."""
        due = (
            select(webhook.c.id)
            .where(webhook.c.state == "active", webhook.c.cursor < _newest(), webhook.c.not_before <= func.now())
            .where(or_(webhook.c.lease_until.is_(None), webhook.c.lease_until < func.now()))
            .order_by(webhook.c.not_before, webhook.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        token = uuid4()
        take = (
            update(webhook)
            .where(webhook.c.id.in_(due.scalar_subquery()))
            .values(lease_token=token, lease_until=_lease_end())
            .returning(webhook, (webhook.c.previous_until > func.now()).label("is_rotating"))
        )
        with self.engine.begin() as connection:
            return [_held(row, token) for row in connection.execute(take).mappings()]

    def read(self, one: Held, after: int, limit: int) -> Waiting:
        """Return the next changes that the subscription asks for."""
        with self.engine.begin() as connection:
            ledger, newest = ledger_id(connection), last_seq(connection)
            until = min(newest, after + LOOK_AHEAD)
            rows = changes_after(connection, after, limit, until=until, **one.filters)
            wanted = [(row["entry_id"], row["version"]) for row in rows] if one.with_text else []
            texts = texts_of(connection, wanted) if wanted else {}
        return Waiting(ledger, rows, texts, rows[-1]["seq"] if len(rows) == limit else max(after, until))

    def move(self, one: Held, seq: int) -> bool:
        """Go on over changes that were not asked for; return whether the lease is still ours."""
        return self._write(one, cursor=seq, lease_until=_lease_end())

    def delivered(self, one: Held, seq: int, status: int) -> bool:
        """Note a success; return whether the lease is still ours."""
        return self._write(
            one,
            cursor=seq,
            attempt=0,
            attempt_since=None,
            failing_since=None,
            last_status=status,
            last_error="",
            delivered_at=func.now(),
            lease_until=_lease_end(),
        )

    def failed(self, one: Held, status: int | None, error: str) -> Failing | None:
        """Note a failed try; return for how long that goes on now, None when the lease is not ours any more."""
        note = {
            "attempt": webhook.c.attempt + 1,
            "attempt_since": func.coalesce(webhook.c.attempt_since, func.now()),
            "failing_since": func.coalesce(webhook.c.failing_since, func.now()),
            "last_status": status,
            "last_error": detail_text(error),
        }
        told = update(webhook).where(_is_ours(one)).values(note)
        told = told.returning(
            webhook.c.attempt,
            func.extract("epoch", func.now() - webhook.c.attempt_since).label("trying"),
            func.extract("epoch", func.now() - webhook.c.failing_since).label("failing"),
        )
        with self.engine.begin() as connection:
            row = connection.execute(told).first()
        return None if row is None else Failing(row.attempt, float(row.trying), float(row.failing))

    def wait(self, one: Held, wait_s: float) -> None:
        """Give a subscription back for a while."""
        self._write(one, not_before=func.now() + timedelta(seconds=wait_s), **_NOBODY)

    def give_back(self, one: Held) -> None:
        """Give a subscription back; it may be taken up at once."""
        self._write(one, **_NOBODY)

    def set_aside(self, one: Held, row: RowMapping, reason: str) -> bool:
        """Make a change a dead letter and go on with the next one; return whether the lease is still ours."""
        new = insert(dead_letter).values(
            webhook_id=one.id, seq=row["seq"], event_id=row["event_id"], reason=detail_text(reason)
        )
        again = {"reason": new.excluded.reason, "at": func.now()}
        moved = {"cursor": row["seq"], "attempt": 0, "attempt_since": None, "lease_until": _lease_end()}
        with self.engine.begin() as connection:
            if not connection.execute(update(webhook).where(_is_ours(one)).values(moved)).rowcount:
                return False
            connection.execute(new.on_conflict_do_update(index_elements=["webhook_id", "seq"], set_=again))
        return True

    def switch_off(self, one: Held) -> bool:
        """End a subscription until an operator resumes it; return whether the lease was still ours."""
        return self._write(one, state="off", **_NOBODY)

    def _write(self, one: Held, **values: Any) -> bool:
        with self.engine.begin() as connection:
            return bool(connection.execute(update(webhook).where(_is_ours(one)).values(values)).rowcount)


_NOBODY = {"lease_token": None, "lease_until": None}


def _is_ours(one: Held) -> ColumnElement[bool]:
    return and_(webhook.c.id == one.id, webhook.c.lease_token == one.token)


def _lease_end() -> ColumnElement[datetime]:
    return func.now() + timedelta(seconds=LEASE_S)


def _newest() -> ScalarSelect[int]:
    return select(func.coalesce(func.max(change.c.seq), 0)).scalar_subquery()


def _held(row: RowMapping, token: UUID) -> Held:
    return Held(
        id=row["id"],
        token=token,
        url=row["url"],
        filters=row["filters"],
        with_text=row["with_text"],
        secrets=(row["secret"], row["previous_secret"]) if row["is_rotating"] else (row["secret"],),
        cursor=row["cursor"],
    )


# --- what an operator does -----------------------------------------------------------------------


def add_webhook(engine: Engine, url: str, *, filters: Mapping[str, Any], with_text: bool, secret: str) -> int:
    """Keep a new subscription, which begins with the next change; return its id."""
    with engine.begin() as connection:
        values = {"url": url, "filters": dict(filters), "with_text": with_text, "secret": secret}
        new = insert(webhook).values(**values, cursor=last_seq(connection)).returning(webhook.c.id)
        return int(connection.execute(new).scalar_one())


def webhooks(engine: Engine, one: int | None = None) -> list[dict[str, Any]]:
    """Return subscriptions, or the one with this id, without their secrets.

    `behind`: numbers of the log that are not done with; `dead`: dead letters.
    """
    letters = select(func.count()).where(dead_letter.c.webhook_id == webhook.c.id).scalar_subquery()
    secret = {"secret", "previous_secret", "lease_token"}
    columns = [column for column in webhook.c if column.name not in secret]
    query = select(
        *columns, (_newest() - webhook.c.cursor).label("behind"), letters.label("dead"), func.now().label("now")
    )
    query = query.order_by(webhook.c.id)
    if one is not None:
        query = query.where(webhook.c.id == one)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def rotate(engine: Engine, one: int, secret: str, *, both_s: float) -> bool:
    """Put a new secret in force; the one before signs too for so long. Return whether there is such a subscription."""
    values = {
        "secret": secret,
        "previous_secret": webhook.c.secret,
        "previous_until": func.now() + timedelta(seconds=both_s),
    }
    return _change(engine, one, values)


def pause(engine: Engine, one: int) -> bool:
    """Send nothing more until it is resumed. Return whether there is such a subscription."""
    return _change(engine, one, {"state": "paused", **_NOBODY})


def resume(engine: Engine, one: int) -> bool:
    """Go on where it stopped, at once. Return whether there is such a subscription."""
    return _change(engine, one, {"state": "active", **FRESH})


def replay(engine: Engine, one: int, after: int) -> bool:
    """Send again what has a higher number than `after`. Return whether there is such a subscription."""
    return _change(engine, one, {"cursor": func.least(after, _newest()), **FRESH})


def remove(engine: Engine, one: int) -> bool:
    """Forget a subscription and its dead letters. Return whether there was one."""
    with engine.begin() as connection:
        return bool(connection.execute(delete(webhook).where(webhook.c.id == one)).rowcount)


def seq_before(engine: Engine, moment: datetime) -> int:
    """Return the number before the first change that was written at `moment` or later; the last when there is none."""
    first = select(func.min(change.c.seq)).where(change.c.created_at >= moment)
    with engine.connect() as connection:
        found = connection.execute(first).scalar()
        return last_seq(connection) if found is None else int(found) - 1


def dead_letters(engine: Engine, one: int, limit: int) -> list[RowMapping]:
    """Return what a subscription's receiver could not take, the newest first."""
    query = select(dead_letter).where(dead_letter.c.webhook_id == one).order_by(dead_letter.c.seq.desc()).limit(limit)
    with engine.connect() as connection:
        return list(connection.execute(query).mappings())


def any_webhook(engine: Engine) -> bool:
    """Return whether there is a subscription, in whatever state."""
    with engine.connect() as connection:
        return bool(connection.execute(select(exists().select_from(webhook))).scalar())


def switched_off(engine: Engine) -> list[int]:
    """Return the ids of subscriptions that were switched off and wait for an operator."""
    with engine.connect() as connection:
        return list(connection.execute(select(webhook.c.id).where(webhook.c.state == "off").order_by("id")).scalars())


def _change(engine: Engine, one: int, values: Mapping[str, Any]) -> bool:
    with engine.begin() as connection:
        return bool(connection.execute(update(webhook).where(webhook.c.id == one).values(dict(values))).rowcount)
