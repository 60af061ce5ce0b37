"""Changes pushed to real receivers on loopback, from a real store.

Days pass by moving what a subscription's row says of the past: `pass_time`.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select
from standardwebhooks import Webhook

from tests.hostile import Connection, HostileServer
from tests.making import bring, discover, make_classified, make_flag, run_sql
from tests.receiver import Got, Receiver
from workers.deliver.webhooks.retry import DAY_S, HOUR_S
from workers.deliver.webhooks.signing import secret_of
from workers.deliver.webhooks.stage import Pusher
from workers.domain.outcomes import State
from workers.fetch.guard import BoundedStream
from workers.fetch.post import MOST_BYTES, HttpPoster
from workers.store import webhooks as store
from workers.store.changes import number, take_relay_lock
from workers.store.schema import webhook
from workers.store.webhooks import WebhookBook
from workers.telemetry import EVENTS

SECRET, NEXT_SECRET = secret_of(b"1" * 32), secret_of(b"2" * 32)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the log is told."""
    events: list[tuple[str, dict[str, Any]]] = []

    def event(name: str, **facts: Any) -> None:
        assert name in EVENTS
        events.append((name, facts))

    monkeypatch.setattr("workers.deliver.webhooks.stage.event", event)
    return events


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def publish(engine: Engine, count: int, *, first: int = 0) -> None:
    """Number `count` further changes."""
    bring(engine, discover(engine, count, first=first), State.CLASSIFIED)
    relay(engine)


def relay(engine: Engine) -> None:
    with engine.begin() as connection:
        assert take_relay_lock(connection)
        number(connection)


def subscribe(engine: Engine, url: str, *, text: bool = False, **filters: Any) -> int:
    return store.add_webhook(engine, url, filters=filters, with_text=text, secret=SECRET)


async def look(engine: Engine, *allowed: str, looks: int, deadline_s: float, book: WebhookBook | None) -> None:
    post = HttpPoster(
        user_agent="test", deadline_s=deadline_s, allowed=allowed, clock=lambda: datetime.now(UTC), connections=50
    )
    pusher = Pusher(book=book or WebhookBook(engine), post=post, clock=lambda: datetime.now(UTC), chance=lambda: 0.5)
    try:
        for _ in range(looks):
            await pusher.look()
            await asyncio.gather(*pusher.serving)
    finally:
        await post.close()


def push(
    engine: Engine, *allowed: str, looks: int = 1, deadline_s: float = 15, book: WebhookBook | None = None
) -> None:
    """Let a pusher look and serve what is due, to the end."""
    asyncio.run(look(engine, *allowed, looks=looks, deadline_s=deadline_s, book=book))


def of(engine: Engine, one: int) -> dict[str, Any]:
    return store.webhooks(engine, one)[0]


def pass_time(engine: Engine, seconds: float) -> None:
    """Let time pass for every subscription."""
    times = ("attempt_since", "failing_since", "not_before", "lease_until", "previous_until")
    moved = ", ".join(f"{name} = {name} - make_interval(secs => :s)" for name in times)
    run_sql(engine, f"UPDATE webhook SET {moved}", s=seconds)


def until_due(engine: Engine, one: int) -> float:
    """Return the seconds until a subscription is tried again."""
    row = of(engine, one)
    return max(0.0, float((row["not_before"] - row["now"]).total_seconds()))


# --- what a receiver gets ----------------------------------------------------------------------


def test_changes_arrive_in_order_signed_and_once(engine: Engine, receiver: Receiver) -> None:
    one = subscribe(engine, receiver.url)
    publish(engine, 45)
    push(engine, receiver.pair, looks=2)
    assert receiver.seqs == list(range(1, 46))
    for got in receiver.got:
        assert Webhook(SECRET).verify(got.body, dict(got.headers))["id"] == got.headers["webhook-id"]
    assert receiver.got[0].headers["content-type"] == "application/cloudevents+json"
    assert receiver.got[0].event["data"]["article"].get("text") is None
    row = of(engine, one)
    assert (row["behind"], row["dead"], row["last_status"], row["lease_until"]) == (0, 0, 200, None)


