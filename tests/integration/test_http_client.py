"""The one way out, against real sockets that mean harm."""

import asyncio
import gc
import gzip
import itertools
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpcore
import pytest

from tests.hostile import Connection, HostileServer, page, redirect
from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.fetch.http import HttpClient

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEADLINE_S = 0.6
CAP = 200_000
TEXT = b"<html><body>The border commission met.</body></html>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
ENDLESS = itertools.repeat


def get(
    url: str,
    *allowed: str,
    headers: Mapping[str, str] | None = None,
    accept: tuple[str, ...] = (),
    times: int = 1,
    deadline_s: float = DEADLINE_S,
) -> Any:
    """Return the answer, or what its absence means."""

    async def ask() -> Any:
        client = HttpClient(
            user_agent="Wirewatch/0 (+https://example.org/bot)",
            deadline_s=deadline_s,
            max_bytes=CAP,
            max_redirects=5,
            allowed=allowed,
            clock=lambda: NOW,
        )
        try:
            for _ in range(times):
                answer = await client(url, headers=headers, accept=accept)
        except FetchFailed as failure:
            return failure.ending
        finally:
            await client.close()
        return answer

    return asyncio.run(ask())


def answered(answer: Any, **options: Any) -> Any:
    """Return what one answer of a hostile server comes to."""
    with HostileServer(answer) as server:
        return get(f"{server.url}/a", server.pair, **options)


@pytest.fixture(autouse=True)
def tried(only_loopback: list[Any]) -> Iterator[list[Any]]:
    """What was tried outside during this test: nothing."""
    only_loopback.clear()
    yield only_loopback
    assert only_loopback == []


# --- an honest answer --------------------------------------------------------------------------


def test_a_page_is_returned_whole_with_what_was_asked() -> None:
    with HostileServer(page(TEXT, "X-Other: 1")) as server:
        response = get(f"{server.url}/a?b=c", server.pair, headers={"if-none-match": '"x"'})
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
    response = answered(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n')
    assert (response.status, response.body, response.headers["etag"]) == (304, b"", '"x"')


def test_an_ipv6_literal_is_reached() -> None:
    with HostileServer(page(TEXT), host="::1") as server:
        assert get(f"{server.url}/a", server.pair).body == TEXT
    assert f"\r\nHost: {server.pair}\r\n".encode() in server.requests[0]


def test_interim_answers_before_the_page_are_passed_over() -> None:
    assert answered(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + page(TEXT)).body == TEXT


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ("404 Not Found", Dropped(DropReason.GONE, "HTTP 404")),
        ("403 Forbidden", Dropped(DropReason.REFUSED, "HTTP 403")),
        ("500 Oops", Deferred(RetryReason.SERVER_ERROR, "HTTP 500")),
        ("302 Found", Deferred(RetryReason.SERVER_ERROR, "HTTP 302")),  # without a Location
    ],
)
def test_a_status_without_a_page_ends_the_fetch(status: str, ending: object) -> None:
    assert answered(page(TEXT, status=status)) == ending


def test_what_is_not_wanted_is_not_read() -> None:
    began = time.monotonic()
    ending = answered(OK.replace(b"text/html", b"video/mp4") + b"\r\n", accept=("text/html",), deadline_s=5)
    assert ending == Dropped(DropReason.NOT_HTML, "video/mp4")
    assert time.monotonic() - began < 2


def test_an_answer_without_a_type_is_taken() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\n\r\n" + TEXT, accept=("text/html",)).body == TEXT


# --- coding ------------------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def coded(body: bytes, coding: str) -> bytes:
    return page(body, f"Content-Encoding: {coding}")


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (coded(TEXT, "br"), "'br' was not offered"),
        (coded(TEXT, "gzip, gzip"), "not offered"),
        (coded(gzip.compress(TEXT, mtime=0)[:-9], "gzip"), "cut off"),
        (coded(TEXT, "gzip"), "gzip: Error"),
        (OK + b"Content-Length: 1000\r\n\r\n" + TEXT, "RemoteProtocolError"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "RemoteProtocolError"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "RemoteProtocolError"),
        (b"what is this?\r\n\r\n", "RemoteProtocolError"),
        (OK + b"X: " + b"a" * 300_000, "RemoteProtocolError"),
        (OK + b"X: 1\r\n" * 50_000, "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
    ids=[
        "br",
        "two",
        "cut gzip",
        "no gzip",
        "short",
        "cut chunk",
        "bad chunk",
        "no http",
        "long header",
        "flood",
        "nothing",
    ],
)
def test_an_answer_that_is_broken_is_worth_another_try(answer: bytes, words: str) -> None:
    ending = answered(answer)
    assert isinstance(ending, Deferred)
    assert ending.reason is RetryReason.BROKEN_BODY
    assert words in ending.detail


