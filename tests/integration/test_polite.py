"""The way out with manners, as the servers on the other side see it."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select, update

from tests.hostile import Connection, page, redirect
from tests.manners import (
    TEXT,
    Outlet,
    answer_of,
    clock,
    one_after_another,
    reasons,
    robots_txt,
    visit,
    visited,
    way_out,
)
from workers.domain.outcomes import Deferred, Dropped, DropReason, Hop, RetryReason
from workers.domain.ports import Response
from workers.store.hosts import HostBook, Turn
from workers.store.robots import RobotsBook
from workers.store.schema import host, robots

DELAY_S = 0.1


def host_row(engine: Engine, name: str = "127.0.0.1") -> Any:
    """Return a host's row, with `rest_s`: the seconds until it may be asked."""
    rest_s = func.extract("epoch", host.c.next_allowed_at - func.clock_timestamp()).label("rest_s")
    with engine.connect() as connection:
        return connection.execute(select(*host.c, rest_s).where(host.c.name == name)).one()


def rest_of(engine: Engine, name: str = "127.0.0.1") -> float:
    """Return the seconds until a host that nobody holds may be asked."""
    row = host_row(engine, name)
    assert row.in_flight_token is None
    return float(row.rest_s)


def let_hosts_rest(engine: Engine) -> None:
    """Let every host's rest be over."""
    with engine.begin() as connection:
        connection.execute(update(host).values(next_allowed_at=func.clock_timestamp()))


def let_robots_expire(engine: Engine, *, days: float = 1) -> None:
    """Let so much time pass for every copy of a robots.txt."""
    gone = timedelta(days=days)
    with engine.begin() as connection:
        older = {name: robots.c[name] - gone for name in ("expires_at", "body_at")}
        connection.execute(update(robots).values(older))


# --- robots.txt first --------------------------------------------------------------------------


def test_robots_txt_comes_first_and_then_the_pages_one_by_one_with_the_gap_between(engine: Engine) -> None:
    with Outlet(takes_s=0.02) as outlet:
        answers = visited(engine, [f"{outlet.url}/{name}" for name in "abcd"], outlet, delay_s=DELAY_S)
    assert reasons(answers) == ["200"] * 4
    assert outlet.paths[0] == "/robots.txt"
    assert sorted(outlet.paths) == ["/a", "/b", "/c", "/d", "/robots.txt"]
    assert outlet.most_in_flight == 1
    assert outlet.smallest_gap_s >= DELAY_S
    assert b"Wirewatch/0 (+https://example.org/bot)" in outlet.visits[0].request


def test_the_gap_holds_from_one_session_to_the_next(engine: Engine) -> None:
    with Outlet() as outlet:
        for _ in range(3):
            assert reasons(visited(engine, [f"{outlet.url}/a"], outlet, delay_s=DELAY_S)) == ["200"]
    assert outlet.smallest_gap_s >= DELAY_S


def test_a_session_asks_two_hosts_at_the_same_time(engine: Engine) -> None:
    """Each answers a page only when the other has been asked for one too."""
    with Outlet() as one, Outlet(host="127.0.0.2") as two:
        both = asyncio.Barrier(2)

        async def run() -> list[Any]:
            async with way_out(engine, one, two) as outside, outside.session([one.url, two.url]) as session:

                async def ask(url: str) -> Any:
                    await both.wait()
                    return await answer_of(session, url)

                return list(await asyncio.gather(ask(f"{one.url}/a"), ask(f"{two.url}/a")))

        assert reasons(asyncio.run(run())) == ["200", "200"]
    first = {outlet.name: outlet.visits[0].began for outlet in (one, two)}
    last = {outlet.name: outlet.visits[-1].began for outlet in (one, two)}
    assert max(first.values()) < min(last.values()), "neither waited for the other to be done"


def test_a_disallowed_path_is_never_touched(engine: Engine) -> None:
    with Outlet(robots=robots_txt("Disallow: /private", "Allow: /private/but")) as outlet:
        names = ["private", "private/a", "private/but", "open"]
        answers = visited(engine, [f"{outlet.url}/{name}" for name in names], outlet, delay_s=0.01)
        assert reasons(answers) == ["disallowed", "disallowed", "200", "200"]
    assert answers[0] == Dropped(DropReason.DISALLOWED, f"by robots.txt of {outlet.url}")
    assert sorted(outlet.paths) == ["/open", "/private/but", "/robots.txt"]


