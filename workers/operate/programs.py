"""What is kept running, and how that is said to supervisord. Pure."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from workers.domain.errors import StartError

#: Logs are for looking at what happened lately: no program fills more than 40 MB of disk.
LOG_BYTES = 10_000_000
LOG_BACKUPS = 3
#: More failed starts than will ever happen, so that supervisord never gives up. After the n-th failed start it waits n
#: seconds (supervisor 4.3.0, process.py, change_state): 1, 2, 3 ... so about one start in 85 s after an hour, in 7 min
#: after a day. A program that stayed up for `start_s` and then ended is started again at once.
START_RETRIES = 1_000_000
#: What ends a line of the file, or turns the rest of it into a comment.
_BREAKS = re.compile(r"[\r\n]|\s[;#]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program to keep running.

    Programs start in ascending `start_order` and stop in descending order; those of one order stop together.
    The stop signal goes to the process alone, so that a parent of a pool can end its children in peace (a SIGTERM ends
    a Celery pool process in the middle of its task); with `stop_group` it goes to all of them. After `stop_wait_s`
    whatever is left of the group is killed.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_group: bool = False
    stop_wait_s: int = 10
    #: Must stay up so long (seconds) to count as started, or the next try comes after a longer pause. supervisord may
    #: notice an end one second late (its poll), so 1 would take what fails at once for started; our slowest programs
    #: fail within 3 s when they cannot import or bind.
    start_s: int = 5
    start_order: int = 100
    autostart: bool = True


def socket_path(runtime: Path) -> Path:
    """Return where supervisord listens."""
    return runtime / "supervisor.sock"


def group_name(order: int) -> str:
    """Return the name of the group of the programs of one start order."""
    return f"order{order}"


def render_config(
    programs: Iterable[Program], *, runtime: Path, logs: Path, user: int | None, setpriv: str | None
) -> str:
    """Return the configuration of supervisord.

    `user` is the uid to name when we are root (else None): supervisord warns when root is meant but not said. With
    `setpriv` (its path) each program gets its stop signal when supervisord dies, whatever killed it.

    Raises StartError when a value cannot be written in the format.
    """
    ordered = sorted(programs, key=lambda program: (program.start_order, program.name))
    sections = [
        "[unix_http_server]",
        f"file={_value(socket_path(runtime))}",
        "chmod=0700",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_value(logs / 'supervisord.log')}",
        f"logfile_maxbytes={LOG_BYTES}",
        f"logfile_backups={LOG_BACKUPS}",
        f"pidfile={_value(runtime / 'supervisord.pid')}",
        f"childlogdir={_value(logs)}",
        "umask=077",
        *([f"user={user}"] if user is not None else []),
    ]
    for program in ordered:
        sections += ["", *_program_section(program, logs, setpriv)]
    # supervisord stops group after group and waits for each; inside a group all are stopped at once.
    for order, group in groupby(ordered, key=lambda program: program.start_order):
        names = ",".join(program.name for program in group)
        sections += ["", f"[group:{group_name(order)}]", f"programs={names}", f"priority={order}"]
    return "\n".join([*sections, ""])


def _program_section(program: Program, logs: Path, setpriv: str | None) -> list[str]:
    death = [] if setpriv is None else [setpriv, f"--pdeathsig={program.stop_signal}"]
    log = logs / f"{program.name}.log"
    environment = ",".join(_assignment(name, value) for name, value in sorted(program.environment.items()))
    return [
        f"[program:{program.name}]",
        f"command={_command([*death, *program.command])}",
        *([f"environment={environment}"] if environment else []),
        f"autostart={str(program.autostart).lower()}",
        "autorestart=true",
        f"startsecs={program.start_s}",
        f"startretries={START_RETRIES}",
        f"priority={program.start_order}",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_wait_s}",
        f"stopasgroup={str(program.stop_group).lower()}",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_value(log)}",
        f"stdout_logfile_maxbytes={LOG_BYTES}",
        f"stdout_logfile_backups={LOG_BACKUPS}",
    ]


def _value(text: object) -> str:
    """Return a value in the form of the file: % doubled; what would break off the line is refused."""
    value = str(text)
    if _BREAKS.search(value):
        raise StartError(
            f"supervisord cannot be given the value {value!r}: a line break, or a comment sign after a space"
        )
    return value.replace("%", "%%")


def _command(words: Sequence[str]) -> str:
    """Return the words quoted for supervisord, which reads them with shlex after its file reader cut off comments."""
    # A blank before ; or # stands inside quotes here: closing and opening them keeps the two apart for the file reader.
    return _value(re.sub(r"(\s)([;#])", r"\1''\2", shlex.join(words)))


def _assignment(name: str, value: str) -> str:
    """Return one variable of the environment; the reader knows no escapes and strips quotes of both kinds at the ends.

    The value is not shown when it is refused: it may be a password.
    """
    quote = '"' if '"' not in value else "'"
    if quote in value or value != value.strip("'\"") or _BREAKS.search(value):
        raise StartError(
            f"supervisord cannot be given the value of {name}: it has quotes of both kinds or at an end, "
            "a line break, or a comment sign (; #) after a space"
        )
    return f"{name}={quote}{value.replace('%', '%%')}{quote}"
