"""`reclassify`: today's topic packs and model over the articles that are stored."""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC
from math import inf
from time import monotonic, sleep  # noqa: TID251  (a person's command waits for its turn)
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine

from config.settings import load_settings
from config.topics import TopicPack, load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.again import Since, Sources, ending_in_words, refuse_unknown, refuse_unknown_sources, tracked
from workers.cli.aside import stand_aside
from workers.cli.reclassifying import Look, Move, Verdict, look_again
from workers.cli.shown import printable
from workers.packs import classifier_of, model_in_force
from workers.store.changes import RELAY_BATCH
from workers.store.notes import read_notes, write_note
from workers.store.overview import pulse
from workers.store.reading import was_flagged
from workers.store.reclassify import count_published, published_ids
from workers.store.revision import check_schema
from workers.store.wanted import Wanted

if TYPE_CHECKING:
    from workers.classify.probability.model import Model

console = Console(highlight=False)

#: Articles that a helper is handed at a time: while this process hands them on and counts what came of them, helpers
#: take it for somebody else.
BATCH = 50
#: Articles shown of each topic that gain its flag, and of those that lose it.
SAMPLES = 3
TITLE_WIDTH = 100
#: The name under which the last preview is kept (`workers.store.notes`).
PREVIEW = "reclassify_preview"
#: So often the waiting changes are counted (seconds): meanwhile some 40 came (41,660 in 569 s).
COUNT_EVERY_S = 0.5
#: A schedule that has not ticked for so long (seconds) does not run: nobody numbers changes.
SILENT_S = 120
MEANS = {
    Verdict.SAME: "nothing to tell",
    Verdict.CHANGED: "readers get a `reclassified` change",
    Verdict.COMPLETED: "the same: their flags stand, but bands or who and where were never told",
    Verdict.BUSY: "changed meanwhile by somebody else: left alone; run again",
}
SIGNS = {1: "+", -1: "-"}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole system")(reclassify)


def reclassify(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Show it, and tell readers.")] = False,
    topic: Annotated[str | None, typer.Option(metavar="ID", help="Only this topic's flags.")] = None,
    sources: Sources = None,
    since: Since = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply also when the packs are not the previewed.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Articles at a time; default: one a core.")] = None,
) -> None:
    """Classify stored articles again with today's packs and model; readers are told of flags that changed."""
    if dry_run == apply:
        raise typer.BadParameter("say --dry-run to look, or --apply")
    stand_aside()  # at once: reading packs, starting helpers and telling what they found takes seconds of a core, too
    settings = located(load_settings())
    url = database_url(settings)
    check_schema(url)
    packs = load_topics(settings.topics_dir)
    wanted = Wanted(sources=tuple(sources or ()), since=since.replace(tzinfo=UTC) if since else None)
    model = model_in_force()
    run = Run(mark_of(packs, model), scope_of(wanted, topic))
    with closing(Steps(settings)) as steps, ending_in_words(console):
        engine = steps.engine
        refuse_unknown_sources(engine, wanted.sources)
        if topic is not None:
            _refuse_unknown_topic(engine, topic, packs)
        preview = json.loads(read_notes(engine).get(PREVIEW, "null"))
        if apply and run.is_other_than(preview) and not yes:
            console.print(f"the packs or the model changed since the preview of {preview['at']}")
            typer.confirm("Apply all the same?", abort=True)
        batches = published_ids(engine, wanted, size=BATCH)
        looks = look_again(
            url,
            packs,
            _at_ease(engine, batches) if apply else batches,
            jobs=jobs or os.cpu_count() or 1,  # they stand aside while anybody else wants a core
            topic=topic,
            apply=apply,
            model=model,
        )
        tally = Tally()
        with tracked(looks, count_published(engine, wanted), "applying" if apply else "classifying") as seen:
            for look in seen:
                tally.add(look)
        _print(tally)
        if dry_run:
            at = pulse(engine).now.isoformat(" ", "seconds")
            write_note(engine, PREVIEW, json.dumps(run.as_preview(tally) | {"at": at}))
            console.print(f"packs and model {run.mark}; nothing was written: --apply does")
        else:
            console.print(f"packs and model {run.mark}; {run.beside(preview, tally)}")


