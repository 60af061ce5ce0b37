"""Standing aside: a command that takes hours has only what nobody else on the machine wants."""

import functools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext
from time import monotonic, sleep  # noqa: TID251  (a process whose whole task is to wait for its turn)

#: The processes leave the cores to whoever else wants one: live workers go first. (The least that POSIX knows.)
NICE = 19
#: Where the system has it (Linux, sched(7)): only what nobody else wants.
IDLE: int | None = getattr(os, "SCHED_IDLE", None)

#: So often a process at work looks whether it is still alone (seconds). The scheduler does not see to it: on Linux 6.18
#: whoever is woken beside a process of this kind waits for its core until the next tick, up to 4 ms later. Each look
#: interrupts the process and costs it a fifteenth of its time.
LOOK_EVERY_S = 0.0003
#: The same while it waits: the path rests for half a millisecond whenever a commit waits for the disk.
LOOK_AGAIN_S = 0.001
#: On a machine that is never idle: so long a process waits for room, and so long it then works all the same (seconds).
PATIENCE_S, STINT_S = 0.1, 0.01

#: proc(5): the fourth word is the threads that run or want to, of all users, and how many there are.
LOADAVG = "/proc/loadavg"


def stand_aside() -> None:
    """Let this process, and those that it will start, have only what nobody else wants."""
    os.nice(NICE)
    if IDLE is not None:
        os.sched_setscheduler(0, IDLE, os.sched_param(0))


@functools.cache
def _loadavg() -> int | None:
    """Return the open file, which is read thousands of times a second, where there is one."""
    try:
        return os.open(LOADAVG, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def running() -> int:
    """Return how many threads of the whole machine run or wait for a core, the caller's among them.

    0 where the system does not say (no Linux): whoever asks then finds no others.
    """
    file = _loadavg()
    return 0 if file is None else int(os.pread(file, 64, 0).split()[3].partition(b"/")[0])


def is_room(threads: int, ours: int, cores: int) -> bool:
    """Return whether `ours` of the running `threads` leave the others a core each, and one for whom each wakes next.

    A page goes back and forth between a worker, the database and the worker's helper: where one of them runs, the
    next one is about to. It must find a core on which nothing runs, not one that somebody would soon leave to it.
    """
    others = max(0, threads - ours)  # ours may sleep for a moment: the database works for them
    return ours + 2 * others <= cores


class Crew:
    """Processes that work beside each other, and how many of them are awake. Handed to each as it starts."""

    def __init__(self, context: SpawnContext) -> None:
        self._awake = context.Value("i", 0)
        #: One looks at a time: of two, each would be somebody else to the other one.
        self.door = context.Lock()

    @property
    def awake(self) -> int:
        """How many are, at this moment, at work or to look whether they may be."""
        return int(self._awake.value)

    def count(self, more: int) -> None:
        """Add to those awake."""
        with self._awake.get_lock():
            self._awake.value += more


class Aside:
    """One of a crew: works while there is room for it, in its main thread.

    It is stopped by a signal, wherever it is: a classifier has no place of its own for that, and would have to know
    who uses it.
    """

    def __init__(self, crew: Crew, *, threads: Callable[[], int] = running, cores: int = os.cpu_count() or 1) -> None:
        self._crew, self._threads, self._cores = crew, threads, cores
        self._is_stoppable = False
        self._stint_ends = 0.0
        signal.signal(signal.SIGALRM, self._look)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Work that may be stopped anywhere: it must hold no lock that others want."""
        with self.in_one_go():
            self._is_stoppable = True
            signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY_S)
            try:
                yield
            finally:
                self._is_stoppable = False
                signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def in_one_go(self) -> Iterator[None]:
        """Work that waits for room before it begins, and is not stopped."""
        self._crew.count(1)
        try:
            self._wait()
            yield
        finally:
            self._crew.count(-1)

    def _has_room(self) -> bool:
        return is_room(self._threads(), self._crew.awake, self._cores)

    def _wait(self) -> None:
        """Return when there is room, or patience ends."""
        if self._has_room():
            return
        self._crew.count(-1)
        patience_ends = monotonic() + PATIENCE_S
        with self._crew.door:
            while True:
                self._crew.count(1)
                if self._has_room():
                    return
                if monotonic() > patience_ends:
                    self._stint_ends = monotonic() + STINT_S
                    return
                self._crew.count(-1)
                sleep(LOOK_AGAIN_S)

    def _look(self, *_: object) -> None:
        if not self._is_stoppable:  # the signal came as the work ended
            return
        if monotonic() > self._stint_ends:
            self._wait()
        signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY_S)  # once each: however late it comes, none comes in between
