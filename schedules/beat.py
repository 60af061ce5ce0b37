"""The table in Celery's form."""

from typing import Any

from schedules.entries import Tick


def beat_schedule(table: tuple[Tick, ...]) -> dict[str, dict[str, Any]]:
    """Return `beat_schedule` for the Celery app."""
    return {
        one.name: {
            "task": one.task,
            "schedule": one.period_s,
            "options": {"queue": one.queue, "expires": one.expires_s},
        }
        for one in table
    }
