"""Hosts in hand (promise 7): whoever holds a host's row may ask it, and nobody else, however many try at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from tests.making import run_sql
from tests.waiting import wait_until
from workers.store.engine import make_engine
from workers.store.hosts import Ended, HostBook, Turn

LEASE_S, AHEAD_S = 60.0, 20.0


@pytest.fixture
def many(database_url: str) -> Iterator[Engine]:
    """An engine for sessions that come at the same time."""
    made = make_engine(database_url, role="test hosts", pool_size=8)
    yield made
    made.dispose()


def make_book(engine: Engine) -> HostBook:
    return HostBook(engine, lease_s=LEASE_S, ahead_s=AHEAD_S)


def host_row(engine: Engine, name: str = "one.example") -> Any:
    with engine.connect() as connection:
        query = "SELECT *, extract(epoch FROM next_allowed_at - now())::float AS rests FROM host WHERE name = :name"
        return connection.execute(text(query), {"name": name}).one()


def let_rest(engine: Engine, seconds: float, name: str = "one.example") -> None:
    run_sql(
        engine,
        "INSERT INTO host (name, next_allowed_at) VALUES (:name, now() + make_interval(secs => :seconds))",
        name=name,
        seconds=seconds,
    )


def end_lease(engine: Engine) -> None:
    run_sql(engine, "UPDATE host SET in_flight_until = now() - interval '1 s'")


class TestReserve:
    def test_a_host_that_nobody_knows_is_granted_at_once(self, engine: Engine) -> None:
        token = uuid4()
        assert make_book(engine).reserve(["one.example"], token) == {"one.example": Turn(True, 0.0)}
        assert host_row(engine).in_flight_token == token

    def test_each_name_gets_its_turn_and_none_gets_none(self, engine: Engine) -> None:
        book = make_book(engine)
        assert book.reserve([], uuid4()) == {}
        book.reserve(["b.example"], uuid4())
        turns = book.reserve(["c.example", "a.example", "b.example", "a.example"], uuid4())
        assert {name: turn.granted for name, turn in turns.items()} == {
            "a.example": True, "b.example": False, "c.example": True,
        }  # fmt: skip

    def test_of_many_at_once_exactly_one_holds_a_host(self, many: Engine) -> None:
        names = [f"host{number}.example" for number in range(3)]
        for round_number in range(5):
            together = threading.Barrier(8)
            book = make_book(many)

            def reserve(_: int, barrier: threading.Barrier = together, book: HostBook = book) -> dict[str, Turn]:
                barrier.wait(10)
                return book.reserve(names, uuid4())

            with ThreadPoolExecutor(8) as pool:
                told = list(pool.map(reserve, range(8)))
            for name in names:
                turns = [turns[name] for turns in told]
                assert [turn.granted for turn in turns].count(True) == 1, (round_number, name)
                assert {turn.wait_s for turn in turns if not turn.granted} == {AHEAD_S}, "it is worth asking then"
            end_lease(many)

    @pytest.mark.parametrize(
        ("rests_s", "granted"), [(-100, True), (0, True), (19, True), (21, False), (86_000, False)]
    )
    def test_one_that_rests_is_handed_out_shortly_before_it_may_be_asked(
        self, engine: Engine, rests_s: float, granted: bool
    ) -> None:
        let_rest(engine, rests_s)
        turn = make_book(engine).reserve(["one.example"], uuid4())["one.example"]
        assert turn.granted is granted
        left_s = max(0, rests_s) if granted else rests_s - AHEAD_S  # until it may be asked, or is worth reserving
        assert left_s - 1 < turn.wait_s <= left_s
        assert (host_row(engine).in_flight_token is not None) is granted

    def test_one_that_is_held_and_rests_is_worth_asking_after_both(self, engine: Engine) -> None:
        book = make_book(engine)
        book.reserve(["one.example"], uuid4())
        run_sql(engine, "UPDATE host SET next_allowed_at = now() + interval '100 s'")
        left_s = 100 - AHEAD_S
        assert left_s - 1 < book.reserve(["one.example"], uuid4())["one.example"].wait_s <= left_s

    def test_a_hold_ends_with_the_lease(self, engine: Engine) -> None:
        book = make_book(engine)
        book.reserve(["one.example"], uuid4())
        with engine.connect() as connection:
            lease = connection.execute(
                text("SELECT extract(epoch FROM in_flight_until - now()) FROM host")
            ).scalar_one()
        assert LEASE_S - 2 < lease <= LEASE_S
        end_lease(engine)
        second = uuid4()
        assert book.reserve(["one.example"], second)["one.example"].granted
        assert host_row(engine).in_flight_token == second
        assert not book.reserve(["one.example"], uuid4())["one.example"].granted

    def test_the_moment_is_that_of_the_lock_and_not_of_the_transactions_beginning(self, engine: Engine) -> None:
        """Whoever waited for a row sees whether its holder's time was over when the wait ended."""
        let_rest(engine, 0)
        with ThreadPoolExecutor(1) as pool:
            with engine.begin() as other:
                other.exec_driver_sql(
                    "UPDATE host SET in_flight_token = gen_random_uuid(),"
                    " in_flight_until = clock_timestamp() + interval '0.4 s'"
                )
                waiting = pool.submit(make_book(engine).reserve, ["one.example"], uuid4())
                wait_until(lambda: blocked(engine))
                other.exec_driver_sql("SELECT pg_sleep(0.5)")
            assert waiting.result(10)["one.example"].granted


