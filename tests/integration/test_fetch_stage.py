"""Fetching on a real PostgreSQL: pages are kept once, and every link ends or waits for a reason."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import zstandard
from psycopg.errors import AdminShutdown
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import OperationalError

from tests.hostile import HostileServer, page, redirect
from tests.making import make_feed_entry, make_source, make_source_ledger, poll_result, record
from tests.manners import Outlet, clock, robots_txt, scripted, way_out
from tests.waiting import wait_until
from workers.domain.outcomes import Deferred, Dropped, DropReason, Hop, RetryReason, State
from workers.domain.ports import FetchFailed, Response
from workers.fetch.stage import fetch_entries
from workers.operate.newsroom import ExpectedDrop, NewsroomServer, decoded_path, load_newsroom
from workers.poll.cadence import Bounds
from workers.poll.stage import poll_sources
from workers.store.hosts import HostBook
from workers.store.ledger import Ledger, Settled
from workers.store.pages import pages_of
from workers.store.schema import entry, host, sighting
from workers.store.schema import page as stored

NEWSROOM = load_newsroom(Path(__file__).parents[1] / "samples" / "newsroom")
#: What fetching finds; the others are found by extraction.
BY_FETCHING = {
    *(DropReason.GONE, DropReason.HTTP_4XX, DropReason.REDIRECT_LOOP, DropReason.TOO_LARGE, DropReason.NOT_HTML),
    *(DropReason.EMPTY, DropReason.DISALLOWED, DropReason.SAME_URL),
}
Answer = Callable[[str], Awaitable[Response]]


def over_http(
    engine: Engine, ledger: Ledger, ids: Iterable[UUID], *servers: HostileServer, **options: Any
) -> Settled[Any]:
    """Fetch by the product's own way out; hosts do not rest, unless the test says so."""

    async def run() -> Settled[Any]:
        async with way_out(engine, *servers, **{"delay_s": 0} | options) as outside:
            return await fetch_entries(ids, ledger=ledger, open_session=outside.session)

    return asyncio.run(run())


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine, lease_s=90, hint_lag_s=30)


def discovered(engine: Engine, *urls: str, **facts: Any) -> list[UUID]:
    """Put entries into the ledger; return their ids in the order of `urls`."""
    sources = make_source_ledger(engine)
    sources.sync([make_source(**facts)])
    record(sources, "agency", poll_result(*(make_feed_entry(url=url, key=url) for url in urls)))
    with engine.connect() as connection:
        ids = {row.url: row.id for row in connection.execute(select(entry.c.url, entry.c.id))}
    return [ids[url] for url in urls]


def fetched(ledger: Ledger, ids: list[UUID], answer: Answer) -> Settled[Any]:
    async def get(url: str, **_: Any) -> Response:
        return await answer(url)

    return asyncio.run(fetch_entries(ids, ledger=ledger, open_session=scripted(get)))


