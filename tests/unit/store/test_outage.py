"""When the store is away, and how long it is waited for."""

import time
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workers.store import outage
from workers.store.outage import insist, is_away


def failed(kind: Any, cause: Exception) -> Exception:
    error: Exception = kind("SELECT 1", None, cause)
    return error


@pytest.mark.parametrize(
    "error",
    [
        failed(OperationalError, psycopg.OperationalError("connection refused")),
        failed(OperationalError, errors.AdminShutdown()),
        failed(OperationalError, errors.CannotConnectNow()),
        failed(OperationalError, errors.LockNotAvailable()),
        failed(OperationalError, errors.QueryCanceled()),
        failed(OperationalError, errors.DeadlockDetected()),
        failed(OperationalError, errors.DiskFull()),
        failed(InternalError, errors.IdleInTransactionSessionTimeout()),
        failed(InternalError, errors.ReadOnlySqlTransaction()),
        failed(InterfaceError, psycopg.InterfaceError("the connection is closed")),
        PoolTimeout("QueuePool limit reached"),
    ],
    ids=lambda error: type(getattr(error, "orig", error)).__name__,
)
def test_a_store_that_cannot_answer_is_away(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        failed(OperationalError, errors.ProgramLimitExceeded()),
        failed(DataError, errors.CharacterNotInRepertoire()),
        failed(DataError, psycopg.DataError("a NUL")),
        failed(IntegrityError, errors.UniqueViolation()),
        failed(InternalError, errors.InternalError_()),
        ConnectionError("of something else"),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(getattr(error, "orig", error)).__name__,
)
def test_a_store_that_answers_is_not_away(error: Exception) -> None:
    assert not is_away(error)


class Store:
    """A store that is away for some tries."""

    def __init__(self, away_for: int, error: Exception | None = None) -> None:
        self.away_for = away_for
        self.error = error or failed(OperationalError, errors.AdminShutdown())
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self.away_for:
            raise self.error
        return "done"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass by waiting only; the waits, in seconds."""
    waited: list[float] = []
    monkeypatch.setattr(outage.time, "sleep", waited.append)
    monkeypatch.setattr(outage.time, "monotonic", lambda: sum(waited))
    return waited


def test_it_is_tried_again_with_growing_waits_until_it_succeeds(waits: list[float]) -> None:
    store = Store(away_for=8)
    assert insist(store, until=60) == "done"
    assert store.tries == 9
    assert waits == [pytest.approx(min(0.1 * 2**number, 5)) for number in range(8)]


def test_when_the_time_is_over_the_error_goes_on(waits: list[float]) -> None:
    store = Store(away_for=1_000)
    with pytest.raises(OperationalError):
        insist(store, until=20)
    assert sum(waits) == pytest.approx(20)


def test_after_the_time_it_is_still_tried_once(waits: list[float]) -> None:
    assert insist(Store(away_for=0), until=-1) == "done"
    store = Store(away_for=1)
    with pytest.raises(OperationalError):
        insist(store, until=-1)
    assert (store.tries, waits) == (1, [])


def test_any_other_error_goes_on_at_once(waits: list[float]) -> None:
    with pytest.raises(ZeroDivisionError):
        insist(Store(away_for=1, error=ZeroDivisionError()), until=time.monotonic() + 60)
    assert waits == []
