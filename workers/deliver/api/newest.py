"""How readers that wait learn of new changes: one look at the store for all of them."""

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

#: Seconds between two looks, while anybody waits: with it a change is seen a tenth of a second later on average.
LOOK_S = 0.2


class Newest:
    """The highest number of the log, for readers of one process that wait for it to grow.

    However many wait, the store is asked once in a while; nobody waits, nobody asks. (NOTIFY would need a connection
    of its own that outlives restarts of the database, to save five looks at the end of an index a second.)
    """

    def __init__(self, read: Callable[[], int], *, look_s: float = LOOK_S) -> None:
        self._read = read
        self._look_s = look_s
        self._next: asyncio.Task[int] | None = None
        self.is_closing = False

    def close(self) -> None:
        """Let everybody go who waits: the process ends. (A flag, so that a signal's handler may call it.)"""
        self.is_closing = True

    async def beyond(self, seq: int, wait_s: float) -> bool:
        """Return whether the log went beyond `seq` within so many seconds. Raises what the store raises."""
        clock = asyncio.get_running_loop().time
        until = clock() + wait_s
        while not self.is_closing and clock() < until:
            if await self._look() > seq:
                return True
        return False

    async def _look(self) -> int:
        if self._next is None:
            self._next = asyncio.create_task(self._read_later())
        return await asyncio.shield(self._next)  # a reader who leaves takes the look away from nobody

    async def _read_later(self) -> int:
        try:
            await asyncio.sleep(self._look_s)
            return await run_in_threadpool(self._read)
        finally:
            self._next = None
