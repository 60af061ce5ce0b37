"""Web sites for benchmarks: feeds, pages and robots.txt on any loopback address, in a process of their own.

Texts are made of syllables, so nothing in them is anybody's. A feed has 30 entries in 15 KB; it says 304 to whoever
knows its ETag. `GET /next` gives one feed in twenty a new entry. A page has about 40 KB; both come packed with gzip,
as from most sites.
"""

import asyncio
import gzip
import random
import socket
from functools import lru_cache

ENTRIES = 30
#: One feed in so many changes.
CHANGING = 20
ROBOTS = (
    b"User-agent: *\nDisallow: /search\nDisallow: /*?print=\nDisallow: /account/\n\n"
    b"User-agent: GreedyBot\nDisallow: /\n"
)

_SYLLABLES = ["ba", "den", "fo", "gri", "hal", "ka", "lem", "mo", "nir", "pe", "ral", "sta", "tu", "vor", "wen", "zi"]


@lru_cache(maxsize=1)
def _words() -> list[str]:
    chance = random.Random(3)
    return ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(3_000)]


def _sentence(chance: random.Random, length: int) -> str:
    return " ".join(chance.choices(_words(), k=length)).capitalize() + "."


def feed(number: int, version: int) -> bytes:
    """Return an RSS feed whose newest entry is its `version`-th since the first thirty."""
    items = []
    for entry in range(version + ENTRIES, version, -1):
        chance = random.Random(number * 1_000_003 + entry)
        link = f"https://feed{number}.example/news/{entry}"
        items.append(
            f"<item><title>{_sentence(chance, 8)}</title><link>{link}</link><guid isPermaLink='false'>{number}-{entry}"
            f"</guid><pubDate>Mon, {1 + entry % 28:02} Jun 2026 10:00:00 GMT</pubDate>"
            f"<description>{_sentence(chance, 35)}</description></item>"
        )
    return (
        "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel>"
        f"<title>Feed {number}</title><link>https://feed{number}.example/</link><description>All news</description>"
        f"{''.join(items)}</channel></rss>"
    ).encode()


@lru_cache(maxsize=20_000)
def page(name: str) -> bytes:
    """Return an article's page, packed with gzip: navigation, 40 paragraphs, teasers, inline script."""
    chance = random.Random(name)
    links = "".join(
        f'<li class="nav-item"><a class="nav-link" href="/section/{number}">{_sentence(chance, 3)}</a></li>'
        for number in range(60)
    )
    text = "".join(f'<p class="article-paragraph">{_sentence(chance, 75)}</p>\n' for _ in range(40))
    teasers = "".join(
        f'<div class="teaser"><a href="/news/{number}"><h3>{_sentence(chance, 9)}</h3></a></div>'
        for number in range(40)
    )
    script = "<script>" + "".join(f"window.s{number}={chance.random()};" for number in range(80)) + "</script>"
    whole = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{_sentence(chance, 9)}</title>{script}"
        f"</head><body><nav><ul>{links}</ul></nav><main><article><h1>{_sentence(chance, 9)}</h1>{text}</article></main>"
        f"<aside>{teasers}</aside></body></html>"
    )
    return gzip.compress(whole.encode(), 6)


@lru_cache(maxsize=2_000)
def _packed_feed(number: int, version: int) -> bytes:
    return gzip.compress(feed(number, version), 6)


class WebSites(asyncio.Protocol):
    """One connection: HTTP/1.1 with keep-alive, GET only."""

    version = 0  # of the feeds that change; the same for all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve loopback, nobody else."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        if not transport.get_extra_info("sockname")[0].startswith("127."):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            self.transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        line, *rest = head.decode("latin-1").split("\r\n")
        path = line.split(" ")[1]
        kind, _, name = path[1:].partition("/")
        if kind == "feed":
            headers = dict(one.lower().split(": ", 1) for one in rest)
            return self._feed(int(name), headers.get("if-none-match"))
        if kind == "page":
            return _response(page(name), "text/html; charset=utf-8", packed=True)
        if kind == "robots.txt":
            return _response(ROBOTS, "text/plain")
        if kind == "next":
            WebSites.version += 1
            return _response(str(WebSites.version).encode(), "text/plain")
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    def _feed(self, number: int, known: str | None) -> bytes:
        version = WebSites.version if number % CHANGING == 0 else 0
        tag = etag(number, version)
        if known == tag:
            return f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\nCache-Control: max-age=60\r\n\r\n".encode()
        return _response(_packed_feed(number, version), "application/rss+xml", f"ETag: {tag}\r\n", packed=True)


def etag(number: int, version: int) -> str:
    """Return the ETag of a feed."""
    return f'"{number}-{version}"'


def _response(body: bytes, media: str, more: str = "", *, packed: bool = False) -> bytes:
    if packed:
        more += "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n"
    head = (
        f"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jun 2026 10:00:00 GMT\r\nServer: websites\r\nContent-Type: {media}\r\n"
        f"Cache-Control: max-age=60\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def hosts(wanted: int) -> list[str]:
    """Return so many different loopback addresses."""
    return [f"127.{1 + number // 62_500}.{1 + number // 250 % 250}.{1 + number % 250}" for number in range(wanted)]


async def _serve() -> None:
    listening = socket.create_server(("0.0.0.0", 0), backlog=1_000)  # all of 127.0.0.0/8; others are sent away
    server = await asyncio.get_running_loop().create_server(WebSites, sock=listening)
    print(listening.getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
