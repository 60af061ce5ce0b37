"""The relay and the Redis stream, on the real servers: the stream is a copy, the log is the truth."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.making import bring, created_changes, discover, make_classified
from workers.deliver.stage import relay_changes
from workers.deliver.stream import OWNER, STREAM, ChangeStream, connect
from workers.domain.outcomes import State
from workers.store.changes import changes_after, ledger_id, number, stream_trouble, take_relay_lock
from workers.telemetry import EVENTS

ME = "a ledger"


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
    answer: Any = client.xrange(STREAM)
    return [key.decode() for key, _ in answer]


def classify(engine: Engine, count: int, *, first: int = 0) -> None:
    bring(engine, discover(engine, count, first=first), State.CLASSIFIED)


def claimed(stream: ChangeStream) -> ChangeStream:
    stream.claim(ME)
    return stream


def trouble(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return stream_trouble(connection)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the relay's events."""
    names: list[str] = []

    def event(name: str, **_: Any) -> None:
        assert name in EVENTS
        names.append(name)

    monkeypatch.setattr("workers.deliver.stage.event", event)
    return names


def log(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [row["seq"] for row in changes_after(connection, 0, 1_000)]


def test_the_stream_carries_the_log_under_the_same_numbers(
    engine: Engine, stream: ChangeStream, client: redis.Redis
) -> None:
    bring(engine, discover(engine), State.CLASSIFIED, [make_classified("مرز")])
    assert relay_changes(engine, stream) == 1
    ((key, event),) = entries(client)
    assert (key, event["seq"], event["type"]) == ("1-0", 1, "wirewatch.article.created")
    assert event["id"] == str(created_changes(engine)[0].event_id)
    assert event["source"] == f"urn:wirewatch:{stream.owner()}"
    assert event["data"]["article"] == created_changes(engine)[0].payload
    assert event["data"]["article"]["title"].endswith("مرز")


def test_relaying_again_adds_nothing(engine: Engine, stream: ChangeStream, client: redis.Redis) -> None:
    classify(engine, 3)
    relay_changes(engine, stream)
    before = entries(client)
    assert relay_changes(engine, stream) == 0
    assert entries(client) == before


def test_redis_itself_refuses_a_repeat(engine: Engine, stream: ChangeStream, client: redis.Redis) -> None:
    classify(engine, 2)
    relay_changes(engine, stream)
    ledger = stream.owner()
    assert ledger is not None
    for _key, event in entries(client):
        with pytest.raises(redis.ResponseError, match="equal or smaller"):
            stream.append(ledger, [event])
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

    def die_at_the_second(ledger: str, events: Any) -> None:
        if sent:
            raise SystemExit(1)
        sent.append(events)
        real(ledger, events)

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
    stream = claimed(ChangeStream(client, length=100))
    for start in range(1, 1_001, 200):
        stream.append(ME, [{"seq": seq} for seq in range(start, start + 200)])
    assert 100 <= client.xlen(STREAM) < 300
    assert stream.last_seq() == 1_000


class TestWhoseStream:
    def test_a_stream_of_another_ledger_is_not_touched(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis, told: list[str]
    ) -> None:
        claimed(stream).append(ME, [{"seq": 7}])
        client.xgroup_create(STREAM, "desk")
        classify(engine, 9)  # more than the stream has, as well as less
        for first in (9, 10):
            assert relay_changes(engine, stream) > 0
            classify(engine, 1, first=first)
        assert (ids(client), stream.owner()) == (["7-0"], ME)
        assert client.xinfo_groups(STREAM)
        assert log(engine)[-1] == 10, "numbering goes on"
        assert told == ["stream_of_another_ledger"] * 2
        assert "WIREWATCH_STREAM_URL" in str(trouble(engine))

    def test_a_stream_of_somebody_else_is_not_touched(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis, told: list[str]
    ) -> None:
        client.xadd(STREAM, {"theirs": "1"}, id="5-0")
        classify(engine, 6)
        relay_changes(engine, stream)
        assert (ids(client), stream.owner(), told) == (["5-0"], None, ["stream_of_another_ledger"])

    def test_a_restored_or_copied_database_does_not_touch_what_it_has_not_written(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis, told: list[str]
    ) -> None:
        classify(engine, 2)
        relay_changes(engine, stream)
        owner = stream.owner()
        assert owner is not None
        stream.append(owner, [{"seq": 77}])
        client.xgroup_create(STREAM, "desk")
        classify(engine, 1, first=2)
        assert relay_changes(engine, stream) == 1
        assert ids(client) == ["1-0", "2-0", "77-0"]
        assert told == ["stream_ahead_of_log"]
        assert "ahead of the change log" in str(trouble(engine))

    def test_when_the_operator_deletes_both_keys_the_stream_begins_anew(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis, told: list[str]
    ) -> None:
        claimed(stream).append(ME, [{"seq": 7}])
        classify(engine, 2)
        relay_changes(engine, stream)
        assert trouble(engine)
        client.delete(STREAM, OWNER)
        relay_changes(engine, stream)
        assert (ids(client), trouble(engine)) == (["1-0", "2-0"], None)
        assert len(told) == 1

    def test_a_group_that_waits_on_an_empty_stream_gets_everything(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis
    ) -> None:
        client.xgroup_create(STREAM, "desk", id="0", mkstream=True)
        classify(engine, 2)
        relay_changes(engine, stream)
        answer: Any = client.xreadgroup("desk", "me", {STREAM: ">"})
        assert [key for key, _ in answer[0][1]] == [b"1-0", b"2-0"]

    def test_of_two_ledgers_that_want_an_empty_stream_one_gets_it(self, client: redis.Redis) -> None:
        one, other = ChangeStream(client, length=100), ChangeStream(client, length=100)
        one.claim("one")
        other.claim("other")
        assert (one.owner(), other.owner()) == ("one", "one")
        with pytest.raises(redis.WatchError):
            other.append("other", [{"seq": 1}])
        assert client.exists(STREAM) == 0

    def test_a_flush_in_the_middle_of_sending_leaves_no_stream_that_begins_in_the_middle(
        self,
        engine: Engine,
        stream: ChangeStream,
        client: redis.Redis,
        told: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        classify(engine, 2)
        relay_changes(engine, stream)
        classify(engine, 1, first=2)
        real = redis.client.Pipeline.multi

        def flushed(pipe: Any) -> None:
            client.flushdb()
            real(pipe)

        with monkeypatch.context() as patch:
            patch.setattr(redis.client.Pipeline, "multi", flushed)
            relay_changes(engine, stream)
        assert (told, client.exists(STREAM)) == (["stream_unreachable"], 0)
        relay_changes(engine, stream)
        assert ids(client) == ["1-0", "2-0", "3-0"]

    def test_the_id_is_committed_before_the_stream_is_claimed(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        classify(engine, 1)
        with monkeypatch.context() as patch:
            patch.setattr(stream, "append", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                relay_changes(engine, stream)
        with engine.connect() as connection:
            assert stream.owner() == ledger_id(connection)
        relay_changes(engine, stream)
        assert ids(client) == ["1-0"]


@pytest.fixture
def full(client: redis.Redis) -> Iterator[Callable[[bool], None]]:
    """A switch that makes the real Redis full, and lets it breathe again."""
    limit: Any = client.config_get("maxmemory")
    usual = limit.get("maxmemory") or limit[b"maxmemory"]

    def switch(on: bool) -> None:
        client.config_set("maxmemory", 1 if on else usual)

    yield switch
    switch(False)


class TestFullRedis:
    def test_a_memory_limit_that_comes_and_goes_while_sending_leaves_no_gap(
        self,
        stream: ChangeStream,
        client: redis.Redis,
        full: Callable[[bool], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = redis.client.Pipeline.xadd

        def hovering(pipe: Any, *arguments: Any, **options: Any) -> Any:
            if options["id"] == "2-0":
                pipe.config_set("maxmemory", 1)
            added = real(pipe, *arguments, **options)
            if options["id"] == "2-0":
                pipe.config_set("maxmemory", 0)
            return added

        monkeypatch.setattr(redis.client.Pipeline, "xadd", hovering)
        with contextlib.suppress(redis.OutOfMemoryError):
            claimed(stream).append(ME, [{"seq": seq} for seq in (1, 2, 3)])
        assert ids(client) in ([], ["1-0", "2-0", "3-0"])

    def test_redis_refuses_a_whole_transaction_when_one_command_found_it_full(
        self, client: redis.Redis, full: Callable[[bool], None]
    ) -> None:
        """What all or none rests on, command by command, with the limit lowered and lifted between them."""
        with client.client() as single:
            single.execute_command("MULTI")
            assert single.execute_command("XADD", STREAM, "1-0", "a", "b") == b"QUEUED"
            full(True)
            with pytest.raises(redis.OutOfMemoryError):
                single.execute_command("XADD", STREAM, "2-0", "a", "b")
            full(False)
            assert single.execute_command("XADD", STREAM, "3-0", "a", "b") == b"QUEUED"
            with pytest.raises(redis.exceptions.ExecAbortError):
                single.execute_command("EXEC")
        assert client.exists(STREAM) == 0

    def test_the_log_goes_on_and_the_stream_catches_up(
        self, engine: Engine, stream: ChangeStream, client: redis.Redis, full: Callable[[bool], None], told: list[str]
    ) -> None:
        classify(engine, 2)
        relay_changes(engine, stream)
        classify(engine, 3, first=2)
        full(True)
        assert relay_changes(engine, stream) == 3
        assert (ids(client), log(engine), told) == (["1-0", "2-0"], [1, 2, 3, 4, 5], ["stream_unreachable"])
        full(False)
        relay_changes(engine, stream)
        assert ids(client) == [f"{seq}-0" for seq in log(engine)]

    def test_a_stream_that_was_never_filled_cannot_be_claimed(
        self, engine: Engine, stream: ChangeStream, full: Callable[[bool], None], told: list[str]
    ) -> None:
        classify(engine, 1)
        full(True)
        relay_changes(engine, stream)
        assert (told, stream.owner(), trouble(engine)) == (["stream_unreachable"], None, None)


def test_a_trimmed_or_emptied_stream_still_knows_how_far_it_came(client: redis.Redis, stream: ChangeStream) -> None:
    assert stream.last_seq() == 0
    claimed(stream).append(ME, [{"seq": 5}])
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
    engine: Engine, stream: ChangeStream, client: redis.Redis, told: list[str]
) -> None:
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


def test_a_redis_that_hangs_costs_one_timeout(engine: Engine, told: list[str]) -> None:
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
