"""The one way out, against servers that mean harm: each case ends in time, in bounds, and with its reason.

Nothing leaves loopback: `socket.connect` is stubbed for the whole session (conftest.py), and these tests fail when it
was ever asked to. That each answer comes within a second of its deadline is asserted in `tests.hostile.fetch`.
"""

import asyncio
import encodings.aliases
import gc
import gzip
import itertools
import json
import socket
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import (
    CAP,
    OK,
    SHORT_S,
    TEXT,
    Connection,
    Dns,
    HostileServer,
    Wire,
    answered,
    bomb,
    coded,
    fetch,
    fetch_each,
    flood,
    make_client,
    page,
    redirect,
    slow,
)
from tests.hostile_tls import EXPIRED, NEWS_EXAMPLE, server_context
from workers.domain.charset import decode
from workers.domain.outcomes import Deferred, Dropped, DropReason, RetryReason
from workers.fetch.http import authorities
from workers.fetch.manners import content_type
from workers.fetch.robots import MAX_BYTES, parse_robots

BLOCKED = DropReason.BLOCKED_ADDRESS
BAD = DropReason.BAD_URL
TOO_LARGE = Dropped(DropReason.TOO_LARGE, f"over {CAP} bytes")
TIMEOUT = Deferred(RetryReason.TIMEOUT, f"not done after {SHORT_S:g} s")
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


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


# --- spellings of addresses inside -------------------------------------------------------------

#: After `http://`.
SPELLINGS = {
    "127.0.0.1/": BLOCKED,
    "127.1/": BLOCKED,
    "127.0.1/": BLOCKED,
    "2130706433/": BLOCKED,
    "0x7f000001/": BLOCKED,
    "0x7f.1/": BLOCKED,
    "0X7F.0.0.0x1/": BLOCKED,
    "0177.0.0.1/": BAD,
    "017700000001/": BLOCKED,
    "0/": BLOCKED,
    "0.0.0.0/": BLOCKED,
    "127.0.0.1./": BLOCKED,
    "localhost/": BLOCKED,
    "LOCALHOST/": BLOCKED,
    "localhost./": BLOCKED,
    "10.0.0.1/": BLOCKED,
    "172.31.255.254/": BLOCKED,
    "192.168.1.1/": BLOCKED,
    "100.100.100.200/": BLOCKED,
    "169.254.169.254/latest/meta-data/": BLOCKED,
    "192.0.0.192/": BLOCKED,
    "198.18.0.1/": BLOCKED,
    "224.0.0.1/": BLOCKED,
    "255.255.255.255/": BLOCKED,
    "[::1]/": BLOCKED,
    "[::]/": BLOCKED,
    "[0:0:0:0:0:0:0:1]/": BLOCKED,
    "[::ffff:127.0.0.1]/": BLOCKED,
    "[::ffff:7f00:1]/": BLOCKED,
    "[::ffff:0:7f00:1]/": BLOCKED,
    "[::127.0.0.1]/": BLOCKED,
    "[64:ff9b::127.0.0.1]/": BLOCKED,
    "[64:ff9b:1::a00:1]/": BLOCKED,
    "[2002:7f00:1::]/": BLOCKED,
    "[2001:0:7f00:1::]/": BLOCKED,
    "[fe80::1]/": BLOCKED,
    "[fe80::1%25lo]/": RetryReason.DNS,
    "[fd00:ec2::254]/": BLOCKED,
    "[ff02::1]/": BLOCKED,
    "１２７.０.０.１/": BAD,
    "127。0。0。1/": BLOCKED,
    "①②⑦.⓪.⓪.①/": BAD,
    "example.org@127.0.0.1/": BAD,
    "example.org:80@127.0.0.1/": BAD,
    "example.org\\@127.0.0.1/": BAD,
    "127.0.0.1\\@example.org/": BAD,
    "127.0.0.1%00.example.org/": RetryReason.DNS,
    "127.0.0.1#@example.org/": BLOCKED,
    "127.0.0.1?@example.org/": BLOCKED,
}


