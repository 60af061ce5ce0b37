from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import pytest

from config.topics import TopicPack, load_topics
from workers.classify.stage import MAX_EVIDENCE, MODEL, Classifier
from workers.domain.values import Classification, Flag

PACKS = load_topics(Path(__file__).parents[3] / "config" / "topics")
EXAMPLES = [pytest.param(p, n, id=f"{p.id}-{n}") for p in PACKS for n in range(len(p.examples))]


@dataclass
class OneRule:
    groups: tuple[str, ...] = ("place", "deed")
    within: int = 3
    weight: float = 4.0


@dataclass
class SmallPack:
    """The least that the classifier asks of a pack."""

    id: str = "small"
    version: str = "v1"
    threshold: float = 0.5
    title_weight: float = 2.0
    lead_weight: float = 1.5
    rules: tuple[OneRule, ...] = (OneRule(),)

    def weighted_terms(self) -> Iterator[tuple[str, str, float]]:
        yield from [("en", "smuggling ring*", 3.0), ("en", "smuggl*", 1.0), ("de", "bande", 3.0), ("en", "straße", 3.0)]

    def grouped_terms(self) -> Iterator[tuple[str, str, str]]:
        yield from [("en", "harbour", "place"), ("en", "arrest*", "deed")]

    def masks(self) -> Iterator[tuple[str, str]]:
        yield "en", "smuggler's cove"


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(PACKS)


def small(title: str, text: str = "", language: str = "en") -> tuple[Flag, ...]:
    return Classifier([SmallPack()]).classify(title, text, language).flags


def pieces(flags: tuple[Flag, ...]) -> list[str]:
    return [evidence.text for flag in flags for evidence in flag.evidence]


@pytest.mark.parametrize(("pack", "number"), EXAMPLES)
def test_each_example_of_a_pack_is_judged_as_it_says(pack: TopicPack, number: int, classifier: Classifier) -> None:
    example = pack.examples[number]
    flags = classifier.classify(example.title, example.text, example.language).flags
    flagged = {flag.topic for flag in flags if flag.flagged}
    assert (pack.id in flagged) is example.about


