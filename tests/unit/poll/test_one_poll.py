"""One poll: what is asked, what an answer means, and what is written of it."""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from workers.domain.outcomes import Deferred, Dropped, DropReason, FeedOutcome, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.domain.values import FeedEntry, Source
from workers.poll.cadence import Bounds
from workers.poll.feed import ParsedFeed
from workers.poll.stage import Answer, ask, decide, poll_sources
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


class BrokenLedger:
    """A store that went away between claim and record."""

    def claim(self, ids: Iterable[str]) -> list[SourceDue]:
        return [due(one) for one in ids]

    def record(self, _due: SourceDue, _result: PollResult) -> Recorded:
        raise ConnectionError("the store is away")


def test_nothing_goes_on_in_the_background_when_the_store_fails() -> None:
    ended: list[str] = []

    async def get(url: str, **_: object) -> Response:
        if url.endswith("/quick.xml"):
            return response()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(url)
        raise AssertionError

    async def scenario() -> set[Any]:
        with pytest.raises(ConnectionError, match="away"):
            await poll_sources(
                ["quick", "slow"],
                sources=BrokenLedger(),  # type: ignore[arg-type]
                get=get,
                bounds=BOUNDS,
                clock=lambda: NOW,
            )
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(scenario()) == set()
    assert ended == ["https://example.org/slow.xml"]
