"""Another classification of published articles: what readers get, and what is left alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from tests.making import (
    advance,
    bring,
    created_changes,
    discover,
    make_classified,
    make_flag,
    row_of,
    run_sql,
    set_entry,
)
from workers.domain.outcomes import State
from workers.domain.values import Classification, Flag
from workers.store.changes import changes_after, number
from workers.store.overview import broken_invariants
from workers.store.reading import article_by_id, list_articles, was_flagged
from workers.store.reclassify import (
    Told,
    count_published,
    published_ids,
    read_told,
    told_anew,
    write_reclassified,
)
from workers.store.wanted import Wanted

BORDER = make_flag()
SANCTIONS = make_flag("sanctions", probability=0.7, pack_version="2")


def publish(engine: Engine, *flags: Flag) -> UUID:
    (one,) = bring(engine, discover(engine), State.CLASSIFIED, [make_classified(0, *flags)])
    return one


def told(engine: Engine, *ids: UUID) -> list[Told]:
    with engine.connect() as connection:
        return read_told(connection, ids)


def found(*flags: Flag) -> Classification:
    return Classification(flags=flags, model="test 2")


def write(engine: Engine, seen: Sequence[Told], *flags: Flag, topic: str | None = None) -> set[UUID]:
    """Write the same flags for articles as they were read."""
    with engine.begin() as connection:
        return write_reclassified(connection, [(one, told_anew(one, found(*flags), topic)) for one in seen])


def replace(engine: Engine, one: UUID, *flags: Flag, topic: str | None = None) -> set[UUID]:
    return write(engine, told(engine, one), *flags, topic=topic)


def flags_of(engine: Engine, one: UUID) -> dict[str, tuple[float, str, str]]:
    """Return the rows of the flag table: what the API's filters go by."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM flag WHERE entry_id = :id"), {"id": one})
        return {row.topic: (row.probability, row.pack_version, row.model) for row in rows}


def read(engine: Engine, one: UUID) -> dict[str, Any]:
    with engine.connect() as connection:
        article = article_by_id(connection, one)
    assert article is not None
    return article


@contextmanager
def holding(engine: Engine, one: UUID) -> Iterator[Connection]:
    """Hold an entry as a worker does that settles it at this moment."""
    with engine.begin() as connection:
        connection.execute(text("SELECT FROM entry WHERE id = :id FOR UPDATE"), {"id": one})
        yield connection


class TestWanted:
    def test_whatever_readers_have_also_while_it_is_looked_at_again(self, engine: Engine) -> None:
        ids = sorted(discover(engine, 4))
        bring(engine, ids[:3], State.CLASSIFIED)
        set_entry(engine, ids[1], state="discovered")
        set_entry(engine, ids[2], state="fetched")
        assert [one for some in published_ids(engine, Wanted(), size=2) for one in some] == ids[:3]
        assert count_published(engine, Wanted()) == 3
        assert count_published(engine, Wanted(sources=("khabar",))) == 0


