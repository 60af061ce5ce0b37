"""`wirewatch sources list`: how the sources do, in words and in sentences."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from workers.cli import sources
from workers.domain.reasons import SENTENCES

NOW = datetime(2026, 3, 10, tzinfo=UTC)
FACTS = "language: en, country: GB, owner: X, state_owned: false"


def row(name: str, outcome: str | None, failures: int = 0) -> dict[str, Any]:
    due_at = NOW + timedelta(minutes=5)
    return {"id": name, "last_outcome": outcome, "last_error": "", "failures": failures, "due_at": due_at, "cut": 7}


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the rows of a running system that watches `one` and `two`."""
    file = tmp_path / "sources.yaml"
    lines = [f"  - {{id: {name}, name: {name}, url: 'https://{name}.example/', {FACTS}}}\n" for name in ("one", "two")]
    file.write_text("version: 1\nsources:\n" + "".join(lines), encoding="utf-8")
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(sources, "load_settings", lambda: SimpleNamespace(sources_file=file))
    monkeypatch.setattr(sources, "_running", lambda _: SimpleNamespace(sources=rows, now=NOW))
    monkeypatch.setattr(sources, "console", Console(highlight=False, width=200))
    return rows


def test_what_fails_is_said_in_a_sentence_with_the_next_try(
    running: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    running += [row("one", "dns", 3), row("two", "ok")]
    sources.list_sources()
    said = capsys.readouterr().out
    assert f"one: {SENTENCES['dns']} Failed 3 times in a row. Next try in 5 min." in said
    assert "two:" not in said
    assert "parked" not in said.lower()


@pytest.mark.parametrize(("outcome", "failures"), [("timeout", 99), ("gone", 1)])
def test_a_parked_source_is_shown_as_such(
    running: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], outcome: str, failures: int
) -> None:
    running += [row("one", outcome, failures), row("two", None)]
    sources.list_sources()
    said = capsys.readouterr().out
    assert f"{outcome} (parked)" in said
    assert "Parked: probed once a day." in said


def test_json_has_the_same_facts(running: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    running += [row("one", "gone", 1)]
    sources.list_sources(as_json=True)
    one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (one["last_outcome"], one["parked"], one["cut"]) == ("gone", True, 7)
    assert one["sentence"] == SENTENCES["gone"]
    assert (one["kind"], one["robots"]) == ("feed", "respect")
    assert "parked" not in two
