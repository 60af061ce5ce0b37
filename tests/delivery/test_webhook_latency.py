"""How long a committed change takes to its receiver, at 20 articles a second and beside a receiver that hangs."""

import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.making import advance, discover
from tests.receiver import Receiver
from tests.systems import REPOSITORY, environment
from tests.waiting import wait_until
from workers.deliver.stage import relay_changes
from workers.deliver.stream import ChangeStream, connect
from workers.deliver.webhooks.signing import secret_of
from workers.domain.outcomes import State
from workers.store import webhooks as store

ARTICLES, A_SECOND = 300, 20


@pytest.mark.timeout(240)
def test_a_change_is_at_its_receiver_within_two_seconds(
    engine: Engine, database_url: str, servers: Servers, tmp_path: Path
) -> None:
    client: redis.Redis = connect(servers.redis.client_url(3))
    client.flushdb()
    with Receiver() as quick, Receiver() as slow:
        slow.answer = slow.hang
        arrived: dict[str, float] = {}
        quick.answer = lambda got: arrived.setdefault(got.event["subject"], time.monotonic()) and 200
        for receiver in (quick, slow):
            store.add_webhook(engine, receiver.url, filters={}, with_text=True, secret=secret_of(b"1" * 32))
        ids = discover(engine, ARTICLES)
        advance(engine, ids, State.DISCOVERED)
        advance(engine, ids, State.FETCHED)
        given = environment(
            database_url=database_url, allow_addresses=f"{quick.pair},{slow.pair}", data_dir=tmp_path, log_level="error"
        )
        pusher = subprocess.Popen([sys.executable, "-m", "workers.push"], env=given, cwd=REPOSITORY)
        committed: dict[str, float] = {}
        ended = threading.Event()

        def relay() -> None:
            stream = ChangeStream(client, length=1_000)
            while not ended.wait(0.1):
                relay_changes(engine, stream)

        relaying = threading.Thread(target=relay)
        relaying.start()
        try:
            wait_until((tmp_path / "push-beat").exists, 30)
            began = time.monotonic()
            for at, one in enumerate(ids):
                time.sleep(max(0.0, began + at / A_SECOND - time.monotonic()))
                advance(engine, [one], State.EXTRACTED)
                committed[str(one)] = time.monotonic()
            wait_until(lambda: len(arrived) == ARTICLES, 60)
            again = time.monotonic()
            store.replay(engine, 1, 0)
            wait_until(lambda: len(quick.got) == 2 * ARTICLES, 60)
            backlog = ARTICLES / (time.monotonic() - again)
        finally:
            ended.set()
            relaying.join()
            pusher.send_signal(signal.SIGTERM)
            pusher.wait(30)
            client.close()
    took = [arrived[one] - committed[one] for one in committed]
    rate = ARTICLES / (max(committed.values()) - began)
    print(f"{rate:.1f} a second: p50 {statistics.median(took):.2f} s, p95 {statistics.quantiles(took, n=20)[-1]:.2f} s")
    print(f"a backlog: {backlog:.0f} a second")
    assert statistics.quantiles(took, n=20)[-1] < 2
    assert quick.seqs == [*range(1, ARTICLES + 1)] * 2
    assert backlog > A_SECOND
