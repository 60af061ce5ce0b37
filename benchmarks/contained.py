"""What the helper process costs: CPU a page with it, without it and by trafilatura's default, its start and its memory.

The same pages by each, page by page in turns, so that a noisy machine disturbs all alike; of several rounds the median.
What counts is the ratio: at most 0.75 of the default. CPU is that of both processes, this one's pickling and the pipe
included, and no feed has given a date.
"""

import argparse
import gzip
import os
import statistics
import tarfile
import time
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from rich.console import Console
from trafilatura import bare_extraction

from workers.bootstrap import utc_now
from workers.domain.values import Entry, FeedEntry, Page, Source
from workers.extract.contained import Contained
from workers.extract.language import detect
from workers.extract.stage import extract
from workers.operate.memory import measure
from workers.operate.newsroom import load_newsroom

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data" / "extraction"
OUTLET = Source(id="o", name="O", url="https://o.example/", language="en", country="GB", owner="", state_owned=False)


def newsroom_pages() -> list[bytes]:
    """Return the bodies of the sample newsroom that are HTML."""
    newsroom = load_newsroom(ROOT / "tests" / "samples" / "newsroom")
    files = (newsroom.folder / route.file for route in newsroom.routes if route.file)
    return [file.read_bytes() for file in files if file.suffix == ".html"]


def data_pages(folder: Path) -> list[bytes]:
    """Return the pages of the scrapinghub set; none when it is not there."""
    archive = folder / "scrapinghub.tar.xz"
    if not archive.exists():
        return []
    with tarfile.open(archive) as tar:
        members = [one for one in tar if one.name.endswith(".html.gz")]
        return [gzip.decompress(found.read()) for one in members if (found := tar.extractfile(one))]


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process in seconds, exact where /proc counts ticks (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


class Spent(NamedTuple):
    """CPU time over all pages in one round (seconds)."""

    default: float  # trafilatura's default, with its search for facts
    plain: float  # our step, in this process
    ours: float  # our side of the pipe
    helper: float  # the helper's side

    @property
    def contained(self) -> float:
        """Both sides of the pipe."""
        return self.ours + self.helper


def one_round(bodies: list[bytes], contained: Contained) -> Spent:
    """Read every page by trafilatura, by our step and by our step in the helper, in turns page by page."""
    now = utc_now()
    feed = FeedEntry(key="k", url="https://o.example/news/1")
    entry = Entry(id=UUID(int=1), source=OUTLET, url=feed.url, feed=feed, discovered_at=now, attempt=1)
    default = plain = ours = theirs = 0.0
    for body in bodies:
        page = Page(url=feed.url, status=200, content_type="text/html", charset=None, body=body, fetched_at=now)
        contained.start()
        us, helper = os.getpid(), contained.pid or 0
        begun = cpu_s(us)
        bare_extraction(body, url=feed.url, with_metadata=True)
        by_default = cpu_s(us)
        extract(entry, page, detect=detect)
        by_us, helper_begun = cpu_s(us), cpu_s(helper)
        contained.extract(entry, page)
        default, plain, ours = default + by_default - begun, plain + by_us - by_default, ours + cpu_s(us) - by_us
        theirs += cpu_s(contained.pid or 0) - (helper_begun if contained.pid == helper else 0.0)
    return Spent(default, plain, ours, theirs)


def compare(bodies: list[bytes], rounds: int) -> list[Spent]:
    """Return the CPU time of each round, after one that warms up and is not counted."""
    with Contained() as contained:
        one_round(bodies[:20], contained)
        return [one_round(bodies, contained) for _ in range(rounds)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    starts = []
    for _ in range(5):
        begun = time.perf_counter()
        with Contained() as contained:
            contained.start()
            starts.append(time.perf_counter() - begun)
            memory = measure(contained.pid or 0)[0]
    pss = (memory.pss_bytes or 0) / 1e6
    console.print(
        f"start {1000 * statistics.median(starts):.0f} ms, then {memory.rss_bytes / 1e6:.0f} MB RSS, {pss:.0f} PSS"
    )
    for name, bodies in (("newsroom", newsroom_pages()), ("scrapinghub", data_pages(options.data))):
        if bodies:
            found = compare(bodies, options.rounds)
            size = statistics.mean(map(len, bodies)) / 1000
            default, plain, ours, helper = (
                1000 * statistics.median(spent) / len(bodies) for spent in zip(*found, strict=True)
            )
            whole = statistics.median(one.contained / one.default for one in found)
            pipe = statistics.median(one.contained / one.plain for one in found) - 1
            console.print(
                f"{name}: {len(bodies)} pages of {size:.0f} KB: CPU ms a page: trafilatura's default {default:.2f},"
                f" ours {plain:.2f}, contained {ours + helper:.2f} ({helper:.2f} the helper's, {pipe:+.1%})\n"
                f"  contained to default, median of {options.rounds} rounds: {whole:.3f}"
            )


if __name__ == "__main__":
    main()
