"""`demo`: the whole system on the sample newsroom, seen live."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Annotated, Any, Self

import httpx
import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import OperationalError

from config.settings import Settings, changed, load_settings
from config.sources import SourceSpec
from config.sources_edit import add_sources
from workers.addresses import database_url
from workers.cli.shown import sentence_around
from workers.cli.system import print_addresses, say, stop_signals
from workers.domain.errors import StartError, WirewatchError
from workers.domain.values import Source
from workers.launch import System, free_or_any, repository, running
from workers.operate.newsroom import NewsroomServer, load_newsroom
from workers.operate.verdict import mistakes, unfinished
from workers.store.engine import make_engine
from workers.store.overview import Counts, broken_invariants, ledger_rows, overview

SAMPLES = repository() / "tests" / "samples" / "newsroom"
#: Below this many columns an article is shown in lines instead of columns.
NARROW = 110
#: A file that says: this folder is a demo's, and may be wiped.
MARK = "this-is-a-demo"


class DemoFailedError(WirewatchError):
    """A sample article has not the outcome that its manifest says."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole system")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when every sample article has its outcome.")] = False,
    timeout_s: Annotated[float, typer.Option(help="With --once: give up after this many seconds.")] = 120,
    data_dir: Annotated[Path, typer.Option(help="Wiped at the start.")] = Path("var/demo"),
    samples: Annotated[Path, typer.Option(help="The newsroom that is served.")] = SAMPLES,
    api_port: Annotated[
        int | None, typer.Option(help="Default: the usual one, or a free one when it is taken.")
    ] = None,
    flower_port: Annotated[int | None, typer.Option(help="As above.")] = None,
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


def demo_settings(data_dir: Path, server: NewsroomServer, *, api_port: int | None, flower_port: int | None) -> Settings:
    """Return settings for the sample newsroom."""
    host_port = server.base_url.removeprefix("http://")
    return invented_settings(
        data_dir,
        server.sources(),
        allow_addresses=[*load_settings().allow_addresses, host_port],  # a receiver of webhooks beside it, too
        batch_size=8,
        api_port=api_port,
        flower_port=flower_port,
    )


def invented_settings(
    data_dir: Path, invented: Iterable[Source], *, api_port: int | None, flower_port: int | None, **others: Any
) -> Settings:
    """Return settings for invented sources: a data folder of their own, and clocks for seconds instead of years.

    Raises StartError when the folder holds something else than invented data.
    """
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
    add_sources(sources, [SourceSpec.from_domain(one) for one in invented])
    usual = load_settings()
    return changed(
        usual,
        data_dir=data_dir,
        sources_file=sources,
        database_url=None,
        broker_url=None,
        stream_url=None,
        api_port=free_or_any(usual.api_host, usual.api_port) if api_port is None else api_port,
        flower_port=free_or_any(usual.flower_host, usual.flower_port) if flower_port is None else flower_port,
        host_delay_s=0,
        fetch_deadline_s=8,
        lease_s=12,  # a task is killed after 10
        hint_lag_s=3,
        sweep_period_s=1,
        **others,
    )


def _wipe(data_dir: Path) -> None:
    from workers.operate.lock import claim, release

    release(data_dir, claim(data_dir))  # raises StartError while another demo runs there
    shutil.rmtree(data_dir)


