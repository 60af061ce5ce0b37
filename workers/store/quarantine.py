"""The quarantine: which entries wait there for a person, and the two ways out, back onto the path or to an end.

Each way out is one conditional UPDATE of rows that still stand as they were read (state, attempt, moment) and that
nobody holds: whoever comes second writes nothing, and what was interrupted can be begun again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import zstandard
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from workers.domain.outcomes import DropReason, QuarantineReason, State
from workers.domain.sites import accepted_canonical
from workers.store.backoff import MAX_CRASHES
from workers.store.identity import take_identities
from workers.store.schema import alias, article, entry, page
from workers.store.text import detail_text

#: Entries that are read, or sent on their way, in one go: a transaction of milliseconds, whatever waits in all.
BATCH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Which:
    """Which quarantined entries are meant. An empty facet lets every entry pass."""

    reasons: tuple[QuarantineReason, ...] = ()
    sources: tuple[str, ...] = ()
    states: tuple[State, ...] = ()  # what the step takes up that could not be done
    until: datetime | None = None  # quarantined then or before, by the database's clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """An entry in quarantine, as it was read."""

    id: UUID
    source_id: str
    url: str
    reason: QuarantineReason
    detail: str
    before: State  # where it stood, and where it goes back to
    attempt: int
    crashes: int
    since: datetime

    @property
    def tries(self) -> int:
        """How often the step was tried. The claim that finds the last of the deaths counts, and tries nothing."""
        return self.attempt - (self.crashes >= MAX_CRASHES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """How many are meant, at one moment."""

    now: datetime  # the database's clock
    by_reason: dict[QuarantineReason, int]

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.by_reason.values())


def summary(engine: Engine, which: Which) -> Summary:
    """Return how many of these wait in quarantine, most frequent reason first."""
    counted = select(entry.c.reason, func.count()).where(_fits(which)).group_by(entry.c.reason)
    with engine.connect() as connection:
        rows = connection.execute(counted.order_by(func.count().desc(), entry.c.reason)).all()
        now = connection.execute(select(func.now())).scalar_one()
    return Summary(now=now, by_reason={QuarantineReason(reason): count for reason, count in rows})


def batches(
    engine: Engine, which: Which, *, limit: int | None = None, size: int = BATCH
) -> Iterator[list[Quarantined]]:
    """Give these entries, newest first, at most `size` at a time and `limit` in all.

    What leaves the quarantine meanwhile disturbs nothing: each query goes on behind the last entry of the one before.
    """
    query = select(*_columns()).where(_fits(which)).order_by(entry.c.state_at.desc(), entry.c.id.desc())
    last: Quarantined | None = None
    left = limit
    while left is None or left > 0:
        at_once = size if left is None else min(size, left)
        further = query if last is None else query.where(_moment() < tuple_(literal(last.since), literal(last.id)))
        with engine.connect() as connection:
            found = [_quarantined(row) for row in connection.execute(further.limit(at_once))]
        if not found:
            return
        yield found
        last = found[-1]
        left = None if left is None else left - len(found)


def by_ids(engine: Engine, ids: Sequence[UUID]) -> tuple[list[Quarantined], dict[UUID, str]]:
    """Return those of `ids` that are in quarantine, and why the others cannot be taken out of it."""
    query = select(*_columns()).where(entry.c.id.in_(ids)).order_by(entry.c.id)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    free = [row for row in rows if row.state == State.QUARANTINED and row.lease_token is None]
    refused = dict.fromkeys(ids, "no entry has this id") | {row.id: _why_not(row) for row in rows}
    for row in free:
        del refused[row.id]
    return [_quarantined(row) for row in free], refused


def facts_of(engine: Engine, which: UUID) -> dict[str, Any] | None:
    """Return all that is kept of one entry, whatever its state; None when there is none.

    Beside its columns: `before`, the state that the step takes up which it waits for or which failed; its page's
    `size` (bytes); `now` by the database's clock.
    """
    query = (
        select(*entry.c, _before().label("before"), page.c.size, func.now().label("now"))
        .outerjoin(page, page.c.sha == entry.c.page_sha)
        .where(entry.c.id == which)
    )
    with engine.connect() as connection:
        row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def body_of(engine: Engine, sha: str) -> bytes | None:
    """Return a stored page's body as it came, unpacked; None when retention has taken it."""
    with engine.connect() as connection:
        row = connection.execute(select(page.c.body, page.c.size).where(page.c.sha == sha)).first()
    return zstandard.ZstdDecompressor().decompress(row.body, max_output_size=row.size) if row else None


# --- the ways out ------------------------------------------------------------------------------


def replay(engine: Engine, entries: Sequence[Quarantined]) -> dict[UUID, str]:
    """Put entries back to where they stood before the step that failed, due at once; return who stays, and why.

    No try counts any more, but one that killed its process keeps one death: so it is given out alone, and two more set
    it aside again. Why it was here stays on the entry until its next step is done.
    """
    with engine.begin() as connection:
        refused = _taken_meanwhile(connection, entries)
        back = {
            "state": _before(),
            "state_at": func.now(),
            "detail": func.concat("replayed by an operator after: ", entry.c.detail),
            "attempt": 0,
            "failures": 0,
            "crashes": case((entry.c.reason == QuarantineReason.CRASHED, 1), else_=0),
            "not_found": 0,
            "not_before": func.now(),
            "due_at": func.now(),
        }
        done = _write(connection, [one for one in entries if one.id not in refused], back)
    return _stayed(entries, done) | refused


