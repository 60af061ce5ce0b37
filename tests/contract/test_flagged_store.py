"""The change log as security platforms read it: what concerned a flag, in which versions, and when it was added."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from tests.making import MOMENT, bring, discover, make_classified, make_flag, run_sql
from workers.domain.outcomes import State
from workers.store.changes import last_seq, number
from workers.store.flagged import (
    DISORDER,
    STEP,
    FlaggedChange,
    added_times,
    first_added_after,
    flagged_after,
    flagged_of,
    ledger_since,
    outlets,
)

AGAIN = """
INSERT INTO change (event_id, entry_id, version, revision, type, payload, unflagged)
SELECT gen_random_uuid(), entry_id, version, revision + 1, 'reclassified',
       jsonb_set(payload, '{flags}', CAST(:flags AS jsonb)), CAST(:lost AS text[])
  FROM change WHERE entry_id = :id ORDER BY version DESC, revision DESC LIMIT 1
"""


def publish(engine: Engine, *topics: str | None) -> list[UUID]:
    """Publish and number an article for each of these topics, in this order; None: one without a flag."""
    made = [
        make_classified(place, make_flag(topic or "sanctions", flagged=topic is not None))
        for place, topic in enumerate(topics)
    ]
    ids = bring(engine, sorted(discover(engine, len(topics))), State.CLASSIFIED, made)
    number_all(engine)
    return ids


def number_all(engine: Engine) -> None:
    with engine.begin() as connection:
        number(connection)


def tell_again(engine: Engine, one: UUID, *topics: str, lost: str = "{}") -> None:
    """Publish another classification of an article."""
    marks = ",".join(f'{{"topic": "{topic}", "flagged": true, "probability": 0.9}}' for topic in topics)
    run_sql(engine, AGAIN, id=one, flags=f"[{marks}]", lost=lost)
    number_all(engine)


def read(engine: Engine, topic: str | None = None, *, after: int = 0) -> list[FlaggedChange]:
    with engine.begin() as connection:
        return flagged_after(connection, after, 100, until=last_seq(connection), topic=topic)


def set_times(engine: Engine, *seconds: float) -> list[datetime]:
    """Let the changes have been written at these seconds after a moment, in the order of their numbers."""
    for place, second in enumerate(seconds, start=1):
        at = MOMENT + timedelta(seconds=second)
        run_sql(engine, "UPDATE change SET created_at = :at WHERE seq = :seq", at=at, seq=place)
    with engine.connect() as connection:
        return [moment for _, moment in sorted(added_times(connection, range(1, len(seconds) + 1)).items())]


class TestWhatConcernsAFlag:
    def test_articles_that_were_never_flagged_are_left_out(self, engine: Engine) -> None:
        publish(engine, "sanctions", None, "extremism")
        assert [one.seq for one in read(engine)] == [1, 3]
        assert [one.seq for one in read(engine, "extremism")] == [3]
        assert [one.seq for one in read(engine, after=1)] == [3]

    def test_a_change_that_took_a_flag_away_is_told(self, engine: Engine) -> None:
        (one,) = publish(engine, "sanctions")
        tell_again(engine, one, lost="{sanctions}")
        tell_again(engine, one)
        assert [(change.seq, change.is_first, change.is_last) for change in read(engine)] == [
            (1, True, False),
            (2, False, True),
        ]

    def test_of_a_topic_the_last_that_concerned_it_counts(self, engine: Engine) -> None:
        (one,) = publish(engine, "sanctions")
        tell_again(engine, one, "extremism", lost="{sanctions}")
        tell_again(engine, one, "extremism", "arms-control")
        told = {topic: [(c.seq, c.is_first, c.is_last) for c in read(engine, topic)] for topic in
                ("sanctions", "extremism", "arms-control")}  # fmt: skip
        assert told == {
            "sanctions": [(1, True, False), (2, False, True)],
            "extremism": [(2, True, False), (3, False, True)],
            "arms-control": [(3, True, True)],
        }

    def test_a_change_knows_the_times_of_those_before_whatever_topic_is_asked_for(self, engine: Engine) -> None:
        (one,) = publish(engine, "sanctions")
        tell_again(engine, one, "extremism", lost="{sanctions}")
        set_times(engine, 5, 9)
        for topic in (None, "extremism"):
            assert read(engine, topic)[-1].times == (MOMENT + timedelta(seconds=5), MOMENT + timedelta(seconds=9))

    def test_what_is_not_numbered_yet_is_not_told(self, engine: Engine) -> None:
        (one,) = publish(engine, "sanctions")
        run_sql(engine, AGAIN, id=one, flags='[{"topic": "extremism", "flagged": true}]', lost="{}")
        with engine.begin() as connection:
            assert [(c.seq, c.is_last) for c in flagged_of(connection, [one])] == [(1, True)]


class TestWhenItWasAdded:
    def test_it_grows_with_the_number_although_the_times_of_writing_do_not(self, engine: Engine) -> None:
        publish(engine, *["sanctions"] * 6)
        added = set_times(engine, 10, 10, 3, 10, 12, 11)
        assert added == sorted(set(added))
        assert added[:4] == [MOMENT + timedelta(seconds=10) + STEP * place for place in range(4)]
        assert added[4] == MOMENT + timedelta(seconds=12)

    def test_who_asks_by_time_gets_everything_after_it_once(self, engine: Engine) -> None:
        publish(engine, *["sanctions"] * 5)
        for seconds in ((1, 2, 3, 4, 5), (9, 1, 2, 8, 10), (5, 5, 5, 5, 5)):
            added = set_times(engine, *seconds)
            with engine.connect() as connection:
                assert first_added_after(connection, MOMENT) == 1
                for seq, moment in enumerate(added, start=1):
                    # while there may be objects of a change behind it, up to the last
                    for behind in (timedelta(microseconds=-1), timedelta(0), STEP - timedelta(microseconds=2)):
                        assert first_added_after(connection, moment + behind) == seq
                    assert first_added_after(connection, moment + STEP - timedelta(microseconds=1)) == seq + 1

    def test_only_so_many_changes_before_are_looked_at(self, engine: Engine) -> None:
        assert timedelta(milliseconds=50) > DISORDER * STEP


def test_a_ledger_is_as_old_as_its_id(engine: Engine) -> None:
    with engine.begin() as connection:
        first = ledger_since(connection)
    with engine.begin() as connection:
        assert ledger_since(connection) == first


def test_outlets_are_told_as_changes_tell_them(engine: Engine) -> None:
    publish(engine, "sanctions")
    with engine.connect() as connection:
        assert outlets(connection) == [read(engine)[0].article["source"]]
