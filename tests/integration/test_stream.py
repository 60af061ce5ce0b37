"""The relay and the Redis stream, on the real servers: the stream is a copy, the log is the truth."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.making import bring, created_changes, discover, make_classified
from workers.deliver.stage import relay_changes
from workers.deliver.stream import STREAM, ChangeStream, connect
from workers.domain.outcomes import State
from workers.store.changes import changes_after, number, take_relay_lock


@pytest.fixture
def client(servers: Servers) -> Iterator[redis.Redis]:
    made = connect(servers.redis.client_url(3))
    made.flushdb()
    yield made
    made.flushdb()
    made.close()


@pytest.fixture
def stream(client: redis.Redis) -> ChangeStream:
    return ChangeStream(client, length=100)


def entries(client: redis.Redis) -> list[tuple[str, dict[str, Any]]]:
    answer: Any = client.xrange(STREAM)
    return [(key.decode(), json.loads(fields[b"event"])) for key, fields in answer]


def ids(client: redis.Redis) -> list[str]:
    return [key for key, _ in entries(client)]


def classify(engine: Engine, count: int, *, first: int = 0) -> None:
    bring(engine, discover(engine, count, first=first), State.CLASSIFIED)


def log(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [row["seq"] for row in changes_after(connection, 0, 1_000)]


def test_the_stream_carries_the_log_under_the_same_numbers(
    engine: Engine, stream: ChangeStream, client: redis.Redis
) -> None:
    bring(engine, discover(engine), State.CLASSIFIED, [make_classified("مرز")])
    assert relay_changes(engine, stream) == 1
    ((key, event),) = entries(client)
    assert (key, event["seq"], event["type"]) == ("1-0", 1, "created")
    assert event["event_id"] == str(created_changes(engine)[0].event_id)
    assert event["article"] == created_changes(engine)[0].payload
    assert event["article"]["title"].endswith("مرز")


def test_relaying_again_adds_nothing(engine: Engine, stream: ChangeStream, client: redis.Redis) -> None:
    classify(engine, 3)
    relay_changes(engine, stream)
    before = entries(client)
    assert relay_changes(engine, stream) == 0
    assert entries(client) == before


def test_redis_itself_refuses_a_repeat(engine: Engine, stream: ChangeStream, client: redis.Redis) -> None:
    classify(engine, 2)
    relay_changes(engine, stream)
    for _key, event in entries(client):
        with pytest.raises(redis.ResponseError, match="equal or smaller"):
            stream.append([event])
    assert ids(client) == ["1-0", "2-0"]


def test_a_relay_killed_between_numbering_and_sending_is_continued(
    engine: Engine, stream: ChangeStream, client: redis.Redis
) -> None:
    classify(engine, 2)
    with engine.begin() as connection:
        assert take_relay_lock(connection)
        number(connection)
    assert relay_changes(engine, stream) == 0
    assert ids(client) == ["1-0", "2-0"]


def test_a_relay_killed_in_the_middle_of_sending_is_continued(
    engine: Engine, stream: ChangeStream, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.deliver.stage.CHUNK", 2)
    classify(engine, 5)
    real, sent = stream.append, []

    def die_at_the_second(events: Any) -> None:
        if sent:
            raise SystemExit(1)
        sent.append(events)
        real(events)

    with monkeypatch.context() as patch:
        patch.setattr(stream, "append", die_at_the_second)
        with pytest.raises(SystemExit):
            relay_changes(engine, stream)
    assert ids(client) == ["1-0", "2-0"]
    relay_changes(engine, stream)
    assert ids(client) == [f"{seq}-0" for seq in range(1, 6)]


def test_after_a_flush_the_stream_is_filled_again(engine: Engine, stream: ChangeStream, client: redis.Redis) -> None:
    classify(engine, 3)
    relay_changes(engine, stream)
    client.flushall()
    classify(engine, 1, first=3)
    assert relay_changes(engine, stream) == 1
    assert ids(client) == ["1-0", "2-0", "3-0", "4-0"]


def test_it_is_filled_again_up_to_its_length_only(engine: Engine, client: redis.Redis) -> None:
    classify(engine, 5)
    relay_changes(engine, ChangeStream(client, length=2))
    assert ids(client) == ["4-0", "5-0"]


def test_the_stream_does_not_grow_for_ever(client: redis.Redis) -> None:
    stream = ChangeStream(client, length=100)
    for start in range(1, 1_001, 200):
        stream.append([{"seq": seq} for seq in range(start, start + 200)])
    assert 100 <= client.xlen(STREAM) < 300
    assert stream.last_seq() == 1_000


def test_a_stream_ahead_of_the_log_begins_anew(engine: Engine, stream: ChangeStream, client: redis.Redis) -> None:
    stream.append([{"seq": 77}])  # the database was restored from an older backup
    classify(engine, 2)
    relay_changes(engine, stream)
    assert ids(client) == ["1-0", "2-0"]


def test_a_trimmed_or_emptied_stream_still_knows_how_far_it_came(client: redis.Redis, stream: ChangeStream) -> None:
    assert stream.last_seq() == 0
    stream.append([{"seq": 5}])
    client.xtrim(STREAM, maxlen=0)
    assert stream.last_seq() == 5


def test_a_key_that_is_no_stream_is_an_error(client: redis.Redis, stream: ChangeStream) -> None:
    client.set(STREAM, "something else")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        stream.last_seq()


def test_while_another_relay_is_at_work_this_one_does_nothing(
    engine: Engine, stream: ChangeStream, client: redis.Redis
) -> None:
    classify(engine, 1)
    with engine.begin() as other:
        assert take_relay_lock(other)
        assert relay_changes(engine, stream) == 0
    assert log(engine) == []
    assert relay_changes(engine, stream) == 1


def test_without_redis_the_log_goes_on_and_the_operator_is_told(
    engine: Engine, stream: ChangeStream, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("workers.deliver.stage.event", lambda name, **_: told.append(name))
    classify(engine, 2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused at once
        nobody = ChangeStream(connect(f"redis://127.0.0.1:{taken.getsockname()[1]}"), length=100)
        assert relay_changes(engine, nobody) == 2
        assert told == ["stream_unreachable"]
        assert log(engine) == [1, 2]
    relay_changes(engine, stream)
    assert ids(client) == ["1-0", "2-0"]
    assert told == ["stream_unreachable"]


def test_a_redis_that_hangs_costs_one_timeout(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("workers.deliver.stage.event", lambda name, **_: told.append(name))
    classify(engine, 1)
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as mute:

        def accept() -> None:
            while True:
                try:
                    accepted.append(mute.accept()[0])
                except OSError:
                    return

        listener = threading.Thread(target=accept)
        listener.start()
        hanging = connect(f"redis://127.0.0.1:{mute.getsockname()[1]}?socket_timeout=0.2")
        assert relay_changes(engine, ChangeStream(hanging, length=100)) == 1
        hanging.close()
        mute.shutdown(socket.SHUT_RDWR)
        listener.join(10)
    for one in accepted:
        one.close()
    assert told == ["stream_unreachable"]
    assert len(accepted) == 1, "no retries: each would take the whole timeout again"
    assert log(engine) == [1]


def test_the_client_is_bounded_as_the_product_uses_it() -> None:
    options = connect("redis://127.0.0.1:6379").connection_pool.connection_kwargs
    assert options["socket_timeout"] <= 20
    assert options["socket_connect_timeout"] <= 5
    assert options["retry"].get_retries() == 0


def test_what_redis_answers_and_should_not_is_an_error(
    engine: Engine, stream: ChangeStream, client: redis.Redis
) -> None:
    classify(engine, 1)
    client.set(STREAM, "something else")
    with pytest.raises(redis.ResponseError):
        relay_changes(engine, stream)
    assert log(engine) == [1]
