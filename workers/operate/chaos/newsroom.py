"""A newsroom of any size: invented articles on many hosts of the loopback, served by one process.

`python -m workers.operate.chaos.newsroom --articles 150 --hosts 50 --seconds 20` prints the port and serves until its
standard input ends. The feeds are empty until somebody asks for `/begin`; from then on they reveal their entries in
waves, the last when the seconds have passed. No two articles share a sentence, so none is a duplicate.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from hashlib import sha256
from html import escape
from time import monotonic

from workers.domain.errors import StartError
from workers.domain.values import Source

WAVES = 10

SYLLABLES = (
    "bra",
    "den",
    "fol",
    "gar",
    "hul",
    "kin",
    "lom",
    "mar",
    "nor",
    "pel",
    "ros",
    "sta",
    "tun",
    "vel",
    "wes",
    "yor",
)

#: Title, then paragraphs: about what is watched, and not. {a}, {b}: names that only this article has.
TEMPLATES = (
    (
        "Border police of {a} and {b} begin joint patrols",
        "Border guards of {a} and {b} will patrol the river together from next month, the two interior ministers said.",
        "Mixed crews will share six boats at the {a} crossing and one radio channel that {b} has paid for.",
        "The chief of the border police in {b} said smugglers had used the islands below {a} for years.",
        "Commissioners of {a} will meet those of {b} every three months to look at what the patrols have found.",
    ),
    (
        "Customs officers in {a} seize cocaine hidden in fruit from {b}",
        "Customs officers in the port of {a} have seized two tonnes of cocaine in a container that came from {b}.",
        "The drugs lay under crates of melons which a trader in {b} had declared, prosecutors of {a} told reporters.",
        "Four men from {b} were arrested in a warehouse behind the {a} railway station on the same night.",
        "It is the largest seizure in {a} since the harbour was opened to ships of the {b} line ten years ago.",
    ),
    (
        "Hackers shut down the hospital of {a} for two days",
        "A ransomware attack has shut down the computers of the hospital of {a}, and patients were sent to {b}.",
        "The cyber attack came through a supplier in {b} whose password was stolen, investigators in {a} believe.",
        "Doctors of {a} wrote on paper while experts from {b} restored the systems from copies made in spring.",
        "The health ministry said that no files of patients in {a} or {b} had been found on sale so far.",
    ),
    (
        "The regatta of {a} is won by a crew from {b}",
        "A crew of eight from {b} has won the old regatta of {a} by half a length, in light wind and rain.",
        "The bakers of {a} gave the winners a loaf as long as their boat, as they have done since {b} first took part.",
        "A second boat from {b} ran on a sandbank near the {a} mill and was pulled free by fishermen.",
        "Next summer the rowers of {a} will go to {b} and try to win the silver oar back on foreign water.",
    ),
    (
        "The orchestra of {a} plays for the schools of {b}",
        "The orchestra of {a} will play in every school of {b} this winter, and the pupils choose the music.",
        "The conductor from {a} said the children of {b} had asked for trumpets first and for dances after that.",
        "Parents in {b} have lent forty beds to musicians who cannot drive home to {a} through the snow.",
        "A choir of {b} will thank the orchestra of {a} with songs that were last printed a century ago.",
    ),
)


def name_of(number: int) -> str:
    """Return an invented name that no other number has."""
    made = ""
    while True:
        number, place = divmod(number, len(SYLLABLES))
        made = SYLLABLES[place] + made
        if not number and len(made) >= 9:
            return made.capitalize()


def article(number: int) -> tuple[str, list[str]]:
    """Return title and paragraphs of an article; no sentence of it is in any other."""
    title, *paragraphs = TEMPLATES[number % len(TEMPLATES)]
    names = {"a": name_of(2 * number), "b": name_of(2 * number + 1)}
    return title.format(**names), [one.format(**names) for one in paragraphs]


def page(number: int) -> str:
    """Return the page of an article."""
    title, paragraphs = article(number)
    text = "".join(f"<p>{escape(one)}</p>" for one in paragraphs)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        f"<body><article><h1>{escape(title)}</h1>{text}</article></body></html>"
    )


def path_of(number: int) -> str:
    """Return where on its host an article is."""
    return f"/news/{number}.html"


def host_of(index: int) -> str:
    """Return the address of a host."""
    return f"127.0.{10 + index // 200}.{1 + index % 200}"


def revealed(numbers: range, elapsed_s: float, seconds: float, phase: float) -> range:
    """Return those of a host's articles that its feed shows so long after the beginning (negative: not begun).

    `phase` in 0..1: how far this host's waves are ahead of the first host's, in waves.
    """
    if elapsed_s < 0:
        return numbers[:0]
    wave = min(WAVES, int(phase + elapsed_s / seconds * WAVES))
    return numbers[: len(numbers) * wave // WAVES]


def wait_of(number: int) -> float:
    """Return how long (seconds) an article's page takes to come, so that faults find pages on their way."""
    return 0.05 + number % 10 / 20


