"""What is done while the store is away: try again for a while, and give back what could not be settled.

A process that dies leaves its lease on the row, and that is how its death is known. A process whose store went away
is alive, so it must not leave one: it tries again inside its lease, and what it still could not settle it owes: it
gives it back, with the attempt, before it takes anything new. The ledger is fenced, so both may come too late
without harm.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

T = TypeVar("T")

#: SQLSTATE classes that speak of the store and not of what it was given (PostgreSQL, appendix A): connection, state of
#: the transaction (a standby after a failover, left open too long), deadlock, resources, lock timeout, shutdown or
#: statement timeout, input/output.
AWAY = ("08", "25", "40", "53", "55", "57", "58")

#: How an entry or source that waits for the store says so.
STORE_AWAY = "the store was away"

#: Of the lease; with the longest single try (a new connection: 15 s of 90) it ends before the task's hard limit.
PATIENCE = 0.6

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


def is_away(error: BaseException) -> bool:
    """Return whether an error means that the store cannot answer now, whatever it is asked."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeout)  # every connection is in use, or none can be made
    state = getattr(error.orig, "sqlstate", None)
    lost = state is None and type(error).__name__ in {"OperationalError", "InterfaceError"}
    return lost or bool(state and state.startswith(AWAY))


def insist(action: Callable[[], T], *, until: float) -> T:
    """Return what `action` returns; while the store is away, try again until `until` (of the monotonic clock).

    Blocks while it waits: on an event loop it belongs into a thread. `action` must be safe to repeat.
    """
    wait = FIRST_WAIT_S
    while True:
        try:
            return action()
        except Exception as error:
            left = until - time.monotonic()
            if left <= 0 or not is_away(error):
                raise
        time.sleep(min(wait, left))  # noqa: TID251  (the edge where a worker waits for its store)
        wait = min(wait * 2, LONGEST_WAIT_S)


class Debts:
    """Statements that could not be written because the store was away: done before anything new is taken."""

    def __init__(self) -> None:
        self._owed: list[Update] = []

    def owe(self, statement: Update) -> None:
        """Keep a statement for later; it must be safe to repeat."""
        self._owed.append(statement)

    def pay(self, engine: Engine) -> None:
        """Write what is owed. Does nothing, and asks for no connection, when nothing is."""
        while self._owed:
            with engine.begin() as connection:
                connection.execute(self._owed[0])
            del self._owed[0]
