"""What the embedded servers share: private folders, short socket paths, and binaries inside wheels."""

import hashlib
import os
import stat
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep  # noqa: TID251  (waits for a process, which sends no event)

from workers.domain.errors import StartError, Unavailable

#: `sun_path` of unix(7) has 108 bytes, of which the last is the closing NUL.
SOCKET_PATH_MAX = 107
#: Room below the runtime folder for the longest socket name in it, `postgres/.s.PGSQL.5432` (23 bytes with the slash),
#: and for `supervisor.sock.<pid>`, which supervisord binds before it renames.
SOCKET_NAME_MAX = 32
#: How often a starting server is asked whether it is ready: PostgreSQL needs about 0.1 s, Redis 0.02 s.
ASK_EVERY_S = 0.02


def runtime_path(base: Path, data: Path) -> Path:
    """Return the folder for the sockets of the system that keeps its data in `data`.

    Sockets cannot live in the data folder itself: their path is limited to 107 bytes. The name is the same for each
    start on the same data (`<base>/wirewatch-<uid>-<8 hex of sha256 of the resolved path>`), so that what a crash left
    behind is found again, and differs between data folders and between users.

    Raises StartError when `base` is so long that no socket below it could be bound.
    """
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:8]
    folder = base / f"wirewatch-{os.getuid()}-{digest}"
    if len(os.fsencode(folder)) + SOCKET_NAME_MAX > SOCKET_PATH_MAX:
        raise StartError(
            f"{base} is too long a path for unix sockets (limit {SOCKET_PATH_MAX} bytes): "
            "point XDG_RUNTIME_DIR or TMPDIR to a shorter folder"
        )
    return folder


def private_folder(folder: Path) -> None:
    """Make `folder` (0700) with its missing parents, or check that the existing one is a folder of our own.

    Below a shared folder such as /tmp somebody else may have made it first: a symlink, or a folder of another user,
    would hand our sockets to them, so both are refused. A folder of ours that others may list or write is closed again.

    Raises StartError, naming the folder.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise StartError(f"{folder} is not a folder but a link or a file: remove it")
        if found.st_uid != os.getuid():
            raise StartError(f"{folder} belongs to another user (uid {found.st_uid}): remove it")
        if found.st_mode & 0o066:  # mere search is left: root's PostgreSQL, another account, passes through
            folder.chmod(0o700)
    except FileExistsError as error:
        raise StartError(f"{error.filename} is not a folder but a link or a file: remove it") from error
    except OSError as error:
        raise StartError(f"{folder} cannot be made: {error.strerror}") from error


def package_folder(package: str) -> Path | None:
    """Return the folder of an installed package without importing it, or None when it is not installed."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def wait_until_ready(name: str, attempt: Callable[[], None], errors: type[Exception], timeout_s: float) -> None:
    """Call `attempt` until it no longer raises `errors`, for at most `timeout_s` seconds.

    Raises Unavailable with the last answer of the server when the time is up.
    """
    deadline = monotonic() + timeout_s
    while True:
        try:
            attempt()
        except errors as error:
            if monotonic() >= deadline:
                raise Unavailable(f"{name} was not ready within {timeout_s:g} s: {error}") from error
            sleep(ASK_EVERY_S)
        else:
            return