def response(url: str, body: bytes = b"<p>Text</p>", status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(url=url, status=status, headers=named, body=body, fetched_at=clock())


def row_of(engine: Engine, one: UUID) -> Any:
    """Return an entry's row, with `wait_s`: the seconds until it may be tried again."""
    wait_s = func.extract("epoch", entry.c.not_before - func.now()).label("wait_s")
    with engine.connect() as connection:
        return connection.execute(select(*entry.c, wait_s).where(entry.c.id == one)).one()


def test_every_link_of_the_newsroom_becomes_a_page_or_is_dropped_for_its_reason(engine: Engine, ledger: Ledger) -> None:
    sources = make_source_ledger(engine)

    async def run(server: NewsroomServer) -> Settled[Any]:
        sources.sync(server.sources())
        ids = [one.id for one in server.sources()]
        async with way_out(engine, server, delay_s=0) as outside:
            opened = outside.session
            polled = await poll_sources(
                ids, sources=sources, open_session=opened, bounds=Bounds(300, 86_400), clock=clock
            )
            return await fetch_entries(polled.ready, ledger=ledger, open_session=opened)

    with NewsroomServer(NEWSROOM) as server:
        settled = asyncio.run(run(server))
    with engine.connect() as connection:
        rows = {decoded_path(row.url): row for row in connection.execute(select(entry))}
    for path, expected in NEWSROOM.expectations.items():
        row = rows[path]
        if isinstance(expected, ExpectedDrop) and expected.reason in BY_FETCHING:
            assert (row.state, row.reason, row.page_sha) == (State.DROPPED, expected.reason, None), path
        else:
            assert (row.state, row.reason) == (State.FETCHED, None), path
            assert row.page_sha is not None
    assert len(settled.advanced) == settled.counts["fetched"]
    assert sum(settled.counts.values()) == len(rows)


def test_a_page_is_kept_packed_and_once_however_many_links_lead_to_it(engine: Engine, ledger: Ledger) -> None:
    body = b"<html>" + b"<p>The commission met at the border.</p>" * 500
    with HostileServer(page(body, content_type="text/html; charset=utf-8")) as server:
        ids = discovered(engine, f"{server.url}/a", f"{server.url}/b")
        assert set(over_http(engine, ledger, ids, server).advanced) == set(ids)
    with engine.connect() as connection:
        ((sha, packed, size),) = connection.execute(select(stored.c.sha, stored.c.body, stored.c.size)).all()
    assert (sha, size) == (sha256(body).hexdigest(), len(body))
    assert len(packed) < size / 10
    assert zstandard.ZstdDecompressor().decompress(packed) == body
    assert {row_of(engine, one).page_sha for one in ids} == {sha}

    one, kept = pages_of(engine, ledger.claim(ids[:1], State.FETCHED))[0]
    assert kept is not None
    assert (kept.url, kept.body, kept.content_type, kept.charset) == (one.url, body, "text/html", "utf-8")
    assert kept.fetched_at <= clock()


def test_a_link_that_leads_nowhere_is_dropped_with_its_reason(engine: Engine, ledger: Ledger) -> None:
    (one,) = discovered(engine, "https://example.org/a")

    async def answer(_url: str) -> Response:
        raise FetchFailed(Dropped(DropReason.BLOCKED_ADDRESS, "it is 10.0.0.1"))

    assert fetched(ledger, [one], answer).advanced == []
    row = row_of(engine, one)
    assert (row.state, row.reason, row.detail) == (State.DROPPED, "blocked_address", "it is 10.0.0.1")


@pytest.mark.parametrize(
    ("status", "headers", "reason", "least_s", "most_s"),
    [
        ("500 Oops", (), "http_5xx", 90, 150),
        ("429 Slow down", ("Retry-After: 7200",), "rate_limited", 7_190, 7_210),
        ("503 Away", ("Retry-After: 1",), "rate_limited", 90, 150),
        ("200 OK", ("Content-Encoding: br",), "broken_body", 90, 150),
    ],
)
def test_a_page_that_may_come_later_waits_in_the_store(
    engine: Engine, ledger: Ledger, status: str, headers: tuple[str, ...], reason: str, least_s: int, most_s: int
) -> None:
    with HostileServer(page(b"no", *headers, status=status)) as server:
        (one,) = discovered(engine, f"{server.url}/a", obeys_robots=False)
        counts = over_http(engine, ledger, [one], server).counts
        assert counts == {f"deferred:{reason}": 1}
    row = row_of(engine, one)
    assert (row.state, row.reason, row.attempt, row.lease_token) == (State.DISCOVERED, reason, 1, None)
    assert least_s <= row.wait_s <= most_s
    assert row.due_at == row.not_before
    assert not ledger.claim([one], State.DISCOVERED)


def test_an_answer_of_304_to_no_condition_is_no_page(engine: Engine, ledger: Ledger) -> None:
    (one,) = discovered(engine, "https://example.org/a")

    async def answer(url: str) -> Response:
        return response(url, b"", 304)

    assert fetched(ledger, [one], answer).counts == {"deferred:http_5xx": 1}


def test_what_nobody_expected_is_kept_with_its_traceback_and_spares_its_batch_mates(
    engine: Engine, ledger: Ledger
) -> None:
    bad, good = discovered(engine, "https://example.org/bad", "https://example.org/good")

    async def answer(url: str) -> Response:
        if url.endswith("bad"):
            raise ZeroDivisionError("the surprise")
        return response(url)

    assert fetched(ledger, [bad, good], answer).advanced == [good]
    row = row_of(engine, bad)
    assert (row.state, row.reason) == (State.DISCOVERED, "bug")
    assert "ZeroDivisionError: the surprise" in row.detail
    assert "Traceback" in row.detail
    assert row.wait_s > 0


def test_a_slow_page_does_not_hold_up_its_batch_mates(engine: Engine, ledger: Ledger) -> None:
    slow, quick = discovered(engine, "https://example.org/slow", "https://example.org/quick")

    def quick_is_settled() -> bool:
        return bool(row_of(engine, quick).state == State.FETCHED)

    async def answer(url: str) -> Response:
        if url.endswith("slow"):  # comes only after the other is committed
            await asyncio.to_thread(wait_until, quick_is_settled, 10, "the quick page is settled")
        return response(url)

    assert fetched(ledger, [slow, quick], answer).advanced == [quick, slow]


def test_nothing_goes_on_in_the_background_when_the_store_fails(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = discovered(engine, "https://example.org/slow", "https://example.org/quick")
    ended: list[str] = []

    def settle(*_: object, **__: object) -> None:
        raise ConnectionError("the store is away")

    async def get(url: str, **_: Any) -> Response:
        if url.endswith("slow"):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(url)
        return response(url)

    async def scenario() -> set[Any]:
        with pytest.raises(ConnectionError, match="away"):
            await fetch_entries(ids, ledger=ledger, open_session=scripted(get))
        return asyncio.all_tasks() - {asyncio.current_task()}

    monkeypatch.setattr(ledger, "settle", settle)
    assert asyncio.run(scenario()) == set()
    assert ended == ["https://example.org/slow"]


def test_an_entry_is_fetched_once_however_often_it_is_hinted(engine: Engine, ledger: Ledger) -> None:
    (one,) = discovered(engine, "https://example.org/a")
    asked: list[str] = []

    async def answer(url: str) -> Response:
        asked.append(url)
        return response(url)

    assert fetched(ledger, [one, one], answer).advanced == [one]
    assert fetched(ledger, [one], answer).advanced == []
    assert asked == ["https://example.org/a"]


def test_a_server_that_asks_for_years_of_silence_is_asked_again_after_a_day(engine: Engine, ledger: Ledger) -> None:
    (one,) = discovered(engine, "https://example.org/a")

    async def answer(_url: str) -> Response:
        raise FetchFailed(Deferred(RetryReason.RATE_LIMITED, "HTTP 429", 999 * 86_400.0))

    fetched(ledger, [one], answer)
    assert row_of(engine, one).wait_s == pytest.approx(86_400, abs=60)


def test_a_page_is_handed_on_before_the_slowest_of_its_batch_is_there(engine: Engine, ledger: Ledger) -> None:
    slow, quick = discovered(engine, "https://example.org/slow", "https://example.org/quick")
    handed_on: list[list[UUID]] = []
    first = threading.Event()

    def hand_on(ids: list[UUID]) -> None:
        handed_on.append(ids)
        first.set()

    async def get(url: str, **_: Any) -> Response:
        if url.endswith("slow"):
            assert await asyncio.to_thread(first.wait, 10)
        return response(url)

    settled = asyncio.run(fetch_entries([slow, quick], ledger=ledger, open_session=scripted(get), hand_on=hand_on))
    assert handed_on == [[quick], [slow]]
    assert settled.advanced == [quick, slow]


def test_while_a_page_is_settled_the_deadlines_of_the_others_run_on(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = discovered(engine, "https://example.org/slow", "https://example.org/quick")
    settling, went_on = threading.Event(), threading.Event()
    real = ledger.settle

    def settle(*given: Any, **named: Any) -> Settled[Any]:
        settling.set()
        assert went_on.wait(10), "the loop stood still"
        return real(*given, **named)

    async def answer(url: str) -> Response:
        if url.endswith("slow"):
            while not settling.is_set():
                await asyncio.sleep(0.01)
            went_on.set()
        return response(url)

    monkeypatch.setattr(ledger, "settle", settle)
    assert set(fetched(ledger, [slow, quick], answer).advanced) == {slow, quick}


class Away:
    """A ledger's `settle` while the store shuts down for some tries."""

    def __init__(self, ledger: Ledger, tries: int) -> None:
        self.settle = ledger.settle
        self.tries = tries

    def __call__(self, *given: Any, **named: Any) -> Settled[Any]:
        if self.tries:
            self.tries -= 1
            raise OperationalError("UPDATE", None, AdminShutdown())
        return self.settle(*given, **named)


def test_a_page_outlives_a_restart_of_the_store_and_is_asked_for_once(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = discovered(engine, "https://example.org/a", "https://example.org/b")
    asked: list[str] = []

    async def answer(url: str) -> Response:
        asked.append(url)
        return response(url)

    monkeypatch.setattr(ledger, "settle", Away(ledger, 2))
    assert set(fetched(ledger, ids, answer).advanced) == set(ids)
    assert sorted(asked) == ["https://example.org/a", "https://example.org/b"]


def test_a_store_that_stays_away_costs_no_entry_a_try(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = discovered(engine, "https://example.org/a", "https://example.org/b")
    ledger.patience_s = 0.2

    async def answer(url: str) -> Response:
        return response(url)

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "settle", Away(ledger, 1_000))
            with pytest.raises(OperationalError):
                fetched(ledger, ids, answer)
    assert set(fetched(ledger, ids, answer).advanced) == set(ids), "together: nobody died over them"


# --- manners, as the ledger keeps them ---------------------------------------------------------


def let_time_pass(engine: Engine) -> None:
    """Let every wait be over, and every host's rest."""
    with engine.begin() as connection:
        connection.execute(update(entry).values(not_before=func.now(), due_at=func.now()))
        connection.execute(update(host).values(next_allowed_at=func.now()))


def test_a_disallowed_page_ends_and_its_mates_go_through(engine: Engine, ledger: Ledger) -> None:
    with Outlet({"/b": redirect("/private/b")}, robots=robots_txt("Disallow: /private")) as outlet:
        ids = discovered(engine, *(f"{outlet.url}/{path}" for path in ("private/a", "b", "c")))
        settled = over_http(engine, ledger, ids, outlet, delay_s=0.01)
    assert settled.advanced == ids[2:]
    assert settled.counts == {"dropped:disallowed": 2, "fetched": 1}
    assert sorted(outlet.paths) == ["/b", "/c", "/robots.txt"]


def test_an_operator_may_ignore_the_robots_txt_of_a_source(engine: Engine, ledger: Ledger) -> None:
    with Outlet(robots=robots_txt("Disallow: /")) as outlet:
        ids = discovered(engine, f"{outlet.url}/a", obeys_robots=False)
        assert over_http(engine, ledger, ids, outlet, delay_s=0.01).advanced == ids
    assert outlet.paths == ["/a"]


def test_waiting_for_a_turn_costs_no_try_however_often(engine: Engine, ledger: Ledger) -> None:
    with Outlet(robots=robots_txt("Crawl-delay: 60")) as outlet:
        ids = discovered(engine, f"{outlet.url}/a", f"{outlet.url}/b")
        first = over_http(engine, ledger, ids, outlet, delay_s=0.01, budget_s=1)
        assert first.counts == {"fetched": 1, "deferred:waiting": 1}
        (late,) = set(ids) - set(first.advanced)
        for _ in range(12):
            assert row_of(engine, late).wait_s > 0
            with engine.begin() as connection:
                connection.execute(update(entry).values(not_before=func.now()))
            assert over_http(engine, ledger, [late], outlet, delay_s=0.01, budget_s=1).counts == {"deferred:waiting": 1}
            row = row_of(engine, late)
            assert (row.state, row.reason, row.attempt, row.crashes) == (State.DISCOVERED, "waiting", 0, 0)
        assert row.wait_s == pytest.approx(60, abs=5)
        let_time_pass(engine)
        assert over_http(engine, ledger, [late], outlet, delay_s=0.01, budget_s=1).advanced == [late]
    assert len(outlet.paths) == 3


def test_a_redirect_that_has_to_wait_goes_on_from_where_it_was(engine: Engine, ledger: Ledger) -> None:
    with Outlet(host="127.0.0.2") as other, Outlet({"/a": redirect(f"{other.url}/b", "301 Moved")}) as outlet:
        (one,) = discovered(engine, f"{outlet.url}/a")
        book = HostBook(engine, lease_s=90, ahead_s=5)
        elsewhere = UUID(int=1)
        book.reserve([other.name], elsewhere)
        for _ in range(3):  # what was reached is not lost when it has to wait again
            assert over_http(engine, ledger, [one], outlet, other, delay_s=0.01).counts == {"deferred:waiting": 1}
            row = row_of(engine, one)
            assert (row.hops, row.host) == ([[301, f"{other.url}/b"]], other.name)
            let_time_pass(engine)
        with engine.begin() as connection:
            connection.execute(update(host).values(in_flight_token=None, in_flight_until=None))
        assert over_http(engine, ledger, [one], outlet, other, delay_s=0.01).advanced == [one]
    assert (outlet.paths, other.paths) == (["/robots.txt", "/a"], ["/robots.txt", "/b"])
    assert row_of(engine, one).fetched["url"] == f"{other.url}/b"


def test_pages_of_an_outlet_whose_robots_txt_fails_are_kept_until_it_is_well(engine: Engine, ledger: Ledger) -> None:
    with Outlet(robots=page(b"", status="500 Oops")) as outlet:
        ids = discovered(engine, f"{outlet.url}/a", f"{outlet.url}/b")
        assert over_http(engine, ledger, ids, outlet, delay_s=0.01).counts == {"deferred:http_5xx": 2}
        assert all(1_700 <= row_of(engine, one).wait_s <= 1_801 for one in ids)
        outlet.pages["/robots.txt"] = robots_txt("Disallow: /b")
        let_time_pass(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE robots SET expires_at = now()")
        assert over_http(engine, ledger, ids, outlet, delay_s=0.01).advanced == ids[:1]


def test_hosts_are_free_when_a_batch_is_done(engine: Engine, ledger: Ledger) -> None:
    with Outlet() as one, Outlet(host="127.0.0.2") as two:
        ids = discovered(engine, f"{one.url}/a", f"{two.url}/a", f"{two.url}/b")
        over_http(engine, ledger, ids, one, two, delay_s=0.01)
    with engine.connect() as connection:
        rows = connection.execute(select(host)).all()
    assert {row.name: row.in_flight_token for row in rows} == {one.name: None, two.name: None}


def test_a_restart_of_the_store_loses_neither_pages_nor_hosts(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away(ledger, 2)

    class Restarting(HostBook):
        def release(self, token: UUID, ended: Mapping[str, Any]) -> None:
            if away.tries:
                raise OperationalError("UPDATE", None, AdminShutdown())
            super().release(token, ended)

    monkeypatch.setattr(ledger, "settle", away)
    with Outlet() as outlet:
        ids = discovered(engine, f"{outlet.url}/a", f"{outlet.url}/b")
        book = Restarting(engine, lease_s=90, ahead_s=5)
        assert set(over_http(engine, ledger, ids, outlet, delay_s=0.01, hosts=book).advanced) == set(ids)
    assert sorted(outlet.paths) == ["/a", "/b", "/robots.txt"]


# --- identity ----------------------------------------------------------------------------------


def test_two_sources_whose_links_turn_out_to_be_one_page_make_one_entry_with_two_sightings(
    engine: Engine, ledger: Ledger
) -> None:
    sources = make_source_ledger(engine)
    sources.sync([make_source("plain"), make_source("secure")])
    old, new = "http://example.org/a", "https://example.org/a"
    for name, url in (("plain", old), ("secure", new)):
        record(sources, name, poll_result(make_feed_entry(url=url)))
    with engine.connect() as connection:
        ids = {row.url: row.id for row in connection.execute(select(entry.c.url, entry.c.id))}
    assert len(ids) == 2, "http and https are two, until a redirect says otherwise"

    async def answer(url: str) -> Response:
        hops = (Hop(301, new),) if url == old else ()
        return Response(url=new, status=200, headers={}, body=b"<p>Text</p>", fetched_at=clock(), hops=hops)

    assert fetched(ledger, [ids[new]], answer).advanced == [ids[new]]
    assert fetched(ledger, [ids[old]], answer).counts == {"dropped:same_url": 1}
    assert row_of(engine, ids[old]).state == State.DROPPED
    with engine.connect() as connection:
        seen = connection.execute(select(sighting.c.source_id).where(sighting.c.entry_id == ids[new])).scalars()
        assert sorted(seen) == ["plain", "secure"]
    found = record(sources, "plain", poll_result(make_feed_entry(url=old), make_feed_entry(1, url=new)))
    assert found.new == 0, "and so it stays"


@pytest.mark.parametrize("together", [True, False])
def test_links_that_redirect_to_one_page_make_one_entry(engine: Engine, ledger: Ledger, together: bool) -> None:
    with Outlet({f"/{name}": redirect("/page", "301 Moved") for name in "ab"}) as outlet:
        ids = discovered(engine, f"{outlet.url}/a", f"{outlet.url}/b")
        for batch in [ids] if together else [[one] for one in ids]:
            over_http(engine, ledger, batch, outlet)
        states = sorted((row_of(engine, one).state, row_of(engine, one).reason) for one in ids)
    assert states == [("dropped", "same_url"), ("fetched", None)]
    sources = make_source_ledger(engine)
    assert record(sources, "agency", poll_result(make_feed_entry(9, url=f"{outlet.url}/page"))).new == 0
