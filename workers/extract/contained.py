"""Reads pages in a process of its own: a hostile page may bring that down, and nothing else (RELIABILITY.md S9).

One long-lived process (`helper.py`) for each user of this module. A page that it does not answer in time, or answers
with its death, is tried again more cheaply in a new one, then without the page; then it is for a person to look at.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import psutil
from pydantic import TypeAdapter, ValidationError

from workers.domain.errors import Unavailable
from workers.domain.outcomes import Advanced, Deferred, Dropped, DropReason, Failed, Outcome, QuarantineReason
from workers.domain.values import Article, Entry, ExtractRules, Page, RuleTried
from workers.extract import helper

#: Seconds for a page with every rung, for the cheap ones, and for the feed's text alone. With two new processes between
#: them, on a busy machine too, a page ends within 12 s (RELIABILITY.md S9); a usual one takes a hundredth of a second.
FULL_S, CHEAP_S, FEED_S = 5.5, 3.0, 1.0
#: Seconds that a start may take: 0.35 on an idle machine, and no page is to blame for a busy one.
START_S = 30.0
#: A process that has grown to this is replaced (bytes of address space): what a page leaves behind is fragments, and
#: the next page must have room.
WORN = helper.MEMORY // 2
#: It is looked at after so many bytes of pages: every page that may swell it, some thirty usual ones.
LOOK_AFTER = 5_000_000
#: No answer is longer (bytes): a page of 10 MB as JSON, where a character takes up to six.
LONGEST = 64_000_000


class Exploded(Exception):  # noqa: N818  (what the page did)
    """The process gave no answer to a page; the message says how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the process may say: one of these."""

    advanced: Article | None = None
    dropped: Dropped | None = None
    failed: Failed | None = None
    tried: tuple[RuleTried, ...] | None = None
    exploded: str = ""  # it came to the end of its means, and says so


_ANSWER = TypeAdapter(Answer)
T = TypeVar("T")
#: Bytes of one read from the socket: nearly every answer at once.
_PART = 1 << 16


class Contained:
    """Turns pages into articles, whatever the pages do. Not for several threads at once."""

    def __init__(
        self,
        *,
        full_s: float = FULL_S,
        cheap_s: float = CHEAP_S,
        feed_s: float = FEED_S,
        command: Sequence[str] | None = None,
    ) -> None:
        """`command`: another program than the helper, for tests."""
        self._seconds = (full_s, cheap_s, feed_s)
        self._command = command
        self._helper: Helper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The id of the process, None while there is none."""
        return self._helper.pid if self._helper else None

    def start(self) -> None:
        """Start the process when there is none. Raises Unavailable when it cannot be started."""
        self._started()

    def close(self) -> None:
        """End the process, at once."""
        if self._helper is not None:
            self._helper.end()
            self._helper = None

    def extract(self, entry: Entry, page: Page) -> Outcome[Article]:
        """Turn a page into an article, or say why it is none, within the sum of the three times and two starts.

        A page over which every process came to grief is `Failed` as crashed; the detail says how each try ended.
        Raises Unavailable when no process can be started.
        """
        how: list[str] = []
        for name, seconds in zip(("full", "cheap", "feed"), self._seconds, strict=True):
            given = replace(page, body=b"<p></p>", charset=None) if name == "feed" else page
            try:
                outcome = self._ask(entry, given, cheap=name != "full", seconds=seconds)
            except Exploded as exploded:
                how.append(f"{name}: {exploded}")
                continue
            if not how:
                return outcome
            if isinstance(outcome, Advanced) or (name == "cheap" and _is_sure(outcome)):
                return _after(outcome, how)
            how.append(f"{name}: {short_ending(outcome)}")
        return Failed(QuarantineReason.CRASHED, "; ".join(how))

    def try_rules(self, rules: ExtractRules, page: Page) -> tuple[RuleTried, ...]:
        """Say what each rule finds on a page. Raises Exploded for a page that gets no answer, Unavailable as above."""
        return self._answer((rules, page), _tried, self._seconds[0])

    def _ask(self, entry: Entry, page: Page, *, cheap: bool, seconds: float) -> Outcome[Article]:
        return self._answer((entry, page, cheap), _outcome, seconds)

    def _answer(self, request: object, read: Callable[[Answer], T], seconds: float) -> T:
        running = self._started()
        try:
            outcome = read(running.ask(pickle.dumps(request), seconds))
        except BaseException:  # Ctrl-C too: an answer that nobody waits for would be taken for the next page's
            self.close()
            raise
        if running.is_worn():
            self.close()
        return outcome

    def _started(self) -> "Helper":
        if self._helper is None or self._helper.owner != os.getpid():  # we were forked: it is our parent's
            self._helper = Helper(self._command or _command())
        return self._helper


