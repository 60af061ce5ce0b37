"""A whole system on a generated newsroom whose programs are restarted, exchanged and misled while articles flow."""

import json
import shutil
import signal
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import pytest
import redis
from sqlalchemy import Engine, text

from config.settings import Settings, changed, inherited_environment
from tests.nextversion import add_migrations
from tests.systems import REPOSITORY
from tests.waiting import wait_until
from workers import launch
from workers.addresses import database_url, redis_url
from workers.cli.chaos import begin, chaos_settings, in_stream, is_drained, newsroom
from workers.launch import System, running
from workers.operate.chaos.consumer import kept
from workers.operate.chaos.driver import Consumer
from workers.operate.chaos.verdict import install, problems
from workers.operate.programs import Program
from workers.store.engine import make_engine
from workers.store.revision import NEWEST

#: What a deploy restarts, in the order of docs/deploy.md.
SERVICES = ("worker-cpu", "worker-io", "relay", "beat", "api")
CONSUMING = ("worker-cpu", "worker-io", "relay")
#: Five programs that start at once on a busy machine.
START_S = 180


@dataclass
class Flow:
    """Articles on their way through a system that runs."""

    system: System
    engine: Engine
    folder: Path  # of the consumer
    articles: int

    def pid(self, name: str) -> int:
        return self.system.supervisor.states()[name].pid

    def log(self, name: str) -> str:
        return self.system.supervisor.tail(name, 50_000_000)

    def restart(self, names: Iterable[str] = SERVICES) -> None:
        """SIGTERM these programs, as a supervisor does, and wait until all of them are there again."""
        before = {name: (self.pid(name), self.log(name).count(" ready.")) for name in names}
        for pid, _ in before.values():
            psutil.Process(pid).send_signal(signal.SIGTERM)
        for name, (pid, times) in before.items():
            self.wait_exchanged(name, pid)
            self.wait_ready(name, times)

    def wait_exchanged(self, name: str, pid: int) -> None:
        """Wait until a program runs as another process."""
        wait_until(lambda: self.pid(name) not in {0, pid}, START_S, f"a new {name}")

    def wait_ready(self, name: str, times: int) -> None:
        """Wait until a program has said more often than `times` that it consumes; the API, until it answers."""
        if name in CONSUMING:
            wait_until(lambda: self.log(name).count(" ready.") > times, START_S, f"{name} consumes")
        elif name == "api":
            wait_until(self.answers, START_S, "the API")

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.system.api_url}/healthz", trust_env=False, timeout=5).is_success
        except httpx.TransportError:
            return False

    def count(self, state: str) -> int:
        with self.engine.connect() as connection:
            query = text("SELECT count(*) FROM entry WHERE state = :state")
            return int(connection.execute(query, {"state": state}).scalar_one())

    def known(self) -> list[UUID]:
        """Return the articles that are on their way."""
        with self.engine.connect() as connection:
            return list(connection.execute(text("SELECT id FROM entry WHERE state <> 'classified'")).scalars())

    def left_of(self, known: list[UUID]) -> int:
        """Return how many of these are still on their way."""
        with self.engine.connect() as connection:
            query = text("SELECT count(*) FROM entry WHERE state <> 'classified' AND id = ANY(:known)")
            return int(connection.execute(query, {"known": known}).scalar_one())

    def slowest_s(self) -> float:
        """Return the longest time (seconds) that an article took from its discovery to its classification."""
        with self.engine.connect() as connection:
            query = text("SELECT extract(epoch FROM max(state_at - discovered_at)) FROM entry")
            return float(connection.execute(query).scalar_one())

    def wait_drained(self, timeout_s: float = 180) -> None:
        """Wait until every article has come out, and hold the system to every promise."""
        done = wait_drained(self, timeout_s)
        broken = problems(
            self.engine, articles=self.articles, kept=kept(self.folder), stream=in_stream(self.system.settings)
        )
        assert not broken, "\n".join(broken)
        assert done

    def broker(self) -> redis.Redis:
        assert self.system.settings.broker_url is not None
        return redis.Redis.from_url(redis_url(self.system.settings.broker_url.get_secret_value()))


def wait_drained(flow: Flow, timeout_s: float) -> bool:
    """Return whether everything came to its end in that time."""
    try:
        wait_until(lambda: is_drained(flow.system, flow.engine, flow.folder, flow.articles), timeout_s)
    except AssertionError:
        return False
    return True


