"""Workers are killed and Redis is flushed in the middle of the newsroom: every article still comes out exactly once."""

import signal
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from tests.systems import RunningSystem
from tests.waiting import wait_until

DEMO = ("demo", "--once", "--timeout-s", "100", "--api-port", "0", "--flower-port", "0")


def states(system: RunningSystem) -> dict[str, int]:
    """Return how many entries stand where; nothing while the database is not there yet."""
    try:
        with psycopg.connect(host=str(system.runtime / "postgres"), dbname="wirewatch", user="wirewatch") as connection:
            return dict(connection.execute("SELECT state, count(*) FROM entry GROUP BY state").fetchall())
    except psycopg.Error:
        return {}


def in_the_middle(system: RunningSystem) -> bool:
    found = states(system)
    return bool(found.get("discovered", 0) + found.get("fetched", 0) + found.get("extracted", 0))


def kill(processes: list[psutil.Process]) -> int:
    for one in processes:
        one.send_signal(signal.SIGKILL)
    return len(processes)


@pytest.mark.timeout(180)
def test_a_killed_worker_and_a_flushed_redis_lose_and_double_nothing(tmp_path: Path) -> None:
    with RunningSystem(DEMO, tmp_path / "data") as system:
        wait_until(lambda: system.has_ended or in_the_middle(system), 60, "articles are on their way")
        assert not system.has_ended, system.output
        killed = kill(system.of_service("extract,classify")) + kill(system.of_service("poll,fetch"))
        with redis.Redis(unix_socket_path=str(system.runtime / "redis.sock")) as client:
            client.flushall()
        assert killed >= 4, "both workers with their children"
        assert in_the_middle(system), "something was left to do when they died"
        assert system.wait_end(150) == 0, system.output
        assert "every sample link has its outcome" in system.output
        assert system.leftovers() == []
