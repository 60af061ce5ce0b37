"""When a source is asked again. Pure: what happened + when it was asked -> seconds."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds: never sooner than `least`, never later than `most`."""

    least: int
    most: int


def next_interval_s(interval_s: int, *, changed: bool, bounds: Bounds) -> int:
    """Return the interval that fits what the feed does: sooner while it changes, later while it is silent."""
    wanted = interval_s / 1.5 if changed else interval_s * 1.25
    return round(min(max(wanted, bounds.least), bounds.most))


def next_poll_s(
    interval_s: int, *, failures: int, until: datetime | None, now: datetime, bounds: Bounds, jitter: float
) -> float:
    """Return the wait in seconds until the next poll.

    `failures`: those in a row, with this poll; 0 after a success. A failing source is asked less and less often, but
    at least once in `bounds.most` for ever: nobody is given up silently. `until`: what Retry-After asks for.
    `jitter` in 0..1 makes the wait longer by up to a fifth, never shorter.
    """
    wait = interval_s * 2.0 ** min(max(failures - 1, 0), 16) * (1 + 0.2 * jitter)
    asked = (until - now).total_seconds() if until is not None else 0.0
    return min(max(wait, asked), bounds.most)
