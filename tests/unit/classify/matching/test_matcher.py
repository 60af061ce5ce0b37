import timeit
from time import process_time

import pytest

from workers.classify.matching.fold import Folded
from workers.classify.matching.matcher import LONGEST_ENDING, Matcher, is_short


def found(term: str, text: str) -> list[str]:
    """Return the pieces of `text` that `term` stands at."""
    folded = Folded(text)
    spans = [folded.span(start, end) for _, start, end in Matcher([term]).find(folded.plain)]
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [
        ("border", "The border is closed", ["border"]),
        ("border", "(Border)", ["Border"]),
        ("border", "borders", []),
        ("ynet", "Gwyneth", []),
        ("ynet", "by ynet", ["ynet"]),
        ("terror*", "counter-terrorism", ["terrorism"]),
        ("terror*", "deterrorise", []),
        ("terror*", "terror", ["terror"]),
        ("cross-border", "cross border and Cross-Border", ["cross border", "Cross-Border"]),
        ("cross-border*", "cross-borders", ["cross-borders"]),
        ("joint patrol*", "joint patrols, joint. patrols", ["joint patrols"]),
        ("погранич* сотруднич*", "о пограничном сотрудничестве", ["пограничном сотрудничестве"]),
        ("погранич* сотруднич*", "пограничном и сотрудничестве", []),
        ("погранич* сотруднич*", "пограничном", []),
        ("demandeur* d'asile", "les demandeurs d’asile", ["demandeurs d’asile"]),
        ("joint* border patrol", "jointly border patrol here", ["jointly border patrol"]),
        ("joint* border patrol", "jointly border patrols here", []),
    ],
)
def test_words_and_stems_are_found_at_word_boundaries(term: str, text: str, expected: list[str]) -> None:
    assert found(term, text) == expected


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [
        ("إرهاب", "مكافحة الإرهاب", ["إرهاب"]),
        ("إرهاب", "للإرهاب وبالإرهاب", ["إرهاب", "إرهاب"]),
        ("إرهاب*", "العمليات الإرهابية", ["إرهابية"]),
        ("تعاون أمني", "التعاون الأمني", ["تعاون الأمني"]),
        ("تعاون أمني", "تعاون أمنيون", []),
        ("حدود", "محدود", []),
        ("سازمان یافته", "جرایم سازمان‌یافته", ["سازمان‌یافته"]),
        ("مرز*", "مرز‌های کشور", ["مرز"]),
        ("تروریسم", "ضدتروریسم", ["تروریسم"]),
        ("תרגיל צבאי", "בתרגיל הצבאי", ["תרגיל הצבאי"]),
        ("טרור", "הטרור", ["טרור"]),
        ("تعاون أمني مشترك", "التعاون الأمني المشترك", ["تعاون الأمني المشترك"]),
        ("تعاون أمني مشترك", "تعاون أمني المشترك", ["تعاون أمني المشترك"]),
        ("تعاون أمني مشترك", "تعاون أمني ومشترك", []),
        ("تعاون أمن* مشترك", "بالتعاون الأمنية المشترك", ["تعاون الأمنية المشترك"]),
        ("تعاون أمن*", "تعاون الأ", []),
        ("إرهاب* دولي", "الإرهابيين الدولي", ["إرهابيين الدولي"]),
        ("إرهاب* دولي", "الإرهابيين الدوليين", []),
        ("תרגיל צבאי משותף", "תרגיל הצבאי המשותף", ["תרגיל הצבאי המשותף"]),
    ],
)
def test_what_arabic_and_hebrew_write_together_with_a_word_does_not_hide_it(
    term: str, text: str, expected: list[str]
) -> None:
    assert found(term, text) == expected


@pytest.mark.parametrize(
    ("term", "text", "expected"),
    [("反恐", "两国举行联合反恐演习", ["反恐"]), ("反恐", "反对恐怖", []), ("核", "核武器与核计划", ["核", "核"])],
)
def test_chinese_is_found_without_word_breaks(term: str, text: str, expected: list[str]) -> None:
    assert found(term, text) == expected


def test_overlapping_terms_are_all_found_with_their_numbers() -> None:
    hits = Matcher(["war", "war on terror", "terror*"]).find(Folded("war on terror").plain)
    assert sorted(term for term, _, _ in hits) == [0, 1, 2]


def test_an_empty_text_has_no_hits() -> None:
    assert found("border", "") == []


def test_no_terms_find_nothing() -> None:
    assert list(Matcher([]).find(" word ")) == []


def test_a_term_that_folds_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        Matcher(["--*"])


@pytest.mark.parametrize(
    ("term", "short"),
    [("gang", True), ("terror*", True), ("terrorism", False), ("de facto", False), ("禁", False), ("مرز*", True)],
)
def test_only_one_short_word_is_short(term: str, short: bool) -> None:
    assert is_short(term) is short


@pytest.mark.parametrize("term", ["border*", "border* guard*", "guard border*"])
def test_what_is_too_long_for_a_word_is_no_hit(term: str) -> None:
    longest, longer = (f"guard border{'x' * (LONGEST_ENDING + more)} guard" for more in (0, 1))
    assert len(found(term, longest)) == 1
    assert found(term, longer) == []


def test_a_text_without_spaces_is_no_slower() -> None:
    matcher = Matcher(["border*"])

    def seconds(repeats: int, times: int) -> float:
        plain = Folded(" border" + "border" * repeats).plain
        return min(timeit.repeat(lambda: list(matcher.find(plain)), timer=process_time, number=times, repeat=5))

    assert seconds(50_000, 1) < 4 * seconds(5_000, 10)
