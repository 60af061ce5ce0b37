"""What follows a delivery that failed. Pure."""

from enum import StrEnum

#: The first wait.
SHORTEST_S = 5.0

#: A receiver that was away is asked again within this part of its absence: after an hour within 2 minutes, after a day
#: within 48. Some 260 tries in 3 days.
PART_OF_ABSENCE = 30

#: How much jitter takes off or puts on.
SPREAD = 0.2

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S

#: Tried for so long, one change is set aside and the next one has its turn.
GIVE_UP_AFTER_S = 3 * DAY_S

#: So long without one success, and the subscription is switched off.
OFF_AFTER_S = 5 * DAY_S

#: A receiver says of this very message that it will never take it: malformed, too large, of a type that it does not
#: take, not to be processed (RFC 9110 section 15.5). An hour is for whoever has just deployed a mistake.
REFUSALS = {400, 413, 415, 422}
REFUSED_AFTER_S = HOUR_S

#: Our own absence is no failure of the receiver: nothing is given up after fewer tries than these.
LEAST_TRIES = 10

#: What a receiver that is busy may ask for (`Retry-After`).
LONGEST_ASKED_S = HOUR_S

GONE = 410


class Next(StrEnum):
    """What follows a failed try."""

    AGAIN = "again"
    DEAD_LETTER = "dead letter"  # this change is set aside
    OFF = "off"  # the subscription ends


def after_failure(status: int | None, *, tries: int, trying_s: float, failing_s: float) -> Next:
    """Return what follows. `status`: None when no answer came; `tries`: of this change, with the one that just failed.

    `trying_s`: since its first try; `failing_s`: since the first failure after the last success of any change.
    """
    if status == GONE:  # the standard's word for: stop sending
        return Next.OFF
    if tries < LEAST_TRIES:
        return Next.AGAIN
    if failing_s >= OFF_AFTER_S:
        return Next.OFF
    limit = REFUSED_AFTER_S if status in REFUSALS else GIVE_UP_AFTER_S
    return Next.DEAD_LETTER if trying_s >= limit else Next.AGAIN


def wait_s(failing_s: float, jitter: float, asked_s: float = 0.0) -> float:
    """Return the wait in seconds before the next try; `jitter` in 0..1. `asked_s`: what the receiver asked for."""
    spread = 1 - SPREAD + 2 * SPREAD * jitter
    return max(max(SHORTEST_S, failing_s / PART_OF_ABSENCE) * spread, min(asked_s, LONGEST_ASKED_S))