def test_the_text_comes_to_who_asked_for_it(engine: Engine, receiver: Receiver) -> None:
    subscribe(engine, receiver.url, text=True)
    publish(engine, 1)
    push(engine, receiver.pair)
    assert receiver.got[0].event["data"]["article"]["text"].startswith("Border guards met.")


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, "1234"),
        ({"topic": "border-cooperation"}, "13"),
        ({"language": "fa"}, "2"),
        ({"source": "harbour"}, "4"),
        ({"country": "IR"}, ""),
        ({"topic": "border-cooperation", "min_probability": 0.9}, "1"),
        ({"topic": "arms-control", "min_probability": 0.9}, "24"),
    ],
    ids=str,
)
def test_a_subscription_gets_what_it_asks_for(
    engine: Engine, receiver: Receiver, filters: dict[str, Any], names: str
) -> None:
    arms = make_flag("arms-control", probability=0.95)
    border = make_flag(probability=0.6)
    made = [make_classified(1), make_classified(2, arms, language="fa"), make_classified(3, border)]
    bring(engine, discover(engine, 3), State.CLASSIFIED, made)
    bring(engine, discover(engine, 1, source="harbour", first=9), State.CLASSIFIED, [make_classified(4, arms)])
    one = subscribe(engine, receiver.url, **filters)
    relay(engine)
    push(engine, receiver.pair, looks=2)
    assert receiver.seqs == sorted(receiver.seqs)
    assert sorted(got.event["data"]["article"]["title"][-1] for got in receiver.got) == list(names)
    assert of(engine, one)["behind"] == 0


def test_a_new_subscription_begins_with_the_next_change(engine: Engine, receiver: Receiver) -> None:
    publish(engine, 3)
    subscribe(engine, receiver.url)
    publish(engine, 1, first=3)
    push(engine, receiver.pair)
    assert receiver.seqs == [4]


def test_during_a_rotation_both_secrets_verify_and_afterwards_the_new_one(engine: Engine, receiver: Receiver) -> None:
    one = subscribe(engine, receiver.url)
    assert store.rotate(engine, one, NEXT_SECRET, both_s=3_600)
    for seq in range(2):
        publish(engine, 1, first=seq)
        push(engine, receiver.pair)
        pass_time(engine, 3_601)
    during, after = (got.headers["webhook-signature"].split(" ") for got in receiver.got)
    assert (len(during), len(after)) == (2, 1)
    for got, secret in ((0, SECRET), (0, NEXT_SECRET), (1, NEXT_SECRET)):
        assert Webhook(secret).verify(receiver.got[got].body, dict(receiver.got[got].headers))


def test_replay_sends_again_from_a_number(engine: Engine, receiver: Receiver) -> None:
    one = subscribe(engine, receiver.url)
    publish(engine, 5)
    push(engine, receiver.pair)
    assert store.replay(engine, one, 2)
    push(engine, receiver.pair)
    assert receiver.seqs == [1, 2, 3, 4, 5, 3, 4, 5]
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 5


def test_replay_from_a_number_that_is_not_given_yet_skips_nothing(engine: Engine, receiver: Receiver) -> None:
    one = subscribe(engine, receiver.url)
    publish(engine, 1)
    store.replay(engine, one, 100)
    publish(engine, 1, first=1)
    push(engine, receiver.pair)
    assert receiver.seqs == [2]


def test_replay_from_a_time_begins_with_the_first_change_that_is_not_older(engine: Engine) -> None:
    publish(engine, 4)
    for seq, minute in ((1, 10), (2, 30), (3, 20), (4, 40)):  # a time may go back while the number goes on
        run_sql(engine, "UPDATE change SET created_at = :at WHERE seq = :seq", seq=seq, at=moment(minute))
    assert [store.seq_before(engine, moment(minute)) for minute in (0, 10, 15, 25, 35, 50)] == [0, 0, 1, 1, 3, 4]


def moment(minute: int) -> datetime:
    return datetime(2026, 3, 1, 12, minute, tzinfo=UTC)


