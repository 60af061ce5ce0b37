"""How full the disk is (edge). Apart from Redis's room: the API measures only this, and needs no Redis."""

import shutil
from pathlib import Path

#: A larger disk counts as one of 100 GB: 5 % of 4 TB would be no emergency.
DISK_THAT_COUNTS = 100 * 10**9


def disk_free(folder: Path) -> float:
    """Return the share of the disk under a folder (or under the nearest one above it that exists) that is free."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    usage = shutil.disk_usage(there)
    return min(1.0, usage.free / min(usage.total, DISK_THAT_COUNTS))
