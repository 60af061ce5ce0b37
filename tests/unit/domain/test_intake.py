"""When nothing more is taken in, and when it goes on."""

from typing import Any

import pytest

from workers.domain.intake import READ_ONLY, Decision, Intake, Room, decide, may_evict

LIMITS = {"least_disk": 0.05, "least_redis": 0.1}


@pytest.mark.parametrize(
    ("room", "paused", "intake"),
    [
        ({}, False, Intake.OPEN),
        ({}, True, Intake.OPEN),
        ({"disk_free": 0.05}, False, Intake.OPEN),
        ({"disk_free": 0.0499}, False, Intake.PAUSED),
        ({"disk_free": 0.0599}, True, Intake.PAUSED),  # a little more than it was paused for is not enough
        ({"disk_free": 0.0601}, True, Intake.OPEN),
        ({"redis_free": 0.1}, False, Intake.OPEN),
        ({"redis_free": 0.0999}, False, Intake.PAUSED),
        ({"redis_free": 0.119}, True, Intake.PAUSED),
        ({"redis_free": 0.121}, True, Intake.OPEN),
        ({"redis_free": -0.4}, False, Intake.PAUSED),  # its limit was lowered below use
        ({"redis_policy": "allkeys-lru"}, False, Intake.PAUSED),
        ({"database_has_room": False}, False, Intake.PAUSED),
        ({"database_writes": False}, False, Intake.STOPPED),
        ({"database_writes": False, "disk_free": 0.0}, True, Intake.STOPPED),
    ],
)
def test_room_decides_what_may_be_begun(room: dict[str, Any], paused: bool, intake: Intake) -> None:
    decided = decide(Room(**room), paused=paused, **LIMITS)
    assert decided.intake is intake
    assert bool(decided.why) is (intake is not Intake.OPEN)


def test_every_reason_is_told() -> None:
    room = Room(disk_free=0, redis_free=0, redis_policy="volatile-ttl", database_has_room=False)
    why = decide(room, paused=False, **LIMITS).why
    for words in ("5% of the disk", "database's disk is full", "10% of the memory", "policy volatile-ttl"):
        assert words in why


def test_the_sentence_stays_the_same_while_the_figures_move() -> None:
    told = {decide(Room(disk_free=free), paused=True, **LIMITS).why for free in (0.0, 0.03, 0.055)}
    assert len(told) == 1, "or it would be told again at every look"


def test_a_limit_of_nothing_is_never_reached() -> None:
    assert decide(Room(disk_free=0, redis_free=0), least_disk=0, least_redis=0, paused=False) == Decision(Intake.OPEN)


def test_a_read_only_database_needs_no_second_reason() -> None:
    assert decide(Room(database_writes=False, disk_free=0), paused=False, **LIMITS).why == READ_ONLY


@pytest.mark.parametrize(
    ("policy", "evicts"),
    [
        ("noeviction", False),
        ("allkeys-lru", True),
        ("allkeys-lfu", True),
        ("allkeys-random", True),
        ("volatile-lru", True),
        ("volatile-ttl", True),
    ],
)
def test_every_policy_but_one_may_evict(policy: str, evicts: bool) -> None:
    assert may_evict(policy) is evicts
