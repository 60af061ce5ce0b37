"""How much one reader may ask for: requests a second, and requests that wait or stream at the same time.

By hand, because it is a dozen lines: libraries for it count in windows and bring stores of their own, and here one
process serves the whole API.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from time import monotonic

from fastapi import HTTPException

#: A reader may save up so many seconds of its rate: a client that fetches twenty articles at once is none that floods.
BURST_S = 5

#: Readers whose buckets are remembered; who has been idle for `BURST_S` has a full one, and is forgotten first.
MOST_READERS = 10_000

#: Requests that wait or stream at the same time: of one reader, and of all. Each costs a socket and about 100 kB.
MOST_WAITING, MOST_WAITING_IN_ALL = 20, 200


class Rate:
    """A token bucket a reader. Threads may share it."""

    def __init__(self, per_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._full_at: dict[str, float] = {}  # when a reader's bucket will be full: all that must be known of it
        self._lock = threading.Lock()

    def take(self, reader: str) -> float:
        """Count a request; return 0 when it may go on, else the seconds after which it may."""
        if not self._per_s:
            return 0
        now = self._clock()
        with self._lock:
            full_at = max(now, self._full_at.get(reader, now)) + 1 / self._per_s
            too_early = full_at - now - BURST_S
            if too_early > 0:
                return too_early
            if len(self._full_at) >= MOST_READERS:
                self._full_at = {one: at for one, at in self._full_at.items() if at > now}
            self._full_at[reader] = full_at
        return 0


class Places:
    """Places for readers that wait or stream. For one event loop."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def one(self, reader: str) -> Iterator[None]:
        """Keep a place while the block runs. Raises HTTPException with 429, or 503 when all are taken."""
        if self._taken[reader] >= MOST_WAITING:
            raise too_many(f"{MOST_WAITING} of your requests wait or stream already", 5)
        if self._taken.total() >= MOST_WAITING_IN_ALL:
            raise HTTPException(503, "too many readers wait or stream", {"retry-after": "5"})
        self._taken[reader] += 1
        try:
            yield
        finally:
            self._taken[reader] -= 1
            if not self._taken[reader]:
                del self._taken[reader]


def too_many(why: str, wait_s: float) -> HTTPException:
    """Return the refusal that says when to go on, in full seconds (RFC 9110, section 10.2.3)."""
    return HTTPException(429, why, {"retry-after": str(max(1, ceil(wait_s)))})
