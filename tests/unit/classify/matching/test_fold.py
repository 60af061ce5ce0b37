import sys
import unicodedata

import pytest

from workers.classify.matching.fold import Folded, fold, is_traditional


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Counter-Terrorism", "counter terrorism"),
        ("سازمان‌یافته", "سازمان یافته"),  # half-space
        ("كيك", "کیک"),  # Arabic and Persian kaf and yeh
        ("على", "علي"),
        ("أمن", "امن"),
        ("جريمة", "جريمه"),
        ("مُحَمَّد", "محمد"),  # vowel signs
        ("محـــمد", "محمد"),  # tatweel
        ("ISPARTA", "ısparta"),
        ("İstanbul", "istanbul"),
        ("Sınır", "SINIR"),
        ("ёлка", "елка"),
        ("й", "й"),  # one and two code points
        ("sécurité", "securite"),
        ("Straße", "STRASSE"),
        ("ﬁnance", "finance"),
        ("１２３", "123"),
        ("۱۲۳", "١٢٣"),
        ("co\u00adoperation", "cooperation"),  # soft hyphen
        ("l’asile", "l'asile"),
        ("恐怖主義襲擊", "恐怖主义袭击"),
        ("聯合軍事演習", "联合军事演习"),
        ("邊境、邊防", "边境、边防"),
    ],
)
def test_spellings_of_one_word_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("nuclear", "unclear"), ("核", "合"), ("دار", "در"), ("бар", "дар")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize("first", range(0, sys.maxunicode + 1, 0x10000))
def test_a_fold_holds_letters_digits_and_spaces_only_and_is_stable(first: int) -> None:
    characters = [chr(c) for c in range(first, min(first + 0x10000, sys.maxunicode + 1))]
    for character in characters:
        folded = fold(character)
        assert all(c == " " or c.isalnum() for c in folded), (character, folded)
        assert fold(folded) == folded, (character, folded)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("plain words here", "words"),
        ("Die Straße zur Grenze", "Grenze"),  # ß is two letters in the fold
        ("كَتَبَ عن مُحَمَّدٍ أمس", "أمس"),  # vowel signs are gone from it
        ("محـــمد قال", "قال"),
        ("e\u0301te\u0301 et hiver", "hiver"),
        ("Straße", "Straße"),
        ("كـتاب", "كـتاب"),
    ],
)
def test_a_span_of_the_fold_leads_back_to_the_exact_text(text: str, word: str) -> None:
    folded = Folded(text)
    begin = folded.plain.index(f" {fold(word)} ") + 1
    start, end = folded.span(begin, begin + len(fold(word)))
    assert text[start:end] == word


def test_a_span_that_reaches_into_the_padding_stays_inside_the_text() -> None:
    folded = Folded("word")
    assert folded.span(0, len(folded.plain)) == (0, 4)


def test_normal_forms_fold_alike() -> None:
    text = "Świat, größte Überraschung, Türkiye, Йод, ئاسمان"
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_every_place_of_a_fold_leads_to_the_character_it_was_made_from() -> None:
    text = "ß-ﬃ مُـحَّمد e\u0301 ﷺ]^\\ plain Straße\u00ad"
    sources = [index for index, character in enumerate(text) for _ in fold(character)]
    folded = Folded(text)
    assert len(sources) == len(folded.plain) - 2
    assert [folded.span(at + 1, at + 2) for at in range(len(sources))] == [(s, s + 1) for s in sources]


def test_traditional_chinese_folds_place_by_place() -> None:
    folded = Folded("警方挫敗恐怖主義襲擊。")
    at = folded.plain.index("恐怖主义袭击")
    assert folded.text[slice(*folded.span(at, at + 6))] == "恐怖主義襲擊"
    assert is_traditional("襲擊")
    assert not is_traditional("袭击 and more")
