"""The Redis stream: a copy of the change log for consumers who like streams (edge).

Ids equal the sequence (`<seq>-0`), so Redis itself refuses a repeat. The log is the truth: after a flush the stream is
filled again from it. A stream is never deleted, and written only by the ledger whose id stands beside it: an address
that was inherited by mistake must not cost another newsroom its stream and its consumer groups.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

STREAM = "wirewatch:changes"

#: The id of the ledger that the stream is a copy of. Written before the first entry: entries without it are not ours.
OWNER = f"{STREAM}:ledger"

#: Redis takes nothing now and may later: it is away, stuck or still loading its file; it is full; or it was flushed
#: under our hands. As opposed to an answer that should not be.
NOT_TAKEN = (redis.ConnectionError, redis.TimeoutError, redis.OutOfMemoryError, redis.WatchError)


#: Of what Redis may take the stream takes at most this share: the queues live there too, and when it is full every
#: worker dies of it. An event is 3 to 15 KB, so of the 256 MB of our own Redis the stream alone would take all.
SHARE = 0.5


class ChangeStream:
    """Appends numbered changes to one Redis stream, trimmed by length."""

    def __init__(self, client: redis.Redis, *, length: int) -> None:
        self._redis = client
        self.length = length

    @property
    def client(self) -> redis.Redis:
        """The connection to the stream's Redis."""
        return self._redis

    def last_seq(self) -> int:
        """Return the sequence number of the newest entry ever added, 0 for none (or after a flush)."""
        try:
            info: Any = self._redis.xinfo_stream(STREAM)
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            return 0
        return int(info["last-generated-id"].split(b"-")[0])

    def owner(self) -> str | None:
        """Return the id of the ledger that the stream belongs to; None when it has none."""
        found: Any = self._redis.get(OWNER)
        return found.decode(errors="replace") if found is not None else None

    def claim(self, ledger: str) -> None:
        """Make a stream without entries this ledger's, unless another one was quicker."""
        self._redis.set(OWNER, ledger, nx=True)

    def append(self, ledger: str, events: Sequence[dict[str, Any]]) -> None:
        """Add events in the order of their `seq`: all of them or none, and only while the stream is `ledger`'s.

        All or none, because the last id tells how far the stream has come: when Redis is full and one entry is refused
        while a later one passes, the gap would never be seen again. Raises WatchError when the stream is not, or
        ceases to be, this ledger's.
        """
        length = self._length()
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.watch(OWNER)  # type: ignore[no-untyped-call]
            if self.owner() != ledger:
                raise redis.WatchError("the stream does not belong to this ledger any more")
            pipe.multi()
            for one in events:
                pipe.xadd(
                    STREAM,
                    {"event": json.dumps(one, ensure_ascii=False, separators=(",", ":"))},
                    id=f"{one['seq']}-0",
                    maxlen=length,
                    approximate=True,
                )
            pipe.execute()

    def _length(self) -> int:
        """Return how many entries are kept: as many as were asked for, or as find room."""
        info: Any = self._redis.info("memory")
        size: Any = self._redis.memory_usage(STREAM)
        entries: Any = self._redis.xlen(STREAM)
        return min(self.length, fitting(entries, size or 0, info.get("maxmemory", 0)))


def fitting(entries: int, size: int, limit: int) -> int:
    """Return how many entries find room. Pure.

    `size`: bytes of those that are there; `limit`: `maxmemory` in bytes, 0: none.
    """
    room = limit * SHARE
    return sys.maxsize if not limit or size <= room else max(1, int(entries * room / size))


def connect(url: str) -> redis.Redis:
    """Return a client that never hangs on a dead server (RELIABILITY.md Q10).

    No retries of its own: they would multiply the timeouts, and hold the relay's transaction open past its limit.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=15,
        socket_connect_timeout=5,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
