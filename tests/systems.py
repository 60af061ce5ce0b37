"""Whole systems for tests: the real `wirewatch` command in a process of its own."""

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
import structlog
from rich.console import Console, ConsoleDimensions
from sqlalchemy import NullPool, create_engine

from tests.waiting import wait_until
from workers.cli.endings import told_in_words
from workers.cli.main import command
from workers.operate.embedded import runtime_path
from workers.operate.embedded_postgres import PostgresServer
from workers.store.overview import Overview, overview

REPOSITORY = Path(__file__).parent.parent
#: Links that the sample newsroom's feeds carry.
SAMPLE_LINKS = 48
COMMAND = [sys.executable, "-m", "workers.cli"]


def environment(**settings: object) -> dict[str, str]:
    """Return the environment of a newcomer, with these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WIREWATCH_", "PYTEST_"))}
    return clean | {f"WIREWATCH_{name.upper()}": str(value) for name, value in settings.items()}


def wirewatch(*words: str, stdin: str = "", **settings: object) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*COMMAND, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(**settings) | {"COLUMNS": "200"},
        cwd=REPOSITORY,
        check=False,
    )


def run_here(*words: str, stdin: str = "", **settings: object) -> subprocess.CompletedProcess[str]:
    """Run one command to its end in this process, which has loaded the program: for what a command answers.

    The same words go through the same parser and endings (`workers.cli.main`), with real files and servers. What only
    a process of its own shows is for `wirewatch`: at least one test of each family of commands starts one.
    """
    made = command(words)
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code: object = 0
    with pytest.MonkeyPatch.context() as patch, logging_as_before():
        patch.chdir(REPOSITORY)
        for name, value in environment(**settings).items():
            patch.setenv(name, value)
        # a console keeps the width that it was made with, perhaps by another test
        patch.setattr(Console, "size", property(lambda _: ConsoleDimensions(200, 25)))
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            with told_in_words():
                made(list(words), prog_name="wirewatch")
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(words, code, *(_written(stream) for stream in (out, err)))


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Take back what a command says of the logging of its process."""
    root, ours = logging.getLogger(), structlog.get_config() if structlog.is_configured() else None
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        if ours is not None:
            structlog.configure(**ours)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


@dataclass
class RunningSystem:
    """A system that was started with `wirewatch run` or `wirewatch demo`."""

    words: tuple[str, ...]
    data: Path
    settings: dict[str, object] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        self.said = self.data.parent / f"{self.data.name}.out"
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, *self.words, "--data-dir", str(self.data)],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env=environment(**self.settings) | {"COLUMNS": "400"},
                cwd=REPOSITORY,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    @property
    def output(self) -> str:
        return self.said.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self) -> Self:
        """Wait until the addresses are printed."""
        wait_until(lambda: self.has_ended or "Ctrl-C stops everything" in self.output, 60, "the system's start")
        assert not self.has_ended, self.output
        return self

    def address(self, of: str) -> str:
        found = re.search(rf"^{of}\s+(http://[\d.]+:\d+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    @property
    def has_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def wait_end(self, timeout_s: float) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def tree(self) -> list[psutil.Process]:
        """Return every process of the system."""
        assert self.process is not None
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def of_service(self, words: str) -> list[psutil.Process]:
        """Return the processes whose command line holds these words."""
        return [one for one in self.tree() if words in " ".join(_line(one))]

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send one signal to the command alone and wait for its end."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def leftovers(self) -> list[str]:
        """Return processes, sockets and locks that a stopped system has left behind."""
        found = [str(path) for path in (self.data / "lock", self.runtime) if path.exists()]
        mark = str(self.data)
        for one in psutil.process_iter():
            line = " ".join(_line(one))
            if mark in line or str(self.runtime) in line:
                found.append(f"process {one.pid}: {line}")
        return found

    @property
    def runtime(self) -> Path:
        return runtime_path(Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp"), self.data.resolve())

    def ask(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a looking command on this system."""
        return wirewatch(*words, stdin=stdin, **(self.settings | {"data_dir": self.data} | self.own_settings))

    own_settings: dict[str, object] = field(default_factory=dict)

    def seen(self) -> Overview:
        """Return what `wirewatch status` tells of the store, to wait for something: that command costs a second."""
        engine = create_engine(PostgresServer(self.data.resolve(), self.runtime).url, poolclass=NullPool)
        return overview(engine)

    def status(self) -> dict[str, Any]:
        answer = self.ask("status", "--json")
        assert answer.returncode == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
