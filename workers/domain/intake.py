"""Whether there is room to take more in: what was measured goes in, a decision with its reasons comes out. Pure.

To take in is to poll and to fetch: what makes the stores grow from outside. Extraction and classification go on while
that is paused, for they bring what is here to its end; readers are served whatever happens.
"""

from dataclasses import dataclass
from enum import StrEnum

#: Intake goes on when there is so many times as much room as it was paused for, or it would be paused again at once.
RESUME = 1.2

#: The only policy under which Redis never deletes what it was given (redis.io, key eviction).
NO_EVICTION = "noeviction"

READ_ONLY = "the database is read-only (transaction_read_only): nothing can be written down until it takes writes again"


class Intake(StrEnum):
    """What may be begun."""

    OPEN = "open"
    PAUSED = "paused"  # no polls and no fetches
    STOPPED = "stopped"  # nothing: no step could write down how it ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How much room there is. Shares are of 1."""

    disk_free: float = 1.0  # of the disk under `data_dir`
    redis_free: float = 1.0  # of `maxmemory`
    redis_policy: str = NO_EVICTION
    database_writes: bool = True
    database_has_room: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be begun, and why not everything: "" when it is open."""

    intake: Intake
    why: str = ""


def decide(room: Room, *, least_disk: float, least_redis: float, paused: bool) -> Decision:
    """Return what may be begun. `least_...`: shares of free room below which nothing is taken in.

    `paused`: intake is paused now, so more room is asked for (`RESUME`) before it goes on.
    """
    if not room.database_writes:
        return Decision(Intake.STOPPED, READ_ONLY)
    margin = RESUME if paused else 1.0
    reasons = []
    if room.disk_free < least_disk * margin:
        reasons.append(f"less than {least_disk:.0%} of the disk under data_dir is free: make room")
    if not room.database_has_room:
        reasons.append("the database's disk is full: make room")
    if room.redis_free < least_redis * margin:
        reasons.append(
            f"less than {least_redis:.0%} of the memory that Redis may take is free: raise its maxmemory, "
            "or lower WIREWATCH_STREAM_LENGTH"
        )
    if may_evict(room.redis_policy):
        reasons.append(eviction_sentence(room.redis_policy))
    return Decision(Intake.PAUSED, "; ".join(reasons)) if reasons else Decision(Intake.OPEN)


def may_evict(policy: str) -> bool:
    """Return whether a Redis with this `maxmemory-policy` may delete queues or the stream.

    Whether or not a `maxmemory` is set: one day somebody sets it, and 20 of 20 messages are gone (RELIABILITY.md E3d).
    """
    return policy != NO_EVICTION


def eviction_sentence(policy: str) -> str:
    """Return what to do about a Redis that may evict."""
    return (
        f"Redis has maxmemory-policy {policy} and may throw queues and the stream away when its memory is full: "
        f"set it to {NO_EVICTION} (CONFIG SET, and in its configuration)"
    )
