"""Fetch: a discovered link becomes a page."""

import asyncio
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from workers.domain.outcomes import Advanced, Deferred, Failed, Outcome, QuarantineReason, RetryReason, State
from workers.domain.ports import FetchFailed, Get
from workers.domain.values import Entry, Page
from workers.fetch.manners import content_type
from workers.store.ledger import Ledger, Settled
from workers.store.outage import insist
from workers.store.pages import write_pages

#: Media types under which the world serves its articles; an absent header is taken too.
ARTICLE_TYPES = ("text/html", "application/xhtml", "text/plain", "application/xml", "text/xml")

#: What is done is settled at least this often, so that one slow page does not hold up its batch-mates.
SETTLE_EVERY_S = 0.5


async def fetch_entries(
    ids: Iterable[UUID], *, ledger: Ledger, get: Get, hand_on: Callable[[list[UUID]], None] | None = None
) -> Settled[Page]:
    """Fetch these entries at the same time and settle each as it is done.

    `hand_on` is called, in a thread, with the ids that went on, after each settlement: they need not wait for the
    slowest page. While the store is away, settling is tried again and the other fetches go on.
    """
    claim = ledger.claim(ids, State.DISCOVERED)
    settled: Settled[Page] = Settled()
    waiting = {asyncio.create_task(fetch_page(one, get)): one for one in claim.entries}
    try:
        with ledger.blameless(claim):
            while waiting:
                done, _ = await asyncio.wait(waiting, timeout=SETTLE_EVERY_S)
                if not done:
                    continue
                endings = [(waiting.pop(task), task.result()) for task in done]
                settle = partial(ledger.settle, claim, endings, to=State.FETCHED, write=write_pages)
                # in a thread: the deadlines of the other pages run on
                step = await asyncio.to_thread(insist, settle, until=claim.until)
                settled.add(step)
                if hand_on is not None and step.advanced:
                    await asyncio.to_thread(hand_on, step.advanced)
    finally:  # the store failed: nobody waits for the others any more
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return settled


async def fetch_page(entry: Entry, get: Get) -> Outcome[Page]:
    """Fetch one page. Every way it can end is a value."""
    try:
        response = await get(entry.url, accept=ARTICLE_TYPES)
    except FetchFailed as failure:
        return failure.ending
    except Exception:  # noqa: BLE001  (a bug is an ending too: it is kept with its traceback and tried few times)
        return Failed(QuarantineReason.BUG, traceback.format_exc())
    if response.status == 304:
        return Deferred(RetryReason.SERVER_ERROR, "HTTP 304, though nothing was asked on a condition")
    media, charset = content_type(response.headers)
    return Advanced(
        Page(
            url=response.url,
            status=response.status,
            content_type=media,
            charset=charset,
            body=response.body,
            fetched_at=response.fetched_at,
        )
    )
