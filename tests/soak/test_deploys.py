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

#: Articles a second while programs are restarted.
RATE = 2
#: An article's way, from discovery to classification, that nobody disturbs: the slowest of a hundred took 7.6 s, and
#: 13.9 s on a machine with five times as much to do as it can.
USUAL_S = 20.0
#: One program after another. Senders first: the worst order.
ROLL = ("relay", "worker-io", "worker-cpu", "beat", "api")


def check_delay(flow: Flow, *, grace_s: float = 0) -> None:
    slowest, lease = flow.slowest_s(), flow.system.settings.lease_s
    print(f"the slowest article: {slowest:.1f} s, lease {lease:g} s")
    assert slowest < lease + USUAL_S + grace_s


def check_restarts(folder: Path, restart: Callable[[Flow], None], *, times: int, s: int) -> None:
    """Restart all programs so many times while articles flow, for `s` seconds at least."""
    articles = RATE * s
    with flowing(folder / "data", articles=articles, seconds=s) as flow:
        flowed = []
        for _ in range(times):
            restart(flow)
            flowed.append(flow.count("classified"))
        flow.wait_drained()
        print(f"classified after each restart of {len(SERVICES)} programs: {flowed}")
        check_delay(flow)
    # at a load of 8 on two cores a restart takes 24 s and more
    assert flowed[times // 3 - 1] < articles, "articles flowed in a third of the restarts at least"


@pytest.mark.timeout(900)
def test_twenty_rolling_restarts_delay_nothing_beyond_the_lease(tmp_path: Path) -> None:
    def restart(flow: Flow) -> None:
        for name in ROLL:
            flow.restart([name])

    check_restarts(tmp_path, restart, times=20, s=200)


@pytest.mark.timeout(600)
def test_five_restarts_of_everything_delay_nothing_beyond_the_lease(tmp_path: Path) -> None:
    """What was there comes out before the next: programs that are never left alone for longer than they take to start
    do nothing (ten restarts on end: 10 articles in 170 s, and the slowest waited for the end of them).
    """

    def restart(flow: Flow) -> None:
        known = flow.known()
        flow.restart(ROLL)
        wait_until(lambda: not flow.left_of(known), 180, "what was there has come out")

    check_restarts(tmp_path, restart, times=5, s=120)


GRACE_S = 5


def impatient(program: Program) -> Program:
    return replace(program, stop_wait_s=GRACE_S)


@pytest.mark.timeout(600)
def test_what_a_worker_holds_that_does_not_end_in_time_is_taken_up_after_its_lease(tmp_path: Path) -> None:
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
        check_delay(flow, grace_s=GRACE_S)


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
def test_messages_of_other_versions_harm_nothing(tmp_path: Path) -> None:
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
        check_delay(flow)


@pytest.mark.timeout(600)
def test_garbage_ends_a_worker_which_is_back_by_itself(tmp_path: Path) -> None:
    with flowing(tmp_path / "data", articles=150, seconds=30) as flow:
        broker = flow.broker()
        wait_until(lambda: flow.count("classified"), 120, "articles flow")
        before = {queue: flow.pid(of_queue(queue)) for queue in ("fetch", "extract", "control")}
        for body in GARBAGE:
            for queue in before:
                send(broker, queue, body)
        flow.wait_drained(300)
        assert not set(before.values()) & {flow.pid(of_queue(queue)) for queue in before}, "each of them had ended"
        check_delay(flow)


def of_queue(queue: str) -> str:
    """Return the program that consumes a queue."""
    if queue not in STAGE:
        return "relay"
    service = STAGE[queue].service
    return service if service == "relay" else f"worker-{service}"


@pytest.mark.timeout(900)
def test_two_versions_side_by_side(tmp_path: Path) -> None:
    """A deploy as docs/deploy.md has it, with a stop after each step of it."""
    versions = Versions(tmp_path / "versions")
    with flowing(tmp_path / "data", articles=200, seconds=100, change=versions.launched) as flow:

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
        check_delay(flow)
