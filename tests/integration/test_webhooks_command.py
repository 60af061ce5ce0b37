"""`wirewatch webhooks`, and the process that pushes: real ones, over a real store."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import typer
from rich.console import Console
from sqlalchemy import Engine
from standardwebhooks import Webhook
from typer.testing import CliRunner

from tests.making import bring, discover, run_sql
from tests.receiver import Receiver
from tests.serving import serving
from tests.systems import REPOSITORY, environment, wirewatch
from tests.waiting import wait_until
from workers.cli import webhooks as cli
from workers.deliver.api.app import make_api
from workers.domain.errors import WirewatchError
from workers.domain.outcomes import State
from workers.store import webhooks as store
from workers.store.changes import number, take_relay_lock


def publish(engine: Engine, count: int, *, first: int = 0) -> None:
    bring(engine, discover(engine, count, first=first), State.CLASSIFIED)
    with engine.begin() as connection:
        assert take_relay_lock(connection)
        number(connection)


@pytest.fixture
def ask(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run a command of the family in this process, and return what it said."""
    monkeypatch.setenv("WIREWATCH_DATABASE_URL", database_url)
    monkeypatch.setenv("WIREWATCH_TOPICS_DIR", str(tmp_path))
    monkeypatch.setattr(cli, "console", Console(highlight=False, width=200))
    shutil.copy(REPOSITORY / "config" / "topics" / "border-cooperation.yaml", tmp_path)
    root = typer.Typer()
    root.callback()(lambda: None)
    cli.add_to(root)

    def run(*words: str) -> str:
        done = CliRunner().invoke(root, ["webhooks", *words], catch_exceptions=True)
        if isinstance(done.exception, WirewatchError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_the_life_of_a_subscription(engine: Engine, ask: Callable[..., str]) -> None:
    publish(engine, 3)
    said = ask(
        "add", "https://desk.example/hook?token=x", "--topic", "border-cooperation", "--language", "en", "--text"
    )
    secret = re.search(r"^secret (whsec_\S+)$", said, re.MULTILINE)
    assert secret
    assert len(secret[1]) == len("whsec_") + 44
    (row,) = [json.loads(line) for line in ask("list", "--json").splitlines()]
    assert (row["url"], row["filters"]) == (
        "https://desk.example/hook?token=x",
        {"topic": "border-cooperation", "language": "en"},
    )
    assert (row["with_text"], row["cursor"], row["behind"], row["state"]) == (True, 3, 0, "active")
    assert "topic border-cooperation, language en, with text" in ask("list")
    assert "paused" in ask("pause", "1")
    assert "paused" in ask("list")
    assert "active" in ask("resume", "1")
    assert "from 2 on" in ask("replay", "1", "--from-seq", "2")
    assert store.webhooks(engine, 1)[0]["cursor"] == 1
    assert "from 1 on" in ask("replay", "1", "--from-time", "2020-01-01")
    fresh = re.search(r"whsec_\S+", ask("rotate", "1", "--keep-hours", "1"))
    assert fresh
    assert fresh[0] != secret[1]
    for shown in (ask("show", "1"), ask("list"), ask("list", "--json")):
        assert "whsec_" not in shown
    assert ask("dead", "1") == ""
    assert "removed" in ask("remove", "1")
    assert "nobody is subscribed" in ask("list")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["add", "ftp://desk.example/"], "must be http"),
        (["add", "https://me:word@desk.example/"], "without a password"),
        (["add", "desk.example"], "must be http"),
        (["add", "http://desk.example:99999/"], "out of range"),
        (["add", "http://desk.example/", "--topic", "border-coperation"], "did you mean border-cooperation"),
        (["add", "http://desk.example/", "--source", "nobody"], "no source has the id"),
        (["pause", "7"], "no webhook has the id 7"),
        (["dead", "7"], "no webhook has the id 7"),
        (["replay", "7", "--from-seq", "1"], "no webhook has the id 7"),
        (["replay", "7"], "say from where"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_cannot_be_done_is_refused_in_words(ask: Callable[..., str], words: list[str], why: str) -> None:
    with pytest.raises(WirewatchError, match=why):
        ask(*words)


def test_the_command_is_one_of_the_program(database_url: str) -> None:
    done = wirewatch("webhooks", "list", database_url=database_url)
    assert (done.returncode, done.stdout) == (
        0,
        "nobody is subscribed; `wirewatch webhooks add URL` subscribes an address\n",
    )


def test_the_health_of_the_api_names_who_was_switched_off_and_stays_well(engine: Engine) -> None:
    one = store.add_webhook(engine, "https://desk.example/", filters={}, with_text=False, secret="whsec_")
    publish(engine, 1)
    book = store.WebhookBook(engine)
    assert book.switch_off(book.claim(1)[0])

    with serving(make_api(engine, list, "0")) as api:
        told = httpx.get(f"{api}/healthz", trust_env=False).json()
    assert told["problems"] == ["the schedule has not ticked yet"]
    assert told["notes"] == [f"webhook {one} is switched off: see `wirewatch webhooks show {one}`"]


class Pushing:
    """`python -m workers.push` in a process of its own."""

    def __init__(self, database_url: str, pair: str, folder: Path) -> None:
        given = environment(database_url=database_url, allow_addresses=pair, data_dir=folder)
        self.log = folder / "push.log"
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.push"], env=given, cwd=REPOSITORY, stdout=out, stderr=out
            )

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


def test_a_pusher_that_is_killed_leaves_no_gap_and_changes_arrive_within_two_seconds(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    with Receiver() as receiver:
        asked = wirewatch("webhooks", "add", receiver.url, database_url=database_url)
        secret = re.search(r"whsec_\S+", asked.stdout)
        assert secret, asked.stderr
        arrived: dict[int, float] = {}
        receiver.answer = lambda got: arrived.setdefault(got.event["seq"], time.monotonic()) and 200
        took: list[float] = []
        first = Pushing(database_url, receiver.pair, tmp_path)
        try:
            for seq in range(1, 11):
                publish(engine, 1, first=seq)
                committed = time.monotonic()
                wait_until(lambda seq=seq: seq in arrived, 30)
                took.append(arrived[seq] - committed)
            publish(engine, 30, first=11)
            wait_until(lambda: len(arrived) > 15)
        finally:
            first.end(signal.SIGKILL)
        run_sql(engine, "UPDATE webhook SET lease_until = now()")  # its lease has ended
        second = Pushing(database_url, receiver.pair, tmp_path)
        try:
            wait_until(lambda: 40 in arrived, 60)
        finally:
            assert second.end(signal.SIGTERM) == 0
        seqs = receiver.seqs
        assert sorted(set(seqs)) == list(range(1, 41))
        repeated = [one for one, two in zip(seqs[1:], seqs, strict=False) if one <= two]
        assert len(repeated) <= 1, "only what was on its way comes again"
        assert max(took[1:]) < 2, took  # the first one waited for the process
        for got in receiver.got:
            assert Webhook(secret[0]).verify(got.body, dict(got.headers))
        assert "whsec_" not in first.log.read_text()
