"""Pages that explode: each ends in time with an outcome, under 1 GB, and the next page is as right as ever.

A real helper process, with the times of production where `--full-length` is said (`make bench-extract`), else with
shorter ones. The shapes are in `tests/shapes.py`.
"""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from tests.shapes import SHAPES
from workers.domain.outcomes import Advanced, Dropped, Failed, QuarantineReason
from workers.domain.values import Entry, FeedEntry, Page, Source
from workers.extract.contained import CHEAP_S, FEED_S, FULL_S, Contained
from workers.extract.language import detect
from workers.extract.stage import extract

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINK = "https://outlet.example/news/1"
OUTLET = Source(
    id="outlet",
    name="Outlet",
    url="https://outlet.example/feed",
    language="en",
    country="GB",
    owner="",
    state_owned=False,
)
TITLE = "Ministers agree on a plan for the harbour"
SUMMARY = "The ministers met on Tuesday and agreed on a plan for the harbour, which work begins on in May, they said."
GOOD = f"""<html><head><title>{TITLE}</title></head><body><article><h1>{TITLE}</h1><p>{SUMMARY}</p>
<p>The first of four quays will be ready in a year, and the old one stays open until then, the town's mayor said.</p>
<p>Fishermen had asked for a longer mole, since storms have sunk three boats there in the last ten years.</p>
</article></body></html>"""

#: RELIABILITY.md S9.
LONGEST_S, MEMORY = 12.0, 1_000_000_000
#: Seconds for the full setting, the cheap one and the feed's text, in `make test`.
SHORT = (1.2, 0.6, 0.3)


@pytest.fixture(scope="module")
def times(full_length: bool) -> tuple[float, float, float]:
    """The seconds that each setting may take."""
    return (FULL_S, CHEAP_S, FEED_S) if full_length else SHORT


@pytest.fixture(scope="module")
def reading(times: tuple[float, float, float]) -> Iterator[Contained]:
    full_s, cheap_s, feed_s = times
    with Contained(full_s=full_s, cheap_s=cheap_s, feed_s=feed_s) as contained:
        peaks, over = [0], threading.Event()
        watcher = threading.Thread(target=lambda: watch(contained, peaks, over))
        watcher.start()
        yield contained
        over.set()
        watcher.join()
        assert 0 < max(peaks) < MEMORY, "the most that any helper had"


def watch(contained: Contained, peaks: list[int], over: threading.Event) -> None:
    """Note the most memory that each helper ever had (bytes), until it is over.

    From the helpers themselves: the greatest child of this process (getrusage) is as large as this process was when
    it started one.
    """
    while not over.wait(0.02):
        try:
            status = Path(f"/proc/{contained.pid}/status").read_text()
        except OSError:  # there is none at this moment
            continue
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):  # one that was killed and not waited for has none
            peaks.append(int(found[1]) * 1024)


def an_entry(summary: str = "") -> Entry:
    feed = FeedEntry(key=LINK, url=LINK, title=TITLE, summary=summary)
    return Entry(id=UUID(int=1), source=OUTLET, url=LINK, feed=feed, discovered_at=NOW, attempt=1)


def a_page(body: bytes) -> Page:
    return Page(url=LINK, status=200, content_type="text/html", charset="utf-8", body=body, fetched_at=NOW)


def assert_good_page_is_right(reading: Contained) -> None:
    page = a_page(GOOD.encode())
    outcome = reading.extract(an_entry(), page)
    assert outcome == extract(an_entry(), page, detect=detect)
    assert isinstance(outcome, Advanced)
    assert outcome.value.title == TITLE
    assert outcome.value.text.count("\n") == 2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_page_that_explodes_ends_and_harms_nobody(reading: Contained, shape: str) -> None:
    body = SHAPES[shape]()
    before = psutil.Process().memory_info().rss
    started = time.monotonic()
    outcome = reading.extract(an_entry(), a_page(body))
    assert time.monotonic() - started < LONGEST_S
    assert isinstance(outcome, Advanced | Dropped | Failed)
    if isinstance(outcome, Failed):  # a bug of ours would have a traceback; this is the page's doing, and says how
        assert outcome.reason is QuarantineReason.CRASHED, outcome.detail
        assert outcome.detail.startswith("full: ")
    assert psutil.Process().memory_info().rss - before < 200_000_000
    assert_good_page_is_right(reading)


def test_a_page_that_explodes_gives_way_to_the_feeds_own_text(
    reading: Contained, times: tuple[float, float, float]
) -> None:
    outcome = reading.extract(an_entry(SUMMARY), a_page(SHAPES["attributes, 100,000"]()))
    assert isinstance(outcome, Advanced)
    assert (outcome.value.title, outcome.value.text) == (TITLE, SUMMARY)
    assert (outcome.value.quality, outcome.value.rung) == ("summary", "summary")
    full_s, cheap_s, _ = times
    said = f"full: no answer in {full_s:g} s; cheap: no answer in {cheap_s:g} s; "
    assert outcome.value.rung_why.startswith(said)
    assert_good_page_is_right(reading)


def test_none_is_left_behind() -> None:
    with Contained() as contained:
        contained.start()
        first = contained.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        outcome = contained.extract(an_entry(), a_page(GOOD.encode()))  # which its death looks to be the fault of
        assert isinstance(outcome, Advanced)
        assert outcome.value.rung_why.startswith("full: its process died of signal 9")
        assert_good_page_is_right(contained)
        second = contained.pid
        assert second is not None
        assert not psutil.pid_exists(first)  # not even as a zombie
    assert not psutil.pid_exists(second)
