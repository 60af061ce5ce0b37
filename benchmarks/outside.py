"""`make bench-outside`: CPU per poll and pages per second per core, beside a bare httpx loop over the same requests.

Web sites answer on loopback, each on an address of its own, in a process that is not counted. Ours is the real thing:
ids go as Celery messages, as the sweeper sends them, to one worker process, with manners (robots.txt, one request at a
time to a host, spacing). Counted is the CPU of all its processes: worker, PostgreSQL, Redis, and the sweep. Beside it a
bare loop asks the same URLs with the same headers, as many at once, and forgets the answers. The two take turns slice
by slice, so that a noisy machine disturbs both alike.

The state is that of a system in its stride: 304 to 95 of 100 polls, one new entry in each of the other five, robots.txt
known; each page's host is new, so its robots.txt is fetched, once, by both.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import yaml
from celery import Celery
from rich.console import Console
from rich.progress import track
from sqlalchemy import Table, bindparam, func, insert, select, update
from websites import CHANGING, ROBOTS, etag, hosts

from config.settings import SETTINGS_FILE, Settings, changed, inherited_environment
from workers.bootstrap import Steps, utc_now
from workers.domain.outcomes import FeedOutcome, State
from workers.domain.values import FeedEntry, Source
from workers.fetch.coding import OFFERED
from workers.operate.embedded import runtime_path
from workers.operate.embedded_postgres import PostgresServer
from workers.operate.embedded_redis import RedisServer
from workers.pipeline import STAGE
from workers.poll.cadence import Habits, to_json
from workers.poll.stage import ACCEPT
from workers.store.migrate import migrate
from workers.store.schema import entry, host, robots, source
from workers.store.sources import PollResult, Schedule
from workers.tasks import batches
from workers.telemetry import configure_logging

HERE = Path(__file__).parent
#: A request of the bare loop: URL and headers.
Request = tuple[str, dict[str, str]]
#: Of a host; the real default is 5 s. A shorter one makes no CPU, only less waiting.
SPACING_S = 1.0
PAGE_HOSTS = 500
SLICE_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Slice:
    """CPU seconds that one slice took."""

    count: int
    bare: float
    parts: dict[str, float]

    @property
    def ours(self) -> float:
        """Sum of all processes."""
        return sum(self.parts.values())


# --- what is measured ---------------------------------------------------------------------------------------------


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process with its children, the ended ones among them."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        times = one.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


async def bare(requests: Sequence[Request], at_once: int, robots_too: bool) -> None:
    """Ask for everything with httpx alone, and forget the answers."""
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=5)  # as our own client
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:

        async def ask(url: str, headers: dict[str, str]) -> None:
            if robots_too:
                await client.get(httpx.URL(url).join("/robots.txt"), headers=headers)
            answer = await client.get(url, headers=headers)
            if answer.status_code not in {200, 304}:
                raise SystemExit(f"{url}: HTTP {answer.status_code}")

        for start in range(0, len(requests), at_once):
            await asyncio.gather(*(ask(*one) for one in requests[start : start + at_once]))


@dataclass
class System:
    """Servers, a worker of ours, and the web sites."""

    steps: Steps
    celery: Celery
    sites: str  # port of the web sites
    environment: dict[str, str]
    parts: dict[str, psutil.Process] = field(default_factory=dict)

    @contextmanager
    def worker(self, queue: str) -> Iterator[None]:
        """Run one worker process that consumes this queue; the next step's messages stay in Redis."""
        words = ("worker", "--queues", queue, "--concurrency", "1", "--hostname", "bench@%h", "--include")
        preload = "workers.tasks,workers.fetch.stage,workers.fetch.http,workers.poll.stage"
        quiet = ("--loglevel", "error", "--without-gossip", "--without-mingle")
        command = [sys.executable, "-m", "celery", "-A", "workers.app", *words, preload, *quiet]
        process = subprocess.Popen(
            command, env=self.environment, cwd=HERE.parent, stdout=subprocess.DEVNULL, start_new_session=True
        )
        self.parts["worker"] = psutil.Process(process.pid)
        try:
            yield
        finally:
            del self.parts["worker"]
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds so far, by part."""
        return {name: cpu_s(process) for name, process in self.parts.items()}

    def ours(self, stage: str, count: int, is_done: Callable[[int], bool]) -> dict[str, float]:
        """Let the worker do what is due, `count` of it; return CPU seconds by part."""
        before, started = self.cpu(), time.process_time()
        found = STAGE[stage]
        due = self.steps.sources.due(count) if found.takes is None else self.steps.ledger.due(found.takes, count)
        if len(due) != count:
            raise SystemExit(f"{len(due)} of {count} were due")
        for ids in batches(due, size=self.steps.settings.batch_size, room=count):
            self.celery.send_task(found.task, args=[ids], queue=stage)
        sweep = time.process_time() - started
        limit = time.monotonic() + SLICE_LIMIT_S
        while not is_done(count):
            if time.monotonic() > limit:
                raise SystemExit(f"{stage}: not done after {SLICE_LIMIT_S} s")
            time.sleep(0.3)
        time.sleep(0.3)  # the last message is acknowledged
        return {name: value - before[name] for name, value in self.cpu().items()} | {"sweep": sweep}

    def count(self, table: Table, *conditions: Any) -> int:
        """Return the number of rows."""
        with self.steps.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())

    def write(self, *statements: Any) -> None:
        """Execute statements (or pairs of a statement and its rows) in one transaction."""
        with self.steps.engine.begin() as connection:
            for one in statements:
                connection.execute(*one) if isinstance(one, tuple) else connection.execute(one)


def turns(
    system: System, stage: str, slices: Sequence[Sequence[Request]], is_done: Callable[[int], bool], console: Console
) -> list[Slice]:
    """Measure slice by slice; the two loops take turns at being first."""
    made = []

    def bare_s(requests: Sequence[Request]) -> float:
        started = time.process_time()
        asyncio.run(bare(requests, system.steps.settings.batch_size, robots_too=stage == "fetch" and number < FIRST))
        return time.process_time() - started

    FIRST = PAGE_HOSTS // len(slices[0])
    for number, requests in enumerate(track(slices, description=stage, console=console)):
        count = len(requests)
        if number % 2:
            parts, theirs = system.ours(stage, count, is_done), bare_s(requests)
        else:
            theirs, parts = bare_s(requests), system.ours(stage, count, is_done)
        made.append(Slice(count, theirs, parts))
    return made


# --- polls --------------------------------------------------------------------------------------------------------
