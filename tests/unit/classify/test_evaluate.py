import gzip
import json
import sys
from pathlib import Path

import pytest

from benchmarks.evaluate import decided, judge, lexicon_alone, main, written
from benchmarks.measures import Judged
from config.topics import load_topics
from workers.classify.learning.training import Labelled, read_all
from workers.classify.reading import Reader

PROSE = ("It was a quiet day in the village. ", "The council met for an hour. ", "Rain is expected tomorrow. ")
ITEMS = [
    {
        "id": f"x:{n}",
        "lang": "en",
        "title": f"{'Cocaine seized at port' if n % 2 else 'A drug against cough'} number {n}",
        "text": PROSE[n % 3] * (n % 7),
        "about": ["drug-trafficking"] if n % 2 else [],
        "touch": [],
    }
    for n in range(60)
] + [
    {"id": "y", "lang": "en", "title": "Heroin seized", "text": "", "about": [], "touch": ["drug-trafficking"]},
    {"id": "z", "lang": "en", "title": "Rain", "text": "", "about": ["sanctions"], "touch": []},
]
QUIET = [
    {"id": i, "lang": "tr", "title": title, "text": "", "labels": [], "maybe": [], "neg": "*"}
    for i, title in [("a", "Yeni sezon"), ("b", "Tahıl fiyatı"), ("x:1", "Kokain ele geçirildi")]
]


def write(path: Path, items: list[dict[str, object]]) -> None:
    path.parent.mkdir()
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(item) + "\n" for item in items)


@pytest.fixture
def report(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    write(tmp_path / "gold" / "gold.dev.jsonl.gz", ITEMS)
    write(tmp_path / "topics" / "ttc3600_tr.dev.jsonl.gz", QUIET)
    assert main(["--data", str(tmp_path), "--png", str(tmp_path / "r.png")]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_without_data_it_says_so_and_is_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("Nothing to measure with: there is no ")


def test_a_touched_article_counts_neither_way(report: list[list[str]]) -> None:
    drugs = next(row for row in report if row[:1] == ["drug-trafficking"])
    assert drugs[1:5] == ["30", "1.00", "1.00", "1.00"]


def test_a_pair_that_is_only_touched_is_left_out_and_one_without_evidence_is_not() -> None:
    packs = load_topics(Path(__file__).parents[3] / "config" / "topics")
    article = Labelled("en", "Heroin seized", "", frozenset(), frozenset({"drug-trafficking"}))
    reads = read_all([article], Reader(packs))
    (judged,) = judge(reads, ["drug-trafficking", "sanctions"], lexicon_alone)
    assert (judged.topic, judged.probability, judged.label) == ("sanctions", 0.0, False)


def test_a_topic_without_evidence_is_missed(report: list[list[str]]) -> None:
    assert next(row for row in report if row[:1] == ["sanctions"])[1:5] == ["1", "0.00", "0.00", "0.00"]


def test_it_compares_the_model_with_the_lexicon_alone(report: list[list[str]]) -> None:
    assert [row[:3] for row in report].count(["lexicon", "and", "model"]) == 2  # as read, and without rare terms


@pytest.mark.parametrize("by_topic", [False, True])
def test_a_threshold_is_chosen_by_the_other_parts(by_topic: bool) -> None:
    # elsewhere 0.5 is wrong and 0.6 right; in part 0 it is the other way round, which must not be seen
    judged = [
        Judged(n, "sanctions", "en", 0.5 if right == (n % 5 == 0) else 0.6, right)
        for n in range(200)
        for right in (True, False)
    ]
    told = decided(judged, [n % 5 for n in range(200)], by_topic=by_topic)
    assert len(told) == len(judged)
    assert all((one.probability == one.label) == (one.article % 5 > 0) for one in told)


def test_quiet_items_that_were_trained_on_are_left_out(report: list[list[str]]) -> None:
    assert ["ttc3600_tr", "(its", "quiet", "sections)", "2", "0.0%"] in report


def test_without_matplotlib_it_says_that_there_is_no_diagram(report: list[list[str]], tmp_path: Path) -> None:
    assert report[-1][:3] == ["No", "reliability", "diagram:"]
    assert not (tmp_path / "r.png").exists()


def test_tables_take_the_place_of_the_last_block_of_code() -> None:
    page = "# A\n```\nwirewatch train\n```\nText\n\n```\nold\nolder\n```\n\n- after\n"
    assert written(page, "new\n") == "# A\n```\nwirewatch train\n```\nText\n\n```\nnew\n```\n\n- after\n"


def test_tables_are_written_into_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "gold" / "gold.dev.jsonl.gz", ITEMS)
    page = tmp_path / "page.md"
    page.write_text("Figures\n\n```\nold\n```\n", encoding="utf-8")
    assert main(["--data", str(tmp_path), "--png", str(tmp_path / "r.png"), "--write", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("Figures\n\n```\ngold.dev.jsonl.gz: 62 articles")
    assert "macro-F1" not in capsys.readouterr().out
