"""One demo for all journeys that only look: starting a whole system takes seconds."""

from collections.abc import Iterator

import pytest

from tests.systems import SAMPLE_LINKS, RunningSystem
from tests.waiting import wait_until


# of this folder, not of the session: a demo that nobody looks at any more would take a tenth of the machine
@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    data = tmp_path_factory.mktemp("demo") / "data"
    with RunningSystem(
        ("demo", "--api-port", "0", "--flower-port", "0"),
        data,
        settings={"canary_s": 15},  # workers are checked four times a minute
        own_settings={"sources_file": data / "sources.yaml"},
    ) as running:
        running.wait_ready()
        wait_until(lambda: done(running), 60, "every sample link has its outcome")
        yield running
        assert running.stop() == 0, "Ctrl-C ends it cleanly"
        assert running.leftovers() == [], "and leaves no process, socket or lock behind"


def done(running: RunningSystem) -> bool:
    found = running.seen()
    return found.counts.discovered == SAMPLE_LINKS and not found.counts.in_flight and not found.unnumbered
