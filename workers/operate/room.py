"""How full Redis is, and whether it may throw away what it was given (edge)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from workers.domain.errors import StartError
from workers.domain.intake import NO_EVICTION, eviction_sentence, may_evict

#: Redis does not answer now and may later; as opposed to an answer that should not be.
AWAY = (redis.ConnectionError, redis.TimeoutError)

#: A Redis that does not answer at the start is waited for by the service itself.
START_PATIENCE_S = 5


@dataclass(frozen=True, slots=True)
class RedisRoom:
    """What Redis says of its memory."""

    free: float = 1.0  # share of `maxmemory`; 1 without one, and less than 0 when it was lowered below use
    policy: str = NO_EVICTION


def redis_room(client: redis.Redis) -> RedisRoom:
    """Return what a Redis says of its memory. INFO, because CONFIG is often forbidden. Raises RedisError."""
    info: Any = client.info("memory")
    limit = info.get("maxmemory", 0)
    # as Redis itself counts (evict.c): what it owes to replicas and to its file does not fill it
    used = info["used_memory"] - info.get("mem_not_counted_for_evict", 0)
    return RedisRoom(1 - used / limit if limit else 1.0, info.get("maxmemory_policy", NO_EVICTION))


def refuse_eviction(urls: Mapping[str, str]) -> None:
    """Return when no Redis may evict. `urls`: by the name of their setting. One that is away is not waited for.

    Raises StartError with what to do.
    """
    for name, url in urls.items():
        try:
            with redis.Redis.from_url(
                url, socket_timeout=START_PATIENCE_S, socket_connect_timeout=START_PATIENCE_S, protocol=2
            ) as client:
                policy = redis_room(client).policy
        except AWAY:
            continue  # the service waits for it, and the sweep looks again
        except redis.ResponseError as error:
            raise StartError(f"{name}: Redis does not answer INFO ({error}): allow its user +info") from error
        if may_evict(policy):
            raise StartError(f"{name}: {eviction_sentence(policy)}")
