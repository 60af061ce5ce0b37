"""The table in Celery's form, on a clock that nobody can set."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.schedules import schedstate, schedule

from schedules.entries import Tick

_STARTED_AT, _STARTED = datetime.now(UTC), time.monotonic()  # noqa: TID251  (where this process's own time begins)


def steady_now() -> datetime:
    """Return the time of this process: the wall clock's at its start, and from then on the monotonic one's.

    Beat reckons from the last run. By a wall clock that is set back by an hour, it would rest for that hour.
    """
    return _STARTED_AT + timedelta(seconds=time.monotonic() - _STARTED)


class Every(schedule):  # type: ignore[misc]
    """Every so many seconds, whatever the clock does."""

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Return whether to run, and the seconds until the next look.

        A last run that lies ahead stood in beat's file, from before the clock was set back: run.
        """
        state = super().is_due(last_run_at)
        return state if state.next <= self.seconds else schedstate(is_due=True, next=self.seconds)


def beat_schedule(table: tuple[Tick, ...]) -> dict[str, dict[str, Any]]:
    """Return `beat_schedule` for the Celery app."""
    return {
        one.name: {
            "task": one.task,
            "schedule": Every(one.period_s, nowfun=steady_now),
            "options": {"queue": one.queue, "expires": one.expires_s},
        }
        for one in table
    }
