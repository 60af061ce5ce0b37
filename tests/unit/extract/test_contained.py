"""What the reader of pages makes of a process that dies, hangs, lies or runs out of means."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from uuid import UUID

import psutil
import pytest

from config.settings import Settings
from tests.systems import REPOSITORY
from tests.waiting import wait_until
from workers.domain.errors import Unavailable
from workers.domain.outcomes import Advanced, Dropped, DropReason, Failed, QuarantineReason
from workers.domain.values import Entry, FeedEntry, Page, Source
from workers.extract import contained, helper
from workers.extract.contained import Contained
from workers.extract.language import detect
from workers.extract.stage import extract
from workers.operate.newsroom import load_newsroom

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUMMARY = "The ministers met on Tuesday and agreed on a plan for the harbour, which work begins on in May, they said."
BODY = f"<html><head><title>A plan</title></head><body><article>{f'<p>{SUMMARY}</p>' * 4}</article></body></html>"

#: Programs that say "ready", and then take a page badly. `wire` is the socket, `request` the page.
READY = """
    import os, signal, socket, sys
    wire = socket.socket(fileno=0)
    wire.sendall(bytes(4))
    def said(text): wire.sendall(len(text).to_bytes(4) + text)
"""
READ = "wire.recv(int.from_bytes(wire.recv(4)), socket.MSG_WAITALL)"


def program(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", dedent(READY) + code]


def reader(code: str) -> list[str]:
    """Return a program that speaks as the helper does; `code` defines `answer(request)`."""
    head = (
        f"import socket, sys\nsys.path[:] = {sys.path!r}\nfrom workers.domain.outcomes import *\n"
        "from workers.domain.values import *\nfrom workers.extract import helper\n"
    )
    return [sys.executable, "-I", "-c", f"{head}{code}\nhelper.serve(socket.socket(fileno=0), answer)"]


def an_entry(summary: str = "") -> Entry:
    outlet = Source(
        id="o", name="O", url="https://o.example/f", language="en", country="GB", owner="", state_owned=False
    )
    feed = FeedEntry(key="k", url="https://o.example/news/1", title="A plan in the feed", summary=summary)
    return Entry(id=UUID(int=1), source=outlet, url=feed.url, feed=feed, discovered_at=NOW, attempt=1)


def a_page(body: bytes = BODY.encode(), url: str = "https://o.example/news/1") -> Page:
    return Page(url=url, status=200, content_type="text/html", charset="utf-8", body=body, fetched_at=NOW)


def hurried(command: list[str]) -> Contained:
    return Contained(full_s=0.6, cheap_s=0.6, feed_s=0.6, command=command)


@pytest.fixture(scope="module")
def real() -> Iterator[Contained]:
    with Contained() as reading:
        yield reading


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f"{READ}; os.kill(os.getpid(), signal.SIGKILL)", "its process died of signal 9 (Killed)"),
        (f"{READ}; os.kill(os.getpid(), signal.SIGSEGV)", "its process died of signal 11 (Segmentation fault)"),
        (f"{READ}; sys.exit(3)", "its process ended with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "its process died of signal 9 (Killed)"),
        ("signal.pause()", "no answer in 0.6 s"),
        (f"{READ}; signal.pause()", "no answer in 0.6 s"),
        (f"{READ}; wire.sendall(bytes([0, 0, 1, 0]) + b'half'); signal.pause()", "no answer in 0.6 s"),
        (f"{READ}; wire.sendall(bytes([0, 0, 1, 0]) + b'half')", "its process ended with status 0"),
        (f"{READ}; wire.shutdown(socket.SHUT_RDWR); signal.pause()", "it hung up"),
        (f"{READ}; said(b'')", "answered garbage"),
        (f"{READ}; said(b'<html>')", "answered garbage"),
        (f"{READ}; said(b'[1, 2]')", "answered garbage"),
        (f'{READ}; said(b\'{{"advanced": {{"title": 7}}}}\')', "answered garbage"),
        (f'{READ}; said(b\'{{"dropped": {{"reason": "boredom"}}}}\')', "answered garbage"),
        (f"{READ}; said(b'{{}}')", "answered nothing"),
        (f"{READ}; said(b'\\x80\\x04K\\x01.')", "answered garbage"),  # a pickle is not even looked at
        (f"{READ}; wire.sendall(bytes([255] * 4))", "answered garbage: a frame of 4294967295 bytes"),
        (f'{READ}; said(b\'{{"exploded": "out of memory"}}\')', "out of memory"),
    ],
)
def test_a_page_that_no_process_survives_is_failed_and_each_try_is_told(code: str, words: str) -> None:
    large = a_page(BODY.encode() + b" " * 3_000_000)  # more than a socket takes in while nobody reads
    with hurried(program(code)) as reading:
        outcome = reading.extract(an_entry(SUMMARY), large)
        assert reading.pid is None
    assert isinstance(outcome, Failed)
    assert outcome.reason is QuarantineReason.CRASHED
    tries = outcome.detail.split("; ")
    assert [one.split(": ", 1)[0] for one in tries] == ["full", "cheap", "feed"]
    assert all(words in one for one in tries), outcome.detail


def test_after_a_full_try_that_failed_the_cheap_one_counts() -> None:
    code = """
