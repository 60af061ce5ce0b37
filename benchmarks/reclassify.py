"""`wirewatch reclassify --apply` beside live traffic: how long for how many articles, and what does the live path pay?

Articles of the sample newsroom, made as long as news is, are published with every third topic pack missing, and copied
in the database. Then the command runs over them with all packs, while the path's own steps take one new page after the
other to its flags. Every few seconds the command is stopped and let go on, so that live traffic with and without it is
measured on the same machine at the same time. Last, a second run must find nothing to do.
"""

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

import psutil
from rich.console import Console
from sqlalchemy import text

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from benchmarks.reextract import made_pages, publish, store_pages  # noqa: E402
from config.settings import Settings, changed  # noqa: E402
from workers.bootstrap import Steps  # noqa: E402
from workers.operate.embedded import runtime_path  # noqa: E402
from workers.operate.embedded_postgres import PostgresServer  # noqa: E402
from workers.store.migrate import migrate  # noqa: E402
from workers.store.overview import broken_invariants  # noqa: E402
from workers.telemetry import configure_logging  # noqa: E402

#: How long the command runs, and is stopped, in turn (seconds). Its transactions may stay open for 30.
WINDOW_S = 5.0
#: Between two live articles (seconds).
PAUSE_S = 0.05

#: Copies of published articles, each a whole entry with a text of its own.
COPY = """
CREATE TEMP TABLE copied AS
    SELECT uuidv7() AS id, entry.id AS of, n FROM generate_series(1, :copies) AS n, entry WHERE version > 0;
INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version, page_sha, fetched)
    SELECT copied.id, source_id, url || '/' || n, url_key || '/' || n, host, feed, state, version, page_sha, fetched
      FROM copied JOIN entry ON entry.id = of;
INSERT INTO sighting (source_id, entry_key, entry_id) SELECT source_id, url, id FROM entry ON CONFLICT DO NOTHING;
INSERT INTO article (entry_id, version, title, text, language, language_confidence, url, authors, quality, extractor)
    SELECT id, version, title, text || E'\\n(' || n || ')', language, language_confidence, url || '/' || n, authors,
           quality, extractor FROM copied JOIN article ON entry_id = of;
INSERT INTO flag SELECT id, version, topic, probability, flagged, evidence, pack_version, model
    FROM copied JOIN flag ON entry_id = of;
INSERT INTO change (event_id, entry_id, version, type, payload)
    SELECT uuidv7(), copied.id, version, type, payload || jsonb_build_object('id', copied.id)
      FROM copied JOIN change ON entry_id = of;
"""
#: Made as long as news is: the same again, with another word between, so that every part is read.
LENGTHEN = """
UPDATE article SET text = left(repeat(text || E'\\n-\\n', 1 + :length / length(text)), :length)
 WHERE length(text) < :length"""


