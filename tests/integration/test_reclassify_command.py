"""`wirewatch reclassify` over a real store and real helper processes."""

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import psutil
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from config.settings import Settings, changed
from config.topics import TopicPack, load_topics
from tests.making import bring, created_changes, discover, make_article, run_sql, set_entry
from tests.systems import COMMAND, REPOSITORY, environment, wirewatch
from tests.waiting import wait_until
from workers.bootstrap import Steps
from workers.classify.probability.model import shipped_model
from workers.cli.aside import NICE
from workers.cli.main import command
from workers.cli.reclassifying import Look, Verdict, look_again
from workers.domain.errors import Unavailable, WirewatchError
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.notes import read_notes
from workers.store.overview import broken_invariants, record_tick
from workers.store.reading import article_by_id
from workers.store.reclassify import published_ids
from workers.store.wanted import Wanted

PACK = """
id: {id}
name: A topic
description: A topic that these tests have made up.
terms:
  en: {{strong: [{words}]}}
"""
TEXTS = [
    ("Pirates attack a tanker", "A pirate attack on a tanker failed off the coast. Pirate boats fled."),
    ("Smugglers at the ford", "A smuggling ring was broken at the ford. The smuggling went on for years."),
    ("A quiet day", "The market opened in the rain, and nobody came to buy the pears."),
]

