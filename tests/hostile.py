"""A server of raw sockets on loopback that answers as no honest server would, a client of small patience, and a DNS."""

import asyncio
import itertools
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpcore
import pytest

from workers.domain.ports import FetchFailed
from workers.fetch.http import HttpClient

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Far more than an honest answer takes on a busy machine; whoever waits for a deadline gives `SHORT_S`.
DEADLINE_S, SHORT_S = 5.0, 0.6
CAP = 200_000
TEXT = b"<html><body>The border commission met.</body></html>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
ENDLESS = itertools.repeat


class Connection:
    """One client, whose request has been read."""

    def __init__(self, peer: socket.socket, request: bytes, stopped: threading.Event) -> None:
        self.peer = peer
        self.request = request
        self._stopped = stopped

    def send(self, data: bytes) -> None:
        self.peer.sendall(data)

    def dribble(self, pieces: Iterable[bytes], every_s: float = 0.01) -> None:
        """Send piece after piece, until the client hangs up, the server stops or the pieces end."""
        for piece in pieces:
            if self._stopped.wait(every_s):
                return
            self.send(piece)

    def stay(self) -> None:
        """Say nothing more, until the server stops."""
        self._stopped.wait(30)

    def reset(self) -> None:
        """Cut the connection with a RST."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.peer.close()


class HostileServer:
    """Runs `answer` on each request while its `with` block runs; keeps the requests.

    `answer` is the bytes to send, or a function that does as it likes; `greeting` is said before the request.
    Each connection is closed after one answer. With `tls` it shakes hands first.
    """

    def __init__(
        self,
        answer: bytes | Callable[[Connection], None],
        *,
        host: str = "127.0.0.1",
        greeting: bytes = b"",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[bytes] = []
        self._greeting = greeting
        self._tls = tls
        self._answer = answer if callable(answer) else lambda connection: connection.send(answer)
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64
        )
        self.port: int = self._listener.getsockname()[1]
        self.pair = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"http://{self.pair}"
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(peer)
            self._threads.append(threading.Thread(target=self._serve, args=(peer,)))
            self._threads[-1].start()

    def _serve(self, peer: socket.socket) -> None:
        with suppress(OSError), peer:
            if self._tls is not None:
                with self._tls.wrap_socket(peer, server_side=True) as shaken:
                    self._open.add(shaken)
                    self._answer_to(shaken)
            else:
                self._answer_to(peer)

    def _answer_to(self, peer: socket.socket) -> None:
        with suppress(OSError):
            peer.sendall(self._greeting)
            request = b""
            while b"\r\n\r\n" not in request:
                piece = peer.recv(65_536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            self._answer(Connection(peer, request, self._stopped))


def page(body: bytes, *headers: str, status: str = "200 OK", content_type: str = "text/html") -> bytes:
    """Return an honest answer, with headers of the test's choice."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


def redirect(location: str | bytes, status: str = "302 Found") -> bytes:
    """Return a redirect to anywhere."""
    raw = location.encode() if isinstance(location, str) else location
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\nLocation: ".encode() + raw + b"\r\n\r\n"


# --- answers of the hostile kind ---------------------------------------------------------------


def slow(before: bytes, piece: bytes) -> Callable[[Connection], None]:
    """Say `before`, then `piece` every 10 ms without an end."""

    def answer(connection: Connection) -> None:
        connection.send(before)
        connection.dribble(ENDLESS(piece))

    return answer


def flood(before: bytes, piece: bytes) -> Callable[[Connection], None]:
    """Say `before`, then `piece` as fast as it goes without an end."""

    def answer(connection: Connection) -> None:
        connection.send(before)
        connection.dribble(ENDLESS(piece), every_s=0)

    return answer


def coded(body: bytes, coding: str) -> bytes:
    """Return a page that says it is so coded."""
    return page(body, f"Content-Encoding: {coding}")


def bomb(megabytes: int, *, wbits: int = 31) -> bytes:
    """A deflated stream of zeros (31: gzip, 15: zlib, -15: raw): one flushed block, repeated; it has no checksum."""
    packer = zlib.compressobj(9, wbits=wbits)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    return head + (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes


# --- asking ------------------------------------------------------------------------------------


def make_client(
    *allowed: str, deadline_s: float = DEADLINE_S, max_bytes: int = CAP, ports: Iterable[int] = ()
) -> HttpClient:
    return HttpClient(
        user_agent="Wirewatch/0 (+https://example.org/bot)",
        deadline_s=deadline_s,
        max_bytes=max_bytes,
        max_redirects=5,
        allowed=allowed,
        clock=lambda: NOW,
        ports=ports,
    )


def fetch_each(
    urls: Iterable[str],
    *allowed: str,
    deadline_s: float = DEADLINE_S,
    max_bytes: int = CAP,
    ports: Iterable[int] = (),
    **wishes: Any,
) -> list[Any]:
    """Return the answers, one after another, or what their absence means; none comes a second after its deadline."""

    async def ask_each() -> list[Any]:
        client = make_client(*allowed, deadline_s=deadline_s, max_bytes=max_bytes, ports=ports)
        try:
            return [await ask(client, url) for url in urls]
        finally:
            await client.close()

    async def ask(client: HttpClient, url: str) -> Any:
        began = time.monotonic()
        try:
            return await client(url, **wishes)
        except FetchFailed as failure:
            return failure.ending
        finally:
            assert time.monotonic() - began < deadline_s + 1

    return asyncio.run(ask_each())


def fetch(url: str, *allowed: str, **options: Any) -> Any:
    """Return the answer, or what its absence means."""
    return fetch_each([url], *allowed, **options)[0]


def answered(answer: Any, **options: Any) -> Any:
    """Return what one answer of a hostile server comes to."""
    with HostileServer(answer) as server:
        return fetch(f"{server.url}/a", server.pair, **options)


class Dns:
    """What DNS answers in a test. A name that it does not know does not exist; a number is its own answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, list[str]] = {}
        self.then: dict[str, list[str]] = {}  # the answer from the second question on
        self.asked: list[str] = []
        self.waking = threading.Event()  # names of `.silent` have no answer before
        real = socket.getaddrinfo

        def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
            self.asked.append(host)
            if host.endswith(".silent"):
                self.waking.wait(30)
            if host not in self.known:
                return real(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
            addresses = self.known[host]
            self.known[host] = self.then.get(host, addresses)
            families = {address: socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses}
            return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for address, family in families.items()]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


class Wire:
    """Where connections went: recorded, and led to a server on loopback or nowhere."""

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
