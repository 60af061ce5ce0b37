"""No room: intake pauses, says so, and goes on by itself. On a real PostgreSQL and a real Redis."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import redis
from psycopg import errors
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError

from config.settings import Settings, changed
from tests.conftest import Servers
from tests.integration.test_api import TOPICS
from tests.making import bring, discover
from tests.systems import wirewatch
from workers import app as celery_app
from workers import bootstrap, tasks
from workers.addresses import redis_url
from workers.app import app
from workers.bootstrap import Steps
from workers.deliver.api.app import make_api
from workers.deliver.stream import STREAM
from workers.domain.intake import READ_ONLY, Intake
from workers.domain.outcomes import Deferred, RetryReason, State
from workers.fetch.stage import fetch_page
from workers.operate import disk
from workers.operate.room import redis_room
from workers.store.ledger import Ledger
from workers.store.room import has_room, note_pause, why_paused


@pytest.fixture
def settings(database_url: str, servers: Servers, tmp_path: Path) -> Settings:
    given = {"database_url": SecretStr(database_url), "broker_url": SecretStr(servers.redis.broker_url)}
    return changed(Settings(), data_dir=tmp_path, host_delay_s=0, **given)


@pytest.fixture
def steps(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    made = Steps(settings)
    monkeypatch.setattr(made, "take_up_files", lambda: None)  # 6 s, and nothing of it is looked at here
    monkeypatch.setattr(bootstrap, "_steps", made)
    yield made
    made.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events of the gate, in order."""
    names: list[str] = []
    monkeypatch.setattr(bootstrap, "event", lambda name, **_: names.append(name) if "intake" in name else None)
    return names


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    """The shared Redis, whose limits are put back."""
    assert settings.broker_url is not None
    with redis.Redis.from_url(redis_url(settings.broker_url.get_secret_value()), decode_responses=True) as made:
        made.flushall()
        before: Any = made.config_get("maxmemory*")
        yield made
        for name in ("maxmemory", "maxmemory-policy"):
            made.config_set(name, before[name])
        made.flushall()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tasks that the sweep hints at."""
    names: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda name, args, queue: names.append(name))
    return names


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders whose disks are full."""
    folders: set[Path] = set()
    monkeypatch.setattr(disk, "disk_free", lambda folder: 0.0 if folder in folders else 1.0)
    return folders


def look(settings: Settings) -> Intake:
    """Let a process that was just started look for room."""
    made = Steps(settings)
    try:
        return made.look_for_room()
    finally:
        made.close()


@pytest.fixture
def read_only(servers: Servers, engine: Engine, steps: Steps) -> Callable[[bool], None]:
    """A switch that lets this test's database take no writes, and take them again."""

    def switch(on: bool) -> None:
        admin = servers.database_url("template1").replace("postgresql+psycopg://wirewatch@", "postgresql://postgres@")
        with psycopg.connect(admin, autocommit=True) as connection:
            word = "on" if on else "off"
            connection.execute(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = {word}")
        engine.dispose()  # it holds for connections that are made from now on
        steps.engine.dispose()

    return switch


def test_a_read_only_database_stops_everything_and_goes_on_by_itself(
    steps: Steps, engine: Engine, read_only: Callable[[bool], None], told: list[str], sent: list[str], client: object
) -> None:
    classified, *_ = discover(engine, 3)
    bring(engine, [classified], State.CLASSIFIED)
    read_only(True)
    for _ in range(3):
        tasks.sweep()
    tasks.poll_sources(["agency"])
    assert (sent, told) == ([], ["intake_paused"])
    api = httpx.ASGITransport(make_api(engine, lambda: TOPICS, "1"))
    health, verdict, metrics = asyncio.run(ask(api, classified))
    assert health.status_code == 503
    assert health.json()["problems"] == [
        "the schedule has not ticked yet",
        f"nothing is polled or fetched: {READ_ONLY}",
    ]
    assert verdict.status_code == 503, "a verdict has to wait"
    assert "wirewatch_intake_paused 1.0" in metrics.text
    read_only(False)
    run(engine, "UPDATE entry SET due_at = now()")
    tasks.sweep()
    assert told == ["intake_paused", "intake_resumed"]
    assert "fetch_entries" in sent


async def ask(transport: httpx.ASGITransport, one: UUID) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
    verdict = {"topic": "sanctions", "verdict": "rejected", "analyst": "a desk"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        judged = await client.post(f"/v1/articles/{one}/verdicts", json=verdict)
        return await client.get("/healthz"), judged, await client.get("/metrics")


def run(engine: Engine, query: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(query))


def fill(client: redis.Redis) -> None:
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", int(used * 1.04))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (fill, "10% of the memory that Redis may take"),
        (lambda client: client.config_set("maxmemory-policy", "allkeys-lru"), "policy allkeys-lru"),
    ],
    ids=["full", "may evict"],
)
def test_while_redis_has_trouble_nothing_is_taken_in_and_what_is_here_goes_on(
    trouble: Callable[[redis.Redis], None],
    words: str,
    steps: Steps,
    engine: Engine,
    client: redis.Redis,
    told: list[str],
    sent: list[str],
) -> None:
    bring(engine, discover(engine, 1), State.EXTRACTED)
    discover(engine, 1, first=5)
    before: Any = client.config_get("maxmemory*")
    trouble(client)
    run(engine, "UPDATE entry SET due_at = now()")
    run(engine, "UPDATE source SET due_at = now()")
    tasks.sweep()
    tasks.sweep()
    assert set(sent) == {"classify_entries"}
    assert told == ["intake_paused"]
    with engine.connect() as connection:
        noted = why_paused(connection)
    assert words in (noted or "")
    for name in ("maxmemory", "maxmemory-policy"):
        client.config_set(name, before[name])
    tasks.sweep()
    assert {"poll_sources", "fetch_entries"} <= set(sent)
    assert told == ["intake_paused", "intake_resumed"]
    assert not steps.is_paused()


