"""A world in which sources live by a script, watched by the real steps in one process: weeks in minutes.

PostgreSQL, Redis, the tasks, the ledger, the HTTP client down to its transport and the process that reads pages are
real. Scripted are the clock and what comes over the wire; messages between tasks go from hand to hand.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import structlog
from ruamel.yaml import YAML
from sqlalchemy import Engine, text

from config.settings import Settings, changed
from tests.clocks import Clock
from tests.conftest import Servers
from tests.life.script import DAY, HOUR, LATE, LOOKS, POLL_MOST, Life
from workers import bootstrap, tasks
from workers.bootstrap import Steps, contained
from workers.store.schema import metadata

#: Seconds of simulated time between two sweeps and between two rounds of upkeep (5 s and an hour in life).
SWEEP_S, UPKEEP_S = LATE, 6 * HOUR
#: Ids of one message, as by default.
BATCH = 50
#: Entries that the stream keeps: few, so that it is full early.
STREAM = 500
#: One topic: what flags cost is measured elsewhere.
PACK = """\
id: border-cooperation
name: Border cooperation
description: Border services of two states that work together.
terms:
  en:
    strong: [border commission, patrol of Lindau]
    weak: [border]
examples: []
"""


class Wire(httpx.AsyncBaseTransport):
    """What the lives answer, in the place of connections."""

    def __init__(self, lives: Sequence[Life], clock: "Calendar") -> None:
        self._lives = {life.id: life for life in lives}
        self._clock = clock
        self.requests: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the host's life says: it is `a.steady-001.example`, or without `a.`, of steady-001."""
        life = self._lives[request.url.host.split(".")[-2]]
        answer = life.answer(str(request.url), self._clock.at, request.headers)
        self.requests[{"/robots.txt": "robots.txt", "/feed": "feeds"}.get(request.url.path, "pages")] += 1
        if not answer.status:
            raise httpx.ConnectError("nobody answers")
        return httpx.Response(
            answer.status, headers=dict(answer.headers), stream=_Body(answer.body), extensions={"network_stream": self}
        )

    def get_extra_info(self, _name: str) -> "Wire":
        """Stand for the bounds of a connection."""
        return self

    def expect(self, _max_bytes: int) -> None:
        """Take the bound of a body; scripted ones are small."""


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class Calendar:
    """Simulated time in seconds from the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now()

    @property
    def at(self) -> float:
        """Now."""
        return (self._clock.now() - self._start).total_seconds()

    def go_to(self, at: float) -> None:
        """Let this moment come."""
        self._clock.jump(timedelta(seconds=at - self.at))


class Mail:
    """Carries ids between the tasks, in the place of Celery: what waits for one task is given to it together."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[str]] = {}
        self.delivered: Counter[str] = Counter()

    def send_task(self, name: str, args: list[list[str]], queue: str) -> None:
        """Take a message."""
        self._waiting.setdefault(name, []).extend(args[0] if args else [])

    def deliver(self) -> None:
        """Run tasks until nothing is waiting."""
        while self._waiting:
            name = next(iter(self._waiting))
            ids = self._waiting.pop(name)
            task = getattr(tasks, name)
            for at in range(0, max(len(ids), 1), BATCH):
                self.delivered[name] += 1
                task(*([ids[at : at + BATCH]] if ids else []))  # the relay takes no ids


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """What there is at the end of a day."""

    at: float  # seconds from the start
    rows: Mapping[str, int]
    bytes: Mapping[str, int]  # on disk, with indexes
    redis_keys: int
    redis_bytes: int
    stream: int
    files: int
    memory: int  # of this process and of the one that reads pages, bytes


