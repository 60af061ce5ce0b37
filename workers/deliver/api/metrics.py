"""Metrics for Prometheus, made of what was read from the ledger: values in, text out.

Counters in worker processes would be lost with them, and the ledger has counted already: so one scrape of the API tells
of the whole system, however many workers run and die.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from workers.store.overview import Flow

#: Name, help, label: everything that `/metrics` tells.
METRICS = {
    "entries_in_flight": ("Entries that wait for their next step, by the state they are in.", "state"),
    "oldest_due_seconds": ("How long the oldest due entry has been waiting for its step.", None),
    "changes_numbered": ("The newest sequence number of the change log.", None),
    "changes_unnumbered": ("Committed changes that wait for the relay.", None),
    "tick_age_seconds": ("Seconds since a scheduled task ran last.", "name"),
    "workers_replaced": ("Workers that lived but did not consume, and were replaced.", "worker"),
    "intake_paused": ("1 while nothing is polled or fetched; /healthz says why.", None),
    "sources_watched": ("Watched sources, by how their last poll ended.", "outcome"),
    "sources_failing": ("Watched sources whose last polls failed.", None),
    "polls": ("Polls of sources ever made, by outcome.", "outcome"),
}


def render(flow: Flow, sources: Sequence[Any]) -> bytes:
    """Return the text that a scrape reads."""
    registry = CollectorRegistry()
    watched = [row for row in sources if row["watched"]]
    polls: Counter[str] = Counter()
    for row in sources:
        polls.update(row["outcomes"])
    oldest = (flow.now - flow.oldest_due).total_seconds() if flow.oldest_due else 0.0
    values: dict[str, float | Mapping[str, float]] = {
        "entries_in_flight": flow.in_flight,
        "oldest_due_seconds": max(0.0, oldest),
        "changes_numbered": flow.last_seq,
        "changes_unnumbered": flow.unnumbered,
        "tick_age_seconds": {name: (flow.now - at).total_seconds() for name, at in flow.last_tick.items()},
        "workers_replaced": flow.replaced,
        "intake_paused": float(flow.paused is not None),
        "sources_watched": Counter(row["last_outcome"] or "not polled yet" for row in watched),
        "sources_failing": sum(1 for row in watched if row["failures"]),
        "polls": polls,
    }
    for name, (told, label) in METRICS.items():
        gauge = Gauge(f"wirewatch_{name}", told, [label] if label else [], registry=registry)
        value = values[name]
        if isinstance(value, Mapping):
            for of, number in value.items():
                gauge.labels(of).set(number)
        else:
            gauge.set(value)
    return generate_latest(registry)
