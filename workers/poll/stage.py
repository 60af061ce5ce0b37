"""Poll: a source that is due gives the links it has not given before."""

import asyncio
import random
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID

from workers.domain.outcomes import Deferred, FeedOutcome, Hop, RetryReason
from workers.domain.ports import FetchFailed, OpenSession, Response, Session, validator
from workers.poll.cadence import Bounds, Seen, Wishes, asks_whole, from_json, is_parked, learn, next_wait_s, to_json
from workers.poll.documents.parsed import ParsedFeed
from workers.poll.documents.read import read_source
from workers.store.outage import STORE_AWAY, insist, is_away
from workers.store.polls import Document, Pending, PollResult, Recorded, Schedule, SourceDue
from workers.store.sources import SourceLedger

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"

MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)


#: Of a host's turns a source takes one in so many at most; the others are for what it found. (A `Crawl-delay` of 300 s
#: is as long as the shortest interval: else a busy source would keep its host for itself.)
TURNS = 4

#: What is done is recorded at least this often, so that one slow source does not hold up its batch-mates.
RECORD_EVERY_S = 0.5


@dataclass(slots=True)
class Polled:
    """What a batch of polls did."""

    new: int = 0
    ready: list[UUID] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """How one request for a document of a source ended. `outcome` None: it was not made, its turn comes later."""

    outcome: FeedOutcome | None
    detail: str = ""
    wait_s: float | None = None  # what the other side asks for
    hops: tuple[Hop, ...] = ()  # redirects followed before it had to wait
    response: Response | None = None
    body_sha: str | None = None  # of the response's body, which is not kept
    feed: ParsedFeed | None = None
    more: tuple[str, ...] = ()  # documents to read next
    conditional: bool = False  # validators were sent


Asked = tuple[SourceDue, Answer]


async def poll_sources(
    ids: Iterable[str],
    *,
    sources: SourceLedger,
    open_session: OpenSession,
    bounds: Bounds,
    clock: Callable[[], datetime],
    hand_on: Callable[[list[UUID]], None] | None = None,
) -> Polled:
    """Poll these sources at the same time; record them as they are done.

    `hand_on` is called, in a thread, with the entries that may be fetched at once, after each poll that found some.
    One that cannot be recorded does not keep its batch-mates; the first such error is raised when all were tried.
    """
    polled = Polled()
    claimed = sources.claim(ids)
    if not claimed:
        return polled
    with sources.blameless(claimed):
        async with open_session(due.next_url for due in claimed if not due.crashed) as session:
            await _poll(claimed, polled, sources=sources, session=session, bounds=bounds, clock=clock, hand_on=hand_on)
    return polled


async def _poll(
    claimed: Iterable[SourceDue],
    polled: Polled,
    *,
    sources: SourceLedger,
    session: Session,
    bounds: Bounds,
    clock: Callable[[], datetime],
    hand_on: Callable[[list[UUID]], None] | None,
) -> None:
    errors: list[Exception] = []
    asked = {asyncio.create_task(ask(due, session, now=clock())): due for due in claimed}
    try:
        while asked:
            done, _ = await asyncio.wait(asked, timeout=RECORD_EVERY_S)
            if not done:
                continue
            answers = [(asked.pop(task), task.result()) for task in done]
            # first: what was found is often fetched from the same host
            await session.done(due.asked_at for due, _ in answers)
            for group in _groups(answers):
                try:
                    for outcome, recorded in await _record(sources, group, bounds=bounds, now=clock()):
                        polled.new += recorded.new
                        polled.ready += recorded.ready
                        polled.counts[outcome or "waiting"] += 1
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


def _groups(answers: Iterable[Asked]) -> list[list[Asked]]:
    """Return answers as they are recorded: those without entries, which are most, in one statement."""
    quiet, found = [], []
    for due, answer in answers:
        if answer.feed is not None and answer.feed.entries:
            found.append([(due, answer)])
        else:
            quiet.append((due, answer))
    return [quiet, *found] if quiet else found


