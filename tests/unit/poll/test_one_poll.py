"""One poll: what is asked, what an answer means, and what is written of it."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import AdminShutdown
from sqlalchemy.exc import OperationalError

from workers.domain.outcomes import Deferred, Dropped, DropReason, FeedOutcome, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.domain.urls import canonical_url
from workers.domain.values import FeedEntry, Source
from workers.poll.cadence import Bounds
from workers.poll.feed import ParsedFeed
from workers.poll.stage import Answer, Polled, ask, decide, poll_sources
from workers.store.sources import PollResult, Recorded, SourceDue

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOUNDS = Bounds(least=300, most=86_400)
FEED = b"<rss version='2.0'><channel><item><link>https://example.org/a?utm_source=x</link></item></channel></rss>"
ENTRY = FeedEntry(key="a", url="https://example.org/a?utm_source=x")


def due(name: str = "one", **changes: Any) -> SourceDue:
    source = Source(
        id=name,
        name=name,
        url=f"https://example.org/{name}.xml",
        language="en",
        country="IE",
        owner="nobody",
        state_owned=False,
    )
    usual: dict[str, Any] = {"source": source, "token": uuid4(), "interval_s": 900, "failures": 0}
    usual |= {"etag": None, "last_modified": None, "body_sha": None}
    return SourceDue(**(usual | changes))


def response(body: bytes = FEED, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(url="https://example.org/feed", status=status, headers=named, body=body, fetched_at=NOW)


class Answers:
    """A way out whose answers are given."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def __call__(
        self, url: str, *, headers: Mapping[str, str] | None = None, accept: tuple[str, ...] = ()
    ) -> Response:
        assert accept == ()
        self.asked.append((url, dict(headers or {})))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(one: SourceDue, *answers: Response | Exception) -> tuple[Answer, dict[str, str]]:
    get = Answers(*answers)
    answer = asyncio.run(ask(one, get))
    ((url, headers),) = get.asked
    assert url == one.source.url
    return answer, headers


def test_a_first_poll_asks_without_condition_and_gives_entries() -> None:
    answer, headers = asked(due(), response(content_type="application/rss+xml"))
    assert set(headers) == {"accept"}
    assert answer.outcome is FeedOutcome.OK
    assert answer.feed is not None
    assert [one.url for one in answer.feed.entries] == [ENTRY.url]


