"""Which fault comes when. A table of kinds, and a seed in, a list of faults out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """What is done to a target."""

    KILL = "kill"  # SIGKILL to one process
    KILL_CHILD = "kill-child"  # SIGKILL to one process that it started
    STOP = "stop"  # SIGSTOP to it and all its children, SIGCONT after a while
    STOP_CHILD = "stop-child"  # the same to one child
    TERMINATE = "terminate"  # the signal of an orderly stop; the supervisor starts it again
    FLUSH = "flush"  # FLUSHALL
    FILL = "fill"  # no memory is left for a while
    DOUBLE = "double"  # every message of a while is sent twice
    SECOND = "second"  # another one of it runs for a while


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table. `hold_s`: how long it lasts, least and most, in seconds."""

    deed: Deed
    target: str  # a program of the supervisor
    hold_s: tuple[float, float] = (0.0, 0.0)

    def __str__(self) -> str:
        return f"{self.target} {self.deed}"


#: A stop is either short or longer than the lease of `wirewatch chaos`, so that both ways of coming back are met.
SHORT, LONG = (0.5, 4.0), (13.0, 16.0)

KINDS = (
    Kind(Deed.KILL, "worker-io"),
    Kind(Deed.KILL, "worker-cpu"),
    Kind(Deed.KILL, "relay"),
    Kind(Deed.KILL, "beat"),
    Kind(Deed.KILL, "api"),
    Kind(Deed.KILL_CHILD, "worker-io"),
    Kind(Deed.KILL_CHILD, "worker-cpu"),
    Kind(Deed.TERMINATE, "worker-io"),
    Kind(Deed.TERMINATE, "worker-cpu"),
    Kind(Deed.STOP, "worker-io", SHORT),
    Kind(Deed.STOP, "worker-cpu", LONG),
    Kind(Deed.STOP_CHILD, "worker-io", LONG),
    Kind(Deed.STOP_CHILD, "worker-cpu", SHORT),
    Kind(Deed.STOP, "relay", SHORT),
    Kind(Deed.STOP, "beat", LONG),
    Kind(Deed.STOP, "api", SHORT),
    Kind(Deed.SECOND, "beat", (5.0, 10.0)),
    Kind(Deed.KILL, "push"),
    Kind(Deed.STOP, "push", SHORT),
    Kind(Deed.SECOND, "push", (5.0, 10.0)),
    Kind(Deed.FLUSH, "redis"),
    Kind(Deed.KILL, "redis"),
    Kind(Deed.TERMINATE, "redis"),
    Kind(Deed.STOP, "redis", SHORT),
    Kind(Deed.FILL, "redis", (2.0, 6.0)),
    Kind(Deed.DOUBLE, "redis", (4.0, 8.0)),
    Kind(Deed.KILL, "postgres"),
    Kind(Deed.KILL_CHILD, "postgres"),
    Kind(Deed.TERMINATE, "postgres"),
    Kind(Deed.STOP, "postgres", SHORT),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `at_s` seconds after the start, for `hold_s` seconds; `pick` in 0..1 chooses among children."""

    at_s: float
    kind: Kind
    hold_s: float
    pick: float


def schedule(seed: int, seconds: float, *, every_s: float = 2.5, kinds: Sequence[Kind] = KINDS) -> list[Fault]:
    """Return the faults of a run, by time, the same for the same seed: one in `every_s` seconds, at uneven distances.

    Kinds are dealt like cards: each comes once before any comes twice. All of them are over when the run is.
    """
    chance = random.Random(seed)  # noqa: S311  (a schedule, not a secret)
    deck: list[Kind] = []
    faults = []
    for number in range(int(seconds / every_s)):
        if not deck:
            deck = chance.sample(list(kinds), len(kinds))
        kind = deck.pop()
        at = (number + chance.uniform(0, 1)) * every_s
        hold = min(chance.uniform(*kind.hold_s), seconds - at)
        faults.append(Fault(round(at, 3), kind, round(hold, 3), chance.random()))
    return faults


def consumer_kills(seed: int, seconds: float, most: int = 50) -> list[float]:
    """Return the moments (seconds after the start) at which the consumer is killed: one a second, at most `most`."""
    chance = random.Random(seed)  # noqa: S311
    return sorted(round(chance.uniform(0, seconds), 3) for _ in range(min(most, int(seconds))))
