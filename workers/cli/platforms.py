"""`wirewatch platforms export`: flagged articles as files that security platforms import."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine

from config.settings import load_settings
from config.topics import load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.again import ending_in_words, refuse_unknown
from workers.deliver.collection import last_told
from workers.deliver.formats.misp import hash_lines, manifest_line, misp_event
from workers.deliver.formats.stix import Ledger, Object, Told, bundle_text, stix_objects
from workers.domain.errors import WirewatchError
from workers.store.changes import last_seq
from workers.store.flagged import ledger_since
from workers.store.reading import was_flagged
from workers.store.revision import check_schema

told = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """What the files can be."""

    STIX = "stix"
    MISP = "misp"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    made = typer.Typer(no_args_is_help=True, help="Flagged articles for OpenCTI, MISP and the like.")
    made.callback()(lambda: None)
    made.command()(export)
    app.add_typer(made, name="platforms", rich_help_panel="Looking")


def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where to; made if need be.")],
    form: Annotated[Format, typer.Option("--format", help="One STIX 2.1 bundle, or the files of a MISP feed.")],
    topic: Annotated[str | None, typer.Option(metavar="ID", help="Only articles that are flagged with it.")] = None,
) -> None:
    """Write every flagged article, as its last change tells it. Again gives the same ids, and the same bytes."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    with closing(Steps(settings)) as steps, ending_in_words(told, lambda: "files without the ending .part are whole"):
        with steps.engine.begin() as connection:
            ledger = Ledger(*ledger_since(connection))
            if topic is not None and not was_flagged(connection, topic):
                refuse_unknown("topic", topic, {pack.id for pack in load_topics(settings.topics_dir)})
        write = write_stix if form is Format.STIX else write_misp
        try:
            output.mkdir(parents=True, exist_ok=True)
            count = write(output, ledger, _followed(steps.engine, topic))
        except OSError as error:
            raise WirewatchError(f"{output} cannot be written: {error.strerror}") from error
    told.print(f"{count:,} articles in {output}", soft_wrap=True)


def write_stix(folder: Path, ledger: Ledger, articles: Iterable[Told]) -> int:
    """Write `bundle.json`; return how many articles are in it."""
    count = 0

    def objects() -> Iterator[Object]:
        nonlocal count
        for article in articles:
            count += 1
            yield from stix_objects(ledger, article)

    with _replaced(folder / "bundle.json") as file:
        file.writelines(bundle_text(ledger, objects()))
    return count


def write_misp(folder: Path, ledger: Ledger, articles: Iterable[Told]) -> int:
    """Write `manifest.json`, `hashes.csv` and an event for each article; return how many. Events come first."""
    count = 0
    with ExitStack() as stack:
        manifest, hashes = (stack.enter_context(_replaced(folder / name)) for name in ("manifest.json", "hashes.csv"))
        for article in articles:
            event, (uuid, line) = misp_event(ledger, article), manifest_line(ledger, article)
            with _replaced(folder / f"{uuid}.json") as file:
                file.write(_json(event))
            hashes.writelines(hash_lines(event))
            manifest.write(f"{',' if count else '{'}\n{_json(uuid)}:{_json(line)}")
            count += 1
        manifest.write("\n}\n" if count else "{}\n")
    return count


def _followed(engine: Engine, topic: str | None) -> Iterator[Told]:
    """Give the articles, with a progress bar when somebody sits there."""
    with engine.connect() as connection:
        newest = last_seq(connection)
    with Progress(console=told, transient=True, disable=not told.is_terminal) as bar:
        task = bar.add_task("exporting", total=newest)
        for seq, one in last_told(engine, topic=topic):
            yield one
            bar.update(task, completed=seq)


@contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """Give a file that takes the place of `path` when it is whole: whoever reads meanwhile has the one before."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        yield file
    part.replace(path)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