found = Article(title="t", text="x", language="en", language_confidence=1.0, url="u", rung_why="good enough")
def answer(request): return helper.told(Advanced(found)) if request[2] else {"exploded": "nested too deep"}
"""
    with hurried(reader(code)) as reading:
        outcome = reading.extract(an_entry(), a_page())
    assert isinstance(outcome, Advanced)
    assert (outcome.value.title, outcome.value.rung_why) == ("t", "full: nested too deep; good enough")


def test_the_cheap_try_may_say_that_a_page_is_no_article_with_what_came_before() -> None:
    code = """
found = Dropped(DropReason.NOT_AN_ARTICLE, "home page")
def answer(request): return helper.told(found) if request[2] else {"exploded": "x"}
"""
    with hurried(reader(code)) as reading:
        outcome = reading.extract(an_entry(), a_page())
    assert outcome == Dropped(DropReason.NOT_AN_ARTICLE, "full: x; not_an_article (home page)")


def test_a_page_that_exploded_is_not_dropped_for_having_no_text() -> None:
    code = "def answer(request): return {'dropped': {'reason': 'no_text'}} if request[2] else {'exploded': 'x'}"
    with hurried(reader(code)) as reading:
        outcome = reading.extract(an_entry(), a_page())
    assert outcome == Failed(QuarantineReason.CRASHED, "full: x; cheap: no_text; feed: no_text")


def test_the_last_try_is_without_the_page() -> None:
    code = (
        "def answer(request):\n"
        "    entry, page, cheap = request\n"
        "    if b'ministers' in page.body: return {'exploded': 'x'}\n"
        "    return helper.told(Advanced(Article(title='t', text=entry.feed.summary, language='en', quality='summary',"
        " language_confidence=1.0, url=page.url)))"
    )
    with hurried(reader(code)) as reading:
        outcome = reading.extract(an_entry(SUMMARY), a_page())
    assert isinstance(outcome, Advanced)
    assert (outcome.value.text, outcome.value.quality) == (SUMMARY, "summary")
    assert outcome.value.rung_why.startswith("full: x; cheap: x; ")


def test_an_error_that_nobody_expected_is_a_bug_with_its_traceback(real: Contained) -> None:
    outcome = real.extract(an_entry(), a_page(body=None))  # type: ignore[arg-type]
    assert isinstance(outcome, Failed)
    assert outcome.reason is QuarantineReason.BUG
    assert outcome.detail.startswith("Traceback")
    assert isinstance(real.extract(an_entry(), a_page()), Advanced)


def test_what_comes_out_is_what_extraction_makes_without_a_helper(real: Contained) -> None:
    newsroom = load_newsroom(REPOSITORY / "tests" / "samples" / "newsroom")
    bodies = [(newsroom.folder / route.file).read_bytes() for route in newsroom.routes if route.file]
    assert len(bodies) > 20
    pages = [a_page(body) for body in bodies]
    plain = [extract(an_entry(SUMMARY), page, detect=detect) for page in pages]
    assert [real.extract(an_entry(SUMMARY), page) for page in pages] == plain


def test_all_pages_are_read_by_one_process(real: Contained) -> None:
    real.start()
    first = real.pid
    for _ in range(5):
        real.extract(an_entry(), a_page())
    assert real.pid == first is not None


def test_after_a_death_between_pages_the_next_page_is_right() -> None:
    with Contained() as reading:
        reading.start()
        assert reading.pid is not None
        os.kill(reading.pid, signal.SIGKILL)
        outcome = reading.extract(an_entry(), a_page())
    assert isinstance(outcome, Advanced)
    assert outcome.value.quality == "full"


def test_a_process_that_has_grown_is_replaced_after_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with Contained() as reading:
        monkeypatch.setattr(contained, "WORN", 1)
        monkeypatch.setattr(contained, "LOOK_AFTER", 1)
        assert isinstance(reading.extract(an_entry(), a_page()), Advanced)
        assert reading.pid is None
        assert isinstance(reading.extract(an_entry(), a_page()), Advanced)


@pytest.mark.parametrize(
    "command",
    [["/nowhere/python"], [sys.executable, "-c", "raise SystemExit(1)"]],
    ids=["no program", "ends at once"],
)
def test_a_process_that_cannot_be_started_is_nobodys_fault(command: list[str]) -> None:
    with hurried(command) as reading, pytest.raises(Unavailable, match="the process that reads pages"):
        reading.extract(an_entry(), a_page())


def test_it_has_no_environment_no_files_and_little_of_everything(
    real: Contained, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.start()
    process = Path(f"/proc/{real.pid}")
    assert (process / "environ").read_bytes() == b""
    assert {str(one.readlink()).split(":")[0] for one in (process / "fd").iterdir()} == {"socket", "/dev/null"}
    limits = {line[:25].strip(): line[25:].split()[:2] for line in (process / "limits").read_text().splitlines()}
    assert limits["Max address space"] == [str(helper.MEMORY)] * 2
    assert helper.MEMORY <= 1_000_000_000
    for nothing in ("Max core file size", "Max file size", "Max processes"):
        assert limits[nothing] == ["0", "0"]


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in the middle of a page"])
def test_it_does_not_outlive_whoever_started_it(busy: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        if busy:
            owner.stdin.write(b"go\n")
            owner.stdin.flush()
            wait_until(lambda: resident(pid) > 100_000_000, 20, "the page is being read")
        assert is_alive(pid)
        owner.kill()
    wait_until(lambda: not is_alive(pid), 5, "the helper is gone")


#: A process that starts a helper, and at a word of ours gives it a page that it reads for long.
OWNER = f"""
import sys
sys.path[:] = {sys.path!r}
from datetime import UTC, datetime
from uuid import UUID
from workers.domain.values import Entry, FeedEntry, Page, Source
from workers.extract.contained import Contained
reading = Contained()
reading.start()
print(reading.pid, flush=True)
sys.stdin.readline()
now = datetime.now(UTC)
outlet = Source(id="o", name="O", url="", language="en", country="GB", owner="", state_owned=False)
entry = Entry(id=UUID(int=1), source=outlet, url="", feed=FeedEntry(key="k", url=""), discovered_at=now, attempt=1)
body = b"<html><body>" + b"<a b c d e>a " * 800_000
reading.extract(entry, Page(url="", status=200, content_type="", charset=None, body=body, fetched_at=now))
"""


def resident(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss if psutil.pid_exists(pid) else 0


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_fork_of_the_owner_starts_its_own_and_leaves_the_other_alone() -> None:
    code = f"""
import os, sys
sys.path[:] = {sys.path!r}
from workers.extract.contained import Contained
reading = Contained()
reading.start()
first = reading.pid
if (child := os.fork()) == 0:
    reading.start()
    second = reading.pid
    reading.close()
    sys.exit(0 if second != first else 1)
assert os.waitpid(child, 0)[1] == 0
assert reading._helper._process.poll() is None
reading.start()
assert reading.pid == first
print("both lived")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("both lived\n", "")


def test_the_last_page_that_a_batch_begins_still_ends_before_the_tasks_limit() -> None:
    settings = Settings()
    longest = contained.FULL_S + contained.CHEAP_S + contained.FEED_S + 2
    assert longest <= 12
    assert settings.batch_budget_s + longest < settings.task_limit_s