def test_a_later_poll_says_what_it_knows_and_takes_304_for_an_answer() -> None:
    known = due(etag='"x"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT")
    answer, headers = asked(known, response(b"", 304))
    assert headers["if-none-match"] == '"x"'
    assert headers["if-modified-since"] == "Sun, 01 Mar 2026 11:00:00 GMT"
    assert (answer.outcome, answer.feed) == (FeedOutcome.NOT_MODIFIED, None)


def test_the_same_body_is_not_read_twice() -> None:
    answer, _ = asked(due(body_sha=sha256(FEED).hexdigest()), response())
    assert (answer.outcome, answer.feed) == (FeedOutcome.NOT_MODIFIED, None)


def test_a_feed_that_takes_long_to_read_does_not_stop_the_clock_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    others_went_on = threading.Event()

    def slow(*_: object, **__: object) -> ParsedFeed:
        assert others_went_on.wait(5)
        return ParsedFeed(FeedOutcome.OK, (ENTRY,))

    async def scenario() -> Answer:
        reading = asyncio.create_task(ask(due(), Answers(response())))
        for _ in range(3):
            await asyncio.sleep(0)
        others_went_on.set()
        return await reading

    monkeypatch.setattr("workers.poll.stage.parse_feed", slow)
    assert asyncio.run(scenario()).outcome is FeedOutcome.OK


HOW_A_FETCH_ENDS = [
    *(Deferred(reason, "why", NOW) for reason in RetryReason),
    *(
        Dropped(reason, "why")
        for reason in (
            DropReason.GONE,
            DropReason.REFUSED,
            DropReason.TOO_LARGE,
            DropReason.BAD_URL,
            DropReason.BLOCKED_ADDRESS,
            DropReason.REDIRECT_LOOP,
            DropReason.ROBOTS,
        )
    ),
]


@pytest.mark.parametrize("ending", HOW_A_FETCH_ENDS, ids=lambda ending: ending.reason)
def test_every_end_of_a_fetch_is_an_outcome_of_the_source(ending: Dropped | Deferred) -> None:
    answer, _ = asked(due(), FetchFailed(ending))
    assert answer.outcome.value == ending.reason.value
    assert (answer.detail, answer.until) == ("why", NOW if isinstance(ending, Deferred) else None)


def test_what_nobody_expected_is_kept_with_its_traceback() -> None:
    answer, _ = asked(due(), ZeroDivisionError("the surprise"))
    assert answer.outcome is FeedOutcome.BUG
    assert "ZeroDivisionError: the surprise" in answer.detail
    assert "Traceback" in answer.detail


def decided(answer: Answer, **changes: Any) -> PollResult:
    return decide(due(**changes), answer, now=NOW, bounds=BOUNDS, jitter=0.0)


def test_a_feed_with_entries_is_written_with_their_identity_and_its_validators() -> None:
    headers: dict[str, Any] = {"etag": '"x"', "last_modified": "Sun, 01 Mar 2026 11:00:00 GMT"}
    answer = Answer(FeedOutcome.OK, response=response(**headers), feed=ParsedFeed(FeedOutcome.OK, (ENTRY,)))
    result = decided(answer)
    assert result.entries == (("https://example.org/a", ENTRY),)
    assert (result.etag, result.last_modified) == (headers["etag"], headers["last_modified"])
    assert result.body_sha == sha256(FEED).hexdigest()
    assert (result.interval_s, result.next_poll_s) == (600, 600)


@pytest.mark.parametrize("outcome", [FeedOutcome.CUT_OFF, FeedOutcome.EMPTY, FeedOutcome.NOT_A_FEED])
def test_an_answer_that_was_not_whole_is_asked_for_again_without_condition(outcome: FeedOutcome) -> None:
    result = decided(Answer(outcome, response=response(etag='"x"', last_modified="y"), feed=ParsedFeed(outcome)))
    assert (result.etag, result.last_modified, result.body_sha) == (None, None, None)


@pytest.mark.parametrize("etag", ['"é"', '"a\tb"', '"' + "x" * 2_000 + '"', ""])
def test_a_validator_that_no_request_could_carry_is_not_kept(etag: str) -> None:
    answer = Answer(FeedOutcome.OK, response=response(etag=etag), feed=ParsedFeed(FeedOutcome.OK, (ENTRY,)))
    assert decided(answer).etag is None


@pytest.mark.parametrize(
    ("answer", "failures", "interval_s", "next_poll_s"),
    [
        (Answer(FeedOutcome.NOT_MODIFIED), 3, 1_125, 1_125),
        (Answer(FeedOutcome.EMPTY, feed=ParsedFeed(FeedOutcome.EMPTY)), 3, 1_125, 1_125),
        (Answer(FeedOutcome.CUT_OFF, feed=ParsedFeed(FeedOutcome.CUT_OFF, (ENTRY,))), 3, 600, 600),
        (Answer(FeedOutcome.CUT_OFF, feed=ParsedFeed(FeedOutcome.CUT_OFF)), 0, 900, 900),
        (Answer(FeedOutcome.NOT_A_FEED), 0, 900, 900),
        (Answer(FeedOutcome.TIMEOUT), 1, 900, 1_800),
        (Answer(FeedOutcome.GONE), 3, 900, 7_200),
        (Answer(FeedOutcome.BUG), 500, 900, 86_400),
        (Answer(FeedOutcome.RATE_LIMITED, until=NOW + timedelta(hours=5)), 0, 900, 18_000),
    ],
)
def test_a_failure_backs_off_and_a_success_does_not(
    answer: Answer, failures: int, interval_s: int, next_poll_s: float
) -> None:
    result = decided(answer, failures=failures)
    assert (result.interval_s, result.next_poll_s) == (interval_s, next_poll_s)


def test_a_source_that_was_in_hand_when_a_process_died_is_first_tried_alone() -> None:
    result = decided(Answer(FeedOutcome.CRASHED), crashed=True)
    assert (result.next_poll_s, result.interval_s) == (0, 900)


def test_a_source_over_which_a_process_died_alone_is_not_asked_and_backs_off() -> None:
    one = due(crashed=True, alone=True, failures=2)
    answer = asyncio.run(ask(one, Answers()))  # a request would find no answer
    assert answer.outcome is FeedOutcome.CRASHED
    assert "died" in answer.detail
    result = decide(one, answer, now=NOW, bounds=BOUNDS, jitter=0.0)
    assert (result.outcome, result.next_poll_s, result.entries) == (FeedOutcome.CRASHED, 3_600, ())
    assert decided(answer, alone=True, failures=500).next_poll_s == BOUNDS.most


class FakeLedger:
    """A ledger of sources in memory, whose store may be away for some."""

    def __init__(self, **errors: Exception) -> None:
        self.errors = errors
        self.recorded: dict[str, PollResult] = {}
        self.excused: list[Exception] = []

    def claim(self, ids: Iterable[str]) -> list[SourceDue]:
        return [due(one) for one in ids]

    def record(self, one: SourceDue, result: PollResult) -> Recorded:
        if one.source.id in self.errors:
            raise self.errors[one.source.id]
        self.recorded[one.source.id] = result
        return Recorded(len(result.entries), tuple(uuid4() for _ in result.entries))

    @contextmanager
    def blameless(self, _claimed: object) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.excused.append(error)
            raise


def polled(ledger: FakeLedger, names: Iterable[str], get: Any, **given: Any) -> Coroutine[Any, Any, Polled]:
    sources: Any = ledger
    return poll_sources(names, sources=sources, get=get, bounds=BOUNDS, clock=lambda: NOW, **given)


async def always(_url: str, **_: object) -> Response:
    return response()


AWAY = OperationalError("UPDATE", None, AdminShutdown())


def test_a_store_that_goes_away_for_one_is_told_after_the_others_were_recorded() -> None:
    ledger = FakeLedger(bad=AWAY)
    with pytest.raises(OperationalError) as raised:
        asyncio.run(polled(ledger, ["bad", "good", "better"], always))
    assert set(ledger.recorded) == {"good", "better"}
    assert ledger.excused == [raised.value] == [AWAY], "the ledger gives it back"


class AwayOnce(FakeLedger):
    """A store that is away at the first try only."""

    def __init__(self, patience_s: float, **errors: Exception) -> None:
        super().__init__(**errors)
        self.patience_s = patience_s

    def claim(self, ids: Iterable[str]) -> list[SourceDue]:
        return [replace(one, until=time.monotonic() + self.patience_s) for one in super().claim(ids)]

    def record(self, one: SourceDue, result: PollResult) -> Recorded:
        if error := self.errors.pop(one.source.id, None):
            raise error
        return super().record(one, result)


def test_a_store_that_goes_away_for_a_moment_is_waited_for() -> None:
    ledger = AwayOnce(5, one=AWAY)
    assert asyncio.run(polled(ledger, ["one"], always)).counts == {FeedOutcome.OK: 1}


def test_a_store_that_went_away_is_not_taken_for_a_bug_of_the_source() -> None:
    ledger = AwayOnce(-1, one=AWAY)
    with pytest.raises(OperationalError):
        asyncio.run(polled(ledger, ["one"], always))
    assert ledger.recorded == {}


def test_what_nobody_expected_while_an_answer_is_weighed_is_kept_and_spares_the_batch_mates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = canonical_url

    def surprise(url: str) -> str:
        if "bad" in url:
            raise ZeroDivisionError("the surprise")
        return real(url)

    async def get(url: str, **_: object) -> Response:
        return response(FEED.replace(b"/a?", b"/bad?" if "bad" in url else b"/a?"))

    monkeypatch.setattr("workers.poll.stage.canonical_url", surprise)
    ledger = FakeLedger()
    done = asyncio.run(polled(ledger, ["bad", "good"], get))
    assert done.counts == {FeedOutcome.BUG: 1, FeedOutcome.OK: 1}
    assert (ledger.recorded["bad"].outcome, ledger.recorded["good"].outcome) == (FeedOutcome.BUG, FeedOutcome.OK)
    assert "ZeroDivisionError: the surprise" in ledger.recorded["bad"].detail


def test_one_that_cannot_be_recorded_at_all_spares_its_batch_mates_too() -> None:
    ledger = FakeLedger(bad=ZeroDivisionError("the surprise"))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(polled(ledger, ["bad", "good"], always))
    assert set(ledger.recorded) == {"good"}


def test_what_may_be_fetched_is_handed_on_before_the_slowest_answers() -> None:
    handed_on: list[list[UUID]] = []
    first = threading.Event()

    def hand_on(ids: list[UUID]) -> None:
        handed_on.append(ids)
        first.set()

    async def get(url: str, **_: object) -> Response:
        if url.endswith("/slow.xml"):
            assert await asyncio.to_thread(first.wait, 5)
        return response()

    done = asyncio.run(polled(FakeLedger(), ["slow", "quick"], get, hand_on=hand_on))
    assert [one for ids in handed_on for one in ids] == done.ready
    assert [len(ids) for ids in handed_on] == [1, 1]


def test_while_a_poll_is_recorded_the_others_go_on() -> None:
    class Ledger(FakeLedger):
        recording, went_on = threading.Event(), threading.Event()

        def record(self, one: SourceDue, result: PollResult) -> Recorded:
            if one.source.id == "quick":
                self.recording.set()
                assert self.went_on.wait(5), "the loop stood still"
            return super().record(one, result)

    ledger = Ledger()

    async def get(url: str, **_: object) -> Response:
        if url.endswith("/slow.xml"):
            while not ledger.recording.is_set():
                await asyncio.sleep(0.01)
            ledger.went_on.set()
        return response()

    assert asyncio.run(polled(ledger, ["quick", "slow"], get)).counts == {FeedOutcome.OK: 2}


def test_nothing_goes_on_in_the_background_when_polling_is_given_up() -> None:
    ended: list[str] = []

    async def get(url: str, **_: object) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(url)
        raise AssertionError

    async def scenario() -> set[Any]:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(polled(FakeLedger(), ["one"], get), 0.05)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(scenario()) == set()
    assert ended == ["https://example.org/one.xml"]
