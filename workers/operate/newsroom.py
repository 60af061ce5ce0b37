"""The sample newsroom: invented outlets, served over real HTTP on loopback.

`python -m workers.operate.newsroom --folder tests/samples/newsroom --port 8099` serves it until SIGINT or SIGTERM.

The folder holds the pages and `newsroom.yaml`, the manifest: who the outlets are, what the server answers on each path,
and what Wirewatch must make of it. Answers misbehave on purpose (an endless page, a redirect loop, a feed cut off), so
the demo and the tests meet what the web does to a fetcher.
"""

import argparse
import gzip
import hashlib
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workers.domain.errors import EXIT_CONFIG, ConfigError, Problem, StartError, WirewatchError
from workers.domain.outcomes import DropReason, FeedOutcome
from workers.domain.values import Source

MANIFEST = "newsroom.yaml"
BASE_PLACEHOLDER = b"{{base}}"
#: Long enough for a slow reader on a busy machine, short enough that a forgotten connection goes away by itself.
IDLE_SECONDS = 30
ENDLESS_PIECE = (
    b"<p>The live page goes on: the wind turned, the boats turned with it, and nobody went home.</p>\n" * 200
)

RoutePath = Annotated[str, Field(pattern=r"^/[^?#]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Outlet(_Part):
    """An invented outlet, and how a poll of its feed must end."""

    id: str
    name: str
    language: str
    country: str
    owner: str
    state_owned: bool
    feed: RoutePath
    expect: FeedOutcome


class ExpectedArticle(_Part):
    """The link must end classified."""

    outcome: Literal["classified"]
    topics: tuple[str, ...]  # each must be flagged; empty: nothing but `may` is flagged
    may: tuple[str, ...] = ()  # touched in the text: flagged or not, both are right
    language: str
    contains: tuple[str, ...] = ()  # must stand in the stored text
    absent: tuple[str, ...] = ()  # furniture of the page: must not stand there
    duplicate_of: RoutePath | None = None


class ExpectedDrop(_Part):
    """The link must end dropped, for this reason."""

    outcome: Literal["dropped"]
    reason: DropReason


Expectation = Annotated[ExpectedArticle | ExpectedDrop, Field(discriminator="outcome")]


class Route(_Part):
    """What the server answers on one path: a file, a redirect, or a body without an end."""

    path: RoutePath  # decoded: no %-escapes, no query
    file: str | None = None
    content_type: str | None = None
    status: int = 200
    redirect: RoutePath | None = None
    endless: bool = False
    gzip: bool = False
    expect: Expectation | None = None  # of the link, when a feed carries it

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Route":
        if (self.file is not None) + (self.redirect is not None) + self.endless != 1:
            raise ValueError("give one of file, redirect and endless")
        if self.redirect is None and self.content_type is None:
            raise ValueError("content_type is missing")
        if (self.redirect is not None) != (300 <= self.status < 400):
            raise ValueError("a redirect has a status of 3xx, and nothing else has")
        return self


class Newsroom(_Part):
    """The whole manifest, with the folder that its files are in."""

    folder: Path
    outlets: tuple[Outlet, ...]
    routes: tuple[Route, ...]

    @model_validator(mode="after")
    def _hangs_together(self) -> "Newsroom":
        paths = Counter(route.path for route in self.routes)
        for path, count in paths.items():
            if count > 1:
                raise ValueError(f"{path} is given {count} times")
        named = [outlet.feed for outlet in self.outlets]
        for route in self.routes:
            named += [route.redirect] if route.redirect else []
            if isinstance(route.expect, ExpectedArticle) and route.expect.duplicate_of:
                named.append(route.expect.duplicate_of)
            if route.file is not None and not (self.folder / route.file).is_file():
                raise ValueError(f"{route.path}: no such file: {route.file}")
        for path in named:
            if path not in paths:
                raise ValueError(f"no route answers {path}")
        return self

    @property
    def expectations(self) -> dict[str, ExpectedArticle | ExpectedDrop]:
        """What must become of each link that a feed carries, by its decoded path."""
        return {route.path: route.expect for route in self.routes if route.expect is not None}


def load_newsroom(folder: Path) -> Newsroom:
    """Read and check the manifest of a newsroom folder.

    Raises ConfigError when the manifest cannot be read, is wrong in a field, or names an absent file.
    """
    manifest = folder / MANIFEST
    try:
        tree = YAML(typ="safe", pure=True).load(manifest.read_text(encoding="utf-8"))
        return Newsroom.model_validate(tree | {"folder": folder} if isinstance(tree, dict) else tree)
    except (OSError, YAMLError) as error:
        raise ConfigError(Problem(file=manifest, message=str(error))) from error
    except ValidationError as error:
        raise ConfigError(
            *(
                Problem(file=manifest, field=".".join(map(str, item["loc"])) or None, message=item["msg"])
                for item in error.errors(include_url=False)
            )
        ) from error


def decoded_path(url: str) -> str:
    """Return the path of a URL as the manifest writes it: %-escapes decoded, no query."""
    return unquote(urlsplit(url).path)


class _Server(ThreadingHTTPServer):
    """Threads that end with the server: closing it hangs up on every open connection, then waits for each thread."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], answer: "Callable[[_Handler], None]") -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the other side was first
                    connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sample-newsroom"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # headers and body are two writes: a delayed ACK would cost 40 ms on each answer
    server: _Server

    def do_GET(self) -> None:
        self.server.answer(self)

    def do_HEAD(self) -> None:
        self.server.answer(self)

    def handle(self) -> None:
        # A client that hangs up (as it must on the endless page) ends its connection and nothing else.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are counted instead."""

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reply_without_end(self, content_type: str) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # Without an end: the client hangs up, or the server does when it stops.
        while self.command != "HEAD":
            self.wfile.write(b"%x\r\n%s\r\n" % (len(ENDLESS_PIECE), ENDLESS_PIECE))


class NewsroomServer:
    """Serves a newsroom on loopback while its `with` block runs, and counts requests by path."""

    def __init__(self, newsroom: Newsroom, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind at once, so that `base_url` is known. Port 0 takes a free one. Raises StartError when it is taken."""
        self.newsroom = newsroom
        self.requests: Counter[str] = Counter()
        self._routes = {route.path: route for route in newsroom.routes}
        self._feeds = frozenset(outlet.feed for outlet in newsroom.outlets)
        self._counting = threading.Lock()
        try:
            self._server = _Server((host, port), self._answer)
        except OSError as error:
            raise StartError(f"the sample newsroom cannot listen on {host}:{port}: {error.strerror}") from error
        self.base_url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sample-newsroom")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        """Return the address of a decoded path on this server."""
        return self.base_url + quote(path)

    def sources(self) -> tuple[Source, ...]:
        """Return every outlet as a source whose feed is on this server."""
        return tuple(
            Source(
                id=outlet.id,
                name=outlet.name,
                url=self.url(outlet.feed),
                language=outlet.language,
                country=outlet.country,
                owner=outlet.owner,
                state_owned=outlet.state_owned,
            )
            for outlet in self.newsroom.outlets
        )

    def _answer(self, request: _Handler) -> None:
        path = decoded_path(request.path)
        with self._counting:
            self.requests[path] += 1
        route = self._routes.get(path)
        if route is None:
            request.reply(404, {"Content-Type": "text/plain; charset=utf-8"}, b"not in the newsroom\n")
        elif route.redirect is not None:
            request.reply(route.status, {"Location": self.url(route.redirect)})
        elif route.endless:
            request.reply_without_end(route.content_type or "")
        else:
            self._answer_file(request, route)

    def _answer_file(self, request: _Handler, route: Route) -> None:
        body = (self.newsroom.folder / (route.file or "")).read_bytes()
        body = body.replace(BASE_PLACEHOLDER, self.base_url.encode())
        headers = {"Content-Type": route.content_type or ""}
        if route.path in self._feeds and route.status == 200:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if request.headers.get("If-None-Match") == headers["ETag"]:
                request.reply(304, headers)
                return
        if route.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            body = gzip.compress(body, mtime=0)
        request.reply(route.status, headers, body)


def main(arguments: list[str] | None = None) -> int:
    """Serve a newsroom folder until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="workers.operate.newsroom", description="Serve the sample newsroom.")
    parser.add_argument("--folder", type=Path, required=True, help="the folder with newsroom.yaml")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    options = parser.parse_args(arguments)
    try:
        server = NewsroomServer(load_newsroom(options.folder), port=options.port)
    except WirewatchError as error:
        parser.exit(EXIT_CONFIG, f"{error}\n")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        print(server.base_url, flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
