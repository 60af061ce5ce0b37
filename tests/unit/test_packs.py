"""The packs in force: a saved one is live within 10 s, a broken one is refused and the old one stays."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from config.settings import Settings
from config.topics import load_topics
from workers import packs
from workers.classify.probability.model import shipped_model
from workers.domain.errors import ConfigError
from workers.packs import UNUSABLE, WatchedTopics, check, check_apart, classifier_of, folder_mark, topic_json

PACK = """\
id: piracy
name: Piracy
description: Attacks on ships by robbers at sea.
terms:
  en:
    strong: [pirate attack]
"""
PROMISED_S = 10


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(packs, "time", made)
    return made


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    file = tmp_path / "piracy.yaml"
    file.write_text(PACK, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("threshold: 0.7", "threshold", 0.7),
        ("uncertain_from: 0.1", "uncertain_from", 0.1),
        ("iptc: [medtop:20000101]", "iptc", ["medtop:20000101"]),
        ("eurovoc: [eurovoc:5560]", "eurovoc", ["eurovoc:5560"]),
    ],
)
def test_a_saved_pack_is_live_within_the_promised_time(
    pack: Path, clock: Clock, line: str, name: str, value: object
) -> None:
    watched = WatchedTopics(pack.parent, lambda found: [topic_json(one) for one in found])
    pack.write_text(f"{PACK}{line}\n", encoding="utf-8")
    clock.now += PROMISED_S
    assert watched.current()[0][name] == value


def test_a_new_file_is_live_and_a_removed_one_is_gone(pack: Path, clock: Clock) -> None:
    watched = WatchedTopics(pack.parent, lambda found: [one.id for one in found])
    (pack.parent / "reefs.yaml").write_text(PACK.replace("piracy", "reefs", 1), encoding="utf-8")
    clock.now += PROMISED_S
    assert watched.current() == ["piracy", "reefs"]
    pack.unlink()
    clock.now += PROMISED_S
    assert watched.current() == ["reefs"]
    before = folder_mark(pack.parent)
    (pack.parent / "typo.yml").touch()
    assert folder_mark(pack.parent) != before, "it will be refused"


def test_packs_that_no_classifier_can_be_made_of_are_refused(pack: Path) -> None:
    (one,) = load_topics(pack.parent)
    with pytest.raises(ConfigError, match=r"the topic packs: the term '--' has no letter"):
        classifier_of((one.model_copy(update={"exclude": {"en": ("--",)}}),))


def test_the_model_that_is_given_is_used_and_the_one_in_force_else(pack: Path) -> None:
    other = replace(shipped_model(), bias=50.0)
    loaded = load_topics(pack.parent)
    assert classifier_of(loaded, other).version.endswith(other.version)
    assert classifier_of(loaded).version.endswith(shipped_model().version)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("threshold: none", "piracy.yaml:7: threshold: "),
        ("uncertain_from: 0.6", "piracy.yaml:7: uncertain_from: is above the threshold of 0.4"),
        ("iptc: [terrorism]", "piracy.yaml:7: iptc.0: "),
        ("eurovoc: [terrorism]", "piracy.yaml:7: eurovoc.0: "),
        ("countries: 2", "piracy.yaml:7: countries: unknown key"),
        ("examples: [{about: true, language: en}]", "piracy.yaml:7: examples.0.title: missing"),
    ],
)
def test_a_broken_pack_is_refused_with_file_line_and_field_and_the_old_one_stays_until_it_is_mended(
    pack: Path, clock: Clock, line: str, problem: str
) -> None:
    watched = WatchedTopics(pack.parent, lambda found: [one.version for one in found])
    before = watched.current()
    pack.write_text(f"{PACK}{line}\n", encoding="utf-8")
    for _ in range(3):
        clock.now += PROMISED_S
        assert watched.current() == before
    with pytest.raises(ConfigError) as caught:
        load_topics(pack.parent)
    assert str(caught.value).removeprefix(f"{pack.parent}/").startswith(problem)
    pack.write_text(PACK.replace("pirate attack", "corsair raid"), encoding="utf-8")
    clock.now += PROMISED_S
    assert watched.current() != before


def test_packs_are_checked_in_a_process_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Settings().topics_dir
    check_apart(folder, None)

    def unusable(*_: object) -> NoReturn:
        raise ValueError("a term that only matching stumbles on")

    monkeypatch.setattr("workers.classify.stage.Reader", unusable)
    assert check(str(folder)) == UNUSABLE
    assert capsys.readouterr().out == "a term that only matching stumbles on\n"


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        (UNUSABLE, ConfigError, "the topic packs: a term that only matching stumbles on"),
        (1, RuntimeError, "ended with 1"),
    ],
)
def test_what_the_check_of_the_packs_says_is_told(code: int, error: type[Exception], told: str, tmp_path: Path) -> None:
    program = f"print('a term that only matching stumbles on'); raise SystemExit({code})"
    with pytest.raises(error, match=told):
        check_apart(tmp_path, None, command=[sys.executable, "-c", program])
