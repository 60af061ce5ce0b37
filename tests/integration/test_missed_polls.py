"""After an outage the sources that came due meanwhile are not all asked at the same moment."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from config.settings import Settings, changed
from tests.conftest import Servers
from tests.making import make_source
from workers import bootstrap
from workers.bootstrap import Steps
from workers.pipeline import STAGE


def test_polls_are_spread_after_an_outage_and_only_then(
    engine: Engine, database_url: str, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls: dict[str, Any] = {
        "database_url": SecretStr(database_url),
        "broker_url": SecretStr(servers.redis.broker_url),
    }
    steps, now = Steps(changed(Settings(), data_dir=tmp_path, **urls)), [1_000.0]
    monkeypatch.setattr(bootstrap, "monotonic", lambda: now[0])
    steps.sources.sync([make_source(f"s{number}") for number in range(40)])

    def come_due() -> None:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE source SET polled_at = now() - interval '1 h', due_at = now() - interval '5 min'")
            )

    come_due()
    assert len(steps.due(STAGE["poll"])) < 10, "the process is new: who knows how long nobody has looked"
    come_due()
    now[0] += 5
    assert len(steps.due(STAGE["poll"])) == 40, "the last look was one sweep ago: they are late, not missed"
    come_due()
    now[0] += 61
    assert len(steps.due(STAGE["poll"])) < 10
    steps.close()
