"""A model of the operator's own: used wherever something is classified, and live within 10 s after training."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.settings import Settings, changed
from config.topics import load_topics
from workers import packs
from workers.bootstrap import Steps
from workers.classify.probability.model import shipped_model
from workers.domain.errors import ConfigError
from workers.launch import check_files, programs
from workers.packs import classifier_of, make_classifier, watched_classifier
from workers.store.notes import read_notes

PACK = "id: piracy\nname: Piracy\ndescription: Attacks on ships by robbers at sea.\nterms:\n  en: {weak: [pirate]}\n"
SURE, NEVER = (replace(shipped_model(), bias=bias) for bias in (50.0, -50.0))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one pack; the model that the settings name is beside it and always sure."""
    made = tmp_path / "topics"
    made.mkdir()
    (made / "piracy.yaml").write_text(PACK, encoding="utf-8")
    own = tmp_path / "model.json"
    own.write_text(SURE.as_json(), encoding="utf-8")
    monkeypatch.setenv("WIREWATCH_MODEL", str(own))
    return made


def flagged(classifier: object) -> bool:
    found = classifier.classify("A pirate", "", "en")  # type: ignore[attr-defined]
    return any(flag.flagged for flag in found.flags)


def test_whatever_classifies_uses_it_and_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    makers = (make_classifier, lambda path: classifier_of(load_topics(path)), lambda p: watched_classifier(p).current())
    for make in makers:
        classifier = make(folder)
        assert flagged(classifier)
        assert classifier.version.endswith(SURE.version)
    monkeypatch.delenv("WIREWATCH_MODEL")
    assert make_classifier(folder).version.endswith(shipped_model().version)


def test_a_new_one_is_live_and_a_broken_one_leaves_the_old_in_force(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = folder.parent / "model.json"
    now = [1000.0]
    monkeypatch.setattr(packs.time, "monotonic", lambda: now[0])
    watched = watched_classifier(folder)
    infinite = SURE.as_json().replace("50.0", "Infinity")
    broken = [(content, False) for content in ("{}", "[" * 100_000, infinite)]
    for content, is_flagged in ((NEVER.as_json(), False), *broken, (SURE.as_json(), True)):
        own.write_text(content, encoding="utf-8")
        now[0] += 10
        assert flagged(watched.current()) is is_flagged


def test_one_that_cannot_be_used_keeps_the_system_from_starting(folder: Path) -> None:
    own = folder.parent / "model.json"
    settings = changed(Settings(), topics_dir=folder, model=own)
    check_files(settings)
    own.unlink()
    with pytest.raises(ConfigError, match=r"model\.json"):
        check_files(settings)


def test_the_sweep_tells_of_one_that_is_refused_until_it_is_put_right(engine: Engine, folder: Path) -> None:
    own = folder.parent / "model.json"
    steps = Steps(changed(Settings(), topics_dir=folder, model=own))
    steps.engine = engine
    for content, told in ((SURE.as_json(), False), ("{}", True), (NEVER.as_json(), False)):
        own.write_text(content, encoding="utf-8")
        steps.take_up_files()
        assert ("model.json" in read_notes(engine).get("topics_refused", "")) is told


def test_services_find_it_from_any_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    given = changed(Settings(), data_dir=Path("var"), model=Path("model.json"))
    environments = [program.environment for program in programs(given)]
    assert {one["WIREWATCH_MODEL"] for one in environments} == {str(folder.parent / "model.json")}
