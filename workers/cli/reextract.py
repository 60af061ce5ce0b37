"""`reextract`: today's extractor over the pages that were kept. It asks nobody outside."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC
from difflib import unified_diff
from typing import Annotated
from uuid import UUID

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from config.settings import load_settings
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.again import Since, Sources, ending_in_words, refuse_unknown_sources, tracked
from workers.cli.reextracting import CHANGES, Look, Verdict, look_again
from workers.domain.values import Article
from workers.store.ledger import Ledger
from workers.store.reextract import count_wanted, wanted_ids
from workers.store.revision import check_schema
from workers.store.wanted import Wanted

console = Console(highlight=False)

#: Entries that a thread reads and extracts in one go: few, for the pages of all threads are in memory at once.
BATCH = 10
#: Changes of which the difference is shown, and how much of each.
SAMPLES, SAMPLE_LINES, SAMPLE_WIDTH = 5, 12, 160
#: Lines of a text that are compared for a sample: the comparison takes time with the square of them.
COMPARED_LINES = 500
MEANS = {
    Verdict.SAME: "nothing to do",
    Verdict.FACTS: "title and text are the same: no new version",
    Verdict.CHANGED: "a new version",
    Verdict.SUMMARY: "only the feed's summary is left: readers keep the text that they have",
    Verdict.NO_ARTICLE: "readers keep it: nothing is withdrawn",
    Verdict.FOUND: "was dropped: goes down the path again",
    Verdict.STILL_NONE: "stays dropped",
    Verdict.GONE: "retention has taken the page",
    Verdict.FAILED: "stays as it is",
    Verdict.BUSY: "changed meanwhile by another look: left alone",
}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole system")(reextract)


def reextract(
    sources: Sources = None,
    since: Since = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many pages, the oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Pages at a time; default: one a core.")] = None,
) -> None:
    """Extract stored pages again with today's extractor; a changed text becomes a new version. No network."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    steps = Steps(settings)
    ledger = steps.ledger
    wanted = Wanted(sources=tuple(sources or ()), since=since.replace(tzinfo=UTC) if since else None)
    threads = jobs or os.cpu_count() or 1
    with closing(steps), ending_in_words(console):
        refuse_unknown_sources(ledger.engine, wanted.sources)
        total = min(count_wanted(ledger.engine, wanted), limit or sys.maxsize)
        changed = _show(ledger, wanted_ids(ledger.engine, wanted, limit=limit, size=BATCH), total, threads)
        if dry_run or not changed:
            return
        if not yes:
            typer.confirm(f"Apply to {len(changed)} entries?", abort=True)
        _apply(ledger, changed, threads)


def _show(ledger: Ledger, batches: Iterable[Sequence[UUID]], total: int, jobs: int) -> list[UUID]:
    """Look at every wanted page, show what would change, and return which entries."""
    counts: Counter[Verdict] = Counter()
    changed: list[UUID] = []
    samples: list[Look] = []
    with tracked(look_again(ledger, batches, jobs=jobs), total, "extracting") as looks:
        for look in looks:
            counts[look.verdict] += 1
            if look.verdict in CHANGES:
                changed.append(look.id)
            if (look.verdict in CHANGES or look.verdict is Verdict.FAILED) and len(samples) < SAMPLES:
                samples.append(look)
    for look in samples:
        _print_sample(look)
    _print_counts(counts)
    return changed


def _apply(ledger: Ledger, changed: Sequence[UUID], jobs: int) -> None:
    """Extract those once more, each applied in a transaction of its own: whenever it ends, all is consistent."""
    batches = (changed[start : start + BATCH] for start in range(0, len(changed), BATCH))
    with tracked(look_again(ledger, batches, jobs=jobs, apply=True), len(changed), "applying") as looks:
        counts = Counter(look.verdict for look in looks)
    done = sum(counts[one] for one in CHANGES)
    console.print(f"{done} of {len(changed)} applied; the workers publish them")
    for one, count in counts.items():
        if one not in CHANGES:
            console.print(f"{count} {one}: {MEANS[one]}")


def _print_counts(counts: Counter[Verdict]) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("pages", justify="right")
    table.add_column("")
    table.add_column("what that means")
    for one in Verdict:
        if counts[one]:
            table.add_row(f"{counts[one]:,}", one, MEANS[one], style="bold" if one in CHANGES else None)
    table.add_section()
    table.add_row(f"{counts.total():,}", "in all", "")
    console.print(table)


def _print_sample(look: Look) -> None:
    console.print(f"[bold]{look.verdict}[/]  {escape(look.url)}  [dim]{look.id}[/]", soft_wrap=True)
    if look.verdict is Verdict.FAILED:
        console.print(f"    {escape(look.detail.strip().rpartition(chr(10))[2][:SAMPLE_WIDTH])}")
    styles = {"+": "green", "-": "red", "@": "dim"}
    for line in difference(look.before, look.after):
        console.print(Text(f"    {line}", style=styles.get(line[:1], "")), soft_wrap=True)


def difference(before: Article | None, after: Article | None) -> list[str]:
    """Return the first lines of a unified diff of title and text; nothing for nothing."""
    lines = list(unified_diff(_lines(before), _lines(after), lineterm="", n=1))[2:]  # without the names of two files
    cut = [line if len(line) <= SAMPLE_WIDTH else f"{line[: SAMPLE_WIDTH - 1]}…" for line in lines[:SAMPLE_LINES]]
    return cut if len(lines) <= SAMPLE_LINES else [*cut, f"… and {len(lines) - SAMPLE_LINES} lines more"]


def _lines(article: Article | None) -> list[str]:
    if article is None:
        return []
    return [f"title: {article.title}", *article.text.split("\n")[:COMPARED_LINES]]
