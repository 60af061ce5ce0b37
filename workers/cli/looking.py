"""Looking at a running system: `status`, `tail`, `doctor`, `memory`. They read; they change nothing."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep  # noqa: TID251  (`tail` looks once a second)
from typing import Annotated, Any

import typer
from redis import RedisError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import OperationalError

from config.settings import Settings, load_settings
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.shown import ago
from workers.deliver.event import event_of
from workers.domain.errors import ConfigError, StartError, Unavailable, WirewatchError
from workers.domain.intake import Intake, Room, decide
from workers.domain.outcomes import FeedOutcome
from workers.domain.reasons import SENTENCES
from workers.launch import check_files
from workers.operate.disk import disk_free
from workers.operate.lock import holder
from workers.operate.memory import measure
from workers.operate.room import redis_room
from workers.pipeline import QUEUES
from workers.poll.cadence import is_parked
from workers.store.changes import changes_after, last_seq, ledger_id, stream_trouble
from workers.store.notes import read_notes
from workers.store.overview import Overview, broken_invariants, overview
from workers.store.revision import check_schema

console = Console(highlight=False)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (status, tail, doctor, memory):
        app.command(rich_help_panel="Looking")(command)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Show sources, queues, the ledger's counts and the schedule."""
    steps = _running_system()
    found = overview(steps.engine)
    depths = {queue: int(steps.broker.llen(f"wirewatch:{queue}")) for queue in QUEUES}
    if as_json:
        print(json.dumps(status_json(found, depths), ensure_ascii=False, default=str))
    else:
        _print_status(found, depths, read_notes(steps.engine))
    if not found.counts.balanced:
        raise WirewatchError("discovered = in flight + classified + dropped + quarantined does not hold")


def status_json(found: Overview, depths: dict[str, int]) -> dict[str, Any]:
    """Return the status as one object."""
    counts = found.counts
    return {
        "discovered": counts.discovered,
        "in_flight": counts.in_flight,
        "states": counts.by_state,
        "reasons": counts.by_reason,
        "balanced": counts.balanced,
        "queues": depths,
        "last_tick": found.last_tick,
        "replaced": found.replaced,
        "oldest_due": found.oldest_due,
        "last_seq": found.last_seq,
        "unnumbered": found.unnumbered,
        "intake_paused": found.paused,
        "sources": [
            {
                name: row[name]
                for name in ("id", "watched", "last_outcome", "last_error", "failures", "due_at", "outcomes", "cut")
            }
            | {"sentence": SENTENCES.get(row["last_outcome"] or "", "")}
            for row in found.sources
        ],
    }


def _why(row: RowMapping) -> str:
    """Return the last line of what was said of a source's last poll; a traceback ends with what matters."""
    said = (row["last_error"] or "").strip().splitlines()
    return said[-1][:200] if said else ""


def _print_failing(found: Overview) -> None:
    """Say in a sentence what each kind of failure means; each kind once, however many sources have it."""
    failing = [row for row in found.sources if row["watched"] and row["failures"]]
    for outcome, count in Counter(row["last_outcome"] for row in failing).most_common():
        console.print(f"  {outcome} ({count}): {SENTENCES[outcome]}")
    parked = [row["id"] for row in failing if is_parked(row["failures"], gone=row["last_outcome"] == FeedOutcome.GONE)]
    if parked:
        console.print(f"  parked, asked once a day: {', '.join(parked)}")


def _print_status(found: Overview, depths: dict[str, int], notes: dict[str, str]) -> None:
    table = Table(title="Sources", title_justify="left", box=box.SIMPLE_HEAD, expand=True)
    for name in ("source", "outcome", "next", "why"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if name == "why" else None)
    for row in found.sources:
        if row["watched"]:
            when = "now" if row["lease_token"] else ago(row["due_at"], found.now)
            table.add_row(row["id"], row["last_outcome"] or "-", when, escape(_why(row)))
    console.print(table)
    _print_failing(found)
    for name in ("sources_refused", "topics_refused"):
        if name in notes:
            console.print(f"[red]{name.replace('_', ' ')}[/], what was in force stays so: {escape(notes[name])}")
    if found.paused:
        console.print(f"[red]nothing is polled or fetched[/]: {escape(found.paused)}")
    console.print(f"API        {notes.get('api', '-')}")
    console.print(f"Flower     {notes.get('flower', '-')}")
    console.print("Queues     " + "  ".join(f"{queue} {depth}" for queue, depth in depths.items()))
    counts = found.counts
    states = counts.by_state
    sign = "=" if counts.balanced else "[red bold]≠[/]"
    console.print(
        f"Ledger     discovered {counts.discovered} {sign} in flight {counts.in_flight} + classified "
        f"{states['classified']} + dropped {states['dropped']} + quarantined {states['quarantined']}"
    )
    for state, reasons in counts.by_reason.items():
        for reason, count in sorted(reasons.items()):
            console.print(f"  {state:<11} {reason} {count}: {SENTENCES[reason]}")
    console.print(f"Changes    {found.last_seq} numbered, {found.unnumbered} waiting")
    ticks = ", ".join(f"{name} {ago(moment, found.now)}" for name, moment in sorted(found.last_tick.items())) or "never"
    console.print(f"Last tick  {ticks}")
    for worker, times in sorted(found.replaced.items()):
        console.print(f"Replaced   worker {worker}, {times} times: it lived, but consumed nothing")
    console.print(f"Oldest due {ago(found.oldest_due, found.now) if found.oldest_due else 'nothing in flight'}")


