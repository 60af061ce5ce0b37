"""The journey of an operator: the main job runs, is stopped, and goes on where it stopped."""

import signal
from contextlib import suppress
from pathlib import Path

import psutil
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
        write_sources(sources, [SourceSpec.from_domain(outlet), dead, inside])
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
            wait_until(lambda: system.seen().counts.by_state["classified"] == 4, 60, "the outlet's four articles")
            before = system.status()
            told = {row["id"]: row for row in before["sources"]}
            assert told["dead"]["last_outcome"] == "refused"
            assert told["inside"]["last_outcome"] == "blocked_address"
            assert all(told[name]["last_error"] and told[name]["due_at"] for name in ("dead", "inside"))
            second = wirewatch("run", "--data-dir", str(data), **settings)
            assert second.returncode == 75, "two systems on one data folder"
            assert str(data) in second.stderr
            assert system.ask("stop").returncode == 0, "from another terminal"
            assert system.wait_end(10) == 0
            assert system.leftovers() == []
            nothing = system.ask("stop")
            assert nothing.returncode == 75
            assert "no system runs on" in nothing.stderr
        asked = server.requests.copy()
        with RunningSystem(("run",), data, settings) as system:
            system.wait_ready()
            write_sources(sources, [SourceSpec.from_domain(outlet), SourceSpec.from_domain(server.sources()[0])])
            wait_until(lambda: system.seen().counts.discovered > before["discovered"], 60, "a new source is taken up")
            wait_until(lambda: not system.seen().counts.in_flight, 60, "its articles are through")
            after = system.status()
            assert after["last_seq"] > before["last_seq"]
            assert after["balanced"]
            again = {path for path in asked if path.startswith("/yantar/news") and server.requests[path] > asked[path]}
            assert again == set(), "no article is fetched a second time"
            assert system.stop(signal.SIGHUP) == 0, "its terminal is closed"
            assert system.leftovers() == []


def quiet_settings(tmp_path: Path) -> dict[str, object]:
    """Return settings of a system with nothing to do."""
    sources = tmp_path / "sources.yaml"
    write_sources(sources, [unreachable("dead", "http://127.0.0.1:9/feed")])
    return {"sources_file": sources, "api_port": 0, "flower_port": 0}


def test_a_dead_supervisor_is_a_reason_to_be_started_again(tmp_path: Path) -> None:
    with RunningSystem(("run",), tmp_path / "var", quiet_settings(tmp_path)) as system:
        system.wait_ready()
        (supervisor,) = system.of_service("workers.operate.supervisord")
        supervisor.send_signal(signal.SIGKILL)
        assert system.wait_end(60) == 75, "an exit code with which systemd starts it again"
        assert system.leftovers() == []


def test_a_demo_inherits_nothing_of_a_production(tmp_path: Path) -> None:
    """The shell of a production host names its servers; a demo must not touch them."""
    closed = "redis://127.0.0.1:9/0"
    settings: dict[str, object] = {
        "stream_url": closed,
        "broker_url": closed,
        "database_url": "postgresql://127.0.0.1:9/x",
    }
    with RunningSystem(("demo", "--api-port", "0", "--flower-port", "0"), tmp_path / "data", settings) as system:
        system.wait_ready()
        for process in system.tree():
            with suppress(psutil.NoSuchProcess):  # it has ended since it was listed
                if "celery" in " ".join(process.cmdline()):
                    assert closed not in process.environ().values()
        assert system.stop() == 0
