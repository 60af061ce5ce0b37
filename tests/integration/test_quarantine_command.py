"""`wirewatch quarantine` over a real store."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import zstandard
from rich.console import Console
from sqlalchemy import Engine
from typer.testing import CliRunner

from config.settings import Settings, changed
from tests.making import bring, created_changes, discover, let_wait_pass, make_page, row_of, run_sql, set_entry
from tests.systems import wirewatch
from workers import bootstrap
from workers.bootstrap import Steps
from workers.cli import quarantine as cli
from workers.cli.main import command
from workers.domain.errors import WirewatchError
from workers.domain.outcomes import State
from workers.store import quarantine as store
from workers.store.overview import broken_invariants, overview

STORY = "".join(
    f"<p>Border guards of both countries met on {day} to speak about the winter patrols along the river.</p>"
    for day in ("Monday", "Tuesday", "Friday")
)
PAGE = f"<html lang='en'><head><title>Patrols</title></head><body><article>{STORY}</article></body></html>".encode()
POISON = b"<html>\x1b[2J poison"


class Desk:
    """A store with entries in quarantine, and the command."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine, self.url = engine, url
        self.steps = Steps(changed(Settings(), database_url=url))

    def quarantine(
        self, count: int = 1, *, state: State = State.FETCHED, reason: str = "bug", **given: Any
    ) -> list[UUID]:
        """Bring new entries to a state, and set them aside there."""
        ids = bring(self.engine, discover(self.engine, count, **given), state)
        for one in ids:
            set_entry(
                self.engine, one, state="quarantined", reason=reason, detail="Traceback\nKeyError: 'x'", attempt=3
            )
        return ids

    def run(self, *words: object, stdin: str = "", exit_code: int = 0) -> str:
        line = ["quarantine", *map(str, words)]
        done = CliRunner().invoke(command(line), line, input=stdin, env={"WIREWATCH_DATABASE_URL": self.url})
        if isinstance(done.exception, WirewatchError):  # `told_in_words` makes a sentence and a 1 of it
            assert exit_code == 1, done.exception
            return f"{done.output}{done.exception}"
        assert done.exit_code == exit_code, done.output
        return done.output

    def states(self, ids: list[UUID]) -> list[str]:
        return [row_of(self.engine, one).state for one in ids]


