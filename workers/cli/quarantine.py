"""`wirewatch quarantine`: what was set aside for a person, and the two ways out. It asks nobody outside."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.shown import ago, visible
from workers.domain.errors import Unavailable, WirewatchError
from workers.domain.outcomes import QuarantineReason, State
from workers.domain.reasons import SENTENCES
from workers.pipeline import LEDGER_STAGES, STAGE
from workers.store import quarantine as store
from workers.store.overview import list_sources
from workers.store.quarantine import Quarantined, Summary, Which
from workers.store.revision import check_schema

app = typer.Typer(help="Entries that were set aside for a person.", no_args_is_help=True)
console = Console(highlight=False)

#: What a shell says of a program that ended by Ctrl-C: 128 and the number of SIGINT.
EXIT_INTERRUPTED = 130
#: Characters of a cause's last line in a list; `show` has all of it.
CAUSE_WIDTH = 200
#: Refusals that are told one by one; of more, how many.
MOST_TOLD = 20

STEP_OF = {stage.takes: stage.name for stage in LEDGER_STAGES}


class Step(StrEnum):
    """A step of the path that an entry can fail at; named as in `workers/pipeline.py`."""

    FETCH = "fetch"
    EXTRACT = "extract"
    CLASSIFY = "classify"


Reasons = Annotated[list[QuarantineReason] | None, typer.Option("--reason", help="Only these; repeatable.")]
Sources = Annotated[list[str] | None, typer.Option("--source", metavar="ID", help="Only of these; repeatable.")]
StepsAt = Annotated[list[Step] | None, typer.Option("--step", help="Only what failed at these; repeatable.")]
Ids = Annotated[list[UUID] | None, typer.Argument(metavar="ID", help="Entries, as `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Everything that is in quarantine.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

#: A way out of the quarantine: takes entries, returns those that stay, and why.
WayOut = Callable[[Engine, Sequence[Quarantined]], Mapping[UUID, str]]


def add_to(root: typer.Typer) -> None:
    """Register the commands."""
    root.add_typer(app, name="quarantine", rich_help_panel="The whole system")


@app.command("list")
def list_quarantined(
    reasons: Reasons = None,
    sources: Sources = None,
    steps: StepsAt = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what is in quarantine, newest first, with a count by reason."""
    with _store() as engine:
        which = _which(engine, reasons, sources, steps)
        if as_json:
            for found in store.batches(engine, which, limit=limit):
                for one in found:
                    print(json.dumps(_as_json(one)))  # in ASCII: nothing that a terminal would obey
            return
        counted = store.summary(engine, which)
        _print_counts(counted)
        shown = 0
        for found in store.batches(engine, which, limit=limit):
            shown += len(found)
            for one in found:
                _print_entry(one, counted)
        if shown < counted.total:
            console.print(f"{shown} of {counted.total} shown; `--limit {counted.total}` shows all")


@app.command()
def show(
    which: Annotated[UUID, typer.Argument(metavar="ID")],
    page: Annotated[Path | None, typer.Option(metavar="FILE", help="Write its page there, as it came.")] = None,
) -> None:
    """Show all that is kept of one entry. Its page is a stranger's bytes: they are written to a file, never shown."""
    with _store() as engine:
        facts = store.facts_of(engine, which)
        if facts is None:
            raise WirewatchError(f"{which}: no entry has this id")
        _print_facts(facts)
        if page is not None:
            body = store.body_of(engine, facts["page_sha"]) if facts["page_sha"] else None
            if body is None:
                raise WirewatchError(f"{which}: no page is kept of it")
            _write_new(page, body)
            console.print(f"{len(body)} bytes written to {escape(visible(str(page)))}; do not open it in a browser")


@app.command()
def replay(
    ids: Ids = None,
    reasons: Reasons = None,
    sources: Sources = None,
    steps: StepsAt = None,
    everything: All = False,
    yes: Yes = False,
) -> None:
    """Put entries back to where they stood before the step that failed; the workers take them up at once."""
    asked = Asked(ids or (), reasons, sources, steps, everything, yes)
    _send_out(asked, "replay", store.replay, "put back; the sweeper hints at them within seconds")


