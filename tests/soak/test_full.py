"""No room, under load: intake pauses and says so, nothing is lost, and it goes on by itself when there is room again.

Each test runs the real system on a generated newsroom that goes on publishing, takes the room away for a while, gives
it back, and asks the ledger for every promise at the end. What happened is printed (`pytest -s`).
"""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import psycopg
import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from config.settings import PREFIX, Settings, changed
from tests.systems import RunningSystem
from tests.waiting import wait_until
from workers.addresses import database_url, located, redis_url
from workers.cli.chaos import begin, chaos_settings, in_stream, newsroom
from workers.operate.chaos.consumer import kept, read_on
from workers.operate.chaos.verdict import STEPS, install, problems, standing
from workers.operate.embedded import runtime_path
from workers.operate.embedded_postgres import PostgresServer
from workers.operate.programs import Program
from workers.operate.supervisor import Supervisor
from workers.store.engine import make_engine

pytestmark = pytest.mark.timeout(420)  # four minutes of an idle machine, where a start takes 10 s of them

ARTICLES, SECONDS = 300, 45
#: The fault begins when so many articles are classified, and lasts so long (seconds).
BEGUN, HOLD_S = 30, 20
#: After it everything must have ended within this.
DRAIN_S = 120


@dataclass
class Loaded:
    """A system at work on a newsroom."""

    system: RunningSystem
    settings: Settings  # with every address
    engine: Engine
    seen: dict[str, float] = field(default_factory=dict)  # what /healthz told, with the second of the fault

    def health(self) -> list[str]:
        """Return what /healthz tells; that nobody answers is told too."""
        with httpx.Client(base_url=self.system.address("API"), trust_env=False, timeout=8) as client:
            try:
                answer = client.get("/healthz").json()
            except (httpx.TransportError, ValueError):
                return ["the API does not answer"]
        return list(answer.get("problems", [answer.get("detail")]))

    def watch(self, seconds: float) -> None:
        """Note what /healthz tells for so long."""
        started = monotonic()
        while (now := monotonic() - started) < seconds:
            for problem in self.health():
                self.seen.setdefault(problem.split(" since ")[0], round(now, 1))
            threading.Event().wait(0.5)

    def classified(self) -> int:
        return standing(self.engine).classified

    def now(self) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT clock_timestamp()")).scalar_one()

    def taken_in_since(self, moment: Any) -> int:
        """Return sources polled and entries fetched after a moment."""
        query = text("""
            SELECT (SELECT count(*) FROM source WHERE polled_at > :moment)
                 + (SELECT count(*) FROM entry WHERE state = 'fetched' AND state_at > :moment)""")
        with self.engine.connect() as connection:
            return int(connection.execute(query, {"moment": moment}).scalar_one())


@contextmanager
def loaded(data: Path, **own: Any) -> Iterator[Loaded]:
    """Start a system on a data folder and let the newsroom publish until some articles are through."""
    with ExitStack() as stack:
        port = stack.enter_context(newsroom(ARTICLES, SECONDS))
        settings = changed(chaos_settings(data, port), **own)
        given: dict[str, object] = {
            name.removeprefix(PREFIX).lower(): value for name, value in settings.environment().items()
        }
        system = stack.enter_context(RunningSystem(("run",), data, given))
        wait_until(lambda: system.has_ended or "polling begins" in system.output, 120, "the system's start")
        assert not system.has_ended, system.output
        full = located(settings)
        engine = make_engine(database_url(full), role="test")
        stack.callback(engine.dispose)
        install(engine, sweeper=True)
        begin(port)
        found = Loaded(system, full, engine)
        wait_until(lambda: found.classified() >= BEGUN, 60, "some articles are through")
        yield found


def drained(found: Loaded, folder: Path) -> None:
    """Wait until everything has ended, and ask for every promise."""
    started = monotonic()

    def is_over() -> bool:
        with suppress(OperationalError, DBAPIError, redis.RedisError, OSError):
            now = standing(found.engine)
            return now.is_drained(ARTICLES) and len(in_stream(found.settings)) >= now.last_seq
        return False

    try:
        wait_until(is_over, DRAIN_S, "everything has ended")
    except AssertionError:
        print(found.health(), found.system.output[-3000:])
        for log in sorted((found.settings.data_dir / "logs").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}")
        raise
    took = monotonic() - started
    folder.mkdir()
    while read_on(found.system.address("API"), folder):
        pass
    runs = standing(found.engine).runs
    print(f"\n{found.seen}\n{runs} step runs for an ideal of {STEPS * ARTICLES}, drained in {took:.1f} s")
    assert problems(found.engine, articles=ARTICLES, kept=kept(folder), stream=in_stream(found.settings)) == []
    wait_until(lambda: found.health() == [], 60, "/healthz is well again")