# --- at least once ---------------------------------------------------------------------------------


class DyingBook(WebhookBook):
    """A pusher's book whose process dies between a delivery and its bookkeeping."""

    deaths = 1

    def delivered(self, *arguments: Any) -> bool:
        if self.deaths:
            self.deaths -= 1
            raise MemoryError
        return super().delivered(*arguments)


def test_who_dies_after_a_delivery_delivers_it_again_when_its_lease_has_ended(
    engine: Engine, receiver: Receiver, told: list[Any]
) -> None:
    subscribe(engine, receiver.url)
    publish(engine, 3)
    push(engine, receiver.pair, book=DyingBook(engine))
    push(engine, receiver.pair)
    assert receiver.seqs == [1], "the dead pusher's lease keeps others away"
    pass_time(engine, store.LEASE_S + 1)
    push(engine, receiver.pair)
    assert receiver.seqs == [1, 1, 2, 3]
    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]


def test_two_pushers_at_once_deliver_each_change_once_in_order(engine: Engine) -> None:
    with Receiver() as first, Receiver() as second:
        for receiver in (first, second):
            subscribe(engine, receiver.url)
        publish(engine, 30)
        pairs = first.pair, second.pair

        async def both() -> None:
            options: dict[str, Any] = {"looks": 3, "deadline_s": 15, "book": None}
            await asyncio.gather(look(engine, *pairs, **options), look(engine, *pairs, **options))

        asyncio.run(both())
        assert first.seqs == second.seqs == list(range(1, 31))


def test_a_subscription_that_another_one_is_just_taking_is_passed_over(engine: Engine) -> None:
    subscribe(engine, "http://127.0.0.1:1/")
    publish(engine, 1)
    with engine.begin() as connection:
        connection.execute(select(webhook).with_for_update())
        assert WebhookBook(engine).claim(9) == []
    assert len(WebhookBook(engine).claim(9)) == 1


def test_who_lost_the_lease_writes_nothing(engine: Engine, receiver: Receiver) -> None:
    one = subscribe(engine, receiver.url)
    publish(engine, 2)
    book = WebhookBook(engine)
    (old,) = book.claim(9)
    assert book.claim(9) == []
    pass_time(engine, store.LEASE_S + 1)
    (new,) = book.claim(9)
    row = book.read(old, 0, 1).rows[0]
    assert not book.delivered(old, 1, 200)
    assert not book.move(old, 1)
    assert not book.set_aside(old, row, "late")
    assert not book.switch_off(old)
    assert book.failed(old, 500, "late") is None
    book.wait(old, 60)
    assert store.dead_letters(engine, one, 9) == []
    assert book.delivered(new, 1, 200)


@pytest.mark.parametrize("change", [store.pause, store.remove, lambda engine, one: store.replay(engine, one, 0)])
def test_what_an_operator_says_holds_at_once(engine: Engine, change: Callable[[Engine, int], bool]) -> None:
    one = subscribe(engine, "http://127.0.0.1:1/")
    publish(engine, 2)
    book = WebhookBook(engine)
    (held,) = book.claim(9)
    assert change(engine, one)
    assert not book.delivered(held, 2, 200)


def test_a_paused_subscription_gets_nothing_and_goes_on_where_it_stopped(engine: Engine, receiver: Receiver) -> None:
    one = subscribe(engine, receiver.url)
    store.pause(engine, one)
    publish(engine, 2)
    push(engine, receiver.pair)
    assert receiver.seqs == []
    store.resume(engine, one)
    push(engine, receiver.pair)
    assert receiver.seqs == [1, 2]


# --- receivers that fail ---------------------------------------------------------------------------


