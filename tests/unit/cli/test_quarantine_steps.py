"""`wirewatch quarantine`: its steps are those of the path."""

import pytest

from workers.cli.quarantine import STEP_OF, Asked, Step
from workers.domain.errors import WirewatchError
from workers.domain.outcomes import QuarantineReason, State
from workers.domain.reasons import SENTENCES
from workers.pipeline import LEDGER_STAGES


def test_the_steps_are_those_at_which_an_entry_can_fail() -> None:
    assert [str(step) for step in Step] == [stage.name for stage in LEDGER_STAGES]
    assert STEP_OF == {State.DISCOVERED: "fetch", State.FETCHED: "extract", State.EXTRACTED: "classify"}


def test_every_reason_has_a_sentence() -> None:
    assert set(QuarantineReason) <= set(SENTENCES)


@pytest.mark.parametrize(
    ("given", "is_clear"),
    [
        ({}, False),
        ({"ids": ["x"]}, True),
        ({"everything": True}, True),
        ({"reasons": ["bug"]}, True),
        ({"sources": ["agency"], "steps": ["fetch"], "reasons": ["bug"]}, True),
        ({"ids": ["x"], "reasons": ["bug"]}, False),
        ({"ids": ["x"], "everything": True}, False),
        ({"everything": True, "sources": ["agency"]}, False),
    ],
)
def test_it_must_be_clear_which_entries_are_meant(given: dict[str, object], is_clear: bool) -> None:
    nothing: dict[str, object] = {"ids": [], "reasons": None, "sources": None, "steps": None, "everything": False}
    asked = Asked(**(nothing | given), yes=True)  # type: ignore[arg-type]
    if is_clear:
        asked.check()
    else:
        with pytest.raises(WirewatchError, match="say which"):
            asked.check()
