"""Beat goes on ticking, whatever is done to the wall clock."""

import shelve
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, beat

from schedules.beat import beat_schedule, steady_now
from schedules.entries import Tick

HOUR, YEARS = timedelta(hours=1), timedelta(days=3650)
JUMPS = [HOUR, -HOUR, YEARS, -YEARS]


class Wall:
    """The wall clock, as Celery reads it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta(0)
        patch.setattr(Celery, "now", lambda _app: datetime.now(UTC) + self.ahead)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


class Beat(beat.PersistentScheduler):  # type: ignore[misc]
    """Celery's beat, that counts what it would send."""

    def apply_async(self, entry: Any, *_arguments: Any, advance: bool = True, **_named: Any) -> None:
        self.sent = getattr(self, "sent", 0) + 1
        if advance:
            self.reserve(entry)

    def run_for(self, seconds: float) -> int:
        """Tick as beat's loop does; return how many messages were sent."""
        before, until = getattr(self, "sent", 0), time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(max(min(self.tick(), 0.01), 0))
        return getattr(self, "sent", 0) - before


def make_beat(folder: Path, period_s: float = 0.05) -> Beat:
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.update(
        timezone="UTC", beat_schedule=beat_schedule((Tick("often", "often", "control", period_s, period_s),))
    )
    app.conf.task_default_queue = "control"
    scheduler = Beat(app, schedule_filename=str(folder / "beat"), lazy=True)
    scheduler.setup_schedule()
    return scheduler


@pytest.mark.parametrize("by", JUMPS, ids=str)
def test_beat_keeps_its_rhythm_when_the_wall_clock_jumps(tmp_path: Path, wall: Wall, by: timedelta) -> None:
    scheduler = make_beat(tmp_path)
    assert 3 <= scheduler.run_for(0.3) <= 7
    wall.ahead += by
    assert 3 <= scheduler.run_for(0.3) <= 7
    scheduler.close()


@pytest.mark.parametrize("by", JUMPS, ids=str)
def test_a_beat_that_starts_anew_after_a_jump_goes_on_at_once(tmp_path: Path, wall: Wall, by: timedelta) -> None:
    """Its file may say that the last run was in ten years."""
    scheduler = make_beat(tmp_path)
    scheduler.run_for(0.2)
    scheduler.close()
    with shelve.open(str(tmp_path / "beat"), writeback=True) as file:
        for entry in file["entries"].values():
            entry.last_run_at -= by
    again = make_beat(tmp_path)
    assert again.run_for(0.3) >= 3
    again.close()


def test_a_beat_that_starts_anew_remembers_its_last_run(tmp_path: Path) -> None:
    scheduler = make_beat(tmp_path, period_s=60)
    before = steady_now()
    scheduler.schedule["often"].last_run_at = before - timedelta(seconds=59.8)
    scheduler.sync()
    scheduler.close()
    again = make_beat(tmp_path, period_s=60)
    assert again.run_for(0.5) == 1
    again.close()
