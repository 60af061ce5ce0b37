"""Poll: a source that is due gives the links it has not given before."""

import asyncio
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from workers.domain.outcomes import Deferred, FeedOutcome
from workers.domain.ports import FetchFailed, Get, Response
from workers.domain.values import FeedEntry
from workers.poll.cadence import Bounds, next_interval_s, next_poll_s
from workers.poll.feed import ParsedFeed, parse_feed
from workers.poll.urls import canonical_url
from workers.store.sources import PollResult, SourceDue, SourceLedger

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


@dataclass(slots=True)
class Polled:
    """What a batch of polls did."""

    new: int = 0
    ready: list[UUID] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request for a feed ended."""

    outcome: FeedOutcome
    detail: str = ""
    until: datetime | None = None
    response: Response | None = None
    feed: ParsedFeed | None = None


async def poll_sources(
    ids: Iterable[str], *, sources: SourceLedger, get: Get, bounds: Bounds, clock: Callable[[], datetime]
) -> Polled:
    """Poll these sources at the same time; record each as it is done."""
    polled = Polled()
    tasks = [asyncio.create_task(_ask(due, get)) for due in sources.claim(ids)]
    for task in asyncio.as_completed(tasks):
        due, answer = await task
        recorded = sources.record(due, decide(due, answer, now=clock(), bounds=bounds, jitter=random.random()))  # noqa: S311
        polled.new += recorded.new
        polled.ready += recorded.ready
        polled.counts[answer.outcome] += 1
    return polled


async def _ask(due: SourceDue, get: Get) -> tuple[SourceDue, Answer]:
    return due, await ask(due, get)


async def ask(due: SourceDue, get: Get) -> Answer:
    """Ask a source for its feed, if it changed. Every way it can end is a value."""
    headers = {"accept": ACCEPT}
    if due.etag:
        headers["if-none-match"] = due.etag
    if due.last_modified:
        headers["if-modified-since"] = due.last_modified
    try:
        response = await get(due.source.url, headers=headers)
        if response.status == 304:
            return Answer(FeedOutcome.NOT_MODIFIED)
        if sha256(response.body).hexdigest() == due.body_sha:
            return Answer(FeedOutcome.NOT_MODIFIED, "same body", response=response)
        feed = parse_feed(response.body, url=response.url, content_type=response.headers.get("content-type", ""))
    except FetchFailed as failure:
        ending = failure.ending
        until = ending.until if isinstance(ending, Deferred) else None
        return Answer(FeedOutcome(ending.reason.value), ending.detail, until)
    except Exception:  # noqa: BLE001  (one feed's surprise must not stop its batch-mates; it is kept on the source row)
        return Answer(FeedOutcome.BUG, traceback.format_exc())
    return Answer(feed.outcome, feed.detail, response=response, feed=feed)


def decide(due: SourceDue, answer: Answer, *, now: datetime, bounds: Bounds, jitter: float) -> PollResult:
    """Return what is to be written of an answer. Pure."""
    entries = answer.feed.entries if answer.feed else ()
    interval_s = next_interval_s(answer.outcome, new=len(entries), interval_s=due.interval_s, bounds=bounds)
    headers = answer.response.headers if answer.response else {}
    return PollResult(
        outcome=answer.outcome,
        detail=answer.detail,
        interval_s=interval_s,
        next_poll_s=next_poll_s(
            answer.outcome,
            interval_s=interval_s,
            failures=due.failures,
            until=answer.until,
            now=now,
            bounds=bounds,
            jitter=jitter,
        ),
        entries=_identified(entries),
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        body_sha=sha256(answer.response.body).hexdigest() if answer.response else None,
    )


def _identified(entries: tuple[FeedEntry, ...]) -> tuple[tuple[str, FeedEntry], ...]:
    return tuple((canonical_url(one.url), one) for one in entries)
