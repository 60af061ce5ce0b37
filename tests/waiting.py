"""Waiting for something to become true, instead of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout_s: float = 10.0, description: str = "the condition") -> T:
    """Call `predicate` until its answer is truthy and return that answer; fail the test after `timeout_s` seconds.

    It is called every 20 ms at first, then as seldom as a twentieth of the time waited so far, at most every 200 ms:
    looking costs the processor that what is waited for needs.
    """
    begun = time.monotonic()
    deadline = begun + timeout_s
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"{description}: not within {timeout_s:g} s")
        time.sleep(min(0.2, max(0.02, (time.monotonic() - begun) / 20)))
