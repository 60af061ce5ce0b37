"""What every test shares: no network but loopback, a clean environment, real servers started once."""

import contextlib
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine

from tests.clocks import Clock
from workers.operate.embedded import runtime_path
from workers.operate.embedded_postgres import PostgresServer
from workers.operate.embedded_redis import RedisServer
from workers.store.engine import make_engine
from workers.store.migrate import migrate

# Our own variables must not leak into tests, whoever runs them. Before anything of ours is imported by a test.
for name in [name for name in os.environ if name.startswith("WIREWATCH_")]:
    del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which a few tests run with the times and sizes of production."""
    parser.addoption("--full-length", action="store_true", help="with the times and sizes of production")


@pytest.fixture(scope="session")
def full_length(request: pytest.FixtureRequest) -> bool:
    """Whether a proof runs with the times and sizes of production, or with ones that `make test` has room for."""
    return bool(request.config.getoption("--full-length"))


class OutsideWorldError(AssertionError):
    """A test tried to leave the loopback."""


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[list[Any]]:
    """Refuse every connection that would leave this machine, and record what was tried."""
    tried: list[Any] = []
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}

    def guarded(name: str) -> Any:
        def call(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
                tried.append(address)
                raise OutsideWorldError(f"a test tried to reach {address}")
            return real[name](self, *arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(socket.socket, name, guarded(name))
        yield tried


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Servers:
    """The embedded servers of the test session."""

    postgres: PostgresServer
    redis: RedisServer

    def database_url(self, name: str) -> str:
        return self.postgres.url.replace("/wirewatch?", f"/{name}?")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL and Redis of our own wheels, with the schema in a template database that tests clone."""
    data = tmp_path_factory.mktemp("servers")
    runtime = runtime_path(Path("/tmp"), data)
    postgres, redis = PostgresServer(data, runtime), RedisServer(data, runtime)
    postgres.prepare()
    redis.prepare()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, runtime)
        # nobody will miss these data after a power cut, and a database a test is cloned ten times as fast
        careless = ["-c", "fsync=off", "-c", "full_page_writes=off"]
        for command, stop in (([*postgres.command(), *careless], signal.SIGINT), (redis.command(), signal.SIGTERM)):
            log = stack.enter_context((data / "servers.log").open("ab"))
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.send_signal, stop)
        postgres.wait_ready(60)
        redis.wait_ready(60)
        engine = make_engine(postgres.url, role="tests")
        migrate(engine)
        engine.dispose()
        yield Servers(postgres, redis)


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """A database of this test's own, with the newest schema."""
    name = f"test_{uuid4().hex}"
    with _admin(servers) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE wirewatch OWNER wirewatch STRATEGY file_copy")
    yield servers.database_url(name)
    with _admin(servers) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the test's own database."""
    made = make_engine(database_url, role="test")
    yield made
    made.dispose()


@pytest.fixture
def clock(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this test's database and of the steps, to be moved: see tests/clocks.py."""
    made = Clock(engine)
    made.install()
    monkeypatch.setattr("workers.bootstrap.utc_now", made.now)
    return made


@contextlib.contextmanager
def _admin(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    url = servers.database_url("template1").replace("postgresql+psycopg://wirewatch@", "postgresql://postgres@")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
