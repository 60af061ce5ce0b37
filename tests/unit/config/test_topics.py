from pathlib import Path

import pytest

from config.topics import WEIGHTS, TopicPack, _plain_character, load_topics
from workers.classify.matching.fold import fold
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
def test_each_shipped_pack_speaks_nine_languages_and_has_six_examples_of_either_kind_in_five(pack: TopicPack) -> None:
    assert {"en", "fa", "ar", "ru", "tr", "zh", "fr", "es", "de"} <= set(pack.terms)
    for about in (True, False):
        assert sum(example.about is about for example in pack.examples) >= 6
    assert len({example.language for example in pack.examples}) >= 5


@pytest.mark.parametrize("pack", load_topics(FOLDER), ids=lambda pack: pack.id)
def test_each_shipped_pack_is_tied_to_a_concept_of_eurovoc(pack: TopicPack) -> None:
    assert pack.eurovoc


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
        ("weak: [ship, ships]", "weak: [ship, ship]", "piracy.yaml:7: terms.en.weak.1: the term stands here twice"),
        *(
            (
                "weak: [ship, ships]",
                f"weak:\n      - {one}\n      - ships\n      - {other}",
                f"piracy.yaml:10: terms.en.weak.2: the term stands here twice: {one!r} is the same (found {other!r})",
            )
            for one, other in (
                *(
                    ("ransom", "RANSOM"),
                    ("ransom", "ránsom"),
                    ("ransom", "ransom!"),
                    ("cross-border*", "Cross border*"),
                ),
                *(("İran", "iran"), ("أمن", "امن"), ("می‌شود", "می شود"), ("امـن", "امن"), ("ﬁre", "fire")),
            )
        ),
        ("[ship, ships]", "[]", "piracy.yaml:7: terms.en.weak: "),
        (
            "[pirate attack*]",
            "['--']",
            "piracy.yaml:6: terms.en.strong.0: a term needs a letter or a digit (found '--')",
        ),
        *(
            ("[pirate attack*]", f"[{term}]", "piracy.yaml:6: terms.en.strong.0: a term needs a letter or a digit")
            for term in ("\ufe76", "\ufc5e", "'\ufe76*'", "\u064e", "㎞", "\u200c", "©")
        ),
        ("[pirate attack*]", "['ـ']", "piracy.yaml:6: terms.en.strong.0: a term needs a letter or a digit"),
        ("[pirate attack*]", "['pi*rate']", "piracy.yaml:6: terms.en.strong.0: a star may only stand"),
        ("[pirate attack*]", "['* attack']", "piracy.yaml:6: terms.en.strong.0: a star may only stand"),
        ("[pirate attack*]", "[7]", "piracy.yaml:6: terms.en.strong.0: must be text"),
        *(
            ("terms:\n  en:", f"terms:\n  {code}:", f"piracy.yaml:5: terms.{code}: must be a two-letter ISO 639-1 code")
            for code in ("english", "eng", "EN", "e")
        ),
        ("groups: [ship, deed]", "groups: [ship, ship, deed]", "piracy.yaml:13: rules.0.groups: names the same group"),
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
        ("name: Piracy at sea", "name: Piracy at sea\nuncertain_from: 0", "piracy.yaml:3: uncertain_from: "),
        (
            "name: Piracy at sea",
            "name: Piracy at sea\nuncertain_from: 0.7\nthreshold: 0.6",
            "piracy.yaml:3: uncertain_from: is above the threshold of 0.6 (found 0.7)",
        ),
        (
            "name: Piracy at sea",
            "name: Piracy at sea\niptc: [medtop:1]",
            "piracy.yaml:3: iptc.0: must be medtop:",
        ),
        ("name: Piracy at sea", "name: Piracy at sea\neurovoc: [4452]", "piracy.yaml:3: eurovoc.0: must be text"),
        (
            "name: Piracy at sea",
            "name: Piracy at sea\neurovoc: ['eurovoc:x']",
            "piracy.yaml:3: eurovoc.0: must be eu",
        ),
        ("within: 5", "within: 5\n    country: 2", "piracy.yaml:15: rules.0.country: unknown key"),
        ("within: 5", "within: 5\n    countries: two", "piracy.yaml:15: rules.0.countries: "),
        ("within: 5", "within: 5\n    countries: 6", "piracy.yaml:15: rules.0.countries: "),
        (
            "rules:",
            "organisations:\n  ship: [imo]\nrules:",
            "piracy.yaml:13: organisations.ship.0: no organisation has this id; did you mean ",
        ),
        (
            "rules:",
            "organisations:\n  ship: [qqq]\nrules:",
            "piracy.yaml:13: organisations.ship.0: no organisation has",
        ),
        ("rules:", "organisations:\n  ship: []\nrules:", "piracy.yaml:13: organisations.ship: "),
        ("rules:", "organisations: [un]\nrules:", "piracy.yaml:12: organisations: must be a group of"),
        ("rules:", "organisations:\n  navy: [nato]\nrules:", "piracy.yaml:14: rules: no rule uses the groups: navy"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder, old, new)
    assert any(found.startswith(problem) for found in problems(folder)), problems(folder)


