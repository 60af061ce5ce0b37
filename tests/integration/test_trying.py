"""`extract` and `classify` by hand and in batches; the shapes are a contract."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.systems import REPOSITORY, run_here, wirewatch

#: Of a text that names nobody.
NOBODY: dict[str, list[Any]] = {"countries": [], "organisations": [], "pairs": []}
SAMPLES = REPOSITORY / "tests" / "samples" / "newsroom"


def answers(command: str, *lines: object, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Feed JSON lines (or raw text) to a command and return its answers."""
    stdin = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = run_here(command, "--jsonl", *options, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_classify_answers_in_order_with_spans_of_the_given_text() -> None:
    lines = [
        {
            "id": "a",
            "title": "Border services sign accord on joint patrols",
            "text": "Joint border patrols begin in May.",
        },
        {"id": 7, "title": "Harvest festival", "text": "Music and a market."},
        {"id": "c", "title": "کشف مواد مخدر در مرز", "text": "مرزبانان یک تُن مواد مخدر از قاچاقچیان کشف کردند."},
    ]
    first, second, third = answers("classify", *lines)
    assert [first["id"], second["id"], third["id"]] == ["a", 7, "c"]
    assert "border-cooperation" in {flag["topic"] for flag in first["flags"]}
    assert second == {"id": 7, "language": "en", "flags": [], **NOBODY}
    assert third["language"] == "fa"
    assert "drug-trafficking" in {flag["topic"] for flag in third["flags"]}
    for line, answer in zip(lines, (first, second, third), strict=True):
        for flag in answer["flags"]:
            assert set(flag) == {
                "topic", "probability", "flagged", "band", "evidence", "sentence", "pack_version", "model",
            }  # fmt: skip
            assert (flag["flagged"], flag["band"]) == (True, "flagged")
            for span in (*flag["evidence"], flag["sentence"]):
                assert set(span) - {"rule", "weight"} == {"field", "start", "end", "text"}
                assert str(line[span["field"]])[span["start"] : span["end"]] == span["text"]


def test_classify_says_who_and_where() -> None:
    line = {"id": 1, "title": "Iran and Iraq meet", "text": "Interpol was there."}
    (found,) = answers("classify", line)
    assert [(one["code"], one["share"]) for one in found["countries"]] == [("IQ", 0.5), ("IR", 0.5)]
    assert [one["id"] for one in found["organisations"]] == ["interpol"]
    assert [one["countries"] for one in found["pairs"]] == [["IQ", "IR"]]
    shown = wirewatch("classify", "-", stdin="Iran and Iraq meet\nInterpol was there.")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[-3:] == [
        "countries IQ 50%, IR 50%", "organisations interpol", "together IQ and IR",
    ]  # fmt: skip


def test_all_shows_what_stays_below_the_threshold() -> None:
    line = {"id": 1, "title": "A quiet day", "text": "A border guard was seen at the border once."}
    some, every = answers("classify", line)[0], answers("classify", line, options=("--all",))[0]
    assert len(every["flags"]) > len(some["flags"])
    assert any(not flag["flagged"] for flag in every["flags"])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("not json", "line 1"),
        ("[1]", "not a JSON object"),
        ({"id": "x"}, "missing"),
        ({"id": "x", "title": 3}, "'title' must be text"),
        ('{"id": "x", "title": "\\ud800", "text": "lone surrogate"}', ""),
    ],
)
def test_a_bad_line_gets_an_answer_of_its_own(bad: object, words: str) -> None:
    first, second = answers("classify", bad, {"id": "good", "title": "t", "text": "x"})
    assert second == {"id": "good", "language": second["language"], "flags": [], **NOBODY}
    if words:
        assert first["outcome"] == "error"
        assert words in first["error"]


def test_extract_answers_in_order() -> None:
    page = SAMPLES / "yantar" / "drug-gang.html"
    found = answers(
        "extract",
        {"id": "a", "url": "https://outlet.example/1", "path": str(page)},
        {"id": "b", "path": str(SAMPLES / "lanternfield" / "year-at-the-ports.pdf")},
        {"id": "c", "path": "/no/such/file"},
        {"id": "d"},
        {"id": "e", "path": str(SAMPLES / "lanternfield" / "video-only.html")},
    )
    assert [answer["id"] for answer in found] == ["a", "b", "c", "d", "e"]
    article = found[0]
    assert article["outcome"] == "extracted"
    assert article["language"] == "ru"
    assert article["title"].startswith("Полиция")
    assert {"title", "text", "published", "published_from", "authors", "canonical_url"} <= set(article)
    assert (found[1]["outcome"], found[1]["reason"]) == ("dropped", "not_html")
    assert found[2]["outcome"] == found[3]["outcome"] == "error"
    assert "/no/such/file" in found[2]["error"]
    assert "'path' is missing" in found[3]["error"]
    assert (found[4]["outcome"], found[4]["reason"]) == ("dropped", "no_text")


def test_a_saved_page_without_its_address_is_extracted(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes((SAMPLES / "collines" / "storms.html").read_bytes())
    shown = run_here("extract", str(page))
    assert shown.returncode == 0, shown.stderr
    assert "orages" in shown.stdout


def test_a_text_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00\x01\x80")
    for words in (("classify", str(binary)), ("classify", str(tmp_path / "none.txt"))):
        refused = run_here(*words)
        assert refused.returncode == 78
        assert words[1] in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_page_inside_the_network_is_not_fetched() -> None:
    refused = run_here("extract", "http://127.0.0.1:1/secret")
    assert refused.returncode == 1
    assert "blocked_address" in refused.stderr


def test_what_classify_shows_is_obeyed_by_no_terminal(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    body = "Joint border\x1b[2J patrols\nThe border\u202e services signed an accord on \x07joint border patrols."
    file.write_text(body, encoding="utf-8")
    for words in (("classify",), ("topics", "try")):
        done = run_here(*words, str(file))
        assert (done.returncode, "border services signed an accord" in done.stdout) == (0, True)
        assert not any(letter in done.stdout for letter in "\x1b\x07\u202e")
