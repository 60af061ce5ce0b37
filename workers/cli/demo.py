"""`demo`: the whole system on the sample newsroom, seen live."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from config.settings import Settings, changed, load_settings
from config.sources import SourceSpec
from config.sources_edit import add_sources
from workers.bootstrap import database_url
from workers.cli.shown import sentence_around
from workers.cli.system import print_addresses, say, stop_signals
from workers.domain.errors import StartError, WirewatchError
from workers.launch import System, repository, running
from workers.operate.newsroom import NewsroomServer, load_newsroom
from workers.operate.verdict import mistakes, unfinished
from workers.store.engine import make_engine
from workers.store.overview import broken_invariants, ledger_rows, overview

SAMPLES = repository() / "tests" / "samples" / "newsroom"
#: A file that says: this folder is a demo's, and may be wiped.
MARK = "this-is-a-demo"


class DemoFailedError(WirewatchError):
    """A sample article has not the outcome that its manifest says."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when every sample article has its outcome.")] = False,
    timeout_s: Annotated[float, typer.Option(help="With --once: give up after this many seconds.")] = 120,
    data_dir: Annotated[Path, typer.Option(help="Wiped at the start.")] = Path("var/demo"),
    samples: Annotated[Path, typer.Option(help="The newsroom that is served.")] = SAMPLES,
    api_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    flower_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
) -> None:
    """Run everything on an invented newsroom, served over real HTTP on loopback, and show what comes out."""
    if not samples.is_dir():
        raise StartError(f"{samples}: the sample newsroom is part of the repository; run the demo from a clone")
    newsroom = load_newsroom(samples)
    with stop_signals() as stopped, NewsroomServer(newsroom) as server:
        settings = demo_settings(data_dir, server, api_port=api_port, flower_port=flower_port)
        started = monotonic()
        with running(settings, say) as system:
            say(f"started in {monotonic() - started:.1f} s; {len(newsroom.expectations)} sample links are on their way")
            print_addresses(system)
            watch(system, server, stopped, limit_s=timeout_s if once else None)
            if once:
                judge(system, server)
                say(f"every sample link has its outcome, {monotonic() - started:.1f} s after the start")


def demo_settings(data_dir: Path, server: NewsroomServer, *, api_port: int, flower_port: int) -> Settings:
    """Return settings for the newsroom: its own data folder, sources and clocks, made for seconds instead of years."""
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / MARK).exists():
            raise StartError(f"{data_dir} holds something else than a demo's data: name another --data-dir")
        _wipe(data_dir)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / MARK).touch()
    except OSError as error:
        raise StartError(f"{data_dir} cannot be written: {error.strerror}") from error
    sources = data_dir / "sources.yaml"
    sources.write_text("version: 1\nsources: []\n", encoding="utf-8")
    add_sources(sources, [SourceSpec(**asdict(one)) for one in server.sources()])
    host_port = server.base_url.removeprefix("http://")
    return changed(
        load_settings(),
        data_dir=data_dir,
        sources_file=sources,
        database_url=None,
        broker_url=None,
        stream_url=None,
        api_port=api_port,
        flower_port=flower_port,
        allow_addresses=[host_port],
        host_delay_s=0,
        fetch_deadline_s=8,
        lease_s=12,
        hint_lag_s=3,
        sweep_period_s=1,
        batch_size=8,
    )


def _wipe(data_dir: Path) -> None:
    from workers.operate.lock import claim, release

    release(data_dir, claim(data_dir))  # raises StartError while another demo runs there
    shutil.rmtree(data_dir)


def watch(system: System, server: NewsroomServer, stopped: Event, *, limit_s: float | None) -> None:
    """Show articles as they come out of the change log, until told to stop or (with a limit) until all are there."""
    started = monotonic()
    after = 0
    with httpx.Client(base_url=system.api_url, trust_env=False, timeout=10) as client, _table() as show:
        while not stopped.wait(0.3):
            for change in _changes(client, after):
                after = change["seq"]
                show(change["article"], _article(client, change["article"]["id"]))
            if limit_s is not None:
                if not _waiting(system, server):
                    return
                if monotonic() - started > limit_s:
                    raise DemoFailedError(
                        f"not done after {limit_s:g} s:\n" + "\n".join([*_waiting(system, server), *system.troubles()])
                    )
    if limit_s is not None:
        raise DemoFailedError("stopped before every sample link had its outcome")


def judge(system: System, server: NewsroomServer) -> None:
    """Raise DemoFailedError, with every reason, unless each sample link and source ended as the manifest says."""
    engine = make_engine(database_url(system.settings), role="demo")
    rows, found = ledger_rows(engine), overview(engine)
    with httpx.Client(base_url=system.api_url, trust_env=False, timeout=10) as client:
        articles = {str(row["id"]): _article(client, str(row["id"])) for row in rows if row["state"] == "classified"}
    problems = mistakes(server.newsroom, rows, found.sources, articles)
    problems += [f"promise broken: {promise}: {ids}" for promise, ids in broken_invariants(engine).items()]
    if not found.counts.balanced:
        problems.append(f"the ledger does not balance: {found.counts}")
    engine.dispose()
    if problems:
        raise DemoFailedError("\n".join(problems))


def _waiting(system: System, server: NewsroomServer) -> list[str]:
    engine = make_engine(database_url(system.settings), role="demo")
    try:
        found = overview(engine)
        waiting = unfinished(server.newsroom, ledger_rows(engine), found.sources)
        return [*waiting, "changes without a number"] if not waiting and found.unnumbered else waiting
    finally:
        engine.dispose()


def _changes(client: httpx.Client, after: int) -> list[dict[str, Any]]:
    response = client.get("/v1/changes", params={"after": after, "limit": 100})
    if response.status_code == 503:  # the store was restarted: the next look will find it
        return []
    response.raise_for_status()
    found: list[dict[str, Any]] = response.json()["changes"]
    return found


def _article(client: httpx.Client, article_id: str) -> dict[str, Any]:
    response = client.get(f"/v1/articles/{article_id}")
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


@contextmanager
def _table() -> Iterator[Any]:
    """Yield a function that shows one article: a live table in a terminal, plain lines elsewhere."""
    console = Console()
    if not console.is_terminal:

        def line(change: dict[str, Any], article: dict[str, Any]) -> None:
            flags = "; ".join(f"{flag['topic']} {flag['probability']:.2f}" for flag in _flagged(change)) or "-"
            print(f"{change['source']['id']}\t{change['language']}\t{change['title']}\t{flags}", flush=True)

        yield line
        return
    table = Table(expand=True, show_lines=True)
    table.add_column("article", ratio=3)
    table.add_column("source", ratio=1)
    table.add_column("", width=2)
    table.add_column("flags", ratio=2)
    table.add_column("the sentence that raised it", ratio=5)
    with Live(table, console=console, vertical_overflow="visible", refresh_per_second=4):

        def row(change: dict[str, Any], article: dict[str, Any]) -> None:
            flags = _flagged(change)
            table.add_row(
                change["title"],
                change["source"]["name"],
                change["language"],
                "\n".join(f"[bold]{flag['topic']}[/] {flag['probability']:.2f}" for flag in flags) or "[dim]no flag[/]",
                "\n".join(sentence_around(article, flag["evidence"][0]) for flag in flags),
            )

        yield row


def _flagged(change: dict[str, Any]) -> list[dict[str, Any]]:
    return [flag for flag in change["flags"] if flag["flagged"]]
