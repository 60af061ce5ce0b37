import timeit
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.classify.matching.sentences import LONGEST, sentence_at, sentence_ends


def sentence(text: str, word: str) -> str:
    start = text.index(word)
    begin, stop = sentence_at(text, start, start + len(word))
    return text[begin:stop]


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("word", "word", "word"),
        ("One. The word here. Two.", "word", "The word here."),
        ("One! Is the word here? Two.", "word", "Is the word here?"),
        ("One.\n  The word here  \nTwo.", "word", "The word here"),
        ("He said: “The word.” She left.", "word", "He said: “The word.”"),
        ("He left (the word). She left.", "word", "He left (the word)."),
        ('He left. "The word stays" it was.', "word", '"The word stays" it was.'),
        ("It cost 3.7 million. The U.S. troops of the word left. End.", "word", "The U.S. troops of the word left."),
        ("Wait... the word.", "word", "the word."),
        ("Мир. Слово А. С. Пушкина. Конец.", "Слово", "Слово А. С. Пушкина."),
        ("اول است؟ واژه اینجا است. دوم", "واژه", "واژه اینجا است."),
        ("پہلا۔ لفظ یہاں ہے۔ دوسرا", "لفظ", "لفظ یہاں ہے۔"),
        ("第一句。边境在这里！第三句？", "边境", "边境在这里！"),
        ("他说：“边境在这里。”第三句", "边境", "他说：“边境在这里。”"),
    ],
)
def test_the_sentence_around_a_word(text: str, word: str, expected: str) -> None:
    assert sentence(text, word) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Then Gen. word left.",
        "The word of Mr. Smith, Mrs. Smith and Dr. Smith.",
        "He (Sgt. Major) saw the word on Jan. 3 and Dec. 24.",
        "Iran vs. Iraq is the word.",
        "The word is No. 5 here.",
        "A u.s. ship is the word.",
        "M. Dupont et Mme. Durand, word.",
        "Am 3. Mai kam bzw. ging das word mit ca. 5 Leuten, z.B. Dr. Weber aus Nr. 7.",
        "Der 2. internationale word.",
        "Bugün 3. toplantıda Dr. Kaya ve Sn. Demir word dedi.",
        "El Sr. Pérez y la Sra. Ruiz, word.",
        "На ул. Ленина в г. Москва word стоит 5 тыс. руб. за штуку, сказал проф. Петров.",
    ],
)
def test_an_abbreviation_or_an_ordinal_number_ends_no_sentence(text: str) -> None:
    assert sentence(f"First. {text} Last.", "word") == text


@pytest.mark.parametrize(
    "text",
    [
        "In 2014. The word.",
        "It was a word. The word.",
        "Bunu yapan sen. The word.",
        "He said no. The word.",
        "They met in dec. The word.",
        "He paid 5. The word.",
        "They saw the Gen.\nThe word.",
        "He said “Mr.” The word.",
    ],
)
def test_what_only_looks_like_an_abbreviation_ends_one(text: str) -> None:
    assert sentence(text, "The word") == "The word."


def test_the_ends_are_exact_and_leave_out_what_ends_none() -> None:
    text = "Gen. A spoke.  Then 3. Mai came! End"
    assert [text[m.start() : m.end()] for m in sentence_ends(text)] == [".  ", "! "]
    assert [m.start() for m in sentence_ends(text, 14)] == [text.index("!")]


def test_the_time_of_finding_ends_grows_with_the_text_and_no_faster() -> None:
    def seconds(text: str, times: int) -> float:
        return min(
            timeit.repeat(lambda: sum(1 for _ in sentence_ends(text)), timer=process_time, number=times, repeat=5)
        )

    for unit in ("Gen. 3. Mai ", ". ", "x.", "a" * 50):
        assert seconds(unit * 20_000, 1) < 4 * seconds(unit * 2_000, 10)


def test_what_spans_two_sentences_gets_both() -> None:
    assert sentence("Zero. One two. Three four. Five.", "two. Three") == "One two. Three four."


@pytest.mark.parametrize(
    ("before", "after", "begins", "ends"),
    [
        ("distant " * 99, " wayside" * 99, "distant ", " wayside"),
        ("", " off" * 200, "word off", " off"),
        ("far " * 200, "", "far ", "far word"),
        ("远" * 900, "近" * 900, "远", "近"),
    ],
)
def test_of_a_long_sentence_the_part_around_the_word_is_given_at_whole_words(
    before: str, after: str, begins: str, ends: str
) -> None:
    found = sentence(f"{before}word{after}", "word")
    assert "word" in found
    assert found.startswith(begins)
    assert found.endswith(ends)
    assert LONGEST - 8 <= len(found) <= LONGEST


def test_of_evidence_longer_than_a_sentence_may_be_the_beginning_is_given() -> None:
    text = "begin " + "and on " * 200
    assert text.startswith(text[slice(*sentence_at(text, 0, len(text)))])
    assert sentence_at(text, 0, len(text))[1] <= LONGEST


@given(before=st.text(), word=st.text(min_size=1).filter(str.strip), after=st.text())
def test_a_sentence_is_never_blank_nor_too_long_and_holds_its_word(before: str, word: str, after: str) -> None:
    text = f"{before}{word}{after}"
    start, end = len(before), len(before) + len(word)
    begin, stop = sentence_at(text, start, end)
    assert text[begin:stop] == text[begin:stop].strip() != ""
    assert 0 < stop - begin <= LONGEST
    assert len(word) > LONGEST or (word.strip() in text[begin:stop] and begin <= end and stop >= start)


def test_the_time_does_not_depend_on_the_length_of_the_text() -> None:
    def seconds(text: str) -> float:
        return min(
            timeit.repeat(
                lambda: sentence_at(text, len(text) // 2, len(text) // 2 + 1), timer=process_time, number=50, repeat=3
            )
        )

    assert seconds("a " * 500_000) < 10 * seconds("a " * 500)