class TestRelease:
    def test_the_host_is_free_again_after_its_rest(self, engine: Engine) -> None:
        book, token = make_book(engine), uuid4()
        book.reserve(["one.example"], token)
        run_sql(engine, "UPDATE host SET hinted_until = now() + interval '30 s'")
        book.release(token, {"one.example": Ended(rest_s=5.5, penalised=False)})
        row = host_row(engine)
        assert (row.in_flight_token, row.in_flight_until, row.hinted_until) == (None, None, None)
        assert 5 < row.rests <= 5.5
        turn = book.reserve(["one.example"], uuid4())["one.example"]
        assert turn.granted
        assert 4 < turn.wait_s <= 5.5

    @pytest.mark.parametrize("lost", [False, True])
    def test_by_a_strangers_token_it_changes_nothing(self, engine: Engine, lost: bool) -> None:
        book, stranger = make_book(engine), uuid4()
        if lost:  # it was the holder once
            book.reserve(["one.example"], stranger)
            end_lease(engine)
        book.reserve(["one.example"], uuid4())
        before = host_row(engine)[:-1]
        book.release(stranger, {"one.example": Ended(rest_s=900, penalised=True), "two.example": Ended(rest_s=9)})
        assert host_row(engine)[:-1] == before
        with engine.connect() as connection:
            assert connection.execute(text("SELECT name FROM host")).scalars().all() == ["one.example"]

    def test_who_is_late_but_was_not_followed_still_says_how_it_went(self, engine: Engine) -> None:
        book, token = make_book(engine), uuid4()
        book.reserve(["one.example"], token)
        end_lease(engine)
        book.release(token, {"one.example": Ended(rest_s=50, penalised=True)})
        assert (host_row(engine).penalties, host_row(engine).rests > 45) == (1, True)

    @pytest.mark.parametrize(("penalised", "left"), [(None, 3), (True, 4), (False, 0)])
    def test_penalties_in_a_row_are_counted_and_told(self, engine: Engine, penalised: bool | None, left: int) -> None:
        book, token = make_book(engine), uuid4()
        book.reserve(["one.example"], token)
        run_sql(engine, "UPDATE host SET penalties = 3")
        book.release(token, {"one.example": Ended(penalised=penalised)})
        assert host_row(engine).penalties == left
        assert book.reserve(["one.example"], uuid4())["one.example"].penalties == left

    def test_a_rest_is_never_made_shorter(self, engine: Engine) -> None:
        book, token = make_book(engine), uuid4()
        let_rest(engine, 15)
        book.reserve(["one.example"], token)
        book.release(token, {"one.example": Ended(rest_s=1)})
        assert 13 < host_row(engine).rests <= 15

    def test_each_of_several_hosts_ends_in_its_own_way(self, engine: Engine) -> None:
        book, token = make_book(engine), uuid4()
        book.reserve(["a.example", "b.example", "c.example"], token)
        book.release(token, {"b.example": Ended(rest_s=300, penalised=True), "a.example": Ended()})
        book.release(token, {})
        assert (host_row(engine, "a.example").penalties, host_row(engine, "a.example").rests <= 0) == (0, True)
        assert (host_row(engine, "b.example").penalties, host_row(engine, "b.example").rests > 290) == (1, True)
        assert host_row(engine, "c.example").in_flight_token == token, "what was not named is still held"


NAMES = [f"host{number}.example" for number in range(9)]


class TestTogether:
    """Many sessions with overlapping hosts, in any order."""

    @pytest.fixture
    def upside_down(self, many: Engine) -> Engine:
        """Hosts whose rows lie in the table from the last name to the first."""
        for name in reversed(NAMES):
            let_rest(many, -1, name)
        run_sql(many, "ANALYZE host")
        return many

    def test_they_never_block_one_another_for_good_and_never_share_a_host(self, upside_down: Engine) -> None:
        book = make_book(upside_down)
        held: dict[str, UUID] = {}
        shared: list[str] = []
        guard = threading.Lock()
        together = threading.Barrier(8)

        def work(seed: int) -> int:
            chance = Random(seed)
            granted = 0
            together.wait(10)
            for _ in range(25):
                token = uuid4()
                names = chance.sample(NAMES, 6)
                mine = [name for name, turn in book.reserve(names, token).items() if turn.granted]
                with guard:
                    shared.extend(name for name in mine if name in held)
                    held.update(dict.fromkeys(mine, token))
                granted += len(mine)
                chance.shuffle(mine)
                with guard:
                    for name in mine:
                        del held[name]
                book.release(token, {name: Ended() for name in mine})
            return granted

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(work, range(8))) > 0
        assert shared == []
        with upside_down.connect() as connection:
            query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            assert connection.execute(text(query)).scalar_one() == 0

    @pytest.mark.parametrize("what", ["reserve", "release"])
    def test_rows_are_locked_in_the_order_of_their_names(self, upside_down: Engine, what: str) -> None:
        book, token = make_book(upside_down), uuid4()
        if what == "release":
            book.reserve(NAMES, token)
        action: Callable[[], Any] = {
            "reserve": lambda: book.reserve(NAMES, token),
            "release": lambda: book.release(token, {name: Ended() for name in reversed(NAMES)}),
        }[what]
        with ThreadPoolExecutor(1) as pool:
            with upside_down.begin() as other:
                other.exec_driver_sql(f"SELECT FROM host WHERE name = '{NAMES[0]}' FOR UPDATE")
                waiting = pool.submit(action)
                wait_until(lambda: blocked(upside_down))
                with upside_down.begin() as third:
                    free = third.exec_driver_sql("SELECT name FROM host FOR UPDATE SKIP LOCKED").scalars().all()
                assert sorted(free) == NAMES[1:], "who waits for the first holds none of the others"
            waiting.result(10)


def blocked(engine: Engine) -> bool:
    """Return whether a session of this database waits for a lock."""
    with engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(connection.execute(text(query)).scalar_one())
