"""A receiver of webhooks as any customer would run one: it keeps what it is sent, and says thank you."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a killed pusher hangs up wherever it is."""


class Receiver:
    """Serves on a free port of loopback while its `with` block runs.

    `got` is what was sent: seq, event id, entry id and type, in the order of arrival, repeats included.
    """

    def __init__(self) -> None:
        self.got: list[tuple[int, str, str, str]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_POST(self) -> None:
                one = json.loads(self.rfile.read(int(self.headers["content-length"])))
                got.append((one["seq"], one["id"], one["subject"], one["type"].rsplit(".", 1)[1]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver")

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def pair(self) -> str:
        """host:port, for whoever must be allowed to ask it."""
        return f"127.0.0.1:{self._server.server_port}"
