"""How full the disk and Redis are, from what they say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workers.operate import disk
from workers.operate.disk import disk_free
from workers.operate.room import RedisRoom, redis_room

GB = 10**9


@pytest.mark.parametrize(
    ("total", "free", "share"),
    [
        (20 * GB, 1 * GB, 0.05),
        (100 * GB, 4 * GB, 0.04),
        (4_000 * GB, 4 * GB, 0.04),  # a large disk counts as one of 100 GB
        (4_000 * GB, 200 * GB, 1.0),
        (20 * GB, 0, 0.0),
    ],
)
def test_the_share_of_the_disk_that_is_free(
    total: int, free: int, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def usage(folder: Path) -> Any:
        asked.append(folder)
        return SimpleNamespace(total=total, free=free)

    monkeypatch.setattr(disk.shutil, "disk_usage", usage)
    assert disk_free(tmp_path / "not" / "made" / "yet") == share
    assert asked == [tmp_path]


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"used_memory": 90, "maxmemory": 100, "maxmemory_policy": "noeviction"}, RedisRoom(0.1, "noeviction")),
        ({"used_memory": 90, "maxmemory": 100, "mem_not_counted_for_evict": 40}, RedisRoom(0.5, "noeviction")),
        ({"used_memory": 90, "maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, RedisRoom(1.0, "allkeys-lru")),
        ({"used_memory": 150, "maxmemory": 100}, RedisRoom(-0.5)),
        ({"used_memory": 150}, RedisRoom()),  # something that speaks Redis, and has no limit
    ],
)
def test_what_redis_says_of_its_memory(info: dict[str, Any], found: RedisRoom) -> None:
    told: Any = SimpleNamespace(info=lambda _section: info)
    measured = redis_room(told)
    assert measured.free == pytest.approx(found.free)
    assert measured.policy == found.policy
