"""What a changed pack would do: to its terms and rules, and to flags."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from config.topics import TopicPack, load_topics
from workers.cli import topics
from workers.cli.differing import differences, read_articles, turns
from workers.domain.errors import ConfigError
from workers.packs import classifier_of

PACK = """\
id: piracy
name: Piracy
description: Attacks on ships by robbers at sea.
terms:
  en:
    strong: [pirate attack, corsair raid]
    weak: [ship]
groups:
  en:
    ship: [tanker]
    deed: [boarded]
rules:
  - {groups: [ship, deed], within: 5, weight: 2}
exclude:
  en: [pirate radio]
examples:
  - {about: true, language: en, title: Pirate attack on tanker}
"""
ARTICLES = [
    {"title": "Pirate attack off the cape", "text": "A pirate attack was reported at noon.", "language": "en"},
    {"title": "Corsair raid off the cape", "text": "A corsair raid was reported at noon.", "language": "en"},
    {"title": "Harvest festival", "text": "Music and a market.", "language": "en"},
]


def pack(folder: Path, old: str = "", new: str = "") -> TopicPack:
    assert old in PACK
    folder.mkdir(exist_ok=True)
    (folder / "piracy.yaml").write_text(PACK.replace(old, new) if old else PACK, encoding="utf-8")
    return load_topics(folder)[0]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("", "", []),
        ("pirate attack, ", "boarding party, ", ["- en strong: pirate attack", "+ en strong: boarding party"]),
        ("    weak: [ship]\n", "", ["- en weak: ship"]),
        ("    weak: [ship]", "    medium: [ship]", ["+ en medium: ship", "- en weak: ship"]),
        ("    weak: [ship]", "    weak: [ship]\n  de:\n    strong: [seeräuber]", ["+ de strong: seeräuber"]),
        ("[tanker]", "[tanker, vessel]", ["+ en group ship: vessel"]),
        ("[pirate radio]", "[pirate radio, pirate flag]", ["+ en hides evidence: pirate flag"]),
        ("terms:", "threshold: 0.9\nterms:", ["threshold: 0.4 -> 0.9", "uncertain_from: 0.2 -> 0.7"]),
        (
            "within: 5, weight: 2",
            "within: 6, weight: 3",
            ["- rule: ship and deed within 5 words, 2 points", "+ rule: ship and deed within 6 words, 3 points"],
        ),
        ("title: Pirate attack on tanker", "title: Pirate attack on a ship", []),
        ("name: Piracy", "name: Sea robbery", []),
    ],
)
def test_only_what_decides_a_flag_is_told(tmp_path: Path, old: str, new: str, lines: list[str]) -> None:
    assert differences(pack(tmp_path / "a"), pack(tmp_path / "b", old, new)) == lines


def test_a_pack_that_comes_or_goes_is_told(tmp_path: Path) -> None:
    one = pack(tmp_path)
    assert differences(None, one) == ["a new pack"]
    assert differences(one, None) == ["the pack is gone"]


def test_articles_that_gain_or_lose_a_flag_are_found_with_their_words(tmp_path: Path) -> None:
    before = pack(tmp_path / "a", "pirate attack, ")
    after = pack(tmp_path / "b", ", corsair raid")
    gained, lost = turns(classifier_of((before,)), classifier_of((after,)), ARTICLES, frozenset({"piracy"}))
    assert (gained.title, gained.words, gained.gained) == ("Pirate attack off the cape", "Pirate attack", True)
    assert (lost.title, lost.words, lost.gained) == ("Corsair raid off the cape", "Corsair raid", False)
    assert gained.before == lost.after == 0 < min(gained.after, lost.before)


def test_topics_that_were_not_asked_for_are_left_out(tmp_path: Path) -> None:
    before, after = pack(tmp_path / "a"), pack(tmp_path / "b", "pirate attack, ")
    assert list(turns(classifier_of((before,)), classifier_of((after,)), ARTICLES, frozenset())) == []


def test_a_lower_threshold_alone_gains_flags(tmp_path: Path) -> None:
    before, after = pack(tmp_path / "a", "terms:", "threshold: 1\nterms:"), pack(tmp_path / "b")
    (first, second) = turns(classifier_of((before,)), classifier_of((after,)), ARTICLES, frozenset({"piracy"}))
    assert first.gained
    assert second.gained
    assert first.before == first.after > 0.5


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "texts.jsonl:2: not JSON"),
        ("[1]", "texts.jsonl:2: not an object"),
        ('{"id": 1}', "texts.jsonl:2: has neither"),
        ('{"title": ["x"]}', "texts.jsonl:2: title: must be text"),
        ('{"title": "x", "text": 7}', "texts.jsonl:2: text: must be text"),
        ('{"title": "x", "lang": {}}', "texts.jsonl:2: lang: must be text"),
        ('{"title": "x", "language": ["en"]}', "texts.jsonl:2: language: must be text"),
    ],
)
def test_a_line_that_is_no_article_is_named(tmp_path: Path, line: str, problem: str) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(f'{{"title": "A quiet day at the harbour"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        list(read_articles(file))
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(problem)


def test_a_text_may_hold_a_line_separator(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"title": "one\u2028two", "text": null, "lang": "en"}\n\n', encoding="utf-8")
    assert list(read_articles(file)) == [{"title": "one\u2028two", "text": "", "language": "en"}]


@pytest.fixture
def in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packs in force."""
    folder = tmp_path / "topics"
    pack(folder)
    monkeypatch.setattr(topics, "load_settings", lambda: SimpleNamespace(topics_dir=folder))
    monkeypatch.setattr(topics, "console", Console(highlight=False, width=200))
    return folder


