import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from workers.classify.probability.model import ARTEFACT, read_model
from workers.cli.main import command
from workers.domain.errors import ConfigError, WirewatchError

PACK = """\
id: sanctions
name: Sanctions
description: Sanctions that these tests have made up.
terms:
  en: {strong: [sanctions imposed], medium: [embargo], weak: [assets]}
examples:
  - {about: true, language: en, title: Sanctions imposed on a bank}
  - {about: true, language: en, title: New sanctions imposed, text: They were imposed on Monday.}
  - {about: false, language: en, title: A word on assets}
"""


@pytest.fixture(autouse=True)
def in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One small pack, and a place for a model of one's own; nothing there yet."""
    folder = tmp_path / "topics"
    folder.mkdir()
    (folder / "sanctions.yaml").write_text(PACK, encoding="utf-8")
    monkeypatch.setenv("WIREWATCH_TOPICS_DIR", str(folder))
    monkeypatch.setenv("WIREWATCH_MODEL", str(tmp_path / "model.json"))
    return tmp_path / "model.json"


def write(path: Path, about: bool | None, *, swapped: bool = False, story: str = "company") -> Path:
    """Write 80 articles, about sanctions or not as told, or half of them."""
    items = [
        {
            "lang": "en",
            "title": f"{'Sanctions imposed on' if n % 2 else 'A word on the embargo of'} {story} {n}",
            "text": "It was said on Monday. " * (n % 9),
            "about": ["sanctions"] if (bool(n % 2) is not swapped if about is None else about) else [],
            "touch": [],
        }
        for n in range(80)
    ]
    # its one term stands in no other article: training does not count it
    items.append({"lang": "en", "title": "Assets frozen", "text": "", "about": ["sanctions"], "touch": []})
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def trained(*arguments: object) -> Result:
    words = ["train", *map(str, arguments)]
    return CliRunner().invoke(command(words), words)


def test_training_twice_writes_the_same_file(tmp_path: Path) -> None:
    articles = write(tmp_path / "a.jsonl", about=None)
    for name in ("one.json", "two.json"):
        done = trained(articles, "--out", tmp_path / name)
        assert done.exit_code == 0, done.output
        assert "81 articles and 0 with verdicts, 80 with evidence" in " ".join(done.output.split())
    written = (tmp_path / "one.json").read_bytes()
    assert written == (tmp_path / "two.json").read_bytes()
    assert "sanctions" in read_model(written.decode()).calibration.topics


def test_the_model_goes_where_the_one_in_force_is_looked_for(tmp_path: Path, in_force: Path) -> None:
    """First beside the one of the package, which stays as it is; then in place of the operator's own."""
    shipped = ARTEFACT.read_bytes()
    for story, mode in (("company", 0o644), ("bank", 0o640)):
        done = trained(write(tmp_path / "a.jsonl", about=None, story=story))
        assert done.exit_code == 0, done.output
        assert read_model(in_force.read_text()).version in done.output
        assert in_force.stat().st_mode & 0o777 == mode
        in_force.chmod(0o640)
    assert ARTEFACT.read_bytes() == shipped
    assert {one.name for one in tmp_path.iterdir()} == {"topics", "a.jsonl", "model.json"}


@pytest.mark.parametrize("about", [True, False])
def test_articles_that_teach_nothing_leave_the_model_as_it_is(tmp_path: Path, in_force: Path, about: bool) -> None:
    done = trained(write(tmp_path / "a.jsonl", about=about))
    assert isinstance(done.exception, WirewatchError)
    assert "only look so" in str(done.exception)
    assert not in_force.exists()


def test_a_worse_model_is_refused_with_both_side_by_side(tmp_path: Path, in_force: Path) -> None:
    """Labels the wrong way round: on the packs' examples it finds nothing any more."""
    assert trained(write(tmp_path / "a.jsonl", about=None)).exit_code == 0
    before = in_force.read_bytes()
    done = trained(write(tmp_path / "b.jsonl", about=None, swapped=True))
    assert isinstance(done.exception, WirewatchError)
    assert not isinstance(done.exception, ConfigError)  # exit code 1
    assert "refused" in str(done.exception)
    assert in_force.read_bytes() == before
    rows = {line.split("  ")[1].strip(): line.split()[-3:] for line in done.output.splitlines() if "micro" in line}
    assert rows["examples of the packs (3), micro"] == ["1.000", "0.000", "-1.000"]
    assert "labelled (81), micro" in rows


def test_gold_decides_instead_of_the_articles_learned_from(tmp_path: Path, in_force: Path) -> None:
    """The examples are taken out, so that only the gold can tell; what of it is learned from would be left out."""
    pack = tmp_path / "topics" / "sanctions.yaml"
    pack.write_text(PACK.partition("examples:")[0], encoding="utf-8")
    good, bad = (write(tmp_path / f"{name}.jsonl", about=None, swapped=name == "bad") for name in ("good", "bad"))
    gold = write(tmp_path / "gold.jsonl", about=None, story="bank")
    assert trained(good, "--gold", gold).exit_code == 0
    before = in_force.read_bytes()
    done = trained(bad, "--gold", gold)
    assert "refused" in str(done.exception)
    assert "gold (81), micro" in done.output
    assert "labelled" not in done.output
    assert in_force.read_bytes() == before
    assert "only look so" in str(trained(good, "--gold", good).exception)


def test_a_model_that_this_program_cannot_use_defends_nothing(tmp_path: Path, in_force: Path) -> None:
    in_force.write_text("{}", encoding="utf-8")
    done = trained(write(tmp_path / "a.jsonl", about=None, swapped=True))
    assert done.exit_code == 0, done.output
    assert "nothing to compare with" in done.output
    assert read_model(in_force.read_text()).version in done.output


def test_something_to_learn_from_must_be_given() -> None:
    assert trained().exit_code == 2


@pytest.mark.parametrize("place", ["no/model.json", "topics"])
def test_a_place_that_cannot_be_written_is_told_and_left_clean(tmp_path: Path, place: str) -> None:
    done = trained(write(tmp_path / "a.jsonl", about=None), "--out", tmp_path / place)
    assert isinstance(done.exception, WirewatchError)
    assert "cannot be written" in str(done.exception)
    assert {one.name for one in tmp_path.iterdir()} == {"topics", "a.jsonl"}
