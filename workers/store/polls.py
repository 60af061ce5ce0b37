"""One poll, from its claim to what is written of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    Integer,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    or_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from workers.domain.outcomes import FeedOutcome, Hop
from workers.domain.values import FeedEntry, Source
from workers.store.rows import hops_from_json, hops_to_json
from workers.store.schema import source
from workers.store.text import detail_text, storable

#: What is kept of the documents of a poll that were read already.
PENDING_SAYS = ("entries", "new", "succeeded", "conditional", "not_modified", "same_validators")
#: A permanent redirect seen so often in a row moves the source (RELIABILITY.md S17).
MOVES_AFTER = 3
#: Moves that a source's row keeps: one that goes to and fro every day would add 50 KB a year to a row that each poll
#: writes anew.
MOST_MOVES = 20
LAST_MOVES = cast(f"$[last - {MOST_MOVES - 1} to last]", JSONPATH)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What a document of a source was when it was last read: what makes a request for it conditional."""

    etag: str | None = None
    last_modified: str | None = None
    body_sha: str | None = None  # sha256 hex
    more: tuple[str, ...] = ()  # of a sitemap index: the children that are read, whether it changed or not


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A poll that is not at its end: it waits for a host's turn, or a sitemap index named more documents.

    The last three say what the documents before were like, as `cadence.Seen` does of a whole poll; `succeeded`, that
    one of the children that an index named is as it should be.
    """

    hops: tuple[Hop, ...] = ()  # redirects followed from the document that is asked for
    documents: tuple[str, ...] = ()  # still to be read; none: the source's own address
    entries: int = 0  # of this poll so far
    new: int = 0
    succeeded: bool = False
    conditional: bool = False
    not_modified: bool = False
    same_validators: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceDue:
    """A claimed source, with what its last answer said of itself."""

    source: Source
    token: UUID
    failures: int
    documents: Mapping[str, Document] = field(default_factory=dict)  # by the URL they were asked at
    address: str | None = None  # where permanent redirects moved it to
    moving_to: str | None = None  # where they led at the last poll, if it has not moved yet
    moving_seen: int = 0
    habits: dict[str, Any] = field(default_factory=dict)
    pending: Pending = Pending()
    crashed: bool = False  # the process that held it before died: not to be asked, only to be recorded
    alone: bool = False  # a process died over it before, so it came without mates
    until: float = 0.0  # of the monotonic clock: so long it is worth to insist on recording

    @property
    def asked_at(self) -> str:
        """Return the URL of the document that is asked for, before redirects."""
        return self.pending.documents[0] if self.pending.documents else self.address or self.source.url

    @property
    def known(self) -> Document:
        """Return what the document that is asked for was when it was last read."""
        return self.documents.get(storable(self.asked_at), Document())

    @property
    def next_url(self) -> str:
        """Return the URL that is requested first."""
        return self.pending.hops[-1].url if self.pending.hops else self.asked_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a source is asked again, and what was learned of it. `habits` None: nothing."""

    wait_s: float
    habits: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PollResult:
    """How one poll ended, and what is to be written of it.

    `outcome` None: it is not at its end. `schedule` is asked with the number of entries that are new to the source.
    """

    outcome: FeedOutcome | None
    schedule: Callable[[int], Schedule]
    detail: str = ""
    entries: tuple[FeedEntry, ...] = ()
    cut: int = 0  # entries over the cap
    pending: Pending = Pending()
    was_read: bool = False  # a body was: what follows takes the place of what was kept of the one before
    document: Document | None = None  # None: the next request for it is without a condition
    moving_to: str | None = None  # where permanent redirects led
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a poll added: entries that are new to the ledger, and of them those that may be fetched at once."""

    new: int = 0
    ready: tuple[UUID, ...] = ()


def _pending_to_json(pending: Pending) -> dict[str, Any]:
    if not pending.hops and not pending.documents:
        return {}
    said = {name: getattr(pending, name) for name in PENDING_SAYS}
    return said | {
        "hops": hops_to_json(pending.hops),
        "documents": [storable(url) for url in pending.documents],
    }


def pending_from_json(data: dict[str, Any]) -> Pending:
    """Return what a source's row says of a poll that is not at its end."""
    if not data:
        return Pending()
    return Pending(
        hops=hops_from_json(data["hops"]),
        documents=tuple(data["documents"]),
        **{name: data[name] for name in PENDING_SAYS if name in data},
    )


def documents_from_json(data: dict[str, Any]) -> dict[str, Document]:
    """Return the documents that a source's row knows, each under its URL."""
    return {url: Document(**known | {"more": tuple(known.get("more", ()))}) for url, known in data.items()}


def _document_to_json(document: Document) -> dict[str, Any]:
    said = {name: value for name in ("etag", "last_modified", "body_sha") if (value := getattr(document, name))}
    return said | ({"more": [storable(url) for url in document.more]} if document.more else {})