@contextmanager
def flowing(
    data: Path, *, articles: int, seconds: float, change: Callable[[Program], Program] | None = None
) -> Iterator[Flow]:
    """Let articles flow through a system of its own for so many seconds, with the lease, the hint lag and the sweep of
    production; `change`: what is run for a service."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(launch, "START_TIMEOUT_S", START_S)
        if change is not None:
            own = launch.programs
            patch.setattr(launch, "programs", lambda settings: [change(one) for one in own(settings)])
        port = stack.enter_context(newsroom(articles, seconds))
        usual = Settings()
        settings = changed(
            chaos_settings(data, port),
            lease_s=usual.lease_s,
            hint_lag_s=usual.hint_lag_s,
            sweep_period_s=usual.sweep_period_s,
        )
        system = stack.enter_context(running(settings, print))
        engine = make_engine(database_url(system.settings), role="test")
        stack.callback(engine.dispose)
        install(engine, sweeper=True)
        folder = data / "consumer"
        folder.mkdir()
        stack.enter_context(Consumer(system.api_url, folder, inherited_environment()))
        flow = Flow(system, engine, folder, articles)
        for name in CONSUMING:
            flow.wait_ready(name, 0)
        begin(port)
        yield flow


# --- messages of other versions ---------------------------------------------------------------------------------


def message(task: str, *arguments: object, **named: object) -> bytes:
    """Return a message as Celery's protocol 2 writes it on Redis (celery docs, internals/protocol)."""
    tag = str(uuid4())
    body = json.dumps([arguments, named, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    envelope = {
        "body": b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": tag, "root_id": tag, "argsrepr": "()", "kwargsrepr": "{}"},
        "properties": {
            "correlation_id": tag,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "fetch"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": tag,
        },
    }
    return json.dumps(envelope).encode()


# --- two versions of the program --------------------------------------------------------------------------------

#: Starts a service from the folder that a link points to now: a deploy turns the link and restarts. The service has the
#: folder's real path, so that one which runs goes on reading its own version.
LAUNCHER = """
import os, sys
from pathlib import Path

tree = str(Path(sys.argv[1]).resolve())
os.environ["PYTHONPATH"] = tree
os.execv(sys.executable, [sys.executable, "-m", "workers.cli.services", *sys.argv[2:]])
"""

#: What the next version does otherwise: a task has an argument more, and those who send it use it at once (too early by
#: the rule of docs/deploy.md); a step's task has a new name, under which it is sent, and is known by the old one too.
NEXT_TASKS = (
    ("def fetch_entries(ids: list[str]) -> None:", "def fetch_entries(ids: list[str], urgent: bool = False) -> None:"),
    (
        "app.send_task(stage.task, args=arguments, queue=stage.name)",
        """app.send_task("read_entries" if stage.name == "extract" else stage.task, args=arguments, queue=stage.name,
                      kwargs={"urgent": False} if stage.name == "fetch" else {})""",
    ),
    (
        '@app.task(name="extract_entries")\n',
        """@app.task(name="read_entries")
def read_entries(ids: list[str]) -> None:
    extract_entries(ids)

@app.task(name="extract_entries")
""",
    ),
)


class Versions:
    """This version and the next one, in a folder, with a link to that which is current."""

    def __init__(self, folder: Path) -> None:
        self.next = folder / "next"
        self.current = folder / "current"
        self._launcher = folder / "launcher.py"
        for name in ("config", "schedules", "workers"):
            shutil.copytree(REPOSITORY / name, self.next / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.adds, self.takes = add_migrations(self.next / "workers" / "store" / "migrations" / "versions", NEWEST)
        replaced(
            self.next / "workers" / "store" / "revision.py",
            (f'NEWEST = "{NEWEST}"', f'NEWEST = "{self.takes}"'),
            (f'NEEDED = "{NEWEST}"', f'NEEDED = "{self.adds}"'),
        )
        replaced(self.next / "workers" / "tasks.py", *NEXT_TASKS)
        self._launcher.write_text(LAUNCHER, encoding="utf-8")
        self.turn_to(REPOSITORY)

    def turn_to(self, tree: Path) -> None:
        """What starts from now on is this version."""
        self.current.unlink(missing_ok=True)
        self.current.symlink_to(tree)

    def launched(self, program: Program) -> Program:
        """Return a service of whichever version is current when it starts."""
        words = program.command[program.command.index("workers.cli.services") + 1 :]
        return replace(program, command=[sys.executable, str(self._launcher), str(self.current), *words])

    def version_of(self, pid: int) -> Path:
        """Return the folder that a process runs from."""
        return Path(psutil.Process(pid).environ().get("PYTHONPATH", REPOSITORY))

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """Return the environment of a command of the next version on a running system."""
        return inherited_environment() | settings.environment() | {"PYTHONPATH": str(self.next)}


def replaced(file: Path, *pairs: tuple[str, str]) -> None:
    """Replace words of a file, each of which must stand there once."""
    words = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert words.count(old) == 1, f"{file}: {old}"
        words = words.replace(old, new)
    file.write_text(words, encoding="utf-8")
