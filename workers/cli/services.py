"""The services of one installation, one process each: what the supervisor and docker-compose start."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from config.settings import Settings, load_settings
from workers.addresses import check_redis, database_url
from workers.cli.endings import told_in_words
from workers.domain.errors import StartError
from workers.operate import signs
from workers.operate.flower import flower_config
from workers.pipeline import Service, queues_of
from workers.store.revision import check_schema

#: What a service imports before it forks, so that its children share the memory.
PRELOAD = {
    Service.IO: "workers.tasks,workers.fetch.stage,workers.fetch.http,workers.poll.stage",
    Service.CPU: "workers.tasks,workers.warm",
    Service.RELAY: "workers.tasks,workers.deliver.stage,workers.standin",
}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (migrate, worker, push, beat, api, flower):
        app.command(rich_help_panel="Services")(command)


def migrate(
    pre: Annotated[bool, typer.Option("--pre", help="Only what older programs can live with: deploys.")] = False,
    post: Annotated[bool, typer.Option("--post", help="The rest: when no older program runs any more.")] = False,
) -> None:
    """Bring the database to this program's schema."""
    from workers.store.engine import make_engine
    from workers.store.halves import Half
    from workers.store.migrate import migrate as migrate_store

    half = None if pre == post else Half.PRE if pre else Half.POST
    engine = make_engine(database_url(load_settings()), role="migrate")
    print(f"the database has schema {migrate_store(engine, half)}")


def worker(
    service: Annotated[Service, typer.Argument(help="io: poll and fetch; cpu: extract and classify; relay.")],
) -> None:
    """Run one worker service in the foreground."""
    settings = _ready()
    concurrency = {Service.IO: settings.io_concurrency, Service.CPU: settings.cpu_concurrency, Service.RELAY: 1}
    pool = "solo" if service is Service.RELAY else "prefork"
    # SIGTERM is Celery's warm shutdown: steps at work end, what is reserved goes back, the process leaves as soon as
    # that is done. Who overstays is killed by whoever supervises it, and its entries come back when their lease ends.
    # (The soft shutdown, REMAP_SIGTERM=SIGQUIT, sleeps its whole timeout when one task is at work: measured 26 s for a
    # task of 0.5 s. And the messages that it saves are hints.)
    signs.begin(settings.data_dir, service, queues_of(service))  # our process id stays the worker's
    _become_celery(
        *("worker", "--queues", ",".join(queues_of(service)), "--concurrency", str(concurrency[service])),
        *("--pool", pool, "--hostname", f"{service}@%h", "--include", PRELOAD[service]),
        *("--loglevel", settings.log_level, "--without-gossip", "--without-mingle"),
    )


def push() -> None:
    """Push changes to the subscribed webhooks, in the foreground."""
    _ready()
    _become("workers.push")


def beat() -> None:
    """Run the scheduler in the foreground: ticks only, what is due lives in the store."""
    settings = _ready()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    schedule = settings.data_dir.absolute() / "beat-schedule"
    _become_celery("beat", "--schedule", str(schedule), "--pidfile", "", "--loglevel", settings.log_level)


def api() -> None:
    """Run the HTTP API in the foreground."""
    from workers.bootstrap import check_keys

    check_keys(_ready())
    _become("workers.web")


def flower() -> None:
    """Run Flower in the foreground: read-only, with basic auth."""
    settings = _ready()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir.absolute() / "flowerconfig.py"
    flower_config(
        file,
        host=settings.flower_host,
        port=settings.flower_port,
        user=settings.flower_user,
        password=flower_password(settings),
    )
    _become_celery("flower", f"--conf={file}")


def flower_password(settings: Settings) -> str:
    """Return Flower's password: the set one, else one made once and kept beside the data, for the owner's eyes."""
    if settings.flower_password is not None:
        return settings.flower_password.get_secret_value()
    from workers.operate.flower import kept_password

    return kept_password(settings.data_dir / "flower-password")


def _ready() -> Settings:
    """Return settings with which a service can run, on a database of this program's schema and a Redis that keeps."""
    settings = load_settings()
    if settings.broker_url is None:
        raise StartError("WIREWATCH_BROKER_URL is not set: start the whole system with `wirewatch run`")
    check_schema(database_url(settings))
    check_redis(settings)
    return settings


def _become_celery(*arguments: str) -> NoReturn:
    _become("workers.celery", *arguments)


def _become(module: str, *arguments: str) -> NoReturn:
    """Replace this process by another program, which keeps our pid for whoever supervises it."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606


if __name__ == "__main__":  # how the supervisor starts a service: without loading every other family of commands
    services = typer.Typer()
    add_to(services)
    with told_in_words():
        services()
