"""`wirewatch reextract` without a network: is every stored page read as before, and how many a second?

Pages of the sample newsroom, many times over, each with words of its own, are stored in a fresh database, extracted and
published by the path's own steps. Then the network is taken away and the command's core reads all of them again, twice.
A page differs when any fact of its article does: the text, a date, why that rung.
"""

import argparse
import ctypes
import functools
import multiprocessing
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NoReturn, TypeVar
from uuid import UUID

from rich.console import Console
from rich.progress import track
from sqlalchemy import select

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from config.settings import Settings, changed  # noqa: E402
from workers.bootstrap import Steps, utc_now  # noqa: E402
from workers.cli.reextract import BATCH  # noqa: E402
from workers.cli.reextracting import Verdict, look_again  # noqa: E402
from workers.domain.outcomes import Advanced, FeedOutcome, State  # noqa: E402
from workers.domain.values import Entry, FeedEntry, Page  # noqa: E402
from workers.operate.embedded import runtime_path  # noqa: E402
from workers.operate.embedded_postgres import PostgresServer  # noqa: E402
from workers.operate.newsroom import BASE_PLACEHOLDER, ExpectedArticle, NewsroomServer, load_newsroom  # noqa: E402
from workers.store.migrate import migrate  # noqa: E402
from workers.store.overview import overview  # noqa: E402
from workers.store.pages import write_pages  # noqa: E402
from workers.store.polls import PollResult, Schedule  # noqa: E402
from workers.store.reextract import wanted_ids  # noqa: E402
from workers.store.schema import entry  # noqa: E402
from workers.store.wanted import Wanted  # noqa: E402
from workers.telemetry import configure_logging  # noqa: E402

T = TypeVar("T")

NEWSROOM = REPOSITORY / "tests" / "samples" / "newsroom"
#: Entries of one made-up poll, and of one claim.
ROUND = 500
#: clone(2): a network namespace of our own, in which there is not even a loopback.
CLONE_NEWNET = 0x40000000


def made_pages() -> Iterator[tuple[bytes, str, str | None]]:
    """Give (body, media type, charset of the header) without end: articles of the newsroom, each with its number."""
    newsroom = load_newsroom(NEWSROOM)
    found = []
    for route in newsroom.routes:
        if isinstance(route.expect, ExpectedArticle) and route.file:
            media, _, name = (route.content_type or "").partition("; charset=")
            found.append(((newsroom.folder / route.file).read_bytes(), media, name or None))
    number = 0
    while True:
        for body, media, charset in found:
            number += 1
            own = body.replace(
                BASE_PLACEHOLDER, f"https://bench.example/{number}".encode()
            )  # its canonical address too
            yield own.replace(b"</p>", f" ({number})</p>".encode(), 3), media, charset


def store_pages(steps: Steps, first: int, pages: list[tuple[bytes, str, str | None]]) -> list[UUID]:
    """Put pages into the ledger as if they had been fetched; return their ids."""
    source = NewsroomServer(load_newsroom(NEWSROOM)).sources()[0]
    steps.sources.sync([source])
    given = {f"https://bench.example/news/{first + number}": page for number, page in enumerate(pages)}
    links = tuple(FeedEntry(key=url, url=url, title="") for url in given)
    at_once = Schedule(wait_s=0)
    due = steps.sources.claim([source.id])[0]
    steps.sources.record(due, PollResult(outcome=FeedOutcome.OK, schedule=lambda _new: at_once, entries=links))
    with steps.engine.connect() as connection:
        ids = list(connection.execute(select(entry.c.id).where(entry.c.state == State.DISCOVERED)).scalars())
    claim = steps.ledger.claim(ids, State.DISCOVERED)
    fetched = [(one, Advanced(_page(one, *given[one.url]))) for one in claim.entries]
    return steps.ledger.settle(claim, fetched, to=State.FETCHED, write=write_pages).advanced


def _page(one: Entry, body: bytes, media: str, charset: str | None) -> Page:
    return Page(url=one.url, status=200, content_type=media, charset=charset, body=body, fetched_at=utc_now())


@functools.cache
def _steps(url: str) -> Steps:
    configure_logging("bench", "error")
    return Steps(changed(Settings(), database_url=url, host_delay_s=0, log_level="error"))


def publish(url: str, ids: list[UUID]) -> int:
    """Take stored pages down the path, as a worker does; return how many were published."""
    steps = _steps(url)
    return len(steps.classify(steps.extract(ids)))


def refuse_network() -> str:
    """Take the network away from this process and those that it starts; return how."""
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0:
        return "no network exists (a namespace of our own, helper processes included)"

    def refuse(_socket: socket.socket, address: object) -> NoReturn:
        raise SystemExit(f"somebody wanted to reach {address}")

    socket.socket.connect = refuse  # type: ignore[method-assign,assignment]  # the database's driver is not Python
    return "this process cannot connect (no right to a namespace: helper processes could)"


def cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def fill(steps: Steps, url: str, count: int, jobs: int) -> int:
    """Store and publish pages; return how many are published."""
    pages = made_pages()
    ids: list[UUID] = []
    for first in _bar(range(0, count, ROUND), "storing"):
        ids += store_pages(steps, first, list(islice(pages, min(ROUND, count - first))))
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = [ids[start : start + 20] for start in range(0, len(ids), 20)]
        return sum(_bar(pool.map(publish, [url] * len(parts), parts), "publishing", len(parts)))


def read_again(steps: Steps, count: int, jobs: int, console: Console, name: str) -> tuple[float, int]:
    """Read every page once more; return pages a second and core, and how many differ."""
    begun, cpu_begun = time.perf_counter(), cpu_s()
    looks = look_again(steps.ledger, wanted_ids(steps.engine, Wanted(), size=BATCH), jobs=jobs)
    counts = Counter(one.verdict for one in _bar(looks, name, count))
    wall, cpu = time.perf_counter() - begun, cpu_s() - cpu_begun
    speed, differ = count / wall / jobs, count - counts[Verdict.SAME]
    cost = f"{wall:.0f} s; {1000 * cpu / count:.1f} ms CPU a page"
    console.print(f"{name}: {speed:.1f} pages/s per core ({cost}), {differ} of {count} differ")
    if differ:
        console.print(f"    {dict(counts)}")
    return speed, differ


def _bar(work: Iterable[T], word: str, total: int | None = None) -> Iterable[T]:
    told = Console(stderr=True)
    return track(work, word, total, console=told, disable=not told.is_terminal, transient=True)


def main() -> None:
    """Store, publish, read again twice, print; exit 1 when a page differs or it was slower than asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--least", type=float, default=20, help="pages a second and core that are asked for")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wirewatch-bench-")))
        server = PostgresServer(folder, runtime_path(Path(tempfile.gettempdir()), folder))
        server.prepare()
        process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.send_signal, 2)
        server.wait_ready(60)
        steps = _steps(server.url)
        stack.callback(steps.close)
        migrate(steps.engine)
        published = fill(steps, server.url, options.pages, options.jobs)
        if published != options.pages:
            raise SystemExit(f"{published} of {options.pages} pages were published: {overview(steps.engine).counts}")
        console.print(f"{published} published pages, {options.jobs} jobs; {refuse_network()}")
        runs = [read_again(steps, published, options.jobs, console, f"run {number}") for number in (1, 2)]
    if any(differ or speed < options.least for speed, differ in runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
