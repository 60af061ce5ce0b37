"""THE PATH of an article, on one screen.

A source is due -> its feed names a link -> the page is fetched -> clean text is extracted -> topics are flagged ->
the change is numbered and handed on. Each row says which task does the step, which queue wakes it, which state of
the ledger it takes up and which it leaves behind. Celery's queues and routes, the worker services, the sweeper, the
diagram in the README and the tests are derived from this table.
"""

from dataclasses import dataclass
from enum import StrEnum

from workers.domain.outcomes import State


class Service(StrEnum):
    """Which worker service consumes a queue."""

    IO = "io"  # waits for the outside, many at a time
    CPU = "cpu"  # one process a core
    RELAY = "relay"  # one process: order and housekeeping


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the path."""

    name: str  # also the queue's name, so that Flower reads as the path
    task: str
    service: Service
    takes: State | None  # the state it finds; None: not an entry of the ledger
    leaves: State | None  # the state it leaves when it advances


PATH = (
    Stage("poll", "poll_sources", Service.IO, None, State.DISCOVERED),
    Stage("fetch", "fetch_entries", Service.IO, State.DISCOVERED, State.FETCHED),
    Stage("extract", "extract_entries", Service.CPU, State.FETCHED, State.EXTRACTED),
    Stage("classify", "classify_entries", Service.CPU, State.EXTRACTED, State.CLASSIFIED),
    Stage("deliver", "relay_changes", Service.RELAY, State.CLASSIFIED, None),
)

#: Beside the path: what looks after it.
CONTROL = "control"
#: Only beat sends this one, so that its silence is heard.
HEARTBEAT = "heartbeat"
CONTROL_TASKS = ("sweep", "upkeep", HEARTBEAT)
#: Sent to every queue: whoever consumes it is alive.
CANARY = "canary"

QUEUES = (*(stage.name for stage in PATH), CONTROL)
ROUTES = {stage.task: stage.name for stage in PATH} | dict.fromkeys(CONTROL_TASKS, CONTROL)
STAGE = {stage.name: stage for stage in PATH}
#: What the sweeper takes up: stages whose due work is entries of the ledger.
LEDGER_STAGES = tuple(stage for stage in PATH if stage.takes is not None and stage.leaves is not None)


def next_stage(stage: Stage) -> Stage | None:
    """Return the step that takes what `stage` leaves, None at the end of the path."""
    return next((one for one in PATH if stage.leaves is not None and one.takes is stage.leaves), None)


def service_of(queue: str) -> Service:
    """Return the worker service that consumes a queue."""
    return STAGE[queue].service if queue in STAGE else Service.RELAY


def queues_of(service: Service) -> tuple[str, ...]:
    """Return the queues that a worker service consumes, in the order of the path."""
    own = tuple(stage.name for stage in PATH if stage.service is service)
    return (CONTROL, *own) if service is Service.RELAY else own
