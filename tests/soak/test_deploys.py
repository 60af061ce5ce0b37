"""Deploys under load: nothing lost, nothing twice, nothing delayed beyond the lease."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
import redis

from tests.deploying import SERVICES, Flow, Versions, flowing, message
from tests.systems import REPOSITORY
from tests.waiting import wait_until
from workers.operate.chaos.driver import QUEUE_PREFIX
from workers.operate.programs import Program
from workers.pipeline import QUEUES, ROUTES, STAGE

ROUNDS, ARTICLES, SECONDS = 20, 600, 300
#: An article more or less on a busy machine.
SLACK_S = 5.0
#: One program after another. Senders first: the worst order.
ROLL = ("relay", "worker-io", "worker-cpu", "beat", "api")


@pytest.fixture(scope="module")
def undisturbed_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long (seconds) the slowest article takes when nobody is restarted, at the rate of the other runs."""
    with flowing(tmp_path_factory.mktemp("undisturbed") / "data", articles=100, seconds=20) as flow:
        flow.wait_drained()
        return flow.slowest_s()


def check_delay(flow: Flow, undisturbed_s: float) -> None:
    slowest, lease = flow.slowest_s(), flow.system.settings.lease_s
    print(f"the slowest article: {slowest:.1f} s, undisturbed {undisturbed_s:.1f} s, lease {lease:g} s")
    assert slowest < undisturbed_s + lease + SLACK_S


