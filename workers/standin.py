"""Beat's stand-in: when beat is silent the relay sends the ticks in its place, and says so.

The relay consumes what beat sends to look after the path, so where it runs the ticks are worth something, and where it
does not nobody's would be. Any number of relays may stand in: each tick is one process's, by a conditional UPDATE.
"""

from time import monotonic
from typing import Any

from celery import bootsteps
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from schedules.entries import ticks
from workers.app import SETTINGS, app
from workers.bootstrap import steps
from workers.pipeline import HEARTBEAT
from workers.store.outage import is_away
from workers.store.ticks import seconds_since, take_slot
from workers.telemetry import event

#: As often as the most frequent tick.
LOOK_S = 2.0
#: Whoever did not look for so long was stopped or busy, and has to listen anew.
ABSENT_S = 30.0
#: So often the silence is told.
TELL_S = 60.0


class StandIn(bootsteps.StartStopStep):  # type: ignore[misc]
    """Looks every two seconds, on the relay's own timer, while it is connected to Redis."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        self._timer: Any = None
        super().__init__(consumer, **options)

    def start(self, consumer: Any) -> None:
        """Begin to listen: at the start, and whenever Redis is back."""
        self._listening_since = self._looked = monotonic()
        self._timer = consumer.timer.call_repeatedly(LOOK_S, self.look)

    def stop(self, _consumer: Any) -> None:
        """Stop listening: Redis is away, or the relay ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    shutdown = stop

    def look(self) -> None:
        """Send what is due in beat's place, if beat is silent."""
        now = monotonic()
        if now - self._looked > ABSENT_S:
            self._listening_since = now
        self._looked = now
        try:
            stand_in(listening_s=now - self._listening_since)
        except Exception as error:
            if not is_away(error):
                raise
            self._listening_since = now  # what beat's tick writes could not be written either


def is_silent(*, heard_ago_s: float | None, listening_s: float, silence_s: float) -> bool:
    """Return whether beat gave no sign for so long, as far as we could have heard it."""
    return listening_s > silence_s and (heard_ago_s is None or heard_ago_s > silence_s)


def stand_in(*, listening_s: float) -> None:
    """Send the ticks that are due when beat is silent; `listening_s`: for so long we would have heard it."""
    if listening_s <= SETTINGS.beat_silence_s:
        return
    engine = steps().engine
    heard = seconds_since(engine, HEARTBEAT)
    if not is_silent(heard_ago_s=heard, listening_s=listening_s, silence_s=SETTINGS.beat_silence_s):
        return
    if take_slot(engine, "beat silent", TELL_S):
        event("beat_silent", level="error", heard_s=round(heard) if heard is not None else None)
    for one in ticks(sweep_period_s=SETTINGS.sweep_period_s):
        if one.name != HEARTBEAT and take_slot(engine, f"stand-in: {one.name}", one.period_s):
            _send(one.task, one.queue, one.expires_s)


def _send(task: str, queue: str, expires_s: float) -> None:
    try:
        app.send_task(task, queue=queue, expires=expires_s)
    except (OperationalError, RedisError, OSError) as error:
        event("hint_lost", level="warning", queue=queue, error=str(error))


app.steps["consumer"].add(StandIn)
