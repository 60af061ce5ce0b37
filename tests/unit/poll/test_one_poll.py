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

from tests.manners import scripted
from workers.domain.outcomes import Deferred, Dropped, DropReason, FeedOutcome, Hop, RetryReason
from workers.domain.ports import FetchFailed, Response
from workers.domain.values import FeedEntry, Source
from workers.poll import stage
from workers.poll.cadence import Bounds, Habits, from_json, to_json
from workers.poll.documents.parsed import ParsedFeed
from workers.poll.stage import Answer, Polled, ask, decide, permanent_target, poll_sources
from workers.store.polls import Document, Pending, PollResult, Recorded, Schedule, SourceDue

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOUNDS = Bounds(least=300, most=86_400)
FEED = b"<rss version='2.0'><channel><item><link>https://example.org/a?utm_source=x</link></item></channel></rss>"
#: Of a source whose body was looked at a moment ago.
BELIEVED = to_json(Habits(answered_at=NOW - timedelta(minutes=15), whole_at=NOW - timedelta(minutes=15)))
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
    usual: dict[str, Any] = {"source": source, "token": uuid4(), "failures": 0, "habits": BELIEVED}
    known = {name: changes.pop(name) for name in ("etag", "last_modified", "body_sha", "more") if name in changes}
    return SourceDue(**(usual | {"documents": {source.url: Document(**known)}} | changes))