def hold(found: Loaded, words: str) -> None:
    """Keep a fault up: /healthz must tell of it, and what was under way then is the last that is taken in."""
    wait_until(lambda: any(words in one for one in found.health()), 30, f"/healthz tells: {words}")
    threading.Event().wait(6)  # what had begun before
    moment = found.now()
    found.watch(HOLD_S)
    assert found.taken_in_since(moment) == 0


def test_a_redis_that_fills_up(tmp_path: Path) -> None:
    with loaded(tmp_path / "data") as found:
        assert found.settings.broker_url is not None
        address = redis_url(found.settings.broker_url.get_secret_value())
        with redis.Redis.from_url(address, decode_responses=True) as client:
            before: Any = client.config_get("maxmemory")
            client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 1.05))
            hold(found, "of the memory that Redis may take is free")
            client.config_set("maxmemory", "1mb")  # and now it refuses whatever is written
            found.watch(HOLD_S)
            client.config_set("maxmemory", before["maxmemory"])
        drained(found, tmp_path / "consumer")


def test_a_database_that_takes_no_writes(tmp_path: Path) -> None:
    with loaded(tmp_path / "data") as found:
        admin = database_url(found.settings).replace("postgresql+psycopg://wirewatch@", "postgresql://postgres@")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
            hold(found, "the database is read-only")
            log = (found.settings.data_dir / "logs" / "relay.log").read_text()
            assert (log.count('"event": "store_away"'), log.count("Traceback")) == (1, 0)
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
        drained(found, tmp_path / "consumer")


# --- small disks ---------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount a tmpfs of so many MB, by the system call: mount(8) wants root although the kernel does not."""
    libc = ctypes.CDLL(None, use_errno=True)
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        options = f"size={megabytes}m,mode=0755".encode()
        if libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, options) != 0:
            why = os.strerror(ctypes.get_errno())
            pytest.skip(
                f"no tmpfs ({why}): be root, or `unshare --user --map-current-user --keep-caps --mount make soak`"
            )
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        libc.umount2(bytes(folder), 2)  # MNT_DETACH


def fill(disk: Path) -> Path:
    """Write until nothing more goes."""
    junk = disk / "junk"
    with junk.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * (1 << 16)):
            pass
    assert shutil.disk_usage(disk).free < 1 << 16
    return junk


@contextmanager
def kept_running(server: PostgresServer, log: Path) -> Iterator[None]:
    """Run a PostgreSQL as an init system would: started again whenever it ends."""
    enough = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        while not enough.is_set():
            with log.open("ab") as out:
                running[:] = [subprocess.Popen(server.command(), stdout=out, stderr=out, stdin=subprocess.DEVNULL)]
            running[0].wait()
            enough.wait(1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        server.wait_ready(60)
        yield
    finally:
        enough.set()
        running[0].send_signal(signal.SIGINT)
        thread.join()


def test_a_full_disk_of_a_database_elsewhere(tmp_path: Path, small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(256)
    runtime = runtime_path(Path("/tmp"), disk)
    server = PostgresServer(disk, runtime)
    server.prepare()
    try:
        with kept_running(server, tmp_path / "postgres.log"):
            with loaded(tmp_path / "data", database_url=SecretStr(server.url)) as found:
                junk = fill(disk)
                wait_until(lambda: found.health() != [], 30, "/healthz tells of it")
                found.watch(HOLD_S)
                junk.unlink()
                drained(found, tmp_path / "consumer")
            print("PANIC" in (tmp_path / "postgres.log").read_text() and "PostgreSQL panicked, and came back")
    finally:
        shutil.rmtree(runtime)


def test_a_full_disk_under_its_logs_does_not_end_the_supervisor(
    tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(4)
    runtime = tmp_path / "run"
    words = "while sleep 0.05 && printf '%04000d' 0; do :; done"  # more than the last block of the log has room for
    program = Program(name="p", command=["/bin/sh", "-c", words], start_s=0)
    with Supervisor(data=disk, runtime=runtime, logs=disk / "logs") as system:
        system.start([program])
        log = disk / "logs" / "p.log"
        wait_until(lambda: log.exists() and log.stat().st_size > 100, description="it prints")
        pid = system.states()["p"].pid
        junk = fill(disk)
        threading.Event().wait(5)
        junk.unlink()
        before = log.stat().st_size
        wait_until(lambda: log.stat().st_size > before, description="it is written down again")
        assert system.states()["p"].pid == pid, "nobody had to be started again"


def test_a_full_disk_under_everything(tmp_path: Path, small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(512)
    with loaded(disk) as found:
        junk = fill(disk)
        # nothing can be noted down either: the API has measured it for itself
        wait_until(
            lambda: any("of the disk under data_dir" in one for one in found.health()), 30, "/healthz tells of it"
        )
        found.watch(HOLD_S)
        junk.unlink()
        drained(found, tmp_path / "consumer")