async def _record(
    sources: SourceLedger, group: Sequence[Asked], *, bounds: Bounds, now: datetime
) -> list[tuple[FeedOutcome | None, Recorded]]:
    """Record a group of answers; where that fails in a way that nobody expected, each alone, and then as a bug.

    In a thread: while the store is waited for, the deadlines of the batch-mates run on.
    """

    def record(answers: Sequence[Asked]) -> list[tuple[FeedOutcome | None, Recorded]]:
        polls = [
            (due, decide(due, answer, now=now, bounds=bounds, jitter=random.random()))  # noqa: S311
            for due, answer in answers
        ]
        until = min(due.until for due, _ in polls)
        if len(polls) == 1:
            return [(polls[0][1].outcome, insist(partial(sources.record, *polls[0]), until=until))]
        insist(partial(sources.record_quiet, polls), until=until)
        return [(result.outcome, Recorded()) for _, result in polls]

    try:
        return await asyncio.to_thread(record, group)
    except Exception as error:
        if is_away(error):
            raise
        bug = Answer(outcome=FeedOutcome.BUG, detail=traceback.format_exc())
    if len(group) == 1:
        return await asyncio.to_thread(record, [(group[0][0], bug)])
    return [done for one in group for done in await _record(sources, [one], bounds=bounds, now=now)]


async def ask(due: SourceDue, session: Session, *, now: datetime) -> Answer:
    """Ask a source for a document, if it changed. Every way it can end is a value.

    One whose last poll never came back is not asked now: that poll ends here, and the next is one without mates.
    """
    if due.crashed:
        died = "the process that polled it died, or was killed at its time limit"
        return Answer(outcome=FeedOutcome.CRASHED, detail=died)
    known, validators = due.known, validators_of(due, now)
    headers = {"accept": ACCEPT} | validators
    try:
        response = await session.get(
            due.asked_at, headers=headers, hops=due.pending.hops, robots=due.source.obeys_robots
        )
        body, response = response.body, replace(response, body=b"")  # not kept in memory until it is recorded
        sha = sha256(body).hexdigest()
        if response.status == 304 or sha == known.body_sha:
            return Answer(
                outcome=FeedOutcome.NOT_MODIFIED,
                detail="" if response.status == 304 else "same body",
                response=response,
                more=known.more,
                conditional=bool(validators),
            )
        media = response.headers.get("content-type", "")
        # in a thread: a feed of 10 MB takes seconds, and the deadlines of its batch-mates run on
        feed = await asyncio.to_thread(read_source, due.source, body, url=response.url, content_type=media, now=now)
    except FetchFailed as failure:
        ending = failure.ending
        wait_s = ending.wait_s if isinstance(ending, Deferred) else None
        if isinstance(ending, Deferred) and ending.reason is RetryReason.WAITING:
            return Answer(outcome=None, detail=ending.detail, wait_s=wait_s, hops=ending.hops)
        return Answer(outcome=FeedOutcome(ending.reason.value), detail=ending.detail, wait_s=wait_s)
    except Exception as error:  # noqa: BLE001  (one feed's surprise must not stop its batch-mates: it is kept on its row)
        if is_away(error):  # the books of hosts and robots.txt are in the store; the feed was not to blame
            return Answer(outcome=None, detail=STORE_AWAY)
        return Answer(outcome=FeedOutcome.BUG, detail=traceback.format_exc())
    return Answer(
        outcome=feed.outcome,
        detail=feed.detail,
        response=response,
        body_sha=sha,
        feed=feed,
        more=feed.more,
        conditional=bool(validators),
    )


def validators_of(due: SourceDue, now: datetime) -> dict[str, str]:
    """Return the headers that make a request conditional; none when it is time to look at the whole body."""
    if asks_whole(from_json(due.habits), now):
        return {}
    sent = {"if-none-match": due.known.etag, "if-modified-since": due.known.last_modified}
    return {name: value for name, value in sent.items() if value}


