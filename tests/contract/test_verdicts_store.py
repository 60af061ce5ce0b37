"""Verdicts in the real store: what is kept of each, and which count."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from tests.making import advance, bring, discover, make_article, make_classified, make_flag, run_sql, set_entry
from workers.domain.outcomes import State
from workers.store.verdicts import (
    JudgedArticle,
    Verdict,
    candidates,
    is_judged,
    judged_articles,
    verdicts_of,
    write_verdict,
)


def publish(engine: Engine, *made: Any) -> list[UUID]:
    """Publish articles; return their ids in the order of `made`."""
    return bring(engine, discover(engine, len(made)), State.CLASSIFIED, list(made))


def judge(engine: Engine, one: UUID, said: str, *, topic: str = "sanctions", analyst: str = "desk", **more: Any) -> Any:
    return write_verdict(engine, one, topic=topic, given=Verdict(said), analyst=analyst, **more)


def test_a_verdict_is_kept_with_what_the_classifier_said_then(engine: Engine) -> None:
    (one,) = publish(engine, make_classified(0, make_flag("sanctions", probability=0.38, flagged=False)))
    stored = judge(engine, one, "confirmed", note="half\0of it")
    with engine.connect() as connection:
        assert verdicts_of(connection, one, limit=5) == [stored]
    assert stored.pop("at").endswith("Z")
    assert stored == {
        "id": 1,
        "article_id": str(one),
        "version": 1,
        "topic": "sanctions",
        "verdict": "confirmed",
        "analyst": "desk",
        "note": "halfof it",
        "flag": {"probability": 0.38, "flagged": False, "pack_version": "1", "model": "test 1"},
    }


def test_a_topic_without_evidence_can_be_confirmed(engine: Engine) -> None:
    (one,) = publish(engine, make_classified(0))
    assert judge(engine, one, "confirmed")["flag"] is None


def test_what_is_not_published_cannot_be_judged(engine: Engine) -> None:
    (one,) = discover(engine)
    bring(engine, [one], State.EXTRACTED)
    assert judge(engine, one, "confirmed") is None
    assert judge(engine, one, "confirmed", version=1) is None
    assert judge(engine, uuid4(), "confirmed") is None


def test_a_version_may_be_named_and_the_last_is_meant_else(engine: Engine) -> None:
    (one,) = publish(engine, make_classified(0, title="First"))
    set_entry(engine, one, state="discovered", due_at="2026-01-01", not_before="2026-01-01")
    for state in (State.DISCOVERED, State.FETCHED, State.EXTRACTED):
        made = make_article(0, title="Second")
        value = [made] if state is State.FETCHED else [make_classified(0, title="Second")]
        assert advance(engine, [one], state, None if state is State.DISCOVERED else value) == [one]
    assert judge(engine, one, "rejected", version=1)["version"] == 1
    assert judge(engine, one, "confirmed", analyst="other")["version"] == 2
    assert judge(engine, one, "confirmed", version=3) is None
    with engine.connect() as connection:
        found = [(article.title, article.confirmed, article.rejected) for article in judged_articles(connection)]
    sanctions = frozenset({"sanctions"})
    assert found == [("First", frozenset(), sanctions), ("Second", sanctions, frozenset())]


def test_no_other_word_is_stored(engine: Engine) -> None:
    (one,) = publish(engine, make_classified(0))
    judge(engine, one, "confirmed")
    with pytest.raises(IntegrityError, match="ck_verdict_verdict"):
        run_sql(engine, "UPDATE verdict SET verdict = 'perhaps'")


@pytest.mark.parametrize(
    ("said", "confirmed", "rejected"),
    [
        ([("desk", "confirmed")], True, False),
        ([("desk", "confirmed"), ("desk", "rejected")], False, True),
        ([("desk", "confirmed"), ("other", "confirmed")], True, False),
        ([("desk", "confirmed"), ("other", "rejected")], False, False),
        ([("desk", "confirmed"), ("other", "rejected"), ("desk", "rejected")], False, True),
    ],
)
def test_the_newest_of_each_analyst_counts_and_dissent_counts_neither_way(
    engine: Engine, said: list[tuple[str, str]], confirmed: bool, rejected: bool
) -> None:
    (one,) = publish(engine, make_classified(0, title="T", text="Text.", language="fa"))
    for analyst, word in said:
        judge(engine, one, word, analyst=analyst)
    topic = frozenset({"sanctions"})
    none: frozenset[str] = frozenset()
    with engine.connect() as connection:
        assert judged_articles(connection) == [
            JudgedArticle("fa", "T", "Text.", topic if confirmed else none, topic if rejected else none)
        ]


class TestCandidates:
    def test_all_evidence_for_the_topics_is_there_with_its_story(self, engine: Engine) -> None:
        flags = [make_flag("sanctions", probability=0.4), make_flag("unwatched")]
        first, twin = publish(
            engine,
            make_classified(0, *flags, fingerprint="one"),
            make_classified(1, make_flag("sanctions", probability=0.6), fingerprint="one", language="fa"),
        )
        owner = min(first, twin)
        judge(engine, first, "rejected", topic="extremism")
        with engine.connect() as connection:
            found = candidates(connection, topics=["sanctions", "extremism"], newest=10)
            assert {(c.id, c.topic, c.probability, c.story, c.is_judged) for c in found} == {
                (first, "sanctions", 0.4, owner, False),
                (twin, "sanctions", 0.6, owner, False),
            }
            assert [c.id for c in candidates(connection, topics=["sanctions"], language="fa", newest=10)] == [twin]
            assert [c.id for c in candidates(connection, topics=["sanctions"], newest=1)] == [max(first, twin)]

    def test_what_was_judged_is_known_and_so_is_its_copy(self, engine: Engine) -> None:
        ids = publish(engine, *(make_classified(n, make_flag("sanctions"), fingerprint="one") for n in range(2)))
        judge(engine, min(ids), "rejected")
        with engine.connect() as connection:
            assert [c.is_judged for c in candidates(connection, topics=["sanctions"], newest=10)] == [True, True]
            assert is_judged(connection, min(ids), "sanctions")
            assert not is_judged(connection, max(ids), "sanctions")

    def test_a_look_at_the_newest_20000_articles_is_quick(self, engine: Engine) -> None:
        run_sql(
            engine,
            """
            INSERT INTO source (id, name, url, language, country, owner, state_owned)
                 VALUES ('agency', 'n', 'u', 'en', 'GB', 'o', false);
            INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version)
                 SELECT uuidv7(), 'agency', 'u', n, 'agency.example', '{}', 'classified', 1
                   FROM generate_series(1, 20000) AS n;
            INSERT INTO change (event_id, entry_id, version, type, payload)
                 SELECT uuidv7(), id, 1, 'created', jsonb_build_object('duplicate_of', null, 'x', repeat('flag ', 800))
                   FROM entry;
            INSERT INTO flag SELECT id, 1, topic, 0.4, true, '[]', '1', '1'
                   FROM entry, unnest(ARRAY['sanctions', 'extremism']) AS topic;
            """,
        )
        run_sql(engine, "ANALYZE")
        with engine.connect() as connection:
            connection.exec_driver_sql("SET statement_timeout = '4s'")  # measured: 0.8 s
            assert len(candidates(connection, topics=["sanctions", "extremism"], newest=20_000)) == 40_000
