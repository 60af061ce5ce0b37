"""An outlet that keeps a record of its visitors, and the ways out that tests of manners take."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from tests.hostile import Connection, HostileServer, page
from workers.domain.outcomes import Deferred, Dropped
from workers.domain.ports import FetchFailed, OpenSession, Response
from workers.fetch.http import HttpClient
from workers.fetch.polite import Hosts, Outside, PoliteSession, Robots
from workers.operate.newsroom import NewsroomServer
from workers.store.hosts import HostBook
from workers.store.robots import RobotsBook

TEXT = b"<html><body><p>The border commission met.</p></body></html>"
NO_ROBOTS = page(b"", status="404 Not Found")

Answer = bytes | Callable[[Connection], None]


def clock() -> datetime:
    return datetime.now(UTC)


def robots_txt(*lines: str) -> bytes:
    """Return the answer with these rules, for everybody."""
    return page("\n".join(("User-agent: *", *lines)).encode(), content_type="text/plain")


@dataclass(frozen=True)
class Visit:
    """One request, by the server's own monotonic clock: from the request's last byte to the answer's first."""

    path: str
    began: float
    ended: float
    request: bytes


class Outlet(HostileServer):
    """A server that answers each path as it is told (a page, where it is told nothing) and keeps every visit."""

    def __init__(
        self,
        pages: Mapping[str, Answer] | None = None,
        *,
        robots: Answer = NO_ROBOTS,
        host: str = "127.0.0.1",
        takes_s: float = 0.0,
    ) -> None:
        """`takes_s`: the time that each answer takes, so that two requests at once are seen."""
        super().__init__(self._receive, host=host)
        self.name = host
        self.pages: dict[str, Answer] = {"/robots.txt": robots, **(pages or {})}
        self.visits: list[Visit] = []
        self._takes_s = takes_s
        self._patience = threading.Event()

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [one.path for one in self.visits]

    @property
    def smallest_gap_s(self) -> float:
        """The least time between the beginnings of two requests."""
        began = sorted(one.began for one in self.visits)
        return min(later - sooner for sooner, later in itertools.pairwise(began))

    @property
    def most_in_flight(self) -> int:
        """How many requests there were at one moment, at most."""
        moments = sorted([(one.began, 1) for one in self.visits] + [(one.ended, -1) for one in self.visits])
        return max(itertools.accumulate(change for _, change in moments))

    def _receive(self, connection: Connection) -> None:
        began = time.monotonic()
        path = connection.request.split(b" ", 2)[1].decode()
        answer = self.pages.get(path, page(TEXT))
        if self._takes_s:
            self._patience.wait(self._takes_s)
        # kept before the client can know of the answer: what it asks for next comes later by this clock too
        self.visits.append(Visit(path, began, time.monotonic(), connection.request))
        if callable(answer):
            answer(connection)
        else:
            connection.send(answer)


def one_after_another(*answers: bytes) -> Callable[[Connection], None]:
    """Give these answers, then the last one again and again."""
    left = itertools.chain(answers, itertools.repeat(answers[-1]))
    return lambda connection: connection.send(next(left))


# --- ways out ----------------------------------------------------------------------------------


def url_of(server: HostileServer | NewsroomServer) -> str:
    """Return where a server is."""
    return server.base_url if isinstance(server, NewsroomServer) else server.url


@asynccontextmanager
async def way_out(
    engine: Engine,
    *servers: HostileServer | NewsroomServer,
    delay_s: float = 0.1,
    budget_s: float = 5.0,
    deadline_s: float = 5.0,
    hosts: Hosts | None = None,
    book: Robots | None = None,
) -> AsyncIterator[Outside]:
    """Open the product's way out to these servers, as one process has it: over its store, with its own memory."""
    http = HttpClient(
        user_agent="Wirewatch/0 (+https://example.org/bot)",
        deadline_s=deadline_s,
        max_bytes=1_000_000,
        max_redirects=5,
        allowed=[url_of(one).removeprefix("http://") for one in servers],
        clock=clock,
    )
    hosts = hosts or HostBook(engine, lease_s=90, ahead_s=budget_s)
    book = book or RobotsBook(engine)
    try:
        yield Outside(http, hosts, book, delay_s=delay_s, budget_s=budget_s, deadline_s=deadline_s, clock=clock)
    finally:
        await http.close()


async def answer_of(session: PoliteSession, url: str, **wishes: Any) -> Any:
    """Return the answer, or what its absence means."""
    try:
        return await session.get(url, **wishes)
    except FetchFailed as failure:
        return failure.ending


async def visit(outside: Outside, *urls: str, **wishes: Any) -> list[Any]:
    """Ask for these at the same time, in one session; return each answer, or what its absence means."""
    async with outside.session(urls) as session:
        return list(await asyncio.gather(*(answer_of(session, url, **wishes) for url in urls)))


def visited(engine: Engine, urls: Iterable[str], *servers: HostileServer, **options: Any) -> list[Any]:
    """Ask for these in one session of a process that has just begun."""
    wishes = {name: options.pop(name) for name in ("robots", "hops") if name in options}

    async def run() -> list[Any]:
        async with way_out(engine, *servers, **options) as outside:
            return await visit(outside, *urls, **wishes)

    return asyncio.run(run())


def reasons(answers: Iterable[Response | Dropped | Deferred]) -> list[str]:
    """Return a word for each: its status, or why there is no answer."""
    return [str(one.status) if isinstance(one, Response) else one.reason.value for one in answers]


class ScriptedSession:
    """A session without manners, whose answers are given."""

    def __init__(self, get: Any) -> None:
        self._get = get

    async def get(self, url: str, **wishes: Any) -> Response:
        answer: Response = await self._get(url, **wishes)
        return answer

    @property
    def is_crowded(self) -> bool:
        """Nobody waits."""
        return False

    async def done(self, urls: Iterable[str]) -> None:
        """Nobody waits."""


def scripted(get: Any) -> OpenSession:
    """Return what opens sessions whose answers `get` gives."""

    @asynccontextmanager
    async def open_session(_urls: Iterable[str]) -> AsyncIterator[ScriptedSession]:
        yield ScriptedSession(get)

    return open_session
