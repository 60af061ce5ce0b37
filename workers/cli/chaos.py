"""`chaos`: the whole system on a generated newsroom, under faults, and what it promised checked afterwards."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_bytes
from time import monotonic
from typing import Annotated, Any
from urllib.request import urlopen

import redis
import typer
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from config.settings import Settings, inherited_environment
from workers.addresses import database_url, redis_url
from workers.cli.demo import invented_settings
from workers.cli.system import say, stop_signals
from workers.deliver.stream import STREAM
from workers.deliver.webhooks.signing import SECRET_BYTES, secret_of
from workers.domain.errors import StartError, WirewatchError
from workers.launch import System, running
from workers.operate.chaos.consumer import kept
from workers.operate.chaos.driver import Consumer, Driver
from workers.operate.chaos.newsroom import host_of, sources
from workers.operate.chaos.receiver import Receiver
from workers.operate.chaos.schedule import consumer_kills, schedule
from workers.operate.chaos.verdict import STEPS, doubled, install, problems, standing
from workers.store.engine import make_engine
from workers.store.webhooks import add_webhook

HOSTS = 50


class PromiseBrokenError(WirewatchError):
    """Something was lost, doubled or stuck."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole system")(chaos)


def chaos(
    seed: Annotated[int, typer.Option(help="The same seed, the same faults at the same times.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="So long faults are done.")] = 60,
    articles: Annotated[int, typer.Option(min=1, help="Revealed by the feeds of 50 hosts in that time.")] = 800,
    every_s: Annotated[float, typer.Option(min=0.1, help="One fault in so many seconds.")] = 2.5,
    drain_s: Annotated[float, typer.Option(help="Everything must have ended so long after the last fault.")] = 120,
    data_dir: Annotated[Path, typer.Option(help="Wiped at the start.")] = Path("var/chaos"),
    no_sweeper: Annotated[bool, typer.Option("--no-sweeper", hidden=True)] = False,
) -> None:
    """Run everything on a generated newsroom, kill and break it at random, and prove that nothing was lost or doubled.

    Ends with 1 when a promise is broken.
    """
    faults = schedule(seed, seconds, every_s=every_s)
    with ExitStack() as stack:
        stopped = stack.enter_context(stop_signals())
        port = stack.enter_context(newsroom(articles, seconds))
        receiver = stack.enter_context(Receiver())
        system = stack.enter_context(running(chaos_settings(data_dir, port, receiver.pair), say))
        engine = make_engine(database_url(system.settings), role="chaos")
        stack.callback(engine.dispose)
        install(engine, sweeper=not no_sweeper)
        secret = secret_of(token_bytes(SECRET_BYTES))
        add_webhook(engine, f"http://{receiver.pair}/", filters={}, with_text=False, secret=secret)
        folder = data_dir / "consumer"
        folder.mkdir()
        consumer = stack.enter_context(Consumer(system.api_url, folder, inherited_environment()))
        driver = Driver(system.supervisor, redis_url=_redis(system.settings.broker_url), folder=folder)
        say(f"{articles} articles on {HOSTS} hosts, {len(faults)} faults in {seconds:g} s, seed {seed}")
        begin(port)
        kills = [(at, consumer.kill) for at in consumer_kills(seed, seconds)]
        driver.run(faults, kills, seconds=seconds, stopped=stopped)
        say("the last fault is over; waiting until everything has ended")
        over = monotonic()
        while monotonic() - over < drain_s and not stopped.wait(0.2):
            if is_drained(system, engine, folder, articles, receiver):
                break
        if stopped.is_set():
            raise PromiseBrokenError("stopped before everything had ended: nothing is proved")
        took = monotonic() - over
        print(line(engine, articles, driver, consumer, folder, receiver, took), flush=True)
        stream = in_stream(system.settings)
        broken = problems(engine, articles=articles, kept=kept(folder), stream=stream, pushed=receiver.got)
        if broken:
            raise PromiseBrokenError("\n".join([*broken, *system.troubles()]))


def chaos_settings(data_dir: Path, port: int, *receivers: str) -> Settings:
    """Return settings for a generated newsroom on this port, and receivers of webhooks at these host:port."""
    return invented_settings(
        data_dir,
        sources(HOSTS, port),
        allow_addresses=[*(f"{host_of(index)}:{port}" for index in range(HOSTS)), *receivers],
        poll_min_s=2,
        poll_interval_s=3,
        poll_max_s=5,
        batch_size=16,
        revisit_after_s=[],  # an article is fetched once: each further run is one that a fault cost
        api_port=0,
        flower_port=0,
    )


@contextmanager
def newsroom(articles: int, seconds: float) -> Iterator[int]:
    """Serve a generated newsroom from a process of its own; yield its port.

    Raises StartError when it does not start.
    """
    words = [f"--articles={articles}", f"--hosts={HOSTS}", f"--seconds={seconds}"]
    command = [sys.executable, "-m", "workers.operate.chaos.newsroom", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None or not (port := process.stdout.readline()):
            raise StartError("the generated newsroom does not start")
        yield int(port)  # leaving closes its standard input, which ends it


def begin(port: int) -> None:
    """Let the feeds reveal their entries from now on."""
    with urlopen(f"http://{host_of(0)}:{port}/begin", timeout=10) as answer:
        answer.read()


def is_drained(system: System, engine: Engine, folder: Path, articles: int, receiver: Receiver | None = None) -> bool:
    """Return whether everything has ended, and the readers of the log, the stream and the webhook have all of it."""
    try:
        now = standing(engine)
        readers = [kept(folder), *([receiver.got] if receiver else [])]
        there = now.is_drained(articles) and all(len(set(one)) >= now.last_seq for one in readers)
        return there and len(in_stream(system.settings)) >= now.last_seq
    except (OperationalError, redis.RedisError):
        return False  # still starting again


def in_stream(settings: Settings) -> list[int]:
    """Return the sequence numbers in the Redis stream."""
    with redis.Redis.from_url(_redis(settings.stream_url), socket_timeout=10) as client:
        entries: list[Any] = client.xrange(STREAM)
        return [int(name.split(b"-")[0]) for name, _ in entries]


def line(
    engine: Engine,
    articles: int,
    driver: Driver,
    consumer: Consumer,
    folder: Path,
    receiver: Receiver,
    took: float,
) -> str:
    """Return the result in one line."""
    now = standing(engine)
    twice = sum(len(rows) for rows in doubled(engine).values())
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(driver.done.items()))
    ideal = STEPS * articles
    events, pushed = set(kept(folder)), set(receiver.got)
    return (
        f"{articles} articles, {driver.done.total()} faults ({kinds}; {driver.missed.total()} found nothing to hit), "
        f"{articles - now.classified} lost, {twice} doubled, {now.runs} step runs for an ideal of {ideal} "
        f"({now.runs / ideal:.3f}), drained in {took:.1f} s; "
        f"a consumer killed {consumer.kills} times has {len(events)} of {now.last_seq} changes, "
        f"a webhook {len(pushed)} ({len(receiver.got) - len(pushed)} twice)"
    )


def _redis(address: SecretStr | None) -> str:
    return redis_url(address.get_secret_value()) if address else ""  # a running system has every address filled in
