"""The health check of a worker: when it kills, and when it only listens anew."""

import os
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from config.settings import Settings, changed
from workers import watch
from workers.app import app
from workers.operate import signs
from workers.pipeline import Service, queues_of

QUEUES = queues_of(Service.IO)


class World:
    """A worker's folder, a Redis and a kill that only say what was asked of them."""

    def __init__(self, data: Path) -> None:
        nowhere = SecretStr("postgresql+psycopg://nobody@/x?host=/nowhere")
        self.settings = changed(Settings(), data_dir=data, database_url=nowhere)
        self.canaries: list[str] = []
        self.killed: list[str] = []
        self.redis_is_away = False
        signs.begin(data, "io", QUEUES)
        signs.looked(data, "io")

    def send_task(self, name: str, *, args: list[str], queue: str, expires: float) -> None:
        if self.redis_is_away:
            raise OperationalError("away")
        assert (name, args, expires) == ("canary", [queue], self.settings.canary_s)
        self.canaries.append(queue)

    def kill(self, _data: Path, service: str) -> bool:
        self.killed.append(service)
        return True

    def age(self, seconds: float, *names: str) -> None:
        for name in names:
            moment = monotonic() - seconds
            os.utime(self.settings.data_dir / "signs" / "io" / name, (moment, moment))

    def look(self) -> bool:
        return watch.look(self.settings, Service.IO)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(app, "send_task", made.send_task)
    monkeypatch.setattr(signs, "kill", made.kill)
    monkeypatch.setattr("workers.store.ticks.count_replaced", lambda *_: None)
    return made


def test_each_queue_of_the_worker_gets_a_canary(world: World) -> None:
    assert not world.look()
    assert world.canaries == list(QUEUES)


def test_one_silent_queue_is_enough_and_then_the_count_begins_anew(world: World) -> None:
    world.age(241, "fetch")
    assert world.look()
    assert not world.look()
    assert world.killed == ["io"]


def test_while_redis_is_away_nobody_is_killed_nor_just_after(world: World) -> None:
    world.redis_is_away = True
    world.age(600, *QUEUES)
    assert not world.look()
    world.redis_is_away = False
    assert not world.look()
    assert world.killed == []


def test_while_the_store_is_away_nobody_is_killed_nor_just_after(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(app, "send_task", world.send_task)
    monkeypatch.setattr(signs, "kill", world.kill)
    world.age(600, *QUEUES)
    assert not world.look(), "what cannot be counted is not done"
    monkeypatch.setattr("workers.store.ticks.count_replaced", lambda *_: None)
    assert not world.look()
    assert world.killed == []


def test_a_check_that_was_away_itself_listens_first(world: World) -> None:
    world.age(600, *QUEUES, signs.LOOKED)
    assert not world.look()
    assert world.killed == []


def test_a_worker_that_nobody_has_begun_is_left_alone(world: World) -> None:
    told: list[Any] = [watch.look(world.settings, Service.CPU) for _ in range(2)]
    assert told == [False, False]
