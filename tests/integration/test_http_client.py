"""The one way out, against servers that mean well (for the others: test_hostile_servers.py)."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpcore
import pytest

from tests.hostile import (
    CAP,
    NOW,
    OK,
    TEXT,
    Connection,
    Dns,
    HostileServer,
    Wire,
    answered,
    coded,
    fetch,
    fetch_each,
    flood,
    make_client,
    page,
    redirect,
)
from workers.domain.outcomes import Deferred, Dropped, DropReason, Hop, RetryReason
from workers.domain.ports import FetchFailed, Response


@pytest.fixture(autouse=True)
def tried(only_loopback: list[Any]) -> Iterator[None]:
    """Nothing is tried outside during any of these tests."""
    only_loopback.clear()
    yield
    assert only_loopback == []


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    return Dns(monkeypatch)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


# --- an honest answer --------------------------------------------------------------------------


def test_a_page_is_returned_whole_with_what_was_asked() -> None:
    with HostileServer(page(TEXT, "X-Other: 1")) as server:
        response = fetch(f"{server.url}/a?b=c", server.pair, headers={"if-none-match": '"x"'})
    assert response == Response(
        url=f"{server.url}/a?b=c", status=200, headers=response.headers, body=TEXT, fetched_at=NOW
    )
    assert response.headers["x-other"] == "1"
    head = server.requests[0].decode().lower()
    assert head.startswith("get /a?b=c http/1.1\r\n")
    assert f"\r\nhost: {server.pair}\r\n" in head
    assert "\r\nuser-agent: wirewatch/0 (+https://example.org/bot)\r\n" in head
    assert '\r\nif-none-match: "x"\r\n' in head
    assert "\r\naccept-encoding: gzip, deflate\r\n" in head
    assert not {"authorization:", "cookie:", "referer:"} & set(head.split())


def test_an_answer_of_304_has_no_body() -> None:
    response = answered(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', accept=("text/html",))
    assert (response.status, response.body, response.headers["etag"]) == (304, b"", '"x"')


def test_an_ipv6_literal_is_reached() -> None:
    with HostileServer(page(TEXT), host="::1") as server:
        assert fetch(f"{server.url}/a", server.pair).body == TEXT
    assert f"\r\nHost: {server.pair}\r\n".encode() in server.requests[0]


def test_interim_answers_before_the_page_are_passed_over() -> None:
    assert answered(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + page(TEXT)).body == TEXT


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ("410 Gone", Dropped(DropReason.GONE, "HTTP 410")),
        ("403 Forbidden", Dropped(DropReason.HTTP_4XX, "HTTP 403")),
        ("404 Not Found", Deferred(RetryReason.NOT_FOUND, "HTTP 404")),
        ("500 Oops", Deferred(RetryReason.HTTP_5XX, "HTTP 500")),
        ("302 Found", Deferred(RetryReason.HTTP_5XX, "HTTP 302")),  # without a Location
    ],
)
def test_a_status_without_a_page_ends_the_fetch(status: str, ending: object) -> None:
    assert answered(page(TEXT, status=status)) == ending


def test_a_server_that_names_a_moment_is_left_alone_until_then() -> None:
    ending = answered(page(TEXT, "Retry-After: 90", status="503 Busy"))
    assert ending == Deferred(RetryReason.RATE_LIMITED, "HTTP 503", 90.0)


def test_what_is_not_wanted_is_not_read() -> None:
    began = time.monotonic()
    ending = answered(OK.replace(b"text/html", b"video/mp4") + b"\r\n", accept=("text/html",), deadline_s=5)
    assert ending == Dropped(DropReason.NOT_HTML, "video/mp4")
    assert time.monotonic() - began < 2


def test_an_answer_without_a_type_is_taken() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\n\r\n" + TEXT, accept=("text/html",)).body == TEXT


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (page(b""), "HTTP 200, 0 bytes"),
        (page(b" \r\n\t "), "HTTP 200, 5 bytes"),
        (coded(gzip.compress(b"", mtime=0), "gzip"), "HTTP 200, 0 bytes"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204, 0 bytes"),
    ],
    ids=["nothing", "white space", "nothing in gzip", "204"],
)
def test_a_usable_status_with_nothing_in_it_is_empty_for_who_wants_something(answer: bytes, detail: str) -> None:
    assert answered(answer, accept=("text/html",)) == Dropped(DropReason.EMPTY, detail)
    assert answered(answer).body.strip() == b""


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone", "403 No", "429 Slow", "500 Oops", "503 Busy"])
def test_an_error_is_an_answer_for_who_takes_any_status(status: str) -> None:
    response = answered(page(TEXT, "Content-Encoding: nonsense", "Retry-After: 5", status=status), any_status=True)
    assert (response.status, response.body, response.headers["retry-after"]) == (int(status[:3]), b"", "5")


# --- coding and size ---------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (coded(gzip.compress(TEXT, mtime=0), "gzip"), TEXT),
        (coded(gzip.compress(TEXT, mtime=0), "GZIP"), TEXT),
        (coded(zlib.compress(TEXT), "deflate"), TEXT),
        (coded(raw_deflate(TEXT), "deflate"), TEXT),
        (coded(gzip.compress(TEXT, mtime=0) + b"garbage", "gzip"), TEXT),
        (coded(gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0), "gzip"), gzip.compress(TEXT, mtime=0)),
        (coded(TEXT, "identity"), TEXT),
    ],
    ids=["gzip", "GZIP", "zlib", "raw deflate", "trailing garbage", "twice", "identity"],
)
def test_one_layer_of_coding_is_undone(answer: bytes, body: bytes) -> None:
    assert answered(answer).body == body


def test_a_body_of_just_the_cap_is_taken_and_one_byte_more_is_not() -> None:
    assert len(answered(page(b"x" * CAP)).body) == CAP
    assert answered(page(b"x" * (CAP + 1))) == Dropped(DropReason.TOO_LARGE, f"over {CAP} bytes")


def test_who_wants_the_first_bytes_gets_so_many_and_no_more_is_read() -> None:
    assert answered(flood(OK + b"\r\n", b"x" * 1_000), first_bytes=2_500, deadline_s=5).body == b"x" * 2_500
    packed = coded(gzip.compress(TEXT, mtime=0)[:-9], "gzip")
    assert answered(packed, first_bytes=6).body == TEXT[:6]
    assert answered(page(TEXT), first_bytes=10_000).body == TEXT


# --- redirects ---------------------------------------------------------------------------------


def chain(connection: Connection) -> None:
    """`/3` leads to `/2` and so on; `/0` is a page."""
    left = int(connection.request.split()[1][1:])
    connection.send(redirect(f"/{left - 1}") if left else page(TEXT))


def test_five_redirects_are_followed_and_told() -> None:
    with HostileServer(chain) as server:
        response = fetch(f"{server.url}/5", server.pair)
        assert (response.url, response.body) == (f"{server.url}/0", TEXT)
        assert response.hops == tuple(Hop(302, f"{server.url}/{left}") for left in (4, 3, 2, 1, 0))
        assert fetch(f"{server.url}/6", server.pair) == Dropped(DropReason.REDIRECT_LOOP, "more than 5 redirects")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(status: int) -> None:
    def answer(connection: Connection) -> None:
        first = connection.request.startswith(b"GET /a ")
        connection.send(redirect("b/../c?d=e", f"{status} Elsewhere") if first else page(TEXT))

    with HostileServer(answer) as server:
        assert fetch(f"{server.url}/a", server.pair).hops == (Hop(status, f"{server.url}/c?d=e"),)


def test_a_call_goes_on_from_the_last_redirect_of_an_earlier_one() -> None:
    with HostileServer(chain) as server:
        before = (Hop(301, f"{server.url}/4"), Hop(302, f"{server.url}/3"))
        response = fetch(f"{server.url}/5", server.pair, hops=before)
    assert [request.split()[1] for request in server.requests] == [b"/3", b"/2", b"/1", b"/0"]
    assert response.hops[:2] == before
    assert len(response.hops) == 5


def test_redirects_of_an_earlier_call_count_towards_the_most() -> None:
    with HostileServer(chain) as server:
        before = tuple(Hop(302, f"{server.url}/{left}") for left in (6, 5, 4))
        ending = fetch(f"{server.url}/7", server.pair, hops=before)
    assert ending == Dropped(DropReason.REDIRECT_LOOP, "more than 5 redirects")
    assert len(server.requests) == 3


def test_leave_is_asked_before_each_further_redirect() -> None:
    asked: list[tuple[str, int]] = []

    async def before_hop(url: str) -> None:
        asked.append((url, len(server.requests)))

    with HostileServer(chain) as server:
        fetch(f"{server.url}/3", server.pair, hops=(Hop(302, f"{server.url}/2"),), before_hop=before_hop)
    assert asked == [(f"{server.url}/1", 1), (f"{server.url}/0", 2)]


def test_who_has_to_wait_at_a_redirect_goes_on_from_there() -> None:
    async def before_hop(url: str) -> None:
        if url.endswith("/1"):
            raise FetchFailed(Deferred(RetryReason.WAITING, "busy", 0.0))

    with HostileServer(chain) as server:
        ending = fetch(f"{server.url}/3", server.pair, before_hop=before_hop)
        assert ending.hops == (Hop(302, f"{server.url}/2"), Hop(302, f"{server.url}/1"))
        assert ending == Deferred(RetryReason.WAITING, "busy", 0.0, ending.hops)
        assert fetch(f"{server.url}/3", server.pair, hops=ending.hops).body == TEXT
    assert [request.split()[1] for request in server.requests] == [b"/3", b"/2", b"/1", b"/0"]


def test_a_refusal_at_a_redirect_is_passed_on_as_it_is() -> None:
    async def before_hop(_: str) -> None:
        raise FetchFailed(Dropped(DropReason.DISALLOWED, "by robots.txt"))

    with HostileServer(chain) as server:
        ending = fetch(f"{server.url}/3", server.pair, before_hop=before_hop)
    assert ending == Dropped(DropReason.DISALLOWED, "by robots.txt")
    assert len(server.requests) == 1


def test_the_deadline_stands_still_while_leave_is_awaited_and_goes_on_after() -> None:
    async def before_hop(_: str) -> None:
        await asyncio.sleep(1.2)

    def then_silence(connection: Connection) -> None:
        if b"/0 " in connection.request:
            connection.stay()
        chain(connection)

    with HostileServer(chain) as server:
        assert fetch(f"{server.url}/1", server.pair, before_hop=before_hop, deadline_s=1).body == TEXT
    with HostileServer(then_silence) as server:
        ending = fetch(f"{server.url}/1", server.pair, before_hop=before_hop, deadline_s=1)
    assert ending == Deferred(RetryReason.TIMEOUT, "not done after 1 s")


# --- where to ----------------------------------------------------------------------------------


@pytest.mark.parametrize("port", [1, 22, 6379, 8080, 99_999])
def test_a_port_that_is_not_the_webs_is_refused_without_a_look_at_dns(port: int, dns: Dns, wire: Wire) -> None:
    assert fetch(f"http://news.example:{port}/").reason is DropReason.BLOCKED_ADDRESS
    assert (dns.asked, wire.addresses) == ([], [])


def test_a_port_that_the_operator_names_is_reached_on_public_addresses_only(dns: Dns, wire: Wire) -> None:
    dns.known = {"news.example": ["93.184.216.34"], "inside.example": ["10.0.0.1"]}
    with HostileServer(page(TEXT)) as server:
        wire.port = server.port
        assert fetch("http://news.example:8080/a", ports=[8080]).body == TEXT
    assert fetch("http://inside.example:8080/a", ports=[8080]).reason is DropReason.BLOCKED_ADDRESS
    assert fetch("http://news.example:8081/a", ports=[8080]).reason is DropReason.BLOCKED_ADDRESS
    assert wire.addresses == [("93.184.216.34", 8080)]


def test_a_dead_address_gives_way_to_the_next(dns: Dns, wire: Wire) -> None:
    dns.known["news.example"] = ["2606:2800:220:1::1", "93.184.216.34"]
    wire.dead = {"2606:2800:220:1::1"}
    with HostileServer(page(TEXT)) as server:
        wire.port = server.port
        assert fetch("http://news.example/a").body == TEXT
    assert wire.addresses == [("2606:2800:220:1::1", 80), ("93.184.216.34", 80)]


# --- what is not carried along -----------------------------------------------------------------


def test_cookies_are_neither_kept_nor_sent() -> None:
    def answer(connection: Connection) -> None:
        cookie = b"Set-Cookie: id=7; Path=/\r\nSet-Cookie: broken; expires=\xff\r\n"
        first = connection.request.startswith(b"GET /a ")
        connection.send((redirect("/b") if first else page(TEXT)).replace(b"\r\n", b"\r\n" + cookie, 1))

    with HostileServer(answer) as server:
        assert [one.body for one in fetch_each([f"{server.url}/a"] * 2, server.pair)] == [TEXT] * 2
    assert len(server.requests) == 4
    assert not any(b"cookie" in request.lower() for request in server.requests)


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(page(b"from the proxy")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert answered(page(TEXT)).body == TEXT
    assert proxy.requests == []


def test_a_password_file_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / ".netrc").write_text("default login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with HostileServer(page(TEXT)) as server:
        fetch(f"{server.url}/a", server.pair)
    assert b"authorization" not in server.requests[0].lower()


def test_an_unexpected_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect_tcp(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    with pytest.raises(ZeroDivisionError):
        fetch("http://127.0.0.1:9/", "127.0.0.1:9")


def test_many_endings_at_once_leave_the_client_usable() -> None:
    """Timeouts and refusals give their connections back: more of them than the pool holds."""

    def answer(connection: Connection) -> None:
        match connection.request.split()[1]:
            case b"/slow":
                connection.stay()
            case b"/endless":
                flood(OK + b"\r\n", b"x" * 10_000)(connection)
            case _:
                connection.send(page(TEXT))

    async def ask(server: HostileServer) -> list[Any]:
        client = make_client(server.pair, deadline_s=1.5)
        urls = [f"{server.url}/slow", f"{server.url}/endless", "http://10.0.0.1/"] * 20
        endings = await asyncio.gather(*map(client, urls), return_exceptions=True)
        pages = [await client(f"{server.url}/a") for _ in range(3)]
        await client.close()
        return [*endings, *pages]

    with HostileServer(answer) as server:
        *endings, one, two, three = asyncio.run(ask(server))
    assert [one.body, two.body, three.body] == [TEXT] * 3
    reasons = [ending.ending.reason for ending in endings]
    assert reasons == [RetryReason.TIMEOUT, DropReason.TOO_LARGE, DropReason.BLOCKED_ADDRESS] * 20
