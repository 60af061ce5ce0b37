"""The whole path while the clock jumps between its steps and leases are open (RELIABILITY.md Q22).

Sweeper, steps, stores and the process that reads pages are real; messages go from hand to hand, and the clock of the
database and of the steps is the test's.
"""

import pathlib
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import Engine, select, text

from config.settings import Settings, changed
from tests.clocks import Clock
from tests.conftest import Servers
from tests.hostile import page
from tests.making import make_source
from tests.manners import Outlet
from workers import bootstrap, tasks
from workers.app import app
from workers.bootstrap import Steps
from workers.deliver.stream import STREAM
from workers.domain.outcomes import State
from workers.operate.chaos.newsroom import article
from workers.operate.chaos.newsroom import page as page_of
from workers.store.overview import broken_invariants
from workers.store.schema import change, entry

HOUR, YEARS = timedelta(hours=1), timedelta(days=3650)
ARTICLES, DEAD = 8, 2
#: Between two sweeps, and how long all may take at most: three leases, since each step's dead hold theirs.
PAUSE, LONGEST = timedelta(seconds=31), timedelta(minutes=12)


def feed(base: str) -> bytes:
    """Return a feed of all articles, whose dates are lies."""
    dates = ["Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2400", "", "Sat, 30 Feb 2030 00:00:00 +9999"]
    items = "".join(
        f"<item><title>{article(number)[0]}</title><link>{base}/news/{number}</link>"
        f"<pubDate>{dates[number % len(dates)]}</pubDate></item>"
        for number in range(ARTICLES)
    )
    return f'<rss version="2.0"><channel><title>Agency</title>{items}</channel></rss>'.encode()


class Path:
    """A system in one process, with messages that wait until the test delivers them."""

    def __init__(self, steps: Steps, clock: Clock) -> None:
        self.steps = steps
        self.clock = clock
        self.waiting: deque[tuple[str, list[Any]]] = deque()

    def send_task(self, name: str, args: list[Any], queue: str) -> None:
        self.waiting.append((name, args))

    def die_over(self, name: str, ids: list[str]) -> None:
        """Let a process take the first two of a message and never come back."""
        takes = {"fetch_entries": State.DISCOVERED, "extract_entries": State.FETCHED}.get(name, State.EXTRACTED)
        for one in ids[:DEAD]:
            assert self.steps.ledger.claim(tasks._uuids([one]), takes)


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    with Outlet() as made:
        made.pages["/rss"] = page(feed(made.url), content_type="application/rss+xml")
        for number in range(ARTICLES):
            made.pages[f"/news/{number}"] = page(page_of(number).encode())
        yield made


@pytest.fixture
def path(
    engine: Engine,
    clock: Clock,
    database_url: str,
    servers: Servers,
    outlet: Outlet,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    settings = changed(
        Settings(),
        database_url=SecretStr(database_url),
        broker_url=servers.redis.broker_url.replace("virtual_host=0", "virtual_host=3"),
        stream_url=servers.redis.broker_url.replace("virtual_host=0", "virtual_host=3"),
        data_dir=tmp_path,
        allow_addresses=[outlet.pair],
        host_delay_s=0.001,
    )
    with closing(redis.Redis.from_url(servers.redis.client_url(3))) as client:
        client.flushdb()
        steps = Steps(settings)
        made = Path(steps, clock)
        monkeypatch.setattr(bootstrap, "_steps", steps)
        monkeypatch.setattr(steps, "take_up_files", lambda: None)
        monkeypatch.setattr(app, "send_task", made.send_task)
        steps.sources.sync([make_source(url=f"{outlet.url}/rss")])
        yield made
        steps.loop.close()
        steps.close()
        client.flushdb()


@pytest.mark.parametrize("by", [HOUR, -YEARS], ids=str)
def test_every_article_comes_through_once_while_the_clock_jumps_at_each_step(
    engine: Engine, path: Path, clock: Clock, servers: Servers, by: timedelta
) -> None:
    jumped = set[str]()
    spent = timedelta(0)
    while True:
        tasks.sweep()
        while path.waiting:
            name, args = path.waiting[0]
            if name not in jumped:
                jumped.add(name)
                if name.endswith("_entries"):
                    path.die_over(name, args[0])
                clock.jump(by)
                by = -by  # there and back: every second step comes after a jump the other way
            path.waiting.popleft()
            getattr(tasks, name)(*args)
        tasks.relay_changes()
        if len(jumped) >= 5 and states(engine) == {State.CLASSIFIED: ARTICLES}:
            break
        assert spent < LONGEST, (states(engine), jumped)
        spent += PAUSE
        clock.jump(PAUSE)
    assert jumped == {"poll_sources", "fetch_entries", "extract_entries", "classify_entries", "relay_changes"}
    with engine.connect() as connection:
        log = connection.execute(select(change.c.seq, change.c.type, change.c.payload).order_by(change.c.seq)).all()
        held = "SELECT count(*) FROM host WHERE in_flight_until > now()"
        assert connection.execute(text(held)).scalar_one() == 0
    assert [row.seq for row in log] == list(range(1, ARTICLES + 1))
    assert {row.type for row in log} == {"created"}
    assert sorted(row.payload["title"] for row in log) == sorted(article(number)[0] for number in range(ARTICLES))
    assert {row.payload["published"] for row in log} == {None}
    with closing(redis.Redis.from_url(servers.redis.client_url(3))) as client:
        assert [key for key, _ in client.xrange(STREAM)] == [f"{row.seq}-0".encode() for row in log]  # type: ignore[union-attr]
    assert broken_invariants(engine) == {}


def states(engine: Engine) -> dict[State, int]:
    with engine.connect() as connection:
        rows = connection.execute(select(entry.c.state).order_by(entry.c.id)).scalars().all()
    return {State(one): rows.count(one) for one in rows}
