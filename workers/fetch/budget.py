"""How many bytes of bodies one process holds at a time, however many hosts answer at once.

A body may be 10 MB, and 14 KB on the wire become as much: fifty of them would be half a gigabyte. So bodies share a
budget until whoever asked for them is done. When that is spent they wait, all but one: it goes on to its end, since
nothing else would ever make room. The most that is held is the budget and one body.
"""

import asyncio
from collections import Counter


class Budget:
    """For one event loop."""

    def __init__(self, size: int) -> None:
        """`size`: bytes."""
        self._left = size
        self._taken = Counter[str]()
        self._first: str | None = None  # who goes on although nothing is left
        self._changed = asyncio.Condition()
        self.waiting = 0  # who waits for room

    async def take(self, who: str, size: int) -> None:
        """Take so many bytes more; wait until there are, or until it is one's turn to go on without."""
        if not self._may(who, size):
            self.waiting += 1
            try:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._may(who, size))
            finally:
                self.waiting -= 1
        # no await from here on: what was true above still is
        if self._left < size:
            self._first = who
        self._left -= size
        self._taken[who] += size

    def _may(self, who: str, size: int) -> bool:
        return self._left >= size or self._first in {None, who}

    async def give_back(self, who: str) -> None:
        """Give back all that was taken under this name."""
        if who not in self._taken:
            return
        self._left += self._taken.pop(who)
        if self._first == who:
            self._first = None
        async with self._changed:
            self._changed.notify_all()