#: Every change takes 20 ms to write.
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
CREATE TRIGGER slow BEFORE INSERT ON change FOR EACH ROW EXECUTE FUNCTION slow();
"""


class Desk:
    """A store with published articles, topic packs that a test may edit, and the command."""

    def __init__(self, engine: Engine, url: str, folder: Path) -> None:
        self.engine, self.url, self.topics = engine, url, folder
        self.topics.mkdir()
        self.write("piracy", "pirate attack*")
        self.steps = Steps(changed(Settings(), database_url=url, topics_dir=folder))

    def write(self, topic: str, *words: str) -> None:
        """Save a topic pack."""
        (self.topics / f"{topic}.yaml").write_text(PACK.format(id=topic, words=", ".join(words)), encoding="utf-8")

    def publish(self, count: int = 3) -> list[UUID]:
        """Publish articles with the packs of now; return their ids, oldest first."""
        ids = sorted(discover(self.engine, count))
        made = [
            make_article(number, title=f"{TEXTS[number % 3][0]} {number}", text=TEXTS[number % 3][1])
            for number in range(count)
        ]
        bring(self.engine, ids, State.EXTRACTED, made)
        assert len(self.steps.classify(ids)) == count
        return ids

    def reclassify(self, *words: str, stdin: str = "", exit_code: int = 0) -> str:
        done = wirewatch(
            "reclassify", "--jobs", "1", *words, stdin=stdin, database_url=self.url, topics_dir=self.topics
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def packs(self) -> tuple[TopicPack, ...]:
        return load_topics(self.topics)

    def look_again(self, **given: Any) -> list[Look]:
        batches = published_ids(self.engine, Wanted(), size=given.pop("size", 2))
        return list(look_again(self.url, self.packs(), batches, jobs=given.pop("jobs", 1), **given))

    def flagged(self, one: UUID) -> list[str]:
        with self.engine.connect() as connection:
            found = article_by_id(connection, one)
        assert found is not None
        return [mark["topic"] for mark in found["flags"] if mark["flagged"]]

    def told(self) -> list[tuple[UUID, list[str]]]:
        """Return which articles were told anew, with the topics that they lost."""
        return [(row.entry_id, row.unflagged) for row in created_changes(self.engine) if row.type == "reclassified"]


@pytest.fixture
def desk(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(engine, database_url, tmp_path / "topics")
    yield made
    made.steps.close()


def counts(said: str) -> dict[str, int]:
    """Return the rows of the table of articles."""
    words = "|".join([*Verdict, "in all"])
    return {name: int(count) for count, name in re.findall(rf"^ +(\d+) +({words})\b", said, re.MULTILINE)}


class TestShown:
    def test_a_dry_run_says_what_would_change_and_changes_nothing(self, desk: Desk) -> None:
        ids = desk.publish()
        assert desk.flagged(ids[0]) == ["piracy"]
        (desk.topics / "piracy.yaml").unlink()
        desk.write("smuggling", "smuggling")
        said = desk.reclassify("--dry-run")
        assert counts(said) == {"same": 1, "other flags": 2, "in all": 3}
        assert re.search(r"piracy +0 +1 +0 +en -1", said)
        assert re.search(r"smuggling +1 +0 +0 +en \+1", said)
        assert re.search(
            r"\+ smuggling 0\.00 → 0\.\d\d  en  Smugglers at the ford 1  \S+\n    A smuggling ring was", said
        )
        assert re.search(r"- piracy 0\.\d\d → 0\.00  en  Pirates attack a tanker 0", said)
        assert (desk.told(), desk.flagged(ids[0])) == ([], ["piracy"])

    def test_only_some_articles(self, desk: Desk) -> None:
        desk.publish()
        assert counts(desk.reclassify("--dry-run", "--since", "2100-01-01")) == {"in all": 0}
        assert counts(desk.reclassify("--dry-run", "--source", "agency")) == {"same": 3, "in all": 3}
        assert "did you mean agency?" in desk.reclassify("--dry-run", "--source", "agancy", exit_code=1)
        assert "did you mean piracy?" in desk.reclassify("--dry-run", "--topic", "pirracy", exit_code=1)

    @pytest.mark.parametrize("words", [[], ["--dry-run", "--apply"]])
    def test_it_must_be_told_which_of_the_two(self, desk: Desk, words: list[str]) -> None:
        assert "say --dry-run to look, or --apply" in desk.reclassify(*words, exit_code=2)

    def test_a_pack_with_a_mistake_is_refused(self, desk: Desk) -> None:
        desk.write("piracy", "*")
        assert "piracy.yaml:6" in desk.reclassify("--dry-run", exit_code=78)

    def test_without_a_database_it_says_so(self) -> None:
        done = wirewatch("reclassify", "--dry-run", database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
        assert (done.returncode, "does not answer" in done.stderr) == (75, True)


class TestApplied:
    def test_what_was_previewed_is_applied_and_a_second_time_nothing(self, desk: Desk) -> None:
        ids = desk.publish(6)
        desk.write("smuggling", "smuggling")
        (desk.topics / "piracy.yaml").unlink()
        previewed = desk.reclassify("--dry-run", "--jobs", "2")
        said = desk.reclassify("--apply", "--jobs", "2")
        assert counts(said) == counts(previewed) == {"same": 2, "other flags": 4, "in all": 6}
        assert "4 applied, as in the preview of" in said
        assert desk.told() == [(ids[0], ["piracy"]), (ids[1], []), (ids[3], ["piracy"]), (ids[4], [])]
        assert [desk.flagged(one) for one in ids] == [[], ["smuggling"], []] * 2
        again = desk.reclassify("--apply")
        assert counts(again) == {"same": 6, "in all": 6}
        assert "0 applied; the preview of" in again
        assert len(desk.told()) == 4
        assert broken_invariants(desk.engine) == {}

    def test_one_topic_alone(self, desk: Desk) -> None:
        ids = desk.publish()
        desk.write("smuggling", "smuggling")
        desk.write("piracy", "privateer*")
        assert counts(desk.reclassify("--apply", "--topic", "smuggling")) == {"same": 2, "other flags": 1, "in all": 3}
        assert [desk.flagged(one) for one in ids] == [["piracy"], ["smuggling"], []]
        (desk.topics / "piracy.yaml").unlink()
        assert counts(desk.reclassify("--apply", "--topic", "piracy"))["other flags"] == 1, "its pack is gone"
        assert [desk.flagged(one) for one in ids] == [[], ["smuggling"], []]

    def test_what_an_older_version_told_is_told_anew_once(self, desk: Desk) -> None:
        ids = desk.publish(4)
        run_sql(
            desk.engine,
            "UPDATE change SET payload = payload - 'countries' - 'organisations' - 'pairs' WHERE entry_id = :id",
            id=ids[2],
        )
        for one in (ids[0], ids[3]):
            run_sql(desk.engine, "UPDATE change SET payload = payload #- '{flags,0,band}' WHERE entry_id = :id", id=one)
        expected = {"same": 1, "new facts": 3, "in all": 4}
        assert counts(desk.reclassify("--dry-run")) == expected
        said = desk.reclassify("--apply")
        assert counts(said) == expected
        assert "3 applied, as in the preview of" in said
        assert counts(desk.reclassify("--apply")) == {"same": 4, "in all": 4}
        assert sorted(desk.told()) == sorted((one, []) for one in (ids[0], ids[2], ids[3]))

    def test_of_one_topic_what_is_kept_of_another_is_not_told_again(self, desk: Desk) -> None:
        (one,) = desk.publish(1)
        run_sql(desk.engine, "UPDATE change SET payload = (payload #- '{flags,0,band}') - 'pairs'")
        desk.write("smuggling", "smuggling")
        for verdict in (Verdict.COMPLETED, Verdict.SAME):
            assert [look.verdict for look in desk.look_again(apply=True, topic="smuggling")] == [verdict]
        assert desk.flagged(one) == ["piracy"]
        for verdict in (Verdict.COMPLETED, Verdict.SAME):
            assert [look.verdict for look in desk.look_again(apply=True)] == [verdict]

    def test_packs_that_changed_since_the_preview_are_told_and_asked_about(self, desk: Desk) -> None:
        desk.publish()
        desk.write("smuggling", "smuggling")
        desk.reclassify("--dry-run")
        kept = json.loads(read_notes(desk.engine)["reclassify_preview"])
        desk.write("smuggling", "smuggler*", "smuggling")
        said = desk.reclassify("--apply", exit_code=1)
        assert f"the packs or the model changed since the preview of {kept['at']}" in said
        assert desk.told() == []
        assert counts(desk.reclassify("--apply", stdin="y\n"))["other flags"] == 1
        desk.write("smuggling", "contraband")
        assert f"the preview of {kept['at']} was of {kept['mark']}" in desk.reclassify("--apply", "--yes")
        assert len(desk.told()) == 2

    def test_ctrl_c_ends_it_with_a_sentence(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object, **__: object) -> NoReturn:
            raise KeyboardInterrupt

        monkeypatch.setattr("workers.cli.reclassify.look_again", interrupted)
        monkeypatch.setenv("WIREWATCH_DATABASE_URL", desk.url)
        done = CliRunner().invoke(command(["reclassify"]), ["reclassify", "--apply"])
        assert done.exit_code == 130
        assert "run again it goes on from there" in done.stdout

    def test_interrupted_for_real_it_goes_on_where_it_was(self, desk: Desk) -> None:
        desk.publish(300)
        desk.write("smuggling", "smuggling")
        run_sql(desk.engine, SLOW)
        process = subprocess.Popen(
            [*COMMAND, "reclassify", "--apply", "--jobs", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(database_url=desk.url, topics_dir=desk.topics),
            cwd=REPOSITORY,
            start_new_session=True,
        )
        wait_until(desk.told, 60, "the first change")
        command = psutil.Process(process.pid)
        assert {one.nice() for one in (command, *command.children(recursive=True))} == {NICE}, "all of it stands aside"
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in said) == (130, False), said
        done = len(desk.told())
        assert 0 < done < 100
        assert counts(desk.reclassify("--apply")) == {
            "same": 300 - 100 + done,
            "other flags": 100 - done,
            "in all": 300,
        }
        assert Counter(row.revision for row in created_changes(desk.engine)) == {0: 300, 1: 100}
        assert broken_invariants(desk.engine) == {}


class TestWork:
    def test_looks_come_in_order_from_several_processes_that_stand_back(self, desk: Desk) -> None:
        ids = desk.publish(7)
        before = set(psutil.Process().children())
        looks = look_again(desk.url, desk.packs(), published_ids(desk.engine, Wanted(), size=2), jobs=2)
        first = next(looks)
        helpers = set(psutil.Process().children()) - before
        nice = [one.nice() for one in helpers if "spawn_main" in " ".join(one.cmdline())]
        assert nice == [NICE] * 2
        assert [first.id, *(one.id for one in looks)] == ids
        wait_until(lambda: set(psutil.Process().children()) <= before | _tracker(), description="the helpers' end")

    def test_helpers_end_with_a_parent_that_was_killed(self, desk: Desk) -> None:
        desk.publish(3)
        script = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from uuid import UUID\n"
            "from config.topics import load_topics\n"
            "from workers.cli.reclassifying import look_again\n"
            "if __name__ == '__main__':\n"
            "    def batches():\n"
            "        yield [UUID(int=1)]\n"
            "        yield []\n"
            "        time.sleep(60)\n"
            "    list(look_again(sys.argv[1], load_topics(Path(sys.argv[2])), batches(), jobs=1))\n"
        )
        path = desk.topics.parent / "script.py"
        path.write_text(script, encoding="utf-8")
        words = [COMMAND[0], str(path), desk.url, str(desk.topics)]
        process = subprocess.Popen(words, cwd=REPOSITORY, env=environment() | {"PYTHONPATH": str(REPOSITORY)})
        parent = psutil.Process(process.pid)
        wait_until(lambda: len(parent.children()) >= 2, timeout_s=60, description="the helper")
        helpers = parent.children()
        process.kill()
        process.wait()
        wait_until(lambda: not any(one.is_running() for one in helpers), description="the helpers' end")

    def test_the_processes_have_the_model_that_was_read_here(self, desk: Desk) -> None:
        desk.publish(1)
        never = replace(shipped_model(), bias=-50.0)
        (look,) = desk.look_again(model=never)
        assert [(move.topic, move.turn, move.after) for move in look.moves] == [("piracy", -1, 0.0)]

    def test_one_that_moved_meanwhile_is_left_alone(self, desk: Desk) -> None:
        ids = desk.publish(2)
        desk.write("smuggling", "smuggling")
        desk.write("piracy", "privateer*")
        with desk.engine.begin() as held:
            held.execute(text("SELECT FROM entry WHERE id = :id FOR UPDATE"), {"id": ids[0]})
            assert [one.verdict for one in desk.look_again(apply=True)] == [Verdict.BUSY, Verdict.CHANGED]
        assert [one.verdict for one in desk.look_again(apply=True)] == [Verdict.CHANGED, Verdict.SAME]

    def test_while_its_page_is_looked_at_again_too(self, desk: Desk) -> None:
        (one,) = desk.publish(1)
        set_entry(desk.engine, one, state="fetched")
        desk.write("piracy", "privateer*")
        assert [look.verdict for look in desk.look_again(apply=True)] == [Verdict.CHANGED]
        assert desk.flagged(one) == []

    def test_a_database_that_goes_away_is_told_in_a_sentence(self, desk: Desk) -> None:
        desk.publish(1)
        batches = list(published_ids(desk.engine, Wanted(), size=2))
        away = "postgresql+psycopg://nobody@127.0.0.1:1/none"
        with pytest.raises(Unavailable, match="does not answer"):
            list(look_again(away, desk.packs(), batches, jobs=1))

    def test_a_helper_that_dies_is_told_in_a_sentence(self, desk: Desk) -> None:
        desk.publish(40)
        before = set(psutil.Process().children())
        looks = look_again(desk.url, desk.packs(), published_ids(desk.engine, Wanted(), size=2), jobs=1)
        next(looks)
        for one in set(psutil.Process().children()) - before:
            if "spawn_main" in " ".join(one.cmdline()):
                one.kill()
        with pytest.raises(WirewatchError, match="a helper process died"):
            list(looks)

    def test_it_waits_until_changes_are_numbered_while_a_system_runs(self, desk: Desk, monkeypatch: Any) -> None:
        from workers.cli import reclassify

        monkeypatch.setattr(reclassify, "RELAY_BATCH", 4)
        waits: list[float] = []

        def relay(seconds: float) -> None:
            waits.append(seconds)
            with desk.engine.begin() as connection:
                number(connection)

        monkeypatch.setattr(reclassify, "sleep", relay)
        ids = desk.publish()
        assert list(reclassify._at_ease(desk.engine, [ids])) == [ids]
        assert waits == [], "nobody numbers while nothing runs"
        record_tick(desk.engine, "sweep")
        assert list(reclassify._at_ease(desk.engine, [ids, ids])) == [ids, ids]
        assert len(waits) == 1
        run_sql(desk.engine, "UPDATE change SET seq = NULL; UPDATE tick SET last_at = now() - interval '3 minutes'")
        assert list(reclassify._at_ease(desk.engine, [ids])) == [ids]
        assert len(waits) == 1


def _tracker() -> set[psutil.Process]:
    """Return the process of the standard library that looks after semaphores: it stays."""
    return {one for one in psutil.Process().children() if "resource_tracker" in " ".join(one.cmdline())}
