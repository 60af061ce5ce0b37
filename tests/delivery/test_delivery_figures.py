"""What readers of the change log are promised, in figures: nothing missed over 50 kills, and how soon it is seen."""

import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.integration.test_examples import Example
from tests.making import advance, discover
from tests.serving import serving
from tests.systems import REPOSITORY, environment
from tests.waiting import wait_until
from workers.deliver.api.app import make_api
from workers.deliver.stage import relay_changes
from workers.deliver.stream import ChangeStream, connect
from workers.domain.outcomes import State
from workers.store.changes import last_seq

KILLS, WRITERS, EACH = 50, 4, 400
#: A run is killed after it has read so many at most, and one at least: each kill meets a reader at work.
MOST_READ = 8
ARTICLES, A_SECOND = 300, 20


@pytest.fixture
def relaying(engine: Engine, servers: Servers) -> Iterator[None]:
    client = connect(servers.redis.client_url(3))
    client.flushdb()
    ended = threading.Event()

    def relay() -> None:
        stream = ChangeStream(client, length=1_000)
        while not ended.wait(0.1):
            relay_changes(engine, stream)

    thread = threading.Thread(target=relay)
    thread.start()
    yield
    ended.set()
    thread.join()
    client.close()


@pytest.mark.timeout(240)
def test_a_consumer_that_is_killed_50_times_beside_four_writers_misses_nothing(
    engine: Engine, database_url: str, relaying: None, tmp_path: Path
) -> None:
    discover(engine, WRITERS * EACH)
    words = [[database_url, str(place), str(WRITERS), "0.05"] for place in range(WRITERS)]
    started = [
        subprocess.Popen([sys.executable, "-m", "tests.writing", *each], cwd=REPOSITORY, env=environment())
        for each in words
    ]
    cursor, runs, chance = tmp_path / "cursor.txt", [], random.Random(7)
    folder = tmp_path / "out"
    folder.mkdir()
    with serving(make_api(engine, list, "1", rate=0)) as address:
        try:
            for kill in range(KILLS + 1):
                consumer = Example("consumer.py", folder, address, str(cursor))
                if kill == KILLS:
                    assert [one.wait(180) for one in started] == [0] * WRITERS
                    wait_until(lambda: cursor.exists() and int(cursor.read_text()) == WRITERS * EACH, 60)
                else:  # at work: it has read something, and there is more
                    few = chance.randint(1, MOST_READ)
                    wait_until(lambda some=few, one=consumer: len(one.seqs) >= some, 60, "it reads")
                runs.append(consumer.seqs)
                consumer.kill()
        finally:
            for one in started:
                one.kill()
                one.wait()
    with engine.connect() as connection:
        assert last_seq(connection) == WRITERS * EACH
    seen = 0
    for seqs in runs:
        if seqs:
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "in order, without gaps"
            assert seqs[0] <= seen + 1, "nothing was missed over the kill"
            seen = max(seen, seqs[-1])
    assert seen == WRITERS * EACH
    assert all(runs), "each kill met a reader at work"
    again = sum(map(len, runs)) - seen
    print(f"{KILLS} kills of readers at work: {seen} changes, {again} of them twice")


@pytest.mark.timeout(240)
def test_a_change_is_visible_within_a_second_of_its_commit(engine: Engine, relaying: None) -> None:
    ids = discover(engine, ARTICLES)
    advance(engine, ids, State.DISCOVERED)
    advance(engine, ids, State.FETCHED)
    committed: dict[str, float] = {}
    seen: dict[str, float] = {}

    def read(address: str) -> None:
        after = 0
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            while len(seen) < ARTICLES:
                page = client.get("/v1/changes", params={"after": after, "wait": 30}).json()
                seen.update(dict.fromkeys((one["subject"] for one in page["changes"]), time.monotonic()))
                after = page["next_after"]

    with serving(make_api(engine, list, "1", rate=0)) as address:
        reader = threading.Thread(target=read, args=(address,))
        reader.start()
        began = time.monotonic()
        for at, one in enumerate(ids):
            time.sleep(max(0.0, began + at / A_SECOND - time.monotonic()))
            advance(engine, [one], State.EXTRACTED)
            committed[str(one)] = time.monotonic()
        rate = ARTICLES / (time.monotonic() - began)
        reader.join(60)
    took = [seen[one] - committed[one] for one in committed]
    p95 = statistics.quantiles(took, n=20)[-1]
    print(f"{rate:.1f} a second: p50 {statistics.median(took):.2f} s, p95 {p95:.2f} s")
    assert p95 < 1
