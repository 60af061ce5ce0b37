"""Starts the whole system as one supervised process tree, in order, and says how far it is."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep  # noqa: TID251  (waits for a process, which sends no event)

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings, changed, inherited_environment
from config.sources import load_sources
from config.topics import load_topics
from workers.addresses import check_redis, database_url, embedded, located
from workers.bootstrap import Steps, check_keys
from workers.domain.errors import ConfigError, Problem, StartError, Unavailable
from workers.operate.embedded import runtime_path
from workers.operate.programs import Program
from workers.operate.supervisor import Supervisor
from workers.pipeline import Service
from workers.store.engine import make_engine
from workers.store.halves import Half
from workers.store.notes import write_note
from workers.store.outage import is_away
from workers.store.webhooks import any_webhook
from workers.telemetry import configure_logging, event

#: Who runs, in the order in which they are started; the last are stopped first. `push` waits for a subscription.
SERVICES = {
    "worker-io": ["worker", "io"],
    "worker-cpu": ["worker", "cpu"],
    "relay": ["worker", "relay"],
    "push": ["push"],
    "api": ["api"],
    "beat": ["beat"],
    "flower": ["flower"],
}
#: 60 MB that most never need: started as soon as somebody is subscribed, which is looked for so often.
PUSH, LOOK_S = "push", 3.0
START_TIMEOUT_S = 60.0
#: The longest step in order is a fetch: 10 s until its host's turn and 30 s for the page. One that takes longer hangs.
STOP_WAIT_S = 45
#: Flower keeps nothing, and after its start its threads wait for workers' answers for 15 s.
FLOWER_STOP_WAIT_S = 1
STORES, WORKERS = 1, 2


@dataclass(frozen=True, slots=True)
class System:
    """A running system."""

    settings: Settings  # with every address filled in
    supervisor: Supervisor

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://{_host(self.settings.api_host)}:{self.settings.api_port}"

    @property
    def flower_url(self) -> str:
        """Where Flower answers."""
        return f"http://{_host(self.settings.flower_host)}:{self.settings.flower_port}"

    def troubles(self) -> list[str]:
        """Return programs that are not running, with the end of what they said."""
        return [
            f"{state.name} is {state.state}: {self.supervisor.tail(state.name, 600).strip()[-600:]}"
            for state in self.supervisor.states().values()
            if state.state not in {"RUNNING", "STARTING"} and (state.name, state.state) != (PUSH, "STOPPED")
        ]


@contextmanager
def running(settings: Settings, say: Callable[[str], None]) -> Iterator[System]:
    """Start everything, yield, stop everything: afterwards no process, socket or lock is left.

    Raises ConfigError or StartError for what an operator can put right, before anything is started; Unavailable when
    another system still runs there, or a server does not come up in time.
    """
    from workers.store.migrate import migrate  # alembic takes a sixth of a second to load

    configure_logging("launch", "warning")
    check_redis(settings)
    check_files(settings)
    data = settings.data_dir.resolve()
    runtime = runtime_path(settings.runtime_base, data)
    with Supervisor(data=data, runtime=runtime, logs=data / "logs") as supervisor:
        # after the lock is ours: what an earlier system listened on is free again
        settings = with_ports(settings)
        postgres, broker = embedded(settings)
        full = located(settings)
        if postgres is not None:
            say("preparing PostgreSQL")
            postgres.prepare()
        if broker is not None:
            broker.prepare()
        stores = []
        if postgres is not None:
            # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave
            stores.append(
                Program(
                    name="postgres", command=postgres.command(), stop_signal="INT", start_order=STORES, stop_wait_s=30
                )
            )
        if broker is not None:
            stores.append(Program(name="redis", command=broker.command(), start_order=STORES))
        supervisor.start([*stores, *programs(full)], environment=inherited_environment())
        say("waiting for PostgreSQL and Redis")
        if postgres is not None:
            postgres.wait_ready(START_TIMEOUT_S)
        if broker is not None:
            broker.wait_ready(START_TIMEOUT_S)
        say("bringing the database to this program's schema")
        engine = make_engine(database_url(full), role="launch")
        # on a database of its own nobody else can be running; on a shared one older programs may
        migrate(engine, None if postgres is not None else Half.PRE)
        engine.dispose()
        check_keys(full)
        steps = Steps(full)
        steps.take_up_sources()  # its topics the first sweep looks at
        system = System(full, supervisor)
        write_note(steps.engine, "api", system.api_url)
        write_note(steps.engine, "flower", system.flower_url)
        steps.close()
        say("starting workers, relay, API, beat and Flower")
        for name in SERVICES:
            if name != PUSH:
                supervisor.start_program(name)
        _wait_for_api(system)
        with watched(full), pushed(full, supervisor):
            yield system
        say("stopping")


def check_files(settings: Settings) -> None:
    """Read every file that an operator edits. Raises ConfigError with all of their problems at once."""
    from workers.classify.probability.model import model_at

    problems: list[Problem] = []
    reads: tuple[Callable[[], object], ...] = (
        lambda: load_sources(settings.sources_file),
        lambda: load_topics(settings.topics_dir),
        lambda: model_at(settings.model),
    )
    for read in reads:
        try:
            read()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)


#: glibc keeps a heap a thread (8 a core by default) and gives none back: two are enough for processes of few threads.
#: And it takes blocks of up to 32 MB from them once it has seen one: with pages of 10 MB, a worker fragments to twice
#: its size (`tests/integration/test_memory_of_a_batch.py`: 45 MB for 22).
MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "262144"}


#: A check waits 5 s for Redis to connect and 15 s for its answer, for one queue: the first that is not taken ends it.
CHECK_TIMEOUT_S = 60.0


@contextmanager
def watched(settings: Settings) -> Iterator[None]:
    """Check the workers of this system now and then, as Docker does: workers/watch.py says what is done."""
    ended = Event()
    command = [sys.executable, "-m", "workers.watch", *Service]
    environment = inherited_environment() | environment_of(settings)

    def check() -> None:
        while not ended.wait(settings.canary_s):
            try:
                _end_with(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL), ended)
            except OSError as error:  # no memory, no process to spare: later there may be
                event("watch_failed", level="error", error=str(error))

    thread = Thread(target=check, name="watch")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def pushed(settings: Settings, supervisor: Supervisor) -> Iterator[None]:
    """Start the pusher once there is a subscription; from then on the supervisor keeps it running."""
    ended = Event()

    def start() -> None:
        engine = make_engine(database_url(settings), role="launch", pool_size=1)
        while not _is_pushed(engine, supervisor) and not ended.wait(LOOK_S):
            pass

    thread = Thread(target=start, name="push")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _is_pushed(engine: Engine, supervisor: Supervisor) -> bool:
    """Start the pusher when there is a subscription; return whether that is done."""
    try:
        if not any_webhook(engine):
            return False
        supervisor.start_program(PUSH)
    except Unavailable:  # supervisord stops, and we soon too
        return False
    except SQLAlchemyError as error:
        if is_away(error):  # until the supervisor has brought the store back
            return False
        raise
    finally:
        engine.dispose()  # a connection costs the server 4 MB
    return True


def _end_with(check: "subprocess.Popen[bytes]", ended: Event) -> None:
    """Wait for a check; it is not let go on for ever, nor after us."""
    deadline = monotonic() + CHECK_TIMEOUT_S
    with check:
        while check.poll() is None:
            if ended.wait(0.2) or monotonic() > deadline:
                check.kill()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of our own services: every path absolute."""
    absolute = changed(
        settings,
        data_dir=settings.data_dir.resolve(),
        sources_file=settings.sources_file.resolve(),
        topics_dir=settings.topics_dir.resolve(),
        model=settings.model.resolve() if settings.model else None,
    )
    return absolute.environment() | {"PYTHONUNBUFFERED": "1"} | MALLOC


