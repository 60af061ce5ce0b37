"""Logs and metrics. Every event and metric name is registered here; an unknown one is a mistake that fails at once."""

import logging
import sys
from typing import Any, Literal

import structlog
from prometheus_client import Counter

#: Log events: one JSON line each, with the ids that belong to it.
EVENTS = frozenset(
    {
        "step_done",  # a batch of a stage was settled
        "entry_failed",  # a step ended in a way that nobody expected, with its traceback
        "hint_lost",  # Redis did not take a message; the sweeper repeats it
        "sources_taken_up",  # a changed sources.yaml is in force
        "sources_refused",  # a changed sources.yaml has errors; the old one stays in force
        "topics_taken_up",
        "topics_refused",
        "pages_forgotten",  # retention
        "invariant_broken",
        "service_started",
        "stream_unreachable",  # Redis did not take stream entries; the log keeps them, the next relay repeats them
    }
)

OUTCOMES = Counter("wirewatch_outcomes_total", "Entries that left a stage, by how.", ["stage", "outcome"])
POLLS = Counter("wirewatch_polls_total", "Polls of sources, by outcome.", ["outcome"])
HINTS = Counter("wirewatch_hints_total", "Messages sent to Celery, by queue and whether Redis took them.", ["queue", "sent"])

#: A hostile title must not fill the log (RELIABILITY.md A8).
LONGEST_VALUE = 500
#: These may be long: the end of a traceback is what matters.
LONG_ONES = {"exception", "detail"}

Level = Literal["debug", "info", "warning", "error"]


def configure_logging(service: str, level: str) -> None:
    """Write one JSON object a line to standard error, from our code and from the libraries below it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _cut_long_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
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
    return {
        key: value[:LONGEST_VALUE] + "…" if isinstance(value, str) and len(value) > LONGEST_VALUE and key not in LONG_ONES else value
        for key, value in facts.items()
    }
