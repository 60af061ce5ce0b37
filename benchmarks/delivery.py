"""Pages of the change log and of a topic's articles over HTTP: how long at 10,000 stored articles, and at many more?

The newsroom's articles are published and their changes copied, one in 500 flagged with a topic that nothing else has.
Then one client asks the real API, in a process of its own: pages of 500 changes from random cursors, those of a topic,
and pages of 50 articles of a topic, one after the other. What a page costs may not depend on how much is stored.
"""

import argparse
import gzip
import json
import random
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import httpx
from rich.console import Console
from sqlalchemy import Engine, text

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from benchmarks.reclassify import p, servers  # noqa: E402
from benchmarks.reextract import made_pages, store_pages  # noqa: E402
from config.settings import Settings, changed  # noqa: E402
from config.topics import load_topics  # noqa: E402
from workers.bootstrap import VERSION, Steps  # noqa: E402
from workers.store.engine import make_engine  # noqa: E402
from workers.store.migrate import migrate  # noqa: E402
from workers.telemetry import configure_logging  # noqa: E402

#: One in so many articles is flagged with this and nothing else.
RARE, RARE_EACH = "rare", 500

#: A copied text has little more than its title: what is measured reads no texts.
FILL = """
CREATE TEMP TABLE told AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS place, payload FROM change WHERE id <= :templates;
CREATE TEMP TABLE made AS
    SELECT uuidv7(make_interval(secs => n / 10.0 - 10000000)) AS id, n,
           CASE WHEN n % :each = 0 THEN payload || jsonb_build_object('flags', jsonb_build_array(jsonb_build_object(
               'topic', CAST(:rare AS text), 'probability', 0.9, 'flagged', true, 'evidence', '[]'::jsonb)))
           ELSE payload END AS payload
      FROM generate_series(CAST(:first AS bigint), :last) AS n JOIN told ON place = n % :templates;
INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version)
    SELECT id, payload -> 'source' ->> 'id', 'https://a.example/' || n, n, 'a.example', '{}', 'classified', 1 FROM made;
INSERT INTO article (entry_id, version, title, text, language, language_confidence, url, authors, quality, extractor)
    SELECT id, 1, payload ->> 'title', 'Border guards met.', payload ->> 'language', 0.98, 'https://a.example/' || n,
           '{}', 'full', 'generic' FROM made;
INSERT INTO flag (entry_id, version, topic, probability, flagged, evidence, pack_version, model)
    SELECT id, 1, flag ->> 'topic', (flag ->> 'probability')::float, (flag ->> 'flagged')::bool, '[]', '1', 'terms-1'
      FROM made, jsonb_array_elements(payload -> 'flags') AS flag;
INSERT INTO change (event_id, entry_id, version, type, payload)
    SELECT uuidv7(), id, 1, 'created', payload || jsonb_build_object('id', id) FROM made ORDER BY n;
UPDATE change SET seq = last + place FROM (SELECT coalesce(max(seq), 0) AS last FROM change) AS base,
    (SELECT id, row_number() OVER (ORDER BY id) AS place FROM change WHERE seq IS NULL) AS next
    WHERE change.id = next.id;
DROP TABLE told, made
"""
TEMPLATES = 24
QUESTIONS = ("changes", "changes?topic", "articles?topic")


def publish_templates(url: str) -> None:
    """Publish articles of the newsroom, the way every article goes."""
    steps = Steps(changed(Settings(), database_url=url, log_level="error"))
    ids = store_pages(steps, 0, list(islice(made_pages(), TEMPLATES)))
    steps.extract(ids)
    if len(steps.classify(ids)) != TEMPLATES:
        raise SystemExit("not every page was published")
    steps.close()


def fill(engine: Engine, first: int, last: int) -> None:
    """Store articles with these numbers, all published."""
    given = {"first": first, "last": last, "templates": TEMPLATES, "rare": RARE, "each": RARE_EACH}
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in FILL.split(";"):
            used = {name: value for name, value in given.items() if f":{name}" in statement}
            connection.execute(text(statement), used)