class TestWritten:
    def test_flags_are_replaced_and_readers_are_told_once(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        before = read(engine, one)
        assert replace(engine, one, SANCTIONS) == {one}
        assert flags_of(engine, one) == {"sanctions": (0.7, "2", "test 2")}
        created, again = created_changes(engine)
        assert (again.type, again.version, again.revision) == ("reclassified", 1, 1)
        assert (created.unflagged, again.unflagged) == ([], ["border-cooperation"])
        after = read(engine, one)
        assert {name for name in after if after[name] != before[name]} == {"model", "flags"}
        assert set(after) == set(before), "the article is whole"
        assert [mark["topic"] for mark in after["flags"]] == ["sanctions"]
        assert (row_of(engine, one).state, row_of(engine, one).version) == ("classified", 1)
        assert broken_invariants(engine) == {}

    def test_a_version_may_be_classified_again_and_again(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        for flag in (SANCTIONS, BORDER, SANCTIONS):
            assert replace(engine, one, flag) == {one}
        told_of = [(row.type, row.revision, row.unflagged) for row in created_changes(engine)]
        assert told_of == [
            ("created", 0, []),
            ("reclassified", 1, ["border-cooperation"]),
            ("reclassified", 2, ["sanctions"]),
            ("reclassified", 3, ["border-cooperation"]),
        ]
        with engine.connect() as connection:
            assert len(list_articles(connection, limit=10)) == 1, "as its last change tells it"
            assert len(list_articles(connection, limit=10, topic="sanctions")) == 1
            assert list_articles(connection, limit=10, topic="border-cooperation") == []

    def test_what_was_read_before_somebody_else_wrote_is_not_written(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        early = told(engine, one)
        assert replace(engine, one, SANCTIONS) == {one}
        assert write(engine, early) == set()
        assert (len(created_changes(engine)), set(flags_of(engine, one))) == (2, {"sanctions"})

    def test_no_flag_is_a_result(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        assert replace(engine, one) == {one}
        assert (read(engine, one)["flags"], flags_of(engine, one)) == ([], {})

    def test_of_one_topic_the_others_stay(self, engine: Engine) -> None:
        one = publish(engine, BORDER, make_flag("piracy", probability=0.3, flagged=False))
        other_border = make_flag(probability=0.1, flagged=False)
        assert replace(engine, one, SANCTIONS, other_border, topic="sanctions") == {one}
        assert flags_of(engine, one) == {
            "border-cooperation": (0.91, "1", "test 1"),
            "sanctions": (0.7, "2", "test 2"),
            "piracy": (0.3, "1", "test 1"),
        }
        assert [(m["topic"], m["probability"]) for m in read(engine, one)["flags"]] == [
            ("border-cooperation", 0.91),
            ("sanctions", 0.7),
            ("piracy", 0.3),
        ], "most probable first"

    def test_what_would_be_told_is_what_is_told(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        expected = told_anew(told(engine, one)[0], found(SANCTIONS))
        replace(engine, one, SANCTIONS)
        assert created_changes(engine)[-1].payload == expected

    def test_a_flag_that_stands_is_not_written_again(self, engine: Engine) -> None:
        one = publish(engine, BORDER, SANCTIONS)
        places = "SELECT topic, ctid::text AS place FROM flag"
        with engine.connect() as connection:
            before = {row.topic: row.place for row in connection.execute(text(places))}
        (was,) = told(engine, one)
        border, sanctions = was.change["flags"]
        anew = was.change | {"flags": [border, sanctions | {"probability": 0.5}]}
        with engine.begin() as connection:
            assert write_reclassified(connection, [(was, anew)]) == {one}
            after = {row.topic: row.place for row in connection.execute(text(places))}
        assert after["border-cooperation"] == before["border-cooperation"]
        assert after["sanctions"] != before["sanctions"]
        assert flags_of(engine, one)["sanctions"] == (0.5, "2", "test 1")
        assert created_changes(engine)[-1].payload == anew

    def test_all_that_is_told_of_a_flag_is_in_its_row(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        replace(engine, one, make_flag(probability=0.3, flagged=False, sentence=None), SANCTIONS)
        with engine.connect() as connection:
            query = text("SELECT * FROM flag WHERE entry_id = :id ORDER BY topic")
            rows = [dict(row) for row in connection.execute(query, {"id": one}).mappings()]
        marks = sorted(created_changes(engine)[-1].payload["flags"], key=lambda mark: str(mark["topic"]))
        assert rows == [{"entry_id": one, "version": 1, **mark} for mark in marks]

    def test_flags_and_change_stand_or_fall_together(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        with pytest.raises(UnicodeEncodeError):
            replace(engine, one, make_flag("sanctions", pack_version="half a character \ud800"))
        assert (len(created_changes(engine)), set(flags_of(engine, one))) == (1, {"border-cooperation"})
        assert row_of(engine, one).revision == 0


class TestBesideThePath:
    def test_a_new_version_begins_anew(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        replace(engine, one, SANCTIONS)
        set_entry(engine, one, state="fetched")
        for state in (State.FETCHED, State.EXTRACTED):
            assert advance(engine, [one], state) == [one]
        assert (row_of(engine, one).version, row_of(engine, one).revision) == (2, 0)
        last = created_changes(engine)[-1]
        assert (last.type, last.version, last.revision, last.unflagged) == ("updated", 2, 0, ["sanctions"])
        assert read(engine, one)["version"] == 2
        replace(engine, one, SANCTIONS)
        assert broken_invariants(engine) == {}

    def test_a_version_that_came_meanwhile_wins(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        early = told(engine, one)
        set_entry(engine, one, state="fetched")
        for state in (State.FETCHED, State.EXTRACTED):
            advance(engine, [one], state)
        assert write(engine, early, SANCTIONS) == set()

    def test_what_somebody_holds_is_not_waited_for(self, engine: Engine) -> None:
        first, held = sorted(bring(engine, discover(engine, 2), State.CLASSIFIED))
        with holding(engine, held):
            assert write(engine, told(engine, first, held), SANCTIONS) == {first}
        assert [row.entry_id for row in created_changes(engine) if row.type == "reclassified"] == [first]

    def test_a_lease_does_not_matter_and_stays(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        run_sql(engine, "UPDATE entry SET state = 'fetched', lease_token = gen_random_uuid(), lease_until = now()")
        lease = row_of(engine, one).lease_token
        assert replace(engine, one, SANCTIONS) == {one}
        assert (row_of(engine, one).lease_token, row_of(engine, one).state) == (lease, "fetched")


class TestReaders:
    def test_who_follows_a_topic_is_told_that_it_lost_an_article(self, engine: Engine) -> None:
        one = publish(engine, BORDER)
        replace(engine, one, SANCTIONS)
        replace(engine, one, SANCTIONS, make_flag("piracy"))
        with engine.begin() as connection:
            number(connection)
            seqs = {
                topic: [row["seq"] for row in changes_after(connection, 0, 10, topic=topic)]
                for topic in ("border-cooperation", "sanctions", "piracy")
            }
        assert seqs == {"border-cooperation": [1, 2], "sanctions": [2, 3], "piracy": [3]}

    def test_a_topic_that_lost_all_its_articles_is_still_known(self, engine: Engine) -> None:
        one = publish(engine, make_flag("piracy"))
        replace(engine, one)
        with engine.connect() as connection:
            assert was_flagged(connection, "piracy")
            assert not was_flagged(connection, "sanctions")
