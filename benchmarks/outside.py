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
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
import psutil
from celery import Celery
from rich.console import Console
from rich.progress import track
from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from websites import CHANGING, ROBOTS, etag, hosts

from config.settings import SETTINGS_FILE, Settings, changed, inherited_environment
from workers.app import make_app
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
from workers.store.polls import PollResult, Schedule
from workers.store.schema import entry, host, robots, source
from workers.tasks import batches
from workers.telemetry import configure_logging

HERE = Path(__file__).parent
#: Requests of the bare loop, URL and headers, one after another over one connection.
Chain = list[tuple[str, dict[str, str]]]
#: Of a host; the default is 5 s. With a shorter one the same is done and less waited.
SPACING_S = 1.0
SLICES = 10
PAGE_HOSTS = 500
MOST_HOSTS = 12_000
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


async def bare(chains: Sequence[Chain], at_once: int) -> None:
    """Ask for everything with httpx alone, and forget the answers."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:

        async def ask(chain: Chain) -> None:
            for url, headers in chain:
                answer = await client.get(url, headers=headers)
                if answer.status_code not in {200, 304}:
                    raise SystemExit(f"{url}: HTTP {answer.status_code}")

        for start in range(0, len(chains), at_once):
            await asyncio.gather(*map(ask, chains[start : start + at_once]))


def bare_s(chains: Sequence[Chain], at_once: int) -> float:
    """Return the CPU seconds of the bare loop."""
    started = time.process_time()
    asyncio.run(bare(chains, at_once))
    return time.process_time() - started


@dataclass(frozen=True, slots=True)
class System:
    """Servers and a worker of ours, and the web sites."""

    steps: Steps
    celery: Celery
    port: int  # of the web sites
    environment: dict[str, str]
    parts: dict[str, psutil.Process]

    @contextmanager
    def worker(self, queue: str) -> Iterator[None]:
        """Run one worker process that consumes this queue; the next step's messages stay in Redis."""
        preload = "workers.tasks,workers.fetch.stage,workers.fetch.http,workers.poll.stage"
        words = ("--queues", queue, "--concurrency", "1", "--hostname", "bench@%h", "--include", preload)
        quiet = ("--loglevel", "error", "--without-gossip", "--without-mingle")
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.app", "worker", *words, *quiet],
            env=self.environment,
            cwd=HERE.parent,
            stdout=subprocess.DEVNULL,
        )
        self.parts["worker"] = psutil.Process(process.pid)
        try:
            yield
        finally:
            del self.parts["worker"]
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def ours(self, stage: str, count: int, is_done: Callable[[], bool]) -> dict[str, float]:
        """Let the worker do what is due, `count` of it; return CPU seconds by part."""
        before, started = self._cpu(), time.process_time()
        takes = STAGE[stage].takes
        due = self.steps.sources.due(count) if takes is None else self.steps.ledger.due(takes, count)
        if len(due) != count:
            raise SystemExit(f"{len(due)} of {count} were due")
        for ids in batches(due, size=self.steps.settings.batch_size, room=count):
            self.celery.send_task(STAGE[stage].task, args=[ids], queue=stage)
        sweep = time.process_time() - started
        limit = time.monotonic() + SLICE_LIMIT_S
        while not is_done():
            if time.monotonic() > limit:
                raise SystemExit(f"{stage}: not done after {SLICE_LIMIT_S} s")
            time.sleep(0.3)
        time.sleep(0.3)  # the last message is acknowledged
        return {name: value - before[name] for name, value in self._cpu().items()} | {"sweep": sweep}

    def _cpu(self) -> dict[str, float]:
        return {name: cpu_s(process) for name, process in self.parts.items()}

    def count(self, table: Table, *conditions: Any) -> int:
        """Return the number of rows."""
        with self.steps.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())

    def write(self, statement: Any, rows: list[dict[str, Any]] | None = None) -> None:
        """Execute one statement in a transaction of its own."""
        with self.steps.engine.begin() as connection:
            connection.execute(statement, rows)


def turns(
    system: System, stage: str, slices: Sequence[Sequence[Chain]], done: Callable[[], int], console: Console
) -> list[Slice]:
    """Measure slice by slice, each with both loops; they take turns at being first. The first slice warms up."""
    made, at_once, finished = [], system.steps.settings.batch_size, 0
    with system.worker(stage):
        for number, chains in enumerate(track(slices, description=stage, console=console)):
            finished += len(chains)
            theirs = bare_s(chains, at_once) if number % 2 else 0.0
            parts = system.ours(stage, len(chains), lambda: done() >= finished)  # noqa: B023  (called at once)
            theirs = theirs or bare_s(chains, at_once)
            made.append(Slice(len(chains), theirs, parts))
    return made[1:]


