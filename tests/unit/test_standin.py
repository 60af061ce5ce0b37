"""When the relay ticks in beat's place."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.deliver.api.operation import health_problems
from workers.standin import is_silent
from workers.store.overview import Pulse

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("heard_ago_s", "listening_s", "silent"),
    [
        (119, 1_000, False),
        (121, 1_000, True),
        (None, 1_000, True),  # never heard
        (600, 119, False),  # Redis, the store or we ourselves were away: beat could not be heard
        (None, 119, False),
    ],
)
def test_beat_is_silent_when_it_could_have_been_heard(
    heard_ago_s: float | None, listening_s: float, silent: bool
) -> None:
    assert is_silent(heard_ago_s=heard_ago_s, listening_s=listening_s, silence_s=120) is silent


@pytest.mark.parametrize(
    ("heartbeat_s", "sweep_s", "told"),
    [
        (10, 3, None),
        (121, 3, "beat is silent since 2026-11-21T23:57:59+00:00: the relay ticks in its place"),
        (121, 121, "the schedule has not ticked since 2026-11-21T23:57:59+00:00"),
        (None, 3, None),  # a program that knows no heartbeat has ticked so far
    ],
)
def test_the_silence_of_beat_is_told(heartbeat_s: float | None, sweep_s: float, told: str | None) -> None:
    ticks = {"sweep": sweep_s} | ({"heartbeat": heartbeat_s} if heartbeat_s is not None else {})
    last = {name: NOW - timedelta(seconds=ago) for name, ago in ticks.items()}
    found = Pulse(now=NOW, last_tick=last, last_seq=0, unnumbered=0)
    assert health_problems(found) == ([told] if told else [])
    assert health_problems(found, silent_s=500) == []