def test_a_disallowed_path_is_no_target_of_a_redirect_on_its_own_host(engine: Engine) -> None:
    with Outlet({"/a": redirect("/private/a")}, robots=robots_txt("Disallow: /private")) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet)) == ["disallowed"]
    assert outlet.paths == ["/robots.txt", "/a"]


def test_a_disallowed_path_is_no_target_of_a_redirect_from_another_host(engine: Engine) -> None:
    with Outlet(robots=robots_txt("Disallow: /private"), host="127.0.0.2") as other:
        to_other = {f"/{name}": redirect(f"{other.url}/{name}") for name in ("private", "open")}
        with Outlet(to_other) as outlet:
            answers = visited(engine, [f"{outlet.url}/private", f"{outlet.url}/open"], outlet, other)
    assert reasons(answers) == ["disallowed", "200"]
    assert answers[0].detail == f"by robots.txt of {other.url}"
    assert other.paths == ["/robots.txt", "/open"]


def test_an_operator_who_said_so_asks_without_robots_txt_but_not_without_the_gap(engine: Engine) -> None:
    rules = robots_txt("Disallow: /")
    with Outlet({"/a": redirect("/b")}, robots=rules) as outlet:
        answers = visited(engine, [f"{outlet.url}/{name}" for name in "ac"], outlet, robots=False, delay_s=DELAY_S)
    assert reasons(answers) == ["200", "200"]
    assert sorted(outlet.paths) == ["/a", "/b", "/c"]
    assert (outlet.smallest_gap_s >= DELAY_S, outlet.most_in_flight) == (True, 1)


# --- what /robots.txt answers ------------------------------------------------------------------


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "401 Unauthorized", "410 Gone"])
def test_an_outlet_without_a_robots_txt_allows_everything(engine: Engine, status: str) -> None:
    with Outlet(robots=page(b"User-agent: *\nDisallow: /", status=status)) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet)) == ["200"]
    assert outlet.paths == ["/robots.txt", "/a"]


@pytest.mark.parametrize("status", ["500 Oops", "502 Bad Gateway", "503 Busy"])
def test_an_outlet_that_cannot_say_what_it_allows_is_left_alone_until_it_can(engine: Engine, status: str) -> None:
    answers = one_after_another(page(b"", status=status), robots_txt("Disallow: /private"))
    with Outlet(robots=answers) as outlet:
        urls = [f"{outlet.url}/a", f"{outlet.url}/private"]
        for ending in visited(engine, urls, outlet):
            assert isinstance(ending, Deferred), "nothing ends for good"
            assert ending.wait_s is not None
            assert 0 < ending.wait_s <= 30 * 60
        let_hosts_rest(engine)
        assert "200" not in reasons(visited(engine, urls, outlet)), "nor does another process ask"
        assert outlet.paths == ["/robots.txt"]

        let_hosts_rest(engine)
        let_robots_expire(engine)
        assert reasons(visited(engine, urls, outlet)) == ["200", "disallowed"]
    assert outlet.paths == ["/robots.txt", "/robots.txt", "/a"]


def test_an_outlet_that_is_asked_too_often_has_no_rules_but_its_rest(engine: Engine) -> None:
    with Outlet(robots=page(b"User-agent: *\nDisallow: /", status="429 Slow down")) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet)) == ["waiting"]
        assert rest_of(engine) == pytest.approx(60, abs=2)
        let_hosts_rest(engine)
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet)) == ["200"]
    assert outlet.paths == ["/robots.txt", "/a"]


def test_an_outlet_that_fails_is_asked_by_the_rules_that_it_gave_last(engine: Engine) -> None:
    answers = one_after_another(robots_txt("Disallow: /private"), page(b"", status="500 Oops"))
    with Outlet(robots=answers) as outlet:
        urls = [f"{outlet.url}/a", f"{outlet.url}/private"]
        assert reasons(visited(engine, urls, outlet)) == ["200", "disallowed"]
        let_robots_expire(engine)
        assert reasons(visited(engine, urls, outlet)) == ["200", "disallowed"]
        assert outlet.paths == ["/robots.txt", "/a"] * 2
        let_robots_expire(engine, days=31)
        assert reasons(visited(engine, urls, outlet)) == ["http_5xx"] * 2


