"""The process tree, on real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.waiting import wait_until
from workers.domain.errors import StartError, Unavailable
from workers.operate.embedded_postgres import PostgresServer
from workers.operate.embedded_redis import RedisServer
from workers.operate.lock import claim, release
from workers.operate.memory import measure
from workers.operate.supervisor import Program, Supervisor

CODE = Path(__file__).parents[2]
needs_setpriv = pytest.mark.skipif(shutil.which("setpriv") is None, reason="no parent-death signal without setpriv")
SLEEP = ["sleep", "1000"]
#: A program that says which signal ended it.
TELLS = [
    "sh",
    "-c",
    "trap 'echo got INT; exit' INT; trap 'echo got TERM; exit' TERM; echo up; while :; do sleep 0.1; done",
]
#: A program that does not listen.
STUBBORN = ["sh", "-c", "trap '' TERM INT; echo up; while :; do sleep 0.1; done"]


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ww"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def system(place: Path) -> Supervisor:
    return Supervisor(data=place / "data", runtime=place / "run", logs=place / "logs")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_up(system: Supervisor, name: str) -> int:
    return wait_until(lambda: system.states()[name].pid, description=f"{name} has a process")


def wait_ready(system: Supervisor, name: str) -> int:
    """Return the pid of a program that says `up` when its traps are set."""
    wait_until(lambda: "up" in system.tail(name), description=f"{name} is up")
    return system.states()[name].pid


def test_stopping_leaves_no_process_socket_or_lock(system: Supervisor, place: Path) -> None:
    with system:
        system.start([Program(name="first", command=TELLS), Program(name="later", command=SLEEP, autostart=False)])
        pids = [system.pid, wait_ready(system, "first")]
        assert system.states()["later"].state == "STOPPED"
        system.start_program("later")
        pids.append(wait_up(system, "later"))
        system.start_program("later")  # twice is harmless
        tree = [process.pid for process in psutil.Process(system.pid).children(recursive=True)]
        assert set(pids[1:]) <= set(tree)
    assert not [pid for pid in {*pids, *tree} if alive(pid)]
    assert not (place / "run").exists()
    assert list((place / "data").iterdir()) == []
    assert "got TERM" in system.tail("first")
    system.stop()
    release(place / "data", claim(place / "data"))


def test_supervisord_starts_quietly(system: Supervisor, place: Path) -> None:
    with system:
        system.start([Program(name="p", command=SLEEP)])
        wait_up(system, "p")
    assert (place / "logs" / "supervisord.err").read_text() == ""
    assert "running as root" not in (place / "logs" / "supervisord.log").read_text()


def test_a_killed_program_is_started_again(system: Supervisor) -> None:
    with system:
        system.start([Program(name="p", command=SLEEP)])
        before = wait_up(system, "p")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: system.states()["p"].pid not in {0, before}, description="p has a new process")
        assert wait_up(system, "p") != before


def test_a_program_that_fails_at_once_is_tried_again_after_growing_pauses(system: Supervisor, place: Path) -> None:
    starts = place / "starts"
    with system:
        command = ["sh", "-c", f"date +%s.%N >> {starts}; echo 'no port: 100%'; exit 3"]
        system.start([Program(name="p", command=command)])
        wait_until(lambda: starts.exists() and len(starts.read_text().split()) >= 3, 15, "three starts")
        assert "no port: 100%" in system.tail("p")
        assert system.states()["p"].state in {"BACKOFF", "STARTING"}
    times = [float(line) for line in starts.read_text().split()]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] >= 1
    assert pauses[1] >= 2


def test_arguments_and_environment_arrive_as_they_were_given(system: Supervisor) -> None:
    arguments = ["a b", "it's", 'say "x"', "50%", "%(here)s", "x ;y #z", "#", ";", "", "é\\n$HOME"]
    environment = {"URL": "redis+socket:///a%20b?virtual_host=0", "WORDS": "a, b=c; d", "PLAIN": "x", "NAME": "it's"}
    script = "import json,os,sys; print(json.dumps([sys.argv[1:], dict(os.environ)]), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, *arguments]
    with system:
        system.start([Program(name="p", command=[*command[:1], "-u", *command[1:]], environment=environment)])
        line = wait_until(lambda: system.tail("p", 100_000), description="p has printed")
    seen_arguments, seen_environment = json.loads(line)
    assert seen_arguments == arguments
    assert {name: seen_environment[name] for name in environment} == environment


def test_a_program_that_does_not_listen_is_killed_with_its_children(system: Supervisor) -> None:
    with system:
        system.start([Program(name="p", command=STUBBORN, stop_wait_s=1)])
        pid = wait_ready(system, "p")
        children = [child.pid for child in psutil.Process(pid).children()]
    assert not [pid for pid in (pid, *children) if alive(pid)]


def test_later_programs_stop_first(system: Supervisor, place: Path) -> None:
    def program(name: str, order: int) -> Program:
        script = f"trap 'echo {name} >> {place}/stopped; exit' TERM; echo up; while :; do sleep 0.05; done"
        return Program(name=name, command=["sh", "-c", script], start_order=order)

    with system:
        system.start([program("store", 10), program("worker", 20), program("relay", 20), program("api", 30)])
        for name in ("store", "worker", "relay", "api"):
            wait_ready(system, name)
    stopped = (place / "stopped").read_text().split()
    assert (stopped[0], set(stopped[1:3]), stopped[3]) == ("api", {"worker", "relay"}, "store")


def test_a_second_system_on_the_same_data_is_refused(system: Supervisor, place: Path) -> None:
    with system:
        other = Supervisor(data=place / "data", runtime=place / "run2", logs=place / "logs")
        with pytest.raises(
            Unavailable, match=rf"{place / 'data'} is in use by another Wirewatch \(pid {os.getpid()}\)"
        ):
            other.__enter__()
    with Supervisor(data=place / "data", runtime=place / "run", logs=place / "logs"):
        pass


def test_a_supervisord_that_does_not_come_up_says_why_and_leaves_nothing(system: Supervisor, place: Path) -> None:
    with pytest.raises(Unavailable, match=r"supervisord did not start.*NOPE"), system:
        system.start([Program(name="p", command=SLEEP, stop_signal="NOPE")])
    assert not (place / "run").exists()
    assert list((place / "data").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(place: Path) -> None:
    (place / "data").touch()
    with pytest.raises(StartError, match=f"{place / 'data'} cannot be written"):
        Supervisor(data=place / "data", runtime=place / "run", logs=place / "logs").__enter__()


@needs_setpriv
def test_a_killed_supervisord_leaves_no_program(system: Supervisor, place: Path) -> None:
    with system:
        # Into a file: what would read its output is dead.
        polite = ["sh", "-c", f"trap 'echo TERM > {place}/got; exit' TERM; echo up; while :; do sleep 0.1; done"]
        system.start(
            [
                Program(name="polite", command=polite, stop_wait_s=1),
                Program(name="stubborn", command=STUBBORN, stop_wait_s=1),
            ]
        )
        polite_pid, stubborn_pid = wait_ready(system, "polite"), wait_ready(system, "stubborn")
        os.kill(system.pid, signal.SIGKILL)
        wait_until(lambda: not alive(polite_pid), description="the program got its stop signal from the kernel")
        with pytest.raises(Unavailable, match="supervisord does not answer"):
            system.states()
        system.stop()
        assert not alive(stubborn_pid)
    assert (place / "got").read_text() == "TERM\n"
    assert not (place / "run").exists()


#: What `wirewatch run` does, in short: its pids on standard output, until a signal.
PARENT = """
import sys, json, signal
from pathlib import Path
from workers.operate.supervisor import Program, Supervisor
place = Path(sys.argv[1])
try:
    with Supervisor(data=place / "data", runtime=place / "run", logs=place / "logs") as system:
        system.start([Program(name="p", command=json.loads(sys.argv[2]))])
        while "up" not in system.tail("p"):
            pass
        print(json.dumps([system.pid, system.states()["p"].pid]), flush=True)
        signal.pause()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def parent(place: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PARENT, str(place), json.dumps(TELLS)]
    with subprocess.Popen(command, cwd=CODE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


@needs_setpriv
def test_when_the_parent_is_killed_all_end_and_only_then_the_data_is_free(
    parent: subprocess.Popen[str], place: Path
) -> None:
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait()
    with pytest.raises(Unavailable, match=f"pid {parent.pid}"):
        claim(place / "data")  # supervisord is still stopping its programs
    wait_until(lambda: not [pid for pid in pids if alive(pid)], description="the tree is gone")
    release(place / "data", claim(place / "data"))
    assert "got TERM" in (place / "logs" / "p.log").read_text()


def test_ctrl_c_reaches_the_parent_alone_which_stops_all_in_order(parent: subprocess.Popen[str], place: Path) -> None:
    assert parent.stdout is not None
    pids = json.loads(parent.stdout.readline())
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.stdout.read() == "interrupted\n"
    assert parent.wait(10) == 0
    assert not [pid for pid in pids if alive(pid)]
    assert (place / "logs" / "p.log").read_text().splitlines()[-1] == "got TERM"
    assert not (place / "run").exists()


def test_the_servers_live_in_the_tree(system: Supervisor, place: Path) -> None:
    postgres = PostgresServer(place / "data", place / "run")
    redis = RedisServer(place / "data", place / "run")
    with system:
        postgres.prepare()
        redis.prepare()
        system.start(
            [
                Program(name="postgres", command=postgres.command(), stop_signal="INT", start_order=10),
                Program(name="redis", command=redis.command(), start_order=10),
                Program(name="worker", command=SLEEP, autostart=False),
            ]
        )
        postgres.wait_ready(20)
        redis.wait_ready(20)
        system.start_program("worker")
        first = system.states()["postgres"].pid
        measured = {process.name: process for process in measure(os.getpid())}
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: system.states()["postgres"].pid not in {0, first}, description="PostgreSQL is started again")
        postgres.wait_ready(20)
        with psycopg.connect(host=str(place / "run" / "postgres"), user="wirewatch") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        servers = [process.pid for process in psutil.Process(system.pid).children(recursive=True)]
        os.kill(system.pid, signal.SIGKILL)
        if shutil.which("setpriv") is not None:
            wait_until(lambda: not [pid for pid in servers if alive(pid)], description="the servers are gone")
    assert {"supervisord", "postgres", "redis-server", "postgres: checkpointer", "sleep"} <= set(measured)
    assert all(0 < (it.pss_bytes or 1) <= it.rss_bytes for it in measured.values())
    assert not (place / "run").exists()
    assert sorted(path.name for path in (place / "data").iterdir()) == ["postgres", "redis"]
