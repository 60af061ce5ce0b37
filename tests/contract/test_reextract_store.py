"""Stored pages for another look: which are read, and what is written only while an entry stands as it was read."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.making import (
    advance,
    bring,
    count_of,
    created_changes,
    discover,
    make_article,
    make_classified,
    make_ledger,
    row_of,
    run_sql,
    set_entry,
    settle_advanced,
)
from workers.domain.outcomes import State
from workers.domain.values import Entry
from workers.store.overview import broken_invariants
from workers.store.pages import forget_old_pages
from workers.store.reextract import (
    count_wanted,
    extract_again,
    read_stored,
    wanted_ids,
    write_new_version,
)
from workers.store.wanted import Wanted

MADE = make_article(0, text="Better text.")


def drop(engine: Engine, one: UUID, reason: str = "no_text") -> None:
    set_entry(engine, one, state="dropped", reason=reason)


def wanted(engine: Engine, limit: int | None = None, size: int = 2, **given: object) -> list[UUID]:
    chosen = Wanted(**given)  # type: ignore[arg-type]
    found = [one for ids in wanted_ids(engine, chosen, limit=limit, size=size) for one in ids]
    assert limit is not None or count_wanted(engine, chosen) == len(found)
    return found


def entry_read(engine: Engine, one: UUID) -> Entry:
    (stored,) = read_stored(engine, [one])
    return stored.entry


class TestWanted:
    def test_what_has_an_article_and_what_extraction_dropped(self, engine: Engine) -> None:
        ids = sorted(discover(engine, 7))
        published, waiting, extracted, dropped, gone, pageless = ids[:6]
        bring(engine, [published], State.CLASSIFIED)
        bring(engine, [waiting, dropped, gone, pageless], State.FETCHED)
        bring(engine, [extracted], State.EXTRACTED)
        drop(engine, dropped, "not_an_article")
        drop(engine, gone, "gone")
        drop(engine, pageless)
        set_entry(engine, pageless, page_sha=None)
        assert wanted(engine) == [published, dropped]

    @pytest.mark.parametrize("size", [1, 2, 5, 100])
    def test_each_comes_once_oldest_first_however_many_at_a_time(self, engine: Engine, size: int) -> None:
        ids = sorted(bring(engine, discover(engine, 5), State.CLASSIFIED))
        assert wanted(engine, size=size) == ids
        assert wanted(engine, size=size, limit=3) == ids[:3]

    def test_only_of_some_sources_or_since_a_day(self, engine: Engine) -> None:
        ours = bring(engine, discover(engine, 1), State.CLASSIFIED)
        other = bring(engine, discover(engine, 1, source="khabar", first=1), State.CLASSIFIED)
        now = row_of(engine, ours[0]).now
        set_entry(engine, ours[0], discovered_at=now - timedelta(days=3))
        assert wanted(engine, sources=("khabar",)) == other
        assert wanted(engine, sources=("khabar", "agency")) == sorted(ours + other)
        assert wanted(engine, since=now - timedelta(days=1)) == other
        assert wanted(engine, since=now - timedelta(days=3)) == sorted(ours + other)


class TestReading:
    def test_with_the_page_and_what_readers_have(self, engine: Engine) -> None:
        ids = sorted(discover(engine, 3))
        bring(engine, ids[:1], State.CLASSIFIED, [make_classified("x", removed=("aa", "bb"))])
        bring(engine, ids[1:], State.FETCHED)
        drop(engine, ids[1])
        run_sql(engine, "UPDATE entry SET page_sha = NULL WHERE id = :id", id=ids[2])
        published, dropped, pageless = read_stored(engine, list(reversed(ids)))
        assert published.article == make_article("x", removed=("aa", "bb"))
        assert published.page is not None
        assert (dropped.article, dropped.page is not None) == (None, True)
        assert pageless.page is None


class TestNewVersion:
    def test_it_is_classified_and_told_as_an_update(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.CLASSIFIED)
        assert write_new_version(make_ledger(engine), entry_read(engine, one), MADE)
        row = row_of(engine, one)
        assert (row.state, row.version, row.due_at <= row.now) == ("extracted", 1, True)
        assert broken_invariants(engine) == {}
        assert advance(engine, [one], State.EXTRACTED) == [one]
        assert [(change.type, change.version) for change in created_changes(engine)] == [("created", 1), ("updated", 2)]
        (stored,) = read_stored(engine, [one])
        assert stored.article == MADE
        assert broken_invariants(engine) == {}

    def test_its_later_looks_are_not_forgotten(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.CLASSIFIED)
        ledger = make_ledger(engine, revisit_after=[3_600])
        assert write_new_version(ledger, entry_read(engine, one), MADE)
        claim = ledger.claim([one], State.EXTRACTED)
        assert settle_advanced(ledger, claim) == [one]
        row = row_of(engine, one)
        assert row.revisit_at == row.discovered_at + timedelta(hours=1)

    @pytest.mark.parametrize(
        "meanwhile",
        [
            "SET state = 'discovered'",
            "SET version = 2",
            "SET page_sha = NULL",
            "SET lease_token = gen_random_uuid()",
        ],
    )
    def test_an_entry_that_is_no_longer_as_it_was_read_is_left_alone(self, engine: Engine, meanwhile: str) -> None:
        (one,) = bring(engine, discover(engine), State.CLASSIFIED)
        read = entry_read(engine, one)
        run_sql(engine, f"UPDATE entry {meanwhile}")
        before = dict(row_of(engine, one)._mapping) | {"now": None}
        assert not write_new_version(make_ledger(engine), read, MADE)
        assert dict(row_of(engine, one)._mapping) | {"now": None} == before
        assert count_of(engine, "article") == 1

    def test_what_a_later_look_left_behind_is_written_over(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.CLASSIFIED)
        run_sql(
            engine,
            "INSERT INTO article (entry_id, version, title, text, language, language_confidence, url, authors, quality,"
            " extractor) SELECT entry_id, 2, 'Old', 'Old', 'en', 1, url, authors, 'full', 'test 0' FROM article",
        )
        assert write_new_version(make_ledger(engine), entry_read(engine, one), MADE)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT text FROM article WHERE version = 2")).scalar_one()
        assert found == MADE.text


class TestDropped:
    def test_it_goes_down_the_path_again_with_nothing_held_against_it(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        drop(engine, one)
        run_sql(engine, "UPDATE entry SET attempt = 2, failures = 1")
        assert extract_again(make_ledger(engine), entry_read(engine, one))
        row = row_of(engine, one)
        assert (row.state, row.reason, row.attempt, row.failures) == ("fetched", None, 0, 0)
        assert row.due_at <= row.now
        assert advance(engine, [one], State.FETCHED) == [one]

    def test_retention_does_not_take_its_page_meanwhile(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        drop(engine, one)
        run_sql(engine, "UPDATE page SET stored_at = now() - interval '91 days'")
        assert extract_again(make_ledger(engine), entry_read(engine, one))
        drop(engine, one)  # again: its page is young now
        assert forget_old_pages(engine, days=90) == 0

    @pytest.mark.parametrize("meanwhile", ["UPDATE entry SET state = 'fetched'", "DELETE FROM page"])
    def test_not_when_somebody_was_there_first(self, engine: Engine, meanwhile: str) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        drop(engine, one)
        read = entry_read(engine, one)
        run_sql(engine, meanwhile)
        state = row_of(engine, one).state
        assert not extract_again(make_ledger(engine), read)
        assert row_of(engine, one).state == state
