"""A page that kills its process is tried three times and quarantined with its page; its batch-mates go through.

Real Celery workers, beat and relay in processes of their own, on the session's PostgreSQL and Redis.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine, text

from tests.conftest import Servers
from tests.systems import COMMAND, REPOSITORY, environment
from tests.waiting import wait_until
from workers.bootstrap import utc_now
from workers.domain.outcomes import Advanced, FeedOutcome, State
from workers.domain.values import FeedEntry, Page, Source
from workers.store.ledger import Ledger
from workers.store.pages import write_pages
from workers.store.polls import PollResult, Schedule
from workers.store.sources import SourceLedger

TEXT = "The ministers met on Tuesday and agreed on a plan for the harbour. Work begins in May, they said. " * 3
BODY = (
    "<html><head><title>Page {n}</title></head><body><article><p>{text} {n}</p><p>{poison}</p></article></body></html>"
)
OUTLET = Source(
    id="outlet",
    name="Outlet",
    url="https://outlet.example/feed",
    language="en",
    country="GB",
    owner="x",
    state_owned=False,
)


def put_pages(engine: Engine, poisons: list[str]) -> None:
    """Put pages into the ledger as if they had just been fetched."""
    sources = SourceLedger(engine, lease_s=60, hint_lag_s=1)
    ledger = Ledger(engine, lease_s=60, hint_lag_s=1)
    sources.sync([OUTLET])
    links = [f"https://outlet.example/{n}" for n in range(len(poisons))]
    entries = tuple(FeedEntry(key=url, url=url) for url in links)
    due = sources.claim([OUTLET.id])[0]
    daily = Schedule(wait_s=86_400)
    result = PollResult(outcome=FeedOutcome.OK, schedule=lambda _new: daily, entries=entries)
    ready = sources.record(due, result).ready
    claim = ledger.claim(ready, State.DISCOVERED)
    pages = [
        (
            one,
            Advanced(
                Page(
                    url=one.url,
                    status=200,
                    content_type="text/html",
                    charset="utf-8",
                    body=BODY.format(n=one.url[-1], text=TEXT, poison=poisons[links.index(one.url)]).encode(),
                    fetched_at=utc_now(),
                )
            ),
        )
        for one in claim.entries
    ]
    ledger.settle(claim, pages, to=State.FETCHED, write=write_pages)


@pytest.fixture
def services(database_url: str, servers: Servers, tmp_path: Path) -> Iterator[None]:
    """Beat, relay and a cpu worker of one child with the poison inside."""
    with redis.Redis.from_url(servers.redis.client_url(0)) as client:
        client.flushall()
    env = environment(
        database_url=database_url,
        broker_url=servers.redis.broker_url,
        data_dir=tmp_path,
        sources_file=tmp_path / "sources.yaml",
        fetch_deadline_s=2,
        lease_s=4,  # the hard limit is 3.3 s
        hint_lag_s=1,
        sweep_period_s=1,
        cpu_concurrency=1,
    )
    celery = [sys.executable, "-m", "workers.celery", "worker", "--loglevel", "warning"]
    cpu = [*celery, "--queues", "extract,classify", "--concurrency", "1", "--hostname", "cpu@%h"]
    commands = {
        "cpu": [*cpu, "--include", "workers.tasks,workers.warm,tests.poison", "--without-gossip", "--without-mingle"],
        "relay": [*COMMAND, "worker", "relay"],
        "beat": [*COMMAND, "beat"],
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            process = subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill if name == "cpu" else process.terminate)
        yield


@pytest.mark.timeout(150)
def test_a_deadly_page_is_quarantined_and_its_batch_mates_go_through(
    engine: Engine, services: None, tmp_path: Path
) -> None:
    put_pages(engine, ["", "poison:kill", "", "poison:hang", "poison:memory", ""])

    def ended() -> bool:
        with engine.connect() as connection:
            return not connection.execute(
                text("SELECT count(*) FROM entry WHERE state IN ('discovered', 'fetched', 'extracted')")
            ).scalar()

    def stand() -> list[tuple[str, ...]]:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT url, state, reason, page_sha IS NOT NULL FROM entry ORDER BY url"))
            return [(row[0][-1], row[1], row[2], row[3]) for row in rows]

    # a bug waits a minute and more between its tries: the test does not
    def hurry() -> bool:
        with engine.begin() as connection:
            waiting = (
                "UPDATE entry SET not_before = now(), due_at = now() WHERE reason = 'bug' AND due_at > now() + '30 s'"
            )
            connection.execute(text(waiting))
        return ended()

    try:
        wait_until(hurry, 120, "every page has its outcome")
    except AssertionError:
        logs = "".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in tmp_path.glob("*.log"))
        raise AssertionError(f"{stand()}\n{logs}") from None
    assert stand() == [
        ("0", "classified", None, True),
        ("1", "quarantined", "crashed", True),
        ("2", "classified", None, True),
        ("3", "quarantined", "crashed", True),
        ("4", "quarantined", "bug", True),
        ("5", "classified", None, True),
    ]