@dataclass
class World:
    """The running simulation."""

    engine: Engine
    settings: Settings
    lives: Sequence[Life]
    calendar: Calendar
    steps: Steps
    mail: Mail
    wire: Wire
    days: list[Day] = field(default_factory=list)
    complaints: list[Mapping[str, Any]] = field(default_factory=list)  # what the log says of level error

    def live(self, until: float) -> None:
        """Sweep, work and look after the store until this moment; measure each day."""
        while (at := self.calendar.at) < until:
            tasks.sweep()
            self.mail.deliver()
            tasks.relay_changes()
            if self._is_first_after(at, UPKEEP_S):
                tasks.upkeep()
            if self._is_first_after(at, DAY):
                self.measure()
                # in life a process is replaced after some hundred tasks; its memory of robots.txt goes by real time
                self.steps.outside._remembered.clear()
            self.calendar.go_to(at + SWEEP_S)

    def _is_first_after(self, at: float, period_s: float) -> bool:
        """Return whether a new period began after the sweep before."""
        return int(at / period_s) > int((at - SWEEP_S) / period_s)

    def forget(self) -> None:
        """Let a month pass in which nobody works, then look after the store."""
        self.calendar.go_to(self.calendar.at + 32 * DAY)
        tasks.upkeep()

    def measure(self) -> None:
        """Write down what there is."""
        names = sorted(metadata.tables)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))  # in life autovacuum has a day for what is a second here
            rows = {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}
            sizes = {
                name: connection.execute(text(f"SELECT pg_total_relation_size('{name}')")).scalar_one()
                for name in names
            }
        broker, stream = self.steps.broker, self.steps.stream.client
        reader = contained().pid
        self.days.append(
            Day(
                at=self.calendar.at,
                rows=rows,
                bytes=sizes,
                redis_keys=int(broker.dbsize()) + int(stream.dbsize()),
                redis_bytes=int(broker.info("memory")["used_memory"]),
                stream=int(stream.xlen("wirewatch:changes")),
                files=sum(one.is_file() for one in self.settings.data_dir.rglob("*")),
                memory=sum(psutil.Process(pid).memory_info().rss for pid in (os.getpid(), reader) if pid),
            )
        )


def world_settings(database_url: str, servers: Servers, folder: Path, *, retention_days: int) -> Settings:
    """Return the settings that the script counts with: databases 2 and 3 of Redis, and what is edited in `folder`.

    A host rests for a millisecond between two requests: nobody waits for long in real time.
    """
    (folder / "topics").mkdir()
    (folder / "topics" / "border-cooperation.yaml").write_text(PACK, encoding="utf-8")
    return changed(
        Settings(),
        database_url=database_url,
        broker_url=servers.redis.broker_url.replace("virtual_host=0", "virtual_host=2"),
        stream_url=servers.redis.broker_url.replace("virtual_host=0", "virtual_host=3"),
        data_dir=servers.postgres.data,  # where it is in life: the servers' files are below
        sources_file=folder / "sources.yaml",
        topics_dir=folder / "topics",
        poll_max_s=POLL_MOST,
        revisit_after_s=[int(one) for one in LOOKS],
        page_retention_days=retention_days,
        stream_length=STREAM,
        host_delay_s=0.001,
    )


@contextmanager
def world(
    engine: Engine,
    clock: Clock,
    settings: Settings,
    lives: Sequence[Life],
    patch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """Make a world of these lives; they begin now."""
    _write_sources(settings.sources_file, lives)
    calendar, mail, steps = Calendar(clock), Mail(), Steps(settings)
    wire = Wire(lives, calendar)
    steps.outside.http._transport = wire  # type: ignore[attr-defined]
    made = World(engine, settings, lives, calendar, steps, mail, wire)
    patch.setattr(bootstrap, "_steps", steps)
    patch.setattr(tasks, "app", mail)
    with _listening(made.complaints):
        try:
            yield made
        finally:
            for server in (steps.broker, steps.stream.client):
                server.flushdb()
            steps.loop.close()
            steps.close()


@contextmanager
def _listening(complaints: list[Mapping[str, Any]]) -> Iterator[None]:
    """Keep what is logged as an error, and drop the rest."""

    def keep(_logger: Any, level: str, facts: MutableMapping[str, Any]) -> Any:
        if level == "error":
            complaints.append(dict(facts))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep])
    try:
        yield
    finally:
        structlog.configure(**before)


def _write_sources(file: Path, lives: Sequence[Life]) -> None:
    facts = {"language": "en", "country": "GB", "owner": "Nobody", "state_owned": False}
    sources = [{"id": life.id, "name": life.id.title(), "url": life.url} | facts for life in lives]
    with file.open("w", encoding="utf-8") as out:
        YAML(typ="safe", pure=True).dump({"version": 1, "sources": sources}, out)
