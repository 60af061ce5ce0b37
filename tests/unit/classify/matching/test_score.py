from itertools import pairwise

import pytest

from workers.classify.matching.score import (
    HALF_AT,
    Span,
    is_outside,
    joined_up,
    near,
    place,
    total,
    without_overlaps,
    words_between,
)


def where(field: str, start: int, opening: int = 0) -> float:
    return place(field, start, title=2.0, lead=1.5, lead_characters=400, opening=opening)


def test_a_hit_counts_less_the_later_it_stands() -> None:
    places = [where("title", 900), where("text", 399), where("text", 400), where("text", 400 + HALF_AT)]
    assert places == [2.0, 1.5, 1.0, 0.5]


def test_the_opening_of_an_untitled_text_counts_as_its_title() -> None:
    assert where("text", 10, opening=150) == where("title", 10)
    assert where("text", 150, opening=150) == 1.5


def test_the_heaviest_of_overlapping_spans_stays() -> None:
    heavy, light, apart = Span("text", 5, 12, 3.0, 1), Span("text", 0, 8, 1.0, 2), Span("text", 12, 20, 1.0, 3)
    assert without_overlaps([light, apart, heavy]) == [heavy, apart]


def test_the_longest_of_equal_spans_stays() -> None:
    short, long = Span("text", 0, 6, 3.0, 1), Span("text", 0, 13, 3.0, 2)
    assert without_overlaps([short, long]) == [long]


def test_spans_of_different_fields_do_not_overlap() -> None:
    spans = [Span("title", 0, 6, 3.0, 1), Span("text", 0, 6, 3.0, 1)]
    assert sorted(without_overlaps(spans)) == sorted(spans)


def test_covered_places_are_joined_up() -> None:
    assert joined_up([(8, 9), (1, 4), (3, 6), (2, 3)]) == [(1, 6), (8, 9)]


@pytest.mark.parametrize(
    ("start", "end", "outside"),
    [(0, 2, True), (0, 3, False), (3, 4, False), (5, 9, False), (6, 8, True), (6, 9, False), (12, 14, True)],
)
def test_a_span_is_outside_when_it_overlaps_nothing(start: int, end: int, outside: bool) -> None:
    assert is_outside([(2, 6), (8, 12)], start, end) is outside


def test_repeats_of_a_term_add_less_and_less() -> None:
    sums = [total([(1, 3.0, 1.0)] * n) for n in range(1, 6)]
    gains = [later - earlier for earlier, later in pairwise(sums)]
    assert gains == sorted(gains, reverse=True)
    assert sums[-1] < 2 * sums[0]


def test_different_terms_add_up_in_full() -> None:
    assert total([(1, 3.0, 1.0), (2, 1.5, 2.0)]) == 6.0


def test_words_are_counted_by_spaces_and_in_chinese_by_twos() -> None:
    assert words_between(" one two three ", 1, 14) == 2
    assert words_between(" 两国举行会谈 ", 1, 7) == 3


PLAIN = " a b c d e f g h i j "


@pytest.mark.parametrize(
    ("groups", "within", "expected"),
    [
        ([[(1, 2)], [(7, 8)]], 3, [(1, 8)]),
        ([[(1, 2)], [(7, 8)]], 2, []),
        ([[(1, 2)], []], 9, []),
        ([[(1, 2), (9, 10)], [(7, 8)]], 3, [(7, 10)]),  # the rarest group leads, the nearest joins
        ([[(1, 2)], [(3, 4)], [(5, 6)]], 2, [(1, 6)]),
        ([[(1, 4)], [(1, 2)]], 9, []),  # one word cannot be two
    ],
)
def test_groups_are_joined_when_they_stand_near(
    groups: list[list[tuple[int, int]]], within: int, expected: list[tuple[int, int]]
) -> None:
    assert near(groups, within, PLAIN) == expected
