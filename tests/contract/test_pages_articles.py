"""Pages, articles and stories: stored once, read back as they were, forgotten in time."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import zstandard
from sqlalchemy import Engine, text

from tests.making import (
    MOMENT,
    advance,
    bring,
    count_of,
    created_changes,
    discover,
    expire_leases,
    make_article,
    make_classified,
    make_flag,
    make_ledger,
    make_page,
    row_of,
    run_sql,
    set_entry,
    settle_advanced,
)
from workers.domain.outcomes import State
from workers.domain.values import Article, CountryPair, NamedCountry, NamedOrganisation, Page, TextSpan
from workers.store.articles import articles_of, write_articles
from workers.store.engine import make_engine
from workers.store.pages import forget_old_pages, pages_of, write_pages


def page_back(engine: Engine, one: UUID) -> Page | None:
    (pair,) = pages_of(engine, make_ledger(engine).claim([one], State.FETCHED))
    return pair[1]


def article_back(engine: Engine, one: UUID) -> Article:
    (pair,) = articles_of(engine, make_ledger(engine).claim([one], State.EXTRACTED))
    return pair[1]


class TestPages:
    @pytest.mark.parametrize(
        "page",
        [
            make_page(bytes(range(256)) * 100),
            make_page(b""),
            make_page("خبر".encode("windows-1256"), charset=None, status=203, content_type=""),
        ],
    )
    def test_a_page_comes_back_as_it_went(self, engine: Engine, page: Page) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED, [page])
        assert page_back(engine, one) == page

    def test_the_same_body_is_stored_once_and_compressed(self, engine: Engine) -> None:
        body = b"<p>the same words</p>" * 1_000
        ids = bring(engine, discover(engine, 2), State.FETCHED, [make_page(body)] * 2)
        ids += bring(engine, discover(engine, 1, first=2), State.FETCHED, [make_page(body)])
        with engine.connect() as connection:
            (stored,) = connection.execute(text("SELECT sha, body, size FROM page")).all()
        assert (stored.sha, stored.size) == (hashlib.sha256(body).hexdigest(), len(body))
        assert len(stored.body) < len(body) / 10
        assert zstandard.decompress(stored.body) == body
        assert [page_back(engine, one) for one in ids] == [make_page(body)] * 3

    def test_a_page_that_retention_took_is_said_to_be_missing(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        run_sql(engine, "DELETE FROM page")
        assert page_back(engine, one) is None


class TestRetention:
    def age(self, engine: Engine) -> None:
        run_sql(engine, "UPDATE page SET stored_at = now() - interval '91 days'")

    def test_old_pages_of_ended_entries_are_forgotten(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.CLASSIFIED)
        assert forget_old_pages(engine, days=90) == 0
        self.age(engine)
        assert forget_old_pages(engine, days=90) == 1
        assert (count_of(engine, "page"), row_of(engine, one).page_sha) == (0, None)
        assert count_of(engine, "article") == 1

    @pytest.mark.parametrize("state", [State.FETCHED, State.EXTRACTED])
    def test_entries_in_flight_keep_theirs(self, engine: Engine, state: State) -> None:
        bring(engine, discover(engine), state)
        self.age(engine)
        assert forget_old_pages(engine, days=90) == 0

    def test_what_waits_in_quarantine_for_a_person_keeps_its_page(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        set_entry(engine, one, state="quarantined", reason="bug")
        self.age(engine)
        assert forget_old_pages(engine, days=90) == 0
        set_entry(engine, one, state="dropped", reason="no_text")
        assert forget_old_pages(engine, days=90) == 1

    def test_a_page_is_as_young_as_its_last_use(self, engine: Engine) -> None:
        bring(engine, discover(engine), State.CLASSIFIED)
        with engine.connect() as connection:
            body = zstandard.decompress(connection.execute(text("SELECT body FROM page")).scalar_one())
        self.age(engine)
        bring(engine, discover(engine, 1, first=1), State.FETCHED, [make_page(body)])
        run_sql(engine, "UPDATE entry SET state = 'classified'")
        assert forget_old_pages(engine, days=90) == 0

    def test_it_cannot_take_a_page_that_is_being_pointed_to(self, engine: Engine) -> None:
        bring(engine, discover(engine), State.CLASSIFIED)
        with engine.connect() as connection:
            body = zstandard.decompress(connection.execute(text("SELECT body FROM page")).scalar_one())
        self.age(engine)
        (one,) = discover(engine, 1, first=1)
        claim = make_ledger(engine).claim([one], State.DISCOVERED)
        with engine.begin() as connection:
            write_pages(connection, [(claim.entries[0], make_page(body))])
            assert forget_old_pages(engine, days=90) == 0
        assert row_of(engine, one).page_sha is not None

    def test_they_go_in_batches_until_none_is_left(self, engine: Engine) -> None:
        bring(engine, discover(engine, 5), State.CLASSIFIED)
        self.age(engine)
        assert forget_old_pages(engine, days=90, limit=2) == 5
        assert count_of(engine, "page") == 0


class TestArticles:
    @pytest.mark.parametrize(
        "article",
        [
            make_article(),
            make_article(authors=(), published=None, published_from=None, canonical_url="https://agency.example/c"),
            make_article(text="\u200cگفت‌وگو\n🚨 ﷽ e\u0301\u0302", quality="summary"),
            make_article(authors=("A", "B"), removed=("0123", "4567"), rung="strict", rung_why="short"),
            make_article(
                updated=MOMENT, updated_from="meta", section="World", dateline_place="KYIV", is_paywalled=True
            ),
        ],
    )
    def test_an_article_comes_back_as_it_went(self, engine: Engine, article: Article) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED, [article])
        assert article_back(engine, one) == article

    def test_extracting_again_replaces_the_text(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED, [make_article(text="first", authors=("A", "B"))])
        run_sql(engine, "UPDATE article SET extracted_at = '2000-01-01'")
        set_entry(engine, one, state="fetched")
        better = make_article(text="second", authors=("C",), published=datetime(2026, 1, 1, tzinfo=UTC))
        assert advance(engine, [one], State.FETCHED, [better]) == [one]
        assert count_of(engine, "article") == 1
        assert article_back(engine, one) == better
        with engine.connect() as connection:
            assert connection.execute(text("SELECT extracted_at > '2020-01-01' FROM article")).scalar_one()

    def test_the_write_itself_may_be_repeated(self, engine: Engine) -> None:
        (one,) = bring(engine, discover(engine), State.FETCHED)
        (entry,) = make_ledger(engine).claim([one], State.FETCHED).entries
        for _ in range(2):
            with engine.begin() as connection:
                write_articles(connection, [(entry, make_article())])
        assert count_of(engine, "article") == 1


class TestClassified:
    def test_the_change_tells_everything_but_the_text(self, engine: Engine) -> None:
        value = make_classified(7, make_flag(probability=0.123456), canonical_url="https://agency.example/c")
        (one,) = bring(engine, discover(engine), State.CLASSIFIED, [value])
        (change,) = created_changes(engine)
        discovered = row_of(engine, one).discovered_at.isoformat().replace("+00:00", "Z")
        assert (change.entry_id, change.type, change.version, change.seq) == (one, "created", 1, None)
        assert change.payload == {
            "id": str(one),
            "version": 1,
            "url": "https://agency.example/news/7",
            "canonical_url": "https://agency.example/c",
            "title": "گفت‌وگو · Überblick · 边境 7",
            "language": "en",
            "language_confidence": 0.98,
            "authors": ["A. Writer"],
            "published": MOMENT.isoformat().replace("+00:00", "Z"),
            "published_from": "feed",
            "updated": None,
            "updated_from": None,
            "discovered": discovered,
            "section": None,
            "page_language": None,
            "dateline": None,
            "wire_credit": None,
            "image": None,
            "is_paywalled": False,
            "quality": "full",
            "extractor": "test 1",
            "extraction": {"rung": "", "why": ""},
            "source": {
                "id": "agency",
                "name": "The agency",
                "language": "en",
                "country": "GB",
                "owner": "Example Trust",
                "state_owned": False,
            },
            "story": str(one),
            "duplicate_of": None,
            "model": "test 1",
            "flags": [
                {
                    "topic": "border-cooperation",
                    "probability": 0.1235,
                    "flagged": True,
                    "band": "flagged",
                    "evidence": [
                        {"field": "text", "start": 0, "end": 6, "text": "Border", "rule": "border*", "weight": 4.5}
                    ],
                    "sentence": {"field": "text", "start": 0, "end": 18, "text": "Border guards met."},
                    "pack_version": "1",
                    "model": "test 1",
                }
            ],
            "countries": [],
            "organisations": [],
            "pairs": [],
        }

    def test_the_flag_is_kept_as_the_change_tells_it(self, engine: Engine) -> None:
        bring(
            engine, discover(engine), State.CLASSIFIED, [make_classified(0, make_flag(), make_flag("a", sentence=None))]
        )
        (change,) = created_changes(engine)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT * FROM flag ORDER BY topic DESC")).mappings().all()
            unsaid = connection.execute(text("SELECT topic FROM flag WHERE sentence IS NULL")).scalars().all()
        assert [
            {name: row[name] for name in told} for row, told in zip(rows, change.payload["flags"], strict=True)
        ] == (change.payload["flags"])
        assert unsaid == ["a"]

    def test_the_change_tells_who_and_where(self, engine: Engine) -> None:
        value = make_classified(0)
        span = TextSpan(field="text", start=0, end=6, text="Border")
        told = {"field": "text", "start": 0, "end": 6, "text": "Border"}
        named = replace(
            value.classification,
            countries=(NamedCountry(code="IR", count=4, share=0.61, spans=(span, span)),),
            organisations=(NamedOrganisation(id="sco", count=1, spans=(span,)),),
            pairs=(CountryPair(countries=("IQ", "IR"), count=2, spans=(span,)),),
        )
        bring(engine, discover(engine), State.CLASSIFIED, [replace(value, classification=named)])
        (change,) = created_changes(engine)
        assert change.payload["countries"] == [{"code": "IR", "share": 0.61, "count": 4, "spans": [told, told]}]
        assert change.payload["organisations"] == [{"id": "sco", "count": 1, "spans": [told]}]
        assert change.payload["pairs"] == [{"countries": ["IQ", "IR"], "count": 2, "spans": [told]}]

    def test_the_change_tells_what_the_page_said(self, engine: Engine) -> None:
        value = make_classified(
            published_from="json-ld",
            updated=MOMENT,
            updated_from="meta",
            section="World",
            page_language="fa-IR",
            dateline_place="TEHRAN",
            dateline_agency="Fars",
            wire_credit="Reuters",
            image="https://agency.example/i.jpg",
            is_paywalled=True,
            rung="strict",
            rung_why="short",
            removed=("0123",),
        )
        bring(engine, discover(engine), State.CLASSIFIED, [value])
        payload = created_changes(engine)[0].payload
        assert (
            payload.items()
            >= {
                "published_from": "json-ld",
                "updated": MOMENT.isoformat().replace("+00:00", "Z"),
                "updated_from": "meta",
                "section": "World",
                "page_language": "fa-IR",
                "dateline": {"place": "TEHRAN", "agency": "Fars"},
                "wire_credit": "Reuters",
                "image": "https://agency.example/i.jpg",
                "is_paywalled": True,
                "extraction": {"rung": "strict", "why": "short"},
            }.items()
        )
        assert "removed" not in payload, "what was furniture is nobody's news"

    @pytest.mark.parametrize(
        ("facts", "told"),
        [
            ({"dateline_place": "KYIV"}, {"place": "KYIV", "agency": None}),
            ({"dateline_agency": "AFP"}, {"place": None, "agency": "AFP"}),
        ],
    )
    def test_half_a_dateline_is_told(self, engine: Engine, facts: dict[str, str], told: dict[str, str | None]) -> None:
        bring(engine, discover(engine), State.CLASSIFIED, [make_classified(**facts)])
        assert created_changes(engine)[0].payload["dateline"] == told

    def test_no_flag_is_a_result(self, engine: Engine) -> None:
        value = make_classified()
        plain = replace(value, classification=replace(value.classification, flags=()))
        bring(engine, discover(engine), State.CLASSIFIED, [plain])
        assert created_changes(engine)[0].payload["flags"] == []
        assert count_of(engine, "flag") == 0

    def test_the_change_keeps_the_source_as_it_was_then(self, engine: Engine) -> None:
        bring(engine, discover(engine), State.CLASSIFIED)
        discover(engine, 1, first=1, owner="Another Trust")
        assert created_changes(engine)[0].payload["source"]["owner"] == "Example Trust"

    def test_twins_in_one_batch_name_the_one_discovered_first(self, engine: Engine) -> None:
        ids = bring(engine, discover(engine, 3), State.EXTRACTED)
        twins = [make_classified(number, fingerprint="same") for number in range(3)]
        advance(engine, ids, State.EXTRACTED, twins)
        first = str(min(ids))
        told = {row.payload["id"]: row.payload["duplicate_of"] for row in created_changes(engine)}
        assert told == {str(one): None if str(one) == first else first for one in ids}
        assert {row.payload["story"] for row in created_changes(engine)} == {first}

    def test_a_later_twin_names_the_earlier_one(self, engine: Engine) -> None:
        (early,) = bring(engine, discover(engine), State.CLASSIFIED, [make_classified(0, fingerprint="same")])
        late = discover(engine, 1, source="khabar", first=1)
        bring(engine, late, State.CLASSIFIED, [make_classified(1, fingerprint="same")])
        assert [row.payload["duplicate_of"] for row in created_changes(engine)] == [None, str(early)]

    def test_many_twins_at_once_have_exactly_one_original(self, engine: Engine, database_url: str) -> None:
        ids = bring(engine, discover(engine, 12), State.EXTRACTED)
        many = make_engine(database_url, role="test", pool_size=4)

        def classify(place: int) -> list[UUID]:
            mine = ids[place::4]
            # each batch holds the stories in another order
            twins = [make_classified(number, fingerprint=f"story-{(number + place) % 3}") for number in range(3)]
            return advance(many, mine, State.EXTRACTED, twins)

        with ThreadPoolExecutor(4) as pool:
            assert sum(map(len, pool.map(classify, range(4)))) == 12
        many.dispose()
        told = [row.payload["duplicate_of"] for row in created_changes(engine)]
        assert told.count(None) == 3
        originals = {row.payload["id"] for row in created_changes(engine) if row.payload["duplicate_of"] is None}
        assert {one for one in told if one} == originals

    def test_article_flags_and_change_stand_or_fall_together(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one,) = bring(engine, discover(engine), State.EXTRACTED)
        ledger = make_ledger(engine)
        claim = ledger.claim([one], State.EXTRACTED)
        with monkeypatch.context() as patch:
            patch.setattr("workers.store.articles.snapshot", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                settle_advanced(ledger, claim)
        assert [count_of(engine, table) for table in ("flag", "story", "change")] == [0, 0, 0]
        assert row_of(engine, one).state == "extracted"
        expire_leases(engine)
        assert advance(engine, [one], State.EXTRACTED) == [one]
