"""Does the faults to a running system, each at its time, and takes them back."""

import heapq
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import psutil
import redis

from workers.operate.chaos.schedule import Fault
from workers.operate.supervisor import Supervisor

#: A queue's messages are pushed to a list whose name begins so.
QUEUE_PREFIX = "wirewatch:"
#: Less than Redis itself needs: whatever is written is refused.
FULL = "1mb"
Undo = Callable[[], None]


class Missed(Exception):  # noqa: N818
    """A fault found nothing to hit: its target was down already."""


class Driver:
    """Does faults, and counts those that were done and those that found nothing to hit.

    `redis_url`: of the broker, for redis-py. `folder`: for what a second beat writes.
    """

    def __init__(self, supervisor: Supervisor, *, redis_url: str, folder: Path) -> None:
        self.done: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self._supervisor = supervisor
        self._redis_url = redis_url
        self._folder = folder
        self._undo: list[tuple[float, int, Undo]] = []
        self._number = itertools.count()

    def run(
        self,
        faults: Iterable[Fault],
        others: Iterable[tuple[float, Callable[[], None]]],
        *,
        seconds: float,
        stopped: threading.Event,
    ) -> None:
        """Do `faults`, and call `others` at their times, for so many seconds; then take everything back."""
        started = monotonic()
        plan: list[tuple[float, int, Callable[[], None]]] = [
            *((one.at_s, next(self._number), lambda one=one: self._do(one, started)) for one in faults),
            *((at, next(self._number), deed) for at, deed in others),
        ]
        heapq.heapify(plan)
        try:
            while (now := monotonic() - started) < seconds and not stopped.is_set():
                self._take_back(now)
                if plan and plan[0][0] <= now:
                    heapq.heappop(plan)[2]()
                    continue
                ahead = min([seconds, *(one[0][0] for one in (plan, self._undo) if one)])
                stopped.wait(max(0.0, ahead - now))
        finally:
            self._take_back(float("inf"))

    def _take_back(self, now: float) -> None:
        while self._undo and self._undo[0][0] <= now:
            heapq.heappop(self._undo)[2]()

    def _do(self, fault: Fault, started: float) -> None:
        try:
            undo = getattr(self, f"_{fault.kind.deed.name.lower()}")(fault)
        except (Missed, psutil.NoSuchProcess, redis.RedisError):
            self.missed[str(fault.kind)] += 1
            return
        self.done[str(fault.kind)] += 1
        if undo is not None:
            heapq.heappush(self._undo, (monotonic() - started + fault.hold_s, next(self._number), undo))

    # --- deeds: each returns what takes it back, or None -------------------------------------------

    def _kill(self, fault: Fault) -> None:
        self._process(fault).kill()

    def _kill_child(self, fault: Fault) -> None:
        self._child(fault).kill()

    def _terminate(self, fault: Fault) -> None:
        words = self._supervisor.programs[fault.kind.target].stop_signal
        self._process(fault).send_signal(signal.Signals[f"SIG{words}"])

    def _stop(self, fault: Fault) -> Undo:
        process = self._process(fault)
        return _suspend([process, *process.children(recursive=True)])

    def _stop_child(self, fault: Fault) -> Undo:
        return _suspend([self._child(fault)])

    def _flush(self, _fault: Fault) -> None:
        with self._redis() as client:
            client.flushall()

    def _fill(self, _fault: Fault) -> Undo:
        with self._redis() as client:
            before = client.config_get("maxmemory")["maxmemory"]
            client.config_set("maxmemory", FULL)

        def make_room() -> None:
            with suppress(redis.RedisError), self._redis() as client:  # restarted meanwhile: by its file it has room
                client.config_set("maxmemory", before)

        return make_room

    def _double(self, _fault: Fault) -> Undo:
        with self._redis() as client:
            client.ping()
        enough = threading.Event()
        thread = threading.Thread(target=double_messages, args=(self._redis, enough), name="doubling")
        thread.start()

        def end() -> None:
            enough.set()
            thread.join()

        return end

    def _second(self, fault: Fault) -> Undo:
        program = self._supervisor.programs[fault.kind.target]
        environment = program.environment | {"WIREWATCH_DATA_DIR": str(self._folder)}  # its own schedule file
        process = subprocess.Popen(
            program.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

        def end() -> None:
            process.kill()
            process.wait()

        return end

    # --- targets -----------------------------------------------------------------------------------

    def _process(self, fault: Fault) -> psutil.Process:
        pid = self._supervisor.states()[fault.kind.target].pid
        if not pid:
            raise Missed
        return psutil.Process(pid)

    def _child(self, fault: Fault) -> psutil.Process:
        children = self._process(fault).children()
        if not children:
            raise Missed
        return children[int(fault.pick * len(children))]

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(self._redis_url, socket_timeout=1, socket_connect_timeout=1)


def _suspend(processes: Sequence[psutil.Process]) -> Undo:
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.suspend()

    def resume() -> None:
        for one in processes:
            with suppress(psutil.NoSuchProcess):  # killed meanwhile
                one.resume()

    return resume


def double_messages(connect: Callable[[], redis.Redis], enough: threading.Event) -> None:
    """Send every message that anybody sends once more, as a message of its own, until `enough`."""
    ours: set[str] = set()
    while not enough.is_set():
        with suppress(redis.RedisError), connect() as client, connect() as sender, client.monitor() as monitor:
            while not enough.is_set():
                again = doubled(monitor.next_command()["command"], ours)
                if again is not None:
                    sender.lpush(*again)


def doubled(command: str, ours: set[str]) -> tuple[str, str] | None:
    """Return queue and message that double a command seen on Redis; None when it sends nothing, or was ours."""
    name, _, rest = command.partition(" ")
    queue, _, body = rest.partition(" ")
    if name.upper() != "LPUSH" or not queue.startswith(QUEUE_PREFIX):
        return None
    message: dict[str, Any] = json.loads(body)
    if message["properties"]["delivery_tag"] in ours:
        return None
    message["properties"]["delivery_tag"] = tag = str(uuid4())
    ours.add(tag)
    return queue, json.dumps(message)


class Consumer:
    """A reader of the change log in a process of its own, which can be killed and begins again."""

    def __init__(self, url: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._command = [sys.executable, "-m", "workers.operate.chaos.consumer", url, str(folder)]
        self._environment = dict(environment)
        self.kills = 0
        self._start()

    def __enter__(self) -> Self:
        """Read on."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it for good."""
        self.end()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """Kill it, and start it again."""
        self.end()
        self.kills += 1
        self._start()

    def end(self) -> None:
        """Kill it for good."""
        self._process.kill()
        self._process.wait()
