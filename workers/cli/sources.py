"""`wirewatch sources`: the feeds that are watched. Changes are taken up within seconds, without a restart."""

import asyncio
import json
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError

from config.opml import parse_opml, render_opml, slug, specs_from_opml
from config.settings import Settings, load_settings
from config.sources import SourceSpec, load_sources
from config.sources_edit import add_sources, remove_source
from workers.addresses import located
from workers.bootstrap import Steps, http_client
from workers.domain.errors import ConfigError, Problem, WirewatchError
from workers.domain.outcomes import FeedOutcome
from workers.poll.stage import Answer, ask
from workers.store.overview import Overview, overview
from workers.store.sources import SourceDue

app = typer.Typer(help="The feeds that are watched (config/sources.yaml).", no_args_is_help=True)
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
    rows = {row["id"]: row for row in found.sources} if (found := _running(settings)) else {}
    if as_json:
        for spec in specs:
            row = rows.get(spec.id)
            told = {name: row[name] for name in ("last_outcome", "last_error", "failures", "due_at")} if row else {}
            print(json.dumps(spec.model_dump() | told, ensure_ascii=False, default=str))
        return
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    for name in ("id", "lang", "country", "state", "outcome", "name", "owner"):
        wide = name in {"name", "owner"}
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if wide else None)
    for spec in specs:
        row = rows.get(spec.id)
        outcome = "off" if not spec.enabled else (row["last_outcome"] or "-") if row else "-"
        facts = (spec.id, spec.language, spec.country, "state" if spec.state_owned else "", outcome)
        table.add_row(*facts, escape(spec.name), escape(spec.owner))
    console.print(table)
    console.print(f"{len(specs)} sources in {settings.sources_file}")


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="The address of the feed.")],
    name: Annotated[str, typer.Option(help="How the outlet calls itself.")],
    language: Annotated[str, typer.Option(help="ISO 639-1, e.g. fa.")],
    country: Annotated[str, typer.Option(help="ISO 3166-1 alpha-2 of the outlet's seat, e.g. IR.")],
    owner: Annotated[str, typer.Option(help="Who owns the outlet.")],
    state_owned: Annotated[bool, typer.Option(help="Whether the owner is a state.")],
    source_id: Annotated[str | None, typer.Option("--id", help="Default: made from the name.")] = None,
) -> None:
    """Add a source to sources.yaml."""
    path = load_settings().sources_file
    spec = _spec(
        path,
        id=source_id or slug(name, url),
        name=name,
        url=url,
        language=language,
        country=country,
        owner=owner,
        state_owned=state_owned,
    )
    add_sources(path, [spec])
    console.print(f"added [bold]{spec.id}[/] to {path}; try it with: wirewatch sources check {spec.id}")


@app.command()
def remove(source_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Take a source out of sources.yaml; its articles stay."""
    path = load_settings().sources_file
    console.print(f"removed [bold]{remove_source(path, source_id).id}[/] from {path}")


@app.command()
def check(
    what: Annotated[str, typer.Argument(metavar="URL|ID", help="A feed's address, or the id of a source.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Fetch a feed once and show what would be ingested. Nothing is stored."""
    settings = load_settings()
    known = {spec.id: spec for spec in load_sources(settings.sources_file)}
    spec = known.get(what) or _unknown(what, known)
    answer = asyncio.run(_ask_once(settings, spec))
    entries = answer.feed.entries if answer.feed else ()
    if as_json:
        print(json.dumps(_check_json(spec, answer), ensure_ascii=False))
    elif entries or answer.outcome is FeedOutcome.EMPTY:
        console.print(f"[bold]{answer.outcome}[/]: {len(entries)} entries from {spec.url}")
        console.print(f"[yellow]{escape(answer.detail)}[/]" if answer.detail else "", end="\n" if answer.detail else "")
        table = Table("published", "title", "link", box=box.SIMPLE_HEAD)
        for one in entries:
            when = one.published.isoformat(" ", "minutes") if one.published else "-"
            table.add_row(when, escape(one.title), escape(one.url))
        console.print(table)
    if not entries and answer.outcome is not FeedOutcome.EMPTY:
        raise WirewatchError(f"{spec.url}: {answer.outcome}: {answer.detail or 'nothing to ingest'}")


def _unknown(what: str, known: dict[str, SourceSpec]) -> SourceSpec:
    """Return a nameless source for an address; a word that is no address is a mistyped id."""
    if "://" not in what:
        near = get_close_matches(what, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise WirewatchError(f"{what!r} is neither an address nor the id of a source{hint}")
    return _spec(Path(what), id="check", name="-", url=what, language="en", country="GB", owner="-", state_owned=False)


def _check_json(spec: SourceSpec, answer: Answer) -> dict[str, Any]:
    entries = answer.feed.entries if answer.feed else ()
    return {
        "url": spec.url,
        "outcome": answer.outcome,
        "detail": answer.detail,
        "entries": [
            {"url": one.url, "title": one.title, "published": one.published.isoformat() if one.published else None}
            for one in entries
        ],
    }


async def _ask_once(settings: Settings, spec: SourceSpec) -> Answer:
    from uuid import UUID

    client = http_client(settings)
    try:
        due = SourceDue(
            source=spec.to_domain(),
            token=UUID(int=0),
            interval_s=settings.poll_interval_s,
            failures=0,
            etag=None,
            last_modified=None,
            body_sha=None,
        )
        return await ask(due, client)
    finally:
        await client.close()


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


def _spec(path: Path, **facts: Any) -> SourceSpec:
    try:
        return SourceSpec(**facts)
    except ValidationError as error:
        problems = [
            Problem(file=path, field=str(item["loc"][0]), message=item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_url=False)
        ]
        raise ConfigError(*problems) from error


def _running(settings: Settings) -> Overview | None:
    """Return the ledger of a running system; None when none runs, which is no trouble here."""
    try:
        return overview(Steps(located(settings)).engine)
    except OperationalError:
        return None