def decide(due: SourceDue, answer: Answer, *, now: datetime, bounds: Bounds, jitter: float) -> PollResult:
    """Return what is to be written of an answer. Pure."""
    pending, outcome = due.pending, answer.outcome
    habits = from_json(due.habits)
    entries = answer.feed.entries if answer.feed else ()
    if outcome is None:
        later = Schedule(wait_s=bounds.least if answer.wait_s is None else answer.wait_s)
        held = replace(pending, hops=answer.hops or pending.hops)
        return PollResult(outcome=None, schedule=lambda _new: later, detail=answer.detail, pending=held)
    more = pending.documents[1:] if pending.documents else answer.more
    succeeded = outcome.is_success or bool(entries)
    failed = not succeeded and not pending.succeeded
    gone = outcome is FeedOutcome.GONE
    failures = due.failures + 1 if failed else 0
    seen = _seen(due, answer, now)

    def schedule(new: int) -> Schedule:
        if more or (outcome is FeedOutcome.CRASHED and not due.alone):
            return Schedule(wait_s=0.0)  # crashed: a batch-mate's fault perhaps, so first it is tried alone
        known = habits if failed else learn(habits, replace(seen, new=seen.new + new))
        wait_s = next_wait_s(
            known, failures=failures, gone=gone, asked_s=answer.wait_s, now=now, bounds=bounds, jitter=jitter
        )
        if answer.response is not None:
            wait_s = max(wait_s, TURNS * answer.response.rest_s)
        return Schedule(wait_s=wait_s, habits=to_json(known))

    return PollResult(
        outcome=outcome,
        detail=answer.detail,
        schedule=schedule,
        entries=entries,
        cut=answer.feed.cut if answer.feed else 0,
        pending=_pending(more, seen, succeeded=pending.succeeded or (succeeded and bool(pending.documents)))
        if more
        else Pending(),
        was_read=answer.feed is not None and outcome in {FeedOutcome.OK, FeedOutcome.EMPTY, FeedOutcome.CUT_OFF},
        document=_document(due, answer),
        moving_to=permanent_target(answer.response.hops) if answer.response else None,
        parked=is_parked(failures, gone=gone),
    )


def _document(due: SourceDue, answer: Answer) -> Document | None:
    """Return what is kept of the document that was read: after one that was cut off, or a feed that was empty, a 304
    would hide entries. A sitemap without news is an ordinary thing.
    """
    whole = {FeedOutcome.OK, FeedOutcome.EMPTY} if due.source.kind == "sitemap" else {FeedOutcome.OK}
    if answer.response is None or answer.feed is None or answer.outcome not in whole:
        return None
    headers = answer.response.headers
    return Document(
        etag=validator(headers, "etag"),
        last_modified=validator(headers, "last-modified"),
        body_sha=answer.body_sha,
        more=answer.more,
    )


def _seen(due: SourceDue, answer: Answer, now: datetime) -> Seen:
    """Return what this poll has shown up to now, with the documents before; `new` without those of this answer."""
    pending = due.pending
    headers = answer.response.headers if answer.response else {}
    validators = validator(headers, "etag"), validator(headers, "last-modified")
    same = any(validators) and validators == (due.known.etag, due.known.last_modified)
    read = answer.feed is not None or pending.entries > 0
    return Seen(
        at=now,
        entries=pending.entries + (len(answer.feed.entries) if answer.feed else 0) if read else None,
        new=pending.new,
        conditional=pending.conditional or answer.conditional,
        not_modified=pending.not_modified or (answer.response is not None and answer.response.status == 304),
        same_validators=pending.same_validators or (same and answer.feed is not None),
        wishes=_wishes(answer),
    )


def _pending(documents: tuple[str, ...], seen: Seen, *, succeeded: bool) -> Pending:
    """Return a poll that goes on with these documents."""
    return Pending(
        documents=documents,
        entries=seen.entries or 0,
        new=seen.new,
        succeeded=succeeded,
        conditional=seen.conditional,
        not_modified=seen.not_modified,
        same_validators=seen.same_validators,
    )


def _wishes(answer: Answer) -> Wishes:
    headers = answer.response.headers if answer.response else {}
    max_age, age = MAX_AGE.search(headers.get("cache-control", "")), headers.get("age", "").strip()
    old_s = int(age[:9]) if age.isascii() and age.isdigit() else 0
    feed = answer.feed
    return Wishes(
        ttl_s=float(feed.ttl_s or 0) if feed else 0.0,
        max_age_s=float(max(int(max_age[1]) - old_s, 0)) if max_age else 0.0,
        skip_hours=feed.skip_hours if feed else frozenset(),
        skip_days=feed.skip_days if feed else frozenset(),
    )


def permanent_target(hops: Iterable[Hop]) -> str | None:
    """Return the URL to which permanent redirects lead, those before the first that is not."""
    target = None
    for one in hops:
        if not one.is_permanent:
            break
        target = one.url
    return target
