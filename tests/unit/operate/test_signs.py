"""When silence means that a worker has to go."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from workers.operate import signs

QUEUES = ("poll", "fetch")


def grow_old(data: Path, name: str, seconds: float) -> None:
    moment = monotonic() - seconds
    os.utime(data / "signs" / "io" / name, (moment, moment))


@pytest.mark.parametrize(
    ("taken", "looked_ago_s", "may"),
    [
        (True, 60, True),
        (True, 149, True),
        (True, 151, False),  # whoever looks was away: canaries were not sent either
        (True, None, False),  # never looked
        (True, -5, False),  # a time of another boot
        (False, 60, False),  # Redis is away
    ],
)
def test_silence_means_something_when_canaries_were_sent(taken: bool, looked_ago_s: float | None, may: bool) -> None:
    assert signs.may_judge(taken=taken, looked_ago_s=looked_ago_s, period_s=60) is may


def test_each_queue_has_to_be_consumed() -> None:
    assert signs.silent({"poll": 3, "fetch": 240}, silence_s=240) == []
    assert signs.silent({"poll": 3, "fetch": 241}, silence_s=240) == ["fetch"]


def test_a_sign_makes_a_queue_alive_again(tmp_path: Path) -> None:
    signs.begin(tmp_path, "io", QUEUES)
    grow_old(tmp_path, "poll", 500)
    grow_old(tmp_path, "fetch", 500)
    signs.give(tmp_path, "io", "fetch")
    heard = signs.heard(tmp_path, "io", QUEUES)
    assert signs.silent(heard, silence_s=240) == ["poll"]
    signs.renew(tmp_path, "io", QUEUES)
    assert signs.silent(signs.heard(tmp_path, "io", QUEUES), silence_s=240) == []


def test_who_begins_something_long_says_so_before(tmp_path: Path) -> None:
    signs.begin(tmp_path, "io", QUEUES)
    signs.renew(tmp_path, "io", QUEUES, ahead_s=1_800)
    assert -1_800 <= signs.heard(tmp_path, "io", QUEUES)["poll"] < -1_790
    assert signs.silent(signs.heard(tmp_path, "io", QUEUES), silence_s=240) == []
    signs.renew(tmp_path, "io", QUEUES)
    assert 0 <= signs.heard(tmp_path, "io", QUEUES)["poll"] < 60


def test_looking_is_remembered(tmp_path: Path) -> None:
    assert signs.looked(tmp_path, "io") is None, "nobody has begun"
    signs.begin(tmp_path, "io", QUEUES)
    assert signs.looked(tmp_path, "io") is None
    grow_old(tmp_path, signs.LOOKED, 61)
    assert signs.looked(tmp_path, "io") == pytest.approx(61, abs=1)
    assert signs.looked(tmp_path, "io") == pytest.approx(0, abs=1)


def test_a_sign_where_nobody_looks_leaves_nothing(tmp_path: Path) -> None:
    signs.give(tmp_path, "io", "fetch")
    assert list(tmp_path.iterdir()) == []
    assert signs.heard(tmp_path, "io", QUEUES) == {}


@pytest.fixture
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "input()", "io"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_only_a_worker_of_that_name_is_killed(tmp_path: Path, stranger: "subprocess.Popen[bytes]") -> None:
    assert not signs.kill(tmp_path, "io"), "nobody has begun"
    signs.begin(tmp_path, "io", QUEUES)
    (tmp_path / "signs" / "io" / "pid").write_text(str(stranger.pid))
    assert not signs.kill(tmp_path, "io"), "a number that somebody else has now"
    assert stranger.poll() is None


def test_a_stopped_worker_dies_with_what_it_started(tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '1000']).pid, flush=True); input()"
    command = [sys.executable, "-c", code, "--hostname", "io@%h"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        signs.begin(tmp_path, "io", QUEUES)
        (tmp_path / "signs" / "io" / "pid").write_text(str(worker.pid))
        for pid in (worker.pid, child):
            os.kill(pid, signal.SIGSTOP)
        assert signs.kill(tmp_path, "io")
        assert worker.wait(10) == -signal.SIGKILL
    assert not signs.kill(tmp_path, "io")
