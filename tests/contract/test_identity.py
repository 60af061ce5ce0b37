"""Which URLs are one article (promise 3): by form, by redirect, by rel=canonical, by the rules of earlier versions."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from tests.making import (
    bring,
    count_of,
    let_wait_pass,
    make_article,
    make_feed_entry,
    make_ledger,
    make_page,
    make_source,
    make_source_ledger,
    poll_result,
    record,
    row_of,
    run_sql,
    set_entry,
    settle_advanced,
)
from workers.domain.outcomes import Hop, State
from workers.domain.values import Article, Page
from workers.store.engine import make_engine
from workers.store.ledger import Settled
from workers.store.overview import broken_invariants, overview
from workers.store.schema import alias, entry, sighting

A, B, C = (f"https://agency.example/{name}" for name in "abc")
HTTP_A = "http://agency.example/a"


@pytest.fixture
def many(database_url: str) -> Iterator[Engine]:
    """An engine for workers that come at the same time."""
    made = make_engine(database_url, role="test workers", pool_size=6)
    yield made
    made.dispose()


def found_at(engine: Engine, source: str, *urls: str) -> int:
    """Let a poll of one of three sources find these, and return how many were new to the ledger."""
    sources = make_source_ledger(engine)
    sources.sync([make_source(name) for name in ("one", "two", "three")])
    return record(sources, source, poll_result(*(make_feed_entry(url, url=url) for url in urls))).new


def id_of(engine: Engine, url: str) -> UUID:
    with engine.connect() as connection:
        return UUID(str(connection.execute(select(entry.c.id).where(entry.c.url == url)).scalar_one()))


def seen_by(engine: Engine, one: UUID) -> list[str]:
    """Return the sources that count for an entry."""
    with engine.connect() as connection:
        query = select(sighting.c.source_id).where(sighting.c.entry_id == one).order_by(sighting.c.source_id)
        return list(connection.execute(query).scalars())


def redirected(url: str) -> Page:
    return make_page(url.encode(), url=url, hops=(Hop(301, url),))


def fetch(engine: Engine, pages: dict[str, Page]) -> Settled[Any]:
    """Complete the fetch of entries, all in one batch: URL -> what came."""
    return _complete(engine, State.DISCOVERED, {id_of(engine, url): page for url, page in pages.items()})


def extract(engine: Engine, articles: dict[str, Article]) -> Settled[Any]:
    """Complete the extraction of entries, all in one batch: URL -> clean text."""
    return _complete(engine, State.FETCHED, {id_of(engine, url): value for url, value in articles.items()})


def _complete(engine: Engine, state: State, values: dict[UUID, Any]) -> Settled[Any]:
    let_wait_pass(engine)
    ledger = make_ledger(engine)
    claim = ledger.claim(values, state)
    assert len(claim.entries) == len(values)
    advanced = settle_advanced(ledger, claim, values)
    ended = set(values) - set(advanced)
    return Settled(advanced=advanced) if not ended else Settled(advanced=advanced, counts=_reasons(engine, ended))


def _reasons(engine: Engine, ids: set[UUID]) -> Any:
    return {one: (row_of(engine, one).state, row_of(engine, one).reason) for one in ids}


def assert_same_as(engine: Engine, ended: str, stays: str, *, via: str) -> None:
    row = row_of(engine, id_of(engine, ended))
    assert (row.state, row.reason) == ("dropped", "same_url")
    assert row.detail == f"{via} to entry {id_of(engine, stays)}"
    assert row.lease_token is None
    assert row_of(engine, id_of(engine, stays)).state != "dropped"
    assert overview(engine).counts.balanced
    assert broken_invariants(engine) == {}


class TestRedirect:
    @pytest.mark.parametrize("order", [[HTTP_A, A], [A, HTTP_A], None])
    def test_http_and_https_are_one_when_the_redirect_says_so(self, engine: Engine, order: list[str] | None) -> None:
        assert (found_at(engine, "one", HTTP_A), found_at(engine, "two", A)) == (1, 1), "kept apart until then"
        pages = {HTTP_A: redirected(A), A: make_page(url=A)}
        for batch in [[one] for one in order] if order else [[HTTP_A, A]]:
            fetch(engine, {url: pages[url] for url in batch})
        assert_same_as(engine, HTTP_A, A, via="redirect")
        assert seen_by(engine, id_of(engine, A)) == ["one", "two"]
        assert row_of(engine, id_of(engine, A)).state == "fetched"
        assert row_of(engine, id_of(engine, HTTP_A)).page_sha is None, "its page is not kept"

    def test_where_it_led_is_known_from_then_on(self, engine: Engine) -> None:
        found_at(engine, "one", "https://short.example/x")
        fetch(engine, {"https://short.example/x": redirected(A)})
        assert found_at(engine, "two", A + "?utm_source=rss") == 0
        assert seen_by(engine, id_of(engine, "https://short.example/x")) == ["one", "two"]
        assert count_of(engine, "alias") == 1

    def test_a_redirect_that_changes_nothing_of_the_identity_adds_none(self, engine: Engine) -> None:
        found_at(engine, "one", A)
        fetch(engine, {A: redirected(A + "/?utm_medium=rss#top")})
        assert (count_of(engine, "alias"), row_of(engine, id_of(engine, A)).state) == (0, "fetched")

    def test_two_of_one_batch_that_lead_to_one_url_are_one(self, engine: Engine) -> None:
        found_at(engine, "one", A, B)
        fetch(engine, {A: redirected(C), B: redirected(C)})
        states = sorted(row_of(engine, id_of(engine, url)).state for url in (A, B))
        assert states == ["dropped", "fetched"]
        assert count_of(engine, "alias") == 2, "where both lead, and the link of the one that ended"

    def test_a_link_that_ended_as_another_counts_for_that_one_from_then_on(self, engine: Engine) -> None:
        found_at(engine, "one", A, HTTP_A)
        fetch(engine, {A: make_page(), HTTP_A: redirected(A)})
        assert row_of(engine, id_of(engine, HTTP_A)).reason == "same_url"
        assert found_at(engine, "two", HTTP_A) == 0
        assert set(seen_by(engine, id_of(engine, A))) == {"one", "two"}

    def test_settling_it_again_changes_nothing(self, engine: Engine) -> None:
        found_at(engine, "one", A)
        one = id_of(engine, A)
        fetch(engine, {A: redirected(B)})
        set_entry(engine, one, state="discovered")
        fetch(engine, {A: redirected(B)})
        assert (row_of(engine, one).state, count_of(engine, "alias")) == ("fetched", 1)

    def test_an_alias_of_an_entry_that_ended_without_an_article_is_free_again(self, engine: Engine) -> None:
        found_at(engine, "one", A, B, "https://agency.example/other")
        fetch(engine, {"https://agency.example/other": redirected("https://agency.example/elsewhere")})
        fetch(engine, {A: redirected(C)})
        set_entry(engine, id_of(engine, A), state="dropped", reason="no_text")
        fetch(engine, {B: redirected(C)})
        assert row_of(engine, id_of(engine, B)).state == "fetched"
        assert found_at(engine, "two", C) == 0
        assert seen_by(engine, id_of(engine, B)) == ["one", "two"]

    def test_an_alias_of_an_entry_that_lives_is_not_free(self, engine: Engine) -> None:
        found_at(engine, "one", A)
        found_at(engine, "two", B)
        fetch(engine, {A: redirected(C)})
        fetch(engine, {B: redirected(C)})
        assert_same_as(engine, B, A, via="redirect")
        assert seen_by(engine, id_of(engine, A)) == ["one", "two"]

    def test_of_two_that_lead_to_one_another_one_stays(self, engine: Engine) -> None:
        found_at(engine, "one", A)
        found_at(engine, "two", B)
        fetch(engine, {A: redirected(B), B: redirected(A)})
        rows = {row_of(engine, id_of(engine, url)).state: id_of(engine, url) for url in (A, B)}
        assert set(rows) == {"dropped", "fetched"}
        assert seen_by(engine, rows["fetched"]) == ["one", "two"]

    def test_in_a_chain_all_count_for_the_last(self, engine: Engine) -> None:
        for source, url in (("one", A), ("two", B), ("three", C)):
            found_at(engine, source, url)
        fetch(engine, {A: redirected(B), B: redirected(C), C: make_page(url=C)})
        for url in (A, B):
            assert_same_as(engine, url, C, via="redirect")
        assert seen_by(engine, id_of(engine, C)) == ["one", "three", "two"]

    def test_a_later_look_takes_no_identity_away(self, engine: Engine) -> None:
        found_at(engine, "one", A, B)
        one = id_of(engine, A)
        bring(engine, [one], State.CLASSIFIED)
        set_entry(engine, one, state="discovered", revisit_at=None)
        fetch(engine, {A: redirected(B)})
        assert (row_of(engine, one).state, count_of(engine, "alias")) == ("fetched", 0)


class TestCanonical:
    @pytest.fixture
    def fetched(self, engine: Engine) -> Engine:
        """Two pages of two sources."""
        found_at(engine, "one", A)
        found_at(engine, "two", B)
        fetch(engine, {A: make_page(b"a", url=A), B: make_page(b"b", url=B)})
        return engine

    def test_a_page_that_names_another_entrys_url_is_a_sighting_of_that_one(self, fetched: Engine) -> None:
        extract(fetched, {A: make_article(url=A, canonical_url=B)})
        assert_same_as(fetched, A, B, via="canonical")
        assert seen_by(fetched, id_of(fetched, B)) == ["one", "two"]
        assert count_of(fetched, "article") == 0

    def test_what_it_names_is_known_from_then_on(self, fetched: Engine) -> None:
        extract(fetched, {A: make_article(url=A, canonical_url=C)})
        assert found_at(fetched, "three", C) == 0
        assert seen_by(fetched, id_of(fetched, A)) == ["one", "three"]

    def test_of_two_that_name_one_another_one_stays(self, fetched: Engine) -> None:
        extract(fetched, {A: make_article(url=A, canonical_url=B), B: make_article(url=B, canonical_url=A)})
        assert sorted(row_of(fetched, id_of(fetched, url)).state for url in (A, B)) == ["dropped", "extracted"]
        assert count_of(fetched, "article") == 1
        assert broken_invariants(fetched) == {}

    def test_of_two_that_name_one_another_by_an_alias_one_stays(self, engine: Engine) -> None:
        found_at(engine, "one", A)
        found_at(engine, "two", B)
        fetch(engine, {A: redirected(C), B: make_page(url=B)})
        extract(engine, {A: make_article(url=C, canonical_url=B), B: make_article(url=B, canonical_url=C)})
        assert sorted(row_of(engine, id_of(engine, url)).state for url in (A, B)) == ["dropped", "extracted"]
        assert broken_invariants(engine) == {}

    @pytest.mark.parametrize("claimed", [None, "", A, "https://agency.example/", "https://other.example/b", "//["])
    def test_what_is_not_to_be_believed_says_nothing(self, fetched: Engine, claimed: str | None) -> None:
        extract(fetched, {A: make_article(url=A, canonical_url=claimed)})
        assert (row_of(fetched, id_of(fetched, A)).state, count_of(fetched, "alias")) == ("extracted", 0)

    def test_without_a_claim_the_url_of_the_page_is_none(self, fetched: Engine) -> None:
        extract(fetched, {A: make_article(url=B)})
        assert (row_of(fetched, id_of(fetched, A)).state, count_of(fetched, "alias")) == ("extracted", 0)


class TestVersionOne:
    """Entries that the rule before this one made: always https in its form, a shorter list of parameters."""

    @pytest.fixture(params=[A, HTTP_A])
    def old(self, engine: Engine, request: pytest.FixtureRequest) -> str:
        """The URL of an entry of version 1."""
        found_at(engine, "one", request.param)
        key = sha256(A.encode()).hexdigest()
        run_sql(engine, "UPDATE entry SET url_key = :key, canon_version = 1", key=key)
        return str(request.param)

    @pytest.mark.parametrize("url", [A, HTTP_A, A + "/?utm_source=x", "https://AGENCY.example:443/a#b"])
    def test_they_are_found_under_every_form_of_their_rule(self, engine: Engine, old: str, url: str) -> None:
        assert found_at(engine, "two", url) == 0
        assert seen_by(engine, id_of(engine, old)) == ["one", "two"]

    def test_a_redirect_to_one_is_a_sighting_of_it(self, engine: Engine, old: str) -> None:
        short = "https://short.example/x"
        found_at(engine, "two", short)
        fetch(engine, {short: redirected(A)})
        assert_same_as(engine, short, old, via="redirect")
        assert seen_by(engine, id_of(engine, old)) == ["one", "two"]

    def test_one_that_is_redirected_to_its_other_scheme_stays(self, engine: Engine, old: str) -> None:
        fetch(engine, {old: redirected(HTTP_A if old == A else A)})
        assert row_of(engine, id_of(engine, old)).state == "fetched"

    def test_a_form_of_another_version_is_no_key_of_this_one(self, engine: Engine) -> None:
        """Version 1 wrote `http` as `https`: what version 2 made of the one must not be taken for the other."""
        assert found_at(engine, "one", A) == 1
        assert found_at(engine, "two", HTTP_A) == 1


class TestRace:
    def test_of_two_transactions_that_take_one_identity_one_does(self, many: Engine) -> None:
        for number in range(6):
            urls = [f"https://agency.example/{number}/{name}" for name in "xy"]
            target = f"https://agency.example/{number}/target"
            found_at(many, "one", *urls)
            ids = [id_of(many, url) for url in urls]
            let_wait_pass(many)
            ledger = make_ledger(many)
            claims = [ledger.claim([one], State.DISCOVERED) for one in ids]
            together = threading.Barrier(2)

            def settle(claim: Any, barrier: threading.Barrier = together, target: str = target) -> list[UUID]:
                barrier.wait(10)
                return settle_advanced(make_ledger(many), claim, {claim.entries[0].id: redirected(target)})

            with ThreadPoolExecutor(2) as pool:
                advanced = [one for some in pool.map(settle, claims) for one in some]
            assert len(advanced) == 1
            (lost,) = set(ids) - set(advanced)
            assert row_of(many, lost).detail == f"redirect to entry {advanced[0]}"
            with many.connect() as connection:
                assert advanced[0] in connection.execute(select(alias.c.entry_id)).scalars().all()
        assert count_of(many, "alias") == 12, "six that were taken, and six links that ended"

    def test_two_polls_that_find_one_url_at_once_make_one_entry(self, many: Engine) -> None:
        sources = make_source_ledger(many)
        sources.sync([make_source(name) for name in ("one", "two", "three")])
        urls = [f"https://agency.example/{number}" for number in range(30)]
        together = threading.Barrier(3)

        def poll(source: str) -> int:
            (due,) = sources.claim([source])
            links = [make_feed_entry(url, url=url) for url in (urls if source == "one" else reversed(urls))]
            together.wait(10)
            return sources.record(due, poll_result(*links)).new

        with ThreadPoolExecutor(3) as pool:
            assert sum(pool.map(poll, ("one", "two", "three"))) == len(urls)
        assert (count_of(many, "entry"), count_of(many, "sighting")) == (30, 90)
