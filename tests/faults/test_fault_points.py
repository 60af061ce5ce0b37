"""A process that dies at any named place of the path leaves nothing behind that the next one does not put right."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.request import urlopen

import pytest
import redis
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.faultpoints import ARTICLES, DEEDS, PLACES
from tests.making import make_source_ledger, run_sql
from tests.systems import REPOSITORY, environment
from workers.operate.chaos.newsroom import host_of, sources
from workers.operate.chaos.verdict import doubled, install, left_over, log, standing
from workers.store.overview import broken_invariants

HOSTS = 2
#: After a death: one in which a poll that never came back ends, one that polls anew, and one to spare.
MOST_RUNS = 3
#: How the child must have ended: by the signal, by the exit, by an error or (where it is caught) not at all.
ENDS = {"kill": {-9}, "hang": {-9}, "exit": {3}, "memory": {0, 1}}


class Runner:
    """The processes that all cases share: one runs the path, one is the newsroom."""

    def __init__(self, stack: ExitStack, servers: Servers, folder: Path) -> None:
        newsroom = ["workers.operate.chaos.newsroom", f"--articles={ARTICLES}", f"--hosts={HOSTS}", "--seconds=0.001"]
        self.port = int(self._start(stack, newsroom, environment()).readline())
        with urlopen(f"http://{host_of(0)}:{self.port}/begin", timeout=10) as answer:
            answer.read()
        settings = environment(
            broker_url=servers.redis.broker_url,
            data_dir=folder,
            allow_addresses=",".join(f"{host_of(index)}:{self.port}" for index in range(HOSTS)),
            host_delay_s=0,
            hint_lag_s=0.01,
            revisit_after_s="",
            log_level="error",
        )
        self._answers = self._start(stack, ["tests.faultpoints"], settings)

    def _start(self, stack: ExitStack, words: list[str], env: dict[str, str]) -> IO[str]:
        command = [sys.executable, "-m", *words]
        pipe = subprocess.PIPE
        process = stack.enter_context(
            subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=REPOSITORY, env=env, text=True)
        )
        assert process.stdin
        assert process.stdout
        self._orders = process.stdin
        return process.stdout

    def run(self, **order: str) -> int:
        """Run the path in a child; return its exit code, negative for a signal."""
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return int(self._answers.readline())


@pytest.fixture(scope="module")
def runner(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with ExitStack() as stack:
        yield Runner(stack, servers, tmp_path_factory.mktemp("runner"))


def let_time_pass(engine: Engine) -> None:
    """Let every lease, wait and hint lag be over."""
    for table in ("entry", "source"):
        over = "lease_until = CASE WHEN lease_token IS NOT NULL THEN now() - interval '1 s' END"
        run_sql(engine, f"UPDATE {table} SET {over}, due_at = now(), not_before = now()")


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_death_at_any_place_is_put_right(
    place: str, deed: str, runner: Runner, engine: Engine, database_url: str, servers: Servers, tmp_path: Path
) -> None:
    install(engine, sweeper=True)
    make_source_ledger(engine).sync(sources(HOSTS, runner.port))
    with redis.Redis.from_url(servers.redis.client_url(1)) as client:
        client.flushall()
        token = tmp_path / "it-came"
        ended = runner.run(database=database_url, place=place, deed=deed, token=str(token))
        assert token.exists(), "the path came to the place"
        assert ended in ENDS[deed]
        for _ in range(MOST_RUNS):
            let_time_pass(engine)
            assert runner.run(database=database_url) == 0
            now = standing(engine)
            if now.is_drained(ARTICLES):
                break
        assert now.is_drained(ARTICLES), left_over(engine)
        assert now.classified == ARTICLES
        assert doubled(engine) == {}
        assert broken_invariants(engine) == {}
        numbers = [seq for seq, *_ in log(engine)]
        assert numbers == [1, 2, 3, 4]
        assert [int(name.split(b"-")[0]) for name, _ in client.xrange("wirewatch:changes")] == numbers
