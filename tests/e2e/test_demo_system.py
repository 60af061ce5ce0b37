"""The journey of a newcomer: the demo runs, is looked at from every side, and leaves nothing behind."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import httpx
import pytest

from tests.systems import SAMPLE_LINKS, RunningSystem
from tests.waiting import wait_until
from workers.operate.memory import ProcessMemory, measure
from workers.pipeline import QUEUES

#: One worker process runs them all, and starts one system.
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def api(system: RunningSystem) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.address("API"), trust_env=False, timeout=10) as client:
        yield client


def test_one_process_runs_this_group(request: pytest.FixtureRequest, worker_id: str) -> None:
    assert worker_id == "master" or request.node.nodeid.endswith("@demo"), (
        "groups do nothing: a system for each process"
    )


def test_status_shows_a_ledger_that_balances(system: RunningSystem) -> None:
    found = system.status()
    ended = sum(found["states"][state] for state in ("classified", "dropped", "quarantined"))
    assert found["balanced"]
    assert found["discovered"] == found["in_flight"] + ended == SAMPLE_LINKS
    assert set(found["queues"]) == set(QUEUES)
    assert {row["id"]: row["last_outcome"] for row in found["sources"]}["broken"] == "http_5xx"
    table = system.ask("status")
    assert table.returncode == 0
    assert "discovered 48 = in flight 0 + classified 41 + dropped 7 + quarantined 0" in table.stdout


def test_the_change_log_has_no_gap_and_each_article_once(api: httpx.Client) -> None:
    seen, after = [], 0
    while page := api.get("/v1/changes", params={"after": after, "limit": 7}).json()["changes"]:
        seen += page
        after = page[-1]["seq"]
    assert [change["seq"] for change in seen] == list(range(1, len(seen) + 1))
    assert len({change["subject"] for change in seen}) == len(seen) == 41


def test_evidence_is_a_span_of_the_stored_text(api: httpx.Client) -> None:
    checked = 0
    for shown in api.get("/v1/articles", params={"limit": 100}).json()["articles"]:
        article = api.get(f"/v1/articles/{shown['id']}").json()
        for flag in article["flags"]:
            for span in flag["evidence"]:
                assert article[span["field"]][span["start"] : span["end"]] == span["text"]
                checked += 1
    assert checked > 40


def test_the_stream_holds_what_the_log_holds(system: RunningSystem) -> None:
    import redis

    with redis.Redis(unix_socket_path=str(system.runtime / "redis.sock"), db=1) as client:
        wait_until(lambda: client.xlen("wirewatch:changes") == 41, 10, "the stream is as long as the log")
        assert [name for name, _ in client.xrange("wirewatch:changes", count=3)] == [b"1-0", b"2-0", b"3-0"]


def test_flower_asks_for_a_password_and_lets_nobody_act(system: RunningSystem) -> None:
    password = re.search(r"password (\S+)", system.output)
    assert password
    with httpx.Client(base_url=system.address("Flower"), trust_env=False, timeout=10) as anyone:
        for path in ("/", "/workers", "/tasks", "/broker", "/api/workers", "/api/tasks"):
            assert anyone.get(path).status_code == 401, path
        operator = httpx.BasicAuth("operator", password[1])

        def named(path: str, names: Iterable[str]) -> bool:
            answer = anyone.get(path, auth=operator)
            assert answer.status_code == 200
            return all(name in answer.text for name in names)

        wait_until(lambda: named("/broker", QUEUES), 30, "every worker has told Flower its queues")
        wait_until(lambda: named("/workers", ("io@", "cpu@", "relay@")), 30, "Flower knows the workers")
        for path in ("/api/worker/shutdown/io@x", "/api/task/async-apply/sweep", "/api/worker/pool/restart/io@x"):
            assert anyone.post(path, auth=operator, json={"args": []}).status_code in {403, 405}, path


def test_tail_shows_articles_and_doctor_names_what_is_wrong(system: RunningSystem) -> None:
    lines = system.ask("tail", "--no-follow", "-n", "50").stdout.splitlines()
    assert len(lines) == 41
    events = system.ask("tail", "--no-follow", "-n", "50", "--json", "--topic", "cyber-security").stdout.splitlines()
    flagged = [json.loads(line)["data"]["article"]["flags"] for line in events]
    assert flagged
    assert all(any(flag["topic"] == "cyber-security" and flag["flagged"] for flag in flags) for flags in flagged)
    checked = system.ask("doctor")
    assert checked.returncode == 1
    assert "broken: http_5xx" in checked.stdout.replace("\n", " ")
    assert "✓ promises" in checked.stdout


def test_a_source_that_is_added_is_polled_without_a_restart(system: RunningSystem) -> None:
    feed = json.loads(system.ask("sources", "list", "--json").stdout.splitlines()[0])["url"]
    added = system.ask(
        *("sources", "add", feed + "?again=1", "--name", "Again", "--language", "en", "--country", "IE"),
        *("--owner", "Nobody", "--no-state-owned", "--id", "again", "--no-fetch"),
    )
    assert added.returncode == 0, added.stderr

    def polled() -> bool:
        rows = {row["id"]: row for row in system.seen().sources}
        return bool("again" in rows and rows["again"]["last_outcome"])

    wait_until(polled, 20, "the new source is polled")
    assert system.status()["discovered"] == SAMPLE_LINKS, "the same links again are nothing new"
    assert system.ask("sources", "remove", "again").returncode == 0


def test_an_article_costs_less_than_one_message(system: RunningSystem) -> None:
    logs = "".join(path.read_text(encoding="utf-8") for path in (system.data / "logs").glob("worker-*.log"))
    received = Counter(re.findall(r"Task (\w+)\[[\w-]+\] received", logs))
    steps = ("fetch_entries", "extract_entries", "classify_entries")
    assert all(received[step] for step in steps)
    assert sum(received[step] for step in steps) < SAMPLE_LINKS


def test_memory_is_shown_by_process(system: RunningSystem) -> None:
    shown = system.ask("memory")
    assert shown.returncode == 0, shown.stderr
    assert all(name in shown.stdout for name in ("celery beat", "redis-server", "postgres", "all"))


def test_workers_are_named_and_memory_is_bounded_and_the_pusher_comes_when_it_is_needed(system: RunningSystem) -> None:
    assert system.process is not None
    pid = system.process.pid
    found = fullest_beside_a_check(system, pid)
    assert {"supervisord", "postgres", "redis-server", "celery beat", "celery flower", "web"} <= {
        one.name for one in found
    }
    figures = "\n".join(f"{one.name}: {one.pss_bytes}" for one in found)
    assert resident(found) < 875e6, figures  # 900 MB are promised
    assert "push" not in {one.name for one in found}, "nobody is subscribed"
    assert system.ask("webhooks", "add", "http://127.0.0.1:9/").returncode == 0
    wait_until(lambda: "push" in {one.name for one in measure(pid)}, 20, "the pusher runs")


def fullest_beside_a_check(system: RunningSystem, pid: int) -> list[ProcessMemory]:
    """Return the system at its largest while the workers are checked, from the check's start to its end."""
    # to measure every process while waiting would cost seconds
    wait_until(lambda: system.of_service("workers.watch"), 40, "the workers are checked")
    samples = []
    while checked(found := measure(pid)):
        samples.append(found)
    return max(samples, key=resident)


def checked(found: list[ProcessMemory]) -> bool:
    return "watch" in {one.name for one in found}


def resident(found: list[ProcessMemory]) -> int:
    return sum(one.rss_bytes if one.pss_bytes is None else one.pss_bytes for one in found)
