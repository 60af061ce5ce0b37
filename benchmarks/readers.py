"""20 readers at full speed beside the intake: what does it pay, and how long do their pages take?

Pages of the newsroom are stored; as many processes as there are workers take them to published articles, as fast as
they can. Beside them the real API (`workers.web`, its own rate limits, a key a reader), and 20 readers in one more
process: half ask for pages of 500 changes one after the other, half read the stream. Every few seconds the readers are
stopped and let go on, so that intake with and without them is measured on the same machine at the same time.

The readers are no part of the product: they read bytes and parse nothing, at the lowest priority. What they use of the
CPU all the same is told, and counts against us.
"""

import argparse
import functools
import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import psutil
from rich.console import Console
from sqlalchemy import Engine

REPOSITORY = Path(__file__).resolve().parent.parent
if str(REPOSITORY) not in sys.path:  # run as a file, from any folder
    sys.path.insert(0, str(REPOSITORY))

from benchmarks.delivery import stored  # noqa: E402
from benchmarks.reclassify import p, servers  # noqa: E402
from benchmarks.reextract import made_pages, publish, store_pages  # noqa: E402
from config.settings import Settings, changed, inherited_environment  # noqa: E402
from workers.bootstrap import Steps  # noqa: E402
from workers.launch import environment_of, with_ports  # noqa: E402
from workers.store.changes import number, take_relay_lock  # noqa: E402
from workers.store.engine import make_engine  # noqa: E402
from workers.store.keys import Scope, create_key  # noqa: E402
from workers.telemetry import configure_logging  # noqa: E402

READERS = 20
#: Between the parts that are compared, while what is on its way ends (seconds).
PAUSE_S = 0.5
#: Pages of a batch: small beside a part.
BATCH = 5
#: A stream begins anew after so many bytes: at its end it would wait for news.
STREAM_BYTES = 20_000_000


