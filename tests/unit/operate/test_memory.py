import pytest

from workers.operate.memory import role


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/opt/pg/bin/postgres", "-D", "/data"], "postgres"),
        (["postgres: checkpointer "], "postgres: checkpointer"),
        (["postgres: wirewatch wirewatch [local] idle"], "postgres: wirewatch"),
        (["/usr/bin/redis-server unixsocket:/run/redis.sock"], "redis-server"),
        (["/v/bin/python3.11", "-m", "workers.operate.supervisord", "-n", "-c", "/x.conf"], "supervisord"),
        (["python", "-m", "celery", "-A", "workers.app", "worker", "-Q", "fetch,poll"], "celery worker fetch,poll"),
        (
            ["/v/bin/python", "/v/bin/celery", "-A", "workers.app", "worker", "--queues=extract"],
            "celery worker extract",
        ),
        (["python", "-m", "workers.celery", "beat"], "celery beat"),
        (["python", "-W", "error", "-m", "uvicorn", "workers.api:app"], "uvicorn"),
        (["/v/bin/python", "/v/bin/wirewatch", "demo", "--once"], "wirewatch demo"),
        (["python", "-c", "pass"], "python"),
        ([], "?"),
    ],
)
def test_a_process_is_named_by_what_it_does(command: list[str], name: str) -> None:
    assert role(command) == name
