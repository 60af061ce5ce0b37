"""The examples, run as a reader of `examples/` would run them: processes of their own, against the real thing."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import redis
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.making import bring, discover
from tests.serving import serving
from tests.systems import REPOSITORY, environment
from tests.waiting import wait_until
from workers.deliver.api.app import make_api
from workers.deliver.stage import relay_changes
from workers.deliver.stream import STREAM, ChangeStream, connect
from workers.deliver.webhooks.signing import secret_of, signed_headers
from workers.deliver.webhooks.stage import Pusher
from workers.domain.outcomes import State
from workers.fetch.post import HttpPoster
from workers.store import webhooks as store
from workers.store.webhooks import WebhookBook

SECRET = secret_of(b"7" * 32)


@pytest.fixture
def client(servers: Servers) -> Iterator[redis.Redis]:
    made = connect(servers.redis.client_url(3))
    made.flushdb()
    yield made
    made.flushdb()
    made.close()


@pytest.fixture
def publish(engine: Engine, client: redis.Redis) -> Callable[[int, int], None]:
    """Publish `count` further articles, as the relay does."""
    stream = ChangeStream(client, length=1_000)

    def more(count: int, first: int) -> None:
        bring(engine, discover(engine, count, first=first), State.CLASSIFIED)
        relay_changes(engine, stream)

    return more


class Example:
    """One example in a process of its own."""

    def __init__(self, name: str, folder: Path, *words: str, **variables: str) -> None:
        self._out = folder / f"{name}-{len(list(folder.iterdir()))}.out"
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "examples" / name), *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment() | variables,
            )

    @property
    def lines(self) -> list[str]:
        assert self._process.poll() is None, self._out.read_text(encoding="utf-8")
        return self._out.read_text(encoding="utf-8").splitlines()

    @property
    def seqs(self) -> list[int]:
        return [int(line.split()[0]) for line in self.lines if line[0].isdigit()]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running(name: str, folder: Path, *words: str, **variables: str) -> Iterator[Example]:
    made = Example(name, folder, *words, **variables)
    try:
        yield made
    finally:
        made.kill()


def test_the_consumer_goes_on_where_it_was_killed_and_over_a_restart_of_the_api(
    engine: Engine, publish: Callable[[int, int], None], tmp_path: Path
) -> None:
    cursor = tmp_path / "cursor.txt"
    publish(3, 0)
    with serving(make_api(engine, list, "0")) as api:
        port = int(api.rpartition(":")[2])
        with running("consumer.py", tmp_path, api, str(cursor)) as first:
            wait_until(lambda: first.seqs == [1, 2, 3] and cursor.exists(), 20)
        publish(2, 3)
    with running("consumer.py", tmp_path, api, str(cursor)) as second:
        wait_until(lambda: second.lines, 20, "its word that the API is away")
        with serving(make_api(engine, list, "0"), port):
            wait_until(lambda: second.seqs == [4, 5] and cursor.read_text() == "5", 20)


def test_readers_of_a_group_share_the_stream_and_nothing_is_lost_when_one_is_killed(
    publish: Callable[[int, int], None], client: redis.Redis, servers: Servers, tmp_path: Path
) -> None:
    publish(3, 0)
    url = servers.redis.client_url(3)
    with running("stream_group.py", tmp_path, url, "desk", "one") as first:
        wait_until(lambda: first.seqs == [1, 2, 3], 20)
    publish(2, 3)
    # it died with one entry in hand, and another one's is a minute old
    assert client.xreadgroup("desk", "one", {STREAM: ">"}, count=1)
    assert client.xreadgroup("desk", "gone", {STREAM: ">"}, count=1)
    client.xclaim(STREAM, "desk", "gone", 0, ["5-0"], idle=61_000)
    with running("stream_group.py", tmp_path, url, "desk", "one") as again:
        wait_until(lambda: again.seqs == [4, 5], 20)
        publish(1, 5)
        wait_until(lambda: again.seqs == [4, 5, 6], 20)
        wait_until(lambda: client.xpending(STREAM, "desk")["pending"] == 0)


def test_the_receiver_takes_what_wirewatch_signed_once_and_nothing_else(
    engine: Engine, publish: Callable[[int, int], None], tmp_path: Path
) -> None:
    with running("receiver.py", tmp_path, "0", WEBHOOK_SECRET=SECRET) as receiver:
        address = wait_until(lambda: receiver.lines, 20)[0]
        one = store.add_webhook(engine, address, filters={}, with_text=False, secret=SECRET)
        publish(3, 0)
        asyncio.run(push(engine, address.removeprefix("http://")))
        store.replay(engine, one, 1)
        asyncio.run(push(engine, address.removeprefix("http://")))
        assert receiver.seqs == [1, 2, 3]
        assert store.webhooks(engine, one)[0]["behind"] == 0
        now = int(datetime.now(UTC).timestamp())
        for secret, timestamp in ((secret_of(b"8" * 32), now), (SECRET, now - 400)):
            headers = signed_headers([secret], "forged", timestamp, b"{}")
            assert httpx.post(address, content=b"{}", headers=headers, trust_env=False).status_code == 401
        assert httpx.post(address, content=b"{}", trust_env=False).status_code == 401


async def push(engine: Engine, pair: str) -> None:
    post = HttpPoster(user_agent="test", deadline_s=15, allowed=[pair], clock=lambda: datetime.now(UTC), connections=5)
    pusher = Pusher(book=WebhookBook(engine), post=post, clock=lambda: datetime.now(UTC))
    await pusher.look()
    await asyncio.gather(*pusher.serving)
    await post.close()
