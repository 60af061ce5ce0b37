"""Where the servers are: the addresses that are set, else those of the servers that we bring."""

from ipaddress import ip_address
from typing import TYPE_CHECKING

from config.settings import Settings, changed
from workers.domain.errors import StartError

if TYPE_CHECKING:
    from workers.operate.embedded_postgres import PostgresServer
    from workers.operate.embedded_redis import RedisServer


def is_loopback(host: str) -> bool:
    """Return whether what listens there is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def database_url(settings: Settings) -> str:
    """Return the database's address. Raises StartError when nothing has set one (the supervisor does)."""
    if settings.database_url is None:
        raise StartError(
            "WIREWATCH_DATABASE_URL is not set: start the whole system with `wirewatch run`, or name a PostgreSQL"
        )
    return settings.database_url.get_secret_value()


def redis_url(address: str) -> str:
    """Return a Celery broker address in the form that redis-py wants."""
    if address.startswith("redis+socket://"):
        return "unix://" + address.removeprefix("redis+socket://").replace("virtual_host=", "db=")
    return address


def other_database(address: str, number: int) -> str:
    """Return the address of another database on the same Redis."""
    base, _, query = address.partition("?")
    pairs = [pair for pair in query.split("&") if pair and pair.split("=")[0] not in {"db", "virtual_host"}]
    if base.startswith("redis+socket://"):
        pairs.append(f"virtual_host={number}")
    else:
        scheme, _, rest = base.partition("://")
        base = f"{scheme}://{rest.split('/')[0]}/{number}"
    return base + ("?" + "&".join(pairs) if pairs else "")


def located_stream(settings: Settings) -> str | None:
    """Return the address of the stream: the one that is set, else database 1 of the broker; None without either."""
    if settings.stream_url is not None:
        return settings.stream_url.get_secret_value()
    return other_database(settings.broker_url.get_secret_value(), 1) if settings.broker_url else None


def check_redis(settings: Settings) -> None:
    """Ask each Redis that is set whether it keeps what it is given. Raises StartError when it may evict."""
    from workers.operate.room import refuse_eviction

    urls = {"WIREWATCH_BROKER_URL": settings.broker_url, "WIREWATCH_STREAM_URL": settings.stream_url}
    refuse_eviction({name: redis_url(url.get_secret_value()) for name, url in urls.items() if url is not None})


def embedded(settings: Settings) -> "tuple[PostgresServer | None, RedisServer | None]":
    """Return the servers that this installation brings itself: those that no address names."""
    from workers.operate.embedded import runtime_path
    from workers.operate.embedded_postgres import PostgresServer
    from workers.operate.embedded_redis import RedisServer

    data = settings.data_dir.resolve()
    runtime = runtime_path(settings.runtime_base, data)
    postgres = PostgresServer(data, runtime) if settings.database_url is None else None
    broker = RedisServer(data, runtime) if settings.broker_url is None else None
    return postgres, broker


def located(settings: Settings) -> Settings:
    """Return settings that name every server, the embedded ones too (whether they run or not)."""
    postgres, broker = embedded(settings)
    named: dict[str, str] = {}
    if postgres is not None:
        named["database_url"] = postgres.url
    if broker is not None:
        named["broker_url"] = broker.broker_url
    full = changed(settings, **named) if named else settings
    return changed(full, stream_url=located_stream(full))
