"""Signs of life: when a worker last took something from each of its queues, kept as the times of files.

Files and not rows: a worker can show that it consumes while the store is away, and whoever replaces it stands beside
it, on the same machine or in the same container. The times are of the monotonic clock, which all processes of a machine
share: nobody is replaced because somebody has set the clock.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic

import psutil

#: A check that comes later than so many of its periods was away itself, and has to listen anew.
LATE = 2.5
#: Beside the queues: when somebody last looked.
LOOKED = "looked"


def begin(data: Path, service: str, queues: Iterable[str]) -> None:
    """Make the signs of a worker service of this process: the count begins now. One of a kind in a data folder."""
    folder = _folder(data, service)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pid").write_text(str(os.getpid()), encoding="utf-8")
    for queue in queues:
        (folder / queue).touch()
    renew(data, service, queues)


def give(data: Path, service: str, queue: str, *, ahead_s: float = 0) -> None:
    """Say that something was just taken from a queue, and that the next may be so long after it.

    Nothing happens where nobody has begun: nobody looks there.
    """
    now = monotonic() + ahead_s
    with suppress(FileNotFoundError):
        os.utime(_folder(data, service) / queue, (now, now))


def renew(data: Path, service: str, queues: Iterable[str], *, ahead_s: float = 0) -> None:
    """Let the count of each queue begin again, now or after so many seconds."""
    for queue in queues:
        give(data, service, queue, ahead_s=ahead_s)


def looked(data: Path, service: str) -> float | None:
    """Return how many seconds ago somebody last looked, None for never; from now on it is now."""
    mark = _folder(data, service) / LOOKED
    before = _ago(mark)
    if _folder(data, service).exists():
        mark.touch()
        give(data, service, LOOKED)
    return before


def heard(data: Path, service: str, queues: Iterable[str]) -> dict[str, float]:
    """Return how many seconds ago each queue gave its last sign; nothing for those that nobody has begun."""
    found = {queue: _ago(_folder(data, service) / queue) for queue in queues}
    return {queue: ago for queue, ago in found.items() if ago is not None}


def may_judge(*, taken: bool, looked_ago_s: float | None, period_s: float) -> bool:
    """Return whether silence means anything: Redis took the canaries, and the last look was a period ago.

    A time of another boot of the machine lies ahead, or anywhere: whoever begins after it makes the signs anew.
    """
    return taken and looked_ago_s is not None and 0 <= looked_ago_s <= LATE * period_s


def silent(heard_ago_s: Mapping[str, float], *, silence_s: float) -> list[str]:
    """Return the queues from which nothing was taken for `silence_s` seconds."""
    return [queue for queue, ago in heard_ago_s.items() if ago > silence_s]


def kill(data: Path, service: str) -> bool:
    """Kill the worker that gives these signs, with all that it started; return whether there was one.

    SIGKILL also ends what is stopped or hangs in C. Whoever supervises it starts it again.
    """
    try:
        parent = psutil.Process(int((_folder(data, service) / "pid").read_text(encoding="utf-8")))
        if f"{service}@" not in " ".join(parent.cmdline()):  # it is gone, and its number is somebody else's
            return False
        family = [parent, *parent.children(recursive=True)]
    except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
        return False
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    return True


def _folder(data: Path, service: str) -> Path:
    return data / "signs" / service


def _ago(path: Path) -> float | None:
    try:
        return monotonic() - path.stat().st_mtime
    except FileNotFoundError:
        return None
