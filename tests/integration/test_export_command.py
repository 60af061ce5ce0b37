"""`wirewatch export` over a real store: what it writes, and that a kill at any moment costs nothing."""

import csv
import io
import json
import os
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from tests.making import (
    advance,
    bring,
    created_changes,
    discover,
    make_article,
    make_classified,
    make_flag,
    run_sql,
    set_entry,
)
from tests.systems import COMMAND, REPOSITORY, environment, wirewatch
from tests.waiting import wait_until
from workers.cli import exporting
from workers.cli.exporting import export
from workers.cli.main import command
from workers.domain.errors import WirewatchError
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.exports import Selection
from workers.store.schema import article

FORMATS = ["jsonl", "csv", "parquet"]
PACK = """
id: piracy
name: Piracy
description: A topic that these tests have made up.
terms:
  en: {strong: [pirate attack*]}
"""


class Killed(BaseException):
    """Nobody catches it: the export ends where it stands."""


def relay(engine: Engine) -> None:
    with engine.begin() as connection:
        while number(connection):
            pass


@pytest.fixture
def ids(engine: Engine) -> list[UUID]:
    """Six articles of two outlets, in the order of the log; the last has a second version, the one before was
    reclassified."""
    found = sorted(discover(engine, 2, source="khabar", country="IR")) + sorted(discover(engine, 4, first=2))
    values = [make_classified(place, make_flag("sanctions"), language="fa") for place in range(2)]
    values += [make_classified(place, make_flag("border-cooperation")) for place in range(2, 6)]
    bring(engine, found, State.CLASSIFIED, values)
    again(engine, found[-1])
    run_sql(
        engine,
        """INSERT INTO change (event_id, entry_id, version, revision, type, payload, unflagged)
           SELECT uuidv7(), entry_id, version, 1, 'reclassified', payload || '{"flags": []}', '{border-cooperation}'
             FROM change WHERE entry_id = :id;""",
        id=found[-2],
    )
    set_entry(engine, found[-2], revision=1)
    relay(engine)
    return found


def again(engine: Engine, one: UUID, title: str = "Second") -> None:
    """Publish a new version of an article."""
    set_entry(engine, one, state="extracted")
    names = [column.name for column in article.c if column.computed is None]
    run_sql(
        engine,
        f"""INSERT INTO article ({", ".join(names)})
            SELECT {", ".join("version + 1" if name == "version" else name for name in names)}
              FROM article WHERE entry_id = :id ORDER BY version DESC LIMIT 1""",
        id=one,
    )
    value = make_classified(title, make_flag("border-cooperation"))
    assert advance(engine, [one], State.EXTRACTED, [value]) == [one]
    run_sql(
        engine,
        "UPDATE article SET title = :title, text = :text WHERE entry_id = :id "
        "AND version = (SELECT version FROM entry WHERE id = :id)",
        id=one, title=title, text=make_article(title).text,
    )  # fmt: skip


def written(engine: Engine, path: Path, form: str = "jsonl", **wanted: Any) -> Any:
    for _ in export(engine, path, form, Selection(**wanted)):
        pass
    return read(path, form)