def response(body: bytes = FEED, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(url="https://example.org/feed", status=status, headers=named, body=body, fetched_at=NOW)


class Answers:
    """A session whose answers are given."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.wishes: dict[str, Any] = {}

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        accept: tuple[str, ...] = (),
        hops: tuple[Hop, ...] = (),
        robots: bool = True,
    ) -> Response:
        assert accept == ()
        self.asked.append((url, dict(headers or {})))
        self.wishes = {"hops": hops, "robots": robots}
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def is_crowded(self) -> bool:
        """Nobody waits."""
        return False

    async def done(self, urls: Iterable[str]) -> None:
        """Nobody waits."""


def asked(one: SourceDue, *answers: Response | Exception) -> tuple[Answer, dict[str, str]]:
    session = Answers(*answers)
    answer = asyncio.run(ask(one, session, now=NOW))
    ((url, headers),) = session.asked
    assert url == one.asked_at
    assert session.wishes == {"hops": one.pending.hops, "robots": one.source.obeys_robots}
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


@pytest.mark.parametrize("hours", [0.5, 2, 100])
def test_validators_are_not_believed_for_long_without_a_look_at_the_body(hours: float) -> None:
    looked = NOW - timedelta(hours=hours)
    known = due(etag='"x"', habits=to_json(Habits(answered_at=looked, whole_at=looked)))
    answer, headers = asked(known, response())
    assert ("if-none-match" in headers) == (hours < 1)
    assert answer.conditional == (hours < 1)


def test_a_source_that_nobody_knows_is_asked_for_its_body() -> None:
    _, headers = asked(due(etag='"x"', habits={}), response())
    assert set(headers) == {"accept"}


HOP = Hop(302, "https://other.example/feed")


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        ({"address": "https://example.org/moved"}, "https://example.org/moved"),
        ({"pending": Pending(hops=(HOP,))}, "https://example.org/one.xml"),
        ({"pending": Pending(documents=("https://example.org/1", "https://example.org/2"))}, "https://example.org/1"),
    ],
)
def test_a_poll_goes_on_where_the_source_stands(facts: dict[str, Any], url: str) -> None:
    one = due(**facts)
    answer, _ = asked(one, response())
    assert (one.asked_at, answer.outcome) == (url, FeedOutcome.OK)


CHILDREN = ("https://example.org/1", "https://example.org/2")


def test_each_document_of_an_index_is_asked_for_with_its_own_validators() -> None:
    known = {"https://example.org/1": Document(etag='"child"'), "https://example.org/one.xml": Document(etag='"index"')}
    for pending, sent in ((Pending(), '"index"'), (Pending(documents=CHILDREN), '"child"')):
        _, headers = asked(due(documents=known, pending=pending), response())
        assert headers["if-none-match"] == sent
    _, headers = asked(due(documents=known, pending=Pending(documents=CHILDREN[1:])), response())
    assert set(headers) == {"accept"}, "what was never read is asked for whole"


def test_a_body_is_compared_with_that_of_the_same_document_only() -> None:
    one = due(body_sha=sha256(FEED).hexdigest(), pending=Pending(documents=CHILDREN))
    assert asked(one, response())[0].outcome is FeedOutcome.OK


@pytest.mark.parametrize("answer", [response(b"", 304), response()])
def test_an_index_that_did_not_change_leads_to_its_children_all_the_same(answer: Response) -> None:
    one = due(etag='"index"', body_sha=sha256(FEED).hexdigest(), more=CHILDREN)
    found, _ = asked(one, answer)
    result = decide(one, found, now=NOW, bounds=BOUNDS, jitter=0.0)
    assert (result.outcome, result.was_read) == (FeedOutcome.NOT_MODIFIED, False)
    assert (result.pending.documents, result.schedule(0)) == (CHILDREN, Schedule(wait_s=0.0))


@pytest.mark.parametrize(
    ("statuses", "looked", "silence"),
    [
        ((200, 200, 200), True, 0),
        ((304, 200, 200), False, 1),
        ((200, 304, 200), False, 1),
        ((200, 200, 304), False, 1),
    ],
)
def test_a_poll_of_several_documents_is_a_look_at_the_body_when_all_of_them_were_read(
    statuses: tuple[int, ...], looked: bool, silence: int
) -> None:
    pending = Pending()
    for number, status in enumerate(statuses):
        one = due(pending=pending, etag='"x"', more=CHILDREN)
        index = ParsedFeed(FeedOutcome.EMPTY, more=CHILDREN) if number == 0 else ParsedFeed(FeedOutcome.OK, (ENTRY,))
        more = CHILDREN if number == 0 else ()
        answer = Answer(outcome=FeedOutcome.NOT_MODIFIED, response=response(b"", 304), more=more, conditional=True)
        if status == 200:
            answer = Answer(outcome=index.outcome, response=response(), feed=index, more=index.more, body_sha="x")
        result = decide(one, answer, now=NOW, bounds=BOUNDS, jitter=0.0)
        pending = result.pending
    assert pending == Pending()
    habits = from_json(result.schedule(0).habits or {})
    assert (habits.whole_at == NOW, habits.silence) == (looked, silence)


@pytest.mark.parametrize(("kind", "kept"), [("sitemap", True), ("feed", False), ("listing", False)])
def test_of_an_empty_answer_only_a_sitemaps_is_kept(kind: str, kept: bool) -> None:
    one = due()
    one = replace(one, source=replace(one.source, kind=kind))
    result = decide(one, of_a_feed(outcome=FeedOutcome.EMPTY, etag='"x"'), now=NOW, bounds=BOUNDS, jitter=0.0)
    assert (result.document is not None) == kept


def test_the_same_body_is_not_read_twice() -> None:
    answer, _ = asked(due(body_sha=sha256(FEED).hexdigest()), response())
    assert (answer.outcome, answer.feed) == (FeedOutcome.NOT_MODIFIED, None)


def test_a_feed_that_takes_long_to_read_does_not_stop_the_clock_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    others_went_on = threading.Event()

    def slow(*_: object, **__: object) -> ParsedFeed:
        assert others_went_on.wait(5)
        return ParsedFeed(FeedOutcome.OK, (ENTRY,))

    async def scenario() -> Answer:
        reading = asyncio.create_task(ask(due(), Answers(response()), now=NOW))
        for _ in range(3):
            await asyncio.sleep(0)
        others_went_on.set()
        return await reading

    monkeypatch.setattr("workers.poll.stage.read_source", slow)
    assert asyncio.run(scenario()).outcome is FeedOutcome.OK


HOW_A_FETCH_ENDS = [
    *(Deferred(reason, "why", 40.0) for reason in RetryReason if reason is not RetryReason.WAITING),
    *(
        Dropped(reason, "why")
        for reason in (
            DropReason.GONE,
            DropReason.HTTP_4XX,
            DropReason.TOO_LARGE,
            DropReason.BAD_URL,
            DropReason.BLOCKED_ADDRESS,
            DropReason.REDIRECT_LOOP,
            DropReason.DISALLOWED,
        )
    ),
]


@pytest.mark.parametrize("ending", HOW_A_FETCH_ENDS, ids=lambda ending: ending.reason)
def test_every_end_of_a_fetch_is_an_outcome_of_the_source(ending: Dropped | Deferred) -> None:
    answer, _ = asked(due(), FetchFailed(ending))
    assert answer.outcome is not None
    assert answer.outcome.value == ending.reason.value
    assert (answer.detail, answer.wait_s) == ("why", 40.0 if isinstance(ending, Deferred) else None)


def test_a_poll_whose_turn_has_not_come_is_no_outcome() -> None:
    answer, _ = asked(due(), FetchFailed(Deferred(RetryReason.WAITING, "why", 40.0, hops=(HOP,))))
    assert (answer.outcome, answer.wait_s, answer.hops) == (None, 40.0, (HOP,))


def test_what_nobody_expected_is_kept_with_its_traceback() -> None:
    answer, _ = asked(due(), ZeroDivisionError("the surprise"))
    assert answer.outcome is FeedOutcome.BUG
    assert "ZeroDivisionError: the surprise" in answer.detail
    assert "Traceback" in answer.detail


def decided(answer: Answer, **changes: Any) -> PollResult:
    return decide(due(**changes), answer, now=NOW, bounds=BOUNDS, jitter=0.0)


def of_a_feed(*entries: FeedEntry, outcome: FeedOutcome = FeedOutcome.OK, **headers: str) -> Answer:
    sha = sha256(FEED).hexdigest()
    return Answer(outcome=outcome, response=response(**headers), feed=ParsedFeed(outcome, entries), body_sha=sha)


def test_a_feed_with_entries_is_written_with_its_validators() -> None:
    headers: dict[str, Any] = {"etag": '"x"', "last_modified": "Sun, 01 Mar 2026 11:00:00 GMT"}
    result = decided(of_a_feed(ENTRY, **headers))
    assert result.entries == (ENTRY,)
    assert result.document == Document(**headers, body_sha=sha256(FEED).hexdigest())
    assert result.was_read


def test_more_new_entries_are_a_reason_to_come_back_sooner() -> None:
    schedule = decided(of_a_feed(*[ENTRY] * 20)).schedule
    waits = [schedule(new).wait_s for new in (0, 1, 5, 20)]
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > waits[-1] >= BOUNDS.least
    assert from_json(schedule(5).habits or {}).window == 20


@pytest.mark.parametrize("outcome", [FeedOutcome.CUT_OFF, FeedOutcome.EMPTY])
def test_an_answer_that_was_not_whole_is_asked_for_again_without_condition(outcome: FeedOutcome) -> None:
    result = decided(of_a_feed(outcome=outcome, etag='"x"', last_modified="y"))
    assert (result.document, result.was_read) == (None, True)


@pytest.mark.parametrize("outcome", [FeedOutcome.TIMEOUT, FeedOutcome.NOT_A_FEED, FeedOutcome.NOT_MODIFIED])
def test_an_answer_without_a_list_leaves_what_was_kept_of_the_last_one(outcome: FeedOutcome) -> None:
    assert not decided(Answer(outcome=outcome)).was_read


def test_a_poll_that_waits_keeps_what_it_has_and_the_redirects_that_it_followed() -> None:
    before = Pending(hops=(HOP,), documents=("https://example.org/1",), entries=7, new=3)
    result = decided(Answer(outcome=None, wait_s=40.0), pending=before)
    assert (result.outcome, result.pending) == (None, before)
    further = (HOP, Hop(301, "https://third.example/feed"))
    result = decided(Answer(outcome=None, wait_s=40.0, hops=further), pending=before)
    assert result.pending == replace(before, hops=further)
    assert (result.schedule(0).wait_s, result.schedule(0).habits) == (40, None)


def test_a_poll_that_waits_for_what_may_be_over_already_is_due_at_once() -> None:
    assert decided(Answer(outcome=None, wait_s=0.0)).schedule(0).wait_s == 0


def test_an_index_is_not_at_its_end_before_its_last_document() -> None:
    urls = ("https://example.org/1", "https://example.org/2")
    first = decided(
        Answer(outcome=FeedOutcome.EMPTY, response=response(), feed=ParsedFeed(FeedOutcome.EMPTY, more=urls), more=urls)
    )
    assert (first.pending.documents, first.schedule(0)) == (urls, Schedule(wait_s=0.0))
    second = decided(of_a_feed(ENTRY), pending=replace(first.pending, new=0))
    assert (second.pending.documents, second.pending.entries) == (urls[1:], 1)
    last = decided(of_a_feed(ENTRY, ENTRY), pending=replace(second.pending, new=1))
    assert last.pending == Pending()
    assert last.schedule(0).wait_s >= BOUNDS.least
    assert from_json(last.schedule(0).habits or {}).window == 3


@pytest.mark.parametrize("etag", ['"é"', '"a\tb"', '"' + "x" * 2_000 + '"', ""])
def test_a_validator_that_no_request_could_carry_is_not_kept(etag: str) -> None:
    document = decided(of_a_feed(ENTRY, etag=etag)).document
    assert document is not None
    assert document.etag is None


def test_a_source_leaves_most_of_its_hosts_turns_to_what_it_found() -> None:
    quick, slow = (replace(of_a_feed(ENTRY), response=replace(response(), rest_s=rest_s)) for rest_s in (5.0, 300.0))
    busy = {"habits": to_json(replace(Habits(), found=1e4, watched_h=10.0, answered_at=NOW, whole_at=NOW))}
    assert decided(quick, **busy).schedule(30).wait_s == BOUNDS.least
    assert decided(slow, **busy).schedule(30).wait_s == 1_200


@pytest.mark.parametrize(
    ("answer", "failures", "least_s", "most_s"),
    [
        (Answer(outcome=FeedOutcome.NOT_MODIFIED), 3, 900, 3_600),
        (of_a_feed(outcome=FeedOutcome.EMPTY), 3, 900, 3_600),
        (of_a_feed(ENTRY, outcome=FeedOutcome.CUT_OFF), 3, 300, 3_600),
        (of_a_feed(outcome=FeedOutcome.CUT_OFF), 0, 900, 900),
        (Answer(outcome=FeedOutcome.NOT_A_FEED), 0, 900, 900),
        (Answer(outcome=FeedOutcome.TIMEOUT), 1, 1_800, 1_800),
        (Answer(outcome=FeedOutcome.HTTP_5XX), 3, 7_200, 7_200),
        (Answer(outcome=FeedOutcome.GONE), 0, 86_400, 86_400),
        (Answer(outcome=FeedOutcome.BUG), 500, 86_400, 86_400),
        (Answer(outcome=FeedOutcome.RATE_LIMITED, wait_s=18_000.0), 0, 18_000, 18_000),
    ],
)
def test_a_failure_backs_off_and_a_success_does_not(answer: Answer, failures: int, least_s: int, most_s: int) -> None:
    result = decided(answer, failures=failures)
    assert least_s <= result.schedule(0).wait_s <= most_s


@pytest.mark.parametrize(("failures", "parked"), [(0, False), (8, False), (9, True), (50, True)])
def test_a_source_that_fails_for_long_is_parked(failures: int, parked: bool) -> None:
    assert decided(Answer(outcome=FeedOutcome.DNS), failures=failures).parked == parked


@pytest.mark.parametrize(
    ("statuses", "target"),
    [
        ((), None),
        ((301,), "https://example.org/1"),
        ((301, 308), "https://example.org/2"),
        ((301, 302, 301), "https://example.org/1"),
        ((302, 301), None),
    ],
)
def test_a_source_moves_as_far_as_all_redirects_are_permanent(statuses: tuple[int, ...], target: str | None) -> None:
    hops = [Hop(status, f"https://example.org/{place}") for place, status in enumerate(statuses, 1)]
    assert permanent_target(hops) == target


def test_a_source_that_was_in_hand_when_a_process_died_is_first_tried_alone() -> None:
    result = decided(Answer(outcome=FeedOutcome.CRASHED), crashed=True)
    assert result.schedule(0) == Schedule(wait_s=0.0)


def test_a_source_over_which_a_process_died_alone_is_not_asked_and_backs_off() -> None:
    one = due(crashed=True, alone=True, failures=2)
    answer = asyncio.run(ask(one, Answers(), now=NOW))  # a request would find no answer
    assert answer.outcome is FeedOutcome.CRASHED
    assert "died" in answer.detail
    result = decide(one, answer, now=NOW, bounds=BOUNDS, jitter=0.0)
    assert (result.outcome, result.schedule(0).wait_s, result.entries) == (FeedOutcome.CRASHED, 3_600, ())
    assert decided(answer, alone=True, failures=500).schedule(0).wait_s == BOUNDS.most


def test_the_document_of_an_index_that_kills_is_passed_over() -> None:
    before = Pending(documents=("https://example.org/deadly", "https://example.org/2"))
    result = decided(Answer(outcome=FeedOutcome.CRASHED), crashed=True, alone=True, pending=before)
    assert result.pending.documents == before.documents[1:]


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
    return poll_sources(names, sources=sources, open_session=scripted(get), bounds=BOUNDS, clock=lambda: NOW, **given)


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
    real = stage.permanent_target

    def surprise(hops: tuple[Hop, ...]) -> str | None:
        if hops:
            raise ZeroDivisionError("the surprise")
        return real(hops)

    async def get(url: str, **_: object) -> Response:
        return replace(response(), hops=(HOP,) if "bad" in url else ())

    monkeypatch.setattr(stage, "permanent_target", surprise)
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