def bomb(megabytes: int) -> bytes:
    """A gzip stream of zeros: one flushed block, repeated (its checksum is never reached)."""
    packer = zlib.compressobj(9, wbits=31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    return head + (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes


def test_a_bomb_is_put_out_before_it_takes_memory() -> None:
    answer = coded(bomb(1_000)[:190_000], "gzip")  # under the cap on the wire, some 180 MB decoded
    tracemalloc.start()
    try:
        ending = answered(answer, deadline_s=5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ending == Dropped(DropReason.TOO_LARGE, f"over {CAP} bytes")
    assert peak < 5_000_000


@pytest.mark.parametrize("extra", [b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n"], ids=["plain", "chunked"])
def test_a_body_without_an_end_is_too_large(extra: bytes) -> None:
    piece = b"x" * 4_096
    framed = b"1000\r\n" + piece + b"\r\n" if b"chunked" in extra else piece

    def answer(connection: Connection) -> None:
        connection.send(OK + extra)
        connection.dribble(ENDLESS(framed), every_s=0)

    assert answered(answer, deadline_s=5) == Dropped(DropReason.TOO_LARGE, f"over {CAP} bytes")


@pytest.mark.parametrize(
    "start", [gzip.compress(b"", mtime=0)[:10], gzip.compress(TEXT, mtime=0)], ids=["empty blocks", "after the end"]
)
def test_a_coded_body_that_never_decodes_to_more_is_too_large_on_the_wire(start: bytes) -> None:
    def answer(connection: Connection) -> None:
        connection.send(OK + b"Content-Encoding: gzip\r\n\r\n" + start)
        connection.dribble(ENDLESS(b"\0\0\0\xff\xff" * 1_000), every_s=0)

    assert answered(answer, deadline_s=5) == Dropped(DropReason.TOO_LARGE, f"over {CAP} bytes")


def test_a_body_of_just_the_cap_is_taken_and_one_byte_more_is_not() -> None:
    assert len(answered(page(b"x" * CAP)).body) == CAP
    assert answered(page(b"x" * (CAP + 1))) == Dropped(DropReason.TOO_LARGE, f"over {CAP} bytes")


# --- time --------------------------------------------------------------------------------------


def slow(before: bytes, piece: bytes) -> Any:
    def answer(connection: Connection) -> None:
        connection.send(before)
        connection.dribble(ENDLESS(piece))

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        slow(OK + b"\r\n", b"x"),
        slow(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        slow(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
        slow(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        slow(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n"),
        slow(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(TEXT, mtime=0)[:10], b"\0\0\0\xff\xff"
        ),
        lambda connection: connection.stay(),
    ],
    ids=["body", "chunks", "header", "103", "trailers", "empty gzip blocks", "silence"],
)
def test_a_slow_answer_ends_at_the_deadline(answer: Any) -> None:
    began = time.monotonic()
    ending = answered(answer)
    assert ending == Deferred(RetryReason.TIMEOUT, f"not done after {DEADLINE_S:g} s")
    assert time.monotonic() - began < DEADLINE_S + 0.9


def test_interim_answers_as_fast_as_they_can_end_at_the_deadline_too() -> None:
    answer = slow(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000)
    assert answered(answer).reason is RetryReason.TIMEOUT


def test_the_deadline_is_over_all_redirects_together() -> None:
    def answer(connection: Connection) -> None:
        connection.dribble([redirect("/again")], every_s=0.25)

    assert answered(answer).reason is RetryReason.TIMEOUT


# --- connections -------------------------------------------------------------------------------


def test_a_connection_that_is_reset_is_worth_another_try() -> None:
    ending = answered(lambda connection: connection.reset())
    assert ending.reason in {RetryReason.BROKEN_BODY, RetryReason.CONNECTION}


def test_a_port_where_nobody_listens_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair = f"127.0.0.1:{listener.getsockname()[1]}"
    assert get(f"http://{pair}/", pair).reason is RetryReason.CONNECTION


def test_a_tls_handshake_that_never_ends_gives_its_socket_back_at_the_deadline() -> None:
    with HostileServer(page(TEXT)) as server:  # reads on, and waits for the end of a request
        ending = get(f"https://{server.pair}/", server.pair)
        gc.collect()  # an open socket would warn, and a warning fails the test
    assert ending.reason is RetryReason.TIMEOUT


def test_tls_with_who_does_not_speak_it_is_worth_another_try() -> None:
    with HostileServer(page(TEXT), greeting=b"220 ready\r\n") as server:
        ending = get(f"https://{server.pair}/", server.pair)
    assert ending.reason is RetryReason.CONNECTION


Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What DNS answers in this test; other names do not exist."""
    known: Names = {}

    async def getaddrinfo(_loop: object, host: str, port: int, **_: object) -> list[Any]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return known


class Wire:
    """Where connections went: recorded, and led to a server on loopback."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.dead: set[str] = set()
        self.port: int | None = None
        real = httpcore.AnyIOBackend.connect_tcp

        async def connect_tcp(backend: Any, host: str, port: int, *arguments: Any) -> Any:
            self.addresses.append((host, port))
            if host in self.dead:
                raise httpcore.ConnectTimeout
            if self.port is not None:
                host, port = "127.0.0.1", self.port
            return await real(backend, host, port, *arguments)

        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def test_a_name_that_does_not_exist_is_worth_another_try(names: Names, wire: Wire) -> None:
    ending = get("http://nobody.invalid/")
    assert ending.reason is RetryReason.CONNECTION
    assert "nobody.invalid: " in ending.detail
    assert wire.addresses == []


def test_the_address_that_was_checked_is_the_one_connected_to(names: Names, wire: Wire) -> None:
    names["news.example"] = ["93.184.216.34", "2606:2800:220:1::1"]
    with HostileServer(page(TEXT)) as server:
        wire.port = server.port
        assert get("http://news.example/a").body == TEXT
    assert wire.addresses == [("93.184.216.34", 80)]
    assert b"\r\nHost: news.example\r\n" in server.requests[0]


def test_a_dead_address_gives_way_to_the_next(names: Names, wire: Wire) -> None:
    names["news.example"] = ["2606:2800:220:1::1", "93.184.216.34"]
    wire.dead = {"2606:2800:220:1::1"}
    with HostileServer(page(TEXT)) as server:
        wire.port = server.port
        assert get("http://news.example/a").body == TEXT
    assert wire.addresses == [("2606:2800:220:1::1", 80), ("93.184.216.34", 80)]


def test_tls_verifies_the_name_and_not_the_address(names: Names, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    names["news.example"] = ["93.184.216.34"]
    seen: list[Any] = []

    async def start_tls(_stream: object, ssl_context: Any, server_hostname: str, _timeout: float) -> Any:
        seen.append((server_hostname, ssl_context.check_hostname, ssl_context.verify_mode.name))
        raise httpcore.ConnectError("certificate verify failed")

    with HostileServer(page(TEXT)) as server:
        wire.port = server.port
        monkeypatch.setattr("httpcore._backends.anyio.AnyIOStream.start_tls", start_tls)
        assert get("https://news.example/a").reason is RetryReason.CONNECTION
    assert seen == [("news.example", True, "CERT_REQUIRED")]
    assert wire.addresses == [("93.184.216.34", 443)]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%eth0"],
        ["93.184.216.34", "127.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
    ],
    ids=" ".join,
)
def test_a_name_that_leads_inside_with_any_answer_is_refused(addresses: list[str], names: Names, wire: Wire) -> None:
    names["evil.example"] = addresses
    ending = get("http://evil.example/")
    assert ending.reason is DropReason.BLOCKED_ADDRESS
    assert wire.addresses == []


def test_a_name_that_changes_its_answer_is_judged_by_the_new_one(names: Names, wire: Wire) -> None:
    names["flip.example"] = ["93.184.216.34"]

    def answer(connection: Connection) -> None:
        names["flip.example"] = ["127.0.0.1"]
        connection.send(redirect("http://flip.example/again"))

    with HostileServer(answer) as server:
        wire.port = server.port
        assert get("http://flip.example/").reason is DropReason.BLOCKED_ADDRESS
    assert wire.addresses == [("93.184.216.34", 80)]


INSIDE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://192.0.0.192/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://localhost/",
    "https://localhost/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_no_spelling_of_an_inside_address_is_connected_to(url: str, wire: Wire) -> None:
    ending = get(url)
    assert ending.reason in {DropReason.BLOCKED_ADDRESS, DropReason.BAD_URL}
    assert answered(redirect(url)).reason is ending.reason
    assert [address for address in wire.addresses if address[1] in {80, 443}] == []


@pytest.mark.parametrize("port", [1, 22, 6379, 8080])
def test_a_port_that_is_not_the_webs_is_refused_without_a_look_at_dns(port: int, names: Names, wire: Wire) -> None:
    assert get(f"http://news.example:{port}/").reason is DropReason.BLOCKED_ADDRESS
    assert wire.addresses == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "news",
        "http://",
        "http:///a",
        "file:///etc/passwd",
        "ftp://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://:secret@example.org/",
        "http://example.org:port/",
        "http://[::1/",
        "http://[example]/",
        "http://example.org/\n",
        "http://example.org/\0",
        "http://" + "a" * 70_000,
        "unix:///var/run/docker.sock",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url: str, names: Names, wire: Wire) -> None:
    assert get(url).reason is DropReason.BAD_URL
    assert wire.addresses == []


# --- redirects ---------------------------------------------------------------------------------


def chain(connection: Connection) -> None:
    """`/3` leads to `/2` and so on; `/0` is a page."""
    hops = int(connection.request.split()[1][1:])
    connection.send(redirect(f"/{hops - 1}") if hops else page(TEXT))


def test_five_redirects_are_followed_and_the_last_address_is_told() -> None:
    with HostileServer(chain) as server:
        response = get(f"{server.url}/5", server.pair)
        assert (response.url, response.body) == (f"{server.url}/0", TEXT)
        assert get(f"{server.url}/6", server.pair) == Dropped(DropReason.REDIRECT_LOOP, "more than 5 redirects")


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
def test_every_kind_of_redirect_is_followed(status: str) -> None:
    def answer(connection: Connection) -> None:
        first = connection.request.startswith(b"GET /a ")
        connection.send(redirect("b/../c?d=e", status) if first else page(TEXT))

    with HostileServer(answer) as server:
        assert get(f"{server.url}/a", server.pair).url == f"{server.url}/c?d=e"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", DropReason.BAD_URL),
        ("javascript:alert(1)", DropReason.BAD_URL),
        ("http://user:secret@example.org/", DropReason.BAD_URL),
        ("http://[::1", DropReason.BAD_URL),
        ("http://example.org:port/", DropReason.BAD_URL),
        ("https:///a", DropReason.BAD_URL),
        ("//127.0.0.1:1/", DropReason.BLOCKED_ADDRESS),
        ("//10.0.0.1/", DropReason.BLOCKED_ADDRESS),
        (b"http://\xff\xfe.example/", RetryReason.CONNECTION),
        ("", DropReason.REDIRECT_LOOP),
    ],
)
def test_a_redirect_out_of_the_web_is_not_followed(
    location: str | bytes, reason: DropReason | RetryReason, names: Names
) -> None:
    names["10.0.0.1"], names["127.0.0.1"] = ["10.0.0.1"], ["127.0.0.1"]
    assert answered(redirect(location)).reason is reason


def test_invalid_bytes_in_a_location_are_sent_as_escapes() -> None:
    def answer(connection: Connection) -> None:
        first = connection.request.startswith(b"GET /a ")
        connection.send(redirect(b"/\xd8\xa7?\xff") if first else page(TEXT))

    with HostileServer(answer) as server:
        assert get(f"{server.url}/a", server.pair).body == TEXT
    assert server.requests[1].split()[1].isascii()


def test_a_redirect_to_another_port_of_an_allowed_host_is_refused() -> None:
    with HostileServer(page(TEXT)) as other:
        assert answered(redirect(other.url)).reason is DropReason.BLOCKED_ADDRESS
    assert other.requests == []


# --- what is not carried along -----------------------------------------------------------------


def test_cookies_are_neither_kept_nor_sent() -> None:
    def answer(connection: Connection) -> None:
        cookie = b"Set-Cookie: id=7; Path=/\r\nSet-Cookie: broken; expires=\xff\r\n"
        first = connection.request.startswith(b"GET /a ")
        connection.send((redirect("/b") if first else page(TEXT)).replace(b"\r\n", b"\r\n" + cookie, 1))

    with HostileServer(answer) as server:
        assert get(f"{server.url}/a", server.pair, times=2).body == TEXT
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
        get(f"{server.url}/a", server.pair)
    assert b"authorization" not in server.requests[0].lower()


def test_an_unexpected_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect_tcp(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    with pytest.raises(ZeroDivisionError):
        get("http://127.0.0.1:9/", "127.0.0.1:9")


def test_many_endings_at_once_leave_the_client_usable() -> None:
    """Timeouts and refusals give their connections back: more of them than the pool holds."""

    def answer(connection: Connection) -> None:
        match connection.request.split()[1]:
            case b"/slow":
                connection.stay()
            case b"/endless":
                connection.send(OK + b"\r\n")
                connection.dribble(ENDLESS(b"x" * 10_000), every_s=0)
            case _:
                connection.send(page(TEXT))

    async def ask(server: HostileServer) -> list[Any]:
        client = HttpClient(
            user_agent="x", deadline_s=1.5, max_bytes=CAP, max_redirects=0, allowed=[server.pair], clock=lambda: NOW
        )
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
