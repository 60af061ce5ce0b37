"""`wirewatch review` over a real store, driven by lines on standard input as a terminal gives them."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from tests.making import bring, count_of, discover, make_classified, make_flag, run_sql
from tests.systems import COMMAND, REPOSITORY, environment
from workers.cli import review as module
from workers.cli.main import command
from workers.domain.errors import WirewatchError
from workers.domain.outcomes import State
from workers.domain.values import Evidence
from workers.store.schema import verdict
from workers.store.verdicts import Verdict, write_verdict

PACK = """\
id: {id}
name: A topic
description: A topic that these tests have made up.
threshold: 0.4
terms:
  en: {{strong: [pirate]}}
"""


class Desk:
    """A store, two packs, and the command."""

    def __init__(self, engine: Engine, url: str, folder: Path) -> None:
        self.engine = engine
        self.settings = {"database_url": url, "topics_dir": folder, "data_dir": folder / "var"}
        for topic in ("piracy", "smuggling"):
            (folder / f"{topic}.yaml").write_text(PACK.format(id=topic), encoding="utf-8")

    def publish(self, *probabilities: float, topic: str = "piracy", **facts: Any) -> list[UUID]:
        """Publish an article for each probability that it is about a topic; return their ids."""
        made = []
        for number, probability in enumerate(probabilities):
            text = "Nothing here. A pirate [bold]attack[/] was \x1b[31mrepelled. Calm since."
            span = Evidence(field="text", start=16, end=22, text="pirate")
            flag = make_flag(topic, probability=probability, flagged=probability >= 0.4, evidence=(span,))
            given: dict[str, Any] = {"title": f"Story at {probability} \x1b[2J[red]", "text": text}
            made.append(make_classified(f"{topic}-{number}", flag, **given | facts))
        first = count_of(self.engine, "entry")
        return bring(self.engine, discover(self.engine, len(made), first=first), State.CLASSIFIED, made)

    def review(self, *lines: str, options: tuple[str, ...] = ("--analyst", "desk one")) -> Result:
        """Run the command with these answers."""
        return CliRunner().invoke(command(["review"]), ["review", *options], input="".join(f"{x}\n" for x in lines))

    def verdicts(self) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            names = ("entry_id", "topic", "verdict", "analyst", "note")
            return [tuple(row) for row in connection.execute(select(*(verdict.c[n] for n in names)).order_by("id"))]


@pytest.fixture
def desk(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(engine, database_url, tmp_path)
    for name, value in made.settings.items():
        monkeypatch.setenv(f"WIREWATCH_{name.upper()}", str(value))
    return made


def test_the_least_sure_is_asked_first_and_every_answer_is_kept(desk: Desk) -> None:
    _, near, nearer = desk.publish(0.95, 0.5, 0.38)
    done = desk.review("y", "what?", "n an old story", "s")
    assert done.exit_code == 0, done.output
    assert desk.verdicts() == [
        (nearer, "piracy", "confirmed", "desk one", ""),
        (near, "piracy", "rejected", "desk one", "an old story"),
    ]
    shown = done.output
    assert [shown.index(f"Story at {p}") for p in (0.38, 0.5, 0.95)] == sorted(
        shown.index(f"Story at {p}") for p in (0.38, 0.5, 0.95)
    )
    assert "2 verdicts: 1 confirmed, 1 rejected" in shown
    again = desk.review("q")
    assert "1 to look at" in again.output
    assert "Story at 0.95" in again.output


def test_what_is_shown_is_enough_to_judge_and_obeyed_by_no_terminal(desk: Desk) -> None:
    desk.publish(0.38)
    shown = desk.review("q").output
    for part in ("piracy 0.38, flagged from 0.4", "[2J[red]", "The agency  en  2026-03-01", "A pirate [bold]attack[/]"):
        assert part in shown
    assert "\x1b" not in shown
    assert "Nothing here" not in shown


def test_filters_and_the_limit(desk: Desk) -> None:
    desk.publish(0.5, 0.6, topic="smuggling")
    desk.publish(0.41, language="fa")
    for options, stories in (
        ((), ["0.41", "0.5", "0.6"]),
        (("--limit", "1"), ["0.41"]),
        (("--topic", "smuggling"), ["0.5", "0.6"]),
        (("--language", "fa"), ["0.41"]),
        (("--language", "ru"), []),
        (("--language", "und"), []),
    ):
        output = desk.review(*"sss", options=options).output
        assert [one for one in ("0.41", "0.5", "0.6") if f"Story at {one} " in output] == stories, options
    assert desk.verdicts() == []


def test_what_a_colleague_judges_meanwhile_is_not_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (later, first) = desk.publish(0.9, 0.4)
    (gone,) = desk.publish(0.8, topic="smuggling")

    def answer() -> Any:
        write_verdict(desk.engine, later, topic="piracy", given=Verdict.REJECTED, analyst="other")
        run_sql(desk.engine, "UPDATE change SET payload = payload || '{\"flags\": []}' WHERE entry_id = :id", id=gone)
        return module.Reply(Verdict.CONFIRMED)

    monkeypatch.setattr(module, "_answer", answer)
    assert "1 verdicts" in desk.review().output
    assert [(row[0], row[3]) for row in desk.verdicts()] == [(later, "other"), (first, "desk one")]


def test_ctrl_c_says_how_many_verdicts_were_given(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.publish(0.5, 0.6, 0.7)
    answers = [module.Reply(Verdict.CONFIRMED), module.Reply(Verdict.REJECTED)]

    def answer() -> Any:
        if not answers:
            raise KeyboardInterrupt
        return answers.pop()

    monkeypatch.setattr(module, "_answer", answer)
    done = desk.review()
    assert done.exit_code == 130
    assert done.output.splitlines()[-1] == "stopped; 2 verdicts: 1 confirmed, 1 rejected"
    assert len(desk.verdicts()) == 2


@pytest.mark.parametrize(
    "options",
    [
        *(("--analyst", name) for name in ("", "x" * 101, "--", "\u202e")),
        *(("--language", code) for code in ("english", "EN", "", "e1", "unds")),
        ("--limit", "0"),
    ],
)
def test_what_cannot_be_meant_is_refused(desk: Desk, options: tuple[str, ...]) -> None:
    assert desk.review("y", options=options).exit_code == 2


def test_an_unknown_topic_is_named_with_those_like_it(desk: Desk) -> None:
    error = desk.review(options=("--topic", "pirracy")).exception
    assert isinstance(error, WirewatchError)
    assert "did you mean piracy?" in str(error)


def test_killed_it_has_lost_nothing(desk: Desk) -> None:
    """A process of its own, killed after the second question is on the screen."""
    ids = desk.publish(0.5, 0.6, 0.7)
    with subprocess.Popen(
        [*COMMAND, "review", "--analyst", "desk"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(**desk.settings) | {"PYTHONUNBUFFERED": "1"},
        cwd=REPOSITORY,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"y\n")
        process.stdin.flush()
        for line in process.stdout:
            if b"Story at 0.6" in line:
                break
        os.kill(process.pid, signal.SIGKILL)
    assert [(row[0], row[2]) for row in desk.verdicts()] == [(ids[0], "confirmed")]


def test_the_end_of_input_is_the_end(desk: Desk) -> None:
    desk.publish(0.5)
    done = desk.review()
    assert (done.exit_code, desk.verdicts()) == (0, [])
    assert "0 verdicts" in done.output
