"""A server of raw sockets on loopback, that answers as no honest server would."""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self


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
    Each connection is closed after one answer.
    """

    def __init__(
        self, answer: bytes | Callable[[Connection], None], *, host: str = "127.0.0.1", greeting: bytes = b""
    ) -> None:
        self.requests: list[bytes] = []
        self._greeting = greeting
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