def test_the_pack_of_the_manual_is_a_pack_and_judges_its_examples(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[3] / "docs" / "topics.md").read_text(encoding="utf-8")
    (tmp_path / "piracy.yaml").write_text(manual.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    (pack,) = load_topics(tmp_path)
    verdicts = [
        any(flag.flagged for flag in Classifier([pack]).classify(example.title, example.text, example.language).flags)
        for example in pack.examples
    ]
    assert verdicts == [example.about for example in pack.examples] == [True, False]


# Reports that touch much: the topics that they are about, all of them and no other.
INTELLIGENCE = """\
Senior intelligence officials of both countries agreed to raise their cooperation in the fight against terrorism and
extremism. The minister of intelligence met the head of the other side's security service and spoke of a regular
exchange of intelligence. He also watched the joint anti-terrorist exercises of the regional organisation, in which
special units practised how to free hostages.
"""
POLICE = """\
The chief of police, who is here for the assembly of Interpol, met the chief of the border police. They spoke of border
interactions between both countries and of fighting international terrorism, and agreed on a memorandum of understanding
on border cooperation. He said that they had discussed terrorism and organised crime. At the police university both
sides stressed police cooperation, training courses and the fight against organised crime and extremism. The head of
cyber security joined them: both sides want to confront cybercrime.
"""
RETOLD = [
    (
        "Two states upgrade ties of their intelligence services",
        INTELLIGENCE,
        {"counter-terrorism", "intelligence-cooperation", "military-exercises"},
    ),
    (
        "Police chiefs meet",
        POLICE,
        {"border-cooperation", "police-cooperation", "counter-terrorism", "organised-crime", "cyber-security"},
    ),
]


@pytest.mark.parametrize(("title", "text", "topics"), RETOLD)
@pytest.mark.parametrize("tail", ["", "\nÀ lire aussi\nOuverture officielle d'un nouveau front de soutien"])
def test_reports_on_several_topics_get_just_those(
    title: str, text: str, topics: set[str], tail: str, classifier: Classifier
) -> None:
    flags = classifier.classify(title, text + tail, "en").flags
    assert {flag.topic for flag in flags if flag.flagged} == topics


def test_a_text_about_nothing_of_ours_has_no_flag() -> None:
    assert Classifier([SmallPack()]).classify("Rain", "It rained.", "en") == Classification(flags=(), model=MODEL)


def test_a_topic_below_its_threshold_is_listed_and_not_flagged() -> None:
    (flag,) = small("Weather", "Talk of smuggling.")
    assert not flag.flagged
    assert 0 < flag.probability < 0.5


def test_a_flag_carries_the_version_of_its_pack() -> None:
    assert small("smuggling")[0].pack_version == "v1"


def test_a_longer_term_takes_the_place_of_a_shorter_one_inside_it() -> None:
    assert pieces(small("Smuggling rings")) == ["Smuggling rings"]


def test_evidence_inside_an_excluded_phrase_does_not_count() -> None:
    assert small("Smuggler's Cove opens") == ()
    assert pieces(small("Smuggler's Cove: smuggling again")) == ["smuggling"]


def test_words_of_two_groups_near_one_another_are_evidence_together() -> None:
    assert pieces(small("Two arrests at the harbour")) == ["arrests at the harbour"]
    assert small("Arrests were made, and much later on they came to the harbour") == ()


@pytest.mark.parametrize(("language", "seen"), [("de", True), ("und", True), ("fr", False), ("en", False)])
def test_a_short_word_counts_in_its_own_language_or_where_none_is_known(language: str, seen: bool) -> None:
    assert bool(small("bande", language=language)) is seen


def test_a_long_term_counts_in_a_text_of_any_language() -> None:
    assert pieces(small("Der smuggling ring im Hafen", language="de")) == ["smuggling ring"]


def test_a_hit_in_the_title_weighs_more_than_in_the_text() -> None:
    in_title, in_text = small("smuggling", "x" * 500), small("x", "x " * 500 + "smuggling")
    assert in_title[0].probability > in_text[0].probability


def test_evidence_is_the_exact_piece_of_the_stored_text() -> None:
    title, text = "Café Straße", "Zur Straße — e\u0301te\u0301: SMUGGLING\u00a0RINGS"
    flags = small(title, text)
    assert pieces(flags) == ["Straße", "Straße", "SMUGGLING\u00a0RINGS"]
    for evidence in flags[0].evidence:
        assert {"title": title, "text": text}[evidence.field][evidence.start : evidence.end] == evidence.text


def test_a_long_text_gives_its_best_evidence_only() -> None:
    (flag,) = small("smuggling ring", "smuggling " * 200)
    assert len(flag.evidence) == MAX_EVIDENCE
    assert flag.evidence[0].text == "smuggling ring"


def test_the_same_text_gives_the_same_answer(classifier: Classifier) -> None:
    args = ("Police seize cocaine at the border", "Interpol said that a gang smuggled the drugs. " * 20, "en")
    assert {classifier.classify(*args) for _ in range(5)} == {Classifier(PACKS).classify(*args)}


@pytest.mark.parametrize("text", ["", "\x00\ud800\ufffe", "🙂" * 100, " \n\t", "ﷺ" * 50, "a" * 100_000])
def test_no_text_is_too_strange(text: str, classifier: Classifier) -> None:
    assert classifier.classify(text, text, "und").flags == ()


@pytest.mark.parametrize("piece", ["reign of terror ", "terrorism ", "border talks ", "核武器", "تعاون"])
def test_time_grows_with_the_length_of_a_text_not_its_square(piece: str, classifier: Classifier) -> None:
    def cost(text: str) -> float:
        started = process_time()
        classifier.classify("", text, "en")
        return process_time() - started

    short, long = piece * (10_000 // len(piece)), piece * (160_000 // len(piece))
    fastest = min(cost(short) for _ in range(3))
    slowest = min(cost(long) for _ in range(2))  # a collection of rubbish in between is not ours
    assert slowest < 16 * 5 * max(fastest, 0.001)  # a square would be 16 x 16; 5 is for a busy machine


def test_no_packs_flag_nothing() -> None:
    assert Classifier([]).classify("bomb", "bomb", "en").flags == ()


def test_the_most_probable_topic_comes_first(classifier: Classifier) -> None:
    flags = classifier.classify("Interpol helps to seize cocaine", "The gang smuggled drugs by sea.", "en").flags
    assert [f.probability for f in flags] == sorted((f.probability for f in flags), reverse=True)
    assert len(flags) > 1