def watch(system: System, server: NewsroomServer, stopped: Event, *, limit_s: float | None) -> None:
    """Show articles as they come out of the change log, until told to stop or (with a limit) until all are there."""
    started = monotonic()
    after = 0
    engine = make_engine(database_url(system.settings), role="demo")
    with httpx.Client(base_url=system.api_url, trust_env=False, timeout=10) as client, Screen() as screen:
        while not stopped.wait(0.3):
            waiting = ["the store or the API does not answer"]
            try:
                found = overview(engine)
                screen.stand(found.counts)
                for change in _get(client, f"/v1/changes?after={after}")["changes"]:
                    screen.show(change["data"]["article"], _article(client, change["subject"]))
                    after = change["seq"]
                waiting = unfinished(server.newsroom, ledger_rows(engine), found.sources)
                waiting += [] if found.last_seq == after and not found.unnumbered else ["changes on their way"]
            except (httpx.TransportError, httpx.HTTPStatusError, OperationalError):
                pass  # killed or restarted: the supervisor brings it back, and the next look finds it
            if limit_s is not None and not waiting:
                return
            if limit_s is not None and monotonic() - started > limit_s:
                told = [*waiting[:10], *([f"and {len(waiting) - 10} more"] if len(waiting) > 10 else [])]
                raise DemoFailedError(f"not done after {limit_s:g} s:\n" + "\n".join([*told, *system.troubles()]))
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


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    response = client.get(path)
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


def _article(client: httpx.Client, article_id: str) -> dict[str, Any]:
    return _get(client, f"/v1/articles/{article_id}")


class Screen:
    """What a person sees: a table that grows, and below it where the links are."""

    def __init__(self) -> None:
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        """Begin the table."""
        if self._console.is_terminal:
            self._live.start()
            self._rows(
                ("[bold]article[/]", "[bold]source[/]", ""),
                [("[bold]flags[/]", "[bold]the sentence that raised it[/]")],
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the table on the screen."""
        self._live.stop()

    def show(self, change: dict[str, Any], article: dict[str, Any]) -> None:
        """Add one article: a row in a terminal, a plain line elsewhere."""
        flags = [flag for flag in change["flags"] if flag["flagged"]]
        if not self._console.is_terminal:
            words = "; ".join(f"{flag['topic']} {flag['probability']:.2f}" for flag in flags) or "-"
            print(f"{change['source']['id']}\t{change['language']}\t{change['title']}\t{words}", flush=True)
            return
        self._rows(
            (escape(change["title"]), f"[dim]{escape(change['source']['name'])}[/]", change["language"]),
            [(_named(of_it), f"[dim]{escape(sentence)}[/]") for sentence, of_it in _by_sentence(flags, article).items()]
            or [("[dim]no flag[/]", "")],
        )

    def stand(self, counts: Counts) -> None:
        """Say where the links are."""
        states = counts.by_state
        self._live.update(
            Text(
                f"discovered {counts.discovered} = in flight {counts.in_flight} + classified {states['classified']} + "
                f"dropped {states['dropped']} + quarantined {states['quarantined']}    Ctrl-C stops everything",
                style="bold",
            )
        )

    def _rows(self, facts: tuple[str, str, str], flags: list[tuple[str, str]]) -> None:
        """Print one article: fixed shares of the width, so that what is printed one by one stands in columns."""
        if self._console.width < NARROW:
            title, outlet, language = facts
            self._console.print(f"[bold]{title}[/]  {outlet} {language}")
            for names, sentence in flags:
                self._console.print(f"  {names.replace(chr(10), '  ')}")
                self._console.print(Padding(sentence, (0, 0, 0, 4)) if sentence else "")
            return
        table = Table(box=None, show_header=False, expand=True, padding=(0, 2, 0, 0))
        for share in (6, 3, None, 5, 12):
            table.add_column(ratio=share, width=2 if share is None else None)
        for number, (names, sentence) in enumerate(flags):
            table.add_row(*(facts if number == 0 else ("", "", "")), names, sentence)
        table.add_row()
        self._console.print(table)


def _by_sentence(flags: list[dict[str, Any]], article: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Group flags by the sentence of their heaviest evidence."""
    found: dict[str, list[dict[str, Any]]] = {}
    for flag in flags:
        found.setdefault(sentence_around(article, flag["evidence"][0]), []).append(flag)
    return found


def _named(flags: list[dict[str, Any]]) -> str:
    return "\n".join(f"[green]{flag['topic']}[/] {flag['probability']:.2f}" for flag in flags)
