"""Thirty simulated days of 300 sources with scripted lives (tests/life/): totals, and what stops growing."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.clocks import Clock
from tests.conftest import Servers
from tests.life.kinds import make_cast
from tests.life.script import Script
from tests.life.verdict import expected_totals, found_totals, overgrown, show
from tests.life.world import world, world_settings

SEED, DAYS, SOURCES = 1, 30, 300


@pytest.mark.timeout(2_400)  # some 4 minutes on two idle cores
def test_after_thirty_days_the_totals_are_those_of_the_script_and_retention_holds(
    engine: Engine,
    database_url: str,
    clock: Clock,
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = world_settings(database_url, servers, tmp_path, retention_days=7)
    script = Script(seed=SEED, days=DAYS)
    lives = make_cast(script, SOURCES)
    expected = expected_totals(lives)
    began = time.monotonic()
    with world(engine, clock, settings, lives, monkeypatch) as made:
        made.live(script.end)
        made.measure()
        with capsys.disabled():
            show(made, expected, found_totals(engine, lives), last=10)
            print(
                f"{DAYS} days in {time.monotonic() - began:.0f} s, {time.process_time():.0f} s of them this process's"
            )
        assert made.complaints == []
        assert found_totals(engine, lives) == expected
        assert overgrown(made, last=10) == []
        # a month later nothing is left of what was kept for a time, and no old link is taken for a new one
        made.forget()
        made.measure()
        assert {name: made.days[-1].rows[name] for name in ("page", "robots", "host")} == dict.fromkeys(
            ("page", "robots", "host"), 0
        )
        made.live(made.calendar.at + 1)
        assert made.complaints == []
        assert found_totals(engine, lives) == expected
