"""`wirewatch sources`: what is watched. Changes are taken up within seconds, without a restart."""

import asyncio
import json
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from config.opml import parse_opml, render_opml, specs_from_opml
from config.settings import Settings, load_settings
from config.sources import SourceSpec, load_sources
from config.sources_edit import add_sources, remove_source
from workers.addresses import located
from workers.bootstrap import Steps
from workers.cli.adding import PLACEHOLDERS, add, make_spec
from workers.cli.asking import Look, asker
from workers.cli.checking import MOST_PAGES, checked_json, read_pages, repeats_in_store, show_checked
from workers.cli.shown import ago
from workers.domain.errors import ConfigError, Problem, WirewatchError
from workers.domain.outcomes import FeedOutcome, Outcome
from workers.domain.reasons import SENTENCES
from workers.domain.values import Entry, Page
from workers.poll.cadence import is_parked
from workers.store.overview import Overview, overview

app = typer.Typer(help="The sources that are watched (config/sources.yaml).", no_args_is_help=True)
console = Console(highlight=False)


def add_to(root: typer.Typer) -> None:
    """Register the commands."""
    root.add_typer(app, name="sources", rich_help_panel="What is watched")


Language = Annotated[str | None, typer.Option(help="ISO 639-1, e.g. fa.")]
Country = Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 of the outlet's seat, e.g. IR.")]
Owner = Annotated[str | None, typer.Option(help="Who owns the outlet.")]
StateOwned = Annotated[bool | None, typer.Option(help="Whether the owner is a state.")]


