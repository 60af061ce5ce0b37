from pathlib import Path

import pytest

from config.topics import WEIGHTS, TopicPack, load_topics
from workers.domain.errors import ConfigError

FOLDER = Path(__file__).parents[3] / "config" / "topics"
CODEBOOK = {
    "arms-control",
    "border-cooperation",
    "border-security",
    "counter-terrorism",
    "cyber-security",
    "drug-trafficking",
    "extremism",
    "human-trafficking",
    "intelligence-cooperation",
    "irregular-migration",
    "military-exercises",
    "organised-crime",
    "police-cooperation",
    "sanctions",
}
GOOD = """\
id: piracy
name: Piracy at sea
description: Attacks on ships by robbers, and the forces sent against them.
terms:
  en:
    strong: [pirate attack*]
    weak: [ship, ships]
groups:
  en:
    ship: [vessel*, tanker*]
    deed: [hijack*]
rules:
  - groups: [ship, deed]
    within: 5
    weight: 2
exclude:
  en: [pirate radio]
examples:
  - about: true
    language: en
    title: Pirate attack on tanker
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "piracy.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_topics(folder)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def change(folder: Path, old: str, new: str) -> None:
    assert old in GOOD
    (folder / "piracy.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")


def test_the_shipped_packs_are_those_of_the_codebook() -> None:
    assert {pack.id for pack in load_topics(FOLDER)} == CODEBOOK


@pytest.mark.parametrize("pack", load_topics(FOLDER), ids=lambda pack: pack.id)
def test_each_shipped_pack_speaks_nine_languages_and_has_examples_of_both_kinds(pack: TopicPack) -> None:
    assert {"en", "fa", "ar", "ru", "tr", "zh", "fr", "es", "de"} <= set(pack.terms)
    assert {example.about for example in pack.examples} == {True, False}


def test_a_pack_gives_its_terms_with_language_and_weight(folder: Path) -> None:
    (pack,) = load_topics(folder)
    assert list(pack.weighted_terms()) == [
        ("en", "pirate attack*", WEIGHTS["strong"]),
        ("en", "ship", WEIGHTS["weak"]),
        ("en", "ships", WEIGHTS["weak"]),
    ]
    assert list(pack.grouped_terms()) == [
        ("en", "vessel*", "ship"),
        ("en", "tanker*", "ship"),
        ("en", "hijack*", "deed"),
    ]
    assert list(pack.masks()) == [("en", "pirate radio")]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("terms:", "term:", "piracy.yaml:4: term: unknown key"),
        ("weak: [ship, ships]", "weak: [ship, ship]", "piracy.yaml:5: terms.en: the term 'ship' stands here twice"),
        ("[ship, ships]", "[]", "piracy.yaml:7: terms.en.weak: "),
        (
            "[pirate attack*]",
            "['--']",
            "piracy.yaml:6: terms.en.strong.0: a term needs a letter or a digit (found '--')",
        ),
        ("[pirate attack*]", "['ـ']", "piracy.yaml:6: terms.en.strong.0: a term needs a letter or a digit"),
        ("[pirate attack*]", "['pi*rate']", "piracy.yaml:6: terms.en.strong.0: a star may only stand"),
        ("[pirate attack*]", "['* attack']", "piracy.yaml:6: terms.en.strong.0: a star may only stand"),
        ("[pirate attack*]", "[7]", "piracy.yaml:6: terms.en.strong.0: must be text"),
        ("terms:\n  en:", "terms:\n  english:", "piracy.yaml:5: terms.english"),
        ("groups: [ship, deed]", "groups: [ship, deeds]", "piracy.yaml:12: rules: unknown groups: deeds"),
        ("groups: [ship, deed]", "groups: [ship]", "piracy.yaml:13: rules.0.groups"),
        ("within: 5", "within: 0", "piracy.yaml:14: rules.0.within"),
        ("weight: 2", "weight: -2", "piracy.yaml:15: rules.0.weight"),
        ("id: piracy", "id: pirates", "piracy.yaml:1: id: the id 'pirates' must be the file name without .yaml"),
        (
            "within: 5\n",
            "within: 5\n    weight: 2\n  - groups: [ship, deed]\n    within: 5\n",
            "piracy.yaml:12: rules: the same",
        ),
        (
            "    ship: [vessel*, tanker*]",
            "    fog: [fog]\n    ship: [vessel*]",
            "piracy.yaml:13: rules: no rule uses the groups: fog",
        ),
        ("name: Piracy at sea\n", "", "piracy.yaml:1: name: "),
        ("about: true", "about: perhaps", "piracy.yaml:19: examples.0.about"),
        ("name: Piracy at sea", "name: Piracy at sea\nthreshold: 1.5", "piracy.yaml:3: threshold"),
        ("name: Piracy at sea", "name: Piracy at sea\nname: again", "piracy.yaml:3: "),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder, old, new)
    assert any(found.startswith(problem) for found in problems(folder)), problems(folder)


def test_the_problems_of_all_files_are_told_at_once(folder: Path) -> None:
    change(folder, "within: 5", "within: none")
    (folder / "other.yaml").write_text("id: other\nname: [", encoding="utf-8")
    (folder / "third.yaml").write_text(GOOD, encoding="utf-8")
    assert {line.split(":")[0] for line in problems(folder)} == {"piracy.yaml", "other.yaml", "third.yaml"}


def test_a_folder_without_packs_is_a_problem(tmp_path: Path) -> None:
    assert "no topic packs" in problems(tmp_path)[0]


def test_the_version_changes_with_what_decides_and_only_with_that(folder: Path) -> None:
    (before,) = load_topics(folder)
    change(folder, "title: Pirate attack on tanker", "title: Pirate attack on a tanker")
    (same,) = load_topics(folder)
    change(folder, "pirate radio", "pirate costume")
    (other,) = load_topics(folder)
    assert before.version == same.version != other.version
    assert len(before.version) == 12
