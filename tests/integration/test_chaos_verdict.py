"""The verdict of a chaos run: each broken promise is told, each reader's gap is seen, and claims are counted."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.making import bring, discover, make_ledger, run_sql
from workers.domain.outcomes import State
from workers.operate.chaos.consumer import kept, mend, read_on
from workers.operate.chaos.verdict import STEPS, Standing, doubled, install, log, problems, standing
from workers.store.changes import number, take_relay_lock

COUNT = 4


@pytest.fixture
def drained(engine: Engine) -> Engine:
    """A ledger as it is after a run in which nothing went wrong."""
    install(engine, sweeper=True)
    bring(engine, discover(engine, COUNT), State.CLASSIFIED)
    with engine.begin() as connection:
        assert take_relay_lock(connection)
        assert number(connection) == COUNT
    return engine


def judged(engine: Engine, **given: Any) -> list[str]:
    truth = log(engine)
    readers: dict[str, Any] = {"kept": truth, "stream": [seq for seq, *_ in truth], "pushed": truth}
    return problems(engine, **({"articles": COUNT} | readers | given))


def test_a_run_in_which_nothing_went_wrong_has_no_problems(drained: Engine) -> None:
    assert judged(drained) == []
    assert judged(drained, kept=[*log(drained), *log(drained)]) == [], "at least once: twice is allowed"
    assert standing(drained) == Standing(COUNT, COUNT, 0, 0, 0, 0, COUNT, STEPS * COUNT)
    assert standing(drained).is_drained(COUNT)
    assert not standing(drained).is_drained(COUNT + 1)


BREAKS = {
    "a change that is gone": ("DELETE FROM change WHERE seq = 4", "has exactly one `created` change"),
    "stuck": ("UPDATE entry SET state = 'fetched' WHERE url LIKE '%/1'", "fetched"),
    "quarantined": ("UPDATE entry SET state = 'quarantined', reason = 'crashed' WHERE url LIKE '%/1'", "crashed"),
    "leased": ("UPDATE entry SET lease_token = gen_random_uuid() WHERE url LIKE '%/1'", "1 entries"),
    "a source nobody takes up": ("UPDATE source SET lease_until = now() - interval '1 minute'", "1 sources or hosts"),
    "not numbered": ("UPDATE change SET seq = NULL WHERE seq = 4", "1 changes have no number"),
    "a gap": ("UPDATE change SET seq = 9 WHERE seq = 2", "gap"),
    "two changes": ("UPDATE change SET type = 'updated' WHERE seq = 2", "change after the first"),
    "one text twice": ("UPDATE article SET text = 'the same'", "twice: text"),
    "one link twice": ("UPDATE entry SET url = 'https://agency.example/news/0'", "twice: link"),
    "a false duplicate": ("""UPDATE change SET payload = payload || '{"duplicate_of": "x"}'""", "another's"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_promise_is_told(name: str, drained: Engine) -> None:
    statement, words = BREAKS[name]
    readers = log(drained)
    run_sql(drained, statement)
    found = judged(drained, kept=readers, pushed=readers)
    assert any(words in one for one in found), found


def test_an_article_that_nobody_discovered_is_told(drained: Engine) -> None:
    assert judged(drained, articles=COUNT + 1) == [f"{COUNT + 1} articles, {COUNT} discovered"]


def test_what_a_reader_misses_or_invents_is_told(drained: Engine) -> None:
    truth = log(drained)
    assert "misses 1 of 4" in judged(drained, kept=truth[1:])[0]
    assert "has 1 changes that the log has not" in judged(drained, kept=[*truth, (5, "e", "a", "created")])[0]
    assert judged(drained, stream=[1, 2, 4]) == ["the stream is not the log"]


def test_what_a_webhook_is_not_sent_or_out_of_order_is_told(drained: Engine) -> None:
    one, two, three, four = truth = log(drained)
    assert judged(drained, pushed=[one, one, two, one, two, three, four, three]) == [], "from an earlier one on, again"
    assert "the webhook misses 1 of 4" in judged(drained, pushed=truth[:3])[0]
    assert judged(drained, pushed=[one, three, two, three, four]) == ["the webhook was sent changes out of order"]


def test_a_claim_of_a_process_that_died_counts_as_a_run(engine: Engine) -> None:
    install(engine, sweeper=True)
    ids = discover(engine, 2)
    make_ledger(engine).claim(ids, State.DISCOVERED)
    assert standing(engine).runs == 2
    assert not doubled(engine)


def test_without_a_sweeper_nothing_is_ever_due(engine: Engine) -> None:
    install(engine, sweeper=False)
    ids = discover(engine, 2)
    ledger = make_ledger(engine, hint_lag_s=0)
    assert ledger.due(State.DISCOVERED, 10) == []
    assert len(ledger.claim(ids, State.DISCOVERED).entries) == 2, "who has a hint is served"


class _Log(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        after = int(self.path.split("after=")[1].split("&")[0])
        changes = [
            {"seq": seq, "id": f"e{seq}", "type": "wirewatch.article.created", "subject": f"a{seq}"}
            for seq in range(after + 1, min(after + 3, 6))
        ]
        body = json.dumps({"changes": changes, "next_after": changes[-1]["seq"] if changes else after}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Log) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_consumer_reads_to_the_end_and_goes_on_where_it_stopped(api: str, tmp_path: Path) -> None:
    assert [read_on(api, tmp_path) for _ in range(4)] == [2, 2, 1, 0]
    assert kept(tmp_path) == [(seq, f"e{seq}", f"a{seq}", "created") for seq in range(1, 6)]


def test_a_consumer_that_was_killed_reads_again_and_loses_nothing(api: str, tmp_path: Path) -> None:
    read_on(api, tmp_path)
    (tmp_path / "cursor").unlink()  # killed between the two files
    with (tmp_path / "events").open("a") as file:
        file.write("3 e3 a")  # or in the middle of a line
    mend(tmp_path)
    while read_on(api, tmp_path):
        pass
    assert [seq for seq, *_ in kept(tmp_path)] == [1, 2, 1, 2, 3, 4, 5]
