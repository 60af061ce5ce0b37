"""The beat table and Celery's configuration, held to the rules of RELIABILITY.md."""

import ast
from pathlib import Path

import pytest

from config.settings import Settings
from schedules.beat import beat_schedule
from schedules.entries import Tick, ticks
from workers.app import app as celery_app
from workers.app import configuration
from workers.domain.outcomes import State
from workers.launch import STOP_WAIT_S
from workers.pipeline import CANARY, CONTROL_TASKS, LEDGER_STAGES, PATH, QUEUES, ROUTES, Service, queues_of

REPOSITORY = Path(__file__).parent.parent.parent
SETTINGS = Settings()


@pytest.mark.parametrize("tick", ticks(sweep_period_s=5), ids=lambda tick: tick.name)
def test_a_tick_expires_within_its_period_and_names_a_queue_and_a_task(tick: Tick) -> None:
    import workers.tasks  # noqa: F401  (registers the tasks)

    assert 0 < tick.expires_s <= tick.period_s
    assert tick.queue in QUEUES
    assert tick.task in celery_app.tasks
    assert ROUTES[tick.task] == tick.queue
    entry = beat_schedule((tick,))[tick.name]
    assert entry["options"] == {"queue": tick.queue, "expires": tick.expires_s}


def test_every_task_of_the_path_is_registered_and_nothing_else() -> None:
    import workers.tasks  # noqa: F401

    ours = {name for name in celery_app.tasks if not name.startswith("celery.")}
    assert ours == {stage.task for stage in PATH} | {CANARY, *CONTROL_TASKS}


def test_every_queue_has_one_worker_service() -> None:
    consumed = [queue for service in Service for queue in queues_of(service)]
    assert sorted(consumed) == sorted(QUEUES)


def test_every_state_in_flight_is_taken_up_by_a_step() -> None:
    assert {stage.takes for stage in LEDGER_STAGES} == {state for state in State if not state.is_final}


def test_a_step_may_end_before_its_worker_is_killed() -> None:
    assert max(SETTINGS.session_s + SETTINGS.fetch_deadline_s, SETTINGS.batch_budget_s) < STOP_WAIT_S < SETTINGS.lease_s


def test_limits_fit_together() -> None:
    celery = configuration(SETTINGS)
    assert SETTINGS.fetch_deadline_s < celery["task_time_limit"] < SETTINGS.lease_s
    assert SETTINGS.batch_budget_s < celery["task_time_limit"]
    assert celery["broker_transport_options"]["visibility_timeout"] > SETTINGS.lease_s
    assert celery["accept_content"] == ["json"]
    assert celery["result_backend"] is None
    assert celery["task_create_missing_queues"] is False


FORBIDDEN = {"retry", "apply_async", "delay", "chord", "group", "chain"}


def test_no_task_waits_in_redis() -> None:
    """No countdown, no ETA, no retry, no canvas: due times live in the store."""
    for path in (REPOSITORY / "workers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword):
                assert node.arg not in {"countdown", "eta"}, f"{path}:{node.value.lineno}"
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and path.name in {"tasks.py", "app.py"}
            ):
                assert node.func.attr not in FORBIDDEN, f"{path}:{node.lineno}"


def test_a_task_finds_calls_and_hands_on() -> None:
    """Bodies of at most ten statements' lines; the models of STYLE.md have a median of four."""
    tree = ast.parse((REPOSITORY / "workers" / "tasks.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            body = node.body[1:]  # after the docstring
            assert body[-1].end_lineno is not None
            assert body[-1].end_lineno - body[0].lineno < 12, node.name