def feed(base: str, numbers: range) -> str:
    """Return the feed of a host: RSS, newest first."""
    items = "".join(
        f"<item><title>{escape(article(one)[0])}</title><link>{base}{path_of(one)}</link><guid>{base}{path_of(one)}</guid></item>"
        for one in reversed(numbers)
    )
    return f'<rss version="2.0"><channel><title>{base}</title><link>{base}/</link>{items}</channel></rss>'


def sources(hosts: int, port: int) -> list[Source]:
    """Return each host as a source."""
    return [
        Source(
            id=f"host-{index:02}",
            name=f"Host {index:02}",
            url=f"http://{host_of(index)}:{port}/feed.xml",
            language="en",
            country="GB",
            owner="nobody",
            state_owned=False,
        )
        for index in range(hosts)
    ]


Answer = tuple[int, str, str, str]  # status, media type, ETag, body
NOT_HERE: Answer = (404, "text/plain", "", "not here\n")


class ChaosNewsroom:
    """What the hosts answer. Article n is on host n modulo the number of hosts."""

    def __init__(self, *, articles: int, hosts: int, seconds: float, clock: Callable[[], float]) -> None:
        self._numbers = [range(index, articles, hosts) for index in range(hosts)]
        self._seconds = seconds
        self._clock = clock
        self._begun_at: float | None = None

    def answer(self, index: int, base: str, path: str) -> Answer:
        """Return what host `index` answers on a path."""
        if path == "/begin":
            self._begun_at = self._clock()
            return (200, "text/plain", "", "begun\n")
        if path == "/feed.xml":
            elapsed = -1.0 if self._begun_at is None else self._clock() - self._begun_at
            shown = revealed(self._numbers[index], elapsed, self._seconds, index / len(self._numbers))
            body = feed(base, shown)
            return (200, "application/rss+xml", f'"{sha256(body.encode()).hexdigest()[:16]}"', body)
        word = path.removeprefix("/news/").removesuffix(".html")
        if word.isdecimal() and int(word) in self._numbers[index] and path == path_of(int(word)):
            return (200, "text/html; charset=utf-8", "", page(int(word)))
        return NOT_HERE

    async def serve(self, index: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until the client leaves it."""
        address, port = writer.get_extra_info("sockname")[:2]
        try:
            while head := await _request(reader):
                path, asked = head
                status, media, etag, body = self.answer(index, f"http://{address}:{port}", path)
                if etag and asked.get("if-none-match") == etag:
                    status, body = 304, ""
                if status == 200 and path.startswith("/news/"):
                    await asyncio.sleep(wait_of(int(path.removeprefix("/news/").removesuffix(".html"))))
                lines = [f"HTTP/1.1 {status} -", f"Content-Type: {media}", *([f"ETag: {etag}"] if etag else [])]
                data = body.encode()
                lines += [f"Content-Length: {len(data)}"] if status != 304 else []
                writer.write("\r\n".join([*lines, "", ""]).encode() + data)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a killed worker hangs up wherever it is
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    """Return the path and the headers of the next request, None when there is no more."""
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return lines[0].split(" ")[1], headers


async def serve(newsroom: ChaosNewsroom, hosts: int, say: Callable[[int], None], end: Awaitable[object]) -> None:
    """Serve on one free port of each host until `end`. Raises StartError when the loopback has no such addresses."""

    def handler(index: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        return lambda reader, writer: newsroom.serve(index, reader, writer)

    servers: list[asyncio.Server] = []
    port = 0
    try:
        for index in range(hosts):
            servers.append(await asyncio.start_server(handler(index), host_of(index), port))
            port = servers[0].sockets[0].getsockname()[1]
        say(port)
        await end
    except OSError as error:
        raise StartError(f"the newsroom cannot listen on {host_of(len(servers))}: {error.strerror}") from error
    finally:
        for server in servers:
            server.close()


async def _standard_input_ends() -> None:
    await asyncio.to_thread(sys.stdin.read)


def main(arguments: list[str] | None = None) -> None:
    """Serve until standard input ends: also when whoever started us was killed."""
    parser = argparse.ArgumentParser(prog="workers.operate.chaos.newsroom", description="Serve a generated newsroom.")
    for name, kind in (("--articles", int), ("--hosts", int), ("--seconds", float)):
        parser.add_argument(name, type=kind, required=True)
    options = parser.parse_args(arguments)
    newsroom = ChaosNewsroom(articles=options.articles, hosts=options.hosts, seconds=options.seconds, clock=monotonic)
    asyncio.run(serve(newsroom, options.hosts, lambda port: print(port, flush=True), _standard_input_ends()))


if __name__ == "__main__":
    main()
