"""The schedule of faults: the same for a seed, every kind in its turn, and over when the run is."""

from collections import Counter

import pytest

from workers.operate.chaos.driver import doubled
from workers.operate.chaos.schedule import KINDS, LONG, Deed, consumer_kills, schedule

MESSAGE = '{"body": "W10=", "properties": {"delivery_tag": "one", "priority": 0}}'


def test_a_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert schedule(7, 60) == schedule(7, 60)
    assert schedule(7, 60) != schedule(8, 60)
    assert consumer_kills(7, 60) == consumer_kills(7, 60)


@pytest.mark.parametrize("seed", range(20))
def test_all_faults_begin_and_end_within_the_run_in_order(seed: int) -> None:
    faults = schedule(seed, 90, every_s=1.5)
    assert len(faults) == 60
    assert [one.at_s for one in faults] == sorted(one.at_s for one in faults)
    assert all(one.at_s >= 0 and one.at_s + one.hold_s <= 90.001 for one in faults)
    assert all(0 <= one.hold_s <= one.kind.hold_s[1] for one in faults)


def test_every_kind_comes_once_before_any_comes_twice() -> None:
    faults = schedule(3, len(KINDS) * 2.0, every_s=1)
    assert Counter(one.kind for one in faults) == dict.fromkeys(KINDS, 2)
    assert {one.kind for one in faults[: len(KINDS)]} == set(KINDS)


def test_the_table_covers_what_can_fail() -> None:
    assert {kind.deed for kind in KINDS} == set(Deed)
    workers = {"worker-io", "worker-cpu", "relay", "push"}
    assert {kind.target for kind in KINDS} == workers | {"beat", "api", "redis", "postgres"}
    assert len(set(map(str, KINDS))) == len(KINDS)
    assert any(kind.hold_s == LONG for kind in KINDS), "some stops outlast the lease"


@pytest.mark.parametrize(("seconds", "kills"), [(20, 20), (50, 50), (1000, 50)])
def test_the_consumer_is_killed_once_a_second_and_fifty_times_at_most(seconds: float, kills: int) -> None:
    moments = consumer_kills(1, seconds)
    assert len(moments) == kills
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] <= seconds


def test_a_message_is_doubled_as_a_message_of_its_own() -> None:
    ours: set[str] = set()
    again = doubled(f"LPUSH wirewatch:fetch {MESSAGE}", ours)
    assert again is not None
    queue, message = again
    assert queue == "wirewatch:fetch"
    assert '"W10="' in message
    assert '"one"' not in message
    assert doubled(f"LPUSH {queue} {message}", ours) is None, "ours is not doubled again"


@pytest.mark.parametrize(
    "command", ["BRPOP wirewatch:fetch 1", "LPUSH other {}", "PUBLISH wirewatch:x {}", "MULTI", ""]
)
def test_what_sends_no_message_is_left_alone(command: str) -> None:
    assert doubled(command, set()) is None