@pytest.fixture
def desk(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(cli, "console", Console(highlight=False, width=200))
    made = Desk(engine, database_url)
    yield made
    made.steps.close()


class TestList:
    def test_counts_with_sentences_then_entries_newest_first(self, desk: Desk) -> None:
        (old,) = desk.quarantine(reason="crashed")
        (new,) = desk.quarantine(state=State.EXTRACTED, first=1)
        run_sql(desk.engine, "UPDATE entry SET state_at = now() - interval '3 h' WHERE id = :id", id=old)
        lines = [line for line in desk.run("list").splitlines() if line]
        assert lines[2].endswith("s ago  agency")
        lines[2] = re.sub(r"\d+ s", "0 s", lines[2])
        assert lines == [
            "bug 1: An error that nobody expected; its traceback was kept.",
            "crashed 1: Working on it killed the process; it was set apart from everything else.",
            f"{new}  bug  classify  3 tries  0 s ago  agency",
            "  https://agency.example/news/1",
            "  KeyError: 'x'",
            f"{old}  crashed  extract  3 tries  3 h ago  agency",
            "  https://agency.example/news/0",
            "  KeyError: 'x'",
        ]

    def test_only_some_and_the_rest_is_told(self, desk: Desk) -> None:
        desk.quarantine(3)
        (other,) = desk.quarantine(state=State.DISCOVERED, reason="unreachable", source="khabar", first=3)
        assert "2 of 3 shown; `--limit 3` shows all" in desk.run("list", "--reason", "bug", "--limit", "2")
        for facet in (("--source", "khabar"), ("--step", "fetch"), ("--reason", "unreachable")):
            said = desk.run("list", *facet)
            assert str(other) in said
            assert "bug" not in said
        assert "did you mean khabar?" in desk.run("list", "--source", "khaber", exit_code=1)
        assert "no such entry is in quarantine" in desk.run("list", "--step", "classify")
        assert "--reason" in desk.run("list", "--reason", "gone", exit_code=2)

    def test_json_has_the_same_a_line(self, desk: Desk) -> None:
        (one,) = desk.quarantine()
        said = desk.run("list", "--json")
        found = json.loads(said)
        assert said.isascii()
        assert found.pop("since").startswith("20")
        assert found == {
            "id": str(one),
            "source": "agency",
            "url": "https://agency.example/news/0",
            "reason": "bug",
            "sentence": "An error that nobody expected; its traceback was kept.",
            "step": "extract",
            "tries": 3,
            "detail": "Traceback\nKeyError: 'x'",
        }

    def test_the_terminal_obeys_nothing_of_it(self, desk: Desk) -> None:
        (one,) = desk.quarantine()
        set_entry(desk.engine, one, url="https://agency.example/\x1b[2J[red]", detail="a\n\x9b31m\u202e[/bold]")
        for words in (("list",), ("show", one)):
            said = desk.run(*words)
            assert "https://agency.example/\\x1b[2J[red]" in said
            assert "\\x9b31m\\u202e[/bold]" in said
            assert not {"\x1b", "\x9b", "\u202e"} & set(said)

    def test_a_narrow_terminal_does_not_break_what_is_copied(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.quarantine()
        monkeypatch.setattr(cli, "console", Console(highlight=False, width=30))
        assert re.search(r"^[0-9a-f-]{36}  bug  extract  3 tries", desk.run("list"), re.MULTILINE)

    def test_without_a_database_it_says_so(self) -> None:
        done = wirewatch("quarantine", "list", database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
        assert (done.returncode, "does not answer" in done.stderr) == (75, True)


def test_the_real_command_ends_with_a_sentence_and_a_1(database_url: str) -> None:
    unknown = uuid4()
    done = wirewatch("quarantine", "drop", str(unknown), database_url=database_url)
    assert (done.returncode, done.stderr) == (1, f"{unknown}: no entry has this id\n")


class TestShow:
    def test_all_that_is_kept(self, desk: Desk) -> None:
        (one,) = desk.quarantine()
        said = desk.run("show", one)
        page = row_of(desk.engine, one).page_sha
        for words in (
            f"entry      {one}",
            "source     agency",
            "title      Title 0",
            "reason     bug: An error that nobody expected; its traceback was kept.",
            "step       extract",
            "tries      3 (",
            f"page       14 bytes, text/html, sha256 {page}",
            "cause\n  Traceback\n  KeyError: 'x'\n",
        ):
            assert words in said

    def test_its_page_goes_to_a_new_file_as_it_came(self, desk: Desk, tmp_path: Path) -> None:
        (one,) = bring(desk.engine, discover(desk.engine), State.FETCHED, [make_page(POISON)])
        file = tmp_path / "page"
        assert f"{len(POISON)} bytes written" in desk.run("show", one, "--page", file)
        assert file.read_bytes() == POISON
        assert "File exists" in desk.run("show", one, "--page", file, exit_code=1)

    def test_what_is_not_there_is_said(self, desk: Desk, tmp_path: Path) -> None:
        (one,) = discover(desk.engine)
        assert "none is kept" in desk.run("show", one)
        assert "no page is kept" in desk.run("show", one, "--page", tmp_path / "page", exit_code=1)
        assert "no entry has this id" in desk.run("show", uuid4(), exit_code=1)
        assert "valid UUID" in desk.run("show", "x", exit_code=2)


class TestOut:
    def test_one_goes_without_asking_and_several_after_a_yes(self, desk: Desk) -> None:
        ids = desk.quarantine(3)
        assert desk.run("replay", ids[0]) == "1 of 1 put back; the sweeper hints at them within seconds\n"
        assert "Replay 2 entries?" in desk.run("replay", "--reason", "bug", stdin="n\n", exit_code=1)
        desk.run("replay", "--all", stdin="", exit_code=1)
        assert desk.states(ids) == ["fetched", *["quarantined"] * 2]
        assert "2 of 2 put back" in desk.run("replay", "--source", "agency", stdin="y\n")
        assert desk.states(ids) == ["fetched"] * 3
        assert "0 of 0 put back" in desk.run("replay", "--all")

    def test_dropped_by_what_they_have_in_common(self, desk: Desk) -> None:
        ours = desk.quarantine(2)
        theirs = desk.quarantine(2, source="khabar", first=2)
        assert "2 of 2 dropped" in desk.run("drop", "--source", "khabar", "--yes", "--note", "test pages")
        assert desk.states([*ours, *theirs]) == ["quarantined", "quarantined", "dropped", "dropped"]
        assert row_of(desk.engine, theirs[0]).detail.startswith("test pages; was quarantined: bug: ")
        assert overview(desk.engine).counts.by_reason["dropped"] == {"by_operator": 2}
        assert overview(desk.engine).counts.balanced
        assert broken_invariants(desk.engine) == {}

    @pytest.mark.parametrize("verb", ["replay", "drop"])
    def test_what_cannot_be_taken_is_refused_and_the_others_go(self, desk: Desk, verb: str) -> None:
        good, classified, held = desk.quarantine(3)
        set_entry(desk.engine, classified, state="classified")
        set_entry(desk.engine, held, lease_token=uuid4())
        unknown = uuid4()
        said = desk.run(verb, good, classified, held, unknown, good, exit_code=1)
        assert "1 of 1" in said
        assert f"{classified}: it is not in quarantine, it is classified" in said
        assert f"{held}: a worker holds it" in said
        assert f"{unknown}: no entry has this id" in said
        assert row_of(desk.engine, good).state != "quarantined"
        assert "it is not in quarantine" in desk.run(verb, good, exit_code=1)

    def test_it_must_be_clear_which(self, desk: Desk) -> None:
        (one,) = desk.quarantine()
        for words in ((), (one, "--all"), ("--all", "--reason", "bug")):
            assert "say which" in desk.run("drop", *words, "--yes", exit_code=1)
        assert desk.states([one]) == ["quarantined"]

    def test_ctrl_c_ends_it_with_a_sentence_and_again_it_goes_on(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = desk.quarantine(5)
        monkeypatch.setattr(store, "BATCH", 2)
        real, calls = store.replay, []

        def interrupted(engine: Engine, found: Sequence[store.Quarantined]) -> dict[UUID, str]:
            calls.append(found)
            if len(calls) > 1:
                raise KeyboardInterrupt
            return real(engine, found)

        with monkeypatch.context() as patch:
            patch.setattr(store, "replay", interrupted)
            assert "run again it goes on from there" in desk.run("replay", *ids, "--yes", exit_code=130)
        assert sorted(desk.states(ids)) == ["fetched", "fetched", *["quarantined"] * 3]
        assert "3 of 3 put back" in desk.run("replay", "--all", "--yes")
        assert desk.states(ids) == ["fetched"] * 5


class TestHealed:
    def test_a_poisonous_page_ends_classified_once_it_is_repaired(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one,) = bring(desk.engine, discover(desk.engine), State.FETCHED, [make_page(POISON)])
        healthy = bootstrap.extract_page

        def deadly(entry: Any, page: Any, *more: Any) -> Any:
            if b"poison" in page.body:
                raise MemoryError
            return healthy(entry, page, *more)

        monkeypatch.setattr(bootstrap, "extract_page", deadly)
        for _ in range(3):
            assert desk.steps.extract([one]) == []
            let_wait_pass(desk.engine)
        assert "MemoryError" in desk.run("list", "--step", "extract")
        run_sql(desk.engine, "UPDATE page SET body = :body, size = :size", body=packed(PAGE), size=len(PAGE))
        desk.run("replay", one)
        (due,) = desk.steps.ledger.due(State.FETCHED, 10)
        assert desk.steps.classify(desk.steps.extract([UUID(str(due.id))])) == [one]
        assert [(change.entry_id, change.type) for change in created_changes(desk.engine)] == [(one, "created")]
        assert overview(desk.engine).counts.balanced
        assert broken_invariants(desk.engine) == {}


def packed(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)
