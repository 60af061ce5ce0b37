"""Any history of claims, endings, deaths and repeats keeps the ledger's promises, at every moment of it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.making import (
    NEXT,
    created_changes,
    discover,
    expire_leases,
    let_wait_pass,
    make_article,
    make_classified,
    make_ledger,
    make_page,
)
from workers.domain.outcomes import (
    Advanced,
    Deferred,
    Dropped,
    DropReason,
    Failed,
    Outcome,
    QuarantineReason,
    RetryReason,
    State,
)
from workers.store.articles import write_articles, write_classified
from workers.store.changes import number, take_relay_lock
from workers.store.ledger import Claim, Ledger
from workers.store.overview import broken_invariants, overview
from workers.store.pages import write_pages

ENTRIES = 3
STEPS: dict[State, tuple[Any, Any]] = {
    State.DISCOVERED: (write_pages, lambda name: make_page(name.encode())),
    State.FETCHED: (write_articles, make_article),
    State.EXTRACTED: (write_classified, make_classified),
}
ENDINGS: list[Outcome[Any] | None] = [
    None,  # advance
    None,
    None,
    None,
    Dropped(DropReason.NO_TEXT),
    Deferred(RetryReason.TIMEOUT),
    Failed(QuarantineReason.BUG, "Traceback"),
]

#: One thing that happens. A claim is kept when it is settled: messages come twice, and the dead may write late.
#: `None` takes the state in which the first of them stands; another state is a message that comes late.
claims = st.tuples(
    st.just("claim"),
    st.sampled_from([None, None, None, *STEPS]),
    st.sampled_from([{0}, {1}, {0, 1, 2}, {1, 2}]),
)
settlements = st.tuples(st.just("settle"), st.integers(0, 3), st.sampled_from(ENDINGS))
events = st.one_of(
    claims,
    claims,
    settlements,
    settlements,
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.sampled_from([("crash",), ("wait",), ("sweep",), ("relay",), ("discover",)]),
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
        claim = self.ledger.claim(wanted, state or State(_states(self.engine)[wanted[0]]))
        if claim:
            self.claims.append(claim)

    def settle(self, place: int, ending: Outcome[Any] | None) -> None:
        for claim in self._claim_at(place):
            write, make = STEPS[claim.state]
            endings = [(one, ending or Advanced(make(one.url[-1]))) for one in claim.entries]
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


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=st.lists(events, min_size=12, max_size=24))
def test_every_history_keeps_the_promises_at_every_moment(engine: Engine, history: list[tuple[Any, ...]]) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE source, entry, page, article, story, flag, change, sighting, host CASCADE"))
    drive = History(engine, make_ledger(engine), discover(engine, ENTRIES))
    ended: dict[UUID, str] = {}
    for event in history:
        drive.happen(*event)
        found = overview(engine)
        assert found.counts.discovered == ENTRIES
        assert found.counts.balanced
        assert broken_invariants(engine) == {}
        created = [row.entry_id for row in created_changes(engine)]
        assert len(created) == len(set(created)) == found.counts.by_state[State.CLASSIFIED]
        states = _states(engine)
        for one, state in ended.items():
            assert states[one] == state, "an end is an end"
        ended = {one: state for one, state in states.items() if State(state).is_final}


def _states(engine: Engine) -> dict[UUID, str]:
    with engine.connect() as connection:
        return {row.id: row.state for row in connection.execute(text("SELECT id, state FROM entry"))}