def test_after_an_hour_away_the_backlog_arrives_in_order_within_five_minutes(
    engine: Engine, receiver: Receiver, told: list[Any]
) -> None:
    one = subscribe(engine, receiver.url)
    receiver.answer = lambda _: 500
    publish(engine, 50)
    for passing in (HOUR_S / 2, HOUR_S / 2, 0):
        push(engine, receiver.pair)
        pass_time(engine, passing)
    publish(engine, 50, first=50)
    assert set(receiver.seqs) == {1}
    # it comes back at the worst moment: just after a try
    receiver.answer = lambda _: 200
    receiver.got.clear()
    back, waited = time.monotonic(), until_due(engine, one)
    assert waited > 60
    push(engine, receiver.pair)
    assert receiver.seqs == [], "it is not asked before"
    pass_time(engine, waited + 0.01)
    push(engine, receiver.pair)
    assert receiver.seqs == list(range(1, 101))
    assert waited + time.monotonic() - back < 300
    assert of(engine, one)["failing_since"] is None


def test_after_three_days_a_change_is_a_dead_letter_and_the_next_one_has_its_turn(
    engine: Engine, receiver: Receiver, told: list[Any]
) -> None:
    def answer(got: Got) -> int:
        return 500 if got.event["seq"] == 1 else 200

    one = subscribe(engine, receiver.url)
    receiver.answer = answer
    publish(engine, 3)
    push(engine, receiver.pair)
    for _ in range(9):
        pass_time(engine, 8 * HOUR_S)
        push(engine, receiver.pair)
    assert receiver.seqs == [*[1] * 10, 2, 3]
    (letter,) = store.dead_letters(engine, one, 9)
    assert (letter["seq"], letter["reason"]) == (1, "HTTP 500")
    assert str(letter["event_id"]) == receiver.got[0].headers["webhook-id"]
    assert [name for name, _ in told if name == "webhook_dead_letter"] == ["webhook_dead_letter"]
    # replayed it arrives, once the receiver is mended
    receiver.answer = lambda _: 200
    store.replay(engine, one, 0)
    push(engine, receiver.pair)
    assert receiver.seqs[-3:] == [1, 2, 3]


def test_what_a_receiver_refuses_holds_the_others_up_for_an_hour_only(
    engine: Engine, receiver: Receiver, told: list[Any]
) -> None:
    one = subscribe(engine, receiver.url)
    receiver.answer = lambda got: 413 if got.event["seq"] == 1 else 200
    publish(engine, 2)
    for passing in [*[HOUR_S / 10] * 10, 0]:
        assert receiver.seqs[-1:] != [2], "it was given up before an hour was over"
        push(engine, receiver.pair)
        pass_time(engine, passing)
    assert receiver.seqs[-1] == 2
    assert [letter["reason"] for letter in store.dead_letters(engine, one, 9)] == ["HTTP 413"]


def test_after_five_days_without_a_success_it_is_switched_off_with_an_event(
    engine: Engine, receiver: Receiver, told: list[Any]
) -> None:
    one = subscribe(engine, receiver.url)
    receiver.answer = lambda _: 503
    publish(engine, 4)
    passed = 0.0
    while of(engine, one)["state"] == "active":
        push(engine, receiver.pair)
        passed += 6 * HOUR_S
        pass_time(engine, 6 * HOUR_S)
    assert 5 <= passed / DAY_S <= 5.75
    assert store.switched_off(engine) == [one]
    assert [letter["seq"] for letter in store.dead_letters(engine, one, 9)] == [1]
    name, facts = told[-1]
    assert (name, facts["webhook"], facts["level"]) == ("webhook_off", one, "error")
    tried = len(receiver.got)
    push(engine, receiver.pair)
    assert len(receiver.got) == tried
    receiver.answer = lambda _: 200
    store.resume(engine, one)
    push(engine, receiver.pair)
    assert receiver.seqs[tried:] == [2, 3, 4]


def test_a_receiver_that_is_gone_is_switched_off_at_once(engine: Engine, receiver: Receiver, told: list[Any]) -> None:
    one = subscribe(engine, receiver.url)
    receiver.answer = lambda _: 410
    publish(engine, 2)
    push(engine, receiver.pair)
    assert (of(engine, one)["state"], receiver.seqs) == ("off", [1])