def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many earlier ones first.")] = 10,
    topic: Annotated[str | None, typer.Option(help="Only articles with this flag.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line, as downstream reads them.")] = False,
    follow: Annotated[bool, typer.Option(help="Go on as new ones come, until Ctrl-C.")] = True,
) -> None:
    """Show classified articles as they come."""
    steps = _running_system()
    try:
        for event in _events(steps, lines, topic, follow=follow):
            print(json.dumps(event, ensure_ascii=False) if as_json else _line(event), flush=True)
    except KeyboardInterrupt:
        return


def _events(steps: Steps, lines: int, topic: str | None, *, follow: bool) -> Iterator[dict[str, Any]]:
    with steps.engine.begin() as connection:
        ledger = ledger_id(connection)
        after = max(0, last_seq(connection) - lines)
    while True:
        try:
            with steps.engine.connect() as connection:
                rows = changes_after(connection, after, 100, topic=topic)
        except OperationalError as error:
            if not follow:
                raise Unavailable(f"the database does not answer ({_first_line(error)})") from error
            console.print(f"[dim]the database does not answer ({escape(_first_line(error))}); trying again[/]")
            sleep(1)
            continue
        for row in rows:
            after = row["seq"]
            yield event_of(row, ledger)
        if not rows:
            if not follow:
                return
            sleep(1)


def _line(event: dict[str, Any]) -> str:
    article = event["data"]["article"]
    flags = " ".join(f"{flag['topic']}:{flag['probability']:.2f}" for flag in article["flags"] if flag["flagged"])
    when = (article["published"] or event["time"])[:16].replace("T", " ")
    source, language = article["source"]["id"], article["language"]
    return f"{event['seq']}  {when}  {source:<20} {language}  {article['title']}  {flags or '-'}"


def memory() -> None:
    """Show the memory of a running system, process by process."""
    folder = load_settings().data_dir
    pid = holder(folder)
    found = measure(pid) if pid else []
    if not found:
        raise Unavailable(_nothing_runs(folder))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("process")
    for name in ("pid", "resident MB", "its share MB"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(one.name, str(one.pid), _megabytes(one.rss_bytes), _megabytes(one.pss_bytes))
    shares = [one.pss_bytes for one in found if one.pss_bytes is not None]
    total = _megabytes(sum(shares)) if len(shares) == len(found) else "-"
    table.add_section()
    table.add_row("all", "", _megabytes(sum(one.rss_bytes for one in found)), total)
    console.print(table)
    console.print("A page that several processes share counts in full for each as resident, and once in the shares.")


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:.1f}"


def doctor() -> None:
    """Check settings, files, servers and promises, and say what to do about each trouble."""
    settings = load_settings()
    checks: list[tuple[str, Callable[[Settings], list[str]]]] = [
        ("settings and files", _files),
        ("disk", _disk),
        ("database", _database),
        ("migrations", _migrations),
        ("Redis", _redis),
        ("schedule", _schedule),
        ("sources", _sources),
        ("promises", _promises),
    ]
    troubles = 0
    for name, check in checks:
        found = check(settings)
        troubles += len(found)
        console.print(f"{'[red]✗[/]' if found else '[green]✓[/]'} {name}")
        for trouble in found:
            console.print(f"    {escape(trouble)}")
    if settings.contact is None:
        console.print("[yellow]![/] manners: set WIREWATCH_CONTACT, so that an outlet can reach you before it bans you")
    if troubles:
        raise typer.Exit(1)


