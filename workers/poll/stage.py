"""Poll: a source that is due gives the links it has not given before."""

import asyncio
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from workers.domain.outcomes import Deferred, FeedOutcome
from workers.domain.ports import FetchFailed, Get, Response
from workers.poll.cadence import Bounds, next_interval_s, next_poll_s
from workers.poll.feed import ParsedFeed, parse_feed
from workers.poll.urls import canonical_url
from workers.store.outage import insist, is_away
from workers.store.sources import PollResult, Recorded, SourceDue, SourceLedger

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"

#: Characters; an ETag has some dozens.
MAX_VALIDATOR = 1_000


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
    ids: Iterable[str],
    *,
    sources: SourceLedger,
    get: Get,
    bounds: Bounds,
    clock: Callable[[], datetime],
    hand_on: Callable[[list[UUID]], None] | None = None,
) -> Polled:
    """Poll these sources at the same time; record each as it is done.

    `hand_on` is called, in a thread, with the entries that may be fetched at once, after each poll that found some.
    One that cannot be recorded does not keep its batch-mates; the first such error is raised when all were tried.
    """
    polled = Polled()
    errors: list[Exception] = []
    claimed = sources.claim(ids)
    asked = {asyncio.create_task(ask(due, get)): due for due in claimed}
    try:
        with sources.blameless(claimed):
            while asked:
                done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    due = asked.pop(task)
                    try:
                        outcome, recorded = await _record(sources, due, task.result(), bounds=bounds, now=clock())
                        polled.new += recorded.new
                        polled.ready += recorded.ready
                        polled.counts[outcome] += 1
                        if hand_on is not None and recorded.ready:
                            await asyncio.to_thread(hand_on, list(recorded.ready))
                    except Exception as error:  # noqa: BLE001  (raised below, when its batch-mates are recorded)
                        errors.append(error)
            if errors:
                raise errors[0]
    finally:  # cancelled: nobody waits for the others any more
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return polled


async def _record(
    sources: SourceLedger, due: SourceDue, answer: Answer, *, bounds: Bounds, now: datetime
) -> tuple[FeedOutcome, Recorded]:
    """Record an answer; where that fails in a way that nobody expected, record the bug instead.

    In a thread: while the store is waited for, the deadlines of the batch-mates run on.
    """

    def record(answer: Answer) -> Recorded:
        result = decide(due, answer, now=now, bounds=bounds, jitter=random.random())  # noqa: S311
        return insist(partial(sources.record, due, result), until=due.until)

    try:
        return answer.outcome, await asyncio.to_thread(record, answer)
    except Exception as error:
        if is_away(error):
            raise
        bug = Answer(FeedOutcome.BUG, traceback.format_exc())
    return bug.outcome, await asyncio.to_thread(record, bug)


async def ask(due: SourceDue, get: Get) -> Answer:
    """Ask a source for its feed, if it changed. Every way it can end is a value.

    One whose last poll never came back is not asked now: that poll ends here, and the next is one without mates.
    """
    if due.crashed:
        return Answer(FeedOutcome.CRASHED, "the process that polled it died, or was killed at its time limit")
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
        media = response.headers.get("content-type", "")
        # in a thread: a feed of 10 MB takes seconds, and the deadlines of its batch-mates run on
        feed = await asyncio.to_thread(parse_feed, response.body, url=response.url, content_type=media)
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
    failed = not answer.outcome.is_success and not entries
    interval_s = due.interval_s
    if not failed:
        interval_s = next_interval_s(interval_s, changed=bool(entries), bounds=bounds)
    wait_s = next_poll_s(
        interval_s,
        failures=due.failures + 1 if failed else 0,
        until=answer.until,
        now=now,
        bounds=bounds,
        jitter=jitter,
    )
    # Of a whole feed only: after one that was cut off or empty, a 304 would hide the entries still to come.
    keep = answer.response if answer.outcome is FeedOutcome.OK else None
    if answer.outcome is FeedOutcome.CRASHED and not due.alone:
        wait_s = 0.0  # a batch-mate's fault perhaps, or a kill from outside: first it is tried alone
    return PollResult(
        outcome=answer.outcome,
        detail=answer.detail,
        interval_s=interval_s,
        next_poll_s=wait_s,
        entries=tuple((canonical_url(one.url), one) for one in entries),
        etag=_validator(keep, "etag"),
        last_modified=_validator(keep, "last-modified"),
        body_sha=sha256(keep.body).hexdigest() if keep else None,
    )


def _validator(response: Response | None, name: str) -> str | None:
    """Return a header that can be sent back as it came: ASCII, and not a novel."""
    value = response.headers.get(name) if response else None
    return value if value and value.isascii() and value.isprintable() and len(value) <= MAX_VALIDATOR else None
