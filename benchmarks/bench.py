"""`make bench`: articles per second per core, from stored page to stored flags, beside a bare trafilatura loop.

The pages are those of the sample newsroom, many times over, each made different by a word. The two loops take turns on
the same pages in the same process, so that a noisy machine disturbs both alike; what counts is the ratio.
"""

import argparse
import gc
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import trafilatura
from rich.console import Console
from rich.progress import track
from sqlalchemy import select

from config.settings import Settings, changed
from workers.bootstrap import Steps, utc_now
from workers.domain.outcomes import Advanced, FeedOutcome, State
from workers.domain.values import FeedEntry, Page
from workers.operate.embedded import runtime_path
from workers.operate.embedded_postgres import PostgresServer
from workers.operate.newsroom import BASE_PLACEHOLDER, ExpectedArticle, NewsroomServer, load_newsroom
from workers.store.migrate import migrate
from workers.store.pages import write_pages
from workers.store.polls import PollResult, Schedule
from workers.store.schema import entry, flag
from workers.telemetry import configure_logging

NEWSROOM = Path(__file__).parent.parent / "tests" / "samples" / "newsroom"


def sample_pages() -> list[tuple[bytes, str, str | None]]:
    """Return (body, media type, charset of the header) of every page that becomes an article."""
    newsroom = load_newsroom(NEWSROOM)
    found = []
    for route in newsroom.routes:
        if isinstance(route.expect, ExpectedArticle) and route.file:
            media, _, charset = (route.content_type or "").partition("; charset=")
            found.append(((newsroom.folder / route.file).read_bytes(), media, charset or None))
    return found


def store_pages(steps: Steps, round_number: int, copies: int) -> tuple[list[UUID], list[bytes]]:
    """Put pages into the ledger as if they had been fetched; return their ids and bodies."""
    source = NewsroomServer(load_newsroom(NEWSROOM)).sources()[0]
    steps.sources.sync([source])
    bodies = [
        (  # each with a canonical address of its own: two of one address are one article
            body.replace(BASE_PLACEHOLDER, f"https://bench.example/{round_number}/{copy}".encode()).replace(
                b"</body>", f"<!-- {round_number} {copy} --></body>".encode()
            ),
            media,
            charset,
        )
        for copy in range(copies)
        for body, media, charset in sample_pages()
    ]
    links = [f"https://bench.example/{round_number}/{number}" for number in range(len(bodies))]
    due = steps.sources.claim([source.id])[0]
    entries = tuple(FeedEntry(key=url, url=url, title="") for url in links)
    at_once = Schedule(wait_s=0)
    steps.sources.record(due, PollResult(outcome=FeedOutcome.OK, schedule=lambda _new: at_once, entries=entries))
    with steps.engine.connect() as connection:
        ids = list(connection.execute(select(entry.c.id).where(entry.c.state == State.DISCOVERED)).scalars())
    claim = steps.ledger.claim(ids, State.DISCOVERED)
    by_url = dict(zip(links, bodies, strict=True))
    pages = []
    for one in claim.entries:
        body, media, charset = by_url[one.url]
        pages.append(
            (
                one,
                Advanced(
                    Page(url=one.url, status=200, content_type=media, charset=charset, body=body, fetched_at=utc_now())
                ),
            )
        )
    steps.ledger.settle(claim, pages, to=State.FETCHED, write=write_pages)
    return [one.id for one in claim.entries], [page.value.body for _, page in pages]


def ours(steps: Steps, ids: list[UUID]) -> float:
    """Return seconds from stored pages to stored flags."""
    started = time.perf_counter()
    steps.classify(steps.extract(ids))
    return time.perf_counter() - started


def bare(bodies: list[bytes]) -> float:
    """Return seconds of a loop that only calls trafilatura."""
    started = time.perf_counter()
    for body in bodies:
        trafilatura.extract(body)
    return time.perf_counter() - started


def one_round(steps: Steps, ids: list[UUID], bodies: list[bytes]) -> tuple[float, float]:
    """Return seconds of both loops over the same pages; they take turns batch by batch."""
    size = steps.settings.batch_size
    theirs_s = ours_s = 0.0
    for start in range(0, len(ids), size):
        theirs_s += bare(bodies[start : start + size])
        ours_s += ours(steps, ids[start : start + size])
    return theirs_s, ours_s


def main() -> None:
    """Run the rounds and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--copies", type=int, default=5, help="how often the sample pages are used in a round")
    options = parser.parse_args()
    configure_logging("bench", "error")
    console = Console()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wirewatch-bench-")))
        runtime = runtime_path(Path(tempfile.gettempdir()), folder)
        server = PostgresServer(folder, runtime)
        server.prepare()
        process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.send_signal, 2)
        server.wait_ready(60)
        steps = Steps(changed(Settings(), database_url=server.url, host_delay_s=0, log_level="error"))
        migrate(steps.engine)
        stack.callback(steps.close)
        ours(steps, store_pages(steps, -1, 1)[0])  # everything is imported and cached before the clock starts
        gc.collect()
        gc.freeze()  # as a worker does before it forks
        rows = []
        for number in track(range(options.rounds), description="measuring", console=console):
            ids, bodies = store_pages(steps, number, options.copies)
            rows.append((len(ids), *one_round(steps, ids, bodies)))
        with steps.engine.connect() as connection:
            states = set(connection.execute(select(entry.c.state)).scalars())
            flags = len(connection.execute(select(flag.c.entry_id).where(flag.c.flagged)).all())
        if states != {State.CLASSIFIED} or not flags:
            raise SystemExit(f"not every page was classified: {states}, {flags} flags")
    ratios = [bare_s / ours_s for _, bare_s, ours_s in rows]
    count = sum(row[0] for row in rows)
    console.print(f"{count} pages in {options.rounds} rounds, batches of {steps.settings.batch_size}, one process")
    console.print(f"bare trafilatura.extract   {count / sum(row[1] for row in rows):7.1f} pages/s")
    console.print(f"stored page to flags       {count / sum(row[2] for row in rows):7.1f} articles/s per core")
    console.print(
        f"ratio                      {statistics.median(ratios):7.2f} (median; {min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
