"""The Redis stream: a copy of the change log for consumers who like streams (edge).

Ids equal the sequence (`<seq>-0`), so Redis itself refuses a repeat. The log is the truth: after a flush the stream is
filled again from it.
"""

import json
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

STREAM = "wirewatch:changes"

#: Redis is away, stuck or still loading its file; as opposed to an answer that should not be.
UNREACHABLE = (redis.ConnectionError, redis.TimeoutError)


class ChangeStream:
    """Appends numbered changes to one Redis stream, trimmed by length."""

    def __init__(self, client: redis.Redis, *, length: int) -> None:
        self._redis = client
        self.length = length

    def last_seq(self) -> int:
        """Return the sequence number of the newest entry ever added, 0 for none (or after a flush)."""
        try:
            info: Any = self._redis.xinfo_stream(STREAM)
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            return 0
        return int(info["last-generated-id"].split(b"-")[0])

    def forget(self) -> None:
        """Delete the stream and its consumer groups."""
        self._redis.delete(STREAM)

    def append(self, events: Sequence[dict[str, Any]]) -> None:
        """Add events in the order of their `seq`."""
        pipe = self._redis.pipeline(transaction=False)
        for one in events:
            pipe.xadd(
                STREAM,
                {"event": json.dumps(one, ensure_ascii=False, separators=(",", ":"))},
                id=f"{one['seq']}-0",
                maxlen=self.length,
                approximate=True,
            )
        pipe.execute()


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
