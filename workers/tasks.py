"""The tasks: each finds the steps, calls one, hands on. Messages carry ids only, several at a time."""

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.app import app, sign_of_life, taking_long
from workers.bootstrap import steps
from workers.domain.intake import Intake
from workers.pipeline import CANARY, HEARTBEAT, LEDGER_STAGES, STAGE, Service, Stage, next_stage
from workers.store.ledger import Due
from workers.telemetry import event

#: After a long pause there may be a million old pages to forget.
UPKEEP_S = 1_800.0
POLL, FETCH, DELIVER = STAGE["poll"], STAGE["fetch"], STAGE["deliver"]


@app.task(name="poll_sources")
def poll_sources(ids: list[str]) -> None:
    """Poll these sources; fetch what is new."""
    steps().poll(ids, partial(hint_next, POLL))


@app.task(name="fetch_entries")
def fetch_entries(ids: list[str]) -> None:
    """Fetch these entries' pages."""
    steps().fetch(_uuids(ids), partial(hint_next, FETCH))


@app.task(name="extract_entries")
def extract_entries(ids: list[str]) -> None:
    """Extract clean text from these entries' pages."""
    hint_next(STAGE["extract"], steps().extract(_uuids(ids)))


@app.task(name="classify_entries")
def classify_entries(ids: list[str]) -> None:
    """Flag these entries' topics."""
    hint_next(STAGE["classify"], steps().classify(_uuids(ids)))


@app.task(name="relay_changes")
def relay_changes() -> None:
    """Number committed changes and hand them on."""
    steps().relay()


@app.task(name="sweep")
def sweep() -> None:
    """Look for due work in the store and send hints for it, as far as the queues have room."""
    found = steps()
    intake = found.look_for_room()
    if intake is Intake.STOPPED:
        return
    found.excuse_outage()  # before the tick is noted: by the last one it knows how long nobody swept
    found.take_up_files()
    found.record_tick("sweep")
    found.pull_in()
    for stage in swept(intake):
        for batch in batches(found.due(stage), size=found.settings.batch_size, room=found.room(stage)):
            _send(stage, [batch])


@app.task(name=HEARTBEAT)
def heartbeat() -> None:
    """Note that beat ticks."""
    steps().record_tick(HEARTBEAT)


@app.task(name=CANARY)
def canary(queue: str) -> None:
    """Show that a queue is consumed."""
    sign_of_life(queue)
    steps().record_tick(f"canary: {queue}")


@app.task(name="upkeep")
def upkeep() -> None:
    """Forget old pages; check the promises."""
    with taking_long(Service.RELAY, UPKEEP_S):
        steps().upkeep()


def hint(stage: Stage, ids: Iterable[str]) -> None:
    """Tell a stage's workers to look at these ids; what Redis does not take is told and left to the sweeper."""
    size = steps().settings.batch_size
    waiting = list(ids)
    for start in range(0, len(waiting), size):
        _send(stage, [waiting[start : start + size]])


def hint_next(stage: Stage, ids: Iterable[UUID]) -> None:
    """Hand entries on to the step after `stage`."""
    following = next_stage(stage)
    advanced = [str(one) for one in ids]
    if following is DELIVER:
        if advanced and steps().room(DELIVER):  # one waiting hint says as much as a thousand
            _send(DELIVER, [])
    elif following is not None:
        hint(following, advanced)


def swept(intake: Intake) -> list[Stage]:
    """Return the stages that are looked at: while intake is paused, none that takes in."""
    stages = (POLL, *LEDGER_STAGES)
    return [stage for stage in stages if intake is Intake.OPEN or stage.service is not Service.IO]


def batches(due: Iterable[Due], *, size: int, room: int) -> list[list[str]]:
    """Return ids as messages, at most `room` of them: many together, but each that a process died over alone.

    What finds no room is looked for again when its hint lag has passed.
    """
    due = list(due)
    together = [str(one.id) for one in due if not one.alone]
    made = [together[start : start + size] for start in range(0, len(together), size)]
    return [*made, *([str(one.id)] for one in due if one.alone)][:room]


def _send(stage: Stage, arguments: list[list[str]]) -> None:
    try:
        app.send_task(stage.task, args=arguments, queue=stage.name)
    except (OperationalError, RedisError, OSError) as error:
        event("hint_lost", level="warning", queue=stage.name, error=str(error))


def _uuids(ids: list[str]) -> list[UUID]:
    return [UUID(one) for one in ids]
