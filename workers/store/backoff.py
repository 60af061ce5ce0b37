"""When a step that failed is tried again. Pure."""

from workers.domain.outcomes import QuarantineReason, RetryReason

#: Processes that may die over an entry before it is set aside (RELIABILITY.md section 3.3). Counted when it is claimed.
MAX_CRASHES = 3

#: Tries before an entry is set aside (RELIABILITY.md section 3.3): 2.8 days of an outlet being away; an error
#: that nobody expected is not worth more than three.
MAX_TRIES: dict[RetryReason | QuarantineReason, int] = {
    **dict.fromkeys(RetryReason, 12),  # of 404 see below; WAITING is not a try
    QuarantineReason.CRASHED: 1,
    QuarantineReason.BUG: 3,
    QuarantineReason.UNREACHABLE: 1,
    QuarantineReason.UNSTORABLE: 1,
}

DAY_S = 86_400.0
#: No delay is longer: a day, and a fifth for the jitter.
LONGEST_DELAY_S = 1.2 * DAY_S

#: Waits after the first and the second 404, in seconds: the third ends the entry, a day and an hour after the first.
#: (A link is often in the feed before its page is on every server.)
NOT_FOUND_AGAIN_S = (3_600.0, DAY_S)


def delay_s(attempt: int, jitter: float) -> float:
    """Return the wait in seconds after try number `attempt` (1-based); `jitter` in 0..1 spreads it by a fifth.

    `min(24 h, 60 s x 2^attempt) x (0.8 .. 1.2)` (RELIABILITY.md section 3.3).
    """
    return float(min(DAY_S, 60.0 * 2 ** min(attempt, 20)) * (0.8 + 0.4 * jitter))