class Helper:
    """A running process that reads pages. Its own constructor starts it."""

    def __init__(self, command: Sequence[str]) -> None:
        self.owner = os.getpid()
        self._read_since = 0  # bytes of pages since the last look at its size
        self._wire, theirs = socket.socketpair()
        with theirs:
            try:
                # a session of its own: Ctrl-C is for us, who may still want the page at work to end well
                self._process = subprocess.Popen(
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={},
                    close_fds=True,
                    start_new_session=True,
                )
            except OSError as error:
                self._wire.close()
                raise Unavailable(f"the process that reads pages cannot be started: {error}") from error
        #: Ends the process, at once. Whoever forgets to has it done when we are thrown away.
        self.end = weakref.finalize(self, _end, self.owner, self._process, self._wire)
        try:
            self._exchange(b"", START_S)
        except Exploded as error:
            self.end()
            raise Unavailable(f"the process that reads pages did not start: {error}") from error

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def is_worn(self) -> bool:
        """Whether it has grown so much that the next page might not find room. (A look costs: not after each page.)"""
        if self._read_since < LOOK_AFTER:
            return False
        self._read_since = 0
        return bool(psutil.Process(self.pid).memory_info().vms > WORN)

    def ask(self, request: bytes, seconds: float) -> Answer:
        """Return its answer. Raises Exploded when there is none in time, or none that can be understood."""
        self._read_since += len(request)
        answer = self._exchange(len(request).to_bytes(helper.HEAD) + request, seconds)
        try:
            return _ANSWER.validate_json(answer, strict=True)
        except ValidationError as error:
            raise Exploded(f"answered garbage: {error.errors()[0]['msg'][:100]}") from error

    def _exchange(self, request: bytes, seconds: float) -> bytes:
        """Send bytes, return the next frame."""
        deadline = time.monotonic() + seconds
        try:
            self._wire.settimeout(seconds)
            self._wire.sendall(request)
            found = self._read(b"", helper.HEAD, deadline)
            length = helper.HEAD + int.from_bytes(found[: helper.HEAD])
            if length > LONGEST:
                raise Exploded(f"answered garbage: a frame of {length - helper.HEAD} bytes")
            found = self._read(found, length, deadline)
        except TimeoutError:
            raise Exploded(f"no answer in {seconds:g} s") from None
        except ConnectionError:
            raise Exploded(self._death()) from None
        if len(found) > length:
            raise Exploded("answered garbage: more than one frame")
        return found[helper.HEAD :]

    def _read(self, found: bytes, length: int, deadline: float) -> bytes:
        """Return at least `length` bytes, of which some may have been found already."""
        parts = [found]
        missing = length - len(found)
        while missing > 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._wire.settimeout(left)
            part = self._wire.recv(_PART)
            if not part:
                raise ConnectionResetError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _death(self) -> str:
        """Say how the process ended, which has hung up."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "it hung up"
        if code >= 0:
            return f"its process ended with status {code}"
        return f"its process died of signal {-code} ({signal.strsignal(-code)})"


def _command() -> list[str]:
    # -I: neither the environment nor the working directory decides what is loaded; it finds what we find
    return [sys.executable, "-I", helper.__file__, str(os.getpid()), *sys.path]


def _end(owner: int, process: "subprocess.Popen[bytes]", wire: socket.socket) -> None:
    """Kill the process. In a fork of its owner: let it be."""
    wire.close()
    if owner == os.getpid():
        process.kill()
        process.wait()


def _outcome(answer: Answer) -> Outcome[Article]:
    if answer.advanced is not None:
        return Advanced(answer.advanced)
    outcome = answer.dropped or answer.failed
    if outcome is None:
        raise Exploded(answer.exploded[:200] or "answered nothing")
    return outcome


def _tried(answer: Answer) -> tuple[RuleTried, ...]:
    if answer.tried is None:
        failed = answer.failed.detail.rstrip().rpartition("\n")[2] if answer.failed else ""
        raise Exploded(answer.exploded[:200] or failed[:200] or "answered nothing")
    return answer.tried


def _is_sure(outcome: Outcome[Article]) -> bool:
    """Whether the cheap rungs may say that a page is no article. That it has no text they cannot know."""
    return isinstance(outcome, Dropped) and outcome.reason is not DropReason.NO_TEXT


def short_ending(outcome: Outcome[Any]) -> str:
    """Return an ending's reason and the last line of its detail (of a traceback: the error)."""
    if isinstance(outcome, Dropped | Deferred | Failed):
        last = outcome.detail.rstrip().rpartition("\n")[2]
        return f"{outcome.reason} ({last[:200]})" if last else str(outcome.reason)
    return type(outcome).__name__.lower()


def _after(outcome: Outcome[Article], how: list[str]) -> Outcome[Article]:
    """Return an outcome that says how the tries before it ended."""
    if isinstance(outcome, Advanced):
        return Advanced(replace(outcome.value, rung_why="; ".join([*how, outcome.value.rung_why])))
    if isinstance(outcome, Dropped):
        return replace(outcome, detail="; ".join([*how, short_ending(outcome)]))
    return outcome
