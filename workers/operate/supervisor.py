"""One tree of processes that starts, restarts and stops as one: supervisord as a child, spoken to over a unix socket.

What the package does not give is added here: one system per data folder, nothing left behind whoever is killed, and
programs of one stage that stop at the same time. See docs/decisions/0003.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep  # noqa: TID251  (waits for processes, which send no event)
from types import TracebackType
from typing import IO, Any, Self

import psutil

from workers.domain.errors import StartError, Unavailable
from workers.operate.embedded import private_folder
from workers.operate.lock import claim, release
from workers.operate.programs import Program, group_name, render_config, socket_path

__all__ = ["Program", "ProgramState", "Supervisor", "render_config"]

#: supervisord answers after 0.3 s on an idle machine.
START_TIMEOUT_S = 30.0
#: On top of what the programs may take: supervisord looks at its programs once a second.
STOP_MARGIN_S = 10.0
POLL_S = 0.02
#: When supervisord was killed everything got its stop signal at once, Redis too: a Celery worker that looks for it
#: then does not end by itself (seen: 60 s and more), and the ledger needs no goodbye.
KILLED_GRACE_S = 10.0
#: It answers within milliseconds; one that does not is stopped or stuck, and must not take us with it.
ANSWER_TIMEOUT_S = 10.0
#: Fault codes of supervisor 4.3.0 (xmlrpc.py, class Faults).
SHUTDOWN_STATE, ALREADY_STARTED = 6, 60


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramState:
    """What a program is doing, in supervisord's words."""

    name: str
    state: str  #: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN
    pid: int  #: 0 when it does not run
    uptime_s: int
    description: str


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_TIMEOUT_S)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket. supervisor has one too: without a time limit, and 0.15 s to import."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # what `close` closes
        return connection