@pytest.mark.parametrize(("spelling", "reason"), SPELLINGS.items(), ids=SPELLINGS)
def test_no_spelling_of_an_inside_address_is_reached_directly_or_by_a_redirect(
    spelling: str, reason: DropReason | RetryReason, dns: Dns, wire: Wire
) -> None:
    dns.known = {name: ["127.0.0.1"] for name in ("localhost", "localhost.", "127.0.0.1.")}
    with HostileServer(redirect(f"http://{spelling}")) as server:
        urls = [f"http://{spelling}", f"https://{spelling}", f"{server.url}/a"]
        assert [ending.reason for ending in fetch_each(urls, server.pair)] == [reason] * 3
    assert wire.addresses == [("127.0.0.1", server.port)]


# --- names that lead inside --------------------------------------------------------------------


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
        ["2606:2800:220:1::1", "93.184.216.34", "::1"],
    ],
    ids=" ".join,
)
def test_a_name_that_leads_inside_with_any_of_its_answers_is_refused(
    addresses: list[str], dns: Dns, wire: Wire
) -> None:
    dns.known["evil.example"] = addresses
    with HostileServer(redirect("http://evil.example/")) as server:
        endings = fetch_each(["http://evil.example/", "https://evil.example/", f"{server.url}/a"], server.pair)
    assert [ending.reason for ending in endings] == [BLOCKED] * 3
    assert wire.addresses == [("127.0.0.1", server.port)]


def test_a_name_that_is_rebound_after_the_check_is_connected_to_where_it_was_checked(dns: Dns, wire: Wire) -> None:
    dns.known["flip.example"], dns.then["flip.example"] = ["93.184.216.34"], ["127.0.0.1"]
    with HostileServer(page(TEXT)) as server:
        wire.port = server.port
        assert fetch("http://flip.example/a").body == TEXT
    assert wire.addresses == [("93.184.216.34", 80)]
    assert dns.asked == ["flip.example"]
    assert b"\r\nHost: flip.example\r\n" in server.requests[0]


def test_a_name_that_is_rebound_between_two_hops_is_judged_by_its_new_answer(dns: Dns, wire: Wire) -> None:
    dns.known["flip.example"], dns.then["flip.example"] = ["93.184.216.34"], ["127.0.0.1"]
    with HostileServer(redirect("http://flip.example/again")) as server:
        wire.port = server.port
        assert fetch("http://flip.example/").reason is BLOCKED
    assert wire.addresses == [("93.184.216.34", 80)]


def test_a_name_that_does_not_exist_is_worth_another_try(dns: Dns, wire: Wire) -> None:
    ending = fetch("http://nobody.invalid/")
    assert ending.reason is RetryReason.DNS
    assert ending.detail.startswith("nobody.invalid: ")
    assert wire.addresses == []


def test_a_name_without_an_address_is_worth_another_try(dns: Dns) -> None:
    dns.known["empty.example"] = []
    assert fetch("http://empty.example/") == Deferred(RetryReason.DNS, "empty.example: no address")


def test_names_that_are_never_answered_hold_up_no_other(dns: Dns) -> None:
    async def ask(server: HostileServer) -> list[Any]:
        client = make_client(server.pair, deadline_s=2)
        silent = [f"http://{number}.silent/" for number in range(45)]
        urls = [*silent, f"{server.url}/a"]
        endings = await asyncio.gather(*map(client, urls), return_exceptions=True)
        await client.close()
        return endings

    with HostileServer(page(TEXT)) as server:
        *silent, last = asyncio.run(ask(server))
    dns.waking.set()
    assert last.body == TEXT
    assert [ending.ending for ending in silent] == [Deferred(RetryReason.TIMEOUT, "not done after 2 s")] * 45


