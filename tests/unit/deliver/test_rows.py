"""Events as rows: typed for Parquet, and cells that no spreadsheet runs."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.naughty_formats import NAUGHTY
from workers.cli.exporting import CSV_HEAD, csv_lines, json_lines
from workers.deliver.event import event_of, with_text
from workers.deliver.formats.rows import COLUMNS, FORMULA, cell, cells_of, row_of

STORED = sorted((Path(__file__).parent.parent.parent / "samples" / "changes").glob("*.json"))
TYPES = {
    "integer": int, "number": float, "boolean": bool, "text": str, "time": datetime, "texts": list, "numbers": list,
}  # fmt: skip


def event_from(path: Path = STORED[-2], **facts: Any) -> dict[str, Any]:
    stored = json.loads(path.read_text(encoding="utf-8"))
    rest = {"seq": 17, "event_id": UUID(int=1), "created_at": datetime(2026, 3, 11, 8, 21, 7, tzinfo=UTC)}
    stored["payload"] |= facts
    return event_of(stored | rest | {"entry_id": UUID(stored["payload"]["id"])}, "a-ledger")


def read_back(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_change_of_every_time_is_a_row_of_the_right_types(path: Path) -> None:
    row = row_of(event_from(path))
    assert list(row) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        assert row[column.name] is None or isinstance(row[column.name], TYPES[column.kind]), column.name
    assert len(cells_of(event_from(path))) == len(COLUMNS)


def test_the_newest_shape_fills_every_column_but_what_is_unknown() -> None:
    row = row_of(with_text(event_from(wire_credit="Reuters", canonical_url="https://a.example/"), "Border."))
    assert {name for name, value in row.items() if value is None} == {"dateline_agency", "duplicate_of"}
    assert row["time"] == datetime(2026, 3, 11, 8, 21, 7, tzinfo=UTC)
    assert (row["topics"], row["probabilities"]) == (["border-cooperation"], [0.9312])
    assert row["sentences"] == ["Lanternfield and Yuanfan open joint river patrols"]
    assert (row["type"], row["countries"], row["organisations"], row["text"]) == ("updated", ["CN"], ["sco"], "Border.")


def test_of_a_flag_without_a_sentence_the_evidence_is_told() -> None:
    assert row_of(event_from(STORED[0]))["sentences"] == ["joint river patrols"]


@pytest.mark.parametrize("name", NAUGHTY)
def test_no_cell_begins_a_formula_and_every_cell_comes_back(name: str) -> None:
    text = NAUGHTY[name]
    outlet = event_from()["data"]["article"]["source"] | {"name": text, "owner": text}
    event = with_text(event_from(title=text, authors=[text], source=outlet, section=text, wire_credit=text), text)
    (row,) = read_back(CSV_HEAD + csv_lines([event]))
    assert not [value for value in row.values() if value.startswith(FORMULA)]
    for column in ("title", "authors", "source_name", "source_owner", "section", "wire_credit", "text"):
        assert row[column] in {text, f"'{text}"}, column


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""), (True, "true"), (False, "false"), (0.5, "0.5"), (17, "17"), ([], ""), (["a", "b"], "a; b"),
        (["=1", "b"], "'=1; b"), ("=1", "'=1"), ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"), ("\tx", "'\tx"),
        ("\rx", "'\rx"), ("1-2", "1-2"), ("a=b", "a=b"), ("'x", "'x"), ("", ""),
        (datetime(2026, 3, 11, tzinfo=UTC), "2026-03-11T00:00:00Z"),
    ],
)  # fmt: skip
def test_cells(value: Any, expected: str) -> None:
    assert cell(value) == expected


def test_csv_is_as_spreadsheets_want_it() -> None:
    data = CSV_HEAD + csv_lines([event_from(title='گفت "x", y'), event_from(title="two\nlines")])
    assert data.startswith("\ufeffseq,".encode())
    assert [row["title"] for row in read_back(data)] == ['گفت "x", y', "two\nlines"]
    assert data.count(b"\r\n") == 3


@pytest.mark.parametrize("name", NAUGHTY)
def test_a_json_line_is_one_line(name: str) -> None:
    event = with_text(event_from(title=NAUGHTY[name]), NAUGHTY[name])
    data = json_lines([event, event])
    assert data.count(b"\n") == 2
    assert [json.loads(line) for line in data.split(b"\n")[:-1]] == [event, event]
