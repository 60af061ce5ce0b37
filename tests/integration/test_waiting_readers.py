"""Readers that wait: the long poll and the stream of server-sent events, over a real store and real HTTP."""

import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from tests.integration.test_api import TOPICS, get, serving
from tests.making import bring, discover, make_classified, make_flag, run_sql, set_entry
from tests.waiting import wait_until
from workers.deliver.api import stream as stream_module
from workers.deliver.api.app import Api, make_api
from workers.deliver.api.courtesy import LOOK_S, SHARE, Courtesy
from workers.domain.outcomes import State
from workers.store.changes import number


@pytest.fixture
def app(engine: Engine) -> Api:
    return make_api(engine, lambda: TOPICS, "1")


@pytest.fixture
def api(app: Api) -> Iterator[httpx.Client]:
    with serving(app) as client:
        yield client


def publish(engine: Engine, first: int, count: int = 1, topic: str = "border-cooperation", p: float = 0.91) -> None:
    """Let so many articles be classified, and their changes numbered."""
    ids = discover(engine, count, first=first)
    made = [make_classified(one, make_flag(topic, probability=p)) for one in range(first, first + count)]
    bring(engine, ids, State.CLASSIFIED, made)
    with engine.begin() as connection:
        number(connection)


@contextmanager
def streaming(api: httpx.Client, headers: dict[str, str] | None = None, **asked: Any) -> Iterator["queue.Queue[str]"]:
    """Give what the stream says, a block at a time."""
    told: queue.Queue[str] = queue.Queue()
    with api.stream("GET", "/v1/stream", params=asked, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()

        def read() -> None:
            block: list[str] = []
            try:
                for line in lines:
                    if line:
                        block.append(line)
                    else:
                        told.put("\n".join(block))
                        block = []
            except httpx.HTTPError:
                pass
            told.put("end")

        reader = threading.Thread(target=read)
        reader.start()
        assert told.get(timeout=10) == "retry: 2000"
        yield told
        answer.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        reader.join(10)


def seq_of(block: str) -> int:
    """Return the number of an event on the stream, which its data names too."""
    lines = dict(line.split(": ", 1) for line in block.splitlines())
    event = json.loads(lines["data"])
    assert int(lines["id"]) == event["seq"]
    return int(event["seq"])


class TestLongPoll:
    def test_a_change_is_there_long_before_the_time_is_over(self, api: httpx.Client, app: Api, engine: Engine) -> None:
        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(get, api, "/v1/changes", wait=9) for _ in range(3)]
            wait_until(lambda: app.newest._next, description="the store is asked for the waiting readers")
            publish(engine, 0)
            began = time.monotonic()
            pages = [one.result() for one in readers]
        assert [[one["seq"] for one in page["changes"]] for page in pages] == [[1]] * 3
        assert time.monotonic() - began < 3

    def test_without_a_change_the_page_is_empty_when_the_time_is_over(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0)
        began = time.monotonic()
        page = get(api, "/v1/changes", after=1, wait=0.5)
        assert (page, time.monotonic() - began >= 0.5) == ({"changes": [], "next_after": 1, "last_seq": 1}, True)

    def test_changes_for_others_move_the_cursor_and_wake_nobody(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0, 2)
        with ThreadPoolExecutor(1) as pool:
            reader = pool.submit(get, api, "/v1/changes", after=2, topic="sanctions", wait=9)
            publish(engine, 2)
            publish(engine, 3, topic="sanctions")
            page = reader.result()
        assert ([one["seq"] for one in page["changes"]], page["next_after"]) == ([4], 4)

    def test_what_is_there_is_answered_at_once(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0)
        began = time.monotonic()
        assert len(get(api, "/v1/changes", wait=60)["changes"]) == 1
        assert time.monotonic() - began < 5

    def test_one_reader_may_wait_a_number_of_times_at_once(
        self, api: httpx.Client, app: Api, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workers.deliver.api.limits.MOST_WAITING", 1)
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(get, api, "/v1/changes", wait=9)
            wait_until(lambda: app.newest._next, description="the first one waits")
            answer = api.get("/v1/changes", params={"wait": 1})
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
            publish(engine, 0)
            waits.result()
        assert api.get("/v1/changes", params={"after": 1, "wait": 0.1}).status_code == 200, "its place is free again"

    def test_who_leaves_gives_the_place_back(self, api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workers.deliver.api.limits.MOST_WAITING", 1)
        with pytest.raises(httpx.ReadTimeout):
            api.get("/v1/changes", params={"wait": 60}, timeout=0.5)
        wait_until(lambda: api.get("/v1/changes", params={"wait": 0.1}).status_code == 200, description="the place")

    def test_when_the_process_ends_nobody_is_kept_waiting(self, api: httpx.Client, app: Api) -> None:
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(get, api, "/v1/changes", wait=9)
            wait_until(lambda: app.newest._next, description="it waits")
            app.newest.close()
            began = time.monotonic()
            assert waits.result()["changes"] == []
        assert time.monotonic() - began < 5


class TestProbability:
    @pytest.mark.parametrize(
        ("asked", "seqs"),
        [
            ({"min_probability": 0.9}, [2, 3]),
            ({"min_probability": 0.95}, [3]),
            ({"min_probability": 0.9, "topic": "sanctions"}, [3]),
            ({"min_probability": 0.95, "topic": "border-cooperation"}, []),
            ({"min_probability": 0}, [1, 2, 3]),
        ],
    )
    def test_only_what_is_flagged_at_least_so_surely(
        self, api: httpx.Client, engine: Engine, asked: dict[str, Any], seqs: list[int]
    ) -> None:
        publish(engine, 0, p=0.6)
        publish(engine, 1, p=0.9)
        publish(engine, 2, topic="sanctions", p=0.99)
        publish_unflagged(engine, 3)
        assert [one["seq"] for one in get(api, "/v1/changes", **asked)["changes"]] == seqs
        assert sorted(int(one["title"][-1]) + 1 for one in get(api, "/v1/articles", **asked)["articles"]) == seqs

    def test_what_lost_its_flag_is_told_whatever_the_probability(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0)
        run_sql(engine, "UPDATE change SET unflagged = '{sanctions}', payload = payload || '{\"flags\": []}'")
        for asked in ({}, {"topic": "sanctions"}):
            assert len(get(api, "/v1/changes", min_probability=0.9, **asked)["changes"]) == 1
        assert get(api, "/v1/changes", min_probability=0.9, topic="quiet")["changes"] == []


def publish_unflagged(engine: Engine, name: int) -> None:
    ids = discover(engine, first=name)
    bring(engine, ids, State.CLASSIFIED, [make_classified(name, make_flag(flagged=False, probability=0.97))])
    with engine.begin() as connection:
        number(connection)


class TestText:
    def test_texts_come_when_asked_for(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0, 2)
        told = get(api, "/v1/changes", text=True)["changes"]
        assert sorted(one["data"]["article"]["text"][-2] for one in told) == ["0", "1"]
        assert "text" not in get(api, "/v1/changes")["changes"][0]["data"]["article"]
        with streaming(api, after=1, text=True) as blocks:
            assert '"text":"Border guards met.' in blocks.get(timeout=10)


class TestStream:
    def test_changes_come_in_order_as_they_are_numbered(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0, 3)
        with streaming(api, after=1) as blocks:
            publish(engine, 3, 2)
            assert [seq_of(blocks.get(timeout=10)) for _ in range(4)] == [2, 3, 4, 5]

    def test_without_a_cursor_it_begins_now(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0)
        with streaming(api) as blocks:
            publish(engine, 1)
            assert seq_of(blocks.get(timeout=10)) == 2

    def test_a_browser_that_comes_back_misses_nothing(self, api: httpx.Client, engine: Engine) -> None:
        """It asks the first address again, with the number of the last event in a header."""
        publish(engine, 0, 3)
        with streaming(api, {"last-event-id": "2"}, after=0) as blocks:
            assert seq_of(blocks.get(timeout=10)) == 3
        assert api.get("/v1/stream", headers={"last-event-id": "x"}).status_code == 422

    def test_filters(self, api: httpx.Client, engine: Engine) -> None:
        publish(engine, 0)
        publish(engine, 1, topic="sanctions")
        with streaming(api, after=0, topic="sanctions") as blocks:
            assert seq_of(blocks.get(timeout=10)) == 2
        for asked in ({"topic": "sanktions"}, {"topics": "sanctions"}, {"min_probability": 2}):
            assert api.get("/v1/stream", params=asked).status_code == 422

    def test_silence_is_broken_by_a_comment_that_moves_the_readers_number_on(
        self, api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream_module, "HEARTBEAT_S", 0.3)
        publish(engine, 0, 2)
        with streaming(api, after=0, topic="quiet") as blocks:
            assert blocks.get(timeout=10) == ": still here\nid: 2"

    def test_it_ends_when_the_process_does(self, api: httpx.Client, app: Api) -> None:
        with streaming(api) as blocks:
            app.newest.close()
            assert blocks.get(timeout=10) == "end"

    def test_a_reader_that_takes_nothing_is_cut_off(
        self, api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It costs a page of memory until then: what it does not take is not even read."""
        monkeypatch.setattr(stream_module, "SLOWEST_S", 1.5)  # long enough to be seen on a busy machine
        monkeypatch.setattr(stream_module, "HEARTBEAT_S", 0.2)
        monkeypatch.setattr("workers.deliver.api.limits.MOST_WAITING", 1)
        publish(engine, 0, 40)
        run_sql(engine, "UPDATE article SET text = repeat('x', 600000)")  # 24 MB, more than sockets hold
        with socket.create_connection((api.base_url.host, api.base_url.port)) as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            idle.sendall(b"GET /v1/stream?after=0&text=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(
                lambda: api.get("/v1/changes", params={"after": 40, "wait": 0.05}).status_code == 429,
                description="it has the place",
            )
            wait_until(
                lambda: api.get("/v1/changes", params={"after": 40, "wait": 0.05}).status_code == 200,
                description="its place is free again",
            )
            idle.settimeout(10)
            assert sum(map(len, iter(lambda: idle.recv(1 << 20), b""))) < 20_000_000, "the rest was thrown away"


class TestBesideABusyPath:
    """A worker has a page in hand: news goes before history (`workers.deliver.api.courtesy`)."""

    @pytest.fixture
    def costs(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
        """Let a worker hold a page; return what each page was."""
        publish(engine, 0, 60)
        (held,) = discover(engine, 1, first=100)
        later = datetime.now(UTC) + timedelta(minutes=1)
        set_entry(engine, held, state=State.FETCHED, due_at=later, lease_until=later)
        asked: list[tuple[int, float]] = []
        real = Courtesy.give_way

        async def give_way(self: Courtesy, events: int, cpu_s: float) -> None:
            asked.append((events, cpu_s))
            begun = time.monotonic()
            await real(self, events, 0.03)
            waited.append(time.monotonic() - begun)

        waited: list[float] = []
        monkeypatch.setattr(Courtesy, "give_way", give_way)
        self.waited = waited
        return asked

    def test_a_long_page_waits_and_a_short_one_does_not(
        self, api: httpx.Client, engine: Engine, costs: list[tuple[int, float]]
    ) -> None:
        assert len(get(api, "/v1/changes", limit=60)["changes"]) == 60
        assert len(get(api, "/v1/changes", limit=49)["changes"]) == 49
        run_sql(engine, "UPDATE entry SET lease_until = NULL, due_at = now() WHERE state = 'fetched'")
        time_is_over = time.monotonic() + LOOK_S
        wait_until(lambda: time.monotonic() > time_is_over, description="it looks again")
        assert len(get(api, "/v1/changes", limit=60)["changes"]) == 60
        assert [events for events, _ in costs] == [60, 49, 60]
        assert all(cpu_s > 0 for _, cpu_s in costs)
        assert self.waited[0] >= 0.03 / SHARE > max(self.waited[1:])

    def test_so_does_a_stream_that_catches_up(self, api: httpx.Client, costs: list[tuple[int, float]]) -> None:
        with streaming(api, after=0) as told:
            assert [seq_of(told.get(timeout=10)) for _ in range(60)] == list(range(1, 61))
        assert [events for events, _ in costs][:2] == [50, 10]
        assert self.waited[0] >= 0.03 / SHARE > self.waited[1]
