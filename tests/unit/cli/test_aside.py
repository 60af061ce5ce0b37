"""Whoever stands aside works while nobody else wants a core, stops in the middle of it, and is not put off for ever."""

import multiprocessing
import signal
import time
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from workers.cli import aside
from workers.cli.aside import Aside, Crew, is_room, running


@pytest.fixture
def crew() -> Iterator[Crew]:
    before = signal.getsignal(signal.SIGALRM)  # pytest's own: each test has a time limit
    yield Crew(multiprocessing.get_context("spawn"))
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


class Machine:
    """How many threads run on it: ours, and others at will, though not for ever: no timer ends these tests."""

    def __init__(self, crew: Crew, others: int = 0) -> None:
        self.crew, self.others, self.looks = crew, others, 0

    def __call__(self) -> int:
        self.looks += 1
        return self.crew.awake + (self.others if self.looks < 2_000 else 0)


@pytest.mark.parametrize(
    ("threads", "ours", "cores", "expected"),
    [
        (1, 1, 1, True),
        (2, 1, 1, False),
        (1, 1, 2, True),
        (2, 2, 2, True),
        (2, 1, 2, False),  # a worker runs: the database is next
        (3, 2, 2, False),
        (1, 2, 2, True),  # one of ours waits for the database
        (3, 3, 2, False),
        (3, 2, 4, True),
        (4, 3, 4, False),
        (4, 2, 8, True),
        (9, 6, 8, False),
        (0, 2, 2, True),  # the system does not say
    ],
)
def test_others_have_a_core_each_and_one_to_wake(threads: int, ours: int, cores: int, expected: bool) -> None:
    assert is_room(threads, ours, cores) is expected


def test_the_machine_says_how_many_threads_run() -> None:
    assert running() >= 1, "we do"


def test_a_machine_that_does_not_say_has_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "LOADAVG", "/proc/there/is/no/such/file")
    aside._loadavg.cache_clear()
    try:
        assert running() == 0
    finally:
        aside._loadavg.cache_clear()


def test_work_looks_again_and_again_until_it_ends(crew: Crew) -> None:
    machine = Machine(crew)
    one = Aside(crew, threads=machine, cores=2)
    with one.stoppable():
        assert crew.awake == 1
        wait_until(lambda: machine.looks >= 4, description="a look before, and three of the timer")
    assert crew.awake == 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    looks = machine.looks
    signal.raise_signal(signal.SIGALRM)  # one that was on its way as the work ended
    assert machine.looks == looks


def test_work_stops_in_the_middle_while_others_run(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(crew)
    asleep = []

    def nap(_seconds: float) -> None:
        asleep.append(crew.awake)
        machine.others = int(len(asleep) < 3)

    monkeypatch.setattr(aside, "sleep", nap)
    with Aside(crew, threads=machine, cores=2).stoppable():
        machine.others = 1
        wait_until(lambda: not machine.others, description="it stopped, and they ended")
    assert asleep == [0, 0, 0], "nobody of ours is awake meanwhile"


def test_work_in_one_go_waits_before_it_begins_and_is_not_stopped(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(crew, others=1)
    asleep = []

    def nap(_seconds: float) -> None:
        asleep.append(crew.awake)
        machine.others = 0

    monkeypatch.setattr(aside, "sleep", nap)
    with Aside(crew, threads=machine, cores=2).in_one_go():
        assert (asleep, crew.awake) == ([0], 1)
        machine.others, looks = 1, machine.looks
        signal.raise_signal(signal.SIGALRM)
        assert machine.looks == looks
    assert crew.awake == 0


def test_on_a_machine_that_is_never_idle_patience_ends_and_a_stint_begins(crew: Crew) -> None:
    machine = Machine(crew, others=5)
    one = Aside(crew, threads=machine, cores=2)
    begun = time.monotonic()
    with one.stoppable():
        waited = time.monotonic() - begun
        assert aside.PATIENCE_S <= waited < 10 * aside.PATIENCE_S
        wait_until(lambda: time.monotonic() - begun > waited + aside.PATIENCE_S, description="the next stint")
    assert crew.awake == 0
    assert machine.looks > 2 * aside.PATIENCE_S / (3 * aside.LOOK_AGAIN_S)