def test_a_process_that_is_started_during_a_pause_tells_its_end(
    settings: Settings, told: list[str], full: set[Path], client: object
) -> None:
    full.add(settings.data_dir)
    assert look(settings) is Intake.PAUSED
    full.clear()
    assert look(settings) is Intake.OPEN
    assert told == ["intake_paused", "intake_resumed"]


def test_a_machine_that_has_room_does_not_end_the_pause_of_another(
    steps: Steps, settings: Settings, tmp_path: Path, full: set[Path], client: object
) -> None:
    other = changed(settings, data_dir=tmp_path / "another disk")
    full.add(other.data_dir)
    for _ in range(2):
        assert look(other) is Intake.PAUSED
        assert steps.look_for_room() is Intake.OPEN
        assert steps.is_paused()
    full.clear()
    look(other)
    assert not steps.is_paused()


@pytest.mark.parametrize("noted", ["- interval '11 min'", "+ interval '10 years'"])
def test_a_machine_that_is_gone_does_not_pause_intake_for_ever(
    noted: str, steps: Steps, engine: Engine, client: object
) -> None:
    for name in ("a machine that is gone", "one that looks now and then"):
        note_pause(engine, name, name)
    run(engine, f"UPDATE note SET updated_at = now() {noted} WHERE value LIKE '%gone'")
    steps.look_for_room()
    with engine.connect() as connection:
        assert why_paused(connection) == "one that looks now and then"


FULL_DISK = "less than 5% of the disk under data_dir is free: make room"


def test_the_api_tells_of_a_full_disk_that_nobody_can_note_down(
    settings: Settings, engine: Engine, full: set[Path]
) -> None:
    run(engine, "INSERT INTO tick (name, last_at) VALUES ('sweep', now())")
    api = httpx.ASGITransport(bootstrap.make_http_api(settings))
    assert asyncio.run(problems(api)) == []
    full.add(settings.data_dir)
    assert asyncio.run(problems(api)) == [FULL_DISK]
    note_pause(engine, "this machine", FULL_DISK)
    assert asyncio.run(problems(api)) == [f"nothing is polled or fetched: {FULL_DISK}"], "once is enough"


async def problems(transport: httpx.ASGITransport) -> Any:
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return (await client.get("/healthz")).json()["problems"]


@pytest.mark.parametrize(("silent_s", "crashes"), [(50, 1), (70, 0)])
def test_what_was_held_while_nobody_swept_is_not_counted(
    silent_s: int, crashes: int, steps: Steps, engine: Engine, sent: list[str], client: object
) -> None:
    (one,) = discover(engine, 1)
    assert steps.ledger.claim([one], State.DISCOVERED)
    run(engine, f"INSERT INTO tick (name, last_at) VALUES ('sweep', now() - interval '{silent_s} s')")
    run(engine, "UPDATE entry SET lease_until = now() - interval '1 s', due_at = now()")
    tasks.sweep()
    assert "fetch_entries" in sent
    steps.ledger.claim([one], State.DISCOVERED)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT crashes FROM entry")).scalar_one() == crashes