def test_a_receiver_that_is_busy_says_for_how_long(engine: Engine, receiver: Receiver, told: list[Any]) -> None:
    one = subscribe(engine, receiver.url)
    receiver.answer, receiver.headers = lambda _: 429, {"retry-after": "600"}
    publish(engine, 1)
    push(engine, receiver.pair)
    assert 590 < until_due(engine, one) <= 600


def test_a_redirect_is_not_followed(engine: Engine, receiver: Receiver, told: list[Any]) -> None:
    with Receiver() as other:
        one = subscribe(engine, receiver.url)
        receiver.answer, receiver.headers = lambda _: 307, {"location": other.url}
        publish(engine, 1)
        push(engine, receiver.pair, other.pair)
        assert (len(receiver.got), other.got) == (1, [])
    assert of(engine, one)["last_error"] == "HTTP 307"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1"])
def test_a_receiver_inside_is_refused_unless_an_operator_allows_it(
    engine: Engine, receiver: Receiver, told: list[Any], host: str, only_loopback: list[Any]
) -> None:
    one = subscribe(engine, f"http://{host}/hook")
    publish(engine, 1)
    push(engine)
    assert receiver.got == []
    assert of(engine, one)["last_error"].startswith("blocked_address")
    assert only_loopback == []


def test_a_receiver_that_hangs_holds_up_nobody(engine: Engine, told: list[Any]) -> None:
    with Receiver() as slow, Receiver() as quick:
        slow.answer = slow.hang
        late = subscribe(engine, slow.url)
        subscribe(engine, quick.url)
        publish(engine, 2)
        arrived: list[bool] = []
        quick.answer = lambda _: arrived.append(of(engine, late)["attempt"] == 0) or 200
        began = time.monotonic()
        push(engine, slow.pair, quick.pair, deadline_s=1.5)
        assert (quick.seqs, slow.seqs) == ([1, 2], [1])
        assert arrived == [True, True], "the quick one did not wait for the slow one"
        assert time.monotonic() - began < 10
    row = of(engine, late)
    assert row["last_error"] == "timeout: not done after 1.5 s"
    assert row["attempt"] == 1


def test_of_an_answer_without_an_end_64_kib_are_read_and_it_counts(
    engine: Engine, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.dribble(iter(lambda: b"x" * 10_000, None), 0.001)

    sizes: list[int] = []
    read = BoundedStream.read

    async def counted(self: BoundedStream, *arguments: Any, **named: Any) -> bytes:
        data = await read(self, *arguments, **named)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(BoundedStream, "read", counted)
    with HostileServer(endless) as server:
        one = subscribe(engine, server.url)
        publish(engine, 1)
        push(engine, server.pair)
        assert of(engine, one)["behind"] == 0
    assert MOST_BYTES < sum(sizes) < 2 * MOST_BYTES + max(sizes)


def test_a_secret_is_never_told(engine: Engine, receiver: Receiver, told: list[Any]) -> None:
    one = subscribe(engine, receiver.url)
    receiver.answer = lambda _: 500
    publish(engine, 1)
    push(engine, receiver.pair)
    kept = SECRET.removeprefix("whsec_")
    assert kept not in str(told)
    assert kept not in str(of(engine, one))


def test_the_running_pusher_is_quick_and_stops_when_told(engine: Engine, receiver: Receiver) -> None:
    subscribe(engine, receiver.url)
    clock = lambda: datetime.now(UTC)  # noqa: E731
    beats: list[float] = []

    async def run() -> float:
        post = HttpPoster(user_agent="test", deadline_s=15, allowed=[receiver.pair], clock=clock, connections=50)
        pusher = Pusher(book=WebhookBook(engine), post=post, clock=clock)
        running = asyncio.create_task(pusher.run(lambda: beats.append(time.monotonic())))
        while not beats:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(publish, engine, 3)
        committed = time.monotonic()
        while len(receiver.got) < 3:
            await asyncio.sleep(0.01)
        took = time.monotonic() - committed
        pusher.stopping.set()
        await running
        await post.close()
        return took

    assert asyncio.run(run()) < 2
    assert threading.active_count() < 50