class Supervisor:
    """The process tree on one data folder.

    Entering takes the lock on the folder and makes the runtime and log folders; `start` starts the programs; leaving
    stops all and removes the runtime folder, which must be for this alone. Call it from the main thread: supervisord is
    told to end when the thread that started it does.
    """

    def __init__(self, *, data: Path, runtime: Path, logs: Path) -> None:
        self._data = data.absolute()
        self._runtime = runtime.absolute()
        self._logs = logs.absolute()
        self._programs: dict[str, Program] = {}
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._lock = claim(self._data)
        try:
            private_folder(self._runtime)
            self._logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.stop()
            raise StartError(f"{self._logs} cannot be written: {error.strerror}") from error
        except StartError:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of supervisord."""
        return self._running().pid

    @property
    def programs(self) -> Mapping[str, Program]:
        """What was started, by name."""
        return self._programs

    def start(self, programs: Iterable[Program], *, environment: Mapping[str, str] | None = None) -> None:
        """Start supervisord and the programs with `autostart`, and return when it answers.

        `environment` is what every program starts from, beside its own; None passes ours on.

        Raises Unavailable with what it said when it does not come up.
        """
        if self._lock is None:
            raise StartError("enter the supervisor before starting it: the data folder is not locked")
        programs = list(programs)
        self._programs = {program.name: program for program in programs}
        setpriv = _setpriv()
        config = self._runtime / "supervisor.conf"
        user = 0 if os.getuid() == 0 else None
        text = render_config(programs, runtime=self._runtime, logs=self._logs, user=user, setpriv=setpriv)
        config.write_text(text, encoding="utf-8")
        config.chmod(0o600)  # environments may hold passwords
        socket_path(self._runtime).unlink(missing_ok=True)
        # In a session of its own: Ctrl-C in a terminal reaches us alone, and we decide. When we die, it stops.
        death = [] if setpriv is None else [setpriv, "--pdeathsig=TERM"]
        command = [*death, sys.executable, "-m", "workers.operate.supervisord", "-n", "-c", str(config)]
        with self._said.open("wb") as said:
            # The lock is its standard input, which it never reads (a program gets a pipe instead): so the folder stays
            # taken while supervisord still stops programs after we were killed.
            self._process = subprocess.Popen(
                command, stdin=self._lock, stdout=said, stderr=said, start_new_session=True, cwd="/", env=environment
            )
        deadline = monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or monotonic() >= deadline:
                words = self._said.read_text(errors="replace").strip()
                self.stop()
                raise Unavailable(f"supervisord did not start: {words or 'no answer'}")
            sleep(POLL_S)

    def start_program(self, name: str) -> None:
        """Start a program that was declared with `autostart=False`; one that runs already is left alone.

        Returns at once: when it ends too early it is tried again, as all are (see `states`, `tail`).
        """
        try:
            self._call("startProcess", f"{group_name(self._programs[name].start_order)}:{name}", False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise StartError(f"{name} cannot be started: {fault.faultString}") from fault

    def states(self) -> dict[str, ProgramState]:
        """Return the state of each program by name.

        Raises Unavailable when supervisord is gone.
        """
        found: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return {
            info["name"]: ProgramState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                uptime_s=max(0, info["now"] - info["start"]) if info["pid"] else 0,
                description=info["description"],
            )
            for info in found
        }

    def tail(self, name: str, size: int = 4096) -> str:
        """Return the last `size` bytes that the program wrote, also when supervisord is gone; empty when none."""
        path = self._logs / f"{name}.log"
        if not path.exists():
            return ""
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - size))
            return log.read().decode(errors="replace")

    def stop(self) -> None:
        """Stop the programs in order, then supervisord, then whatever is left; harmless when repeated.

        Afterwards there is no process, no socket, no pid file and no lock.
        """
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
            deadline = monotonic() + self._slowest_stop_s() + STOP_MARGIN_S
            while self._process.poll() is None and monotonic() < deadline:
                self._answers()  # left alone it looks at its programs once a second; a question wakes it
                sleep(POLL_S)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            # When it was killed, its programs have their stop signal from the kernel and may still be ending.
            in_order = self._process.returncode == 0
            _end_session(self._process.pid, grace_s=0 if in_order else KILLED_GRACE_S)
            self._process = None
        if self._lock is not None:
            try:
                if self._runtime.exists():
                    shutil.rmtree(self._runtime)
            finally:
                self._release()

    # --- inside ------------------------------------------------------------------------------------

    @property
    def _said(self) -> Path:
        return self._logs / "supervisord.err"

    def _slowest_stop_s(self) -> int:
        """Return how long an orderly stop may take: the slowest program of each order, one order after another."""
        slowest: dict[int, int] = {}
        for program in self._programs.values():
            slowest[program.start_order] = max(program.stop_wait_s, slowest.get(program.start_order, 0))
        return sum(slowest.values())

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Unavailable("supervisord is not started")
        return self._process

    def _answers(self) -> bool:
        try:
            self._call("getState")
        except Unavailable:
            return False
        return True

    def _call(self, method: str, *arguments: object) -> Any:
        self._running()
        transport = _UnixTransport(socket_path(self._runtime))
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            try:
                return getattr(server.supervisor, method)(*arguments)
            except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
                raise Unavailable(f"supervisord does not answer: {error}") from error
            except xmlrpc.client.Fault as fault:
                if fault.faultCode == SHUTDOWN_STATE:
                    raise Unavailable("supervisord is stopping") from fault
                raise

    def _release(self) -> None:
        if self._lock is not None:
            release(self._data, self._lock)
            self._lock = None


def _setpriv() -> str | None:
    """Return the path of util-linux's setpriv, or None (busybox has one of that name without the option)."""
    found = shutil.which("setpriv")
    if found is None:
        return None
    said = subprocess.run([found, "--help"], capture_output=True, text=True, check=False, timeout=10)
    return found if "--pdeathsig" in said.stdout else None


def _end_session(session: int, *, grace_s: float) -> None:
    """Give the processes that supervisord left `grace_s` seconds to end, then kill them.

    All of them are in the session that it led, also those whose parents are gone.
    """
    deadline = monotonic() + grace_s
    while _session(session) and monotonic() < deadline:
        sleep(POLL_S)
    for _ in range(3):  # one that forks while we look is caught in the next round
        left = _session(session)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=2)


def _session(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue  # it ended while we looked
    return found
