"""Polling on a real PostgreSQL: each link is discovered once, and each source keeps how it went."""

import asyncio
import gzip
import itertools
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select, update

from tests.hostile import Connection, HostileServer, page, redirect
from tests.making import make_source, make_source_ledger
from tests.manners import Outlet, clock, robots_txt, scripted, way_out
from workers.domain.outcomes import Deferred, FeedOutcome, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.domain.values import Source
from workers.operate.newsroom import NewsroomServer, decoded_path, load_newsroom
from workers.poll.cadence import Bounds
from workers.poll.stage import Polled, poll_sources
from workers.store.hosts import HostBook
from workers.store.schema import entry, host, robots, sighting, source
from workers.store.sources import SourceLedger

NEWSROOM = load_newsroom(Path(__file__).parents[1] / "samples" / "newsroom")
BOUNDS = Bounds(least=300, most=86_400)


def watched(name: str, url: str, **facts: Any) -> Source:
    return make_source(name, url=url, **facts)


def watch(ledger: SourceLedger, *sources: Source) -> list[str]:
    """Watch these; return their ids."""
    ledger.sync(sources)
    return [one.id for one in sources]


def over_http(
    engine: Engine, ledger: SourceLedger, ids: Iterable[str], *servers: NewsroomServer | HostileServer, **options: Any
) -> Polled:
    """Poll by the product's own way out; hosts do not rest, unless the test says so."""

    async def run() -> Polled:
        async with way_out(engine, *servers, **{"delay_s": 0} | options) as outside:
            return await poll_sources(ids, sources=ledger, open_session=outside.session, bounds=BOUNDS, clock=clock)

    return asyncio.run(run())


def given(ledger: SourceLedger, ids: Iterable[str], answer: Callable[[str], Response]) -> Polled:
    """Poll with answers that the test gives."""

    async def get(url: str, **_: Any) -> Response:
        return answer(url)

    return asyncio.run(poll_sources(ids, sources=ledger, open_session=scripted(get), bounds=BOUNDS, clock=clock))


