"""The health check of a worker: `python -m workers.watch io`. Docker runs it each minute, and so does `wirewatch run`.

It sends a canary to each queue of the worker, and looks when the worker last took anything from each: canaries are
taken as everything else is, and behind a backlog the work itself is the sign. A worker that took nothing for
`silence_s` lives but does not consume, or is stopped: it is killed, and whoever supervises it starts it again. While
Redis or the store are away nobody could consume; the count begins when they are back, and after a replacement.

Ends with 1 when it has killed one.
"""

import sys
from collections.abc import Sequence

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from config.settings import Settings
from workers.addresses import database_url
from workers.app import SETTINGS, app
from workers.operate import signs
from workers.pipeline import CANARY, Service, queues_of
from workers.telemetry import configure_logging, event


def main(words: Sequence[str]) -> int:
    """Look after these services of this data folder."""
    configure_logging("watch", SETTINGS.log_level)
    killed = [look(SETTINGS, Service(word)) for word in words]
    return int(any(killed))


def look(settings: Settings, service: Service) -> bool:
    """Ask a worker for signs of life; return whether it had to be killed."""
    data, queues = settings.data_dir, queues_of(service)
    ago = signs.looked(data, service)
    taken = all(_send(queue, settings.canary_s) for queue in queues)
    if not signs.may_judge(taken=taken, looked_ago_s=ago, period_s=settings.canary_s):
        signs.renew(data, service, queues)
        return False
    heard = signs.heard(data, service, queues)
    silent = signs.silent(heard, silence_s=settings.silence_s)
    if not silent:
        return False
    signs.renew(data, service, queues)  # not again before the new one had its time
    if not _counted(settings, service) or not signs.kill(data, service):
        return False
    event("worker_replaced", level="error", worker=service.value, silent_s={one: round(heard[one]) for one in silent})
    return True


def _send(queue: str, expires_s: float) -> bool:
    try:
        app.send_task(CANARY, args=[queue], queue=queue, expires=expires_s)
    except (OperationalError, RedisError, OSError) as error:
        event("hint_lost", level="warning", queue=queue, error=str(error))
        return False
    return True


def _counted(settings: Settings, service: Service) -> bool:
    """Count a replacement before it is done: a store that cannot take this is away, and nobody could consume."""
    from workers.store.engine import make_engine  # 25 MB that a worker in good health never needs, each minute
    from workers.store.outage import is_away
    from workers.store.ticks import count_replaced

    engine = make_engine(database_url(settings), role="watch")
    try:
        count_replaced(engine, service)
    except Exception as error:
        if not is_away(error):
            raise
        return False
    finally:
        engine.dispose()
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