# --- polls --------------------------------------------------------------------------------------------------------


def polls(system: System, slices: Sequence[int], console: Console) -> list[Slice]:
    """Measure polls of sources that have been watched for long, one host each; `slices`: how many at a time."""
    urls = [f"http://{name}:{system.port}/feed/{number}" for number, name in enumerate(hosts(sum(slices)))]
    system.steps.sources.sync([_source(f"feed{number}", url) for number, url in enumerate(urls)])
    _let_them_be_known(system, urls, console)
    httpx.get(f"http://127.0.0.1:{system.port}/next")
    entries, headers = system.count(entry), {"accept": ACCEPT, **_headers(system)}
    chains = [[(url, headers | {"if-none-match": etag(number, 0)})] for number, url in enumerate(urls)]
    made = turns(
        system, "poll", _cut(chains, slices), lambda: system.count(source, source.c.polled_at.is_not(None)), console
    )
    unchanged = system.count(source, source.c.last_outcome == FeedOutcome.NOT_MODIFIED)
    new = system.count(entry) - entries
    changing = len(range(0, len(urls), CHANGING))
    if (unchanged, new) != (len(urls) - changing, changing):
        raise SystemExit(f"{unchanged} of {len(urls)} polls unchanged, {new} new entries")
    return made


def _let_them_be_known(system: System, urls: Sequence[str], console: Console) -> None:
    """Make sources look as after days of polls, all of them due, in their order."""
    known = {"verdict": "parse", "body": ROBOTS, "body_at": utc_now(), "expires_at": utc_now() + timedelta(days=1)}
    system.write(insert(robots), [{"origin": url.rsplit("/", 2)[0], **known} for url in urls])
    changing = [f"feed{number}" for number in range(0, len(urls), CHANGING)]
    for start in track(range(0, len(changing), 50), description="reading feeds", console=console):
        system.steps.poll(changing[start : start + 50], lambda _ids: None)
    known_for_days = Habits(
        answered_at=utc_now() - timedelta(minutes=15),
        whole_at=utc_now() - timedelta(minutes=30),
        found=48.0,
        watched_h=48.0,
        window=30,
        silence=2,
        says_304=True,
        confirmed=3,
    )
    facts: dict[str, Any] = {
        "polled_at": None,
        "not_before": func.now(),
        "due_at": bindparam("due"),
        "habits": to_json(known_for_days),
        "documents": bindparam("known"),
    }
    begin = utc_now() - timedelta(hours=1)
    system.write(
        update(source).where(source.c.id == bindparam("which")).values(facts),
        [
            {
                "which": f"feed{number}",
                "known": {url: {"etag": etag(number, 0)}},
                "due": begin + timedelta(seconds=number / 10),
            }
            for number, url in enumerate(urls)
        ],
    )
    system.write(update(host).values(hinted_until=None))


# --- pages --------------------------------------------------------------------------------------------------------


def pages(system: System, slices: Sequence[int], console: Console) -> list[Slice]:
    """Measure fetches, in each slice one page of each host; `slices`: how many hosts."""
    system.write(delete(entry))
    names, urls = hosts(max(slices) + slices[0]), []
    system.steps.sources.sync([_source("pages", "http://pages.example/feed")])
    for number, count in enumerate(slices):
        these = names[:count] if number else names[-count:]  # those that warm up are not asked again
        urls.append([f"http://{name}:{system.port}/page/{name}-{number}" for name in these])
        found = tuple(FeedEntry(key=url, url=url, title="") for url in urls[-1])
        (due,) = system.steps.sources.claim(["pages"])
        result = PollResult(outcome=FeedOutcome.OK, schedule=lambda _new: Schedule(wait_s=0), entries=found)
        system.steps.sources.record(due, result)
    system.write(update(entry).values(due_at=entry.c.discovered_at))  # slice by slice
    system.write(update(host).values(hinted_until=None, next_allowed_at=func.now()))
    system.write(delete(robots))
    chains: list[list[Chain]] = []
    asked, headers = set(), _headers(system)
    for these in urls:
        chains.append([])
        for url in these:
            of = url.rsplit("/", 2)[0]
            chains[-1].append([*([] if of in asked else [(f"{of}/robots.txt", headers)]), (url, headers)])
            asked.add(of)
    return turns(system, "fetch", chains, lambda: system.count(entry, entry.c.state == State.FETCHED), console)


