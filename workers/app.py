"""The Celery app. Each setting with its reason; the marks [E..] are measurements of RELIABILITY.md."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging, worker_before_create_process, worker_process_init
from kombu import Queue

from config.settings import Settings, load_settings
from schedules.beat import beat_schedule
from schedules.entries import ticks
from workers.operate import signs
from workers.pipeline import CONTROL, QUEUES, ROUTES, Service, queues_of, service_of
from workers.telemetry import configure_logging, event


class StoreAway(Exception):  # noqa: N818
    """A task ended because the store does not answer, or takes no writes; the sweeper begins again when it does."""


class Step(Task):  # type: ignore[misc]
    """Every task of ours."""

    throws = (StoreAway,)  # Celery notes it without a traceback

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; a MemoryError must not get past here: Celery kills the worker over it, in a loop [E14]."""
        if queue := ROUTES.get(self.name):
            sign_of_life(queue)
        try:
            done = super().__call__(*args, **kwargs)
        except MemoryError as error:
            raise OutOfMemory(self.name) from error
        except Exception as error:
            from workers.store.outage import is_away  # beat and Flower run no task, and load no database

            if not is_away(error):
                raise
            said = str(getattr(error, "orig", error))
            OUTAGE.failed(self.name, said)
            raise StoreAway(said) from None
        OUTAGE.succeeded(self.name)
        return done


class Outage:
    """Tells when the store goes away and when it is back, once each, however many tasks of this process end of it."""

    def __init__(self) -> None:
        self._failed = Counter[str]()  # by task, those that have not succeeded since
        self._ended = 0

    def failed(self, task: str, why: str) -> None:
        """Count a task that ended because the store was away."""
        if not self._failed:
            event("store_away", level="warning", task=task, error=why)
        self._failed[task] += 1

    def succeeded(self, task: str) -> None:
        """Note a task that came to its end; another one may still fail: a store that is read-only answers readers."""
        if not self._failed:
            return
        self._ended += self._failed.pop(task, 0)
        if not self._failed:
            event("store_back", tasks=self._ended)
            self._ended = 0


OUTAGE = Outage()


def sign_of_life(queue: str) -> None:
    """Show whoever watches this worker that it consumes a queue (workers/watch.py)."""
    signs.give(SETTINGS.data_dir, service_of(queue), queue)


@contextmanager
def taking_long(service: Service, seconds: float) -> Iterator[None]:
    """Show beforehand that a worker of one process consumes nothing for a while: it does one long task."""
    signs.renew(SETTINGS.data_dir, service, queues_of(service), ahead_s=seconds)
    try:
        yield
    finally:
        signs.renew(SETTINGS.data_dir, service, queues_of(service))


class OutOfMemory(Exception):  # noqa: N818
    """A task ran out of memory; its lease ends and the entry comes back alone."""


def configuration(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration. Without a broker address nothing can be sent or consumed; doctor says so."""
    return {
        # --- broker: a channel for hints, not a database
        "broker_url": settings.broker_url.get_secret_value() if settings.broker_url else "memory://",
        "broker_connection_retry_on_startup": True,  # wait for Redis instead of dying at boot
        "broker_connection_max_retries": None,  # the default gives up after 100: Redis may be away for a week
        "broker_connection_timeout": 5,
        "broker_pool_acquire_timeout": 5,  # None blocks for ever when the pool is used up
        "broker_transport_options": {
            "visibility_timeout": 600,  # longer than the hard limit; the SQL lease, not this, has the authority [E6a]
            "unacked_restore_interval": 15,
            "unacked_restore_throttle": 1,  # with the default 10 a restore takes 100 s and more [E1c]
            "unacked_restore_limit": 100,
            "socket_timeout": 15,  # without it a publish on a dead Redis never returns [E5b]
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "retry_on_timeout": False,  # a push that timed out may have happened [E5c]
            "global_keyprefix": "wirewatch:",
        },
        # --- wire format: ids in JSON, nothing else is ever loaded
        "task_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "event_serializer": "json",
        # --- no results, no canvas: state is in the store
        "result_backend": None,
        "task_ignore_result": True,
        # --- acknowledgement
        "task_acks_late": True,  # the broker hints again after a crash (fast path); the sweeper is the sure path
        "task_reject_on_worker_lost": False,  # True is a hot loop on a page that kills: 141 runs in 15 s [E2b]
        "task_acks_on_failure": True,  # the ledger has counted the attempt
        "task_acks_on_timeout": True,  # False is endless redelivery [E2e]
        "task_publish_retry": False,  # hints fail fast; the default policy duplicates [E5c]
        # --- routing
        "task_create_missing_queues": False,  # a typo raises instead of filling a queue nobody reads
        "task_queues": [Queue(name) for name in QUEUES],
        "task_default_queue": CONTROL,
        "task_routes": {task: {"queue": queue} for task, queue in ROUTES.items()},
        # --- limits
        "task_time_limit": settings.task_limit_s,  # only a kill ends C code [F8]; steps have budgets of their own
        # --- worker
        "worker_prefetch_multiplier": 1,  # 4 would hold four messages hostage to one stuck page
        "worker_max_tasks_per_child": 500,  # lxml fragments memory
        "worker_max_memory_per_child": 400_000,  # KB, acts after a task [E12a]
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # steps are short and fenced [E6i]
        "worker_proc_alive_timeout": 15,  # the default 4 s kills children that import slowly on a busy machine
        "worker_send_task_events": True,  # for Flower: best effort, ids only
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
        "timezone": "UTC",
        # --- beat: ticks only
        "beat_max_loop_interval": 2,
        "beat_schedule": beat_schedule(ticks(sweep_period_s=settings.sweep_period_s)),
    }


def make_app(settings: Settings) -> Celery:
    """Return a Celery app for these settings."""
    # workers import the tasks (`wirewatch worker` names them); beat and Flower know them by name and stay small
    made = Celery("wirewatch", task_cls=Step, set_as_current=True)
    made.conf.update(configuration(settings))
    return made


SETTINGS = load_settings()
app = make_app(SETTINGS)


@setup_logging.connect
def _log_our_way(**_: Any) -> None:
    configure_logging("celery", SETTINGS.log_level)


@worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    """Let children share what the parent has loaded: a collection in a child would write to each object and copy it."""
    from workers.bootstrap import before_fork

    before_fork()
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def _start_child_afresh(**_: Any) -> None:
    """Connections must not be shared with the parent that forked us."""
    from workers.bootstrap import forget_steps

    forget_steps()
