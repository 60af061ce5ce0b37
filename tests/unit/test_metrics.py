"""The metrics that a scrape reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

from workers.deliver.api.metrics import METRICS, render
from workers.store.overview import Flow

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def source(**facts: Any) -> dict[str, Any]:
    return {"watched": True, "outcomes": {}, "last_outcome": None, "failures": 0} | facts


def test_a_scrape_tells_of_the_whole_ledger() -> None:
    flow = Flow(
        now=NOW,
        last_tick={"sweep": NOW - timedelta(seconds=3)},
        last_seq=41,
        unnumbered=2,
        in_flight={"discovered": 7, "fetched": 0, "extracted": 1},
        oldest_due=NOW - timedelta(seconds=90),
    )
    sources = [
        source(last_outcome="ok", outcomes={"ok": 5, "not_modified": 9}),
        source(last_outcome="timeout", outcomes={"ok": 1, "timeout": 3}, failures=3),
        source(watched=False, outcomes={"ok": 100}, failures=1),
    ]
    lines = render(flow, sources).decode().splitlines()
    for line in (
        'wirewatch_entries_in_flight{state="discovered"} 7.0',
        "wirewatch_oldest_due_seconds 90.0",
        "wirewatch_changes_numbered 41.0",
        "wirewatch_changes_unnumbered 2.0",
        'wirewatch_tick_age_seconds{name="sweep"} 3.0',
        'wirewatch_sources_watched{outcome="timeout"} 1.0',
        "wirewatch_sources_failing 1.0",
        'wirewatch_polls{outcome="ok"} 106.0',
    ):
        assert line in lines
    assert sum(line.startswith("# HELP wirewatch_") for line in lines) == len(METRICS)


def test_an_empty_system_has_metrics_too() -> None:
    flow = Flow(now=NOW, last_tick={}, last_seq=0, unnumbered=0, in_flight={}, oldest_due=None)
    assert b"wirewatch_oldest_due_seconds 0.0" in render(flow, [])
