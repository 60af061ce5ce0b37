"""Eight worker processes and one host: what the host itself sees of them.

With `--full-length` (`make bench-outside`) a thousand pages, else two hundred.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from tests.hostile import redirect
from tests.making import make_feed_entry, make_source, make_source_ledger, poll_result, record
from tests.manners import Answer, Outlet, robots_txt
from workers.store.schema import entry

WORKERS, GAP_S = 8, 0.02
ROOT = Path(__file__).parents[2]


def discover(engine: Engine, urls: list[str]) -> None:
    sources = make_source_ledger(engine)
    sources.sync([make_source()])
    links = [make_feed_entry(number, url=url) for number, url in enumerate(urls)]
    assert record(sources, "agency", poll_result(*links)).new == len(urls)


def run_crowd(outlet: Outlet, database_url: str, *, polite: bool) -> float:
    """Let eight processes fetch all there is, beginning together; return the seconds that they took."""
    wishes: dict[str, Any] = {"database": database_url, "pair": outlet.pair, "polite": polite, "delay_s": GAP_S}
    wishes |= {"budget_s": 2.0, "per_host": 40 if polite else None, "lag_s": 5 if polite else 1}
    command = [sys.executable, "-m", "tests.crowd", json.dumps(wishes)]
    with ExitStack() as stack:
        crowd = [stack.enter_context(worker(command)) for _ in range(WORKERS)]
        for one in crowd:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        began = time.monotonic()
        for one in crowd:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        assert [one.wait(180) for one in crowd] == [0] * WORKERS
        return time.monotonic() - began


@contextmanager
def worker(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process; it does not outlive the block."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def figures(outlet: Outlet, took_s: float) -> str:
    count = len(outlet.visits)
    return (
        f"{count} requests of {WORKERS} processes: smallest gap {outlet.smallest_gap_s * 1_000:.1f} ms"
        f" (set: {GAP_S * 1_000:.0f} ms), at most {outlet.most_in_flight} in flight,"
        f" {took_s:.1f} s, {count / took_s:.1f} requests/s"
    )


def endings(engine: Engine) -> dict[tuple[str, str | None], int]:
    count = select(entry.c.state, entry.c.reason, func.count()).group_by(entry.c.state, entry.c.reason)
    with engine.connect() as connection:
        return {(state, reason): number for state, reason, number in connection.execute(count)}


@pytest.mark.timeout(240)
def test_eight_processes_ask_one_host_for_its_pages_one_by_one(
    engine: Engine, database_url: str, full_length: bool
) -> None:
    """In full 950 requests for pages (50 of these redirect), 50 more for where they lead; 40 links are disallowed."""
    share = 1 if full_length else 5
    pages = [f"/page/{number}" for number in range(900 // share)]
    moving = {f"/moved/{number}": f"/to/{number}" for number in range(50 // share)}
    private = [f"/private/{number}" for number in range(30 // share)]
    traps = {f"/trap/{number}": f"/private/trap-{number}" for number in range(10 // share)}
    answers: dict[str, Answer] = {here: redirect(there) for here, there in (moving | traps).items()}
    with Outlet(answers, robots=robots_txt("Disallow: /private"), takes_s=0.002) as outlet:
        discover(engine, [outlet.url + path for path in (*pages, *moving, *private, *traps)])
        took_s = run_crowd(outlet, database_url, polite=True)
    print("\npolite:", figures(outlet, took_s))
    assert endings(engine) == {("fetched", None): 950 // share, ("dropped", "disallowed"): 40 // share}
    asked = Counter(outlet.paths)
    assert asked == Counter(["/robots.txt", *pages, *moving, *moving.values(), *traps]), "each once, and nothing else"
    assert outlet.smallest_gap_s >= GAP_S
    assert outlet.most_in_flight == 1


@pytest.mark.timeout(240)
def test_processes_that_know_nothing_of_each_other_are_seen_to_come_at_once(engine: Engine, database_url: str) -> None:
    """The control: what the store holds apart comes together without it."""
    with Outlet(takes_s=0.002) as outlet:
        discover(engine, [f"{outlet.url}/{number}" for number in range(100)])
        took_s = run_crowd(outlet, database_url, polite=False)
    print("\nalone:", figures(outlet, took_s))
    assert endings(engine) == {("fetched", None): 100}
    assert outlet.smallest_gap_s < GAP_S / 2
    assert outlet.most_in_flight > 1
    assert outlet.paths.count("/robots.txt") > 1
