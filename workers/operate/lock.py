"""One system per data folder."""

import fcntl
import os
from pathlib import Path
from typing import IO

from workers.domain.errors import StartError, Unavailable


def claim(data: Path) -> IO[str]:
    """Take the data folder for this process and what it starts, and return the open lock file.

    The kernel lets go of the lock when the last process that has the file open is gone, however it ended.

    Raises Unavailable when another system runs on the folder, StartError when the folder cannot be written.
    """
    path = lock_path(data)
    while True:
        try:
            data.mkdir(parents=True, exist_ok=True)
            lock = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StartError(f"{data} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            lock.close()
            raise Unavailable(f"{data} is in use by another Wirewatch (pid {pid}): stop it first") from error
        # Whoever stopped in between removed the file that we locked: lock the one that has the name now.
        if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            break
        lock.close()
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def release(data: Path, lock: IO[str]) -> None:
    """Remove the lock file and let go of it, in this order: `claim` checks for that."""
    lock_path(data).unlink(missing_ok=True)
    lock.close()


def lock_path(data: Path) -> Path:
    """Return the name of the lock file."""
    return data / "lock"


def holder(data: Path) -> int | None:
    """Return the process id of the system that runs on the folder, None when none does."""
    try:
        with lock_path(data).open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return None  # nobody holds it: what a crash left behind
    except BlockingIOError:
        return int(lock_path(data).read_text(encoding="utf-8").strip() or 0) or None
    except FileNotFoundError:
        return None
