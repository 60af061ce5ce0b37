"""How much memory the system takes, process by process."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_INTERPRETER = re.compile(r"^python[0-9.]*$")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessMemory:
    """The memory of one process, in bytes."""

    name: str
    pid: int
    rss_bytes: int  #: resident, pages shared with others counted in full
    pss_bytes: int | None  #: resident, a page shared by n processes counted as 1/n; None where it cannot be read


def measure(root_pid: int) -> list[ProcessMemory]:
    """Return the memory of a process and all its descendants, parents first.

    Sums should be made of `pss_bytes`: in `rss_bytes` PostgreSQL's shared buffers and the pages of forked workers count
    once for each process. Processes that end meanwhile are left out; with no process `root_pid` the list is empty.
    """
    try:
        root = psutil.Process(root_pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    found = []
    for process in tree:
        try:
            line = process.cmdline()
            found.append(
                ProcessMemory(
                    name=role(line) if line else process.name(),
                    pid=process.pid,
                    rss_bytes=process.memory_info().rss,
                    pss_bytes=_pss(process.pid),
                )
            )
        except psutil.NoSuchProcess:
            continue
    return found


def role(command: Sequence[str]) -> str:
    """Return what a process is for, from its command line: `postgres: checkpointer`, `celery worker fetch`, `flower`.

    Programs that write a title over their command line (PostgreSQL, Redis) are named by it.
    """
    words = [word for part in command for word in part.split(" ") if word]
    if not words:
        return "?"
    if words[0] == "postgres:":
        return " ".join(words[:2] if words[1:2] == ["wirewatch"] else words)
    if _INTERPRETER.match(Path(words[0]).name):
        words = _program(words[1:]) or words
    name = Path(words[0]).name.rstrip(":").removesuffix(".py").rpartition(".")[2]
    if name == "celery":
        verb = next((w for w in words[1:] if w in {"worker", "beat", "flower", "events"}), "")
        return " ".join(filter(None, ["celery", verb, _option(words, "-Q", "--queues")]))
    if name == "wirewatch":
        return " ".join(["wirewatch", *(w for w in words[1:2] if not w.startswith("-"))])
    return name


def _program(words: list[str]) -> list[str]:
    """Return the words from the script or module on that an interpreter runs."""
    rest = iter(enumerate(words))
    for position, word in rest:
        if word == "-m":
            return words[position + 1 :]
        if word == "-c":
            return ["python"]
        if word in {"-W", "-X"}:
            next(rest, None)  # its value
        elif not word.startswith("-"):
            return words[position:]
    return []


def _option(words: list[str], short: str, long: str) -> str:
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if word in {short, long}:
            return value
        if word.startswith(f"{long}="):
            return word.removeprefix(f"{long}=")
    return ""


def _pss(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None  # not Linux, not ours, or gone
    kilobytes = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(kilobytes[1]) * 1024 if kilobytes else None
