"""When long pages may go out."""

import asyncio

import pytest

from workers.deliver.api import courtesy as module
from workers.deliver.api.courtesy import LONG, MOST_S, SHARE, Courtesy


class Machine:
    """A clock that sleeping moves, and a path that is busy or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, busy: bool) -> None:
        self.now, self.busy, self.looks = 1_000.0, busy, 0
        monkeypatch.setattr(module.asyncio, "sleep", self._sleep)
        self.courtesy = Courtesy(self._look, lambda: self.now)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _look(self) -> bool:
        self.looks += 1
        return self.busy

    def waited(self, events: int = LONG, cpu_s: float = 0.02) -> float:
        """Return how long a page waited (seconds)."""
        before = self.now
        asyncio.run(self.courtesy.give_way(events, cpu_s))
        return self.now - before


@pytest.mark.parametrize(
    ("busy", "events", "seconds"),
    [
        (True, LONG, 0.02 / SHARE),
        (True, LONG - 1, 0),  # who reads the news as it comes
        (True, 0, 0),
        (False, 500, 0),
    ],
)
def test_only_long_pages_beside_a_busy_path_wait(
    monkeypatch: pytest.MonkeyPatch, *, busy: bool, events: int, seconds: float
) -> None:
    assert Machine(monkeypatch, busy=busy).waited(events) == pytest.approx(seconds)


def test_all_pages_together_have_the_share_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    courtesy = Courtesy(lambda: True, lambda: 1_000.0)  # all come at the same moment

    async def all_at_once() -> None:
        for _ in range(100):
            await courtesy.give_way(500, 0.02)

    asyncio.run(all_at_once())
    assert asked[:3] == pytest.approx([1 * 0.02 / SHARE, 2 * 0.02 / SHARE, 3 * 0.02 / SHARE])
    assert max(asked) == pytest.approx(MOST_S)


def test_the_store_is_asked_a_few_times_a_second_and_only_for_long_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, busy=False)
    for _ in range(100):
        machine.waited(1)
    assert machine.looks == 0
    for _ in range(100):
        machine.waited(500)
    assert machine.looks == 1
    machine.busy = True
    machine.now += 1
    assert machine.waited(500) > 0
