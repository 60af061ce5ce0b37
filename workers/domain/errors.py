"""Every error that a person may see.

WirewatchError
├── ConfigError      what an operator wrote cannot be used (exit 78)
├── StartError       a port, folder or server cannot be used (exit 78)
├── Unavailable      something does not answer now, and may later (exit 75)
└── FetchFailed      no usable answer came (workers/domain/ports.py); an ending of the path
"""

from dataclasses import dataclass
from pathlib import Path

#: `EX_TEMPFAIL` of `sysexits.h`: "the user is invited to retry".
EXIT_UNAVAILABLE = 75
#: `EX_CONFIG` of sysexits.h: "something was found in an unconfigured or misconfigured state".
EXIT_CONFIG = 78


class WirewatchError(Exception):
    """Something went wrong in a way that has a name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong in a file that an operator edits."""

    file: Path | str
    message: str
    line: int | None = None  # 1-based
    field: str | None = None

    def __str__(self) -> str:
        where = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.message}" if self.field is None else f"{where}: {self.field}: {self.message}"


class ConfigError(WirewatchError):
    """A settings, source or topic file cannot be used; each problem names file, line and field."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class StartError(WirewatchError):
    """Something outside (a port, a folder, a server) keeps the system from starting; the message says what to do."""


class Unavailable(WirewatchError):  # noqa: N818  (what it is, for whoever restarts us)
    """Something does not answer, or not in time. Nothing to edit: whoever supervises us should try again."""
