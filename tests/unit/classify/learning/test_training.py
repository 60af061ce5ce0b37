from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from workers.classify.learning.training import (
    FOLDS,
    Labelled,
    Read,
    attested,
    group_of,
    inner_part,
    outer_part,
    read_all,
    samples,
    train,
)
from workers.classify.matching.fold import Folded
from workers.classify.reading import Reader


@dataclass
class ToolPack:
    id: str = "tools"
    version: str = "v1"
    title_weight: float = 2.0
    lead_weight: float = 1.5
    rules: tuple[object, ...] = ()

    def weighted_terms(self) -> Iterator[tuple[str, str, float]]:
        yield from [("en", "sledgehammer", 3.0), ("en", "screwdriver", 1.5), ("en", "crowbars", 0.5)]

    def grouped_terms(self) -> Iterator[tuple[str, str, str]]:
        yield from ()

    def grouped_organisations(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def masks(self) -> Iterator[tuple[str, str]]:
        yield from ()


READER = Reader([ToolPack()])


def labelled(title: str, *, about: bool, touch: bool = False, text: str = "") -> Labelled:
    topic = frozenset({"tools"})
    return Labelled("en", title, text, topic if about else frozenset(), topic if touch else frozenset())


def corpus() -> list[Labelled]:
    """Make articles of which those with a sledgehammer are mostly about tools, the others mostly not."""
    return [
        labelled(
            f"Story {n}: {'a sledgehammer' if n % 2 else 'a screwdriver and crowbars'}",
            about=bool(n % 2) != (n % 11 == 0),
            text="The day was long. " * (n % 40),
        )
        for n in range(200)
    ]


def learned(articles: list[Labelled]) -> str:
    return train(samples(attested(read_all(articles, READER)), {"tools"})).as_json()


def test_training_twice_gives_the_same_bytes() -> None:
    assert learned(corpus()) == learned(corpus())


def test_what_is_about_a_topic_is_more_probable_than_what_only_looks_so() -> None:
    found = samples(read_all(corpus(), READER), {"tools"})
    model = train(found)
    values = {label: [model.value(s.numbers) for s in found if s.label is label] for label in (True, False)}
    assert sum(values[True]) / len(values[True]) > 0 > sum(values[False]) / len(values[False])
    assert model.calibration.topics.keys() == {"tools"}


def test_each_fit_is_told() -> None:
    told: list[int] = []
    train(samples(read_all(corpus(), READER), {"tools"}), told=lambda: told.append(1))
    assert len(told) == FOLDS + 1


@pytest.mark.parametrize("about", [True, False])
def test_labels_of_one_kind_teach_nothing(about: bool) -> None:
    one_kind = [labelled(f"Sledgehammer {n}", about=about) for n in range(9)]
    with pytest.raises(ValueError, match="only look so"):
        learned(one_kind)


def test_a_topic_that_is_only_touched_is_no_sample() -> None:
    reads = read_all([labelled("Sledgehammer", about=False, touch=True), labelled("Sledgehammer!", about=True)], READER)
    assert [sample.number for sample in samples(reads, {"tools"})] == [1]
    assert samples(reads, set()) == []


def test_articles_that_begin_alike_are_of_one_group() -> None:
    beginning = "A sledgehammer was found in the harbour. " * 3
    assert group_of(beginning, "and more") == group_of(beginning.upper(), "and something else")
    assert group_of(beginning, "") != group_of("Another " + beginning, "")


def test_outer_and_inner_parts_do_not_follow_from_one_another() -> None:
    groups = [group_of(str(n), "") for n in range(2000)]
    pairs = {(outer_part(group), inner_part(group)) for group in groups}
    assert len(pairs) == FOLDS * FOLDS


def keys(reads: list[Read]) -> list[int]:
    return [len(read.reading.topics["tools"].spans) if "tools" in read.reading.topics else 0 for read in reads]


def test_a_term_of_a_single_part_is_left_out_and_others_stay() -> None:
    titles = ("Sledgehammer and crowbars", "A sledgehammer", "A screwdriver")
    reads = [
        Read(number, number, labelled(title, about=True), READER.read(Folded(title), Folded(""), "en"))
        for number, title in enumerate(titles)
    ]
    assert keys(reads) == [2, 1, 1]
    kept = attested(reads, part_of=lambda group: group)
    assert keys(kept) == [1, 1, 0]
    assert kept[0].reading.topics["tools"].score == 6.0
    assert keys(attested(reads, part_of=lambda _: 0)) == [0, 0, 0]