def read(path: Path, form: str) -> list[dict[str, Any]]:
    if form == "jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def seqs(rows: list[dict[str, Any]]) -> list[int]:
    return [int(one["seq"]) for one in rows]


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestWhatIsWritten:
    def test_each_article_is_there_once_as_it_is_now(self, engine: Engine, ids: list[UUID], tmp_path: Path) -> None:
        for form in FORMATS:
            rows = written(engine, tmp_path / form, form)
            assert sorted(one["subject" if form == "jsonl" else "id"] for one in rows) == sorted(map(str, ids))
            assert seqs(rows) == [1, 2, 3, 4, 7, 8]
            assert seqs(written(engine, tmp_path / f"{form}-history", form, history=True)) == list(range(1, 9))
            assert written(engine, tmp_path / f"{form}-nothing", form, language="de") == []
        assert left(tmp_path) == {form + kind for form in FORMATS for kind in ("", "-history", "-nothing")}

    def test_the_event_is_that_which_everybody_gets(self, engine: Engine, ids: list[UUID], tmp_path: Path) -> None:
        (line, *_) = written(engine, tmp_path / "jsonl", text=True)
        stored = created_changes(engine)[0]
        assert line["data"]["article"].pop("text").startswith("Border guards met.")
        assert line["data"] == {"unflagged": [], "article": stored.payload}
        assert (line["specversion"], line["id"], line["subject"]) == ("1.0", str(stored.event_id), str(stored.entry_id))
        (row, *_) = written(engine, tmp_path / "parquet", "parquet", text=True)
        assert (row["seq"], row["topics"], row["probabilities"]) == (1, ["sanctions"], [0.91])
        assert (row["source_state_owned"], row["published"].isoformat()) == (False, "2026-03-01T12:30:00+00:00")
        assert row["text"].startswith("Border guards met.")

    def test_selections(self, engine: Engine, ids: list[UUID], tmp_path: Path) -> None:
        run_sql(engine, "UPDATE entry SET discovered_at = '2020-01-01' WHERE id = :id", id=ids[0])
        selections: list[tuple[dict[str, Any], list[int]]] = [
            ({"topic": "sanctions"}, [1, 2]),
            ({"topic": "border-cooperation"}, [3, 4, 7]),
            ({"topic": "border-cooperation", "history": True}, [3, 4, 5, 6, 7, 8]),
            ({"language": "fa"}, [1, 2]),
            ({"source": "agency"}, [3, 4, 7, 8]),
            ({"country": "IR"}, [1, 2]),
            ({"country": "IR", "since": datetime(2021, 1, 1, tzinfo=UTC)}, [2]),
        ]
        for place, (wanted, expected) in enumerate(selections):
            assert seqs(written(engine, tmp_path / str(place), **wanted)) == expected, wanted

    def test_an_article_that_changes_while_it_is_written_is_there_as_it_is_then(
        self, engine: Engine, ids: list[UUID], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its old change does not hold any more when its stretch is read, and the new one comes after what was last."""
        monkeypatch.setattr(exporting, "STRETCH", 1)
        stretches = export(engine, tmp_path / "out", "jsonl", Selection())
        next(stretches)
        again(engine, ids[3], "Third")
        relay(engine)
        for _ in stretches:
            pass
        rows = read(tmp_path / "out", "jsonl")
        assert sorted(one["subject"] for one in rows) == sorted(map(str, ids))
        assert seqs(rows)[-1] == 9

    def test_what_has_no_number_yet_hides_nothing(self, engine: Engine, ids: list[UUID], tmp_path: Path) -> None:
        again(engine, ids[0], "Third")
        assert seqs(written(engine, tmp_path / "out")) == [1, 2, 3, 4, 7, 8]


class TestKilled:
    @pytest.mark.parametrize("form", FORMATS)
    def test_whatever_it_did_last_it_goes_on_without_a_gap_or_a_repeat(
        self, engine: Engine, ids: list[UUID], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exporting, "STRETCH", 4)
        whole = written(engine, tmp_path / "whole", form, text=True)
        moments = 0
        for moment in range(100):
            folder = tmp_path / str(moment)
            folder.mkdir()
            with monkeypatch.context() as patch:
                die_at(patch, moment)
                try:
                    written(engine, folder / "out", form, text=True)
                except Killed:
                    moments += 1
                else:
                    break
            assert written_after_kill(engine, folder, form) == whole, moment
            assert left(folder) - {".out.cursor.new"} == {"out"}, moment
        assert moments >= 10

    @pytest.mark.parametrize("form", FORMATS)
    def test_killed_again_and_again_it_still_ends(
        self, engine: Engine, ids: list[UUID], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exporting, "STRETCH", 1)
        whole = written(engine, tmp_path / "whole", form)
        for _ in range(100):
            with monkeypatch.context() as patch:
                die_at(patch, 7)
                try:
                    written(engine, tmp_path / "out", form)
                except Killed:
                    continue
            break
        assert read(tmp_path / "out", form) == whole

    def test_a_real_kill_in_the_middle(self, engine: Engine, database_url: str, tmp_path: Path) -> None:
        bring(engine, discover(engine, 1), State.CLASSIFIED)
        run_sql(
            engine,
            """INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version)
                    SELECT uuidv7(), 'agency', 'u', 'k' || n, 'h', '{}', 'classified', 1
                      FROM generate_series(2, 10000) AS n;
               UPDATE change SET seq = 1;
               INSERT INTO change (seq, event_id, entry_id, version, type, payload)
                    SELECT substr(url_key, 2)::int, uuidv7(), entry.id, 1, 'created', told.payload
                      FROM entry, (SELECT payload FROM change LIMIT 1) AS told WHERE entry.url = 'u'""",
        )
        out = tmp_path / "out.jsonl"
        words = [*COMMAND, "export", "--format", "jsonl", "--output", str(out)]
        process = subprocess.Popen(
            words, env=environment(database_url=database_url), cwd=REPOSITORY, stderr=subprocess.PIPE
        )
        wait_until(lambda: out.exists() and out.stat().st_size > 0, 30, "something is written")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
        cursor = json.loads((tmp_path / "out.jsonl.cursor").read_text())["reached"]
        assert 0 <= cursor["seq"] < 10_000, "killed before the end"
        done = wirewatch("export", "--format", "jsonl", "--output", str(out), database_url=database_url)
        assert done.returncode == 0, done.stderr
        assert "10,000 rows" in done.stderr
        with out.open(encoding="utf-8") as lines:
            assert [json.loads(line)["seq"] for line in lines] == list(range(1, 10_001))
        assert left(tmp_path) == {"out.jsonl"}


def die_at(patch: pytest.MonkeyPatch, moment: int) -> None:
    """Let the process go away at the n-th time that something is written, renamed, removed or made durable."""
    seen = iter(range(10_000))

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            is_ours = "out" in str(arguments[0]) or isinstance(arguments[0], int)
            if is_ours and next(seen) == moment:
                raise Killed
            return real(*arguments, **options)

        return step

    patch.setattr(os, "fsync", mortal(os.fsync))
    patch.setattr(exporting.shutil, "rmtree", mortal(exporting.shutil.rmtree))
    for name in ("replace", "unlink", "write_bytes"):
        patch.setattr(Path, name, mortal(getattr(Path, name)))


def written_after_kill(engine: Engine, folder: Path, form: str) -> list[dict[str, Any]]:
    """Run the same command again; when all was written and only the tidying was not, there is nothing to do."""
    if (folder / "out").exists() and not (folder / "out.cursor").exists():
        for path in folder.glob("out.parts"):
            exporting.shutil.rmtree(path)
        return read(folder / "out", form)
    found: list[dict[str, Any]] = written(engine, folder / "out", form, text=True)
    return found


class TestRefused:
    @pytest.fixture
    def half(self, engine: Engine, ids: list[UUID], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An export that was killed after its first stretch."""
        monkeypatch.setattr(exporting, "STRETCH", 3)
        next(iter(export(engine, tmp_path / "out", "jsonl", Selection())))
        return tmp_path / "out"

    def test_a_file_of_somebody_else_is_not_touched(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("mine")
        with pytest.raises(WirewatchError, match="is there already"):
            written(engine, tmp_path / "out")
        assert (tmp_path / "out").read_text() == "mine"

    def test_another_question_does_not_go_on_with_it(self, engine: Engine, half: Path) -> None:
        before = half.read_bytes()
        wanted: dict[str, Any]
        for form, wanted in (("csv", {}), ("jsonl", {"topic": "sanctions"}), ("jsonl", {"text": True})):
            with pytest.raises(WirewatchError, match="another export"):
                written(engine, half, form, **wanted)
        run_sql(engine, "UPDATE note SET value = 'another' WHERE key = 'ledger_id'")
        with pytest.raises(WirewatchError, match="another export"):
            written(engine, half)
        assert half.read_bytes() == before

    def test_a_cursor_that_cannot_be_read_is_said_so(self, engine: Engine, half: Path) -> None:
        for text in ("", "{}", "[1]", '{"question": 1, "reached": {"seq": 1}}'):
            half.with_name("out.cursor").write_text(text)
            with pytest.raises(WirewatchError, match="cannot be read"):
                written(engine, half)

    def test_two_at_a_time_do_not_write_one_file(self, engine: Engine, ids: list[UUID], tmp_path: Path) -> None:
        for form in FORMATS:
            running = export(engine, tmp_path / form, form, Selection())
            next(running)
            with pytest.raises(WirewatchError, match="another export is writing"):
                written(engine, tmp_path / form, form)
            assert len(list(running)) == 0
            assert seqs(read(tmp_path / form, form)) == [1, 2, 3, 4, 7, 8]

    def test_a_file_that_was_cut_is_not_filled_up(self, engine: Engine, half: Path) -> None:
        half.write_text("{")
        with pytest.raises(WirewatchError, match="shorter"):
            written(engine, half)


def ask(database_url: str, *words: str, **environment: str) -> Any:
    """Run the command in this process: a second less."""
    words = ("export", "--format", "csv", *words)
    return CliRunner().invoke(command(words), words, env={"WIREWATCH_DATABASE_URL": database_url, **environment})


class TestTheCommand:
    def test_mistakes_are_told_in_words(self, database_url: str, ids: list[UUID], tmp_path: Path) -> None:
        topics, folder = tmp_path / "topics", tmp_path / "files"
        topics.mkdir()
        folder.mkdir()
        (topics / "piracy.yaml").write_text(PACK, encoding="utf-8")
        for words, said in (
            (("--topic", "pirates"), "no topic has the id 'pirates'; did you mean piracy?"),
            (("--source", "agence"), "no source has the id 'agence'; did you mean agency?"),
            (("--output", str(folder / "no" / "where")), "cannot be written (No such file or directory)"),
        ):
            done = ask(database_url, "-o", str(folder / "out"), *words, WIREWATCH_TOPICS_DIR=str(topics))
            assert isinstance(done.exception, WirewatchError)
            assert said in str(done.exception)
        assert left(folder) == set()

    def test_progress_is_shown_to_who_sits_there(self, database_url: str, ids: list[UUID], tmp_path: Path) -> None:
        shown = ask(database_url, "-o", str(tmp_path / "out"), TTY_COMPATIBLE="1")
        assert "exporting" in shown.stderr
        assert shown.stdout == ""
        assert "exporting" not in ask(database_url, "-o", str(tmp_path / "other")).stderr

    def test_it_says_what_it_has_written(self, database_url: str, ids: list[UUID], tmp_path: Path) -> None:
        done = ask(database_url, "-o", str(tmp_path / "out"), "--since", "2021-01-01", "--topic", "border-cooperation")
        assert done.exit_code == 0, done.stderr
        assert f"3 rows in {tmp_path / 'out'}, up to change 8" in done.stderr
        assert seqs(read(tmp_path / "out", "csv")) == [3, 4, 7]