def settle(engine: Engine) -> tuple[int, list[str]]:
    """Tidy up as autovacuum does; return the bytes of a usual payload, and the topics that there are."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))
        size = connection.execute(text("SELECT avg(length(payload::text)) FROM change WHERE id <= 1000")).scalar_one()
        topics = connection.execute(text("SELECT DISTINCT topic FROM flag WHERE flagged ORDER BY topic LIMIT 100"))
        return int(size), list(topics.scalars())


def measure(client: httpx.Client, stored: int, rounds: int, topics: list[str]) -> dict[str, list[float]]:
    """Return the seconds until the whole answer had arrived, by question; what the client makes of it is its own."""
    seconds: dict[str, list[float]] = {name: [] for name in QUESTIONS}

    def ask(name: str, path: str, **asked: object) -> dict[str, object]:
        begun = time.perf_counter()
        with client.stream(
            "GET", path, params={key: value for key, value in asked.items() if value is not None}
        ) as answer:
            body = b"".join(answer.iter_raw())
        seconds[name].append(time.perf_counter() - begun)
        answer.raise_for_status()
        if answer.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return dict(json.loads(body))

    before: dict[str, object] = {}
    chance = random.Random()
    for _ in range(rounds):
        page = ask("changes", "/v1/changes", after=chance.randrange(stored - 500), limit=500)
        if len(page["changes"]) != 500:  # type: ignore[arg-type]
            raise SystemExit("a page was not full")
        topic = chance.choice([*topics, RARE])
        ask("changes?topic", "/v1/changes", after=chance.randrange(stored), limit=500, topic=topic)
        page = ask("articles?topic", "/v1/articles", topic=topic, before=before.get(topic))
        before[topic] = page["next_before"]
    return seconds


def api(url: str, stack: ExitStack) -> httpx.Client:
    """Start the API in a process of its own; return a client."""
    program = f"import benchmarks.delivery as it; it.serve({url!r})"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    return stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False))


def serve(url: str) -> None:
    """Serve the API on a free port, which is printed."""
    import socket

    import uvicorn

    from workers.deliver.api.app import make_api
    from workers.packs import topic_json

    packs = [topic_json(one) for one in load_topics(REPOSITORY / "config" / "topics")]
    engine = make_engine(url, role="api", statement_timeout_s=5, pool_size=5, is_for_readers=True)
    made = make_api(engine, lambda: packs, VERSION, rate=0)
    # of TCP by name: else asyncio leaves Nagle's algorithm on, which costs an answer in two parts 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(made, log_config=None, access_log=False)).run([listening])


def main() -> None:
    """Fill, ask, fill more, ask again, print; exit 1 when a page is slower than promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--articles", type=int, default=100_000, help="on demand 1,000,000")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--plain", action="store_true", help="a client that takes no gzip")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    configure_logging("bench", "error")
    sizes = (options.small, options.articles)
    with ExitStack() as stack:
        clients, seconds = {}, {size: {name: list[float]() for name in QUESTIONS} for size in sizes}
        for size in sizes:
            begun, url = time.perf_counter(), servers(stack)
            topics = stored(url, size, console)
            console.print(f"{size:,} articles, filled in {time.perf_counter() - begun:.0f} s")
            clients[size] = api(url, stack)
            if options.plain:
                clients[size].headers["accept-encoding"] = "identity"
            measure(clients[size], size, 20, topics)  # everything is loaded
        for _ in range(options.rounds // 10):  # in turn: whatever else the machine does, it does to both
            for size, client in clients.items():
                for name, values in measure(client, size, 10, topics).items():
                    seconds[size][name] += values
    for size in sizes:
        for name, values in seconds[size].items():
            told = f"p50 {1_000 * statistics.median(values):6.1f} ms  p95 {p(95, values):6.1f} ms"
            console.print(f"{size:>9,}  {name:<15} {told}")
    small, large = ({name: p(95, values) for name, values in seconds[size].items()} for size in sizes)
    growth = large["changes"] / small["changes"]
    console.print(f"pages of 500: {growth:.2f} times as long with {options.articles // options.small} times as much")
    if large["changes"] > 50 or growth > 1.2 or large["articles?topic"] > 100:
        raise SystemExit("slower than promised: 50 ms and 1.2 times for changes, 100 ms for articles")


def stored(url: str, size: int, console: Console) -> list[str]:
    """Store so many articles in a database; return their topics."""
    engine = make_engine(url, role="bench")
    migrate(engine)
    publish_templates(url)
    for first in range(1, size + 1, 100_000):
        fill(engine, first, min(first + 99_999, size))
    usual, topics = settle(engine)
    console.print(f"an article has {usual:,} bytes in a page")
    engine.dispose()
    return topics


if __name__ == "__main__":
    main()
