"""`run` and `demo`: the whole system in one command."""

import os
import signal
import threading
from pathlib import Path
from time import sleep  # noqa: TID251  (`stop` waits for another process)
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from workers.addresses import database_url
from workers.cli.services import flower_password
from workers.domain.errors import Unavailable
from workers.launch import System, running
from workers.operate.lock import holder
from workers.store.engine import make_engine
from workers.store.overview import flow, list_sources

console = Console(stderr=True, highlight=False)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(rich_help_panel="The whole system")(run)
    app.command(rich_help_panel="The whole system")(stop)


def run(
    data_dir: Annotated[Path | None, typer.Option(help="What must survive a restart; default: var")] = None,
    api_port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    flower_port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
) -> None:
    """Run everything on the sources of config/sources.yaml until Ctrl-C; started again it goes on where it stopped."""
    chosen = {"data_dir": data_dir, "api_port": api_port, "flower_port": flower_port}
    settings = load_settings(**{name: value for name, value in chosen.items() if value is not None})
    with stop_signals() as stopped:
        with running(settings, say) as system:
            print_addresses(system)
            say("polling begins; look at it with `wirewatch status` and `wirewatch tail` in another terminal")
            engine = make_engine(database_url(system.settings), role="run")
            with Live(console=console, transient=True, auto_refresh=False) as live:
                while not stopped.wait(5):
                    live.update(_line(engine) if console.is_terminal else "", refresh=True)
                    for trouble in system.troubles():
                        say(trouble)
            engine.dispose()
        say(f"stopped; the data stay in {settings.data_dir}")


def _line(engine: Engine) -> str:
    """Return how the system does, on one line."""
    try:
        found, sources = flow(engine), [row for row in list_sources(engine) if row["watched"]]
    except OperationalError:
        return "the store does not answer; it is brought back"
    if found.paused is not None:
        return f"nothing is polled or fetched: {found.paused}    classified {found.last_seq}    Ctrl-C stops everything"
    failing = sum(1 for row in sources if row["failures"])
    waiting = sum(1 for row in sources if row["last_outcome"] is None)
    return (
        f"{len(sources)} sources, {waiting} not polled yet, {failing} failing    "
        f"in flight {sum(found.in_flight.values())}    classified {found.last_seq}    Ctrl-C stops everything"
    )


def stop(data_dir: Annotated[Path | None, typer.Option(help="Default: var")] = None) -> None:
    """Stop the system that runs on a data folder, in order, and wait for its end."""
    folder = data_dir or load_settings().data_dir
    pid = holder(folder)
    if pid is None:
        raise Unavailable(f"no system runs on {folder}")
    os.kill(pid, signal.SIGINT)
    for _ in range(600):
        if holder(folder) is None:
            say(f"the system on {folder} has stopped")
            return
        sleep(0.1)
    raise Unavailable(f"the system on {folder} (pid {pid}) has not stopped within a minute")


def print_addresses(system: System) -> None:
    """Say where to look."""
    settings = system.settings
    password = "(yours)" if settings.flower_password else flower_password(settings)
    for name, words in (
        ("API", f"{system.api_url}/v1/changes?after=0"),
        ("OpenAPI", f"{system.api_url}/openapi.json"),
        ("Flower", f"{system.flower_url}   user {settings.flower_user}"),
        ("", f"password {password}"),
        ("Logs", f"{settings.data_dir / 'logs'}"),
        ("", "Ctrl-C stops everything"),
    ):
        console.print(f"[bold]{name:<7}[/] {words}", soft_wrap=True)


def say(words: str) -> None:
    """Tell the operator, on standard error."""
    console.print(f"[dim]wirewatch:[/] {words}")


class stop_signals:  # noqa: N801  (used as a with-statement's word)
    """Turn Ctrl-C, SIGTERM and a closed terminal into an event, so that the system is stopped in order."""

    def __enter__(self) -> threading.Event:
        """Take over the signals."""
        self.event = threading.Event()
        self._before = {one: signal.signal(one, self._set) for one in STOP_SIGNALS}
        return self.event

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self.event.set()
