"""The journey of an operator: the main job runs, is stopped, and goes on where it stopped."""

import signal
from dataclasses import asdict
from pathlib import Path

import pytest

from config.sources import SourceSpec
from config.sources_edit import add_sources
from tests.systems import RunningSystem, wirewatch
from tests.waiting import wait_until
from workers.operate.newsroom import NewsroomServer, load_newsroom

NEWSROOM = Path(__file__).parent.parent / "samples" / "newsroom"


def write_sources(path: Path, specs: list[SourceSpec]) -> None:
    path.write_text("version: 1\nsources: []\n", encoding="utf-8")
    add_sources(path, specs)


def unreachable(name: str, url: str) -> SourceSpec:
    return SourceSpec(id=name, name=name, url=url, language="en", country="GB", owner="nobody", state_owned=False)


@pytest.mark.timeout(180)
def test_a_run_survives_dead_sources_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    sources = tmp_path / "sources.yaml"
    with NewsroomServer(load_newsroom(NEWSROOM)) as server:
        outlet = next(one for one in server.sources() if one.id == "yantar")
        dead = unreachable("dead", "http://127.0.0.1:9/feed")
        inside = unreachable("inside", "http://127.0.0.1/feed")  # port 80, but no public address
        write_sources(sources, [SourceSpec(**asdict(outlet)), dead, inside])
        settings: dict[str, object] = {
            "sources_file": sources,
            "allow_addresses": f"{server.base_url.removeprefix('http://')},127.0.0.1:9",
            "host_delay_s": 0,
            "sweep_period_s": 1,
            "api_port": 0,
            "flower_port": 0,
        }
        data = tmp_path / "var"
        with RunningSystem(("run",), data, settings) as system:
            system.wait_ready()
            wait_until(lambda: system.status()["states"]["classified"] == 4, 60, "the outlet's four articles")
            before = system.status()
            told = {row["id"]: row for row in before["sources"]}
            assert told["dead"]["last_outcome"] == "connection"
            assert told["inside"]["last_outcome"] == "blocked_address"
            assert all(told[name]["last_error"] and told[name]["due_at"] for name in ("dead", "inside"))
            second = wirewatch("run", "--data-dir", str(data), **settings)
            assert second.returncode == 75, "two systems on one data folder"
            assert str(data) in second.stderr
            assert system.stop(signal.SIGTERM) == 0
            assert system.leftovers() == []
        asked = server.requests.copy()
        with RunningSystem(("run",), data, settings) as system:
            system.wait_ready()
            write_sources(sources, [SourceSpec(**asdict(outlet)), SourceSpec(**asdict(server.sources()[0]))])
            wait_until(lambda: system.status()["discovered"] > before["discovered"], 60, "a new source is taken up")
            wait_until(lambda: not system.status()["in_flight"], 60, "its articles are through")
            after = system.status()
            assert after["last_seq"] > before["last_seq"]
            assert after["balanced"]
            again = {path for path in asked if path.startswith("/yantar/news") and server.requests[path] > asked[path]}
            assert again == set(), "no article is fetched a second time"
            assert system.stop() == 0
            assert system.leftovers() == []