@app.command("list")
def list_sources(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the sources, and how they do when a system runs."""
    settings = load_settings()
    specs = load_sources(settings.sources_file)
    found = _running(settings)
    rows = {row["id"]: row for row in found.sources} if found else {}
    if as_json:
        for spec in specs:
            print(json.dumps(spec.model_dump() | _told(rows.get(spec.id)), ensure_ascii=False, default=str))
        return
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    for name in ("id", "kind", "lang", "country", "state", "outcome", "next try", "name", "owner"):
        wide = name in {"name", "owner"}
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if wide else None)
    for spec in specs:
        row = rows.get(spec.id)
        when = ago(row["due_at"], found.now) if row and found and spec.enabled else "-"
        facts = (spec.id, spec.kind, spec.language, spec.country, "state" if spec.state_owned else "")
        table.add_row(*facts, _outcome(spec, row), when, escape(spec.name), escape(spec.owner))
    console.print(table)
    console.print(f"{len(specs)} sources in {settings.sources_file}")
    _explain(specs, rows, found)


def _told(row: Any) -> dict[str, Any]:
    """Return what a running system knows of a source."""
    if row is None:
        return {}
    outcome = row["last_outcome"]
    told = {name: row[name] for name in ("last_outcome", "last_error", "failures", "due_at")}
    return told | {"sentence": SENTENCES.get(outcome or "", ""), "parked": _parked(row), "cut": row["cut"]}


def _outcome(spec: SourceSpec, row: Any) -> str:
    if not spec.enabled:
        return "off"
    outcome = (row["last_outcome"] or "-") if row else "-"
    return f"{outcome} (parked)" if row and _parked(row) else outcome


def _parked(row: Any) -> bool:
    return is_parked(row["failures"], gone=row["last_outcome"] == FeedOutcome.GONE)


def _explain(specs: tuple[SourceSpec, ...], rows: dict[str, Any], found: Overview | None) -> None:
    """Say in sentences what is not as it should be, and what an operator chose that the outside should know."""
    for spec in specs:
        row = rows.get(spec.id)
        outcome = row["last_outcome"] if row else None
        if row and found and spec.enabled and outcome and not FeedOutcome(outcome).is_success:
            often = f" Failed {row['failures']} times in a row." if row["failures"] > 1 else ""
            parked = " Parked: probed once a day." if _parked(row) else ""
            console.print(
                f"[bold]{spec.id}[/]: {SENTENCES[outcome]}{often}{parked} Next try {ago(row['due_at'], found.now)}."
            )
    for spec in specs:
        if spec.robots == "ignore":
            console.print(f"[bold]{spec.id}[/]: robots: ignore (its robots.txt is not asked)")


app.command()(add)


@app.command()
def remove(source_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Take a source out of sources.yaml; its articles stay."""
    path = load_settings().sources_file
    console.print(f"removed [bold]{remove_source(path, source_id).id}[/] from {path}")


@app.command()
def check(
    what: Annotated[list[str], typer.Argument(metavar="URL|ID...", help="Addresses, or ids of sources.")],
    listing: Annotated[str | None, typer.Option(metavar="PATTERN", help="Read a page: its links that fit.")] = None,
    pages: Annotated[
        bool | None, typer.Option("--pages/--no-pages", help="Read its newest pages too; so it does for a single id.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Fetch a source once and show what would be ingested, and how its pages are read. Nothing is stored."""
    settings = load_settings()
    known = {spec.id: spec for spec in load_sources(settings.sources_file)}
    specs = [known.get(one) or _unknown(one, known, listing) for one in what]
    wanted = len(what) == 1 and what[0] in known if pages is None else pages
    failed = []
    for one, spec in zip(what, specs, strict=True):
        guess = one not in known and listing is None
        look, fetched = asyncio.run(_look(settings, spec, guess=guess, pages=MOST_PAGES if wanted else 0))
        repeats = repeats_in_store(settings, spec.id) if one in known else ()
        read = read_pages(fetched, repeats or ())
        if as_json:
            told = checked_json(look, read, repeats)
            print(json.dumps(_check_json(look) | told, ensure_ascii=False))
        else:
            _show(look)
            if one in known:
                show_checked(console, look.source.extract, read, repeats)
        if not look.entries and look.outcome is not FeedOutcome.EMPTY:
            failed.append(f"{look.source.url}: {look.outcome}: {look.detail or SENTENCES[look.outcome]}")
    if failed:
        raise WirewatchError("\n".join(failed))


def _show(look: Look) -> None:
    entries = look.feed.entries if look.feed else ()
    if not entries and look.outcome is not FeedOutcome.EMPTY:
        return
    cut = f", {look.feed.cut} more were cut" if look.feed and look.feed.cut else ""
    console.print(f"[bold]{look.outcome}[/]: {len(entries)} entries from the {look.source.kind} {look.source.url}{cut}")
    if look.detail:
        console.print(f"[yellow]{escape(look.detail)}[/]")
    table = Table("published", "title", "link", box=box.SIMPLE_HEAD)
    for one in entries:
        when = one.published or one.updated
        table.add_row(when.isoformat(" ", "minutes") if when else "-", escape(one.title), escape(one.url))
    console.print(table)


def _unknown(what: str, known: dict[str, SourceSpec], listing: str | None) -> SourceSpec:
    """Return a nameless source for an address; a word that is no address is a mistyped id."""
    if "://" not in what:
        near = get_close_matches(what, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise WirewatchError(f"{what!r} is neither an address nor the id of a source{hint}")
    page = {"kind": "listing", "links": listing} if listing is not None else {}
    return make_spec(Path(what), **(PLACEHOLDERS | page | {"url": what}))


def _check_json(look: Look) -> dict[str, Any]:
    entries = look.feed.entries if look.feed else ()
    return {
        "url": look.source.url,
        "kind": look.source.kind,
        "outcome": look.outcome,
        "detail": look.detail,
        "cut": look.feed.cut if look.feed else 0,
        "entries": [
            {"url": one.url, "title": one.title, "published": one.published.isoformat() if one.published else None}
            for one in entries
        ],
    }


async def _look(
    settings: Settings, spec: SourceSpec, *, guess: bool, pages: int
) -> tuple[Look, list[tuple[Entry, Outcome[Page]]]]:
    async with asker(settings) as asking:
        source = spec.to_domain()
        look = await (asking.guess(source) if guess else asking.look(source))
        return look, await asking.pages(look, pages)


@app.command("import")
def import_opml(
    file: Annotated[Path, typer.Argument(metavar="FILE.opml")],
    language: Language = None,
    country: Country = None,
    owner: Owner = None,
    state_owned: StateOwned = None,
) -> None:
    """Add the feeds of an OPML file. Facts that it lacks come from the options; a feed without them is left out."""
    path = load_settings().sources_file
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(Problem(file=file, message=error.strerror or str(error))) from error
    known = load_sources(path)
    specs, left_out = specs_from_opml(
        parse_opml(data, str(file)), known, language=language, country=country, owner=owner, state_owned=state_owned
    )
    add_sources(path, specs)
    known_already = [words for words in left_out if "already" in words]
    for words in left_out:
        if words not in known_already:
            console.print(f"left out: {escape(words)}")
    if known_already:
        console.print(f"{len(known_already)} were already there")
    console.print(f"added {len(specs)} sources to {path}, left out {len(left_out)}")


@app.command("export")
def export_opml() -> None:
    """Write the sources as OPML to standard output."""
    sys.stdout.buffer.write(render_opml(load_sources(load_settings().sources_file)))


def _running(settings: Settings) -> Overview | None:
    """Return the ledger of a running system; None when none runs, which is no trouble here."""
    try:
        return overview(Steps(located(settings)).engine)
    except OperationalError:
        return None