# --- addresses that are none of the web's ------------------------------------------------------


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
        "gopher://example.org/",
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
        pytest.param(f"http://{'a' * 64}.example/", id="a label of 64"),
        pytest.param("http://" + "a" * 70_000, id="70,000 letters"),
        "unix:///var/run/docker.sock",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url: str, dns: Dns, wire: Wire) -> None:
    assert fetch(url).reason is BAD
    assert wire.addresses == []


# --- redirects ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", BAD),
        ("ftp://example.org/", BAD),
        ("javascript:alert(1)", BAD),
        ("data:text/html,x", BAD),
        ("http://user:secret@example.org/", BAD),
        ("http://[::1", BAD),
        ("http://example.org:port/", BAD),
        ("https:///a", BAD),
        ("//127.0.0.1:1/", BLOCKED),
        ("//news.example:22/", BLOCKED),
        (b"http://\xff\xfe.example/", RetryReason.DNS),
        ("", DropReason.REDIRECT_LOOP),
        ("/a", DropReason.REDIRECT_LOOP),
        ("#fragment", DropReason.REDIRECT_LOOP),
        ("/a\r\nSet-Cookie: a=b", DropReason.REDIRECT_LOOP),  # another header: the Location ends before it
        ("/a\rSet-Cookie: a=b", RetryReason.BROKEN_BODY),
        ("/a\0", RetryReason.BROKEN_BODY),
        pytest.param("/" + "a" * 70_000, BAD, id="70,000 letters"),
    ],
)
def test_a_redirect_out_of_the_web_or_back_to_itself_is_not_followed(
    location: str | bytes, reason: DropReason | RetryReason, dns: Dns
) -> None:
    with HostileServer(redirect(location)) as server:
        assert fetch(f"{server.url}/a", server.pair).reason is reason
    assert len(server.requests) == 1


@pytest.mark.parametrize("raw", [b"/\xd8\xa7?\xff", b"/b%0d%0aHost:%20evil", "/новости".encode()])
def test_odd_bytes_in_a_location_are_sent_as_escapes(raw: bytes) -> None:
    def answer(connection: Connection) -> None:
        first = connection.request.startswith(b"GET /a ")
        connection.send(redirect(raw) if first else page(TEXT))

    with HostileServer(answer) as server:
        assert fetch(f"{server.url}/a", server.pair).body == TEXT
    assert server.requests[1].split(b" ")[1].isascii()
    assert server.requests[1].count(b"\r\nHost:") == 1


def test_a_redirect_to_another_port_of_an_allowed_host_is_refused() -> None:
    with HostileServer(page(TEXT)) as other:
        assert answered(redirect(other.url)).reason is BLOCKED
    assert other.requests == []


def to_and_fro(connection: Connection) -> None:
    connection.send(redirect("/b" if connection.request.startswith(b"GET /a ") else "/a"))


def test_a_circle_of_redirects_is_left_when_it_closes() -> None:
    with HostileServer(to_and_fro) as server:
        ending = fetch(f"{server.url}/a", server.pair)
    assert ending == Dropped(DropReason.REDIRECT_LOOP, f"back to {server.url}/a")
    assert len(server.requests) == 2


def test_of_three_hundred_redirects_five_are_followed() -> None:
    def answer(connection: Connection) -> None:
        left = int(connection.request.split()[1][1:])
        connection.send(redirect(f"/{left - 1}") if left else page(TEXT))

    with HostileServer(answer) as server:
        ending = fetch(f"{server.url}/300", server.pair)
    assert ending == Dropped(DropReason.REDIRECT_LOOP, "more than 5 redirects")
    assert len(server.requests) == 6


