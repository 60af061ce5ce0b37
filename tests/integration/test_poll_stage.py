"""Polling on a real PostgreSQL: each link is discovered once, and each source keeps how it went."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from tests.hostile import Connection, HostileServer, page
from workers.domain.outcomes import Deferred, FeedOutcome, RetryReason, State
from workers.domain.ports import FetchFailed, Response
from workers.domain.values import Source
from workers.fetch.http import HttpClient
from workers.operate.newsroom import NewsroomServer, decoded_path, load_newsroom
from workers.poll.cadence import Bounds
from workers.poll.stage import Polled, poll_sources
from workers.store.ledger import Ledger
from workers.store.schema import entry, sighting, source
from workers.store.sources import SourceLedger

NEWSROOM = load_newsroom(Path(__file__).parents[1] / "samples" / "newsroom")
BOUNDS = Bounds(least=300, most=86_400)
HOST_DELAY_S = 5.0


def clock() -> datetime:
    return datetime.now(UTC)


def ledger_of(engine: Engine, host_delay_s: float = 0) -> SourceLedger:
    return SourceLedger(engine, lease_s=90, hint_lag_s=30, host_delay_s=host_delay_s)


def watched(name: str, url: str) -> Source:
    return Source(id=name, name=name, url=url, language="en", country="IE", owner="nobody", state_owned=False)


def watch(ledger: SourceLedger, *sources: Source) -> list[str]:
    """Watch these, each asked every 900 s at first; return their ids."""
    ledger.sync(sources)
    return [one.id for one in sources]


def over_http(ledger: SourceLedger, ids: Iterable[str], server: NewsroomServer | HostileServer) -> Polled:
    """Poll with the real client, which may reach the test's own server."""
    url = server.base_url if isinstance(server, NewsroomServer) else server.url

    async def run() -> Polled:
        client = HttpClient(
            user_agent="test",
            deadline_s=5,
            max_bytes=1_000_000,
            max_redirects=5,
            allowed=[url.removeprefix("http://")],
            clock=clock,
        )
        try:
            return await poll_sources(ids, sources=ledger, get=client, bounds=BOUNDS, clock=clock)
        finally:
            await client.close()

    return asyncio.run(run())


def given(ledger: SourceLedger, ids: Iterable[str], answer: Callable[[str], Response]) -> Polled:
    """Poll with answers that the test gives."""

    async def get(url: str, **_: Any) -> Response:
        return answer(url)

    return asyncio.run(poll_sources(ids, sources=ledger, get=get, bounds=BOUNDS, clock=clock))


def response(url: str, body: str) -> Response:
    return Response(url=url, status=200, headers={}, body=body.encode(), fetched_at=clock())


def rss(*links: str) -> str:
    items = "".join(f"<item><link>{link}</link></item>" for link in links)
    return f"<rss version='2.0'><channel>{items}</channel></rss>"


def fail(reason: RetryReason, until: datetime | None = None) -> Callable[[str], Response]:
    def answer(_url: str) -> Response:
        raise FetchFailed(Deferred(reason, "why", until))

    return answer


def let_time_pass(engine: Engine) -> None:
    """Make every source due at once."""
    with engine.begin() as connection:
        connection.execute(update(source).values(not_before=func.now(), due_at=func.now()))


def row_of(engine: Engine, name: str) -> Any:
    """Return a source's row, with `wait_s`: the seconds from its last poll until it is due."""
    wait_s = func.extract("epoch", source.c.due_at - source.c.polled_at).label("wait_s")
    with engine.connect() as connection:
        return connection.execute(select(*source.c, wait_s).where(source.c.id == name)).one()


def urls_of(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(entry.c.url).order_by(entry.c.url)).scalars())


def test_the_newsroom_gives_each_link_once_and_each_source_its_outcome(engine: Engine) -> None:
    ledger = ledger_of(engine)
    with NewsroomServer(NEWSROOM) as server:
        ids = watch(ledger, *server.sources())
        polled = over_http(ledger, ids, server)
        assert {decoded_path(url) for url in urls_of(engine)} == set(NEWSROOM.expectations)
        assert polled.new == len(urls_of(engine)) == len(polled.ready)
        for outlet in NEWSROOM.outlets:
            row = row_of(engine, outlet.id)
            assert (row.last_outcome, row.outcomes) == (outlet.expect, {outlet.expect: 1}), outlet.id
            assert row.lease_token is None

        let_time_pass(engine)
        again = over_http(ledger, ids, server)
    assert (again.new, again.ready) == (0, [])
    assert again.counts[FeedOutcome.NOT_MODIFIED] == polled.counts[FeedOutcome.OK]
    for outlet in NEWSROOM.outlets:
        second = FeedOutcome.NOT_MODIFIED if outlet.expect is FeedOutcome.OK else outlet.expect
        assert row_of(engine, outlet.id).last_outcome == second, outlet.id
    assert len(urls_of(engine)) == polled.new


