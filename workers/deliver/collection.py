"""Flagged articles as a TAXII collection: which objects a client gets, in which order, and where its next page begins.

The order is that of the change log: each change gives the objects of `stix_objects`, and what a page says already it
does not say again. So a page holds whatever its reports refer to, also for a client that begins with today: the same
outlet or country comes again on later pages, byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from workers.deliver.formats.stix import Ledger, Object, Told, article_uuid, fixed_objects, stix_objects
from workers.store.changes import last_seq
from workers.store.flagged import FlaggedChange, added_times, first_added_after, flagged_after, flagged_of, outlets

#: How many changes make a page: some 500 objects.
CHANGES = 100

#: A page looks at this many numbers of the log, and again until it finds something, at most so often: a rare topic
#: costs a bounded time. Only after a million numbers for nothing is a page empty while there is more, for some
#: clients take an empty page for the end.
LOOK_AHEAD, LOOKS = 10_000, 100

#: Behind the last object of a change.
END = 99

MICROSECOND = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a reader stands: behind this object of the change with this number."""

    seq: int
    part: int


class Item(NamedTuple):
    """An object at its place in a collection."""

    place: Place
    object: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client asks for; empty sets ask for everything. `versions`: first, last, all, or STIX times."""

    topic: str | None
    after: Place
    limit: int | None
    ids: frozenset[str]
    types: frozenset[str]
    versions: frozenset[str]
    with_times: bool = False  # of each object when it was added, not only of the first and the last

    def takes_version(self, row: FlaggedChange, modified: str) -> bool:
        """Return whether this version of an article is asked for."""
        words = {"all", modified} | ({"first"} if row.is_first else set()) | ({"last"} if row.is_last else set())
        return not words.isdisjoint(self.versions)

    def takes(self, item: Item) -> bool:
        """Return whether this object is asked for."""
        named = not self.ids or item.object["id"] in self.ids
        return named and (not self.types or item.object["type"] in self.types) and item.place > self.after


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered, and where the next page begins; None at the end."""

    items: Sequence[Item]
    next: Place | None = None
    numbers: Mapping[int, datetime] = field(default_factory=dict)  # when changes were added

    def added(self, item: Item) -> datetime:
        """Return when an object was added: no two at the same time."""
        return self.numbers[item.place.seq] + item.place.part * MICROSECOND


def read_page(connection: Connection, ledger: Ledger, wanted: Wanted) -> Page:
    """Return the next objects of a collection: those of at most `CHANGES` changes, and not more than the limit."""
    page = _by_id(connection, ledger, wanted) if wanted.ids else _by_number(connection, ledger, wanted)
    at_ends = {item.place.seq for item in (page.items if wanted.with_times else [*page.items[:1], *page.items[-1:]])}
    return replace(page, numbers={0: ledger.since} | added_times(connection, at_ends))


def _by_number(connection: Connection, ledger: Ledger, wanted: Wanted) -> Page:
    newest, found = last_seq(connection), dict[tuple[str, str], Item]()
    reached = wanted.after.seq if wanted.after.part == END else max(wanted.after.seq - 1, 0)
    for _ in range(LOOKS):
        until = min(newest, reached + LOOK_AHEAD)
        rows = flagged_after(connection, reached, CHANGES, until=until, topic=wanted.topic)
        for item in _items(ledger, rows, wanted):
            found.setdefault((item.object["id"], item.object["modified"]), item)
        reached = rows[-1].seq if len(rows) == CHANGES else until
        if found or reached >= newest:
            break
    page = _cut(list(found.values()), wanted)
    return page if page.next or reached >= newest else Page(page.items, Place(reached, END))


def place_after(connection: Connection, moment: datetime) -> Place:
    """Return the place behind everything that was added up to `moment`."""
    seq = first_added_after(connection, moment)
    added = added_times(connection, [seq]).get(seq)
    since = (moment - added) // MICROSECOND if added is not None else -1
    return Place(seq, min(max(since, -1), END))


def last_told(engine: Engine, after: int = 0, *, topic: str | None = None) -> Iterator[tuple[int, Told]]:
    """Give every flagged article that changed after this number as its last change tells it, with that one's number.

    A stretch of the log at a time: between them nothing is held open.
    """
    with engine.connect() as connection:
        newest = last_seq(connection)
    while after < newest:
        until = min(newest, after + LOOK_AHEAD)
        with engine.connect() as connection:
            rows = flagged_after(connection, after, CHANGES, until=until, topic=topic)
        yield from ((row.seq, told_of(row)) for row in rows if row.is_last)
        after = rows[-1].seq if len(rows) == CHANGES else until


def told_of(row: FlaggedChange) -> Told:
    """Return a change as the formats take it."""
    return Told(row.article, row.times, row.is_withdrawn)


def _cut(items: Sequence[Item], wanted: Wanted) -> Page:
    if wanted.limit is None or len(items) <= wanted.limit:
        return Page(items)
    return Page(items[: wanted.limit], items[wanted.limit - 1].place)


def _items(ledger: Ledger, rows: Sequence[FlaggedChange], wanted: Wanted) -> Iterator[Item]:
    for row in rows:
        objects = stix_objects(ledger, told_of(row))
        if wanted.takes_version(row, objects[-1]["modified"]):
            yield from filter(wanted.takes, (Item(Place(row.seq, at), one) for at, one in enumerate(objects)))


def _by_id(connection: Connection, ledger: Ledger, wanted: Wanted) -> Page:
    """Return objects that are asked for by name: those of a report's kind from the log, the others as old as it."""
    fixed = {one["id"]: one for one in fixed_objects(ledger, outlets(connection)) if one["id"] in wanted.ids}
    named = (Item(Place(0, at), one) for at, one in enumerate(fixed.values()))
    rows = flagged_of(connection, [one for id_ in sorted(wanted.ids) if (one := _article(id_))], topic=wanted.topic)
    return _cut([*filter(wanted.takes, named), *_items(ledger, rows, wanted)], wanted)


def _article(name: str) -> UUID | None:
    kind, _, number = name.partition("--")
    try:
        return article_uuid(UUID(number)) if kind == "report" else None
    except ValueError:
        return None
