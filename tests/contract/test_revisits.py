"""Later looks at a page: what readers have is never taken away, and an edit is a new version, never a new article."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from tests.making import (
    NEXT,
    count_of,
    created_changes,
    discover,
    expire_leases,
    let_wait_pass,
    make_article,
    make_classified,
    make_flag,
    make_ledger,
    make_page,
    row_of,
    run_sql,
    set_entry,
    settle_advanced,
)
from workers.domain.outcomes import (
    Advanced,
    Deferred,
    Dropped,
    DropReason,
    Failed,
    Hop,
    Outcome,
    QuarantineReason,
    RetryReason,
    State,
    Unchanged,
)
from workers.store.articles import articles_of, published_of, write_articles, write_classified
from workers.store.changes import changes_after, number
from workers.store.engine import make_engine
from workers.store.ledger import Ledger, Settled
from workers.store.overview import broken_invariants, overview
from workers.store.pages import write_pages
from workers.store.reading import article_by_id, list_articles
from workers.store.schema import article, change

HOUR_S = 3_600
LOOKS = (1 * HOUR_S, 6 * HOUR_S, 24 * HOUR_S)
WRITERS: dict[State, Any] = {
    State.DISCOVERED: write_pages,
    State.FETCHED: write_articles,
    State.EXTRACTED: write_classified,
}


@pytest.fixture
def many(database_url: str) -> Iterator[Engine]:
    """An engine for sweepers that come at the same time."""
    made = make_engine(database_url, role="test sweepers", pool_size=4)
    yield made
    made.dispose()


def looking_again(engine: Engine) -> Ledger:
    return make_ledger(engine, revisit_after=reversed(LOOKS))


def set_age(engine: Engine, hours: float) -> None:
    run_sql(engine, "UPDATE entry SET discovered_at = now() - make_interval(secs => :s)", s=hours * HOUR_S)


def step(engine: Engine, one: UUID, state: State, value: Any = None) -> None:
    """Complete one step of an entry, as a worker that looks again later does."""
    let_wait_pass(engine)
    ledger = looking_again(engine)
    claim = ledger.claim([one], state)
    assert settle_advanced(ledger, claim, {one: value} if value else None) == [one]


def publish(engine: Engine, *, age_h: float = 0, count: int = 1, **facts: Any) -> list[UUID]:
    ids = discover(engine, count, **facts)
    set_age(engine, age_h)
    for one in ids:
        for state in NEXT:
            step(engine, one, state)
    relay(engine)
    return ids


def look_again(engine: Engine, one: UUID, until: State = State.DISCOVERED) -> None:
    """Begin a later look at a published entry, and bring it to a step."""
    set_entry(engine, one, revisit_at=row_of(engine, one).now)
    assert looking_again(engine).begin_revisits(10) == 1
    for state in [*NEXT][: [*NEXT].index(until)]:
        step(engine, one, state, edited(state, "edited"))


def edited(state: State, word: str, **facts: Any) -> Any:
    """Return what a step makes of a page that was changed."""
    if state is State.DISCOVERED:
        return make_page(word.encode())
    if state is State.FETCHED:
        return make_article(text=word, **facts)
    return make_classified(word, make_flag("sanctions"), text=word, **facts)


def publish_edit(engine: Engine, one: UUID, word: str, **facts: Any) -> None:
    look_again(engine, one)
    for state in NEXT:
        step(engine, one, state, edited(state, word, **(facts if state is not State.DISCOVERED else {})))
    relay(engine)


def end(engine: Engine, one: UUID, state: State, ending: Outcome[Any]) -> Settled[Any]:
    let_wait_pass(engine)
    ledger = looking_again(engine)
    claim = ledger.claim([one], state)
    return ledger.settle(claim, [(claim.entries[0], ending)], to=NEXT[state], write=WRITERS[state])


def relay(engine: Engine) -> None:
    with engine.begin() as connection:
        number(connection)


def read(engine: Engine, one: UUID) -> tuple[Any, ...]:
    """Return everything that readers are given of an article."""
    with engine.connect() as connection:
        return (
            article_by_id(connection, one),
            list_articles(connection, limit=10),
            list_articles(connection, limit=10, topic="border-cooperation"),
            list_articles(connection, limit=10, language="en"),
            [dict(row) for row in changes_after(connection, 0, 10)],
        )


class TestMoments:
    @pytest.mark.parametrize(
        ("age_h", "next_h"), [(0, 1), (0.9, 1), (1.1, 6), (5.9, 6), (6.1, 24), (23, 24), (25, None), (500, None)]
    )
    def test_the_next_look_is_at_the_next_moment_after_first_sight(
        self, engine: Engine, age_h: float, next_h: float | None
    ) -> None:
        (one,) = publish(engine, age_h=age_h)
        row = row_of(engine, one)
        wanted = None if next_h is None else row.discovered_at + timedelta(hours=next_h)
        assert row.revisit_at == wanted

    def test_a_source_that_does_not_allow_it_is_not_looked_at_again(self, engine: Engine) -> None:
        (one,) = publish(engine, revisited=False)
        assert row_of(engine, one).revisit_at is None

    def test_without_moments_there_is_none(self, engine: Engine) -> None:
        (one,) = discover(engine)
        ledger = make_ledger(engine)
        for state in NEXT:
            settle_advanced(ledger, ledger.claim([one], state))
        assert (row_of(engine, one).state, row_of(engine, one).revisit_at) == ("classified", None)

    def test_no_other_state_has_one(self, engine: Engine) -> None:
        (one,) = discover(engine)
        for state in (State.DISCOVERED, State.FETCHED):
            step(engine, one, state)
            assert row_of(engine, one).revisit_at is None


class TestBegin:
    def test_those_whose_time_has_come_go_down_the_path_again(self, engine: Engine) -> None:
        first, second = publish(engine, count=2)
        ledger = looking_again(engine)
        assert ledger.begin_revisits(10) == 0
        run_sql(engine, "UPDATE entry SET reason = 'timeout', detail = 'last time' WHERE id = :id", id=first)
        set_entry(engine, first, revisit_at=row_of(engine, first).now)
        assert ledger.begin_revisits(10) == 1
        row = row_of(engine, first)
        assert (row.state, row.revisit_at, row.reason, row.attempt, row.version) == ("discovered", None, None, 0, 1)
        assert [due.id for due in ledger.due(State.DISCOVERED, 10)] == [first]
        assert row_of(engine, second).state == "classified"
        assert ledger.begin_revisits(10) == 0

    def test_the_oldest_first_and_no_more_than_asked_for(self, engine: Engine) -> None:
        ids = publish(engine, count=3)
        for age, one in enumerate(ids):
            set_entry(engine, one, revisit_at=row_of(engine, one).now - timedelta(hours=age))
        assert [looking_again(engine).begin_revisits(2) for _ in range(3)] == [2, 1, 0]

    def test_sweepers_at_once_send_each_once_and_wait_for_no_one(self, many: Engine) -> None:
        ids = publish(many, count=4)
        run_sql(many, "UPDATE entry SET revisit_at = now()")
        together = threading.Barrier(3)

        def begin(_: int) -> int:
            together.wait(10)
            return looking_again(many).begin_revisits(10)

        with many.begin() as other:
            other.exec_driver_sql(f"SELECT FROM entry WHERE id = '{ids[0]}' FOR UPDATE")
            with ThreadPoolExecutor(3) as pool:
                assert sum(pool.map(begin, range(3))) == 3
        assert row_of(many, ids[0]).state == "classified"

    def test_the_step_is_told_what_it_saw_last(self, engine: Engine) -> None:
        (one,) = discover(engine)
        hops = (Hop(301, "https://cdn.example/0"),)
        page = make_page(url="https://cdn.example/0", etag='"1"', last_modified="Sun", hops=hops)
        for state in NEXT:
            step(engine, one, state, page if state is State.DISCOVERED else None)
        look_again(engine, one)
        (given,) = looking_again(engine).claim([one], State.DISCOVERED).entries
        assert given.seen is not None
        assert (given.seen.etag, given.seen.last_modified) == ('"1"', "Sun")
        assert given.seen.body_sha == row_of(engine, one).page_sha
        assert (given.version, given.hops, row_of(engine, one).host) == (1, hops, "cdn.example")

    def test_an_entry_without_an_article_has_seen_nothing(self, engine: Engine) -> None:
        (one,) = discover(engine)
        (given,) = looking_again(engine).claim([one], State.DISCOVERED).entries
        assert (given.version, given.seen) == (0, None)


ENDINGS: list[tuple[Outcome[Any], str, str | None]] = [
    (Unchanged("HTTP 304"), "unchanged", None),
    (Dropped(DropReason.GONE, "HTTP 410"), "revisit:gone", "gone"),
    (Dropped(DropReason.NO_TEXT), "revisit:no_text", "no_text"),
    (Deferred(RetryReason.TIMEOUT, "no answer"), "revisit:timeout", "timeout"),
    (Deferred(RetryReason.NOT_FOUND, "HTTP 404"), "revisit:not_found", "not_found"),
    (Failed(QuarantineReason.BUG, "Traceback"), "revisit:bug", "bug"),
]


class TestNothingNew:
    @pytest.mark.parametrize("state", list(NEXT))
    @pytest.mark.parametrize(("ending", "counted", "reason"), ENDINGS)
    def test_readers_keep_what_they_have(
        self, engine: Engine, state: State, ending: Outcome[Any], counted: str, reason: str | None
    ) -> None:
        (one,) = publish(engine, age_h=2)
        before = read(engine, one)
        look_again(engine, one, state)
        assert end(engine, one, state, ending).counts == {counted: 1}
        row = row_of(engine, one)
        assert (row.state, row.version, row.reason) == ("classified", 1, reason)
        assert (row.lease_token, row.attempt, row.failures, row.not_found) == (None, 0, 0, 0)
        assert row.revisit_at == row.discovered_at + timedelta(hours=6), "the next look is at its time"
        relay(engine)
        assert read(engine, one) == before
        assert overview(engine).counts.balanced
        assert broken_invariants(engine) == {}

    @pytest.mark.parametrize("state", list(NEXT))
    def test_a_page_that_kills_its_process_three_times_takes_nothing_away(self, engine: Engine, state: State) -> None:
        (one,) = publish(engine)
        before = read(engine, one)
        look_again(engine, one, state)
        ledger = looking_again(engine)
        let_wait_pass(engine)
        for _ in range(3):
            assert ledger.claim([one], state)
            expire_leases(engine)
        assert not ledger.claim([one], state)
        row = row_of(engine, one)
        assert (row.state, row.reason, row.crashes, row.lease_token) == ("classified", "crashed", 0, None)
        assert read(engine, one) == before
        assert broken_invariants(engine) == {}

    def test_a_text_that_the_store_refuses_takes_nothing_away(self, engine: Engine) -> None:
        (one,) = publish(engine)
        before = read(engine, one)
        look_again(engine, one, State.FETCHED)
        settled = end(engine, one, State.FETCHED, Advanced(make_article(text="a NUL \0 inside")))
        assert settled.counts == {"revisit:unstorable": 1}
        assert (row_of(engine, one).state, row_of(engine, one).reason) == ("classified", "unstorable")
        assert read(engine, one) == before

    def test_the_last_look_was_the_last(self, engine: Engine) -> None:
        (one,) = publish(engine, age_h=23)
        look_again(engine, one)
        set_age(engine, 24.1)
        end(engine, one, State.DISCOVERED, Unchanged())
        assert (row_of(engine, one).state, row_of(engine, one).revisit_at) == ("classified", None)

    def test_waiting_for_its_host_is_no_end_of_a_look(self, engine: Engine) -> None:
        (one,) = publish(engine)
        look_again(engine, one)
        assert end(engine, one, State.DISCOVERED, Deferred(RetryReason.WAITING)).counts == {"deferred:waiting": 1}
        assert (row_of(engine, one).state, row_of(engine, one).attempt) == ("discovered", 0)
        end(engine, one, State.DISCOVERED, Unchanged())
        assert row_of(engine, one).state == "classified"


class TestEdits:
    def test_a_changed_text_is_the_next_version_of_the_same_article(self, engine: Engine) -> None:
        (one,) = publish(engine)
        publish_edit(engine, one, "edited", title="Edited", language="fr")
        assert (row_of(engine, one).state, row_of(engine, one).version) == ("classified", 2)
        told = [(row.entry_id, row.type, row.version, row.seq) for row in created_changes(engine)]
        assert told == [(one, "created", 1, 1), (one, "updated", 2, 2)]
        assert broken_invariants(engine) == {}
        assert overview(engine).counts.balanced
        with engine.connect() as connection:
            found = article_by_id(connection, one)
            assert found is not None
            assert (found["version"], found["title"], found["text"]) == (2, "Edited", "edited")
            assert [row["version"] for row in list_articles(connection, limit=10)] == [2]
            for topic, language, count in (
                ("sanctions", None, 1), ("border-cooperation", None, 0), (None, "fr", 1), (None, "en", 0),
            ):  # fmt: skip
                assert len(list_articles(connection, limit=10, topic=topic, language=language)) == count
            flags = connection.exec_driver_sql("SELECT version, topic FROM flag ORDER BY version").all()
        assert [tuple(row) for row in flags] == [(1, "border-cooperation"), (2, "sanctions")]

    def test_every_edit_counts_and_there_is_never_a_second_created(self, engine: Engine) -> None:
        (one,) = publish(engine)
        for word in ("second", "third"):
            publish_edit(engine, one, word)
        assert [(row.type, row.version, row.seq) for row in created_changes(engine)] == [
            ("created", 1, 1), ("updated", 2, 2), ("updated", 3, 3),
        ]  # fmt: skip
        assert (count_of(engine, "entry"), count_of(engine, "article")) == (1, 3)
        assert broken_invariants(engine) == {}

    def test_who_settles_an_edit_twice_or_too_late_writes_it_once(self, engine: Engine) -> None:
        (one,) = publish(engine)
        look_again(engine, one, State.EXTRACTED)
        let_wait_pass(engine)
        ledger = looking_again(engine)
        late = ledger.claim([one], State.EXTRACTED)
        expire_leases(engine)
        holder = ledger.claim([one], State.EXTRACTED)
        for claim, advanced in ((late, []), (holder, [one]), (holder, []), (late, [])):
            assert settle_advanced(ledger, claim) == advanced
        assert [row.type for row in created_changes(engine)] == ["created", "updated"]
        assert row_of(engine, one).version == 2

    def test_a_half_done_edit_is_not_read_and_the_next_takes_its_place(self, engine: Engine) -> None:
        (one,) = publish(engine)
        before = read(engine, one)
        look_again(engine, one, State.EXTRACTED)
        assert read(engine, one) == before
        let_wait_pass(engine)
        claim = looking_again(engine).claim([one], State.EXTRACTED)
        assert published_of(engine, claim)[one].text == "Border guards met.\nNumber 0."
        assert [value.text for _, value in articles_of(engine, claim)] == ["edited"]
        looking_again(engine).settle(
            claim, [(claim.entries[0], Dropped(DropReason.NOT_AN_ARTICLE))], to=State.CLASSIFIED, write=write_classified
        )
        publish_edit(engine, one, "better")
        with engine.connect() as connection:
            texts = connection.execute(select(article.c.version, article.c.text).order_by(article.c.version)).all()
            types = connection.execute(select(change.c.type).order_by(change.c.id)).scalars().all()
        assert [tuple(row) for row in texts] == [(1, "Border guards met.\nNumber 0."), (2, "better")]
        assert types == ["created", "updated"]