@pytest.mark.timeout(1200)
def test_twenty_rolling_restarts_delay_nothing_beyond_the_lease(tmp_path: Path, undisturbed_s: float) -> None:
    with flowing(tmp_path / "data", articles=ARTICLES, seconds=SECONDS) as flow:
        flowed = [flow.count("classified")]
        for _ in range(ROUNDS):
            for name in ROLL:
                flow.restart([name])
            flowed.append(flow.count("classified"))
        flow.wait_drained()
        print(f"classified after each restart of {len(SERVICES)} programs: {flowed[1:]}")
        check_delay(flow, undisturbed_s)
    assert flowed[ROUNDS // 2] < ARTICLES, "articles flowed meanwhile"


GRACE_S = 5


def impatient(program: Program) -> Program:
    return replace(program, stop_wait_s=GRACE_S)


@pytest.mark.timeout(600)
def test_what_a_worker_holds_that_does_not_end_in_time_is_taken_up_after_its_lease(
    tmp_path: Path, undisturbed_s: float
) -> None:
    with flowing(tmp_path / "data", articles=100, seconds=20, change=impatient) as flow:
        name = "worker-io"
        wait_until(lambda: flow.count("classified"), 120, "the first articles")
        children = psutil.Process(flow.pid(name)).children()

        def freeze() -> bool:
            """Stop the children; return whether something is at work, which never ends now."""
            for child in children:
                child.suspend()
            if held(flow):
                return True
            for child in children:
                child.resume()
            return False

        wait_until(freeze, 60, "a fetch is at work")
        flow.system.supervisor._call("stopProcess", f"order2:{name}", True)
        wait_until(lambda: not any(map(is_alive, children)), 10, "the children went with it")
        assert held(flow)
        flow.system.supervisor.start_program(name)
        flow.wait_drained(240)
        check_delay(flow, undisturbed_s + GRACE_S)


def is_alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def held(flow: Flow) -> int:
    """Return how many entries are being fetched."""
    query = "SELECT count(*) FROM entry WHERE lease_token IS NOT NULL AND state = 'discovered'"
    with flow.engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


#: What Celery rejects and forgets, or what ends a step before it began.
FOREIGN: dict[str, Callable[[str, str], bytes]] = {
    "a name that nobody knows": lambda _queue, name: message(f"{name}_of_tomorrow", ["x"]),
    "an argument more": lambda _queue, name: message(name, [str(uuid4())], urgent=True),
    "a place more": lambda _queue, name: message(name, [str(uuid4())], "more"),
    "an argument less": lambda _queue, name: message(name),
    "another kind of argument": lambda _queue, name: message(name, {"ids": 5}),
    "an id that is none": lambda _queue, name: message(name, ["not-an-id"]),
}
#: Not a message at all: the process that reads it ends, and is started again (Celery has no other way) [E5a].
GARBAGE = (b"garbage", b'{"body": "***", "headers": {}, "properties": {}}')


def send(broker: redis.Redis, queue: str, body: bytes) -> None:
    """Put a message before all others of a queue."""
    broker.rpush(QUEUE_PREFIX + queue, body)


@pytest.mark.timeout(600)
def test_messages_of_other_versions_harm_nothing(tmp_path: Path, undisturbed_s: float) -> None:
    with flowing(tmp_path / "data", articles=150, seconds=30) as flow:
        broker = flow.broker()
        before = {name: flow.pid(name) for name in SERVICES}
        for make in FOREIGN.values():
            wait_until(lambda: flow.count("classified"), 120, "articles flow")
            for queue in QUEUES:
                task = STAGE[queue].task if queue in STAGE else next(one for one, of in ROUTES.items() if of == queue)
                send(broker, queue, make(queue, task))
        wait_until(lambda: not any(broker.llen(QUEUE_PREFIX + queue) for queue in QUEUES), 120, "all were read")
        assert {name: flow.pid(name) for name in SERVICES} == before, "no process ended over them"
        assert [queue for queue in QUEUES if "_of_tomorrow" not in flow.log(of_queue(queue))] == []
        flow.wait_drained()
        check_delay(flow, undisturbed_s)


@pytest.mark.timeout(600)
def test_garbage_ends_a_worker_which_is_back_by_itself(tmp_path: Path, undisturbed_s: float) -> None:
    with flowing(tmp_path / "data", articles=150, seconds=30) as flow:
        broker = flow.broker()
        wait_until(lambda: flow.count("classified"), 120, "articles flow")
        before = {queue: flow.pid(of_queue(queue)) for queue in ("fetch", "extract", "control")}
        for body in GARBAGE:
            for queue in before:
                send(broker, queue, body)
        flow.wait_drained(300)
        assert not set(before.values()) & {flow.pid(of_queue(queue)) for queue in before}, "each of them had ended"
        check_delay(flow, undisturbed_s)


def of_queue(queue: str) -> str:
    """Return the program that consumes a queue."""
    if queue not in STAGE:
        return "relay"
    service = STAGE[queue].service
    return service if service == "relay" else f"worker-{service}"


@pytest.mark.timeout(900)
def test_two_versions_side_by_side(tmp_path: Path, undisturbed_s: float) -> None:
    """A deploy as docs/deploy.md has it, with a stop after each step of it."""
    versions = Versions(tmp_path / "versions")
    with flowing(tmp_path / "data", articles=300, seconds=150, change=versions.launched) as flow:

        def migrate(half: str) -> "subprocess.CompletedProcess[str]":
            command = [sys.executable, "-m", "workers.cli", "migrate", half]
            environment = versions.environment(flow.system.settings)
            return subprocess.run(
                command, env=environment, cwd=versions.next, capture_output=True, text=True, check=False, timeout=120
            )

        def tree_of(name: str) -> Path:
            return versions.version_of(flow.pid(name))

        def is_next(name: str) -> bool:
            return tree_of(name) == versions.next

        wait_until(lambda: flow.count("classified"), 120, "articles flow")
        assert (done := migrate("--pre")).stdout == f"the database has schema {versions.adds}\n", done.stderr
        flow.restart()
        assert {tree_of(name) for name in SERVICES} == {REPOSITORY}, "the older version starts on the newer schema"
        versions.turn_to(versions.next)
        for name in ROLL:
            if name == "worker-cpu":
                wait_until(lambda: "unregistered task" in flow.log("worker-cpu"), 120, "an unknown name is sent to it")
                assert (refused := migrate("--post")).returncode == 78
                assert "still connected" in refused.stderr
            flow.restart([name])
            wait_until(partial(is_next, name), 60, f"{name} of the next version")
        flow.engine.dispose()  # this test's own connections are those of an older program
        assert (done := migrate("--post")).stdout == f"the database has schema {versions.takes}\n", done.stderr
        flow.wait_drained()
        check_delay(flow, undisturbed_s)
