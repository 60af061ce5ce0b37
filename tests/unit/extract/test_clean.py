import sys
import time
import unicodedata

import pytest

from workers.extract.clean import MOST_MARKS, TITLE_LIMIT, clean_line, clean_text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("a\r\nb\rc", "a\nb\nc", id="line ends become LF"),
        pytest.param("cafe\u0301", "café", id="NFC"),
        pytest.param("a\x00b\x07c\x9fd", "abcd", id="controls go"),
        pytest.param("\ufeffa\ufeffb", "ab", id="byte order marks go"),
        pytest.param("a\ud800b\udfffc", "abc", id="lone surrogates go"),
        pytest.param("a\ufffeb\U0001ffffc\ufdd0d", "abcd", id="noncharacters go"),
        pytest.param("a \t\u00a0 b", "a b", id="runs of spaces become one"),
        pytest.param("a\n \n\t\n\n b", "a\n\nb", id="blank lines become one"),
        pytest.param("a \u200b b", "a b", id="what stood around a removed character is squeezed too"),
        pytest.param("می\u200cرود", "می\u200cرود", id="the Persian non-joiner stays"),
        pytest.param("क्\u200dष", "क्\u200dष", id="the Indic joiner stays"),
        pytest.param("مُحَمَّد", "مُحَمَّد", id="Arabic vowel marks stay"),
        pytest.param("בְּרֵאשִׁית", unicodedata.normalize("NFC", "בְּרֵאשִׁית"), id="Hebrew points stay"),
        pytest.param("\u202ehidden\u2066", "hidden", id="bidirectional overrides go"),
        pytest.param("a\u200fb\u200ec\u061cd", "a\u200fb\u200ec\u061cd", id="direction marks stay"),
        pytest.param("a" + 99 * "\u0315", "a" + MOST_MARKS * "\u0315", id="marks without an end are capped"),
        pytest.param("ǖ" + 99 * "\u0315", "ǖ" + (MOST_MARKS - 2) * "\u0315", id="with those inside of the letter"),
        pytest.param("a" + 99 * "\u0315\u200b", "a" + MOST_MARKS * "\u0315", id="with what stood between them"),
        pytest.param("x\u0344" * 99, "ẍ\u0301" * 99, id="marks on many letters stay"),
        pytest.param("—" * 99, "—" * 99, id="a line of dashes stays"),
        pytest.param("༼་" * 99, "༼་" * 99, id="signs of other scripts stay"),
    ],
)
def test_text_becomes_storable_with_its_orthography(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


def test_every_code_point_comes_out_storable_and_a_second_cleaning_changes_nothing() -> None:
    text = clean_text("x".join(map(chr, range(sys.maxunicode + 1))))
    assert clean_text(text) == text
    assert "\x00" not in text
    assert text.encode("utf-8")
    assert unicodedata.is_normalized("NFC", text)


def test_a_line_is_one_line_of_limited_length() -> None:
    assert clean_line("  Two\r\nlines\u2028here ") == "Two lines here"
    assert len(clean_line("word " * 1000)) <= TITLE_LIMIT


@pytest.mark.parametrize("before", ["", "a", "ǖ", "क़", "\u0344"])
@pytest.mark.parametrize("mark", ["\u0301", "\u0344", "\u0315\u0300\u0345", "\u0f73", "\u05b0", "\u0323\u0344"])
@pytest.mark.parametrize("count", [9, 10, 11, 12, 29, 30, 31, 99])
def test_capping_marks_twice_changes_nothing(before: str, mark: str, count: int) -> None:
    text = clean_text(before + mark * count + "b")
    assert clean_text(text) == text
    assert text.endswith("b")


def test_marks_upon_marks_take_a_time_proportional_to_their_number() -> None:
    def seconds(count: int) -> float:
        tower = "a" + "\u0315\u0300\u0345" * count
        times = []
        for _ in range(3):
            begun = time.process_time()
            clean_text(tower)
            times.append(time.process_time() - begun)
        return min(times)

    # ten times the marks: about ten times the time, where normalization alone takes a hundred times as long
    assert seconds(30_000) < 30 * seconds(3_000)
