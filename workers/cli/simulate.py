"""`simulate`: what a rule does over days, in seconds and without a network."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from workers.poll.simulate import Line, Report, make_feeds, simulate

console = Console(highlight=False)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    made = typer.Typer(no_args_is_help=True)
    made.callback()(lambda: None)  # with a single command and no callback, typer would leave its name out
    made.command("polling")(polling)
    app.add_typer(
        made, name="simulate", help="Try a rule on made-up sources over days, in seconds.", rich_help_panel="Trying"
    )


def polling(
    seed: Annotated[int, typer.Option(help="The same seed gives the same feeds.")] = 1,
    feeds: Annotated[int, typer.Option(min=1, help="How many are made up.")] = 200,
    days: Annotated[float, typer.Option(min=0.1, max=90, help="How long they are polled.")] = 7.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the table.")] = False,
) -> None:
    """Compare adaptive polling with a poll each 15 minutes; exit 1 when a target is missed."""
    rounds = simulate(make_feeds(seed, feeds=feeds, days=days), seed=seed, days=days)
    # on standard error, so that --json can be piped; about 25 feeds a second
    progress = Console(stderr=True)
    shown = track(rounds, "feeds", feeds, console=progress, transient=True, disable=not progress.is_terminal)
    report = list(shown)[-1]
    lines = list(report.lines())
    if as_json:
        print(json.dumps({"seed": seed, "feeds": feeds, "days": days, "lines": [_json(line) for line in lines]}))
    else:
        console.print(_table(report, lines))
    if not all(line.holds for line in lines):
        raise typer.Exit(1)


def _json(line: Line) -> dict[str, object]:
    return {**asdict(line), "holds": line.holds}


def _table(report: Report, lines: list[Line]) -> Table:
    ours, theirs = report.adaptive, report.fixed
    table = Table(caption=f"{ours.published:,} entries; {ours.requests:,} requests, fixed {theirs.requests:,}")
    for name in ("", "adaptive", "each 15 min", "target"):
        table.add_column(name, justify="left" if not name else "right")
    for line in lines:
        target = "" if line.most is None else f"≤ {line.most:g} {'✓' if line.holds else '✗'}"
        style = None if line.holds else "bold red"
        table.add_row(line.what, _number(line.adaptive), _number(line.fixed), target, style=style)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