def drop(engine: Engine, entries: Sequence[Quarantined], note: str = "") -> dict[UUID, str]:
    """End entries as dropped by an operator, who may say why; return who stays, and why.

    What they were quarantined for stays with them; their pages are retention's from now on.
    """
    said = f"{detail_text(note)}; " if note else ""
    end = {
        "state": State.DROPPED,
        "state_at": func.now(),
        "reason": DropReason.BY_OPERATOR,
        "detail": func.concat(said, "was quarantined: ", entry.c.reason, ": ", entry.c.detail),
    }
    with engine.begin() as connection:
        done = _write(connection, entries, end)
    return _stayed(entries, done)


def _write(connection: Connection, entries: Sequence[Quarantined], values: dict[str, Any]) -> set[UUID]:
    """Change those rows that stand as they were read; return which."""
    as_read = [(one.id, one.attempt, one.since) for one in entries]
    mine = (
        select(entry.c.id)
        .where(entry.c.state == State.QUARANTINED, entry.c.lease_token.is_(None))
        .where(tuple_(entry.c.id, entry.c.attempt, entry.c.state_at).in_(as_read))
        .order_by(entry.c.id)  # two operators take their locks in one order
        .with_for_update()
        .cte("mine")
    )
    changed = update(entry).where(entry.c.id == mine.c.id).values(values).returning(entry.c.id)
    return set(connection.execute(changed).scalars())


def _stayed(entries: Sequence[Quarantined], done: set[UUID]) -> dict[UUID, str]:
    return {one.id: "it changed meanwhile" for one in entries if one.id not in done}


def _taken_meanwhile(connection: Connection, entries: Sequence[Quarantined]) -> dict[UUID, str]:
    """Return those whose article came by another address while they were here: they would be published twice.

    In quarantine an entry's identities are free (`identity.py`). Extraction takes them again; what goes on after it
    takes them here.
    """
    ids = [one.id for one in entries]
    other = aliased(entry)
    own = (
        select(entry.c.id, other.c.id)
        .join(alias, and_(alias.c.url_key == entry.c.url_key, alias.c.entry_id != entry.c.id))
        .join(other, other.c.id == alias.c.entry_id)
        .where(entry.c.id.in_(ids))
        .where(or_(other.c.state.not_in([State.DROPPED, State.QUARANTINED]), other.c.id.in_(ids)))
    )
    taken = {row[0]: f"its article is here already, as entry {row[1]}" for row in connection.execute(own)}
    extracted = [one.id for one in entries if one.before is State.EXTRACTED and one.id not in taken]
    named = (
        select(entry.c.id, entry.c.url, article.c.url, article.c.canonical_url)
        .join(article, _is_next_version())
        .where(entry.c.id.in_(extracted), article.c.canonical_url.is_not(None))
    )
    claims = [
        (which, url, canonical)
        for which, url, at, named_url in connection.execute(named)
        if (canonical := accepted_canonical(at, named_url)) is not None
    ]
    same = take_identities(connection, claims, via="canonical")
    return taken | {which: f"its article is here already: {ending.detail}" for which, ending in same.items()}


# --- conditions and columns --------------------------------------------------------------------


def _fits(which: Which) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [entry.c.state == State.QUARANTINED]
    if which.reasons:
        conditions.append(entry.c.reason.in_(which.reasons))
    if which.sources:
        conditions.append(entry.c.source_id.in_(which.sources))
    if which.states:
        conditions.append(_before().in_(which.states))
    if which.until is not None:
        conditions.append(entry.c.state_at <= which.until)
    return and_(*conditions)


def _before() -> ColumnElement[str]:
    """Return the state that an entry without a published version had reached, by what is kept of it.

    A page that is gone is fetched anew.
    """
    return case(
        (entry.c.state.not_in([State.DROPPED, State.QUARANTINED]), entry.c.state),
        (exists().where(_is_next_version()).correlate(entry), State.EXTRACTED),
        (entry.c.page_sha.is_not(None), State.FETCHED),
        else_=State.DISCOVERED,
    )


def _is_next_version() -> ColumnElement[bool]:
    return and_(article.c.entry_id == entry.c.id, article.c.version == entry.c.version + 1)


def _moment() -> Any:
    return tuple_(entry.c.state_at, entry.c.id)


def _columns() -> list[Any]:
    names = ("id", "source_id", "url", "state", "reason", "detail", "attempt", "crashes", "lease_token")
    return [*(entry.c[name] for name in names), entry.c.state_at.label("since"), _before().label("before")]


def _quarantined(row: Row[Any]) -> Quarantined:
    return Quarantined(
        id=row.id,
        source_id=row.source_id,
        url=row.url,
        reason=QuarantineReason(row.reason),
        detail=row.detail or "",
        before=State(row.before),
        attempt=row.attempt,
        crashes=row.crashes,
        since=row.since,
    )


def _why_not(row: Row[Any]) -> str:
    if row.lease_token is not None:
        return "a worker holds it"
    return f"it is not in quarantine, it is {row.state}"
