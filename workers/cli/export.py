"""`wirewatch export`: the change log as a file, for whoever works with files."""

from contextlib import closing
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine

from config.settings import load_settings
from config.topics import load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.again import Since, ending_in_words, refuse_unknown, refuse_unknown_sources
from workers.cli.exporting import Reached
from workers.cli.exporting import export as write_export
from workers.domain.errors import WirewatchError
from workers.store.exports import Selection
from workers.store.reading import was_flagged
from workers.store.revision import check_schema


class Format(StrEnum):
    """What a file can be."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="Looking")(export)


def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; FILE.cursor beside it.")],
    form: Annotated[Format, typer.Option("--format", help="One event a line, one row a line, or typed columns.")],
    topic: Annotated[str | None, typer.Option(metavar="ID", help="Only articles that are flagged with it.")] = None,
    language: Annotated[str | None, typer.Option(metavar="CODE", help="ISO 639-1, as detected.")] = None,
    source: Annotated[str | None, typer.Option(metavar="ID", help="Only this outlet's.")] = None,
    country: Annotated[str | None, typer.Option(metavar="CODE", help="ISO 3166-1, of the outlet's seat.")] = None,
    since: Since = None,
    history: Annotated[bool, typer.Option("--history", help="Every change, not only each article's last.")] = False,
    text: Annotated[bool, typer.Option("--text", help="With the whole texts.")] = False,
) -> None:
    """Write articles to a file, each as its last change tells it. Killed and run again, it goes on where it stopped."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    wanted = Selection(
        topic=topic,
        language=language,
        source=source,
        country=country,
        since=since.replace(tzinfo=UTC) if since else None,
        history=history,
        text=text,
    )
    told = Console(stderr=True, highlight=False)
    with closing(Steps(settings)) as steps, ending_in_words(told, lambda: "run the same again and it goes on"):
        _refuse_unknown(steps.engine, wanted, settings.topics_dir)
        try:
            reached = _followed(steps.engine, output, form, wanted, told)
        except OSError as error:
            raise WirewatchError(f"{output} cannot be written ({error.strerror}); run again, it goes on") from error
    told.print(f"{reached.rows:,} rows in {output}, up to change {reached.seq:,}", soft_wrap=True)


def _followed(engine: Engine, output: Path, form: Format, wanted: Selection, told: Console) -> Reached:
    """Write the file with a progress bar, when somebody sits there; return how far it came."""
    reached = Reached(0, 0, 0)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=told, transient=True, disable=not told.is_terminal) as bar:
        task = bar.add_task("exporting", total=None)
        for reached, newest in write_export(engine, output, form, wanted):
            bar.update(task, completed=reached.seq, total=newest)
    return reached


def _refuse_unknown(engine: Engine, wanted: Selection, topics: Path) -> None:
    """Refuse a topic or source that there never was: a typing error must not read as an empty file."""
    if wanted.source is not None:
        refuse_unknown_sources(engine, [wanted.source])
    if wanted.topic is not None:
        with engine.connect() as connection:
            is_known = was_flagged(connection, wanted.topic)
        if not is_known:
            refuse_unknown("topic", wanted.topic, (pack.id for pack in load_topics(topics)))
