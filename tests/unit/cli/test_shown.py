"""How things look in a terminal."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.cli.shown import LONGEST, ago, printable, sentence_around, visible

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "evidence", "sentence"),
    [
        ("One day. Border patrols met. They left.", "patrols", "Border patrols met."),
        ("It cost 3.7 million. Police said so.", "cost", "It cost 3.7 million."),
        ("شهر آرام است. آیا مرزبانان آمدند؟ بله.", "مرزبانان", "آیا مرزبانان آمدند؟"),
        ("第一句。边防代表会晤。第三句。", "会晤", "边防代表会晤。"),
        ("A headline\nA paragraph without an end", "paragraph", "A paragraph without an end"),
        ("evidence", "evidence", "evidence"),
    ],
)
def test_the_sentence_around_a_piece_of_evidence(text: str, evidence: str, sentence: str) -> None:
    start = text.index(evidence)
    span = {"field": "text", "start": start, "end": start + len(evidence)}
    assert sentence_around({"text": text}, span) == sentence


def test_a_long_sentence_is_cut_around_the_evidence_at_words() -> None:
    text = "word " * 100 + "evidence " + "more " * 100
    start = text.index("evidence")
    shown = sentence_around({"text": text}, {"field": "text", "start": start, "end": start + 8})
    assert "evidence" in shown
    assert len(shown) <= LONGEST + 4
    assert shown.startswith("… word")
    assert shown.endswith("more …")


def test_an_evidence_longer_than_what_is_shown_does_not_fail() -> None:
    text = "x" * 500
    assert sentence_around({"text": text}, {"field": "text", "start": 100, "end": 400})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s ago"),
        (89, "89 s ago"),
        (120, "2 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 days ago"),
        (-60, "in 60 s"),
    ],
)
def test_how_long_ago(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_never() -> None:
    assert ago(None, NOW) == "never"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("مرزبانان · 边境 · [bold] · نیم\u200cفاصله", "مرزبانان · 边境 · [bold] · نیم\u200cفاصله"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("two\r\nlines\ttab\x7f", "two\\x0d\\x0alines\\x09tab\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202etxt.exe\u2069\u2028", "abc\\u202etxt.exe\\u2069\\u2028"),
        ("half \ud83d", "half \\ud83d"),
    ],
)
def test_nothing_in_a_strangers_text_is_obeyed_by_the_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A plain title", "A plain title"),
        ("two\nlines\tand\x85more\u2028end", "two lines and more end"),
        ("\x1b]0;owned\x07\x1b[2J\x9b31m", "]0;owned [2J 31m"),
        ("safe\u202egnp.exe\u2066x\ufeff", "safegnp.exex"),
        ("گفت\u200cوگو", "گفت\u200cوگو"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
        ("half\ud800", "half"),
    ],
)
def test_a_terminal_gets_nothing_that_it_obeys(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_sentence_around_evidence_is_printable() -> None:
    text = "Two \x1b[2Jpatrols\u202e met."
    assert sentence_around({"text": text}, {"field": "text", "start": 8, "end": 15}) == "Two [2Jpatrols met."
    long = "word\x07 " * 60
    assert "\x07" not in sentence_around({"text": long}, {"field": "text", "start": 180, "end": 184})
