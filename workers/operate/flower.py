"""Flower's settings: on loopback, with basic auth, read-only, nothing pickled (RELIABILITY.md Q24)."""

import os
import secrets
from pathlib import Path

from workers.domain.errors import StartError


def flower_config(file: Path, *, host: str, port: int, user: str, password: str) -> None:
    """Write Flower's configuration file, readable by its owner alone: it holds the password."""
    settings = {
        "address": host,
        "port": port,
        "basic_auth": [f"{user}:{password}"],
        "read_only": True,
        "persistent": False,  # its store is a pickle
        "max_tasks": 10_000,
        # ms; workers are asked once, when Flower starts: one that is slower is missing from the queues until a refresh.
        # A float: with an int Flower ends at once, and is started again for ever
        "inspect_timeout": 15_000.0,
        "natural_time": True,
    }
    _write_private(file, "".join(f"{name} = {value!r}\n" for name, value in settings.items()))


def kept_password(file: Path) -> str:
    """Return the password in `file`; make one there the first time."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(18)
        _write_private(file, password + "\n")
        return password
    except OSError as error:
        raise StartError(f"{file} cannot be read: {error.strerror}") from error


def _write_private(file: Path, text: str) -> None:
    try:
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        raise StartError(f"{file} cannot be written: {error.strerror}") from error
