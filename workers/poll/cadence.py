"""When a source is asked again. Pure: what happened + when it was asked -> seconds."""

from dataclasses import dataclass
from datetime import datetime

from workers.domain.outcomes import FeedOutcome


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds: never sooner than `least`, never later than `most`."""

    least: int
    most: int


def next_interval_s(outcome: FeedOutcome, *, new: int, interval_s: int, bounds: Bounds) -> int:
    """Return the interval that fits what the feed does: sooner while it brings news, later while it is silent."""
    if not outcome.is_success and outcome is not FeedOutcome.CUT_OFF:
        return interval_s
    wanted = interval_s / 1.5 if new else interval_s * 1.25
    return round(min(max(wanted, bounds.least), bounds.most))


def next_poll_s(
    outcome: FeedOutcome,
    *,
    interval_s: int,
    failures: int,
    until: datetime | None,
    now: datetime,
    bounds: Bounds,
    jitter: float,
) -> float:
    """Return the wait in seconds until the next poll.

    `failures`: those in a row before this poll. A failing source is asked less and less often, but at least once in
    `bounds.most` for ever: nobody is given up silently. `until`: what Retry-After asks for. `jitter`: 0..1.
    """
    failed = not outcome.is_success and outcome is not FeedOutcome.CUT_OFF
    wait = interval_s * 2.0 ** min(failures, 16) if failed else float(interval_s)
    if until is not None:
        wait = max(wait, (until - now).total_seconds())
    return min(wait, bounds.most) * (0.9 + 0.2 * jitter)
