"""What a process of its own comes to when it fetches what is meant to eat its memory: `python -m tests.hungry`.

Reads a list of addresses of servers on loopback as JSON from stdin, the first to warm up; writes how each ended and by
how many bytes its memory grew at most, as JSON.
"""

import asyncio
import json
import socket
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from workers.domain.ports import FetchFailed
from workers.fetch.http import HttpClient
from workers.fetch.robots import MAX_BYTES, parse_robots

MAX_BODY = 10_000_000


def only_loopback(self: socket.socket, address: Any, real: Any = socket.socket.connect) -> Any:
    assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", address
    return real(self, address)


class Peak:
    """The most memory that this process had while the `with` block ran."""

    def __enter__(self) -> Self:
        self.process = psutil.Process()
        self.before = self.most = self.process.memory_info().rss
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self) -> None:
        while not self.over.wait(0.002):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


async def fetch_all(urls: list[str]) -> dict[str, str]:
    """Return how each ended."""
    client = HttpClient(
        user_agent="Wirewatch",
        deadline_s=5,
        max_bytes=MAX_BODY,
        max_redirects=5,
        allowed=[urlsplit(url).netloc for url in urls],
        clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
    )
    endings = {}
    for url in urls:
        robots = "robots" in url
        try:
            response = await client(url, first_bytes=MAX_BYTES if robots else None)
        except FetchFailed as failure:
            endings[url] = str(failure.ending.reason)
        else:
            endings[url] = str(len(response.body))
            if robots:
                parse_robots(response.body)
    await client.close()
    return endings


if __name__ == "__main__":
    socket.socket.connect = only_loopback  # type: ignore[method-assign, assignment]
    warm, *hungry = json.load(sys.stdin)
    asyncio.run(fetch_all([warm]))
    with Peak() as peak:
        endings = asyncio.run(fetch_all(hungry))
    json.dump({"endings": endings, "grown": peak.most - peak.before}, sys.stdout)
