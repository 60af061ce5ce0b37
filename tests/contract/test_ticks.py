"""Slots that one process alone takes, and what was replaced."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from workers.store.overview import pulse, record_tick
from workers.store.schema import tick
from workers.store.ticks import count_replaced, seconds_since, take_slot


def test_of_many_that_ask_at_once_one_gets_the_slot(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(lambda _: take_slot(engine, "sweep", 60), range(12)))
    assert sum(first) == 1
    with engine.begin() as connection:
        connection.execute(update(tick).values(last_at=tick.c.last_at - timedelta(seconds=61)))
    with ThreadPoolExecutor(4) as pool:
        second = list(pool.map(lambda _: take_slot(engine, "sweep", 60), range(12)))
    assert sum(second) == 1


def test_slots_of_other_names_are_free(engine: Engine) -> None:
    assert take_slot(engine, "sweep", 60)
    assert take_slot(engine, "upkeep", 60)


def test_the_time_since_a_tick_goes_by_the_clock_of_the_database(engine: Engine) -> None:
    assert seconds_since(engine, "heartbeat") is None
    record_tick(engine, "heartbeat")
    assert seconds_since(engine, "heartbeat") == pytest.approx(0, abs=5)
    with engine.begin() as connection:
        connection.execute(update(tick).values(last_at=tick.c.last_at - timedelta(seconds=100)))
    assert seconds_since(engine, "heartbeat") == pytest.approx(100, abs=5)


def test_replacements_are_counted_for_each_worker(engine: Engine) -> None:
    assert pulse(engine).replaced == {}
    for service in ("io", "cpu", "io"):
        count_replaced(engine, service)
    assert pulse(engine).replaced == {"io": 2, "cpu": 1}