def response(url: str, body: str, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(url=url, status=200, headers=named, body=body.encode(), fetched_at=clock())


def rss(*links: str, about: str = "") -> str:
    items = "".join(f"<item><link>{link}</link></item>" for link in links)
    return f"<rss version='2.0'><channel>{about}{items}</channel></rss>"


def sitemap(*links: str) -> str:
    now = clock().isoformat()
    pages = "".join(f"<url><loc>{link}</loc><lastmod>{now}</lastmod></url>" for link in links)
    return f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{pages}</urlset>"


def sitemap_index(*links: str) -> str:
    now = clock()
    children = "".join(
        f"<sitemap><loc>{link}</loc><lastmod>{(now - timedelta(minutes=place)).isoformat()}</lastmod></sitemap>"
        for place, link in enumerate(links)
    )
    return f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{children}</sitemapindex>"


def xml(body: str, *headers: str) -> bytes:
    return page(body.encode(), *headers, content_type="application/xml")


def fail(reason: RetryReason, wait_s: float | None = None) -> Callable[[str], Response]:
    def answer(_url: str) -> Response:
        raise FetchFailed(Deferred(reason, "why", wait_s))

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
    ledger = make_source_ledger(engine)
    with NewsroomServer(NEWSROOM) as server:
        ids = watch(ledger, *server.sources())
        polled = over_http(engine, ledger, ids, server)
        assert {decoded_path(url) for url in urls_of(engine)} == set(NEWSROOM.expectations)
        assert polled.new == len(urls_of(engine)) == len(polled.ready)
        for outlet in NEWSROOM.outlets:
            row = row_of(engine, outlet.id)
            assert (row.last_outcome, row.outcomes) == (outlet.expect, {outlet.expect: 1}), outlet.id
            assert row.lease_token is None

        let_time_pass(engine)
        again = over_http(engine, ledger, ids, server)
    assert (again.new, again.ready) == (0, [])
    assert again.counts[FeedOutcome.NOT_MODIFIED] == polled.counts[FeedOutcome.OK]
    for outlet in NEWSROOM.outlets:
        second = FeedOutcome.NOT_MODIFIED if outlet.expect is FeedOutcome.OK else outlet.expect
        assert row_of(engine, outlet.id).last_outcome == second, outlet.id
    assert len(urls_of(engine)) == polled.new


def test_a_feed_without_validators_is_known_again_by_its_body(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with HostileServer(page(rss("https://example.org/a").encode(), content_type="text/html")) as server:
        ids = watch(ledger, watched("one", f"{server.url}/feed"))
        assert over_http(engine, ledger, ids, server).counts == {FeedOutcome.OK: 1}
        let_time_pass(engine)
        assert over_http(engine, ledger, ids, server).counts == {FeedOutcome.NOT_MODIFIED: 1}
    assert row_of(engine, "one").outcomes == {FeedOutcome.OK: 1, FeedOutcome.NOT_MODIFIED: 1}


def test_what_is_new_in_a_feed_is_found_and_what_is_known_is_not_found_again(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    first, second = rss("/a", "/b"), rss("/c", "/b?utm_source=feed", "/b/", "https://example.org/a#x")
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

    ledger = make_source_ledger(engine)
    with HostileServer(answer) as server:
        ids = watch(ledger, watched("one", f"{server.url}/feed", obeys_robots=False))
        assert over_http(engine, ledger, ids, server).new == 1
        let_time_pass(engine)
        assert over_http(engine, ledger, ids, server).new == 1
        let_time_pass(engine)
        assert over_http(engine, ledger, ids, server).counts == {FeedOutcome.NOT_MODIFIED: 1}
    assert row_of(engine, "one").outcomes == {"cut_off": 1, "ok": 1, "not_modified": 1}


def test_two_that_poll_the_same_sources_at_once_discover_each_link_once(engine: Engine) -> None:
    """Twelve sources share their links; two pollers are let go together, again and again."""
    ledger = make_source_ledger(engine)
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
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    assert given(ledger, ids, lambda url: response(url, rss("/a"))).counts
    assert given(ledger, ids, lambda url: response(url, rss("/b"))).counts == {}
    assert len(urls_of(engine)) == 1


def test_a_failing_source_is_asked_less_and_less_often_but_daily_and_a_success_forgets(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    waits = []
    for failures in range(1, 11):
        given(ledger, ids, fail(RetryReason.HTTP_5XX))
        row = row_of(engine, "one")
        assert (row.failures, row.last_outcome, row.last_error) == (failures, "http_5xx", "why")
        waits.append(float(row.wait_s))
        let_time_pass(engine)
    assert all(later > sooner for sooner, later in itertools.pairwise(waits[:7]))
    assert waits[-3:] == [pytest.approx(86_400)] * 3
    assert row.outcomes == {"http_5xx": 10}
    assert row.succeeded_at is None

    given(ledger, ids, lambda url: response(url, rss("/a")))
    row = row_of(engine, "one")
    assert (row.failures, row.last_error, row.last_outcome) == (0, None, "ok")
    assert row.outcomes == {"http_5xx": 10, "ok": 1}
    assert row.succeeded_at is not None
    assert 900 <= float(row.wait_s) <= 990


def test_a_source_that_asks_for_silence_gets_it(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    given(ledger, ids, fail(RetryReason.RATE_LIMITED, 3 * 3_600.0))
    assert float(row_of(engine, "one").wait_s) == pytest.approx(3 * 3_600, abs=5)


def test_one_bad_source_does_not_keep_its_batch_mates(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
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


def test_of_each_host_as_many_pages_are_handed_on_as_a_session_can_ask_for(engine: Engine) -> None:
    ledger = make_source_ledger(engine, per_host=2, ahead_s=10)
    ids = watch(ledger, watched("one", "https://example.org/feed"), watched("two", "https://example.org/other"))

    def answer(url: str) -> Response:
        return response(url, rss("/a", "/b", "/c", "https://example.net/x") if url.endswith("feed") else rss("/d"))

    first = given(ledger, ids[:1], answer).ready
    with engine.connect() as connection:
        hosts = {row.id: row.host for row in connection.execute(select(entry.c.id, entry.c.host))}
    assert sorted(hosts[one] for one in first) == ["example.net", "example.org", "example.org"]
    assert given(ledger, ids[1:], answer).ready == [], "somebody is on the way to this host"


def die_over(engine: Engine, ledger: SourceLedger, ids: list[str]) -> None:
    """Let a process claim these and die, and its lease end."""
    assert ledger.claim(ids)
    with engine.begin() as connection:
        gone = func.now() - timedelta(seconds=1)
        held = source.c.lease_token.is_not(None)
        connection.execute(update(source).where(held).values(lease_until=gone, due_at=gone))


def test_a_feed_that_kills_its_process_goes_alone_and_backs_off_and_its_batch_mates_are_polled(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
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


# --- validators --------------------------------------------------------------------------------


class Feed:
    """A feed whose list grows, with an ETag that may be frozen."""

    def __init__(self, *, frozen: bool) -> None:
        self.links = ["/0"]
        self.frozen = frozen
        self.answered: list[str] = []

    def __call__(self, connection: Connection) -> None:
        etag = '"frozen"' if self.frozen else f'"{len(self.links)}"'
        if f"if-none-match: {etag}".encode() in connection.request.lower():
            self.answered.append("304")
            connection.send(page(b"", f"ETag: {etag}", status="304 Not Modified"))
        else:
            self.answered.append("200")
            connection.send(xml(rss(*reversed(self.links)), f"ETag: {etag}"))


def grow_older(engine: Engine, hours: float) -> None:
    """Let the last look at every source, and all that was learned of it, be so many hours older."""
    older = "to_jsonb((habits->>'{0}')::timestamptz - make_interval(secs => {1}))"
    with engine.begin() as connection:
        for name in ("answered_at", "whole_at"):
            value = older.format(name, hours * 3_600)
            connection.exec_driver_sql(
                f"UPDATE source SET habits = jsonb_set(habits, '{{{name}}}', {value}) WHERE habits ? '{name}'"
            )
    let_time_pass(engine)


def test_a_frozen_etag_is_found_out_and_held_against_the_source(engine: Engine) -> None:
    ledger, feed = make_source_ledger(engine), Feed(frozen=True)
    with HostileServer(feed) as server:
        ids = watch(ledger, watched("one", f"{server.url}/feed", obeys_robots=False))
        over_http(engine, ledger, ids, server)
        hidden_h = 0.0
        for number in range(1, 13):
            feed.links.append(f"/{number}")
            grow_older(engine, 0.5)
            hidden_h += 0.5
            if over_http(engine, ledger, ids, server).new:
                break
        assert feed.answered[1] == "304", "it lied"
        assert hidden_h <= 6
        assert len(urls_of(engine)) == len(feed.links), "and nothing is lost"
        habits = row_of(engine, "one").habits
        assert habits["lies"] == 1

        asked = len(feed.answered)
        for _ in range(6):
            feed.links.append(f"/{len(feed.links)}")
            grow_older(engine, 1.5)
            over_http(engine, ledger, ids, server)
        assert "304" not in feed.answered[asked:], "a liar is not believed for so long again"
        assert row_of(engine, "one").habits["lies"] > 1
    assert len(urls_of(engine)) == len(feed.links)


def test_an_honest_etag_spares_the_feed_its_body(engine: Engine) -> None:
    ledger, feed = make_source_ledger(engine), Feed(frozen=False)
    with HostileServer(feed) as server:
        ids = watch(ledger, watched("one", f"{server.url}/feed", obeys_robots=False))
        over_http(engine, ledger, ids, server)
        for number in range(1, 5):
            grow_older(engine, 0.25)
            assert over_http(engine, ledger, ids, server).counts == {FeedOutcome.NOT_MODIFIED: 1}
            feed.links.append(f"/{number}")
            grow_older(engine, 0.25)
            assert over_http(engine, ledger, ids, server).new == 1
    assert feed.answered == ["200", *["304", "200"] * 4]
    assert row_of(engine, "one").habits["lies"] == 0


# --- other ways in -----------------------------------------------------------------------------


def test_a_sitemap_index_is_read_over_several_polls_one_document_each(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet() as outlet:
        children = {f"/map-{number}.xml": xml(sitemap(f"/{number}/a", f"/{number}/b")) for number in range(3)}
        outlet.pages |= children | {"/index.xml": xml(sitemap_index(*children), 'ETag: "index"')}
        ids = watch(ledger, watched("one", f"{outlet.url}/index.xml", kind="sitemap"))
        asked = []
        for poll in range(4):
            over_http(engine, ledger, ids, outlet)
            row = row_of(engine, "one")
            asked.append(outlet.paths[-1])
            left = [url.removeprefix(outlet.url) for url in row.pending.get("documents", [])]
            assert left == list(children)[poll:]
            if left:
                assert row.due_at <= row.polled_at, "the next document at once"
                let_time_pass(engine)
        assert asked == ["/index.xml", *children]
        assert len(urls_of(engine)) == 6
        assert float(row.wait_s) >= 300
        assert (row.habits["window"], row.failures) == (6, 0), "the whole index is one list"

        let_time_pass(engine)
        over_http(engine, ledger, ids, outlet)
        assert outlet.paths[-1] == "/index.xml", "and from the beginning"


class Map:
    """A document with an ETag of its own; `text` may change under it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.version = 0
        self.answered: list[int] = []

    def __call__(self, connection: Connection) -> None:
        etag = f'"{self.version}"'
        known = f"if-none-match: {etag}".encode() in connection.request.lower()
        self.answered.append(304 if known else 200)
        empty = page(b"", f"ETag: {etag}", status="304 Not Modified")
        connection.send(empty if known else xml(self.text, f"ETag: {etag}"))


def test_of_a_sitemap_index_only_what_changed_is_fetched_again(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    calm, busy = Map(sitemap("/calm")), Map(sitemap("/busy/0"))
    index = Map(sitemap_index("/calm.xml", "/busy.xml"))
    with Outlet({"/index.xml": index, "/calm.xml": calm, "/busy.xml": busy}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/index.xml", kind="sitemap"))

        def poll() -> None:
            for _ in range(3):
                over_http(engine, ledger, ids, outlet)
                let_time_pass(engine)
            assert row_of(engine, "one").pending == {}
            grow_older(engine, 0.1)

        poll()
        for number in range(1, 4):
            busy.text, busy.version = sitemap(*(f"/busy/{place}" for place in range(number + 1))), number
            poll()
        assert index.answered == calm.answered == [200, 304, 304, 304]
        assert busy.answered == [200, 200, 200, 200]
        assert len(urls_of(engine)) == 5

        calm.text = sitemap("/calm", "/calm/under/the/same/etag")
        hours = 0.0
        while len(urls_of(engine)) == 5:
            grow_older(engine, 0.5)
            hours += 0.5
            poll()
            assert hours <= 6
        assert calm.answered[-1] == 200, "the whole is looked at now and then"
        assert len(urls_of(engine)) == 6


def test_a_child_of_a_sitemap_index_that_fails_does_not_keep_the_others(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet() as outlet:
        names = [f"/map-{number}.xml" for number in range(3)]
        outlet.pages |= {name: xml(sitemap(f"{name}/a")) for name in names}
        outlet.pages |= {names[1]: page(b"", status="500 Oops"), "/index.xml": xml(sitemap_index(*names))}
        ids = watch(ledger, watched("one", f"{outlet.url}/index.xml", kind="sitemap"))
        for _ in range(4):
            over_http(engine, ledger, ids, outlet)
            let_time_pass(engine)
    assert urls_of(engine) == [f"{outlet.url}{name}/a" for name in (names[0], names[2])]
    row = row_of(engine, "one")
    assert (row.pending, row.failures, row.last_outcome) == ({}, 0, "ok")


def test_a_sitemap_may_be_packed(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    packed = gzip.compress(sitemap("/a", "/b").encode())
    with Outlet({"/map.xml.gz": page(packed, content_type="application/x-gzip")}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/map.xml.gz", kind="sitemap"))
        assert over_http(engine, ledger, ids, outlet).new == 2
    assert urls_of(engine) == [f"{outlet.url}/{name}" for name in "ab"]


def test_the_links_of_a_listing_page_that_fit_its_pattern_are_entries(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    links = ("/news/2026/a", "/about", "/news/2026/b", "/news/", "https://example.org/news/2026/c")
    listing = "".join(f"<a href='{link}'>Words</a>" for link in links)
    with Outlet({"/": page(listing.encode())}) as outlet:
        facts = {"kind": "listing", "links": r"/news/20\d\d/"}
        ids = watch(ledger, watched("one", f"{outlet.url}/", **facts))
        assert over_http(engine, ledger, ids, outlet).new == 3
    assert {url.rpartition("/")[2] for url in urls_of(engine)} == set("abc")


def test_entries_over_the_cap_are_counted(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    assert given(ledger, ids, lambda url: response(url, rss(*(f"/{n}" for n in range(2_003))))).new == 2_000
    row = row_of(engine, "one")
    assert (row.cut, row.last_outcome) == (3, "ok")
    assert "3 entries over 2000" in row.last_error


# --- moving ------------------------------------------------------------------------------------


def test_a_permanent_redirect_that_is_seen_three_times_moves_the_source_with_its_history(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/new": xml(rss("/a")), "/old": redirect("/new", "301 Moved")}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/old"))
        for _ in range(3):
            assert row_of(engine, "one").address is None
            over_http(engine, ledger, ids, outlet)
            let_time_pass(engine)
        row = row_of(engine, "one")
        assert (row.address, row.url, row.moving_seen) == (f"{outlet.url}/new", f"{outlet.url}/old", 0)
        assert [(move["from"], move["to"]) for move in row.moves] == [(f"{outlet.url}/old", f"{outlet.url}/new")]
        assert sum(row.outcomes.values()) == 3
        before = outlet.paths.count("/old")
        over_http(engine, ledger, ids, outlet)
    assert (outlet.paths[-1], outlet.paths.count("/old")) == ("/new", before)


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect", "303 See Other"])
def test_a_redirect_for_now_moves_nothing(engine: Engine, status: str) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/new": xml(rss("/a")), "/old": redirect("/new", status)}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/old"))
        for _ in range(4):
            over_http(engine, ledger, ids, outlet)
            let_time_pass(engine)
    assert (row_of(engine, "one").address, outlet.paths.count("/old")) == (None, 4)


def test_a_permanent_redirect_that_changes_its_mind_moves_nothing(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/new": xml(rss("/a")), "/other": xml(rss("/a"))}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/old"))
        for target in ("/new", "/new", "/other", "/new", "/new"):
            outlet.pages["/old"] = redirect(target, "308 Moved")
            over_http(engine, ledger, ids, outlet)
            let_time_pass(engine)
        assert (row_of(engine, "one").address, row_of(engine, "one").moving_seen) == (None, 2)


# --- what publishers ask for -------------------------------------------------------------------

ALL_BUT_ONE_HOUR = "".join(f"<hour>{hour}</hour>" for hour in range(24) if hour != 5)


@pytest.mark.parametrize(
    ("about", "headers", "least_s", "most_s"),
    [
        ("", {}, 899, 991),
        ("<ttl>120</ttl>", {}, 7_199, 7_921),
        ("", {"cache_control": "public, max-age=7200"}, 7_199, 7_921),
        ("", {"cache_control": "max-age=7200", "age": "3600"}, 3_599, 3_961),
        ("<ttl>99999</ttl>", {}, 86_399, 86_401),
    ],
)
def test_a_feed_is_not_asked_sooner_than_it_wishes(
    engine: Engine, about: str, headers: dict[str, str], least_s: float, most_s: float
) -> None:
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    given(ledger, ids, lambda url: response(url, rss("/a", about=about), **headers))
    assert least_s <= float(row_of(engine, "one").wait_s) <= most_s


def test_a_feed_is_not_asked_at_the_hours_that_it_skips(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    ids = watch(ledger, watched("one", "https://example.org/feed"))
    about = f"<skipHours>{ALL_BUT_ONE_HOUR}</skipHours>"
    given(ledger, ids, lambda url: response(url, rss("/a", about=about)))
    assert row_of(engine, "one").due_at.astimezone(clock().tzinfo).hour == 5


def test_a_source_that_is_gone_is_asked_daily(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/feed": page(b"", status="410 Gone")}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/feed"))
        assert over_http(engine, ledger, ids, outlet).counts == {FeedOutcome.GONE: 1}
    assert float(row_of(engine, "one").wait_s) == pytest.approx(86_400, abs=1)


@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
def test_a_server_that_says_when_is_asked_then_and_neither_are_its_other_feeds(engine: Engine, status: str) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/feed": page(b"", "Retry-After: 7200", status=status), "/other": xml(rss("/a"))}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/feed"), watched("two", f"{outlet.url}/other"))
        assert over_http(engine, ledger, ids[:1], outlet, delay_s=0.01).counts == {FeedOutcome.RATE_LIMITED: 1}
        assert float(row_of(engine, "one").wait_s) == pytest.approx(7_200, abs=10)
        assert over_http(engine, ledger, ids[1:], outlet, delay_s=0.01).counts == {"waiting": 1}
    assert outlet.paths == ["/robots.txt", "/feed"]


# --- manners -----------------------------------------------------------------------------------


def test_a_feed_that_is_disallowed_is_not_asked_for_unless_its_operator_says_so(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/feed": xml(rss("/a"))}, robots=robots_txt("Disallow: /feed")) as outlet:
        ids = watch(
            ledger, watched("good", f"{outlet.url}/feed"), watched("bold", f"{outlet.url}/feed?", obeys_robots=False)
        )
        outlet.pages["/feed?"] = outlet.pages["/feed"]
        assert over_http(engine, ledger, ids[:1], outlet).counts == {FeedOutcome.DISALLOWED: 1}
        assert outlet.paths == ["/robots.txt"]
        assert over_http(engine, ledger, ids[1:], outlet).counts == {FeedOutcome.OK: 1}
    row = row_of(engine, "good")
    assert (row.failures, row.last_outcome) == (1, "disallowed")
    assert row.last_error == f"by robots.txt of {outlet.url}"


def test_a_source_that_waits_for_its_host_counts_no_outcome_and_loses_nothing(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    book, elsewhere = HostBook(engine, lease_s=90, ahead_s=5), uuid4()
    with ExitStack() as stack:
        other = stack.enter_context(Outlet({"/feed": xml(rss("/a"))}, host="127.0.0.2"))
        outlet = stack.enter_context(Outlet({"/old": redirect(f"{other.url}/feed")}))
        ids = watch(ledger, watched("one", f"{outlet.url}/old"))
        book.reserve([other.name], elsewhere)
        for _ in range(3):
            polled = over_http(engine, ledger, ids, outlet, other, delay_s=0.01)
            assert (polled.counts, polled.new) == ({"waiting": 1}, 0)
            row = row_of(engine, "one")
            assert (row.outcomes, row.failures, row.polled_at, row.lease_token) == ({}, 0, None, None)
            assert row.pending["hops"] == [[302, f"{other.url}/feed"]]
            assert clock() < row.due_at < clock() + timedelta(seconds=10)
            let_time_pass(engine)
            with engine.begin() as connection:
                connection.execute(update(host).values(next_allowed_at=func.now()))
        book.release(elsewhere, {})
        with engine.begin() as connection:
            connection.execute(update(host).values(in_flight_token=None, in_flight_until=None))
        assert over_http(engine, ledger, ids, outlet, other, delay_s=0.01).new == 1
    assert (outlet.paths, other.paths) == (["/robots.txt", "/old"], ["/robots.txt", "/feed"])
    assert (row_of(engine, "one").outcomes, row_of(engine, "one").pending) == ({"ok": 1}, {})


def test_a_source_whose_robots_txt_fails_is_asked_when_it_is_well(engine: Engine) -> None:
    ledger = make_source_ledger(engine)
    with Outlet({"/feed": xml(rss("/a"))}, robots=page(b"", status="500 Oops")) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/feed"))
        assert over_http(engine, ledger, ids, outlet).counts == {FeedOutcome.HTTP_5XX: 1}
        assert float(row_of(engine, "one").wait_s) == pytest.approx(1_800, abs=5)
        outlet.pages["/robots.txt"] = robots_txt("Disallow: /private")
        let_time_pass(engine)
        with engine.begin() as connection:
            connection.execute(update(robots).values(expires_at=func.now()))
        assert over_http(engine, ledger, ids, outlet).new == 1
    assert row_of(engine, "one").failures == 0


def test_what_a_feed_gave_may_be_fetched_from_its_host_at_once(engine: Engine) -> None:
    """The host is given back before its entries are handed on."""
    ledger = make_source_ledger(engine, per_host=3, ahead_s=5)
    free: list[Any] = []

    def hand_on(ready: list[Any]) -> None:
        with engine.connect() as connection:
            free.extend(connection.execute(select(host.c.in_flight_token)).scalars())
        assert len(ready) == 2

    async def run() -> None:
        async with way_out(engine, outlet, delay_s=0.01) as outside:
            opened = outside.session
            await poll_sources(ids, sources=ledger, open_session=opened, bounds=BOUNDS, clock=clock, hand_on=hand_on)

    with Outlet({"/feed": xml(rss("/a", "/b"))}) as outlet:
        ids = watch(ledger, watched("one", f"{outlet.url}/feed"))
        asyncio.run(run())
    assert free == [None]
