"""`wirewatch reextract` over a real store and real helper processes."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn
from uuid import UUID

import psutil
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from config.settings import Settings, changed
from tests.making import (
    bring,
    count_of,
    created_changes,
    discover,
    make_article,
    make_ledger,
    make_page,
    row_of,
    run_sql,
    set_entry,
)
from tests.systems import wirewatch
from tests.waiting import wait_until
from workers.bootstrap import Steps
from workers.cli.main import command
from workers.cli.reextracting import Look, Verdict, look_again
from workers.domain.outcomes import Advanced, State
from workers.domain.values import Entry, Page
from workers.extract.contained import Contained
from workers.store.overview import broken_invariants
from workers.store.reading import article_by_id
from workers.store.reextract import wanted_ids
from workers.store.wanted import Wanted

STORY = [
    "Border guards of both countries met at the bridge on Monday to speak about the winter patrols along the river.",
    "The delegation agreed on a common post, on a shared radio channel and on a list of officers who may cross.",
    "A spokeswoman said that patrol number {} would begin before the end of the month, if the ice allows it.",
]


def story(number: int) -> bytes:
    paragraphs = "".join(f"<p>{one.format(number)}</p>" for one in STORY)
    head = f"<title>Title {number}</title>"
    return f"<html lang='en'><head>{head}</head><body><article>{paragraphs}</article></body></html>".encode()


class Desk:
    """A store with pages, and the steps of the path."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine, self.url = engine, url
        self.steps = Steps(changed(Settings(), database_url=url))

    def fetch(self, count: int = 1) -> list[UUID]:
        ids = discover(self.engine, count)
        return bring(self.engine, ids, State.FETCHED, [make_page(story(number)) for number in range(count)])

    def publish(self, count: int = 1) -> list[UUID]:
        ids = self.fetch(count)
        self.work(ids)
        return ids

    def work(self, ids: Sequence[UUID]) -> None:
        """Let the workers take up what is due of these."""
        self.steps.extract(ids)
        self.steps.classify(ids)

    def spoil(self, one: UUID, **columns: Any) -> None:
        """Make an article one that an older extractor might have made."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        run_sql(self.engine, f"UPDATE article SET {sets} WHERE entry_id = :id", id=one, **columns)

    def reextract(self, *words: str, stdin: str = "", exit_code: int = 0) -> str:
        done = wirewatch("reextract", "--jobs", "2", *words, stdin=stdin, database_url=self.url)
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def text(self, one: UUID) -> str:
        with self.engine.connect() as connection:
            found = article_by_id(connection, one)
        assert found is not None
        return str(found["text"])

    def changes(self) -> list[tuple[UUID, str, int]]:
        return [(row.entry_id, row.type, row.version) for row in created_changes(self.engine)]

    def look_again(self, **given: Any) -> list[Look]:
        batches = wanted_ids(self.engine, Wanted(), size=given.pop("size", 2))
        return list(look_again(make_ledger(self.engine), batches, jobs=2, **given))


@pytest.fixture
def desk(engine: Engine, database_url: str) -> Iterator[Desk]:
    made = Desk(engine, database_url)
    yield made
    made.steps.close()


def counts(said: str) -> dict[str, int]:
    """Return the rows of the table."""
    words = "|".join([*Verdict, "in all"])
    return {name: int(count) for count, name in re.findall(rf"^ +(\d+) +({words})\b", said, re.MULTILINE)}


class TestShown:
    def test_a_dry_run_says_what_would_change_and_changes_nothing(self, desk: Desk) -> None:
        ids = desk.publish(4)
        good = desk.text(ids[0])
        desk.spoil(ids[0], text=f"{good}\nMost read: a bomb")
        desk.spoil(ids[1], authors=["Somebody"])
        set_entry(desk.engine, ids[2], page_sha=None)
        said = desk.reextract("--dry-run")
        assert counts(said) == {"same": 1, "other facts": 1, "other text": 1, "page gone": 1, "in all": 4}
        assert "-Most read: a bomb" in said
        assert (desk.text(ids[0]), len(desk.changes())) == (f"{good}\nMost read: a bomb", 4)
        assert count_of(desk.engine, "article") == 4
        assert {row_of(desk.engine, one).state for one in ids} == {"classified"}

    def test_only_some_pages(self, desk: Desk) -> None:
        desk.publish(3)
        assert counts(desk.reextract("--dry-run", "--limit", "2")) == {"same": 2, "in all": 2}
        assert counts(desk.reextract("--dry-run", "--since", "2100-01-01")) == {"in all": 0}
        assert counts(desk.reextract("--dry-run", "--source", "agency")) == {"same": 3, "in all": 3}
        assert "did you mean agency?" in desk.reextract("--source", "agancy", exit_code=1)

    def test_an_article_that_is_none_any_more_is_told_and_stays(self, desk: Desk) -> None:
        (one,) = bring(desk.engine, discover(desk.engine), State.CLASSIFIED)  # its page has no text
        assert counts(desk.reextract("--yes")) == {"no article now": 1, "in all": 1}
        assert (row_of(desk.engine, one).state, row_of(desk.engine, one).version) == ("classified", 1)

    def test_without_a_database_it_says_so(self) -> None:
        done = wirewatch("reextract", database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
        assert (done.returncode, "does not answer" in done.stderr) == (75, True)


class TestApplied:
    def test_a_changed_text_becomes_a_new_version_that_the_workers_publish(self, desk: Desk) -> None:
        ids = desk.publish(3)
        good = desk.text(ids[1])
        desk.spoil(ids[1], text="Cookies!")
        said = desk.reextract("--yes")
        assert counts(said) == {"same": 2, "other text": 1, "in all": 3}
        assert "1 of 1 applied" in said
        assert desk.text(ids[1]) == "Cookies!", "readers have the old one until the new one is classified"
        desk.work(ids)
        assert (desk.text(ids[1]), desk.changes()[-1]) == (good, (ids[1], "updated", 2))
        assert len(desk.changes()) == 4
        assert broken_invariants(desk.engine) == {}
        assert counts(desk.reextract("--yes")) == {"same": 3, "in all": 3}

    def test_it_asks_first(self, desk: Desk) -> None:
        (one,) = desk.publish()
        desk.spoil(one, title="Old")
        desk.reextract(stdin="n\n", exit_code=1)
        desk.reextract(stdin="", exit_code=1)
        assert row_of(desk.engine, one).state == "classified"
        desk.reextract(stdin="y\n")
        assert row_of(desk.engine, one).state == "extracted"

    def test_ctrl_c_ends_it_with_a_sentence(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object, **__: object) -> NoReturn:
            raise KeyboardInterrupt

        monkeypatch.setattr("workers.cli.reextract.look_again", interrupted)
        monkeypatch.setenv("WIREWATCH_DATABASE_URL", desk.url)
        desk.publish()
        done = CliRunner().invoke(command(["reextract"]), ["reextract", "--yes"])
        assert done.exit_code == 130
        assert "run again it goes on from there" in done.stdout

    def test_what_was_dropped_may_turn_out_to_be_an_article(self, desk: Desk) -> None:
        found, none = desk.fetch(2)
        set_entry(desk.engine, found, state="dropped", reason="no_text")
        set_entry(desk.engine, none, state="dropped", reason="not_html")
        run_sql(desk.engine, "UPDATE entry SET page_sha = NULL WHERE id = :id", id=none)
        assert counts(desk.reextract("--yes")) == {"an article now": 1, "in all": 1}
        desk.work([found])
        assert desk.changes() == [(found, "created", 1)]
        assert STORY[0] in desk.text(found)


class TestWork:
    def test_looks_come_in_order_from_several_processes(self, desk: Desk) -> None:
        ids = sorted(desk.publish(7))
        looks = desk.look_again()
        assert [one.id for one in looks] == ids
        assert Counter(one.verdict for one in looks) == {Verdict.SAME: 7}
        assert {(one.before, one.after) for one in looks} == {(None, None)}, "texts are held of changes only"

    def test_whoever_stops_listening_ends_the_work(self, desk: Desk) -> None:
        desk.publish(40)
        run_sql(desk.engine, "UPDATE article SET text = 'old'")
        before = set(psutil.Process().children())
        batches = wanted_ids(desk.engine, Wanted(), size=10)
        looks = look_again(make_ledger(desk.engine), batches, jobs=1, apply=True)
        next(looks)
        assert set(psutil.Process().children()) - before
        looks.close()
        wait_until(lambda: set(psutil.Process().children()) <= before, description="the helpers' end")
        with desk.engine.connect() as connection:
            states = Counter(connection.execute(text("SELECT state FROM entry")).scalars())
        assert 10 <= states["extracted"] < 30, "two batches more were handed out, and are not worked off"
        assert count_of(desk.engine, "article") == 40 + states["extracted"]
        assert broken_invariants(desk.engine) == {}
        left = desk.look_again(apply=True)
        assert [one.verdict for one in left] == [Verdict.CHANGED] * (40 - states["extracted"])

    def test_one_that_moved_meanwhile_is_left_alone(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        ids = sorted(desk.publish(2))

        def extract(_reader: object, one: Entry, _page: Page) -> Any:
            if one.id == ids[0]:
                set_entry(desk.engine, one.id, state="discovered")
            return Advanced(make_article(text="new"))

        monkeypatch.setattr(Contained, "extract", extract)
        assert [one.verdict for one in desk.look_again(apply=True)] == [Verdict.BUSY, Verdict.CHANGED]
        assert [row_of(desk.engine, one).state for one in ids] == ["discovered", "extracted"]

    def test_one_that_the_database_refuses_keeps_no_other_back(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = sorted(desk.publish(2))

        def extract(_reader: object, one: Entry, _page: Page) -> Any:
            return Advanced(make_article(text="NUL \0" if one.id == ids[0] else "new"))

        monkeypatch.setattr(Contained, "extract", extract)
        refused, done = desk.look_again(apply=True)
        assert (refused.verdict, done.verdict) == (Verdict.FAILED, Verdict.CHANGED)
        assert "the database refuses it" in refused.detail
        assert [row_of(desk.engine, one).state for one in ids] == ["classified", "extracted"]