def fill(steps: Steps, count: int, length: int) -> int:
    """Publish the newsroom's articles and copy them; return how many there are."""
    templates = 24
    ids = store_pages(steps, 0, list(islice(made_pages(), templates)))
    steps.extract(ids)
    with steps.engine.begin() as connection:
        connection.execute(text(LENGTHEN), {"length": length})
    if len(steps.classify(ids)) != templates:
        raise SystemExit("not every page was published")
    with steps.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in COPY.split(";")[:-1]:
            connection.execute(text(statement), {"copies": count // templates - 1} if ":copies" in statement else {})
    with steps.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        return int(connection.execute(text("SELECT count(*) FROM entry WHERE version > 0")).scalar_one())


def live(url: str, ids: list[UUID], process: "subprocess.Popen[bytes]") -> tuple[dict[bool, list[float]], float]:
    """Take new pages to their flags, one by one, until the command ends; return the seconds of each, while it was
    stopped and while it ran, and how long it was stopped in all."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    stopped_s, runs, since = 0.0, True, time.perf_counter()
    for one in cycle([*ids, None]):
        if one is None:
            raise SystemExit("not enough live pages: --live")
        if process.poll() is not None:
            return seconds, stopped_s
        begun = time.perf_counter()
        publish(url, [one])
        seconds[runs].append(time.perf_counter() - begun)
        time.sleep(PAUSE_S)
        if time.perf_counter() - since > WINDOW_S:
            _send_group(process.pid, signal.SIGSTOP if runs else signal.SIGCONT)
            stopped_s += 0.0 if runs else time.perf_counter() - since
            runs, since = not runs, time.perf_counter()
    raise AssertionError


def _send_group(pid: int, what: signal.Signals) -> None:
    parent = psutil.Process(pid)
    for one in [parent, *parent.children(recursive=True)]:
        one.send_signal(what)


def command(url: str, *words: str) -> "subprocess.Popen[bytes]":
    """Start the command on this database."""
    return subprocess.Popen(
        [sys.executable, "-m", "workers.cli", "reclassify", "--apply", *words],
        cwd=REPOSITORY,
        env=os.environ | {"WIREWATCH_DATABASE_URL": url, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "160"},
    )


def missing_packs(folder: Path) -> Path:
    """Return a folder with two of three topic packs: what was in force before."""
    for number, path in enumerate(sorted((REPOSITORY / "config" / "topics").glob("*.yaml"))):
        if number % 3:
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def p(share: int, values: list[float]) -> float:
    """Return a percentile, in milliseconds."""
    return 1_000 * statistics.quantiles(values, n=100)[share - 1]


def servers(stack: ExitStack) -> str:
    """Start a PostgreSQL of our own; return its address."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wirewatch-bench-")))
    server = PostgresServer(folder, runtime_path(Path(tempfile.gettempdir()), folder))
    server.prepare()
    process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.send_signal, 2)
    server.wait_ready(60)
    return server.url


def main() -> None:
    """Publish, run the command beside live traffic, print; exit 1 when it was slower or dearer than asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--length", type=int, default=5_000, help="characters of an article")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--live", type=int, default=15_000, help="new pages that are kept ready")
    parser.add_argument("--most", type=float, default=6.0, help="ms an article that are allowed (10 min for 100,000)")
    parser.add_argument("--worse", type=float, default=10.0, help="per cent that the live p95 may be worse")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    configure_logging("bench", "error")
    with ExitStack() as stack:
        url = servers(stack)
        earlier = missing_packs(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        steps = Steps(changed(Settings(), database_url=url, log_level="error", topics_dir=earlier))
        stack.callback(steps.close)
        migrate(steps.engine)
        count = fill(steps, options.articles, options.length)
        waiting = store_pages(steps, 1_000_000, list(islice(made_pages(), options.live)))
        publish(url, waiting[:20])  # everything is loaded
        console.print(f"{count:,} published articles of {options.length:,} characters, {options.jobs} jobs")
        cpu, begun = cpu_s(), time.perf_counter()
        process = command(url, "--jobs", str(options.jobs), "--yes")
        seconds, stopped_s = live(url, waiting[20:], process)
        wall = time.perf_counter() - begun - stopped_s
        if process.returncode:
            raise SystemExit(process.returncode)
        looked_at = count + sum(map(len, seconds.values()))  # the live ones are the newest: it comes to them last
        cost = 1_000 * (cpu_s() - cpu) / looked_at
        each = 1_000 * wall / looked_at
        console.print(
            f"{wall:.0f} s for {looked_at:,} beside live traffic, {each:.2f} ms an article; "
            f"{cost:.2f} ms CPU in its processes: 100,000 in {100 * each:.0f} s"
        )
        for share in (50, 95):
            alone, beside = (p(share, seconds[runs]) for runs in (False, True))
            worse = 100 * (beside / alone - 1)
            console.print(
                f"live page to flags, p{share}: {alone:.1f} ms alone, {beside:.1f} ms beside ({worse:+.0f} %)"
            )
        with steps.engine.begin() as connection:  # pages that were kept ready, longer than one may lie on the path
            connection.execute(text("DELETE FROM entry WHERE state = 'fetched'"))
        if broken := broken_invariants(steps.engine):
            raise SystemExit(f"broken: {broken}")
        if command(url, "--jobs", str(options.jobs)).wait():
            raise SystemExit("the second run failed")
    if each > options.most or worse > options.worse:
        raise SystemExit(1)


def cpu_s() -> float:
    """Return the CPU seconds of processes of ours that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
