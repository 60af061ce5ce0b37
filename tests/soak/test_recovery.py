"""Redis and PostgreSQL go away and come back, workers and beat stop: the system goes on without hands.

`OUTAGE_S=600 pytest tests/soak/test_recovery.py -k away` makes the longest outage of each ten minutes instead of one.
"""

import json
import os
import signal
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest

from tests.soak.recovering import OURS, SETTLE_S, Observed, Recovery, Store, Way, observed, send
from tests.waiting import wait_until

WITHIN_S = 60.0
#: Of each store, beside a long one: ten.
SHORT: tuple[Way, ...] = ("stop", "kill", "terminate") * 3
LONG_S = float(os.environ.get("OUTAGE_S", "60"))
SWEEP_S, HEARTBEAT_S = 5, 10


def check(found: Recovery) -> None:
    """Hold a recovery to its promise: in time, and at most one run of each tick beside those of its periods."""
    seconds = found.took_s + SETTLE_S
    assert found.took_s <= WITHIN_S
    # beside those whose time comes: one that the outage held up, and one at the return
    assert found.ticks["sweep"] <= seconds / SWEEP_S + 2
    assert found.ticks.get("heartbeat", 0) <= seconds / HEARTBEAT_S + 2
    assert found.ticks.get("upkeep", 0) <= 1
    assert not [name for name in found.ticks if name.startswith("stand-in")], "beat was there all the time"


def ten_outages(store: Store, folder: Path) -> list[Recovery]:
    """Take a store away ten times; return how the system went on, and print it."""
    with observed(folder, seconds=280 + LONG_S) as system:
        before = system.pids(*OURS)
        found = []
        for way, away_s in [*((way, 10.0) for way in SHORT), ("kill" if store == "redis" else "stop", LONG_S)]:
            found.append(system.outage(store, way, away_s))
            print(found[-1], flush=True)
        after = system.pids(*OURS)
        assert all(after.values()), "everything runs, and nobody has lent a hand"
        # kombu 5.7 may ask a connection that it has closed for its host: the worker ends, and is started again
        print(f"{store}: {[name for name in OURS if after[name] != before[name]]} ended and were started again")
    return found


@pytest.mark.timeout(500 + 2 * LONG_S)
def test_twenty_times_a_store_is_away_and_news_goes_through_within_a_minute_of_its_return(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        stores: tuple[Store, ...] = ("redis", "postgres")
        runs = [pool.submit(ten_outages, store, tmp_path / store) for store in stores]
        found = [one for run in runs for one in run.result()]
    for one in found:
        check(one)
    assert len(found) == 20
    print(f"20 of 20 recoveries, the slowest in {max(one.took_s for one in found):.1f} s")


#: Silence must be longer than a period and a task's limit together.
QUICK = {"fetch_deadline_s": 8, "lease_s": 18, "hint_lag_s": 5, "canary_s": 8, "silence_s": 24, "beat_silence_s": 15}


def health(system: Observed) -> list[str]:
    """Return what the API finds wrong."""
    try:
        with urllib.request.urlopen(f"{system.system.address('API').rstrip('/')}/healthz", timeout=10) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    found: list[str] = json.loads(body)["problems"]
    return found


@pytest.mark.timeout(400)
def test_a_stopped_worker_is_replaced_and_a_silent_beat_stood_in_for(tmp_path: Path) -> None:
    with observed(tmp_path / "system", seconds=240, **QUICK) as system:
        for number, name in enumerate(("worker-io", "worker-cpu", "relay"), start=1):
            before, began = system.pids(*OURS), monotonic()
            send(system.family(name), signal.SIGSTOP)
            wait_until(lambda: system.pids(name)[name] not in {0, before[name]}, 90, f"{name} is replaced")  # noqa: B023
            print(f"{name} replaced after {monotonic() - began:.0f} s", flush=True)
            assert monotonic() - began >= 15, "not before it was silent"
            assert {one for one in OURS if system.pids(one)[one] != before[one]} == {name}
            assert len(system.sql("SELECT key FROM note WHERE key LIKE 'replaced:%'")) == number
        assert [row[0] for row in system.sql("SELECT value FROM note WHERE key LIKE 'replaced:%'")] == ["1"] * 3

        for way in ("stop", "kill"):
            with system.without("beat", way):
                began = monotonic()
                wait_until(lambda: any("beat is silent" in one for one in health(system)), 60, "the silence is told")
                print(f"beat {way}: told after {monotonic() - began:.0f} s: {health(system)}", flush=True)
                count = "SELECT count(*) FROM tick_log WHERE name = 'sweep'"
                swept = system.sql(count)[0][0]
                wait_until(lambda: system.sql(count)[0][0] >= swept + 3, 60, "the tick goes on")  # noqa: B023
            wait_until(lambda: not health(system), 60, "beat is back")
