"""`run` and `demo`: the whole system in one command."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from config.settings import load_settings
from workers.cli.services import flower_password
from workers.launch import System, running

console = Console(stderr=True, highlight=False)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole system")(run)


def run(
    data_dir: Annotated[Path | None, typer.Option(help="What must survive a restart; default: var")] = None,
    api_port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    flower_port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
) -> None:
    """Run everything on the sources of config/sources.yaml until Ctrl-C; started again it goes on where it stopped."""
    chosen = {"data_dir": data_dir, "api_port": api_port, "flower_port": flower_port}
    settings = load_settings(**{name: value for name, value in chosen.items() if value is not None})
    with stop_signals() as stopped, running(settings, say) as system:
        print_addresses(system)
        while not stopped.wait(10):
            for trouble in system.troubles():
                say(trouble)


def print_addresses(system: System) -> None:
    """Say where to look."""
    settings = system.settings
    password = "(yours)" if settings.flower_password else flower_password(settings)
    for name, words in (
        ("API", f"{system.api_url}/v1/changes?after=0   OpenAPI: {system.api_url}/openapi.json"),
        ("Flower", f"{system.flower_url}   user {settings.flower_user}, password {password}"),
        ("Logs", f"{settings.data_dir / 'logs'}   Ctrl-C stops everything"),
    ):
        console.print(f"[bold]{name:<7}[/] {words}", soft_wrap=True)


def say(words: str) -> None:
    """Tell the operator, on standard error."""
    console.print(f"[dim]wirewatch:[/] {words}")


class stop_signals:  # noqa: N801  (used as a with-statement's word)
    """Turn SIGINT and SIGTERM into an event, so that the system is stopped in order."""

    def __enter__(self) -> threading.Event:
        """Take over the signals."""
        self.event = threading.Event()
        self._before = {one: signal.signal(one, self._set) for one in (signal.SIGINT, signal.SIGTERM)}
        return self.event

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self.event.set()