def test_a_robots_txt_without_an_answer_holds_back_and_the_host_rests(engine: Engine) -> None:
    with Outlet(robots=Connection.reset) as outlet:
        urls = [f"{outlet.url}/{name}" for name in "abc"]
        endings = visited(engine, urls, outlet, delay_s=0.01)
        assert reasons(endings) == ["refused", "waiting", "waiting"]
        assert endings[0].detail.startswith("robots.txt: ")
        assert rest_of(engine) == pytest.approx(60, abs=2)
        assert reasons(visited(engine, urls, outlet)) == ["waiting"] * 3
        assert outlet.paths == ["/robots.txt"]

        outlet.pages["/robots.txt"] = robots_txt("Disallow: /c")
        let_hosts_rest(engine)
        assert reasons(visited(engine, urls, outlet)) == ["200", "200", "disallowed"]


def test_a_robots_txt_that_cannot_be_read_is_asked_for_once_and_holds_back(engine: Engine) -> None:
    with Outlet(robots=page(b"x", "Content-Encoding: br")) as outlet:
        endings = visited(engine, [f"{outlet.url}/{name}" for name in "abc"], outlet, delay_s=0.01)
        assert all(isinstance(one, Deferred) for one in endings)
    assert outlet.paths == ["/robots.txt"]


def test_a_robots_txt_that_leads_astray_does_not_end_its_pages(engine: Engine) -> None:
    with Outlet(robots=redirect("http://10.0.0.1/robots.txt")) as outlet:
        endings = visited(engine, [f"{outlet.url}/{name}" for name in "ab"], outlet, delay_s=0.01)
        assert all(isinstance(one, Deferred) for one in endings)
    assert outlet.paths == ["/robots.txt"]


def chain(length: int, *, prefix: str = "/robots") -> dict[str, bytes]:
    """Return so many redirects from /robots.txt, the last one to /robots.end."""
    steps = [f"{prefix}.txt", *(f"{prefix}.{number}" for number in range(1, length)), f"{prefix}.end"]
    return {here: redirect(there) for here, there in itertools.pairwise(steps)}


@pytest.mark.parametrize(("redirects", "said"), [(1, "disallowed"), (5, "disallowed"), (6, "200"), (9, "200")])
def test_robots_txt_may_redirect_five_times_and_more_is_as_if_there_were_none(
    engine: Engine, redirects: int, said: str
) -> None:
    with Outlet(chain(redirects) | {"/robots.end": robots_txt("Disallow: /")}) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet, delay_s=0.02)) == [said]
    assert len([path for path in outlet.paths if path.startswith("/robots")]) == min(redirects, 5) + 1
    assert outlet.smallest_gap_s >= 0.02


def test_robots_txt_may_be_on_another_host(engine: Engine) -> None:
    rules = {"/rules": robots_txt("Disallow: /private")}
    with Outlet(rules, host="127.0.0.2") as other, Outlet(robots=redirect(f"{other.url}/rules")) as outlet:
        answers = visited(engine, [f"{outlet.url}/a", f"{outlet.url}/private"], outlet, other)
    assert reasons(answers) == ["200", "disallowed"]
    assert (outlet.paths, other.paths) == (["/robots.txt", "/a"], ["/rules"])


def test_a_huge_robots_txt_is_read_as_far_as_it_counts(engine: Engine) -> None:
    rules = b"User-agent: *\nDisallow: /private\n" + b"# nothing\n" * 200_000
    with Outlet(robots=page(rules, content_type="text/plain")) as outlet:
        answers = visited(engine, [f"{outlet.url}/a", f"{outlet.url}/private"], outlet)
    assert reasons(answers) == ["200", "disallowed"]


def test_processes_share_their_copy_of_robots_txt(engine: Engine) -> None:
    with Outlet(robots=robots_txt("Disallow: /private")) as outlet:
        for name in "abc":
            urls = [f"{outlet.url}/{name}", f"{outlet.url}/private"]
            assert reasons(visited(engine, urls, outlet, delay_s=0.01)) == ["200", "disallowed"]
        assert outlet.paths == ["/robots.txt", "/a", "/b", "/c"]
        let_robots_expire(engine)
        visited(engine, [f"{outlet.url}/d"], outlet, delay_s=0.01)
    assert outlet.paths[-2:] == ["/robots.txt", "/d"], "for a day and no longer"


