"""What a source's document held, whichever way in it is. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.domain.outcomes import FeedOutcome
from workers.domain.values import FeedEntry

#: Entries taken from one document; feeds of the press hold 10 to 200 (RELIABILITY.md S10).
MAX_ENTRIES = 2_000


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What a document held: entries in its order, and what it says of itself."""

    outcome: FeedOutcome
    entries: tuple[FeedEntry, ...] = ()
    detail: str = ""
    more: tuple[str, ...] = ()  # documents to read next: children of a sitemap index. Their own `more` is not read
    cut: int = 0  # entries over MAX_ENTRIES, which were not taken
    unusable: int = 0  # entries without a link that can be fetched
    title: str = ""
    language: str = ""  # as it is written there: "en-us", "fa"
    ttl_s: int | None = None  # RSS: how long it may be kept
    skip_hours: frozenset[int] = frozenset()  # RSS: hours of the day, UTC, at which it is not to be read
    skip_days: frozenset[int] = frozenset()  # RSS: days of the week, 0 is Monday


def taken(
    found: Sequence[Any],
    read: Callable[[Any, str], FeedEntry | None],
    url: str,
    *,
    cut: int = 0,
    notes: Iterable[str] = (),
) -> ParsedFeed:
    """Read the entries that were found, up to the cap; those without a usable link are not entries.

    `cut` counts entries that were left before, `notes` are sentences to begin the detail with.
    """
    entries = tuple(one for raw in found[:MAX_ENTRIES] if (one := read(raw, url)) is not None)
    over = max(len(found) - MAX_ENTRIES, 0)
    unusable = len(found) - over - len(entries)
    said = [*notes]
    said += [f"{over + cut} entries over {MAX_ENTRIES} were not taken"] if over + cut else []
    said += [f"{unusable} entries without a usable link"] if unusable else []
    outcome = FeedOutcome.OK if entries else FeedOutcome.EMPTY
    return ParsedFeed(outcome, entries, "; ".join(said), cut=over + cut, unusable=unusable)


def joined(index: ParsedFeed, children: Iterable[ParsedFeed]) -> ParsedFeed:
    """Return an index with what its children held, as if it were one document; at most `MAX_ENTRIES` entries."""
    parts = [index, *children]
    entries = tuple(entry for part in parts for entry in part.entries)
    over = max(len(entries) - MAX_ENTRIES, 0)
    return replace(
        index,
        outcome=FeedOutcome.OK if entries else index.outcome,
        entries=entries[:MAX_ENTRIES],
        detail="; ".join(dict.fromkeys(part.detail for part in parts if part.detail))[:1_000],
        cut=sum(part.cut for part in parts) + over,
        unusable=sum(part.unusable for part in parts),
    )
