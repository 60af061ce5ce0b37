"""`train`: a new model from labelled articles and analysts' verdicts, if it is no worse than the one in force.

The same articles and packs give the same file.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table
from sqlalchemy.exc import OperationalError

from config.settings import Settings, load_settings
from config.topics import load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.classify.learning.challenge import (
    FITS,
    TOLERANCE,
    Challenger,
    Figures,
    Ground,
    Suggestion,
    challenge,
    compare,
    is_worse,
    suggestions,
    without,
)
from workers.classify.learning.training import Labelled, Sample, read_all
from workers.classify.probability.calibration import ENOUGH
from workers.classify.probability.model import ARTEFACT, Model, model_at
from workers.classify.reading import Reader
from workers.cli.labelled import labelled_examples, labelled_verdicts, read_labelled
from workers.domain.errors import ConfigError, Unavailable, WirewatchError
from workers.store.revision import check_schema
from workers.store.verdicts import judged_articles

console = Console(highlight=False)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("train", rich_help_panel="What is watched")(train_command)


def train_command(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Labelled articles, JSON lines (.gz too).")
    ] = None,
    verdicts: Annotated[bool, typer.Option("--verdicts", help="Learn from the verdicts in the store too.")] = False,
    gold: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled articles to compare on that the model in force never saw."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the model goes; default: in place of the one in force.")
    ] = None,
) -> None:
    """Fit and calibrate a model, and write it unless it is worse than the one in force."""
    if not files and not verdicts:
        raise typer.BadParameter("give a FILE of labelled articles, or --verdicts")
    settings = load_settings()
    packs = load_topics(settings.topics_dir)
    thresholds = {pack.id: pack.threshold for pack in packs}
    articles = [article for path in files or () for article in read_labelled(path, thresholds)]
    judged = _judged(settings, thresholds) if verdicts else []
    held = read_labelled(gold, thresholds) if gold else []
    reader = Reader(packs)
    with Progress(console=console, transient=True) as progress:
        reading = progress.add_task("reading", total=len(articles) + len(judged))
        reads = read_all(progress.track([*articles, *judged], task_id=reading), reader)
        apart = read_all(held, reader)
        fitting = progress.add_task("fitting", total=FITS)
        try:
            new = challenge(without(reads, apart), thresholds, told=lambda: progress.advance(fitting))
        except ValueError as error:
            raise WirewatchError(str(error)) from error
    console.print(_learned_table(new.learned, new.model))
    if verdicts:
        _print_suggestions(suggestions(new.out_of_fold, thresholds))
    target = out or settings.model or ARTEFACT
    grounds = [
        Ground("examples of the packs", read_all(labelled_examples(packs), reader), is_apart=True),
        # of the labelled articles, not of the verdicts: those are of what the model in force was unsure of
        Ground("gold", apart, is_apart=True) if gold else Ground("labelled", reads[: len(articles)] or reads),
    ]
    _refuse_worse(_champion(settings), new, grounds, thresholds, target)
    _write(target, new.model.as_json())
    counts = f"{len(articles)} articles and {len(judged)} with verdicts, {len(new.learned)} with evidence for a topic"
    console.print(f"{counts}; model {new.model.version} in {escape(str(target))}", soft_wrap=True)


def _judged(settings: Settings, topics: Iterable[str]) -> list[Labelled]:
    """Return the articles that analysts judged, labelled with `topics`, and with no other."""
    settings = located(settings)
    check_schema(database_url(settings))
    with closing(Steps(settings)) as steps:
        try:
            with steps.engine.connect() as connection:
                return labelled_verdicts(judged_articles(connection), topics)
        except OperationalError as error:
            raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error


def _champion(settings: Settings) -> Model | None:
    """Return the model in force; None, said aloud, when this program can use none, so that there is none to defend."""
    own = settings.model if settings.model is not None and settings.model.exists() else None
    try:
        return model_at(own)
    except (ConfigError, ValueError) as error:
        console.print(f"nothing to compare with: {escape(str(error))}", soft_wrap=True)
        return None


def _refuse_worse(
    champion: Model | None,
    challenger: Challenger,
    grounds: Sequence[Ground],
    thresholds: Mapping[str, float],
    target: Path,
) -> None:
    """Show both models beside one another. Raises WirewatchError when the new one is worse on any ground."""
    if champion is None:
        return
    found = {
        f"{ground.name} ({len(ground.reads)})": compare(champion, challenger, ground, thresholds) for ground in grounds
    }
    console.print(_beside_table(found))
    if any(is_worse(*both) for both in found.values()):
        raise WirewatchError(
            f"refused: the new model's F1 is lower by more than {TOLERANCE:g} than that of the model in force "
            f"({champion.version}); {target} is as it was"
        )


def _learned_table(learned: Iterable[Sample], model: Model) -> Table:
    """Return what there was to learn from, by topic."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("topic", "about it", "only look so", "calibrated on its own"):
        table.add_column(name, justify="left" if name == "topic" else "right")
    counts = Counter((sample.topic, sample.label) for sample in learned)
    for topic in sorted({topic for topic, _ in counts}):
        own = "yes" if topic in model.calibration.topics else f"no: fewer than {ENOUGH}"
        table.add_row(topic, str(counts[topic, True]), str(counts[topic, False]), own)
    return table


def _beside_table(found: Mapping[str, tuple[Figures, Figures]]) -> Table:
    """Return F1 of both models on every ground, and of the topics for which they differ."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("F1", "in force", "new", "difference"):
        table.add_column(name, justify="left" if name == "F1" else "right")
    for ground, (old, new) in found.items():
        rows = [(f"{ground}, micro", old.micro, new.micro)]
        if old.macro is not None and new.macro is not None:
            rows.append((f"{ground}, macro", old.macro, new.macro))
        topics = sorted(old.topics.keys() | new.topics.keys())
        by_topic = ((f"    {topic}", old.topics.get(topic, 0.0), new.topics.get(topic, 0.0)) for topic in topics)
        rows += [row for row in by_topic if abs(row[2] - row[1]) > TOLERANCE]
        for name, before, after in rows:
            style = "red" if after - before < -TOLERANCE else None
            table.add_row(name, f"{before:.3f}", f"{after:.3f}", f"{after - before:+.3f}", style=style)
    return table


def _print_suggestions(found: Iterable[Suggestion]) -> None:
    """Say which thresholds would have been better; whoever keeps a pack decides."""
    for one in found:
        console.print(
            f"{one.topic}: flagged from {one.better:g} instead of {one.threshold:g} F1 would be {one.better_f1:.2f} "
            f"instead of {one.f1:.2f} ({one.positives} positives, out of fold)",
            soft_wrap=True,
        )


def _write(path: Path, text: str) -> None:
    """Write beside the file, then rename: a worker that reads meanwhile has the old model or the new one.

    Raises WirewatchError when it cannot be written.
    """
    target = path.resolve()  # a symbolic link stays one
    try:
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WirewatchError(f"{path}: cannot be written: {error.strerror}") from error