def read_pages(host: str, key: str, newest: int, first: int) -> None:
    """Read the log page after page, for ever; print begin and end of each (seconds of the system's monotonic clock)."""
    connection = http.client.HTTPConnection(host, timeout=120)
    headers = {"authorization": f"Bearer {key}", "accept-encoding": "gzip"}
    after = first
    while True:
        begun = time.monotonic()
        try:
            connection.request("GET", f"/v1/changes?after={after}&limit=500", headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (ConnectionError, http.client.HTTPException):  # while it was stopped, its connection was closed
            connection.close()
            continue
        if answer.status == 429:  # over its rate: it waits, as it was told to
            time.sleep(float(answer.headers["retry-after"]))
            continue
        if answer.status != 200:
            raise SystemExit(f"HTTP {answer.status}")
        after = (after + 500) % (newest - 500)
        print(f"{begun} {time.monotonic()}", flush=True)


def read_stream(host: str, key: str) -> None:
    """Read the stream, from the beginning again and again."""
    while True:
        connection = http.client.HTTPConnection(host, timeout=120)
        try:
            connection.request("GET", "/v1/stream?after=0", headers={"authorization": f"Bearer {key}"})
            answer, read = connection.getresponse(), 0
            if answer.status != 200:
                raise SystemExit(f"HTTP {answer.status}")
            while read < STREAM_BYTES and (part := answer.read1(1 << 18)):
                read += len(part)
        except (ConnectionError, http.client.HTTPException):  # it was stopped for too long, and cut off
            pass
        connection.close()


def read(host: str, newest: int, nice: int, keys: list[str]) -> None:
    """Be all readers, until killed."""
    os.nice(nice)
    for place, key in enumerate(keys):
        if place % 2:
            given = (host, key)
            threading.Thread(target=read_stream, args=given).start()
        else:
            threading.Thread(target=read_pages, args=(host, key, newest, 997 * place % (newest - 500))).start()


def api(url: str, folder: Path, stack: ExitStack) -> tuple[str, psutil.Process]:
    """Start the API as the supervisor does; return its host and port, and its process."""
    settings = with_ports(changed(Settings(), database_url=url, api_port=0, flower_port=0, data_dir=folder))
    environment = inherited_environment() | environment_of(settings) | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen([sys.executable, "-m", "workers.web"], env=environment, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    host = f"127.0.0.1:{settings.api_port}"
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection(host, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return host, psutil.Process(process.pid)
    raise SystemExit("the API did not start")


def timed(url: str, batch: list[UUID]) -> tuple[float, float, int]:
    """Publish stored pages; return begin, end and how many."""
    begun = time.monotonic()
    count = publish(url, batch)
    return begun, time.monotonic(), count


@contextmanager
def numbering(engine: Engine) -> Iterator[None]:
    """Give the changes their numbers, as the relay does."""
    ended = threading.Event()

    def relay() -> None:
        while not ended.wait(0.5):
            with engine.begin() as connection:
                if take_relay_lock(connection):
                    number(connection)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def cpu_of(processes: list[psutil.Process]) -> float:
    """Return the CPU seconds that these have used."""
    return sum(sum(one.cpu_times()[:2]) for one in processes if one.is_running())


def rate(done: list[tuple[float, float, int]], part: tuple[float, float]) -> float:
    """Return articles a second within a part; a batch counts by its share in it."""
    begun, ended = part
    shares = (count * max(0.0, min(end, ended) - max(begin, begun)) / (end - begin) for begin, end, count in done)
    return sum(shares) / (ended - begun)


def main() -> None:
    """Fill, run, print; exit 1 when the intake pays more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=4_000, help="that are taken in while it is measured")
    parser.add_argument("--log", type=int, default=10_000, help="changes that the readers find")
    parser.add_argument("--window", type=float, default=5.0, help="seconds of each part")
    parser.add_argument("--workers", type=int, default=Settings().cpu_concurrency)
    parser.add_argument("--reader-nice", type=int, default=19)
    parser.add_argument("--most", type=float, default=10.0, help="per cent that the intake may be slower")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    configure_logging("bench", "error")
    with ExitStack() as stack:
        url = servers(stack)
        engine = make_engine(url, role="bench")
        stack.callback(engine.dispose)
        stored(url, options.log, console)
        steps = Steps(changed(Settings(), database_url=url, host_delay_s=0, log_level="error"))
        stack.callback(steps.close)
        pages, ids = made_pages(), []
        for first in range(0, options.pages, 500):
            ids += store_pages(steps, 1_000_000 + first, list(islice(pages, min(500, options.pages - first))))
        with engine.begin() as connection:
            keys = [create_key(connection, f"reader {place}", [Scope.READ], None) for place in range(READERS)]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wirewatch-bench-")))
        host, served = api(url, folder, stack)
        pool = stack.enter_context(ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")))
        list(pool.map(functools.partial(timed, url), [ids[at : at + BATCH] for at in range(0, 40, BATCH)]))  # warm
        program = f"import benchmarks.readers as it; it.read({host!r}, {options.log}, {options.reader_nice}, {keys!r})"
        log = stack.enter_context((folder / "read").open("w+"))
        readers = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stdout=log)
        stack.callback(readers.wait)
        stack.callback(readers.kill)
        stack.enter_context(numbering(engine))
        work = [pool.submit(timed, url, ids[at : at + BATCH]) for at in range(40, len(ids), BATCH)]
        workers = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
        watched = {"API": served, "readers": psutil.Process(readers.pid)}
        parts, cpu = alternate(work, readers, watched, workers, options.window)
        done = [one.result() for one in work]
        log.seek(0)
        took = [[float(word) for word in line.split()] for line in log if line.count(" ") == 1 and line.endswith("\n")]
    told = report(done, parts, took, cpu, console)
    if told > options.most:
        raise SystemExit(f"the intake pays {told:.0f} %, more than {options.most:g} %")


Parts = dict[bool, list[tuple[float, float]]]


def alternate(
    work: "list[Future[tuple[float, float, int]]]",
    readers: "subprocess.Popen[bytes]",
    watched: dict[str, psutil.Process],
    workers: list[psutil.Process],
    window_s: float,
) -> tuple[Parts, dict[bool, dict[str, float]]]:
    """Stop the readers and let them go on in turn until the work is done; return both kinds of parts, and the cores
    that each kind of process used in them."""
    parts: Parts = {False: [], True: []}
    used = {runs: dict.fromkeys([*watched, "workers", "PostgreSQL"], 0.0) for runs in parts}
    runs = True
    while True:
        time.sleep(PAUSE_S)
        if not runs:
            wait_quiet(watched["API"])
        begun, before = time.monotonic(), cores(watched, workers)
        time.sleep(window_s)
        after = cores(watched, workers)
        if sum(not one.done() for one in work) < len(workers):
            break  # in this part there was not work enough
        parts[runs].append((begun, time.monotonic()))
        for name in used[runs]:
            used[runs][name] += max(0.0, after[name] - before[name])
        readers.send_signal(signal.SIGSTOP if runs else signal.SIGCONT)
        runs = not runs
    for runs, whole in parts.items():
        seconds = sum(end - begin for begin, end in whole)
        used[runs] = {name: value / seconds for name, value in used[runs].items()}
    return parts, used


def wait_quiet(served: psutil.Process) -> None:
    """Wait until the API has filled the buffers of the readers that were stopped: megabytes of each stream."""
    before = cpu_of([served])
    for _ in range(40):
        time.sleep(PAUSE_S)
        now = cpu_of([served])
        if now - before < 0.02 * PAUSE_S:
            return
        before = now
    raise SystemExit("the API works on although nobody reads")


def cores(watched: dict[str, psutil.Process], workers: list[psutil.Process]) -> dict[str, float]:
    """Return the CPU seconds used so far, by kind of process."""
    ours = [one for child in psutil.Process().children() if "postgres" in child.name() for one in _tree(child)]
    found = {name: cpu_of([one]) for name, one in watched.items()}
    read = [one for worker in workers for one in _tree(worker)]  # pages are read in a process of their own
    return found | {"workers": cpu_of(read), "PostgreSQL": cpu_of(ours)}


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def report(
    done: list[tuple[float, float, int]],
    parts: Parts,
    took: list[list[float]],
    cpu: dict[bool, dict[str, float]],
    console: Console,
) -> float:
    """Print what was found; return by how many per cent the intake was slower with the readers."""
    rates = {runs: [rate(done, one) for one in some] for runs, some in parts.items()}
    for runs, name in ((False, "alone"), (True, f"beside {READERS} readers")):
        spent = ", ".join(f"{what} {value:.2f}" for what, value in cpu[runs].items())
        spread = f"{min(rates[runs]):.1f} to {max(rates[runs]):.1f} in {len(rates[runs])} parts"
        console.print(f"{name:<18} {statistics.median(rates[runs]):6.1f} articles/s ({spread}); cores: {spent}")
    within = [end - begin for begin, end in took if any(a <= begin and end <= b for a, b in parts[True])]
    seconds = sum(end - begin for begin, end in parts[True])
    took_ms = f"p50 {p(50, within):.0f} ms, p95 {p(95, within):.0f} ms"
    console.print(f"pages of 500 changes: {len(within) / seconds:.1f} a second, {took_ms}")
    pairs = [1 - beside / alone for beside, alone in zip(rates[True], rates[False], strict=False)]  # neighbours
    slower = 100 * statistics.median(pairs)
    console.print(f"the intake is {slower:.1f} % slower (median; {100 * min(pairs):.1f} to {100 * max(pairs):.1f})")
    return slower


if __name__ == "__main__":
    main()
