"""Runs a step over a claimed batch: one at a time, settled together."""

import time
import traceback
from collections.abc import Callable, Iterable
from typing import TypeVar

from workers.domain.outcomes import Failed, Outcome, QuarantineReason, State
from workers.domain.values import Entry
from workers.store.ledger import Claim, Ledger, Settled, Writer
from workers.store.outage import insist

Given = TypeVar("Given")
Made = TypeVar("Made")


def run_batch(
    ledger: Ledger,
    claim: Claim,
    given: Iterable[tuple[Entry, Given]],
    step: Callable[[Entry, Given], Outcome[Made]],
    *,
    to: State,
    write: Writer[Made],
    budget_s: float,
) -> Settled[Made]:
    """Run `step` over the batch until the budget (seconds) is spent; give back what was not begun.

    An unexpected error is an ending like any other: it is kept with its traceback, and its batch-mates go on.
    What is made is not thrown away while the store is away for a moment; when it stays away the error goes on, and the
    entries come back with their attempt.
    """
    started = time.monotonic()
    endings: list[tuple[Entry, Outcome[Made]]] = []
    not_begun = []
    for one, value in given:
        if endings and time.monotonic() - started > budget_s:
            not_begun.append(one.id)
        else:
            endings.append((one, _ending(step, one, value)))
    with ledger.blameless(claim):
        settled = insist(lambda: ledger.settle(claim, endings, to=to, write=write), until=claim.until)
        if not_begun:
            insist(lambda: ledger.release(claim, not_begun), until=claim.until)
    return settled


def _ending(step: Callable[[Entry, Given], Outcome[Made]], one: Entry, value: Given) -> Outcome[Made]:
    try:
        return step(one, value)
    except Exception:  # noqa: BLE001
        return Failed(QuarantineReason.BUG, traceback.format_exc())
