"""A whole system with default limits on a newsroom that always has news, and stores that can be taken away."""

import shutil
import signal
import xmlrpc.client
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal, get_args

import psutil
import psycopg
import redis
from supervisor.xmlrpc import SupervisorTransport

from config.sources import SourceSpec
from config.sources_edit import add_sources
from tests.systems import RunningSystem
from tests.waiting import wait_until
from workers.cli.chaos import begin, newsroom
from workers.operate.chaos.newsroom import host_of, sources

HOSTS = 50
#: So long a recovery is watched when it is over.
SETTLE_S = 2.0
OURS = ("worker-io", "worker-cpu", "relay", "api", "beat", "flower")
Store = Literal["redis", "postgres"]
STORES = get_args(Store)
#: SIGSTOP and SIGCONT; SIGKILL, or the signal of an orderly stop, and the start held back.
Way = Literal["stop", "kill", "terminate"]

#: Writes down each run of a tick that the system itself only remembers the last of.
TICKS = """
CREATE TABLE tick_log (name text NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION log_tick() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO tick_log VALUES (NEW.name, NEW.last_at); RETURN NULL; END $$;
CREATE TRIGGER log_tick AFTER INSERT OR UPDATE ON tick FOR EACH ROW EXECUTE FUNCTION log_tick();
CREATE TABLE poll_log (at timestamptz NOT NULL);
CREATE FUNCTION log_poll() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO poll_log VALUES (now()); RETURN NULL; END $$;
CREATE TRIGGER log_poll AFTER UPDATE OF lease_token ON source FOR EACH ROW
  WHEN (NEW.lease_token IS NOT NULL) EXECUTE FUNCTION log_poll();
"""


@dataclass(frozen=True)
class Recovery:
    """One outage and what came after it. Times in seconds."""

    store: Store
    way: Way
    away_s: float
    took_s: float  # from the first answer to an article that was discovered after it and came out at the end
    ticks: dict[str, int]  # runs in that time, and `SETTLE_S` more
    polls: list[float]  # seconds after the first answer

    def __str__(self) -> str:
        return f"{self.store} {self.way} {self.away_s:g} s: {self.took_s:.1f} s; {self.ticks}, {len(self.polls)} polls"


class Observed:
    """A running system, and hands on its stores."""

    def __init__(self, system: RunningSystem) -> None:
        self.system = system

    def _ask(self, method: str, *arguments: object) -> Any:
        """Ask the supervisor, beside the command that runs it."""
        transport = SupervisorTransport(None, None, f"unix://{self.system.runtime / 'supervisor.sock'}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def sql(self, query: str, *values: object) -> list[Any]:
        """Ask the database."""
        where = {"host": str(self.system.runtime / "postgres"), "dbname": "wirewatch", "user": "wirewatch"}
        with psycopg.connect(**where, connect_timeout=5, autocommit=True) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def pids(self, *names: str) -> dict[str, int]:
        """Return the processes of programs."""
        found = {one["name"]: one["pid"] for one in self._ask("getAllProcessInfo")}
        return {name: found[name] for name in names}

    def family(self, name: str) -> list[psutil.Process]:
        """Return a program's process and all that it has started."""
        parent = psutil.Process(self.pids(name)[name])
        return [parent, *parent.children(recursive=True)]

    def answers(self, store: Store) -> bool:
        """Return whether a store can be used."""
        try:
            if store == "postgres":
                return bool(self.sql("SELECT 1"))
            with redis.Redis(unix_socket_path=str(self.system.runtime / "redis.sock"), socket_timeout=1) as client:
                return bool(client.ping())
        except (psycopg.Error, redis.RedisError):
            return False

    @contextmanager
    def without(self, name: str, way: str) -> Iterator[None]:
        """Take a program away, in a `Way`."""
        program = f"order{1 if name in STORES else 2}:{name}"
        family = self.family(name)
        for one in family:
            one.suspend()
        try:
            if way != "stop":
                self._ask("stopProcess", program, False)  # so that it is not started again at once
            if way == "kill":
                family[0].kill()
            if way != "stop":
                for one in family:
                    with suppress(psutil.NoSuchProcess):
                        one.resume()
                wait_until(lambda: not self.pids(name)[name], 40, f"{name} is gone")
            yield
        finally:
            if way == "stop":
                for one in family:
                    one.resume()
            else:
                self._ask("startProcess", program, False)

    def outage(self, store: Store, way: Way, away_s: float) -> Recovery:
        """Take a store away for so long, and measure how the system goes on afterwards."""
        with self.without(store, way):
            until = monotonic() + away_s
            wait_until(lambda: monotonic() >= until, away_s + 5)
        wait_until(lambda: self.answers(store), 60, f"{store} answers again")
        back, returned = monotonic(), self.sql("SELECT clock_timestamp()")[0][0]
        fresh = (
            "SELECT count(*) FROM change JOIN entry ON entry.id = entry_id WHERE seq IS NOT NULL AND discovered_at > %s"
        )
        wait_until(lambda: self.sql(fresh, returned)[0][0], 120, f"news goes through after {store} {way} {away_s:g} s")
        took = monotonic() - back
        until = monotonic() + SETTLE_S
        wait_until(lambda: monotonic() >= until, 10)
        ticks = dict(self.sql("SELECT name, count(*) FROM tick_log WHERE at >= %s GROUP BY name", returned))
        polls = self.sql("SELECT extract(epoch FROM at - %s) FROM poll_log WHERE at >= %s", returned, returned)
        return Recovery(store, way, away_s, took, ticks, [float(one[0]) for one in polls])


@contextmanager
def observed(folder: Path, *, seconds: float, **settings: object) -> Iterator[Observed]:
    """Run the whole system, as `wirewatch run` does, with news for so many seconds."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        port = stack.enter_context(newsroom(int(2 * seconds), seconds))
        watched = folder / "sources.yaml"
        watched.write_text("version: 1\nsources: []\n", encoding="utf-8")
        add_sources(watched, [SourceSpec.from_domain(one) for one in sources(HOSTS, port)])
        usual: dict[str, object] = {
            "sources_file": watched,
            "allow_addresses": ",".join(f"{host_of(index)}:{port}" for index in range(HOSTS)),
            "host_delay_s": 0,
            "poll_min_s": 5,
            "poll_interval_s": 5,
            "poll_max_s": 10,
            "revisit_after_s": "",
            "api_port": 0,
            "flower_port": 0,
        }
        system = stack.enter_context(RunningSystem(("run",), folder / "data", usual | settings))
        wait_until(lambda: system.has_ended or "Ctrl-C stops everything" in system.output, 120, "the system's start")
        assert not system.has_ended, system.output
        made = Observed(system)
        made.sql(TICKS)
        begin(port)
        wait_until(lambda: made.sql("SELECT count(*) FROM change WHERE seq IS NOT NULL")[0][0], 60, "news goes through")
        yield made
    shutil.rmtree(folder)


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each of these processes that is still there."""
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(number)