def _source(name: str, url: str) -> Source:
    return Source(id=name, name=name, url=url, language="en", country="IE", owner="nobody", state_owned=False)


def _headers(system: System) -> dict[str, str]:
    return {"user-agent": system.steps.settings.user_agent, "accept": "*/*", "accept-encoding": OFFERED}


def _cut(chains: list[Chain], slices: Sequence[int]) -> list[list[Chain]]:
    ends = list(accumulate(slices))
    return [chains[end - count : end] for end, count in zip(ends, slices, strict=True)]


# --- the whole ----------------------------------------------------------------------------------------------------


@contextmanager
def system_of(folder: Path) -> Iterator[System]:
    """Start servers of our own and the web sites; stop them at the end."""
    with ExitStack() as stack:

        def start(command: list[str], **how: Any) -> "subprocess.Popen[str]":
            process = subprocess.Popen(command, text=True, stderr=subprocess.DEVNULL, **how)
            stack.callback(process.wait)
            stack.callback(process.send_signal, signal.SIGINT)
            return process

        runtime = runtime_path(Path(tempfile.gettempdir()), folder)
        postgres, redis = PostgresServer(folder, runtime), RedisServer(folder, runtime)
        parts = {}
        for name, server in (("postgres", postgres), ("redis", redis)):
            server.prepare()
            parts[name] = psutil.Process(start(server.command(), stdout=subprocess.DEVNULL).pid)
            server.wait_ready(60)
        sites = start([sys.executable, str(HERE / "websites.py")], stdout=subprocess.PIPE)
        assert sites.stdout is not None
        port = int(sites.stdout.readline())
        given = {
            "database_url": postgres.url,
            "broker_url": redis.broker_url,
            "allow_addresses": [f"{name}:{port}" for name in hosts(MOST_HOSTS)],
            "host_delay_s": SPACING_S,
            "log_level": "error",
        }
        file = folder / "settings.yaml"  # the environment does not hold ten thousand addresses
        file.write_text(json.dumps(given))  # which is YAML
        steps = Steps(changed(Settings(), **given))
        stack.callback(steps.close)
        migrate(steps.engine)
        environment = inherited_environment() | {
            SETTINGS_FILE: str(file),
            "PYTHONWARNINGS": "ignore",
        }  # Celery, as root
        yield System(steps, make_app(steps.settings), port, environment, parts)


def shown(console: Console, made: Sequence[Slice], unit: str) -> None:
    """Print what was measured: the whole, and in brackets the least and the most of the slices."""
    count = sum(one.count for one in made)
    parts = {name: sum(one.parts[name] for one in made) / count * 1000 for name in made[0].parts}
    lines = {
        f"CPU ms a {unit}, ours": (sum(parts.values()), [one.ours / one.count * 1000 for one in made]),
        f"CPU ms a {unit}, bare httpx": (
            sum(one.bare for one in made) / count * 1000,
            [one.bare / one.count * 1000 for one in made],
        ),
        f"{unit}s a second a core": (1000 / sum(parts.values()), [one.count / one.ours for one in made]),
        "ratio to bare httpx": (
            sum(one.bare for one in made) / sum(one.ours for one in made),
            [one.bare / one.ours for one in made],
        ),
    }
    console.print(f"\n{count} {unit}s in {len(made)} slices, one worker process")
    for words, (whole, each) in lines.items():
        console.print(
            f"{words:28}{whole:8.2f}   ({min(each):.2f} to {max(each):.2f}, median {statistics.median(each):.2f})"
        )
    console.print("of ours: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in parts.items()))


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["polls", "pages"])
    parser.add_argument("--polls", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=5_000)
    options = parser.parse_args()
    configure_logging("bench", "error")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="wirewatch-bench-") as folder, system_of(Path(folder)) as system:
        if options.only != "pages":
            shown(console, polls(system, [200, *[options.polls // SLICES] * SLICES], console), "poll")
        if options.only != "polls":
            shown(console, pages(system, [50, *[PAGE_HOSTS] * (options.pages // PAGE_HOSTS)], console), "page")


if __name__ == "__main__":
    main()