def test_a_store_that_takes_no_writes_is_told_once_and_without_a_traceback(
    steps: Steps,
    read_only: Callable[[bool], None],
    client: object,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[dict[str, Any]] = []
    monkeypatch.setattr(celery_app, "event", lambda name, **facts: events.append({"name": name, **facts}))
    monkeypatch.setattr(celery_app, "OUTAGE", celery_app.Outage())
    read_only(True)
    for _ in range(3):
        assert isinstance(tasks.relay_changes.apply().result, celery_app.StoreAway)
        assert isinstance(tasks.heartbeat.apply().result, celery_app.StoreAway)
        assert tasks.sweep.apply().successful(), "it only reads"
    assert [(one["name"], one["task"]) for one in events] == [("store_away", "relay_changes")]
    assert "read-only" in events[0]["error"]
    assert [one for one in caplog.records if one.exc_info or one.levelname == "ERROR"] == []
    read_only(False)
    for task in (tasks.relay_changes, tasks.heartbeat, tasks.heartbeat):
        task.apply(throw=True)
    assert events[1:] == [{"name": "store_back", "tasks": 6}]


def test_a_hint_that_comes_during_a_pause_is_not_followed_and_costs_no_try(
    steps: Steps, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = discover(engine, 1)
    run(engine, "UPDATE source SET due_at = now(), not_before = now()")
    note_pause(engine, "another machine", "the disk is full")
    monkeypatch.setattr(Steps, "outside", None)  # whoever asked for it would fail
    tasks.poll_sources(["agency"])
    tasks.fetch_entries([str(one)])
    with engine.connect() as connection:
        held = "SELECT attempt, lease_token FROM entry UNION ALL SELECT 0, lease_token FROM source"
        assert connection.execute(text(held)).all() == [(0, None), (0, None)]


def test_a_stream_never_fills_its_redis(steps: Steps, client: redis.Redis) -> None:
    stream = steps.stream
    stream.claim("ours")
    limit = client.info("memory")["used_memory"] + 6_000_000
    client.config_set("maxmemory", limit)
    for first in range(1, 1_000, 50):
        stream.append("ours", [{"seq": seq, "text": "x" * 10_000} for seq in range(first, first + 50)])
    size: Any = stream.client.memory_usage(STREAM)
    assert 0.3 * limit < size < 0.65 * limit
    assert redis_room(client).free > 0.1, "or nothing would be taken in any more"


def test_a_limit_of_temporary_files_is_no_full_disk(servers: Servers, engine: Engine) -> None:
    assert has_room(engine)
    admin = servers.database_url("template1").replace("postgresql+psycopg://wirewatch@", "postgresql://postgres@")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {engine.url.database} SET temp_file_limit = '1MB'")
    engine.dispose()
    assert has_room(engine)


class StoreIsAway:
    """A session whose book of hosts cannot be written."""

    is_crowded = False

    async def get(self, *_: object, **__: object) -> Any:
        raise InternalError("INSERT", None, errors.ReadOnlySqlTransaction())


def test_a_store_that_goes_away_during_a_fetch_is_no_fault_of_the_page(engine: Engine) -> None:
    (one,) = discover(engine, 1)
    claim = Ledger(engine, lease_s=90, hint_lag_s=30).claim([one], State.DISCOVERED)
    session: Any = StoreIsAway()
    ending = asyncio.run(fetch_page(claim.entries[0], session))
    assert isinstance(ending, Deferred)
    assert ending.reason is RetryReason.WAITING, "no try was made"


@pytest.mark.parametrize("words", [("worker", "relay"), ("run",)], ids=" ".join)
def test_a_redis_that_may_evict_is_refused_at_the_start(
    words: tuple[str, ...], settings: Settings, client: redis.Redis, database_url: str, tmp_path: Path
) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    assert settings.broker_url is not None
    broker = settings.broker_url.get_secret_value()
    ended = wirewatch(*words, database_url=database_url, broker_url=broker, data_dir=tmp_path / "var")
    assert ended.returncode == 78, ended.stderr
    assert "WIREWATCH_BROKER_URL: Redis has maxmemory-policy allkeys-lru and may throw queues" in ended.stderr
    assert "set it to noeviction" in ended.stderr
    assert "Traceback" not in ended.stderr