def test_a_process_remembers_robots_txt_as_long_as_it_counts(engine: Engine) -> None:
    class Counted(RobotsBook):
        asked: list[str] = []

        def known(self, origins: Iterable[str]) -> Any:
            self.asked += origins
            return super().known(origins)

    async def run() -> None:
        async with way_out(engine, outlet, delay_s=0.01, book=Counted(engine)) as outside:
            for name in "abc":
                assert reasons(await visit(outside, f"{outlet.url}/{name}")) == ["200"]

    with Outlet() as outlet:
        asyncio.run(run())
    assert outlet.paths == ["/robots.txt", "/a", "/b", "/c"]
    assert Counted.asked == [outlet.url]


def test_each_origin_has_a_robots_txt_of_its_own_and_a_host_of_several_is_one_host(engine: Engine) -> None:
    with Outlet(robots=robots_txt("Disallow: /a"), takes_s=0.02) as one, Outlet(takes_s=0.02) as other:
        answers = visited(engine, [f"{one.url}/a", f"{other.url}/a"], one, other, delay_s=DELAY_S)
    assert reasons(answers) == ["disallowed", "200"]
    one.visits += other.visits
    assert (one.most_in_flight, len(one.visits)) == (1, 3)
    assert one.smallest_gap_s >= DELAY_S


# --- spacing -----------------------------------------------------------------------------------


def test_a_crawl_delay_is_kept(engine: Engine) -> None:
    with Outlet(robots=robots_txt("Crawl-delay: 0.3")) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/{name}" for name in "abc"], outlet, delay_s=0.01)) == ["200"] * 3
        assert reasons(visited(engine, [f"{outlet.url}/d"], outlet, delay_s=0.01)) == ["200"]
    pages = [one.began for one in outlet.visits if one.path != "/robots.txt"]
    assert min(later - sooner for sooner, later in itertools.pairwise(pages)) >= 0.3


def test_a_crawl_delay_that_outlasts_the_session_lets_the_others_wait_in_the_store(engine: Engine) -> None:
    with Outlet(robots=robots_txt("Crawl-delay: 30")) as outlet:
        answers = visited(engine, [f"{outlet.url}/{name}" for name in "abc"], outlet, delay_s=0.01, budget_s=1)
        assert sorted(reasons(answers)) == ["200", "waiting", "waiting"]
        for late in answers:
            if isinstance(late, Deferred):
                # a session before it opens: whoever comes then takes hold of the host and waits
                assert late.wait_s == pytest.approx(29, abs=1)
        assert rest_of(engine) == pytest.approx(30, abs=1)
        (again,) = visited(engine, [f"{outlet.url}/b"], outlet, delay_s=0.01, budget_s=1)
        assert again.reason is RetryReason.WAITING
        assert len(outlet.paths) == 2


def test_a_chain_of_redirects_that_outlasts_the_session_goes_on_from_the_hop_that_was_reached(engine: Engine) -> None:
    steps = {"/a": redirect("/b", "301 Moved"), "/b": redirect("/c")}
    with Outlet(steps, robots=robots_txt("Crawl-delay: 30")) as outlet:
        url, hops = f"{outlet.url}/a", ()
        for name, status in (("b", 301), ("c", 302)):
            (late,) = visited(engine, [hops[-1].url if hops else url], outlet, budget_s=1, hops=hops)
            assert late.reason is RetryReason.WAITING
            assert late.hops[-1] == Hop(status, f"{outlet.url}/{name}")
            hops = late.hops
            let_hosts_rest(engine)
        (answer,) = visited(engine, [hops[-1].url], outlet, budget_s=1, hops=hops)
    assert (answer.status, answer.url, answer.body) == (200, f"{outlet.url}/c", TEXT)
    assert [hop.status for hop in answer.hops] == [301, 302]
    assert outlet.paths == ["/robots.txt", "/a", "/b", "/c"], "each once"