@dataclass
class Tally:
    """What all looks came to. A turn is counted by topic, language and sign; the first few are kept."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    turns: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    samples: defaultdict[tuple[str, int], list[tuple[Look, Move]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, look: Look) -> None:
        """Count one article."""
        self.verdicts[look.verdict] += 1
        for move in look.moves:
            self.turns[move.topic, look.language, move.turn] += 1
            samples = self.samples[move.topic, move.turn]
            if move.turn and len(samples) < SAMPLES:
                samples.append((look, move))

    @property
    def changed(self) -> int:
        """The articles that readers are told of."""
        return self.verdicts[Verdict.CHANGED] + self.verdicts[Verdict.COMPLETED]

    def total(self, *, topic: str | None = None, language: str | None = None, turn: int) -> int:
        """Return how many flags turned so, of one topic or language or of all."""
        return sum(
            count
            for (of_topic, spoken, way), count in self.turns.items()
            if way == turn and topic in (None, of_topic) and language in (None, spoken)
        )

    def by_topic(self) -> dict[str, list[int]]:
        """Return flags gained, lost and moved, of each topic where there are any."""
        topics = sorted({topic for topic, _, _ in self.turns})
        return {topic: [self.total(topic=topic, turn=turn) for turn in (1, -1, 0)] for topic in topics}


@dataclass(frozen=True)
class Run:
    """Which classifier looks at what: previewed and applied are the same when both are."""

    mark: str
    scope: dict[str, Any]

    def as_preview(self, tally: Tally) -> dict[str, Any]:
        """Return what is kept of a preview."""
        found = {"changed": tally.changed, "topics": tally.by_topic()}
        return {"mark": self.mark, "scope": self.scope, **found}

    def is_other_than(self, preview: Mapping[str, Any] | None) -> bool:
        """Return whether the same was previewed with other packs or another model."""
        return preview is not None and preview["scope"] == self.scope and preview["mark"] != self.mark

    def beside(self, preview: Mapping[str, Any] | None, tally: Tally) -> str:
        """Return how many articles were applied, beside the preview."""
        done = f"{tally.changed:,} applied"
        if preview is None or preview["scope"] != self.scope:
            return f"{done}; there was no preview of these"
        if preview["mark"] != self.mark:
            return f"{done}; the preview of {preview['at']} was of {preview['mark']}"
        if {**self.as_preview(tally), "at": preview["at"]} == preview:
            return f"{done}, as in the preview of {preview['at']}"
        why = "what was applied before, came since or is busy makes the difference"
        return f"{done}; the preview of {preview['at']} had {preview['changed']:,}: {why}"


def mark_of(packs: Sequence[TopicPack], model: "Model") -> str:
    """Return 12 hex digits that stand for packs and model: another mark, other flags."""
    versions = [classifier_of(tuple(packs), model).version, *sorted(f"{pack.id} {pack.version}" for pack in packs)]
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()[:12]


def scope_of(wanted: Wanted, topic: str | None) -> dict[str, Any]:
    """Return what is looked at, as a preview keeps it."""
    since = wanted.since.isoformat() if wanted.since else None
    return {"sources": sorted(wanted.sources), "since": since, "topic": topic}


def _refuse_unknown_topic(engine: Engine, topic: str, packs: Sequence[TopicPack]) -> None:
    with engine.connect() as connection:
        if not was_flagged(connection, topic):  # a pack that is gone: its flags go
            refuse_unknown("topic", topic, (pack.id for pack in packs))


def _at_ease(engine: Engine, batches: Iterable[Sequence[UUID]]) -> Iterator[Sequence[UUID]]:
    """Give the batches, no faster than their changes are numbered: what is new must not queue behind what is old."""
    counted = -inf
    for ids in batches:
        if monotonic() < counted + COUNT_EVERY_S:
            yield ids
            continue
        while (found := pulse(engine)).unnumbered > RELAY_BATCH // 2:
            ticked = found.last_tick.get("sweep")
            if ticked is None or (found.now - ticked).total_seconds() > SILENT_S:
                break  # no system runs here: there is nobody to wait for, and nobody who waits
            sleep(0.2)
        counted = monotonic()
        yield ids


def _print(tally: Tally) -> None:
    for topic, turn in sorted(tally.samples, key=lambda pair: (pair[0], -pair[1])):
        for look, move in tally.samples[topic, turn]:
            _print_sample(look, move)
    if tally.turns:
        console.print(_turns_table(tally))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("articles", justify="right")
    table.add_column("")
    table.add_column("what that means")
    for one in Verdict:
        if tally.verdicts[one]:
            table.add_row(f"{tally.verdicts[one]:,}", one, MEANS[one], style="bold" if one is Verdict.CHANGED else None)
    table.add_section()
    table.add_row(f"{tally.verdicts.total():,}", "in all", "")
    console.print(table)


def _print_sample(look: Look, move: Move) -> None:
    title = printable(look.title)
    title = title if len(title) <= TITLE_WIDTH else f"{title[: TITLE_WIDTH - 1]}…"
    style = "green" if move.turn > 0 else "red"
    console.print(
        f"[{style}]{SIGNS[move.turn]} {move.topic}[/] {move.before:.2f} → {move.after:.2f}  {look.language}  "
        f"{escape(title)}  [dim]{look.id}[/]",
        soft_wrap=True,
    )
    console.print(f"    {escape(move.why)}", style="dim", soft_wrap=True)


def _turns_table(tally: Tally) -> Table:
    """Return the flags gained and lost of each topic, in all and by language, most changed language first."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("topic", no_wrap=True)
    for name in ("+", "-", "moved"):
        table.add_column(name, justify="right")
    table.add_column("by language")
    languages = sorted({spoken for _, spoken, _ in tally.turns})
    for topic in [*tally.by_topic(), None]:
        if topic is None:
            table.add_section()
        cells = [f"{tally.total(topic=topic, turn=turn):,}" for turn in (1, -1, 0)]
        table.add_row(topic or "in all", *cells, _by_language(tally, topic, languages))
    return table


def _by_language(tally: Tally, topic: str | None, languages: Iterable[str]) -> str:
    rows = []
    for language in languages:
        gained, lost = (tally.total(topic=topic, language=language, turn=turn) for turn in (1, -1))
        if gained or lost:
            rows.append(
                (-gained - lost, f"{language}{f' +{gained:,}' if gained else ''}{f' -{lost:,}' if lost else ''}")
            )
    return ", ".join(text for _, text in sorted(rows))