def _documents(due: SourceDue, result: PollResult) -> dict[str, Any]:
    """Return what is known of a source's documents after a poll; of an index's, those that it still names."""
    known, asked_at = dict(due.documents), storable(due.asked_at)
    if result.was_read and result.outcome is not None:
        if not due.pending.documents:
            named = {storable(url) for url in result.pending.documents}
            known = {url: one for url, one in known.items() if url in named}
        known.pop(asked_at, None)
        if result.document is not None:
            known[asked_at] = result.document
    return {url: _document_to_json(one) for url, one in known.items()}


def ended_row(due: SourceDue, result: PollResult, fresh: int, new: int) -> dict[str, Any]:
    """Return a source after a poll, as `WRITE_ENDED` takes it.

    What nobody else changes under a lease is given whole, whether the poll changed it or not.
    """
    schedule = result.schedule(fresh)
    succeeded = result.outcome is not None and result.outcome.is_success
    ok = succeeded or (result.outcome is not None and bool(result.entries or due.pending.succeeded))
    failures = due.failures if result.outcome is None else 0 if ok else due.failures + 1
    address, moving_to, moving_seen = _moved(due, result, ok=ok)
    return {
        "id": due.source.id,
        "token": str(due.token),
        "wait_s": schedule.wait_s,
        "habits": schedule.habits,
        "pending": _pending_to_json(replace(result.pending, new=result.pending.new + fresh)),
        "outcome": result.outcome,
        "error": None if succeeded and not result.cut else detail_text(result.detail) or None,
        "ok": ok,
        "found": new > 0,
        "failures": failures,
        "cut": result.cut if result.was_read else None,
        "documents": _documents(due, result),
        "asked_at": due.asked_at,
        "address": address,
        "moving_to": moving_to,
        "moving_seen": moving_seen,
    }


def _moved(due: SourceDue, result: PollResult, *, ok: bool) -> tuple[str | None, str | None, int]:
    """Return a source's address after a poll, where it may be moving to, and how often in a row it said so.

    A moved source that is parked is asked at its url again.
    """
    if result.parked and due.address:
        return None, None, 0
    if not ok or due.pending.documents:
        return due.address, due.moving_to, due.moving_seen
    if result.moving_to is None:
        return due.address, None, 0
    seen = due.moving_seen + 1 if due.moving_to == result.moving_to else 1
    if seen < MOVES_AFTER:
        return due.address, result.moving_to, seen
    return result.moving_to, None, 0


def _write_ended() -> Update:
    """Return the statement that writes down any number of polls, each where the lease is still its own."""
    ended = (
        func.jsonb_to_recordset(bindparam("ended", type_=JSONB))
        .table_valued(
            *(column(name, Text) for name in ("id", "outcome", "error", "asked_at")),
            *(column(name, source.c[name].type) for name in ENDED_FIELDS),
            column("token", Uuid),
            column("wait_s", Float),
            *(column(name, Boolean) for name in ("ok", "found")),
        )
        .render_derived(name="ended", with_types=True)
    )
    at, has_ended = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, ended.c.wait_s), ended.c.outcome.is_not(None)
    count = func.coalesce(cast(source.c.outcomes.op("->>")(ended.c.outcome), Integer), 0) + 1
    counted = source.c.outcomes.op("||")(func.jsonb_build_object(ended.c.outcome, count))
    move = func.jsonb_build_object("from", ended.c.asked_at, "to", ended.c.address, "at", func.now())
    moves = source.c.moves.op("||")(func.jsonb_build_array(move))
    moved = and_(ended.c.address.is_not(None), ended.c.address.is_distinct_from(source.c.address))
    values: dict[str, Any] = {name: ended.c[name] for name in ENDED_FIELDS} | {
        "lease_token": None,
        "lease_until": None,
        "not_before": at,
        "due_at": at,
        "habits": func.coalesce(ended.c.habits, source.c.habits),
        "cut": func.coalesce(ended.c.cut, source.c.cut),
    }
    at_times: dict[str, tuple[ColumnElement[bool], Any]] = {
        "outcomes": (has_ended, counted),
        "last_outcome": (has_ended, ended.c.outcome),
        "last_error": (or_(has_ended, ended.c.error.is_not(None)), ended.c.error),  # also why it has to wait
        "polled_at": (has_ended, func.now()),
        "succeeded_at": (ended.c.ok, func.now()),
        "found_at": (ended.c.found, func.now()),
        "moves": (moved, func.jsonb_path_query_array(moves, LAST_MOVES)),
    }
    values |= {name: case((when, value), else_=source.c[name]) for name, (when, value) in at_times.items()}
    return update(source).where(source.c.id == ended.c.id, source.c.lease_token == ended.c.token).values(values)


#: Columns that a poll writes as it says.
ENDED_FIELDS = (
    *("habits", "pending", "failures", "cut"),
    *("documents", "address", "moving_to", "moving_seen"),
)
WRITE_ENDED = _write_ended()