@app.command()
def drop(
    ids: Ids = None,
    reasons: Reasons = None,
    sources: Sources = None,
    steps: StepsAt = None,
    everything: All = False,
    note: Annotated[str, typer.Option(help="Why, in your words: kept with the entry.")] = "",
    yes: Yes = False,
) -> None:
    """End entries as dropped by an operator; nothing brings them back."""
    asked = Asked(ids or (), reasons, sources, steps, everything, yes)
    _send_out(asked, "drop", lambda engine, found: store.drop(engine, found, note), "dropped, counted as by_operator")


# --- out of the quarantine ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What `replay` and `drop` were asked for: entries by id, or by what they have in common."""

    ids: Sequence[UUID]
    reasons: Sequence[QuarantineReason] | None
    sources: Sequence[str] | None
    steps: Sequence[Step] | None
    everything: bool
    yes: bool

    def check(self) -> None:
        """Raise WirewatchError unless it is clear which entries are meant."""
        by_kind = bool(self.reasons or self.sources or self.steps)
        if self.everything + by_kind + bool(self.ids) != 1:
            raise WirewatchError("say which: ids; or --reason, --source, --step; or --all")


def _send_out(asked: Asked, verb: str, way: WayOut, told: str) -> None:
    """Ask when there are several, then let them out a transaction at a time: whenever it ends, all is consistent."""
    asked.check()
    with _store() as engine:
        if asked.ids:
            found, refused = store.by_ids(engine, list(dict.fromkeys(asked.ids)))
            total, parts = len(found), _in_parts(found)
        else:
            which = _which(engine, asked.reasons, asked.sources, asked.steps)
            counted = store.summary(engine, which)
            _print_counts(counted)
            # what comes in from now on, replayed ones too, was not asked for
            total, refused = counted.total, {}
            parts = store.batches(engine, replace(which, until=counted.now))
        if total > 1 and not asked.yes:
            typer.confirm(f"{verb.capitalize()} {total} entries?", abort=True)
        done = 0
        with _progress(total, verb) as advance:
            for part in parts:
                stay = way(engine, part)
                done += len(part) - len(stay)
                refused |= stay
                advance(len(part))
        console.print(f"{done} of {total} {told}")
    if refused:
        raise WirewatchError(_refusals(refused))


def _in_parts(found: Sequence[Quarantined]) -> Iterator[Sequence[Quarantined]]:
    return (found[start : start + store.BATCH] for start in range(0, len(found), store.BATCH))


@contextmanager
def _progress(total: int, verb: str) -> Iterator[Callable[[int], None]]:
    """Give what moves the progress bar, on standard error when somebody sits there and it takes more than a moment."""
    told = Console(stderr=True)
    hidden = total <= store.BATCH or not told.is_terminal
    with Progress(console=told, transient=True, disable=hidden) as progress:
        task = progress.add_task(verb, total=total)
        yield lambda count: progress.advance(task, count)


def _refusals(refused: Mapping[UUID, str]) -> str:
    lines = [f"{one}: {why}" for one, why in list(refused.items())[:MOST_TOLD]]
    more = len(refused) - len(lines)
    return "\n".join([*lines, f"and {more} more"] if more else lines)


# --- in words ----------------------------------------------------------------------------------


def _print_counts(counted: Summary) -> None:
    for reason, count in counted.by_reason.items():
        console.print(f"[bold]{reason}[/] {count}: {SENTENCES[reason]}")
    if not counted.total:
        console.print("no such entry is in quarantine")


