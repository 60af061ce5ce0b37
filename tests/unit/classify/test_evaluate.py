import gzip
import json
from pathlib import Path

import pytest

from benchmarks.evaluate import Figures, Verdict, figures, main

ITEMS = [
    {"lang": "en", "title": "Cocaine seized", "text": "", "about": ["drug-trafficking"], "touch": []},
    {"lang": "en", "title": "Heroin seized", "text": "", "about": [], "touch": ["drug-trafficking"]},
    {"lang": "en", "title": "Rain", "text": "", "about": ["sanctions"], "touch": []},
]


def test_without_data_it_says_so_and_is_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("Nothing to measure with: there is no ")


def test_it_prints_figures_and_leaves_touched_pairs_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gold").mkdir()
    with gzip.open(tmp_path / "gold" / "gold.dev.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(item) + "\n" for item in ITEMS)
    assert main(["--data", str(tmp_path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["drug-trafficking", "1", "1.00", "1.00", "1.00"] in rows
    assert ["sanctions", "1", "0.00", "0.00", "0.00"] in rows


def test_figures_follow_from_the_counts() -> None:
    verdicts = [Verdict("t", "en", expected, flagged) for expected in (True, False) for flagged in (True, True, False)]
    assert figures(verdicts) == Figures(hits=2, false=2, missed=1)
    assert figures(verdicts).precision == pytest.approx(1 / 2)
    assert figures(verdicts).recall == pytest.approx(2 / 3)
    assert figures(verdicts).f1 == pytest.approx(4 / 7)
    assert figures([]).f1 == 0.0
