"""Logs. Every event name is registered here; an unknown one is a mistake that fails at once."""

import json
import logging
import re
import sys
from typing import Any, Literal

# structlog takes rich in when it finds it, for tracebacks in colours: 4 MB in each process, whose logs are JSON.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]  # Python has it that way: there is none
import structlog  # noqa: E402

del sys.modules["rich"]
if _rich is not None:
    sys.modules["rich"] = _rich

#: Log events: one JSON line each, with the ids that belong to it.
EVENTS = frozenset(
    {
        "step_done",  # a batch of a stage was settled
        "entry_failed",  # a step ended in a way that nobody expected, with its traceback
        "worker_replaced",  # it lived but did not consume; whoever supervises it has started another
        "watch_failed",  # the check of the workers could not be run; it is tried again
        "polls_spread",  # nobody has looked for due sources for a while: those that were missed do not come all at once
        "beat_silent",  # nobody ticks; the relay does it in beat's place
        "hint_lost",  # Redis did not take a message; the sweeper repeats it
        "sources_taken_up",  # a changed sources.yaml is in force
        "sources_refused",  # a changed sources.yaml has errors; the old one stays in force
        "topics_taken_up",
        "topics_refused",
        "leases_excused",  # nobody swept for a while: what was held then goes on without a count against it
        "store_away",  # tasks end because the store does not answer, or takes no writes; told once
        "store_back",  # and how many did
        "clock_went_back",  # due times and holds lay further ahead than any rule puts them, and were brought back
        "pages_forgotten",  # retention
        "robots_forgotten",
        "hosts_forgotten",
        "repeats_learned",  # sources whose articles were compared for blocks that repeat
        "invariant_broken",
        "intake_paused",  # nothing is polled or fetched, and why: no room, a read-only database, a Redis that may evict
        "intake_resumed",
        "stream_unreachable",  # Redis did not take stream entries; the log keeps them, the next relay repeats them
        "stream_of_another_ledger",  # the stream is somebody else's and is left alone; an operator has to choose
        "webhook_served",  # changes that a receiver took
        "webhook_failed",  # a try that failed; the next one is due after `wait_s`
        "webhook_dead_letter",  # a change that its receiver did not take for 3 days, or refused for an hour
        "webhook_off",  # a subscription that failed for 5 days, or whose receiver is gone; an operator resumes it
        "webhook_interrupted",  # the store went away under a push, or a bug: it goes on when its lease ends
        "webhooks_wait",  # the store is away
        "stream_ahead_of_log",  # the stream knows later numbers than the log: a restored or copied database
    }
)

#: Characters of a value that a line keeps: a hostile title must not fill the log (RELIABILITY.md A8).
LONGEST_VALUE = 500
#: These may be longer, and keep their end: the last lines of a traceback say what happened.
LONG_ONES = {"exception", "detail"}
LONGEST_TRACEBACK = 4_000

#: What JSON leaves as it is and a terminal or a reader of lines may obey: C1 controls, Unicode's line ends,
#: bidirectional embeddings and isolates, half characters.
OBEYED = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Level = Literal["debug", "info", "warning", "error"]


def configure_logging(service: str, level: str) -> None:
    """Write one JSON object a line to standard error, from our code and from the libraries below it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [
        structlog.processors.format_exc_info,
        _cut_long_values,
        structlog.processors.JSONRenderer(serializer=_one_line),
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "trafilatura", "htmldate", "kombu", "celery.beat", "alembic.runtime.migration"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def event(name: str, *, level: Level = "info", **facts: Any) -> None:
    """Log one registered event. Raises KeyError for a name that is not registered."""
    if name not in EVENTS:
        raise KeyError(f"{name!r} is not a registered event (workers/telemetry.py)")
    getattr(structlog.get_logger(), level)(name, **facts)


def _cut_long_values(_logger: Any, _method: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {key: _cut(key, value) if isinstance(value, str) else value for key, value in facts.items()}


def _cut(key: str, value: str) -> str:
    if key in LONG_ONES:
        return value if len(value) <= LONGEST_TRACEBACK else "…" + value[-LONGEST_TRACEBACK:]
    return value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…"


def _one_line(facts: Any, **options: Any) -> str:
    line = json.dumps(facts, ensure_ascii=False, **options)
    return OBEYED.sub(lambda match: f"\\u{ord(match.group()):04x}", line)