def programs(settings: Settings) -> list[Program]:
    """Return our own services as programs that the supervisor starts when told."""
    environment = environment_of(settings)
    return [
        Program(
            name=name,
            command=[sys.executable, "-m", "workers.cli.services", *words],
            environment=environment,
            # a worker lets its children end their steps, and stops when these are done
            stop_wait_s=FLOWER_STOP_WAIT_S if name == "flower" else STOP_WAIT_S,
            start_order=WORKERS,
            autostart=False,
        )
        for name, words in SERVICES.items()
    ]


def with_ports(settings: Settings) -> Settings:
    """Return settings with port 0 replaced by a free one. Raises StartError for a port that is taken."""
    found = {}
    for what in ("api", "flower"):
        host, port = getattr(settings, f"{what}_host"), getattr(settings, f"{what}_port")
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                name = f"WIREWATCH_{what.upper()}_PORT"
                raise StartError(f"{name}: {host}:{port} cannot be used: {error.strerror}") from error
            found[f"{what}_port"] = probe.getsockname()[1]
    return changed(settings, **found)


def free_or_any(host: str, port: int) -> int:
    """Return the port when nobody listens there, else 0: any free one."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return 0
    return port


def _wait_for_api(system: System) -> None:
    """Wait until the API answers (it may say that the schedule has not ticked yet)."""
    deadline = monotonic() + START_TIMEOUT_S
    host, port = system.settings.api_host, system.settings.api_port
    while monotonic() < deadline:
        with closing(HTTPConnection(_host(host).strip("[]"), port, timeout=5)) as connection:
            try:
                connection.request("GET", "/healthz")
                connection.getresponse()
            except (OSError, HTTPException):
                sleep(0.1)
            else:
                return
    raise Unavailable("the API did not start:\n" + "\n".join(system.troubles()))


def _host(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104  (listening there is the operator's word; we ask on loopback)
        host = "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def repository() -> Path:
    """Return the folder of this installation's files."""
    return Path(__file__).parent.parent
