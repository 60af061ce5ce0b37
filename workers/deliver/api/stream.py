"""The change log as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

A reader costs one page of memory: the next one is read when the last is on its way. Who takes nothing for half a
minute is cut off; whoever was cut off comes back with the number of the last event, and misses nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from workers.deliver.api.changes import LOOK_AFTER_S, Filters, Log, Wanted
from workers.deliver.api.courtesy import Courtesy
from workers.deliver.api.gate import Gate
from workers.deliver.api.limits import Places
from workers.deliver.api.newest import Newest

#: Changes that are read at a time.
PAGE = 50

#: After so long without an event something is said all the same: proxies cut what is silent for 30 to 60 s.
HEARTBEAT_S = 15.0

#: Who takes nothing for so long is cut off.
SLOWEST_S = 30.0

#: After this a browser comes back.
RETRY_MS = 2_000

#: In the scope of a request: what drops its connection at once, with all that waits to be sent.
HANG_UP = "wirewatch.hang_up"

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # the second is for nginx, which would collect

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events without end: `id` is the seq, `data` the event as on a page of /v1/changes.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class TookNothing(Exception):  # noqa: N818  (what it did)
    """A reader took nothing for too long."""


class EventStream(StreamingResponse):
    """Sends while a place is kept, and hangs up on a reader that takes nothing."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], place: AbstractContextManager[None]) -> None:
        super().__init__(content, headers=HEADERS)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""

        async def in_time(message: Any) -> None:
            try:
                async with asyncio.timeout(SLOWEST_S):
                    await send(message)
            except TimeoutError as error:  # is an OSError, which would be taken for a reader that left
                raise TookNothing from error

        with self._place:
            try:
                await super().__call__(scope, receive, in_time)
            except TookNothing:
                scope[HANG_UP]()
                await asyncio.sleep(0)  # until the server has heard of it


def stream_routes(log: Log, newest: Newest, places: Places, gate: Gate, courtesy: Courtesy) -> APIRouter:
    """Return the route of the stream."""
    router = APIRouter(tags=["delivery"])

    @router.get("/v1/stream", response_class=StreamingResponse, responses=ANSWERS)
    async def stream(
        request: Request,
        wanted: Filters,
        after: Annotated[
            int | None, Query(ge=0, le=2**62, description="The last seq you have; without it: from now on.")
        ] = None,
        last_event_id: Annotated[
            str | None, Header(pattern=r"^\d{1,18}$", description="As browsers say it when they come back.")
        ] = None,
    ) -> EventStream:
        """Get changes as server-sent events, from a cursor or from now on. `Last-Event-ID` goes before `after`."""
        await run_in_threadpool(log.check, wanted)
        if last_event_id is not None:
            after = int(last_event_id)
        elif after is None:
            after = await run_in_threadpool(log.last_seq)
        told = events(log, newest, after, wanted, gate, courtesy, request)
        return EventStream(told, places.one(request.state.reader))

    return router


async def events(
    log: Log, newest: Newest, after: int, wanted: Wanted, gate: Gate, courtesy: Courtesy, request: Request
) -> AsyncIterator[bytes]:
    """Yield what is sent to one reader, until it leaves, or the process or the key's time ends.

    When the store goes away the stream ends: the reader comes back, and is told then.
    """
    clock = asyncio.get_running_loop().time
    yield b"retry: %d\n\n" % RETRY_MS
    told_at = let_in_at = clock()
    try:
        while not newest.is_closing and not await request.is_disconnected():
            page = await run_in_threadpool(log.page, after, PAGE, wanted)
            after = page.reached
            await courtesy.give_way(len(page.events), page.cpu_s)
            if page.events:
                yield await run_in_threadpool(framed, page.events)
                told_at = clock()
            if after >= page.newest:
                await newest.beyond(after, min(told_at + HEARTBEAT_S - clock(), LOOK_AFTER_S))
            if clock() >= told_at + HEARTBEAT_S:  # also when changes come that are not for this reader
                yield heartbeat(after)
                told_at = clock()
            if clock() >= let_in_at + HEARTBEAT_S:
                if not await run_in_threadpool(gate.is_still_in, request):
                    return
                let_in_at = clock()
    except (OperationalError, NoConnection):
        return


def framed(told: list[tuple[int, bytes]]) -> bytes:
    """Return events as they are sent. JSON has no line ends of its own."""
    return b"".join(b"id: %d\ndata: %s\n\n" % one for one in told)


def heartbeat(reached: int) -> bytes:
    """Return a comment that moves the reader's number on: what was passed over is not looked at again."""
    return b": still here\nid: %d\n\n" % reached
