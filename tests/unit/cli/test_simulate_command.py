"""`wirewatch simulate polling`: a table, JSON, and an exit code."""

import json

import pytest
from typer.testing import CliRunner, Result

from workers.cli.main import command

TINY = ("--feeds", "4", "--days", "1")


def run(*options: str) -> Result:
    return CliRunner().invoke(command(("simulate",)), ["simulate", "polling", *TINY, *options])


def test_it_prints_a_table_with_the_targets() -> None:
    done = run("--seed", "3")
    assert done.exit_code == 0, done.output
    assert "entries missed (%)" in done.stdout
    assert "≤ 50 ✓" in done.stdout


def test_its_json_can_be_read_by_programs() -> None:
    done = run("--seed", "3", "--json")
    found = json.loads(done.stdout)
    assert (found["seed"], found["feeds"], found["days"]) == (3, 4, 1.0)
    assert {"what", "adaptive", "fixed", "most", "holds"} == set(found["lines"][0])


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_missed_target_is_exit_code_1(options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.poll.simulate.MOST_REQUESTS", 0.0)
    done = run(*options)
    assert done.exit_code == 1
    assert ("✗" in done.stdout) or ('"holds": false' in done.stdout)