def _print_entry(one: Quarantined, counted: Summary) -> None:
    tries = f"{one.tries} {'try' if one.tries == 1 else 'tries'}"
    when = ago(one.since, counted.now)
    told = f"[bold]{one.reason}[/]  {STEP_OF[one.before]}  {tries}  {when}  {escape(one.source_id)}"
    console.print(f"\n{one.id}  {told}", soft_wrap=True)
    _print_plain("  ", one.url)
    cause = one.detail.strip().rpartition("\n")[2]
    if cause:
        _print_plain("  ", cause[:CAUSE_WIDTH])


def _as_json(one: Quarantined) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "source": one.source_id,
        "url": one.url,
        "reason": one.reason,
        "sentence": SENTENCES[one.reason],
        "step": STEP_OF[one.before],
        "tries": one.tries,
        "since": one.since.isoformat(),
        "detail": one.detail,
    }


def _print_facts(facts: Mapping[str, Any]) -> None:
    fetched = facts["fetched"] or {}
    feed = facts["feed"]
    state, reason = facts["state"], facts["reason"]
    told = {
        "entry": facts["id"],
        "source": facts["source_id"],
        "url": facts["url"],
        "title": feed["title"],
        "published": feed["published"],
        "discovered": _moment(facts["discovered_at"], facts),
        "state": f"{state} {_moment(facts['state_at'], facts)}",
        "reason": f"{reason}: {SENTENCES[reason]}" if reason else None,
        "step": STEP_OF.get(State(facts["before"])),
        "tries": f"{facts['attempt']} ({facts['failures']} failed, {facts['crashes']} never came back, "
        f"{facts['not_found']} not found)",
        "held until": _moment(facts["lease_until"], facts) if facts["lease_until"] else None,
        "due": None if State(state).is_final else _moment(facts["due_at"], facts),
        "fetched": f"{fetched['at']} from {fetched['url']}, status {fetched['status']}" if fetched else None,
        "page": _page(facts, fetched),
    }
    for name, value in told.items():
        if value not in {None, ""}:
            _print_plain(f"{name:<11}", str(value))
    if facts["detail"]:
        console.print("cause")
        for line in facts["detail"].split("\n"):
            _print_plain("  ", line)


def _page(facts: Mapping[str, Any], fetched: Mapping[str, Any]) -> str:
    if facts["page_sha"] is None:
        return "none is kept"
    kind = fetched.get("content_type") or "no content type"
    return f"{facts['size']} bytes, {kind}, sha256 {facts['page_sha']}"


def _moment(moment: Any, facts: Mapping[str, Any]) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({ago(moment, facts['now'])})"


def _print_plain(before: str, text: str) -> None:
    """Print a line of a stranger's text: as it is, and nothing in it is obeyed."""
    console.print(before + visible(text), markup=False, soft_wrap=True)


def _write_new(file: Path, body: bytes) -> None:
    try:
        with file.open("xb") as out:
            out.write(body)
    except OSError as error:
        raise WirewatchError(f"{file}: {error.strerror}") from error


# --- which, and where --------------------------------------------------------------------------


def _which(
    engine: Engine,
    reasons: Sequence[QuarantineReason] | None,
    sources: Sequence[str] | None,
    steps: Sequence[Step] | None,
) -> Which:
    _refuse_unknown(engine, sources or ())
    states = tuple(state for step in steps or () if (state := STAGE[step].takes) is not None)
    return Which(reasons=tuple(reasons or ()), sources=tuple(sources or ()), states=states)


def _refuse_unknown(engine: Engine, sources: Iterable[str]) -> None:
    known = [row["id"] for row in list_sources(engine)] if sources else []
    for one in sources:
        if one not in known:
            near = get_close_matches(one, known, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise WirewatchError(f"no source has the id {one!r}{hint}")


@contextmanager
def _store() -> Iterator[Engine]:
    """Open the ledger for one command. Raises Unavailable when it does not answer."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    steps = Steps(settings)
    try:
        yield steps.engine
    except KeyboardInterrupt:
        console.print("stopped; what was done stays, and run again it goes on from there")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except OperationalError as error:
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error
    finally:
        steps.close()
