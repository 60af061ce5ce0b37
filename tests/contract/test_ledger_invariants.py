"""Any history of claims, endings, deaths and repeats keeps the ledger's promises, at every moment of it."""

import itertools
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.making import (
    NEXT,
    bring,
    created_changes,
    discover,
    expire_leases,
    let_wait_pass,
    make_article,
    make_classified,
    make_ledger,
    make_page,
    run_sql,
)
from workers.domain.outcomes import (
    Advanced,
    Deferred,
    Dropped,
    DropReason,
    Failed,
    Hop,
    Outcome,
    QuarantineReason,
    RetryReason,
    State,
    Unchanged,
)
from workers.domain.values import Entry
from workers.store.articles import write_articles, write_classified
from workers.store.changes import number, take_relay_lock
from workers.store.ledger import Claim, Ledger
from workers.store.overview import broken_invariants, overview
from workers.store.pages import write_pages

ENTRIES = 3
HOPS = (Hop(301, "https://agency.example/news/1"),)
looks = itertools.count()
STEPS: dict[State, tuple[Any, Any]] = {
    State.DISCOVERED: (write_pages, lambda name: make_page(f"{name} {next(looks)}".encode())),
    State.FETCHED: (write_articles, make_article),
    State.EXTRACTED: (write_classified, make_classified),
}
ENDINGS: list[Outcome[Any] | None] = [
    *[None] * 5,  # advance
    Advanced(make_page(b"moved", url=HOPS[0].url, hops=HOPS)),  # of a fetch: the page is another entry's
    Unchanged(),  # of a later look
    Dropped(DropReason.NO_TEXT),
    Deferred(RetryReason.TIMEOUT),
    Deferred(RetryReason.NOT_FOUND),
    Deferred(RetryReason.WAITING, hops=HOPS),
    Failed(QuarantineReason.BUG, "Traceback"),
]

#: One thing that happens. A claim is kept when it is settled: messages come twice, and the dead may write late.
#: `None` takes the state in which the first of them stands; another state is a message that comes late.
places = st.sampled_from([{0}, {1}, {0, 1, 2}, {1, 2}])
claims = st.tuples(st.just("claim"), st.sampled_from([None, None, None, *STEPS]), places)
works = st.tuples(st.just("work"), places, st.sampled_from(ENDINGS))
settlements = st.tuples(st.just("settle"), st.integers(0, 3), st.sampled_from(ENDINGS))
events = st.one_of(
    claims,
    settlements,
    works,
    works,
    works,
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.sampled_from([("crash",), ("wait",), ("sweep",), ("relay",), ("discover",), ("revisit",), ("revisit",)]),
)


@dataclass
class History:
    """The system, driven one event at a time."""

    engine: Engine
    ledger: Ledger
    ids: list[UUID]
    claims: list[Claim] = field(default_factory=list)

    def happen(self, what: str, *given: Any) -> None:
        getattr(self, what)(*given)

    def claim(self, state: State | None, places: set[int]) -> None:
        wanted = [self.ids[place] for place in sorted(places)]
        stands = State(_column(self.engine, "state")[wanted[0]])
        claim = self.ledger.claim(wanted, state or (State.DISCOVERED if stands.is_final else stands))
        if claim:
            self.claims.append(claim)

    def work(self, places: set[int], ending: Outcome[Any] | None) -> None:
        """What mostly happens: entries whose time has come are claimed and settled."""
        self.wait()
        before = len(self.claims)
        self.claim(None, places)
        if len(self.claims) > before:
            self.settle(0, ending)

    def settle(self, place: int, ending: Outcome[Any] | None) -> None:
        for claim in self._claim_at(place):
            write, make = STEPS[claim.state]
            endings = [
                (one, ending if ending and _may_end(claim, one, ending) else Advanced(make(one.url[-1])))
                for one in claim.entries
            ]
            self.ledger.settle(claim, endings, to=NEXT[claim.state], write=write)

    def release(self, place: int) -> None:
        for claim in self._claim_at(place):
            self.ledger.release(claim, [one.id for one in claim.entries])

    def _claim_at(self, place: int) -> list[Claim]:
        return self.claims[::-1][place : place + 1]

    def crash(self) -> None:
        expire_leases(self.engine)

    def wait(self) -> None:
        let_wait_pass(self.engine)

    def sweep(self) -> None:
        for state in STEPS:
            for due in self.ledger.due(state, 2):
                self.claim(state, {self.ids.index(due.id)})

    def revisit(self) -> None:
        run_sql(self.engine, "UPDATE entry SET revisit_at = now() WHERE state = 'classified'")
        self.ledger.begin_revisits(2)

    def relay(self) -> None:
        with self.engine.begin() as connection:
            assert take_relay_lock(connection)
            number(connection)

    def discover(self) -> None:
        # the same feed again: nothing in it is new
        try:
            discover(self.engine, ENTRIES)
        except AssertionError:
            return
        raise AssertionError("an entry was discovered twice")


def _may_end(claim: Claim, one: Entry, ending: Outcome[Any]) -> bool:
    """Return whether the step of a claim can end like that."""
    if isinstance(ending, Unchanged):
        return one.version > 0
    fetched = not isinstance(ending, Advanced) and not (isinstance(ending, Deferred) and ending.hops)
    return fetched or claim.state is State.DISCOVERED


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(
    history=[one for ending in ENDINGS for one in (("revisit",), *[("work", {place}, ending) for place in range(3)])]
)
@example(
    history=[one for ending in ENDINGS[::-1] for one in (("revisit",), ("work", {0}, None), ("work", {0}, ending))]
)
@given(history=st.lists(events, min_size=12, max_size=24))
def test_every_history_keeps_the_promises_at_every_moment(engine: Engine, history: list[tuple[Any, ...]]) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE source, entry, page, article, story, flag, change, sighting, host CASCADE"))
    ids = discover(engine, ENTRIES)
    bring(engine, ids[:1], State.CLASSIFIED)
    drive = History(engine, make_ledger(engine, revisit_after=[3_600]), ids)
    ended: dict[UUID, str] = {}
    published: dict[UUID, int] = {}
    for event in history:
        drive.happen(*event)
        found = overview(engine)
        assert found.counts.discovered == ENTRIES
        assert found.counts.balanced
        assert broken_invariants(engine) == {}
        created = [row.entry_id for row in created_changes(engine) if row.type == "created"]
        versions = _column(engine, "version")
        assert sorted(created) == sorted(one for one, version in versions.items() if version)
        states = _column(engine, "state")
        for one, state in ended.items():
            assert states[one] == state, "an end is an end"
        for one, version in published.items():
            assert versions[one] >= version, "what readers have is not taken away"
        published = versions
        ended = {one: state for one, state in states.items() if state in {State.DROPPED, State.QUARANTINED}}


def _column(engine: Engine, name: str) -> dict[UUID, Any]:
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(text(f"SELECT id, {name} FROM entry"))}
