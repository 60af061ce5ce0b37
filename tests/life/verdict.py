"""What a world came to, beside what its script says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from tests.life.kinds import Gathering, Moving
from tests.life.script import DAY, LATE, Life
from tests.life.world import UPKEEP_S, Day, World

#: kind of life -> fact -> how many
Totals = dict[str, Counter[str]]

ENTRIES = """
SELECT source_id, state || CASE state WHEN 'dropped' THEN ':' || reason WHEN 'quarantined' THEN ':' || reason
                                      ELSE '' END AS ending, count(*)
  FROM entry GROUP BY 1, 2
"""
UPDATES = """
SELECT entry.source_id, count(*) FROM change JOIN entry ON entry.id = entry_id WHERE type = 'updated' GROUP BY 1
"""
SOURCES = "SELECT id, last_outcome, coalesce(address, url) FROM source"
WHOLE = {
    "texts": "SELECT count(*) FROM story",
    "copies of a text": "SELECT count(*) FROM change WHERE payload ->> 'duplicate_of' IS NOT NULL",
    "articles and versions": "SELECT count(*) FROM article",
    "changes": "SELECT count(*) FROM change",
    "number of the last change": "SELECT max(seq) FROM change",
    "aliases": "SELECT count(*) FROM alias",
    "sightings": "SELECT count(*) FROM sighting",
    "dates in the future or before 1990": """
        SELECT count(*) FROM article WHERE published > extracted_at + interval '1 hour' OR published < '1990-01-01'""",
}


def expected_totals(lives: Iterable[Life]) -> Totals:
    """Return what the script says of each kind, and of all under `whole`."""
    lives = list(lives)
    totals: Totals = defaultdict(Counter)
    for life in lives:
        found = totals[_kind(life.id)]
        found.update(life.endings())
        found["updates"] += life.updates()
        found["sources as they should be"] += 1
    texts = Counter(name for life in lives for name in life.published_texts())
    links = sum((life.endings() for life in lives), Counter[str]())
    same = links["dropped:same_url"]
    totals["whole"] = Counter(
        {
            "texts": len(texts),
            "copies of a text": texts.total() - len(texts),
            "articles and versions": texts.total(),
            "changes": texts.total(),
            "number of the last change": texts.total(),
            "aliases": same,  # the other URL, from now on one more of the article
            "sightings": links.total() + same,
            "dates in the future or before 1990": 0,
        }
    )
    return _without_zeros(totals)


def found_totals(engine: Engine, lives: Iterable[Life]) -> Totals:
    """Return the same as the store says it."""
    by_id = {life.id: life for life in lives}
    totals: Totals = defaultdict(Counter)
    with engine.connect() as connection:
        for source, ending, count in connection.execute(text(ENTRIES)):
            totals[_kind(source)][ending] += count
        for source, count in connection.execute(text(UPDATES)):
            totals[_kind(source)]["updates"] += count
        for source, outcome, address in connection.execute(text(SOURCES)):
            well = outcome in by_id[source].status and address == by_id[source].lives_at
            totals[_kind(source)]["sources as they should be"] += well
        for what, query in WHOLE.items():
            totals["whole"][what] = connection.execute(text(query)).scalar() or 0
    return _without_zeros(totals)


def _kind(source: str) -> str:
    return source.rsplit("-", 1)[0]


def _without_zeros(totals: Mapping[str, Counter[str]]) -> Totals:
    return {kind: +facts for kind, facts in sorted(totals.items())}


def overgrown(world: World, *, last: int) -> list[str]:
    """Return what has grown in the last so many days and should not have, in words.

    What is kept for ever is held to the script by the totals. Of what retention takes away there may be as much as the
    script can have made in its time.
    """
    days = world.days[-last:]
    keep_s = world.settings.page_retention_days * DAY + UPKEEP_S + LATE
    hosts = sum(1 + isinstance(life, Moving) + isinstance(life, Gathering) * len(life.stories) for life in world.lives)
    wrong = []
    for day in world.days:
        pages = sum(life.pages_stored(day.at - keep_s, day.at) for life in world.lives)
        bounds = {"page": pages, "host": hosts, "robots": hosts, "source": len(world.lives), "verdict": 0}
        wrong += [
            f"{name}: {day.rows[name]} rows on day {day.at / DAY:.0f}, at most {most} are right"
            for name, most in bounds.items()
            if day.rows[name] > most
        ]
        if day.stream > world.settings.stream_length + 100:  # Redis trims by whole nodes, of 100 entries
            wrong.append(f"the stream: {day.stream} entries")
    for name in ("note", "tick", "source"):
        if len({day.rows[name] for day in days}) > 1:
            wrong.append(f"{name}: {[day.rows[name] for day in days]} rows")
    levels = {
        "bytes of pages": (0.25, [day.bytes["page"] for day in days]),
        "bytes of sources": (0.25, [day.bytes["source"] for day in days]),
        "keys in Redis": (0.0, [day.redis_keys for day in days]),
        "bytes in Redis": (0.25, [day.redis_bytes for day in days]),
        "memory": (0.05, [day.memory for day in days]),
        "files": (0.05, [day.files for day in days]),
    }
    wrong += [f"{what}: {values}" for what, (share, values) in levels.items() if values and _grows(values, share)]
    return wrong


def _grows(values: Sequence[int], share: float) -> bool:
    """Return whether the second half is larger than the first, by more than this share."""
    half = len(values) // 2
    return max(values[half:]) > max(values[:half], default=0) * (1 + share)


def show(world: World, expected: Totals, found: Totals, *, last: int) -> None:
    """Print what was expected and found, and what has grown."""
    console = Console(width=140)
    table = Table("life", "fact", "expected", "found")
    for kind in sorted({*expected, *found}):
        for fact in sorted({*expected.get(kind, ()), *found.get(kind, ())}):
            given = expected.get(kind, Counter())[fact], found.get(kind, Counter())[fact]
            table.add_row(kind, fact, *(f"{one:,}" for one in given), style="" if given[0] == given[1] else "bold red")
    console.print(table)
    first, end = world.days[-last], world.days[-1]
    growth = Table("store", f"day {first.at / DAY:.0f}", f"day {end.at / DAY:.0f}", "KiB then", "KiB now")
    for name in first.rows:
        rows = first.rows[name], end.rows[name], first.bytes[name] >> 10, end.bytes[name] >> 10
        growth.add_row(name, *(f"{one:,}" for one in rows))
    console.print(growth)
    console.print(f"asked for: {dict(world.wire.requests)}; tasks: {dict(world.mail.delivered)}")
    for day in (first, end):
        console.print(_beside(day))


def _beside(day: Day) -> str:
    return (
        f"day {day.at / DAY:.0f}: {day.redis_keys} keys and {day.redis_bytes >> 10:,} KiB in Redis, "
        f"{day.stream} entries in the stream, {day.files} files, {day.memory >> 20} MiB of memory"
    )
