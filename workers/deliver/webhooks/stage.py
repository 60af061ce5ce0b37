"""Push: changes go to whoever subscribed, each subscription in order, all of them at the same time.

A receiver that hangs keeps its own subscription waiting and no other: each has a coroutine of its own for a while.
"""

import asyncio
import json
import random
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import RowMapping

from workers.deliver.event import event_of, with_text
from workers.deliver.webhooks.retry import Next, after_failure, wait_s
from workers.deliver.webhooks.signing import signed_headers
from workers.domain.ports import FetchFailed, Post, Response
from workers.store.outage import is_away
from workers.store.webhooks import Held, Waiting, WebhookBook
from workers.telemetry import event

#: For one try, its answer included (RELIABILITY.md A6).
DEADLINE_S = 15.0
#: Threads, and connections to the store, that all subscriptions share.
THREADS = 6
#: How often the log is looked at for something new: commit to receiver within 2 s.
LOOK_EVERY_S = 0.25
#: While the store is away.
AWAY_S = 5.0
#: Changes read at a time.
BATCH = 20
#: A subscription with a backlog gives its place to others after so long, and takes the next free one.
TURN_S = 20.0
#: Subscriptions that are served at once: each may hang for 15 s.
MOST_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Pusher:
    """Serves every subscription. Any number of pushers may run: each subscription has one at a time."""

    book: WebhookBook
    post: Post
    clock: Callable[[], datetime]
    chance: Callable[[], float] = random.random
    serving: set[asyncio.Task[None]] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, beat: Callable[[], None]) -> None:
        """Serve until `stopping` is set, then end the tries that are on their way. `beat` is called at every look."""
        while not self.stopping.is_set():
            beat()
            wait = await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), wait)
        await asyncio.gather(*self.serving)

    async def look(self) -> float:
        """Begin to serve what is due; return the wait in seconds until the next look."""
        try:
            found = await asyncio.to_thread(self.book.claim, MOST_AT_ONCE - len(self.serving))
        except Exception as error:
            if not is_away(error):
                raise
            event("webhooks_wait", level="warning", error=str(error))
            return AWAY_S
        for one in found:
            task = asyncio.create_task(self.serve(one))
            self.serving.add(task)
            task.add_done_callback(self.serving.discard)
        return LOOK_EVERY_S

    async def serve(self, one: Held) -> None:
        """Push what a subscription waits for, one change after the other, until there is no more, or one fails.

        When the store goes away, the lease is left to its end: what was delivered last comes again then.
        """
        try:
            await self._serve(one)
        except Exception as error:  # noqa: BLE001  (one subscription's trouble is not the others')
            facts = {"error": str(error)} if is_away(error) else {"exception": traceback.format_exc()}
            event("webhook_interrupted", level="error", webhook=one.id, **facts)

    async def _serve(self, one: Held) -> None:
        loop = asyncio.get_running_loop()
        until, cursor, sent = loop.time() + TURN_S, one.cursor, 0
        try:
            while not self.stopping.is_set() and loop.time() < until:
                waiting = await asyncio.to_thread(self.book.read, one, cursor, BATCH)
                for row in waiting.rows:
                    if self.stopping.is_set() or not await self._push(one, row, waiting):
                        return
                    cursor, sent = row["seq"], sent + 1
                if waiting.reached == cursor and len(waiting.rows) < BATCH:
                    break
                if waiting.reached > cursor:
                    if not await asyncio.to_thread(self.book.move, one, waiting.reached):
                        return
                    cursor = waiting.reached
            await asyncio.to_thread(self.book.give_back, one)
        finally:
            if sent:
                event("webhook_served", webhook=one.id, changes=sent, cursor=cursor)

    async def _push(self, one: Held, row: RowMapping, waiting: Waiting) -> bool:
        """Try one change; return whether the next one may follow."""
        try:
            answer = await self._send(one, row, waiting)
        except FetchFailed as failure:
            return await self._failed(one, row, None, str(failure))
        except Exception:  # noqa: BLE001  (a change that cannot be told is one that fails: it is kept, and others go on)
            return await self._failed(one, row, None, traceback.format_exc())
        if 200 <= answer.status < 300:
            return await asyncio.to_thread(self.book.delivered, one, row["seq"], answer.status)
        return await self._failed(one, row, answer, f"HTTP {answer.status}")

    async def _send(self, one: Held, row: RowMapping, waiting: Waiting) -> Response:
        told = event_of(row, waiting.ledger)
        if one.with_text:
            told = with_text(told, waiting.texts.get((row["entry_id"], row["version"]), ""))
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        headers = signed_headers(one.secrets, told["id"], int(self.clock().timestamp()), body)
        return await self.post(one.url, headers=headers, body=body)

    async def _failed(self, one: Held, row: RowMapping, answer: Response | None, error: str) -> bool:
        """Write a failed try down; return whether the next change may follow at once."""
        status = answer.status if answer is not None else None
        failing = await asyncio.to_thread(self.book.failed, one, status, error)
        if failing is None:
            return False
        facts = {"webhook": one.id, "seq": row["seq"], "tries": failing.tries, "error": error.strip()}
        match after_failure(status, tries=failing.tries, trying_s=failing.trying_s, failing_s=failing.failing_s):
            case Next.OFF:
                event("webhook_off", level="error", failing_s=failing.failing_s, **facts)
                await asyncio.to_thread(self.book.switch_off, one)
                return False
            case Next.DEAD_LETTER:
                event("webhook_dead_letter", level="error", **facts)
                return await asyncio.to_thread(self.book.set_aside, one, row, error)
            case Next.AGAIN:
                asked_s = answer.rest_s if answer is not None else 0.0
                wait = wait_s(failing.failing_s, self.chance(), asked_s)
                event("webhook_failed", level="warning", wait_s=round(wait), **facts)
                await asyncio.to_thread(self.book.wait, one, wait)
                return False