def test_redirects_wait_for_their_turn_like_any_other_request(engine: Engine) -> None:
    steps = {"/a": redirect("/b"), "/b": redirect("/c"), "/x": redirect("/y")}
    with Outlet(steps, takes_s=0.02) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a", f"{outlet.url}/x"], outlet, delay_s=DELAY_S)) == ["200"] * 2
    assert sorted(outlet.paths) == ["/a", "/b", "/c", "/robots.txt", "/x", "/y"]
    assert (outlet.most_in_flight, outlet.smallest_gap_s >= DELAY_S) == (1, True)


def test_a_redirect_to_a_host_that_somebody_else_asks_waits_for_its_turn(engine: Engine) -> None:
    with Outlet(host="127.0.0.2") as other, Outlet({"/a": redirect(f"{other.url}/b")}) as outlet:
        book, token = HostBook(engine, lease_s=90, ahead_s=5), uuid4()
        assert book.reserve([other.name], token)[other.name].granted
        (late,) = visited(engine, [f"{outlet.url}/a"], outlet, other)
        assert (late.reason, late.hops) == (RetryReason.WAITING, (Hop(302, f"{other.url}/b"),))
        assert other.paths == []
        book.release(token, {})
        assert host_row(engine, other.name).in_flight_token == token, "it is theirs still"


def test_without_a_delay_nobody_waits_for_anybody(engine: Engine) -> None:
    """A server of the operator's own: it answers only when all have come."""
    together, count = asyncio.Event(), 5

    with Outlet(robots=robots_txt("Crawl-delay: 30"), takes_s=0.3) as outlet:
        urls = [f"{outlet.url}/{number}" for number in range(count)]
        assert reasons(visited(engine, urls, outlet, delay_s=0)) == ["200"] * count
        assert outlet.most_in_flight == count
        assert outlet.paths.count("/robots.txt") == 1
    assert not together.is_set()
    with engine.connect() as connection:
        assert connection.execute(select(host)).all() == []


# --- hosts that say stop -----------------------------------------------------------------------


@pytest.mark.parametrize("status", ["429 Slow down", "503 Busy"])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_host_that_says_stop_is_left_alone_by_every_session(engine: Engine, status: str, form: str) -> None:
    later = clock() + timedelta(seconds=120)
    named = "120" if form == "seconds" else format_datetime(later.astimezone(UTC), usegmt=True)
    with Outlet({"/a": page(b"", f"Retry-After: {named}", status=status)}) as outlet:
        first = visited(engine, [f"{outlet.url}/a", f"{outlet.url}/b"], outlet, delay_s=0.01)
        assert reasons(first) == ["rate_limited", "waiting"]
        assert rest_of(engine) == pytest.approx(120, abs=3)
        assert reasons(visited(engine, [f"{outlet.url}/b"], outlet, delay_s=0.01)) == ["waiting"]
        assert outlet.paths == ["/robots.txt", "/a"]
        assert host_row(engine).penalties == 1

        let_hosts_rest(engine)
        assert reasons(visited(engine, [f"{outlet.url}/b"], outlet, delay_s=0.01)) == ["200"]
        assert host_row(engine).penalties == 0


def test_a_host_that_says_stop_and_not_for_how_long_rests_longer_each_time(engine: Engine) -> None:
    with Outlet({"/a": page(b"", status="429 Slow down")}) as outlet:
        rests = []
        for _ in range(4):
            assert reasons(visited(engine, [f"{outlet.url}/a"], outlet, delay_s=0.01)) == ["rate_limited"]
            rests.append(rest_of(engine))
            let_hosts_rest(engine)
    assert rests == [pytest.approx(rest, abs=2) for rest in (60, 120, 240, 480)]


@pytest.mark.parametrize(("status", "rest_s"), [("429 Slow down", 60), ("503 Busy", 60)])
def test_a_host_that_says_stop_at_its_robots_txt_rests_too(engine: Engine, status: str, rest_s: float) -> None:
    with Outlet(robots=page(b"", status=status)) as outlet:
        visited(engine, [f"{outlet.url}/a"], outlet)
        assert rest_of(engine) == pytest.approx(rest_s, abs=2)
        assert host_row(engine).penalties == 1
        let_hosts_rest(engine)
        let_robots_expire(engine)
        outlet.pages["/robots.txt"] = page(b"", "Retry-After: 300", status=status)
        visited(engine, [f"{outlet.url}/a"], outlet)
        assert rest_of(engine) == pytest.approx(300, abs=2)


