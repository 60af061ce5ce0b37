"""robots.txt in the store: one for all processes, while it is good, and the last known while a server fails."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from tests.making import count_of, run_sql
from workers.store.robots import KnownRobots, RobotsBook

ORIGIN = "https://agency.example"


def parse(body: bytes = b"User-agent: *\nDisallow: /x", **facts: Any) -> KnownRobots:
    return KnownRobots(verdict="parse", body=body, expires_s=facts.pop("expires_s", 3_600), **facts)


def fails(expires_s: float = 600) -> KnownRobots:
    return KnownRobots(verdict="unknown", expires_s=expires_s, detail="HTTP 503")


def let_days_pass(engine: Engine, days: float) -> None:
    run_sql(
        engine,
        "UPDATE robots SET body_at = body_at - make_interval(secs => :s), expires_at = expires_at"
        " - make_interval(secs => :s)",
        s=days * 86_400,
    )


def test_what_was_found_is_known_to_every_process(engine: Engine) -> None:
    found = parse(bytes(range(256)), detail="HTTP 200")
    assert RobotsBook(engine).keep(ORIGIN, found) == found
    known = RobotsBook(engine).known([ORIGIN, ORIGIN, "https://other.example"])
    assert list(known) == [ORIGIN]
    assert (known[ORIGIN].verdict, known[ORIGIN].body, known[ORIGIN].detail) == ("parse", found.body, "HTTP 200")
    assert 3_590 < known[ORIGIN].expires_s <= 3_600


def test_nothing_is_known_of_nobody(engine: Engine) -> None:
    assert RobotsBook(engine).known([]) == {}


def test_what_is_out_of_date_is_not_known(engine: Engine) -> None:
    book = RobotsBook(engine)
    book.keep(ORIGIN, parse(expires_s=0))
    assert book.known([ORIGIN]) == {}


def test_scheme_and_port_make_another_origin(engine: Engine) -> None:
    book = RobotsBook(engine)
    book.keep(ORIGIN, parse())
    assert book.known(["http://agency.example", "https://agency.example:8443"]) == {}


def test_the_last_found_counts(engine: Engine) -> None:
    book = RobotsBook(engine)
    for found in (parse(b"old"), parse(b"new"), KnownRobots(verdict="allow", expires_s=60), parse(b"last")):
        book.keep(ORIGIN, found)
        assert book.known([ORIGIN])[ORIGIN].body == found.body
    assert count_of(engine, "robots") == 1


@pytest.mark.parametrize(("days", "body"), [(0, b"rules"), (29.9, b"rules"), (30.1, None)])
def test_while_a_server_fails_the_last_known_body_counts_for_30_days(
    engine: Engine, days: float, body: bytes | None
) -> None:
    book = RobotsBook(engine)
    book.keep(ORIGIN, parse(b"rules"))
    let_days_pass(engine, days)
    kept = book.keep(ORIGIN, fails())
    assert (kept.verdict, kept.body) == ("unknown", body)
    known = book.known([ORIGIN])[ORIGIN]
    assert (known.verdict, known.body, known.detail) == ("unknown", body, "HTTP 503")


def test_failing_again_and_again_does_not_make_the_body_younger(engine: Engine) -> None:
    book = RobotsBook(engine)
    book.keep(ORIGIN, parse(b"rules"))
    for days in (20, 9):
        let_days_pass(engine, days)
        assert book.keep(ORIGIN, fails()).body == b"rules"
    let_days_pass(engine, 2)
    assert book.keep(ORIGIN, fails()).body is None


def test_a_server_that_failed_from_the_beginning_has_no_body(engine: Engine) -> None:
    assert RobotsBook(engine).keep(ORIGIN, fails()).body is None
    assert RobotsBook(engine).known([ORIGIN])[ORIGIN].body is None


def test_a_file_that_was_taken_away_is_not_remembered_when_the_server_fails(engine: Engine) -> None:
    book = RobotsBook(engine)
    book.keep(ORIGIN, parse(b"rules"))
    book.keep(ORIGIN, KnownRobots(verdict="allow", expires_s=60))
    assert book.keep(ORIGIN, fails()).body is None


def test_no_detail_is_unstorable_and_no_other_verdict_can_be_stored(engine: Engine) -> None:
    book = RobotsBook(engine)
    book.keep(ORIGIN, parse(detail="a\0b \ud800"))
    assert book.known([ORIGIN])[ORIGIN].detail == "ab ?"
    with pytest.raises(IntegrityError, match="ck_robots_verdict"):
        book.keep(ORIGIN, KnownRobots(verdict="perhaps", expires_s=1))