def test_a_group_may_be_of_organisations_alone(folder: Path) -> None:
    change(
        folder,
        "rules:\n  - groups: [ship, deed]",
        "organisations:\n  navy: [nato, eu]\nrules:\n  - groups: [ship, deed, navy]",
    )
    (pack,) = load_topics(folder)
    assert list(pack.grouped_organisations()) == [("nato", "navy"), ("eu", "navy")]
    assert pack.rules[0].groups == ("ship", "deed", "navy")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "ship and deed within 5 words, 2 points"),
        ("\n    countries: 2", "ship and deed within 5 words and 2 countries nearby, 2 points"),
    ],
)
def test_a_rule_says_itself_in_words(folder: Path, line: str, told: str) -> None:
    change(folder, "within: 5", f"within: 5{line}")
    (pack,) = load_topics(folder)
    assert str(pack.rules[0]) == told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(
            ("name: Piracy at sea", f"name: Piracy at sea\n{wrong}")
            for wrong in ("threshold: high", "threshold: 0", "title_weight: 99", "iptc: [medtop:1]", "name: Twice")
        ),
        ("[pirate attack*]", "['--']"),
        ("[ship, ships]", "[[ship]]"),
        ("[ship, ships]", "[]"),
        ("[pirate radio]", "['*']"),
        ("terms:\n  en:", "terms:\n  eng:"),
        ("rules:", "organisations:\n  ship: [qqq]\nrules:"),
        ("groups: [ship, deed]", "groups: [ship]"),
    ],
)
def test_one_mistake_is_one_problem_in_plain_words(folder: Path, old: str, new: str) -> None:
    change(folder, old, new)
    (problem,) = problems(folder)
    assert not any(word in problem for word in ("Tuple", "Dictionary", "[key]"))


@pytest.mark.parametrize(
    ("lines", "threshold", "uncertain_from"),
    [
        ("", 0.4, 0.2),
        ("threshold: 0.8\n", 0.8, 0.6),
        ("threshold: 1\n", 1.0, 0.8),
        ("threshold: 0.2\n", 0.2, 0.05),
        ("threshold: 0.03\n", 0.03, 0.03),
        ("uncertain_from: 0.4\n", 0.4, 0.4),
        ("uncertain_from: 0.1\nthreshold: 0.4\n", 0.4, 0.1),
    ],
)
def test_the_uncertain_band_begins_below_the_threshold(
    folder: Path, lines: str, threshold: float, uncertain_from: float
) -> None:
    change(folder, "terms:\n", f"{lines}terms:\n")
    (pack,) = load_topics(folder)
    assert (pack.threshold, pack.uncertain_from) == (threshold, uncertain_from)


@pytest.mark.parametrize(
    ("probability", "band"),
    [(0.0, "not flagged"), (0.1999, "not flagged"), (0.2, "uncertain"), (0.3999, "uncertain"), (0.4, "flagged")],
)
def test_a_probability_falls_into_one_band(folder: Path, probability: float, band: str) -> None:
    (pack,) = load_topics(folder)
    assert pack.band(probability) == band


def test_a_single_file_can_be_read(folder: Path) -> None:
    (folder / "broken.yaml").write_text("id: [", encoding="utf-8")
    assert [pack.id for pack in load_topics(folder / "piracy.yaml")] == ["piracy"]


def test_the_problems_of_all_files_are_told_at_once(folder: Path) -> None:
    change(folder, "within: 5", "within: none")
    (folder / "other.yaml").write_text("id: other\nname: [", encoding="utf-8")
    (folder / "third.yaml").write_text(GOOD, encoding="utf-8")
    assert {line.split(":")[0] for line in problems(folder)} == {"piracy.yaml", "other.yaml", "third.yaml"}


def test_a_file_that_only_looks_like_a_pack_is_named(folder: Path) -> None:
    (folder / "reefs.yml").write_text(GOOD.replace("piracy", "reefs"), encoding="utf-8")
    assert problems(folder) == ["reefs.yml: name it *.yaml, or it is no pack"]


def test_a_term_is_refused_if_and_only_if_matching_has_nothing_left_of_it() -> None:
    differ = [
        code
        for code in range(0x110000)
        if chr(code) != "*" and bool(_plain_character(chr(code)).strip()) is not bool(fold(chr(code)).strip())
    ]
    assert differ == []


def test_a_folder_without_packs_is_a_problem(tmp_path: Path) -> None:
    assert "no topic packs" in problems(tmp_path)[0]


#: Of `GOOD`, before packs could name countries and organisations.
VERSION_OF_GOOD = "d978b0c87ffd"


def test_a_pack_that_does_not_use_a_newer_key_keeps_its_version(folder: Path) -> None:
    (pack,) = load_topics(folder)
    assert pack.version == VERSION_OF_GOOD
    versions = {pack.version}
    for old, new in (
        ("within: 5", "within: 5\n    countries: 0"),
        ("within: 5", "within: 5\n    countries: 2"),
        ("rules:", "organisations: {ship: [nato]}\nrules:"),
    ):
        change(folder, old, new)
        versions |= {pack.version for pack in load_topics(folder)}
    assert len(versions) == 3


def test_the_version_changes_with_what_decides_and_only_with_that(folder: Path) -> None:
    (before,) = load_topics(folder)
    change(folder, "title: Pirate attack on tanker", "title: Pirate attack on a tanker\neurovoc: ['eurovoc:4452']")
    (same,) = load_topics(folder)
    change(folder, "terms:\n", "uncertain_from: 0.3\nterms:\n")
    (wider,) = load_topics(folder)
    change(folder, "pirate radio", "pirate costume")
    (other,) = load_topics(folder)
    assert before.version == same.version
    assert len({before.version, wider.version, other.version}) == 3
    assert len(before.version) == 12
