"""Helpers of `wirewatch reclassify` offer their core while they compute, and no longer."""

import os
import signal

import pytest

from tests.waiting import wait_until
from workers.cli.reclassifying import _GivingWay


def test_the_core_is_offered_again_and_again_until_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[None] = []
    monkeypatch.setattr(os, "sched_yield", lambda: offered.append(None))
    before = signal.getsignal(signal.SIGALRM)
    try:
        giving_way = _GivingWay()
        with giving_way:
            wait_until(lambda: len(offered) >= 3, description="three offers")
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        count = len(offered)
        signal.raise_signal(signal.SIGALRM)  # one that was on its way as it was left
        assert len(offered) == count
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