def test_it_is_the_host_that_said_stop_that_rests(engine: Engine) -> None:
    stop = {"/b": page(b"", "Retry-After: 90", status="429 Slow down")}
    with Outlet(stop, host="127.0.0.2") as other, Outlet({"/a": redirect(f"{other.url}/b")}) as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet, other)) == ["rate_limited"]
    assert rest_of(engine, other.name) == pytest.approx(90, abs=2)
    assert rest_of(engine) < 1


def test_a_host_that_does_not_answer_rests_for_a_minute(engine: Engine) -> None:
    with Outlet() as outlet:
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet)) == ["200"]
    endings = visited(engine, [f"{outlet.url}/b", f"{outlet.url}/c"], outlet)
    assert reasons(endings) == ["refused", "waiting"]
    assert rest_of(engine) == pytest.approx(60, abs=2)


# --- what a session leaves behind --------------------------------------------------------------


def test_a_host_is_given_back_as_soon_as_nobody_in_the_session_waits_for_it(engine: Engine) -> None:
    async def run() -> None:
        async with way_out(engine, one, two) as outside, outside.session([one.url, two.url, two.url]) as session:
            await session.get(one.url)
            await session.get(two.url)
            await session.done([one.url, two.url])
            assert host_row(engine, one.name).in_flight_token is None
            assert host_row(engine, two.name).in_flight_token is not None, "one more will ask"
            await session.get(two.url)
            await session.done([two.url])
            assert host_row(engine, two.name).in_flight_token is None

    with Outlet() as one, Outlet(host="127.0.0.2") as two:
        asyncio.run(run())


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_hosts_are_given_back_when_a_session_ends_in_an_error(engine: Engine, error: type[BaseException]) -> None:
    async def run() -> None:
        async with way_out(engine, outlet) as outside, outside.session([outlet.url]) as session:
            await session.get(outlet.url)
            assert host_row(engine).in_flight_token is not None
            raise error

    with Outlet() as outlet, pytest.raises(error):
        asyncio.run(run())
    assert rest_of(engine) < 1


def test_hosts_are_given_back_when_a_session_is_cancelled_in_the_middle_of_a_request(engine: Engine) -> None:
    async def run() -> None:
        async with way_out(engine, outlet) as outside:
            async with asyncio.timeout(0.5):
                await visit(outside, f"{outlet.url}/a", f"{outlet.url}/b")

    with Outlet({"/a": Connection.stay}) as outlet, pytest.raises(TimeoutError):
        asyncio.run(run())
    assert outlet.paths == ["/robots.txt", "/a"]
    assert rest_of(engine) < 1


def test_hosts_are_given_back_when_the_robots_book_fails(engine: Engine) -> None:
    class Failing(RobotsBook):
        def known(self, origins: Iterable[str]) -> Any:
            assert host_row(engine).in_flight_token is not None
            raise ZeroDivisionError

    with Outlet() as outlet, pytest.raises(ZeroDivisionError):
        visited(engine, [outlet.url], outlet, book=Failing(engine))
    assert rest_of(engine) < 1


def test_a_host_that_somebody_holds_is_not_asked_until_the_lease_ends(engine: Engine) -> None:
    with Outlet() as outlet:
        HostBook(engine, lease_s=90, ahead_s=5).reserve([outlet.name], uuid4())
        (late,) = visited(engine, [f"{outlet.url}/a"], outlet, budget_s=5)
        assert late.reason is RetryReason.WAITING
        assert late.wait_s <= 5
        assert outlet.paths == []
        with engine.begin() as connection:
            connection.execute(update(host).values(in_flight_until=func.now() - timedelta(seconds=1)))
        assert reasons(visited(engine, [f"{outlet.url}/a"], outlet)) == ["200"]


