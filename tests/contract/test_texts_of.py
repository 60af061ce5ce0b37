"""What is given with a page of changes or a list of articles in one query: texts, and when each version was told."""

from uuid import uuid4

from sqlalchemy import Engine, event

from tests.making import advance, bring, created_changes, discover, make_article, make_classified, run_sql, set_entry
from workers.domain.outcomes import State
from workers.store.changes import ledger_id
from workers.store.reading import texts_of, times_of


def test_texts_and_times_are_of_the_versions_that_were_asked_for(engine: Engine) -> None:
    one, other = bring(engine, discover(engine, 2), State.CLASSIFIED)
    set_entry(engine, one, state="fetched")
    second = make_article("second", text="Anew.")
    advance(engine, [one], State.FETCHED, [second])
    advance(engine, [one], State.EXTRACTED, [make_classified("second", text="Anew.")])
    run_sql(
        engine,
        """INSERT INTO change (event_id, entry_id, version, revision, type, payload, created_at)
           SELECT uuidv7(), entry_id, 1, 1, 'reclassified', payload, created_at + interval '1 hour'
             FROM change WHERE entry_id = :id""",
        id=other,
    )
    told = created_changes(engine)
    asked = [(one, 1), (other, 1), (other, 7), (uuid4(), 1)]
    seen: list[str] = []
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: seen.append(given[2]))
        texts, times = texts_of(connection, asked), times_of(connection, asked)
        assert len(seen) == 2, "one query each, however many are asked for"
        assert texts_of(connection, [(one, 2)]) == {(one, 2): "Anew."}
        assert texts_of(connection, []) == times_of(connection, []) == {}
    assert {key: text.splitlines()[0] for key, text in texts.items()} == {
        (one, 1): "Border guards met.", (other, 1): "Border guards met.",
    }  # fmt: skip
    last = {(row.entry_id, row.version): row.created_at for row in told}
    assert times == {key: last[key] for key in asked[:2]}
    assert max(times, key=lambda key: times[key]) == (other, 1), "the last change of that version counts"


def test_asking_for_the_ledger_s_id_again_writes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        first = ledger_id(connection)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        assert ledger_id(connection) == first
