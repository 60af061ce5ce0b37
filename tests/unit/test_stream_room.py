"""How many entries of the stream find room beside the queues."""

import sys

import pytest

from workers.deliver.stream import fitting

MB = 2**20


@pytest.mark.parametrize(
    ("entries", "size", "limit", "kept"),
    [
        (0, 0, 256 * MB, sys.maxsize),  # nothing there yet
        (1_000, 5 * MB, 256 * MB, sys.maxsize),
        (25_600, 128 * MB, 256 * MB, sys.maxsize),
        (40_000, 200 * MB, 256 * MB, 25_600),
        (40_000, 200 * MB, 0, sys.maxsize),  # no limit is no limit
        (3, 200 * MB, 1, 1),
    ],
)
def test_the_stream_leaves_half_of_the_memory_to_the_queues(entries: int, size: int, limit: int, kept: int) -> None:
    assert fitting(entries, size, limit) == kept
