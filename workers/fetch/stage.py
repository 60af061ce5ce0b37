"""Fetch: a discovered link becomes a page."""

import asyncio
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from uuid import UUID

from workers.domain.outcomes import Advanced, Deferred, Failed, Outcome, QuarantineReason, RetryReason, State, Unchanged
from workers.domain.ports import FetchFailed, OpenSession, Session, validator
from workers.domain.values import Entry, Page
from workers.fetch.manners import content_type
from workers.store.ledger import Claim, Ledger, Settled
from workers.store.outage import STORE_AWAY, insist, is_away
from workers.store.pages import write_pages

#: Media types under which the world serves its articles; an absent header is taken too.
ARTICLE_TYPES = ("text/html", "application/xhtml", "text/plain", "application/xml", "text/xml")

#: What is done is settled at least this often, so that one slow page does not hold up its batch-mates.
SETTLE_EVERY_S = 0.5
#: Bytes of pages in one statement, which takes several times as much memory: packed, as parameters, on the wire.
PARCEL = 2 << 20


async def fetch_entries(
    ids: Iterable[UUID],
    *,
    ledger: Ledger,
    open_session: OpenSession,
    hand_on: Callable[[list[UUID]], None] | None = None,
) -> Settled[Page]:
    """Fetch these entries at the same time and settle each as it is done.

    `hand_on` is called, in a thread, with the ids that went on, after each settlement: they need not wait for the
    slowest page. While the store is away, settling is tried again and the other fetches go on.
    """
    settled: Settled[Page] = Settled()
    claim = ledger.claim(ids, State.DISCOVERED)
    if claim:
        with ledger.blameless(claim):
            async with open_session(one.hops[-1].url if one.hops else one.url for one in claim.entries) as session:
                await _fetch(claim, settled, ledger=ledger, session=session, hand_on=hand_on)
    return settled


async def _fetch(
    claim: Claim,
    settled: Settled[Page],
    *,
    ledger: Ledger,
    session: Session,
    hand_on: Callable[[list[UUID]], None] | None,
) -> None:
    waiting = {asyncio.create_task(fetch_page(one, session)): one for one in claim.entries}
    try:
        while waiting:
            until = asyncio.FIRST_COMPLETED if session.is_crowded else asyncio.ALL_COMPLETED
            done, _ = await asyncio.wait(waiting, timeout=SETTLE_EVERY_S, return_when=until)
            packed = parcels([(waiting.pop(task), task.result()) for task in done])
            done.clear()  # each holds its page
            while packed:
                step, urls = await _settle(claim, packed.pop(0), ledger)
                settled.add(step)
                await session.done(urls)  # only now: while the store was away, they were held
                if hand_on is not None and step.advanced:
                    await asyncio.to_thread(hand_on, step.advanced)
    finally:  # the store failed: nobody waits for the others any more
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


Ending = tuple[Entry, Outcome[Page]]


async def _settle(claim: Claim, endings: list[Ending], ledger: Ledger) -> tuple[Settled[Page], list[str]]:
    """Settle, in a thread: the deadlines of the other pages run on. Return what came of it, and of which URLs."""
    settle = partial(ledger.settle, claim, endings, to=State.FETCHED, write=write_pages)
    return await asyncio.to_thread(insist, settle, until=claim.until), [one.url for one, _ in endings]


def parcels(endings: Iterable[Ending]) -> list[list[Ending]]:
    """Return endings as they are settled: many together, but no more than `PARCEL` bytes of pages, or one page."""
    packed: list[list[Ending]] = []
    room = 0
    for one, ending in endings:
        size = len(ending.value.body) if isinstance(ending, Advanced) else 0
        if not packed or size > room:
            packed.append([])
            room = PARCEL
        packed[-1].append((one, ending))
        room -= size
    return packed


async def fetch_page(entry: Entry, session: Session) -> Outcome[Page]:
    """Fetch one page; one that readers have already only if it changed. Every way it can end is a value."""
    seen = entry.seen
    sent = {"if-none-match": seen.etag, "if-modified-since": seen.last_modified} if seen else {}
    validators = {name: value for name, value in sent.items() if value}
    try:
        response = await session.get(
            entry.url, headers=validators, accept=ARTICLE_TYPES, hops=entry.hops, robots=entry.source.obeys_robots
        )
    except FetchFailed as failure:
        return failure.ending
    except Exception as error:  # noqa: BLE001  (a bug is an ending too: it is kept with its traceback, tried few times)
        if is_away(error):  # the books of hosts and robots.txt are in the store; the page was not to blame
            return Deferred(RetryReason.WAITING, STORE_AWAY)
        return Failed(QuarantineReason.BUG, traceback.format_exc())
    if response.status == 304:
        if validators:
            return Unchanged("HTTP 304")
        return Deferred(RetryReason.HTTP_5XX, "HTTP 304, though nothing was asked on a condition")
    if seen is not None and sha256(response.body).hexdigest() == seen.body_sha:
        return Unchanged("same body")
    media, charset = content_type(response.headers)
    return Advanced(
        Page(
            url=response.url,
            status=response.status,
            content_type=media,
            charset=charset,
            body=response.body,
            fetched_at=response.fetched_at,
            etag=validator(response.headers, "etag"),
            last_modified=validator(response.headers, "last-modified"),
            hops=response.hops,
        )
    )
