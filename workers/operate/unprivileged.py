"""Running a server that refuses to be root, as root: another account for its process, and nothing else changed.

No account is made, no folder that is not ours changes its mode or owner. Where folders on the way are closed to others
(a home of mode 0700), the process gets the one capability that leads through them.
"""

import pwd
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workers.domain.errors import StartError

#: An account that every Linux has.
NAME = "nobody"
#: Linux capability numbers, from capabilities(7) and linux/capability.h.
CAPABILITIES = {"dac_override": 1, "dac_read_search": 2}
INSTEAD = "start Wirewatch as an ordinary user, or set WIREWATCH_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server process is."""

    uid: int
    gid: int


def unprivileged() -> Account:
    """Return the account `nobody`.

    Raises StartError when there is none.
    """
    try:
        found = pwd.getpwnam(NAME)
    except KeyError as error:
        raise StartError(f"PostgreSQL refuses to run as root and there is no account {NAME!r}: {INSTEAD}") from error
    return Account(found.pw_uid, found.pw_gid)


def as_account(account: Account, *, binary: Path, folders: Iterable[Path], death_signal: str) -> list[str]:
    """Return the words in front of a command that make root's process the account's, and no more.

    `binary` is what will be started and `folders` where it works; they exist, and the folders are the account's or open
    to it: only the way to them may be closed. The process gets `death_signal` when its parent dies.

    Raises StartError when root here lacks the means.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StartError(
            f"PostgreSQL refuses to run as root, and setpriv (util-linux) is not there to change the account: {INSTEAD}"
        )
    words = [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--no-new-privs"]
    ways = {parent for path in (binary, *folders) for parent in path.absolute().parents}
    startable = _open(binary, account)
    if not startable or not all(_open(folder, account) for folder in ways):
        capability = _weakest_capability(startable=startable)
        words += [f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}"]
        # access(2), with which PostgreSQL looks for its own binary, ignores the capabilities of any uid but 0
        # unless this bit is set (Linux, fs/open.c, access_override_creds).
        words += ["--securebits=+no_setuid_fixup"]
    # Said to the setpriv that changes the account: the kernel forgets the signal when the account changes.
    return [*words, f"--pdeathsig={death_signal}"]


def _open(path: Path, account: Account) -> bool:
    """Whether the account may enter the folder, or read and start the file, going by owner and mode."""
    found = path.stat()
    needed = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else stat.S_IXOTH | stat.S_IROTH
    return found.st_uid == account.uid or found.st_mode & needed == needed


def _weakest_capability(*, startable: bool) -> str:
    """Return the smallest capability that leads through closed folders.

    `dac_read_search` lets read and enter what is closed; it does not start a closed binary, and the root of a container
    does not have it by default: there it is `dac_override`, which also lets write.
    """
    status = Path("/proc/self/status").read_text()
    held = int(status.partition("CapEff:")[2].split()[0], base=16)
    for name in ("dac_read_search", "dac_override") if startable else ("dac_override",):
        if held >> CAPABILITIES[name] & 1:
            return name
    raise StartError(f"root here may not enter folders that are closed to others (no CAP_DAC_OVERRIDE): {INSTEAD}")
