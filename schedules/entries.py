"""The whole schedule. Plain data: nothing of Celery, nothing of ours but names.

Every entry expires within its period, so a worker that was away wakes to one tick, not to a storm of old ones.
Sources and retries are not here: their due times live in the store, and `sweep` looks for them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled message. Times in seconds."""

    name: str
    task: str
    queue: str
    period_s: float
    expires_s: float


def ticks(*, sweep_period_s: float) -> tuple[Tick, ...]:
    """Return the table."""
    return (
        # look for due sources and entries, and for changed sources.yaml
        Tick("sweep", "sweep", "control", sweep_period_s, sweep_period_s),
        # number and hand on what a lost hint left lying
        Tick("relay", "relay_changes", "deliver", 2, 2),
        # beat is alive; only beat sends this one, not its stand-in
        Tick("heartbeat", "heartbeat", "control", 10, 10),
        # retention, and the promises checked
        Tick("upkeep", "upkeep", "control", 3_600, 3_600),
    )
