import timeit
from time import process_time

import pytest

from workers.classify.entities.naming import find_names
from workers.classify.entities.nearby import REACH, CountriesNearby
from workers.classify.matching.fold import Folded


def nearby(title: str, text: str, wanted: int, word: str = "HERE", field: str = "text") -> bool:
    texts = {"title": Folded(title), "text": Folded(text)}
    found = CountriesNearby(texts, find_names(texts, "en"))
    start = texts[field].plain.index(word.lower())
    return found.are_at_least(wanted, field, start, start + len(word))


FAR = "Much later. Much more. "


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("", "Iran and Iraq stand HERE.", True),
        ("", "Iran and Tehran stand HERE.", False),  # one country twice
        ("", "Iran stood. It is HERE. So was Iraq.", True),
        ("", "Iran stood.\nIt is HERE.\nSo was Iraq.", True),
        ("", f"Iran and Iraq. {FAR} It is HERE.", False),
        ("", f"It is HERE. {FAR} Iran and Iraq.", False),
        ("Iran waits", f"{FAR} Iraq stands HERE.", True),
        ("Iran waits", f"{FAR} Iran stands HERE.", False),
        ("Iran and Iraq", f"{FAR} It is HERE.", True),
        ("", "Iran " + "and more " * (REACH // 9 + 1) + "HERE with Iraq.", False),  # one endless sentence
        ("", "It is HERE.", False),
    ],
)
def test_two_countries_are_near_in_the_title_the_sentence_and_the_ones_beside_it(
    title: str, text: str, expected: bool
) -> None:
    assert nearby(title, text, 2) is expected


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Iran and Iraq HERE", "", True),
        ("Iran HERE", "Iraq waits. It rains.", True),
        ("Iran HERE", "It rains. Iraq waits.", False),
    ],
)
def test_the_title_counts_as_the_sentence_before_the_text(title: str, text: str, expected: bool) -> None:
    assert nearby(title, text, 2, field="title") is expected


@pytest.mark.parametrize(("wanted", "expected"), [(0, True), (1, True), (2, True), (3, False)])
def test_as_many_as_are_wanted(wanted: int, expected: bool) -> None:
    assert nearby("", "Iran and Iraq stand HERE.", wanted) is expected


def test_time_grows_with_the_length_of_the_text_and_no_faster() -> None:
    def seconds(repeats: int, times: int) -> float:
        texts = {"title": Folded(""), "text": Folded("Iran is here and " * repeats)}
        names = find_names(texts, "en")
        places = range(10, 17 * repeats, 17)

        def every_place() -> None:
            found = CountriesNearby(texts, names)
            for at in places:
                found.are_at_least(2, "text", at, at + 4)

        return min(timeit.repeat(every_place, timer=process_time, number=times, repeat=3))

    assert seconds(4_000, 1) < 4 * seconds(400, 10)