def run(*arguments: Any) -> str:
    done = CliRunner().invoke(topics.app, ["diff", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_diff_shows_changed_terms_and_the_flags_that_turn(
    in_force: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(tmp_path / "mine", ", corsair raid")
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"title": "Corsair raid off the cape", "text": "A corsair raid.", "lang": "en"}\n', "utf-8")
    shown = run(tmp_path / "mine" / "piracy.yaml", "piracy", "--texts", texts)
    assert "- en strong: corsair raid" in shown
    assert "piracy: -1" in shown
    assert "Corsair raid off the cape  (Corsair raid)" in shown
    assert "1 articles: 0 flags gained, 1 lost" in shown


def test_diff_of_the_same_pack_says_so(in_force: Path) -> None:
    assert run(in_force) == "nothing that decides a flag is different\n"


def test_diff_against_another_folder(in_force: Path, tmp_path: Path) -> None:
    pack(tmp_path / "older", ", corsair raid")
    assert "+ en strong: corsair raid" in run(in_force, "--against", tmp_path / "older")


def test_diff_of_a_new_pack_shows_what_it_would_flag(in_force: Path, tmp_path: Path) -> None:
    mine = tmp_path / "reefs.yaml"
    mine.write_text(PACK.replace("id: piracy", "id: reefs"), encoding="utf-8")
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"title": "Corsair raid off the cape", "text": "A corsair raid.", "lang": "en"}\n', "utf-8")
    shown = run(mine, "--texts", texts).splitlines()
    assert shown[0].startswith("reefs  none -> ")
    assert shown[1] == "  a new pack"
    assert "reefs: +1" in shown
    assert "piracy" not in shown


def test_diff_against_a_single_file_leaves_the_other_packs_alone(in_force: Path, tmp_path: Path) -> None:
    (in_force / "reefs.yaml").write_text(PACK.replace("id: piracy", "id: reefs"), encoding="utf-8")
    pack(tmp_path / "older", ", corsair raid")
    shown = run(in_force, "--against", tmp_path / "older" / "piracy.yaml")
    assert "+ en strong: corsair raid" in shown
    assert "reefs" not in shown


def test_diff_of_an_unknown_topic_is_refused(in_force: Path) -> None:
    with pytest.raises(ConfigError, match="no pack 'parrots'; there are piracy"):
        run(in_force, "parrots")


def test_no_text_reaches_the_terminal_with_what_it_obeys(in_force: Path, tmp_path: Path) -> None:
    pack(tmp_path / "mine", ", corsair raid")
    texts = tmp_path / "texts.jsonl"
    line = {"title": "Corsair\u202e raid \x1b[2Joff", "text": "A corsair\x85raid.", "lang": "en"}
    texts.write_text(json.dumps(line), "utf-8")
    shown = run(tmp_path / "mine" / "piracy.yaml", "--texts", texts)
    assert "Corsair raid [2Joff" in shown
    assert not any(letter in shown for letter in "\x1b\x85\u202e")


def test_try_shows_no_control_characters(in_force: Path, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("Pirate\x1battack\nA pirate\u202e attack \x1b[31mat noon.", encoding="utf-8")
    done = CliRunner().invoke(topics.app, ["try", str(file)], catch_exceptions=False)
    assert "A pirate attack [31mat noon." in done.output
    assert not any(letter in done.output for letter in "\x1b\u202e")