def test_the_body_of_a_redirect_is_not_read() -> None:
    def answer(connection: Connection) -> None:
        if connection.request.startswith(b"GET /a "):
            flood(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", b"x" * 10_000)(connection)
        connection.send(page(TEXT))

    assert answered(answer).body == TEXT


# --- time --------------------------------------------------------------------------------------

SLOW = {
    "body": slow(OK + b"\r\n", b"x"),
    "chunks": slow(CHUNKED, b"1\r\nx\r\n"),
    "size of a chunk": slow(CHUNKED, b"0"),
    "header": slow(b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    "headers": slow(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
    "status line": slow(b"", b"H"),
    "103": slow(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "100": slow(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailers": slow(CHUNKED + b"0\r\n", b"X: 1\r\n"),
    "empty gzip blocks": slow(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(TEXT, mtime=0)[:10], b"\0\0\0\xff\xff"
    ),
    "silence": lambda connection: connection.stay(),
    "silence after the head": slow(OK + b"Content-Length: 5\r\n\r\n", b""),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_answer_ends_at_the_deadline(answer: Any) -> None:
    assert answered(answer, deadline_s=SHORT_S) == TIMEOUT


def test_the_deadline_is_over_all_redirects_together() -> None:
    count = itertools.count()

    def answer(connection: Connection) -> None:
        connection.dribble([redirect(f"/{next(count)}")], every_s=0.25)

    assert answered(answer, deadline_s=SHORT_S) == TIMEOUT


# --- size --------------------------------------------------------------------------------------

ENDLESS_ANSWERS = {
    "body": flood(OK + b"\r\n", b"x" * 4_096),
    "chunks": flood(CHUNKED, b"1000\r\n" + b"x" * 4_096 + b"\r\n"),
    "length of a terabyte": flood(OK + b"Content-Length: 1000000000000\r\n\r\n", b"x" * 4_096),
    "one chunk of a terabyte": flood(CHUNKED + b"ffffffffff\r\n", b"x" * 4_096),
    "empty gzip blocks": flood(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"", mtime=0)[:10], b"\0\0\0\xff\xff" * 1_000
    ),
    "after the end of gzip": flood(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(TEXT, mtime=0), b"\0\0\0\xff\xff" * 1_000
    ),
}


@pytest.mark.parametrize("answer", ENDLESS_ANSWERS.values(), ids=ENDLESS_ANSWERS)
def test_a_body_without_an_end_is_too_large(answer: Any) -> None:
    assert answered(answer, deadline_s=5) == TOO_LARGE


OVERHEAD = {
    "103": flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000),
    "chunks of one byte": flood(CHUNKED, b"1;" + b"e" * 1_000 + b"\r\nx\r\n"),
}


@pytest.mark.parametrize("answer", OVERHEAD.values(), ids=OVERHEAD)
def test_what_is_no_body_and_has_no_end_is_too_large_on_the_wire(answer: Any) -> None:
    ending = answered(answer, deadline_s=5)
    assert ending == Dropped(DropReason.TOO_LARGE, "no end on the wire")


def test_the_bound_on_the_wire_is_for_each_answer_of_a_connection() -> None:
    """A connection that is kept carries many pages, more together than one may be."""

    def answer(connection: Connection) -> None:
        kept = page(b"x" * CAP).replace(b"Connection: close\r\n", b"")
        for _ in range(12):
            connection.send(kept)
            connection.peer.recv(65_536)

    with HostileServer(answer) as server:
        pages = fetch_each([f"{server.url}/a"] * 12, server.pair)
    assert [len(one.body) for one in pages] == [CAP] * 12
    assert len(server.requests) == 1


BOMBS = {
    "gzip": coded(bomb(1_000)[:190_000], "gzip"),  # under the cap on the wire, some 180 MB decoded
    "zlib": coded(bomb(1_000, wbits=15)[:190_000], "deflate"),
    "raw deflate": coded(bomb(1_000, wbits=-15)[:190_000], "deflate"),
}


@pytest.mark.parametrize("answer", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_put_out_before_it_takes_memory(answer: bytes) -> None:
    tracemalloc.start()
    try:
        ending = answered(answer, deadline_s=5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ending == TOO_LARGE
    assert peak < 5_000_000


@pytest.mark.parametrize("layers", [2, 3])
def test_of_a_bomb_in_a_bomb_one_layer_is_undone(layers: int) -> None:
    body = bomb(200)
    for _ in range(layers - 1):
        inner, body = body, gzip.compress(body, mtime=0)
    ending = answered(coded(body, "gzip"), deadline_s=5)
    assert ending == TOO_LARGE if len(inner) > CAP else ending.body == inner


@pytest.mark.parametrize(
    "coding", ["br", "zstd", "compress", "gzip, gzip", "gzip,br", "deflate, gzip", "\xff", "x" * 99]
)
def test_a_coding_that_was_not_offered_is_not_undone(coding: str) -> None:
    ending = answered(coded(bomb(1), coding))
    assert ending.reason is RetryReason.BROKEN_BODY
    assert "was not offered" in ending.detail


def test_two_headers_of_coding_are_two_layers() -> None:
    answer = page(gzip.compress(gzip.compress(TEXT)), "Content-Encoding: gzip", "Content-Encoding: gzip")
    assert "was not offered" in answered(answer).detail


# --- broken ------------------------------------------------------------------------------------


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""])


BROKEN = {
    "cut gzip": coded(gzip.compress(TEXT, mtime=0)[:-9], "gzip"),
    "no gzip": coded(TEXT, "gzip"),
    "gzip with a wrong checksum": coded(gzip.compress(TEXT, mtime=0)[:-8] + bytes(8), "gzip"),
    "cut deflate": coded(zlib.compress(TEXT)[:-1], "deflate"),
    "content-length too long": head(b"Content-Length: 1000") + TEXT,
    "two content-lengths": head(b"Content-Length: 52", b"Content-Length: 10") + TEXT,
    "negative content-length": head(b"Content-Length: -1") + TEXT,
    "content-length of words": head(b"Content-Length: much") + TEXT,
    "content-length without an end": head(b"Content-Length: " + b"9" * 5_000) + TEXT,
    "cut chunk": CHUNKED + b"5\r\nhel",
    "chunks without the last": CHUNKED + b"5\r\nhello\r\n",
    "chunk size of words": CHUNKED + b"zz\r\nhello\r\n",
    "negative chunk size": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"2\r\nhello\r\n0\r\n\r\n",
    "chunk shorter than its size": CHUNKED + b"50\r\nhello\r\n0\r\n\r\n",
    "chunk size without an end": CHUNKED + b"0" * 30_000 + b"5\r\nhello\r\n0\r\n\r\n",
    "transfer coding of words": head(b"Transfer-Encoding: sideways") + TEXT,
    "one header of 1 MB": head(b"X: " + b"a" * 1_000_000) + TEXT,
    "100,000 headers": head(*[b"X: 1"] * 100_000) + TEXT,
    "header without a colon": head(b"what is this") + TEXT,
    "header with a NUL": head(b"X: a\0b") + TEXT,
    "header with a space in its name": head(b"X Y: 1") + TEXT,
    "trailers without an end": flood(CHUNKED + b"0\r\n", b"X: 1\r\n" * 1_000),
    "HTTP/0.9": TEXT,
    "another protocol": b"220 ready\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "status 99": b"HTTP/1.1 99 Low\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 High\r\n\r\n",
    "status of words": b"HTTP/1.1 abc Fine\r\n\r\n",
    "status line of 1 MB": b"HTTP/1.1 200 " + b"a" * 1_000_000 + b"\r\n\r\n",
    "nothing": b"",
    "NULs": bytes(1_000),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_broken_is_worth_another_try(answer: Any) -> None:
    ending = answered(answer, deadline_s=5)
    assert isinstance(ending, Deferred)
    assert ending.reason is RetryReason.BROKEN_BODY
    assert len(ending.detail) <= 500


ODD = {
    "content-length too short": (head(b"Content-Length: 6") + TEXT, TEXT[:6]),
    "the same content-length twice": (head(b"Content-Length: 52", b"Content-Length: 52") + TEXT, TEXT),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + TEXT, TEXT),
    "no reason": (b"HTTP/1.1 200\r\n\r\n" + TEXT, TEXT),
    "lines ended with LF": (b"HTTP/1.1 200 OK\nContent-Length: 52\n\n" + TEXT, TEXT),
    "bytes in a header": (head(b"X: \xff\xfe\x80", b"Content-Length: 52") + TEXT, TEXT),
    "1,000 headers": (head(*[b"X: 1"] * 1_000, b"Content-Length: 52") + TEXT, TEXT),
    "more after the end": (page(TEXT) + b"HTTP/1.1 200 OK\r\n\r\nsmuggled", TEXT),
}


@pytest.mark.parametrize(("answer", "body"), ODD.values(), ids=ODD)
def test_an_answer_that_is_odd_and_whole_is_taken(answer: bytes, body: bytes) -> None:
    assert len(TEXT) == 52
    assert answered(answer).body == body


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("101 Switching Protocols", RetryReason.BROKEN_BODY),
        ("304 Not Modified", None),
        ("306 Unused", RetryReason.HTTP_5XX),
        ("421 Misdirected", RetryReason.REFUSED),
        ("425 Too Early", RetryReason.RATE_LIMITED),
        ("451 Unavailable", DropReason.HTTP_4XX),
        ("599 What", RetryReason.HTTP_5XX),
        ("600 What", RetryReason.HTTP_5XX),
        ("999 What", RetryReason.HTTP_5XX),
    ],
)
def test_a_status_that_nobody_asked_for_has_a_meaning(status: str, reason: DropReason | RetryReason | None) -> None:
    answer = answered(page(TEXT, status=status))
    assert answer.body == b"" if reason is None else answer.reason is reason


# --- connections -------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair = f"127.0.0.1:{listener.getsockname()[1]}"
    assert fetch(f"http://{pair}/", pair).reason is RetryReason.REFUSED


def test_a_connection_that_is_reset_before_the_answer_was_refused() -> None:
    assert answered(lambda connection: connection.reset()).reason is RetryReason.REFUSED


def test_a_connection_that_is_reset_in_the_body_cut_it() -> None:
    def answer(connection: Connection) -> None:
        connection.dribble([OK + b"\r\n" + TEXT, b""], every_s=0.1)  # read, before the reset throws it away
        connection.reset()

    assert answered(answer).reason is RetryReason.BROKEN_BODY


def test_a_tls_handshake_that_never_ends_gives_its_socket_back_at_the_deadline() -> None:
    with HostileServer(page(TEXT)) as server:  # reads on, and waits for the end of a request
        ending = fetch(f"https://{server.pair}/", server.pair, deadline_s=SHORT_S)
        gc.collect()  # an open socket would warn, and a warning fails the test
    assert ending.reason is RetryReason.TIMEOUT


@pytest.mark.parametrize("greeting", [b"220 ready\r\n", b"\x15\x03\x01\x00\x02\x02\x28", bytes(100)])
def test_tls_with_who_does_not_speak_it_fails(greeting: bytes) -> None:
    with HostileServer(page(TEXT), greeting=greeting) as server:
        ending = fetch(f"https://{server.pair}/", server.pair)
    assert ending.reason is RetryReason.TLS


def shaken(url: str, certificate: str, folder: Path, dns: Dns, wire: Wire) -> Any:
    """Return what comes of a server with this certificate."""
    dns.known = {"news.example": ["93.184.216.34"], "other.example": ["93.184.216.34"]}
    with HostileServer(page(TEXT), tls=server_context(certificate, folder)) as server:
        wire.port = server.port
        return fetch(url)


def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path, dns: Dns, wire: Wire) -> None:
    ending = shaken("https://news.example/", NEWS_EXAMPLE, tmp_path, dns, wire)
    assert ending.reason is RetryReason.TLS
    assert "self-signed" in ending.detail


@pytest.mark.parametrize(
    ("url", "certificate", "words"),
    [
        ("https://news.example/", NEWS_EXAMPLE, None),
        ("https://other.example/", NEWS_EXAMPLE, "Hostname mismatch"),
        ("https://93.184.216.34/", NEWS_EXAMPLE, "IP address mismatch"),
        ("https://news.example/", EXPIRED, "certificate has expired"),
    ],
)
def test_a_signed_certificate_is_taken_for_its_own_name_and_time_only(
    url: str,
    certificate: str,
    words: str | None,
    tmp_path: Path,
    dns: Dns,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    believed = authorities.__wrapped__()
    believed.load_verify_locations(cadata=certificate)
    monkeypatch.setattr("workers.fetch.http.authorities", lambda: believed)
    ending = shaken(url, certificate, tmp_path, dns, wire)
    if words is None:
        assert ending.body == TEXT
    else:
        assert ending.reason is RetryReason.TLS
        assert words in ending.detail
    assert wire.addresses == [("93.184.216.34", 443)]


# --- charsets ----------------------------------------------------------------------------------

#: Every codec of Python (all of its aliases: tests/unit/domain/test_charset.py), and what is none.
CODECS = sorted({*encodings.aliases.aliases.values(), "idna", "undefined", "punycode", "unicode_escape"})
LABELS = [*CODECS, "", '"', "utf-8;charset=zlib_codec", "utf-8\xff", "../../etc/passwd", "x" * 10_000]
SHIFTED = b"+ADw-script+AD4- <p>caf\xc3\xa9 \xff\x00</p>"


def test_no_charset_in_a_header_or_a_meta_breaks_a_page_or_makes_markup_of_it() -> None:
    """Over one client, each label in the header of one page and in the meta element of another."""

    def answer(connection: Connection) -> None:
        kind, number = connection.request.split(b" ", 2)[1][1:].decode().split("/")
        label = LABELS[int(number)]
        meta = f'<meta charset="{label}">'.encode("latin-1")
        in_header = page(SHIFTED, content_type=f"text/html; charset={label}")
        connection.send(in_header if kind == "header" else page(meta + SHIFTED))

    with HostileServer(answer) as server:
        urls = [f"{server.url}/{kind}/{number}" for kind in ("header", "meta") for number in range(len(LABELS))]
        pages = fetch_each(urls, server.pair, deadline_s=5)
    texts = [decode(one.body, content_type(one.headers)[1]) for one in pages]
    assert len(texts) == 2 * len(LABELS)
    assert not [text for text in texts if "<script" in text]
    assert texts[LABELS.index("zlib_codec")].startswith("+ADw-script+AD4- <p>café")


# --- robots.txt --------------------------------------------------------------------------------


def robots(*lines: str) -> bytes:
    return page("\n".join(lines).encode(), content_type="text/plain")


ROBOTS = {
    "without an end": flood(OK + b"\r\n", b"Disallow: /x\nUser-agent: *\nDisallow: /secret\n" * 50),
    "gzip bomb": coded(gzip.compress(b"User-agent: *\nDisallow: /secret\n" + bytes(5_000_000)), "gzip"),
    "one line": robots("User-agent: *", "Disallow: /secret", "Disallow: /" + "*a" * 250_000),
    "wildcards": robots(
        "User-agent: *", "Disallow: /secret", *(f"Disallow: /*a*a*a*a*a*{number}$" for number in range(18_000))
    ),
    "agents times rules": robots(
        "User-agent: *",
        "Disallow: /secret",
        *(f"User-agent: a{number}" for number in range(12_000)),
        *(f"Disallow: /{number}" for number in range(12_000)),
    ),
    "groups": robots(
        "User-agent: *", "Disallow: /secret", *(f"User-agent: {number}\nAllow: /" for number in range(16_000))
    ),
}


@pytest.mark.parametrize("name", ROBOTS)
def test_a_robots_file_that_means_harm_is_read_in_bounds_and_still_obeyed(name: str) -> None:
    answer = ROBOTS[name]
    response = answered(answer, first_bytes=MAX_BYTES, max_bytes=10_000_000, deadline_s=5)
    assert len(response.body) <= MAX_BYTES
    began = time.monotonic()
    rules = parse_robots(response.body)
    allowed = [rules.allows(f"https://news.example/{path}") for path in ("secret/a", "news")]
    assert time.monotonic() - began < 3
    assert allowed == [False, True]


# --- memory ------------------------------------------------------------------------------------


def wrapped(body: bytes, layers: int) -> bytes:
    return body if layers == 0 else wrapped(gzip.compress(body, mtime=0), layers - 1)


#: With the limits of production (a body of 10 MB), and how each ends: a reason, or the length of a body.
HUNGRY: dict[str, tuple[Any, str]] = {
    "gzip": (coded(bomb(1_000), "gzip"), "too_large"),
    "gzip in gzip": (coded(wrapped(bomb(1_000), 1), "gzip"), str(len(bomb(1_000)))),
    "gzip in gzip in gzip": (coded(wrapped(bomb(1_000), 2), "gzip"), str(len(wrapped(bomb(1_000), 1)))),
    "three codings": (coded(wrapped(bomb(1_000), 2), "gzip, gzip, gzip"), "broken_body"),
    "deflate": (coded(bomb(1_000, wbits=15), "deflate"), "too_large"),
    "brotli": (coded(bomb(100), "br"), "broken_body"),
    "body": (flood(OK + b"\r\n", b"x" * 65_536), "too_large"),
    "chunks": (flood(CHUNKED, b"1000\r\n" + b"x" * 4_096 + b"\r\n"), "too_large"),
    "just the cap": (page(b"x" * 10_000_000), "10000000"),
    "103": (flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000), "too_large"),
    "trailers": (flood(CHUNKED + b"0\r\n", b"X: 1\r\n" * 1_000), "broken_body"),
    "headers": (head(*[b"X: 1"] * 100_000) + TEXT, "broken_body"),
    "one header": (head(b"X: " + b"a" * 5_000_000) + TEXT, "broken_body"),
    "status line": (b"HTTP/1.1 200 " + b"a" * 5_000_000, "broken_body"),
    "redirect": (flood(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", b"x" * 65_536), "redirect_loop"),
    "robots without an end": (ROBOTS["without an end"], str(MAX_BYTES)),
    "robots of wildcards": (ROBOTS["wildcards"], str(len(ROBOTS["wildcards"]) - ROBOTS["wildcards"].index(b"User"))),
}


def test_the_memory_of_a_worker_grows_by_less_than_50_mb_at_all_of_this() -> None:
    """At its highest moment, in a process of its own."""
    with ExitStack() as stack:
        servers = [stack.enter_context(HostileServer(page(TEXT)))]
        servers += [stack.enter_context(HostileServer(answer)) for answer, _ in HUNGRY.values()]
        urls = [f"{one.url}/{name.split()[0]}" for one, name in zip(servers, ["warm", *HUNGRY], strict=True)]
        ran = subprocess.run(
            [sys.executable, "-m", "tests.hungry"], input=json.dumps(urls), capture_output=True, text=True, check=True
        )
    said = json.loads(ran.stdout)
    assert dict(zip(HUNGRY, said["endings"].values(), strict=True)) == {name: end for name, (_, end) in HUNGRY.items()}
    print(f"grown by {said['grown'] / 1e6:.1f} MB at most")
    assert said["grown"] < 50_000_000
