"""`wirewatch sources add`: a feed, a sitemap, a listing, or a site whose feed has to be found first."""

import asyncio
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.opml import slug
from config.settings import Settings, load_settings
from config.sources import SourceSpec, languages
from config.sources_edit import add_sources
from workers.cli.asking import Found, Look, asker
from workers.domain.errors import ConfigError, Problem, WirewatchError
from workers.domain.reasons import SENTENCES
from workers.domain.values import Source
from workers.poll.documents.discover import discover

console = Console(highlight=False)
errors = Console(highlight=False, stderr=True, soft_wrap=True)

#: Stands for a fact that was not given while the others are checked.
PLACEHOLDERS: dict[str, Any] = {
    "id": "check",
    "name": "-",
    "language": "en",
    "country": "GB",
    "owner": "-",
    "state_owned": False,
}
#: What no feed and no page tells of an outlet.
FACTS = {
    "country": "where the outlet has its seat: --country",
    "owner": "who owns the outlet: --owner",
    "state_owned": "whether the owner is a state: --state-owned or --no-state-owned",
}


def add(
    url: Annotated[str, typer.Argument(help="A feed, a sitemap, or a page of the site, whose feed is looked for.")],
    name: Annotated[str | None, typer.Option(help="How the outlet calls itself. Default: what its feed says.")] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1, e.g. fa. Default: what its feed says.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 of the outlet's seat, e.g. IR.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who owns the outlet.")] = None,
    state_owned: Annotated[
        bool | None, typer.Option("--state-owned/--no-state-owned", help="Whether the owner is a state.")
    ] = None,
    source_id: Annotated[str | None, typer.Option("--id", help="Default: made from the name.")] = None,
    pick: Annotated[int | None, typer.Option(min=1, help="Which of the feeds that were found; 1 is the first.")] = None,
    listing: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="The page itself, for its links that fit (RE2): no feed.")
    ] = None,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Add the address as it is, without a look.")] = False,
    kind: Annotated[str, typer.Option(help="With --no-fetch: feed or sitemap.")] = "feed",
) -> None:
    """Add a source to sources.yaml. Of a site, the first feed that holds entries is taken."""
    settings = load_settings()
    path = settings.sources_file
    facts: dict[str, Any] = {"id": source_id, "name": name, "language": language}
    facts |= {"country": country, "owner": owner, "state_owned": state_owned}
    given = {key: value for key, value in facts.items() if value is not None}
    given |= {"kind": "listing", "links": listing} if listing is not None else {"kind": kind}
    asked = make_spec(path, **(PLACEHOLDERS | given | {"url": url}))  # what is wrong already need not be fetched
    if not no_fetch:
        look, told = asyncio.run(_chosen(settings, asked.to_domain(), pick))
        given = told | given | {"kind": look.source.kind}
        url = look.source.url
    _require(path, given, url)
    wanted = {"id": slug(given["name"], url)} | given | {"url": url}
    spec = make_spec(path, **wanted)
    add_sources(path, [spec])
    console.print(f"added [bold]{spec.id}[/] to {path}: {spec.kind} {escape(spec.url)}")
    console.print(f"try it with: wirewatch sources check {spec.id}")


async def _chosen(settings: Settings, source: Source, pick: int | None) -> tuple[Look, dict[str, Any]]:
    """Return the source that is to be added, and what it tells of itself. Raises WirewatchError when there is none."""
    async with asker(settings) as asking:
        if source.kind == "listing":
            found = Found(looks=(await asking.look(source),))
        else:
            found = await asking.explore(source)
    _show(found)
    good = [look for look in found.looks if look.is_document]
    if pick is not None:
        if pick > len(good):
            raise WirewatchError(f"--pick {pick}: {len(good)} were found")
        return good[pick - 1], _told(good[pick - 1], found)
    chosen = next((look for look in good if look.entries), None)
    if chosen is None and len(found.looks) == 1 and good:
        chosen = good[0] if source.kind != "listing" else None  # a feed by its own address may be empty today
    if chosen is None:
        raise WirewatchError(_nothing(source, found, good))
    return chosen, _told(chosen, found)


def _show(found: Found) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("no.", "kind", "entries", "newest", "address"):
        table.add_column(column, overflow="fold")
    good = [look for look in found.looks if look.is_document]
    for number, look in enumerate(good, 1):
        newest = look.newest.isoformat(" ", "minutes") if look.newest else "-"
        cut = f" (+{look.feed.cut} cut)" if look.feed and look.feed.cut else ""
        table.add_row(str(number), look.source.kind, f"{look.entries}{cut}", newest, escape(look.source.url))
    if good:
        console.print(table)
    if len(found.looks) > len(good) and found.page.candidates:
        console.print(f"{len(found.looks) - len(good)} other addresses were tried and are no feed")


def _nothing(source: Source, found: Found, good: list[Look]) -> str:
    if len(found.looks) == 1 and not found.page.candidates:
        look = found.looks[0]
        return f"{source.url}: {look.outcome}: {look.detail or SENTENCES[look.outcome]}"
    said = "its feeds are empty: --pick takes one all the same" if good else "no feed was found"
    return f"{source.url}: {said}; --listing PATTERN watches the links of the page itself"


def _told(look: Look, found: Found) -> dict[str, Any]:
    """Return name and language as the feed tells them, else as the page does."""
    page = found.page
    if look.source.kind == "listing" and look.response is not None:
        media = look.response.headers.get("content-type", "")
        page = discover(look.response.body, url=look.response.url, content_type=media)
    names = [look.feed.title if look.feed else "", page.name]
    spoken = [look.feed.language if look.feed else "", page.language]
    name = next((" ".join(one.split())[:200].strip() for one in names if one), None)
    language = next((code for one in spoken if (code := iso_language(one))), None)
    return {key: value for key, value in (("name", name), ("language", language)) if value}


def iso_language(written: str) -> str | None:
    """Return the ISO 639-1 code in a language tag as feeds write it: "en-us", "fa_IR"."""
    code = written.strip().lower().replace("_", "-").partition("-")[0]
    return code if code in languages() else None


def _require(path: Path, given: dict[str, Any], url: str) -> None:
    """Raise ConfigError when a fact is missing, after showing the command line that has room for it."""
    wanted = {"name": "how the outlet calls itself: --name", "language": "in which language it writes: --language"}
    missing = {field: words for field, words in (wanted | FACTS).items() if field not in given}
    if not missing:
        return
    errors.print(f"Nothing was added yet. Complete this:\n  {escape(_command(given, url))}")
    raise ConfigError(
        *(Problem(file=path, field=field, message=f"missing: {words}") for field, words in missing.items())
    )


def _command(given: dict[str, Any], url: str) -> str:
    owned = {None: "--[no-]state-owned", True: "--state-owned", False: "--no-state-owned"}[given.get("state_owned")]
    words = ["wirewatch", "sources", "add", url]
    for field, blank in (("name", "NAME"), ("language", "LANGUAGE"), ("country", "COUNTRY"), ("owner", "OWNER")):
        words += [f"--{field}", str(given.get(field, blank))]
    words += ["--id", given["id"]] if "id" in given else []
    words += ["--listing", given["links"]] if given["kind"] == "listing" else []
    return f"{shlex.join(words)} {owned}"


def make_spec(path: Path, **facts: Any) -> SourceSpec:
    """Return the source with these facts. Raises ConfigError, with `path` as the file, where one is wrong."""
    try:
        return SourceSpec(**facts)
    except ValidationError as error:
        problems = [
            Problem(file=path, field=str(item["loc"][0]), message=item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_url=False)
        ]
        raise ConfigError(*problems) from error
