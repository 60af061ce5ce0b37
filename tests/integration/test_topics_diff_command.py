"""`wirewatch topics diff --stored` over a real store."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from tests.making import bring, discover, make_classified
from workers.cli import topics
from workers.domain.outcomes import State

PACK = """\
id: piracy
name: Piracy
description: Attacks on ships by robbers at sea.
terms:
  en:
    strong: [{}]
"""


def pack(folder: Path, terms: str) -> Path:
    folder.mkdir()
    (folder / "piracy.yaml").write_text(PACK.format(terms), encoding="utf-8")
    return folder


@pytest.fixture
def stored(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A store with three articles, newest first as in a feed, and packs in force."""
    texts = ["A market at noon.", "Pirate attack at noon.", "Corsair raid at noon."]
    made = [make_classified(number, title=text, text=text) for number, text in enumerate(texts)]
    bring(engine, discover(engine, 3), State.CLASSIFIED, made)
    monkeypatch.setenv("WIREWATCH_DATABASE_URL", database_url)
    monkeypatch.setenv("WIREWATCH_TOPICS_DIR", str(pack(tmp_path / "topics", "pirate attack")))
    return engine


@pytest.mark.parametrize(
    ("count", "last_line"),
    [(3, "3 articles: 1 flags gained, 1 lost"), (1, "1 articles: 0 flags gained, 0 lost")],
)
def test_the_newest_stored_articles_show_what_a_change_would_do(
    stored: Engine, tmp_path: Path, count: int, last_line: str
) -> None:
    mine = pack(tmp_path / "mine", "corsair raid")
    done = CliRunner().invoke(topics.app, ["diff", str(mine), "--stored", str(count)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == last_line
