"""A receiver of webhooks on loopback: keeps what it gets and answers as it is told."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read


@dataclass
class Receiver:
    """Serves while its `with` block runs. `answer`: what to say of a request; 200 by itself."""

    answer: Callable[[Got], int] = lambda _: 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer = self
        self.leave = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: in two, the second waits 40 ms for an acknowledgement

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                one = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                outer.got.append(one)
                self.send_response(outer.answer(one))
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hung up
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def pair(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.pair}/hook"

    @property
    def seqs(self) -> list[int]:
        return [one.event["seq"] for one in self.got]

    def hang(self, _: Got) -> int:
        """Say nothing until the receiver ends."""
        self.leave.wait(30)
        return 200
