"""`wirewatch train --verdicts` over a real store: verdicts become labels, and the model that comes of them."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from tests.making import bring, discover, make_classified
from workers.classify.probability.model import read_model
from workers.cli.main import command
from workers.domain.errors import Unavailable, WirewatchError
from workers.domain.outcomes import State
from workers.store.verdicts import Verdict, write_verdict

PACK = """\
id: {id}
name: A topic
description: A topic that these tests have made up.
terms:
  en: {{strong: [pirate attack], medium: [pirate film]}}
examples:
  - {{about: true, language: en, title: Pirate attack on a tanker}}
"""
WORDS = {Verdict.CONFIRMED: "A pirate attack off the cape", Verdict.REJECTED: "The pirate film of the year"}


@pytest.fixture(autouse=True)
def in_force(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packs of the same words, and a place for the model."""
    folder = tmp_path / "topics"
    folder.mkdir()
    for topic in ("piracy", "unjudged"):
        (folder / f"{topic}.yaml").write_text(PACK.format(id=topic), encoding="utf-8")
    given = {"topics_dir": folder, "model": tmp_path / "model.json", "database_url": database_url}
    for name, value in given.items():
        monkeypatch.setenv(f"WIREWATCH_{name.upper()}", str(value))
    return tmp_path / "model.json"


def judge(engine: Engine, count: int, *, swapped: bool = False) -> None:
    """Publish articles on pirates and on a film of them, and judge each."""
    words = [list(Verdict)[number % 2] for number in range(count)]
    made = [make_classified(n, title=f"{WORDS[word]} {n}", text="Told.") for n, word in enumerate(words)]
    for one, word in zip(bring(engine, discover(engine, count), State.CLASSIFIED, made), words, strict=True):
        given = word if not swapped else next(other for other in Verdict if other is not word)
        write_verdict(engine, one, topic="piracy", given=given, analyst="desk")


def trained(*arguments: object) -> Result:
    words = ["train", "--verdicts", *map(str, arguments)]
    return CliRunner().invoke(command(words), words)


def test_verdicts_alone_make_a_model_and_unjudged_topics_are_not_absent(engine: Engine, in_force: Path) -> None:
    judge(engine, 60)
    done = trained()
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "0 articles and 60 with verdicts, 60 with evidence" in said
    assert "piracy 30 30 yes" in said
    assert "unjudged" not in said.partition("F1")[0]
    assert list(read_model(in_force.read_text()).calibration.topics) == ["piracy"]


def test_wrong_verdicts_are_refused(engine: Engine, in_force: Path) -> None:
    judge(engine, 60, swapped=True)
    done = trained()
    assert isinstance(done.exception, WirewatchError)
    assert "refused" in str(done.exception)
    assert not in_force.exists()


def test_files_and_verdicts_are_learned_from_and_the_files_are_compared_on(engine: Engine, tmp_path: Path) -> None:
    judge(engine, 20)
    line = '{"lang": "en", "title": "%s %s", "text": "Told.", "about": [%s], "touch": ["unjudged"]}\n'
    items = [
        (word, number, '"piracy"' if word is Verdict.CONFIRMED else "") for number in range(30) for word in Verdict
    ]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(line % (WORDS[word], f"in {n}", about) for word, n, about in items), encoding="utf-8")
    done = trained(file)
    assert done.exit_code == 0, done.output
    assert "60 articles and 20 with verdicts, 80 with evidence" in " ".join(done.output.split())
    assert "labelled (60), micro" in done.output


def test_without_verdicts_there_is_nothing_to_learn(in_force: Path) -> None:
    assert "only look so" in str(trained().exception)
    assert not in_force.exists()


def test_without_the_database_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert isinstance(trained().exception, Unavailable)
