"""No text of an outlet runs in Flower: names, arguments and errors of tasks, names of workers, in a real Chromium.

Our hints hold ids alone; an error's message may hold an outlet's words, and who can write to Redis may write anything.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from celery import Celery
from pydantic import SecretStr

from config.settings import Settings, changed
from tests.chromium import MISSING, PROGRAM, Chromium
from tests.conftest import Servers
from tests.payloads import Canary, nothing_ran
from tests.waiting import wait_until
from workers.app import make_app
from workers.operate.flower import flower_config

pytestmark = [pytest.mark.skipif(not PROGRAM, reason=MISSING), pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).parents[2]
NAME, PASSWORD = "operator", "secret"
ROWS = "document.querySelectorAll('tbody tr td + td').length ? document.querySelectorAll('tbody tr').length : 0"


@dataclass
class Place:
    """A browser, a canary, and Flower over events of hostile tasks."""

    browser: Chromium
    canary: Canary
    flower: httpx.Client
    told: list[str]  # the payloads: each is a task's id, and a worker's name

    def open(self, path: str) -> str:
        """Open one of Flower's pages; return its title."""
        address = self.flower.base_url.copy_with(username=NAME, password=PASSWORD)
        return self.browser.open(f"{address}".rstrip("/") + path)


@pytest.fixture
def place(servers: Servers, tmp_path: Path) -> Iterator[Place]:
    url = servers.redis.broker_url.replace("virtual_host=0", "virtual_host=3")
    with Canary() as canary, flower(url, tmp_path) as client, Chromium(tmp_path / "browser") as browser:
        told = [*canary.payloads().values()]
        app = make_app(changed(Settings(), broker_url=SecretStr(url)))
        wait_until(lambda: tell(app, told) or len(tasks(client)) == len(told), 60, "Flower has heard of every task")
        yield Place(browser, canary, client, told)


@contextmanager
def flower(broker_url: str, folder: Path) -> Iterator[httpx.Client]:
    """Run Flower as `wirewatch flower` does; give a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "flowerconfig.py"
    flower_config(file, host="127.0.0.1", port=port, user=NAME, password=PASSWORD)
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.celery", "flower", f"--conf={file}"],
        cwd=REPOSITORY,
        env=os.environ | {"WIREWATCH_BROKER_URL": broker_url},
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(NAME, PASSWORD), trust_env=False) as client:
            yield client
    finally:
        process.kill()
        process.wait()


def tell(app: Celery, told: list[str]) -> None:
    """Send what workers send of tasks, with a hostile text wherever one can stand."""
    with app.connection_for_write() as connection:
        for text in told:
            with app.events.Dispatcher(connection, hostname=text) as worker:
                worker.send("worker-online", sw_ident=text, sw_ver=text, sw_sys=text)
                worker.send("task-received", uuid=text, name=text, args=text, kwargs=text, root_id=text, parent_id=text)
                worker.send("task-failed", uuid=text, exception=text, traceback=text)


def tasks(client: httpx.Client) -> dict[str, object]:
    """Return what Flower has heard of; nothing while it starts."""
    try:
        answer = client.get("/api/tasks")
    except httpx.TransportError:
        return {}
    return dict(answer.raise_for_status().json())


def test_nothing_runs_whatever_flower_is_told(place: Place) -> None:
    paths = ["/workers", "/broker", *(f"/tasks?state={quote(one, safe='')}" for one in place.told)]
    paths += [f"/task/{quote(one, safe='')}" for one in place.told]  # a worker has a page only when it answers
    shown = 0
    for path in paths:
        title = place.open(path)
        text = place.browser.value("document.body.textContent")
        shown += any(one in text for one in place.told)
        assert nothing_ran(place.canary, place.browser, title), path
    assert shown > len(place.told), "the pages hold what was told"
    print(f"{len(paths)} pages of Flower, {shown} of them with hostile texts: nothing ran")


def test_its_tables_hold_the_hostile_names(place: Place) -> None:
    for path in ("/tasks", "/workers"):
        title = place.open(path)
        wait_until(lambda: place.browser.value(ROWS) >= 15, 10, f"the table of {path}")
        assert nothing_ran(place.canary, place.browser, title), path