def test_two_hosts_that_redirect_to_each_other_do_not_wait_for_each_other(engine: Engine) -> None:
    with ExitStack() as stack:
        one, two = (stack.enter_context(Outlet(host=name)) for name in ("127.0.0.1", "127.0.0.2"))
        one.pages |= {f"/{number}": redirect(f"{two.url}/from-{number}") for number in range(5)}
        two.pages |= {f"/{number}": redirect(f"{one.url}/from-{number}") for number in range(5)}
        left: dict[str, tuple[Hop, ...]] = {f"{url}/{number}": () for url in (one.url, two.url) for number in range(5)}

        async def session(mine: Mapping[str, tuple[Hop, ...]]) -> list[Any]:
            next_urls = [hops[-1].url if hops else url for url, hops in mine.items()]
            async with way_out(engine, one, two, delay_s=0.01) as outside, outside.session(next_urls) as opened:
                asked = (answer_of(opened, url, hops=hops) for url, hops in mine.items())
                return list(await asyncio.gather(*asked))

        for _ in range(12):
            answers = dict(zip(left, asyncio.run(asyncio.wait_for(session(left), 10)), strict=True))
            assert set(reasons(answers.values())) <= {"200", "waiting"}
            left = {url: one.hops for url, one in answers.items() if isinstance(one, Deferred)}
            if not left:
                break
        assert left == {}
    for outlet in (one, two):
        assert sorted(outlet.paths) == sorted(
            ["/robots.txt", *(f"/{number}" for number in range(5)), *(f"/from-{number}" for number in range(5))]
        )


def test_a_redirect_by_way_of_another_host_and_back_is_followed_in_one_session(engine: Engine) -> None:
    with Outlet(host="127.0.0.2") as other, Outlet({"/a": redirect(f"{other.url}/consent")}) as outlet:
        other.pages["/consent"] = redirect(f"{outlet.url}/a?agreed")
        (answer,) = visited(engine, [f"{outlet.url}/a"], outlet, other, delay_s=DELAY_S)
    assert isinstance(answer, Response)
    assert outlet.paths == ["/robots.txt", "/a", "/a?agreed"]
    assert outlet.smallest_gap_s >= DELAY_S


# --- what feeds hold ---------------------------------------------------------------------------

BAD = [
    "ftp://example.org/a",
    "http://example.org:99999/",
    "http:///nowhere",
    "http://[::1/",
    "mailto:a@b",
    "",
    "http://" + "".join(f"{number:x}." for number in range(3_000)) + "example/",
    "http://exam\0ple.org/",
    "http://exa\ud800mple.org/",
]


@pytest.mark.parametrize("url", BAD, ids=range(len(BAD)))
def test_an_address_that_leads_nowhere_spares_its_batch_mates(engine: Engine, url: str) -> None:
    with Outlet() as outlet:
        bad, good = visited(engine, [url, f"{outlet.url}/a"], outlet)
    assert good.status == 200
    assert bad.reason in {DropReason.BAD_URL, RetryReason.DNS}


def test_a_book_that_nobody_wrote_in_grants_a_host_at_once(engine: Engine) -> None:
    book, token = HostBook(engine, lease_s=90, ahead_s=5), uuid4()
    assert book.reserve(["a.example"], token) == {"a.example": Turn(True, 0.0)}
    assert not book.reserve(["a.example"], uuid4())["a.example"].granted


def test_a_session_ends_whatever_its_robots_and_redirects_take(engine: Engine) -> None:
    """Each request keeps its own deadline here; all of them together would take six seconds."""
    steps = chain(5) | {"/robots.end": robots_txt("")}
    with Outlet(steps, takes_s=0.8) as outlet:
        began = time.monotonic()
        (late,) = visited(engine, [f"{outlet.url}/a"], outlet, delay_s=0.05, budget_s=0.5, deadline_s=1)
        assert time.monotonic() - began < 3
    assert late.reason in {RetryReason.TIMEOUT, RetryReason.HTTP_5XX, RetryReason.WAITING}


def test_a_robots_txt_on_another_host_takes_that_hosts_turn(engine: Engine) -> None:
    rules = {"/rules": robots_txt("Disallow: /private")}
    with Outlet(rules, host="127.0.0.9") as other:
        outlets = [Outlet(robots=redirect(f"{other.url}/rules"), host=f"127.0.0.{number}") for number in (2, 3, 4)]
        with ExitStack() as opened:
            for one in outlets:
                opened.enter_context(one)
            urls = [f"{one.url}/a" for one in outlets]
            for _ in range(5):
                visited(engine, urls, *outlets, other, delay_s=0.1, budget_s=0.5)
        assert [path for one in outlets for path in one.paths if path == "/a"], "they are asked in the end"
    assert other.most_in_flight == 1
    assert other.smallest_gap_s >= 0.1
