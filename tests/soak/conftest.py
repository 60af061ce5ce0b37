"""The order of the longer proofs."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, by its limit: of two processes none works alone for minutes at the end."""

    def limit_s(item: pytest.Item) -> float:
        mark = item.get_closest_marker("timeout")
        return float(mark.args[0] if mark else config.getini("timeout"))

    items.sort(key=limit_s, reverse=True)