def _files(settings: Settings) -> list[str]:
    try:
        check_files(settings)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def _disk(settings: Settings) -> list[str]:
    return _room_troubles(settings, Room(disk_free=disk_free(settings.data_dir)))


def _room_troubles(settings: Settings, room: Room) -> list[str]:
    limits = {"least_disk": settings.min_free_disk, "least_redis": settings.min_free_redis}
    found = decide(room, paused=False, **limits)
    return [] if found.intake is Intake.OPEN else [found.why]


def _database(settings: Settings) -> list[str]:
    from workers.store.migrate import check_ready

    try:
        with Steps(located(settings)).engine.connect() as connection:
            check_ready(connection)
    except OperationalError as error:
        return [
            f"does not answer ({_first_line(error)}): start it with `wirewatch run`, or check WIREWATCH_DATABASE_URL"
        ]
    except StartError as error:
        return [str(error)]
    return []


def _migrations(settings: Settings) -> list[str]:
    from workers.store.migrate import outstanding

    if _database(settings):
        return ["cannot be checked without the database"]
    with Steps(located(settings)).engine.connect() as connection:
        waiting = outstanding(connection)
    if not waiting:
        return []
    return [f"{', '.join(waiting)} still to do: run `wirewatch migrate --post` when no older program runs any more"]


def _redis(settings: Settings) -> list[str]:
    try:
        steps = Steps(located(settings))
        found = [redis_room(one) for one in (steps.broker, steps.stream.client)]
    except RedisError as error:
        return [f"does not answer ({_first_line(error)}): start it with `wirewatch run`, or check WIREWATCH_BROKER_URL"]
    for one in found:
        if troubles := _room_troubles(settings, Room(redis_free=one.free, redis_policy=one.policy)):
            return troubles
    with steps.engine.connect() as connection:
        trouble = stream_trouble(connection)
    return [trouble] if trouble else []


def _schedule(settings: Settings) -> list[str]:
    from workers.deliver.api.operation import health_problems

    return _of_overview(settings, lambda found: health_problems(found, silent_s=settings.beat_silence_s))


#: More failing sources than this are told together.
MANY = 5


def _sources(settings: Settings) -> list[str]:
    return _of_overview(settings, failing_sources)


def failing_sources(found: Overview) -> list[str]:
    """Return what fails among the sources, in words: each, or together when they are many."""
    watched = [row for row in found.sources if row["watched"]]
    rows = [row for row in watched if row["failures"]]
    if len(rows) > MANY:
        by_outcome = Counter(row["last_outcome"] for row in rows)
        told = ", ".join(f"{outcome} {count}" for outcome, count in by_outcome.most_common())
        alike = ": is there a network?" if len(rows) == len(watched) else ""
        return [f"{len(rows)} of {len(watched)} sources fail ({told}){alike}; `wirewatch status` shows each"]
    return [
        f"{row['id']}: {row['last_outcome']}, {row['failures']} in a row, next try {ago(row['due_at'], found.now)}; "
        f"`wirewatch sources check {row['id']}` tries it now"
        for row in rows
    ]


def _promises(settings: Settings) -> list[str]:
    def broken(_found: Overview) -> list[str]:
        found = broken_invariants(Steps(located(settings)).engine)
        return [f"{promise}: broken by {', '.join(ids)}; please report this" for promise, ids in found.items()]

    return _of_overview(settings, broken)


def _of_overview(settings: Settings, check: Callable[[Overview], list[str]]) -> list[str]:
    if _database(settings):
        return ["cannot be checked without the database"]
    return check(overview(Steps(located(settings)).engine))


def _running_system() -> Steps:
    """Return steps on the running system's servers. Raises Unavailable when they do not answer."""
    chosen = load_settings()
    steps = Steps(located(chosen))
    try:
        check_schema(database_url(steps.settings))
        steps.broker.ping()
    except (Unavailable, RedisError) as error:
        if chosen.database_url is None and holder(chosen.data_dir) is None:
            raise Unavailable(_nothing_runs(chosen.data_dir)) from error
        raise Unavailable(f"the store or Redis does not answer: {_first_line(error)}") from error
    return steps


def _nothing_runs(folder: Path) -> str:
    """Return the sentence for a folder that no system runs on, with the demo's when that one is meant."""
    demo = folder / "demo"
    if holder(demo) is not None:
        return f"no system runs on {folder}, but a demo on {demo}: say WIREWATCH_DATA_DIR={demo}"
    return f"no system runs on {folder}: start it with `wirewatch run`"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
