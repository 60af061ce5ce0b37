"""Three simulated days of every kind of life: the totals are those of the script (tests/life/)."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.clocks import Clock
from tests.conftest import Servers
from tests.life.kinds import make_cast
from tests.life.script import Script
from tests.life.verdict import expected_totals, found_totals
from tests.life.world import world, world_settings


@pytest.mark.timeout(240)
def test_after_three_days_of_scripted_lives_the_totals_are_those_of_the_script(
    engine: Engine,
    database_url: str,
    clock: Clock,
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = world_settings(database_url, servers, tmp_path, retention_days=1)
    script = Script(seed=1, days=3, flood=40)
    lives = make_cast(script, 20)
    with world(engine, clock, settings, lives, monkeypatch) as made:
        made.live(script.end)
        assert found_totals(engine, lives) == expected_totals(lives)
        assert made.complaints == []
        made.forget()
        made.live(made.calendar.at + 1)
        made.measure()
        assert found_totals(engine, lives) == expected_totals(lives)
    assert made.days[-1].rows["page"] == 0
    assert made.complaints == []
