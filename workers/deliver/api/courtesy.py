"""Readers that catch up leave the machine to the path: news goes before history.

The API has a core's worth of appetite: 20 readers at full speed slowed the intake by a third on two cores. A lower
priority of its process did not help (nice 10 and 19, measured), probably because Linux shares by session first
(`sched_autogroup`, sched(7)): the processes that read pages and the server's own have sessions of their own. So
whoever was given a long page is answered a little later while a worker has a page or a text in hand, and then asks
later for the next one.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from starlette.concurrency import run_in_threadpool

#: What long pages may take of one core while the path is busy. `benchmarks/readers.py` says what the path pays for it.
SHARE = 0.04

#: A page of so many events is a long one: who reads the news as it comes is never held up.
LONG = 50

#: Nobody waits longer for a turn (seconds): a stream says something every 15, a stop waits for 10.
MOST_S = 5.0

#: So often the store is asked whether the path is busy (seconds), while long pages are read.
LOOK_S = 0.2


class Courtesy:
    """Tells long pages when they may go out. For one event loop."""

    def __init__(self, is_path_busy: Callable[[], bool], clock: Callable[[], float] = monotonic) -> None:
        self._is_path_busy = is_path_busy
        self._clock = clock
        self._looked_at, self._busy = -LOOK_S, False
        self._free_at = 0.0

    async def give_way(self, events: int, cpu_s: float) -> None:
        """Wait until a page of so many events, made in so many CPU seconds, may go. Raises what the store raises."""
        if events < LONG or not await self._look():
            return
        now = self._clock()
        self._free_at = min(max(now, self._free_at) + cpu_s / SHARE, now + MOST_S)
        await asyncio.sleep(self._free_at - now)

    async def _look(self) -> bool:
        if (now := self._clock()) >= self._looked_at + LOOK_S:
            self._looked_at = now  # first, so that others do not look meanwhile
            self._busy = await run_in_threadpool(self._is_path_busy)
        return self._busy
