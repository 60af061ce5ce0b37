"""Waiting for something to become true, instead of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout_s: float = 10.0, description: str = "the condition") -> T:
    """Call `predicate` until its answer is truthy and return that answer; fail the test after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"{description}: not within {timeout_s:g} s")
        time.sleep(0.02)