def test_a_feed_without_validators_is_known_again_by_its_body(engine: Engine) -> None:
    ledger = ledger_of(engine)
    with HostileServer(page(rss("https://example.org/a").encode(), content_type="text/html")) as server:
        ids = watch(ledger, watched("one", f"{server.url}/feed"))
        assert over_http(ledger, ids, server).counts == {FeedOutcome.OK: 1}
        let_time_pass(engine)
        assert over_http(ledger, ids, server).counts == {FeedOutcome.NOT_MODIFIED: 1}
    assert row_of(engine, "one").outcomes == {FeedOutcome.OK: 1, FeedOutcome.NOT_MODIFIED: 1}


def test_what_is_new_in_a_feed_is_found_and_what_is_known_is_not_found_again(engine: Engine) -> None:
    ledger = ledger_of(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    first, second = rss("/a", "/b"), rss("/c", "/b?utm_source=feed", "/b/", "http://example.org/a#x")
    assert given(ledger, ids, lambda url: response(url, first)).new == 2
    let_time_pass(engine)
    assert given(ledger, ids, lambda url: response(url, second)).new == 1
    assert urls_of(engine) == [f"https://example.org/{name}" for name in "abc"]


def test_a_feed_that_was_cut_off_is_asked_for_whole(engine: Engine) -> None:
    whole = rss("/a", "/b").encode()
    answers = itertools.chain([whole[:-40]], itertools.repeat(whole))

    def answer(connection: Connection) -> None:
        known = b"if-none-match" in connection.request.lower()
        connection.send(page(b"" if known else next(answers), 'ETag: "same"', status="304 Same" if known else "200 OK"))

    ledger = ledger_of(engine)
    with HostileServer(answer) as server:
        ids = watch(ledger, watched("one", f"{server.url}/feed"))
        assert over_http(ledger, ids, server).new == 1
        let_time_pass(engine)
        assert over_http(ledger, ids, server).new == 1
        let_time_pass(engine)
        assert over_http(ledger, ids, server).counts == {FeedOutcome.NOT_MODIFIED: 1}
    assert row_of(engine, "one").outcomes == {"cut_off": 1, "ok": 1, "not_modified": 1}


def test_two_that_poll_the_same_sources_at_once_discover_each_link_once(engine: Engine) -> None:
    """Twelve sources share their links; two pollers are let go together, again and again."""
    ledger = ledger_of(engine)
    ids = watch(ledger, *(watched(f"s{n}", f"https://s{n}.example/feed") for n in range(12)))
    links = [f"https://example.org/{n}" for n in range(30)]
    together = threading.Barrier(2)
    polls: list[Polled] = []
    asked: list[str] = []

    def answer(url: str) -> Response:
        asked.append(url)
        return response(url, rss(*links))

    def poll(mine: list[str]) -> None:
        together.wait()
        polls.append(given(ledger, mine, answer))

    threads = [threading.Thread(target=poll, args=(mine,)) for mine in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(polls) == 2
    assert sorted(asked) == sorted(f"https://{one}.example/feed" for one in ids)  # each source once
    assert sum(one.new for one in polls) == len(links)
    assert urls_of(engine) == sorted(links)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(sighting)).scalar_one() == 12 * len(links)


def test_a_message_that_comes_twice_does_not_ask_twice(engine: Engine) -> None:
    ledger = ledger_of(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    assert given(ledger, ids, lambda url: response(url, rss("/a"))).counts
    assert given(ledger, ids, lambda url: response(url, rss("/b"))).counts == {}
    assert len(urls_of(engine)) == 1


def test_a_failing_source_is_asked_less_and_less_often_but_daily_and_a_success_forgets(engine: Engine) -> None:
    ledger = ledger_of(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    waits = []
    for failures in range(1, 11):
        given(ledger, ids, fail(RetryReason.SERVER_ERROR))
        row = row_of(engine, "one")
        assert (row.failures, row.last_outcome, row.last_error) == (failures, "server_error", "why")
        waits.append(float(row.wait_s))
        let_time_pass(engine)
    assert all(later > sooner for sooner, later in itertools.pairwise(waits[:7]))
    assert waits[-3:] == [pytest.approx(86_400)] * 3
    assert row.outcomes == {"server_error": 10}
    assert row.succeeded_at is None

    given(ledger, ids, lambda url: response(url, rss("/a")))
    row = row_of(engine, "one")
    assert (row.failures, row.last_error, row.last_outcome) == (0, None, "ok")
    assert row.outcomes == {"server_error": 10, "ok": 1}
    assert row.succeeded_at is not None
    assert float(row.wait_s) < 900


def test_a_source_that_asks_for_silence_gets_it(engine: Engine) -> None:
    ledger = ledger_of(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    given(ledger, ids, fail(RetryReason.RATE_LIMITED, clock() + timedelta(hours=3)))
    assert float(row_of(engine, "one").wait_s) == pytest.approx(3 * 3_600, abs=5)


def test_one_bad_source_does_not_keep_its_batch_mates(engine: Engine) -> None:
    ledger = ledger_of(engine)
    names = ("hostile", "buggy", "good")
    ids = watch(ledger, *(watched(name, f"https://{name}.example/feed") for name in names))

    def answer(url: str) -> Response:
        match url.split("/")[2].split(".", maxsplit=1)[0]:
            case "hostile":
                return response(url, "<rss><item><link>/a\0</link><title>&#xD800;</title>" * 3)
            case "buggy":
                raise ZeroDivisionError("the surprise")
            case _:
                return response(url, rss("/a"))

    assert given(ledger, ids, answer).new == 1
    assert [row_of(engine, name).last_outcome for name in names] == ["cut_off", "bug", "ok"]
    assert "ZeroDivisionError: the surprise" in row_of(engine, "buggy").last_error
    assert row_of(engine, "buggy").failures == 1


def test_pages_of_one_host_get_moments_of_their_own(engine: Engine) -> None:
    ledger = ledger_of(engine, HOST_DELAY_S)
    ids = watch(ledger, watched("one", "https://example.org/feed"), watched("two", "https://example.org/other"))

    def answer(url: str) -> Response:
        return response(url, rss("/a", "/b", "https://example.net/x") if url.endswith("feed") else rss("/c", "/d"))

    ready = [*given(ledger, ids[:1], answer).ready, *given(ledger, ids[1:], answer).ready]
    with engine.connect() as connection:
        rows = connection.execute(select(entry).order_by(entry.c.not_before)).all()
    moments = [row.not_before for row in rows if "example.org" in row.url]
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(moments)]
    assert gaps == [HOST_DELAY_S] * 3
    now = [row.id for row in rows if row.not_before <= rows[0].not_before]
    assert set(ready) == set(now)
    assert len(now) == 2  # one of each host

    claim = Ledger(engine, lease_s=90, hint_lag_s=30).claim([row.id for row in rows], State.DISCOVERED)
    assert {one.id for one in claim.entries} == set(now)


def die_over(engine: Engine, ledger: SourceLedger, ids: list[str]) -> None:
    """Let a process claim these and die, and its lease end."""
    assert ledger.claim(ids)
    with engine.begin() as connection:
        gone = func.now() - timedelta(seconds=1)
        held = source.c.lease_token.is_not(None)
        connection.execute(update(source).where(held).values(lease_until=gone, due_at=gone))


def test_a_feed_that_kills_its_process_goes_alone_and_backs_off_and_its_batch_mates_are_polled(engine: Engine) -> None:
    ledger = ledger_of(engine)
    ids = watch(ledger, *(watched(name, f"https://{name}.example/feed") for name in ("deadly", "mate", "late")))
    asked: list[str] = []

    def answer(url: str) -> Response:
        asked.append(url)
        return response(url, rss("/a"))

    die_over(engine, ledger, ids[:2])
    assert given(ledger, ids, answer).counts == {FeedOutcome.CRASHED: 2, FeedOutcome.OK: 1}
    assert asked == ["https://late.example/feed"], "nobody asks a deadly feed at once again"
    row = row_of(engine, "deadly")
    assert (row.failures, row.last_outcome, row.outcomes, row.lease_token) == (1, "crashed", {"crashed": 1}, None)
    assert row.last_error

    assert {due.id: due.alone for due in ledger.due(10)} == {"deadly": True, "mate": True}, "at once"
    let_time_pass(engine)
    assert given(ledger, ids, answer).counts == {FeedOutcome.NOT_MODIFIED: 1}, "of the one that is harmless"
    assert given(ledger, ["mate"], answer).counts == {FeedOutcome.OK: 1}
    assert (row_of(engine, "mate").failures, row_of(engine, "mate").last_outcome) == (0, "ok")

    waits = []
    for failures in range(2, 10):
        die_over(engine, ledger, ["deadly"])
        given(ledger, ["deadly"], answer)
        row = row_of(engine, "deadly")
        assert row.failures == failures
        waits.append(float(row.wait_s))
        let_time_pass(engine)
    assert all(later > sooner for sooner, later in itertools.pairwise(waits[:5]))
    assert waits[-1] == pytest.approx(86_400)
