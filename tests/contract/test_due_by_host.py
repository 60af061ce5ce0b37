"""What is handed out of the entries that wait: a few for each host that may be asked; no host waits for another."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select

from tests.making import (
    bring,
    count_of,
    discover,
    expire_leases,
    let_wait_pass,
    make_feed_entry,
    make_ledger,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    row_of,
    run_sql,
)
from workers.domain.outcomes import State
from workers.store.engine import make_engine
from workers.store.hosts import Ended, HostBook
from workers.store.ledger import Ledger
from workers.store.schema import entry

AHEAD_S = 20.0

#: What keeps a host's entries from being handed out, as columns of its row.
CLOSED = [
    pytest.param("in_flight_until = now() + interval '1 min', in_flight_token = gen_random_uuid()", id="held"),
    pytest.param("next_allowed_at = now() + interval '25 s'", id="rests"),
    pytest.param("hinted_until = now() + interval '5 s'", id="hinted"),
]
OPEN = [
    pytest.param("in_flight_until = now() - interval '1 s', in_flight_token = gen_random_uuid()", id="holder died"),
    pytest.param("next_allowed_at = now() + interval '15 s'", id="opens soon"),
    pytest.param("hinted_until = now() - interval '1 s'", id="hint was lost"),
]


@pytest.fixture
def many(database_url: str) -> Iterator[Engine]:
    """An engine for sweepers that come at the same time."""
    made = make_engine(database_url, role="test sweepers", pool_size=6)
    yield made
    made.dispose()


def by_host(engine: Engine, per_host: int = 3) -> Ledger:
    return make_ledger(engine, per_host=per_host, ahead_s=AHEAD_S)


def add_waiting(engine: Engine, host: str, count: int, *, age_s: float = 0) -> None:
    """Add entries of a host that are due since `age_s`, each a second younger than the one before."""
    make_source_ledger(engine).sync([make_source()])
    run_sql(
        engine,
        """INSERT INTO entry (id, source_id, url, url_key, host, feed, due_at)
           SELECT uuidv7(), 'agency', 'https://' || :host || '/' || n, md5(:host || n), :host, '{}',
                  now() - make_interval(secs => :age_s) + make_interval(secs => least(n, :age_s))
             FROM generate_series(1, :count) AS n""",
        host=host,
        count=count,
        age_s=age_s,
    )


def set_host(engine: Engine, name: str, columns: str) -> None:
    run_sql(engine, "INSERT INTO host (name) VALUES (:name) ON CONFLICT DO NOTHING", name=name)
    run_sql(engine, f"UPDATE host SET {columns} WHERE name = :name", name=name)


def urls(engine: Engine, ids: list[UUID]) -> list[str]:
    """Return the URLs of entries, in this order."""
    with engine.connect() as connection:
        found = {row.id: row.url for row in connection.execute(select(entry).where(entry.c.id.in_(ids)))}
    return [found[one] for one in ids]


def handed_out(engine: Engine, limit: int = 100, *, per_host: int = 3) -> list[str]:
    due = by_host(engine, per_host).due(State.DISCOVERED, limit)
    return urls(engine, [UUID(str(one.id)) for one in due])


class TestDue:
    def test_a_few_of_each_host_and_the_oldest_of_them(self, engine: Engine) -> None:
        add_waiting(engine, "a.example", 10, age_s=100)
        add_waiting(engine, "b.example", 2, age_s=50)
        assert handed_out(engine) == [
            "https://a.example/1", "https://a.example/2", "https://a.example/3",
            "https://b.example/1", "https://b.example/2",
        ]  # fmt: skip

    def test_the_next_come_when_the_host_is_given_back_or_the_hint_was_lost(self, engine: Engine) -> None:
        add_waiting(engine, "a.example", 7, age_s=100)
        assert len(handed_out(engine)) == 3
        assert handed_out(engine) == [], "they are on their way"
        book, token = HostBook(engine, lease_s=60, ahead_s=AHEAD_S), uuid4()
        book.reserve(["a.example"], token)
        assert handed_out(engine) == [], "somebody asks the host"
        book.release(token, {"a.example": Ended(rest_s=5)})
        assert handed_out(engine) == [f"https://a.example/{number}" for number in (4, 5, 6)]
        set_host(engine, "a.example", "hinted_until = now() - interval '1 s'")
        assert handed_out(engine) == ["https://a.example/7"]

    @pytest.mark.parametrize("columns", CLOSED)
    def test_none_of_a_host_that_is_not_to_be_asked_now(self, engine: Engine, columns: str) -> None:
        add_waiting(engine, "a.example", 3)
        add_waiting(engine, "b.example", 1)
        set_host(engine, "a.example", columns)
        assert handed_out(engine) == ["https://b.example/1"]

    @pytest.mark.parametrize("columns", OPEN)
    def test_those_of_a_host_that_opens_soon_or_is_held_no_more(self, engine: Engine, columns: str) -> None:
        add_waiting(engine, "a.example", 1)
        set_host(engine, "a.example", columns)
        assert handed_out(engine) == ["https://a.example/1"]

    def test_what_was_handed_out_is_put_off_and_what_was_not_stays_due(self, engine: Engine) -> None:
        add_waiting(engine, "a.example", 3)
        ids = [UUID(str(one.id)) for one in by_host(engine, 1).due(State.DISCOVERED, 10)]
        (seen,) = [row_of(engine, one) for one in ids]
        assert 25 < (seen.due_at - seen.now).total_seconds() <= 30
        with engine.connect() as connection:
            waiting = select(entry.c.id).where(entry.c.id.not_in(ids), entry.c.due_at <= seen.now)
            assert len(connection.execute(waiting).all()) == 2

    def test_no_more_than_asked_for_and_hosts_of_which_none_came_are_not_marked(self, engine: Engine) -> None:
        for place, name in enumerate("abc"):
            add_waiting(engine, f"{name}.example", 2, age_s=100 - 10 * place)
        assert handed_out(engine, 3) == ["https://a.example/1", "https://a.example/2", "https://b.example/1"]
        assert handed_out(engine, 3) == ["https://c.example/1", "https://c.example/2"]

    def test_a_host_with_50_000_does_not_keep_another_waiting(self, engine: Engine) -> None:
        add_waiting(engine, "flood.example", 50_000, age_s=90_000)
        add_waiting(engine, "small.example", 1)
        begun = time.monotonic()
        found = handed_out(engine, 50)
        took = time.monotonic() - begun
        assert found == [*(f"https://flood.example/{number}" for number in (1, 2, 3)), "https://small.example/1"]
        assert took < 1
        add_waiting(engine, "late.example", 1)
        begun = time.monotonic()
        assert handed_out(engine, 50) == ["https://late.example/1"]
        assert time.monotonic() - begun < 1

    def test_sweepers_at_once_never_hand_out_one_entry_twice(self, many: Engine) -> None:
        hosts = [f"host{number}.example" for number in range(20)]
        for name in hosts:
            add_waiting(many, name, 12)
        together = threading.Barrier(4)
        rounds = 4

        def sweep(_: int) -> list[list[UUID]]:
            ledger = by_host(many)
            found = []
            for _ in range(rounds):
                together.wait(20)
                found.append([UUID(str(one.id)) for one in ledger.due(State.DISCOVERED, 1_000)])
                if together.wait(20) == 0:
                    run_sql(many, "UPDATE host SET hinted_until = NULL")
            return found

        with ThreadPoolExecutor(4) as pool:
            by_sweeper = list(pool.map(sweep, range(4)))
        given = [one for rounds_of in by_sweeper for found in rounds_of for one in found]
        assert len(given) == len(set(given)) == 12 * len(hosts)

    def test_two_sweepers_together_hand_out_no_more_of_a_host_than_one(self, engine: Engine) -> None:
        add_waiting(engine, "a.example", 9, age_s=100)
        with ThreadPoolExecutor(2) as pool:
            found = [one for some in pool.map(lambda _: handed_out(engine), range(2)) for one in some]
        assert sorted(found) == [f"https://a.example/{number}" for number in (1, 2, 3)]

    def test_a_sweeper_passes_by_rows_that_another_transaction_holds(self, engine: Engine) -> None:
        add_waiting(engine, "a.example", 2, age_s=100)
        with engine.begin() as other:
            other.exec_driver_sql("SELECT FROM entry WHERE url = 'https://a.example/1' FOR UPDATE")
            assert handed_out(engine) == ["https://a.example/2"]

    def test_what_killed_its_process_is_to_travel_alone(self, engine: Engine) -> None:
        ids = discover(engine, 2)
        ledger = by_host(engine)
        ledger.claim(ids[:1], State.DISCOVERED)
        expire_leases(engine)
        let_wait_pass(engine)
        assert {one.id: one.alone for one in ledger.due(State.DISCOVERED, 10)} == {ids[0]: True, ids[1]: False}

    def test_hosts_matter_for_fetching_only(self, engine: Engine) -> None:
        ids = bring(engine, discover(engine, 5), State.FETCHED)
        let_wait_pass(engine)
        set_host(engine, "agency.example", "in_flight_until = now() + interval '1 min'")
        assert {one.id for one in by_host(engine, 1).due(State.FETCHED, 10)} == set(ids)


class TestHandedOnAtOnce:
    """What a poll finds goes on at once as far as its hosts allow; the sweeper finds the others."""

    def poll(self, engine: Engine, *found: str, source: str = "agency", per_host: int = 2) -> list[str]:
        """Record a poll that found these, and return which of them were handed on."""
        sources = make_source_ledger(engine, per_host=per_host, ahead_s=AHEAD_S)
        sources.sync([make_source("agency"), make_source("other")])
        links = [make_feed_entry(url, url=url) for url in found]
        recorded = record(sources, source, poll_result(*links))
        assert recorded.new == len(found)
        return urls(engine, list(recorded.ready))

    def test_a_few_of_each_host_the_newest_first(self, engine: Engine) -> None:
        links = [f"https://{name}.example/{number}" for number in range(4) for name in "ab"]
        assert self.poll(engine, *links) == links[:4]
        with engine.connect() as connection:
            due_now = {row.url: row.due_at <= row.discovered_at for row in connection.execute(select(entry))}
        assert due_now == {link: link not in links[:4] for link in links}, "the others are due to the sweeper at once"

    @pytest.mark.parametrize("columns", CLOSED)
    def test_none_of_a_host_that_is_not_to_be_asked_now(self, engine: Engine, columns: str) -> None:
        set_host(engine, "a.example", columns)
        assert self.poll(engine, "https://a.example/1", "https://b.example/1") == ["https://b.example/1"]

    @pytest.mark.parametrize("columns", OPEN)
    def test_those_of_a_host_that_opens_soon_or_is_held_no_more(self, engine: Engine, columns: str) -> None:
        set_host(engine, "a.example", columns)
        assert self.poll(engine, "https://a.example/1") == ["https://a.example/1"]

    def test_their_hosts_count_as_hinted_at(self, engine: Engine) -> None:
        assert len(self.poll(engine, *(f"https://a.example/{number}" for number in range(3)))) == 2
        assert self.poll(engine, "https://a.example/9", source="other") == []
        assert handed_out(engine) == []
        run_sql(engine, "UPDATE host SET hinted_until = NULL")
        assert handed_out(engine) == ["https://a.example/2", "https://a.example/9"]

    def test_where_hosts_do_not_matter_all_go_on_and_no_host_is_noted(self, engine: Engine) -> None:
        discover(engine, 5)
        assert count_of(engine, "host") == 0
