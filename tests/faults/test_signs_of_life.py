"""A worker that is stopped is found and killed; when beat is dead the relay ticks and says so. Real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import redis
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.systems import COMMAND, REPOSITORY, environment
from tests.waiting import wait_until
from workers.deliver.api.operation import health_problems
from workers.pipeline import Service, queues_of
from workers.store.overview import pulse


class Services:
    """Services of ours, each in a process of its own, as containers would run them."""

    def __init__(self, folder: Path, stack: ExitStack, **settings: object) -> None:
        self.folder = folder
        self.environment = environment(
            data_dir=folder, io_concurrency=1, beat_silence_s=3, sweep_period_s=1, **settings
        )
        self._stack = stack

    def start(self, *words: str) -> psutil.Process:
        log = self._stack.enter_context((self.folder / f"{words[-1]}.log").open("ab"))
        command = [*COMMAND, *words]
        process = psutil.Popen(
            command, env=self.environment, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True
        )
        self._stack.callback(process.wait)
        self._stack.callback(kill, process)
        return process

    def check(self, service: Service) -> int:
        """Run the health check of a worker, as Docker would."""
        command = [sys.executable, "-m", "workers.watch", service]
        return subprocess.run(command, env=self.environment, cwd=REPOSITORY, check=False, timeout=60).returncode

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")


def minutes_pass(folder: Path, service: Service, minutes: float) -> None:
    """Let the last signs of a worker be older than they are."""
    for queue in queues_of(service):
        file = folder / "signs" / service / queue
        moment = file.stat().st_mtime - 60 * minutes
        os.utime(file, (moment, moment))


def kill(process: psutil.Process) -> None:
    for one in family(process):
        one.kill()


def family(process: psutil.Process) -> list[psutil.Process]:
    if not process.is_running():
        return []
    return [process, *process.children(recursive=True)]


@pytest.fixture
def services(database_url: str, servers: Servers, tmp_path: Path) -> Iterator[Services]:
    with redis.Redis.from_url(servers.redis.client_url(0)) as client:
        client.flushall()
    (tmp_path / "sources.yaml").write_text("version: 1\nsources: []\n", encoding="utf-8")
    with ExitStack() as stack:
        stores = {"database_url": database_url, "broker_url": servers.redis.broker_url}
        yield Services(tmp_path, stack, sources_file=tmp_path / "sources.yaml", **stores)


@pytest.mark.timeout(180)
def test_a_stopped_worker_is_killed_and_one_that_consumes_is_not(services: Services, engine: Engine) -> None:
    worker = services.start("worker", "io")
    signs = services.folder / "signs" / "io"
    wait_until(signs.exists, 60, "the worker has begun")
    canaries = {f"canary: {queue}" for queue in queues_of(Service.IO)}
    minutes_pass(services.folder, Service.IO, 5)
    assert services.check(Service.IO) == 0, "the first look only begins to listen"
    wait_until(lambda: canaries <= set(pulse(engine).last_tick), 60, "each queue's canary came back")
    assert services.check(Service.IO) == 0
    assert len(family(worker)) > 1, "the pool's processes are stopped too"
    for one in family(worker):
        one.send_signal(signal.SIGSTOP)
    minutes_pass(services.folder, Service.IO, 3)
    assert services.check(Service.IO) == 0, "three minutes are not too long"
    minutes_pass(services.folder, Service.IO, 2)
    assert services.check(Service.IO) == 1
    assert worker.wait(10) == -signal.SIGKILL
    assert pulse(engine).replaced == {"io": 1}
    assert services.check(Service.IO) == 0, "the count begins anew: whoever supervises it has time"


@pytest.mark.timeout(120)
def test_when_beat_is_stopped_the_relay_ticks_and_the_silence_is_told(services: Services, engine: Engine) -> None:
    services.start("worker", "relay")
    beat = services.start("beat")
    wait_until(lambda: {"heartbeat", "sweep"} <= set(pulse(engine).last_tick), 60, "beat ticks")
    beat.send_signal(signal.SIGSTOP)
    wait_until(lambda: "stand-in: sweep" in pulse(engine).last_tick, 60, "the relay stands in")
    stopped = pulse(engine).last_tick["sweep"]
    wait_until(lambda: pulse(engine).last_tick["sweep"] > stopped, 30, "the tick goes on")
    wait_until(lambda: "beat is silent" in str(health_problems(pulse(engine), silent_s=3)), 30, "the silence is told")
    assert "beat_silent" in services.said("relay")
    heard = pulse(engine).last_tick["heartbeat"]
    beat.send_signal(signal.SIGCONT)
    wait_until(lambda: pulse(engine).last_tick["heartbeat"] > heard, 60, "beat is back")
