"""Articles over HTTP: the search, every version of one, and answers that a reader has already."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.integration.test_api import TOPICS, get, serving
from tests.making import advance, bring, discover, make_classified, make_ledger, row_of, run_sql, set_entry
from workers.deliver.api.app import make_api
from workers.deliver.contract import Versions
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.reading import list_articles

TEXTS = {
    "a": ("Border guards met in Geneva", "Überblick: the river patrol of both countries."),
    "b": ("Guards of the border", "A football match. " + "filler " * 3_000 + "zebra"),
    "c": ("边境合作会议", "两国边防部队在边境会晤。"),
    "d": ("ความร่วมมือชายแดน", "مرزبانان گفت‌وگو کردند."),
    "e": ("국경 협력 회의", "Sanctions, sanctions: «Ελλάδα»"),
}


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1")) as client:
        yield client


@pytest.fixture
def library(engine: Engine) -> dict[str, str]:
    """Articles in many scripts; their ids by their names."""
    ids = discover(engine, len(TEXTS))
    made = [make_classified(name, title=title, text=body) for name, (title, body) in TEXTS.items()]
    bring(engine, ids, State.CLASSIFIED, made)
    return {str(one): name for one, name in zip(ids, TEXTS, strict=True)}


class TestSearch:
    def test_words_in_any_script(self, api: httpx.Client, library: dict[str, str]) -> None:
        for question, found in (
            ("border guards", "ab"), ("BORDER", "ab"), ('"border guards"', "a"), ("guards -football", "a"),
            ("river or football", "ab"), ("überblick", "a"), ("ÜBERBLICK", "a"), ("zebra", "b"), ("guard", ""),
            ("边境", "c"), ("边境合作", "c"), ("境边", ""), ("边 境", "c"), ("边境 会晤", "c"), ("会晤 -合作", ""),
            ("ชายแดน", "d"), ("แดนชาย", ""), ("گفت‌وگو", "d"), ("گفت", "d"), ("گفت وگو", "d"),
            ("“river patrol”", "a"), ("会议，合作", "c"), ("국경", "e"), ("ελλάδα", "e"),
            ("!!! ((( & | :* '", ""), ("\\", ""), ('"', ""), ("-", ""),
        ):  # fmt: skip
            told = get(api, "/v1/articles", q=question)["articles"]
            assert "".join(sorted(library[one["id"]] for one in told)) == found, question

    def test_it_goes_with_filters_and_pages(self, api: httpx.Client, library: dict[str, str]) -> None:
        first = get(api, "/v1/articles", q="guards", limit=1, source="agency", topic="border-cooperation")
        second = get(api, "/v1/articles", q="guards", limit=1, before=first["next_before"])
        assert {library[one["id"]] for page in (first, second) for one in page["articles"]} == {"a", "b"}
        assert get(api, "/v1/articles", q="guards", country="ZZ")["articles"] == []

    def test_what_is_no_question_is_refused(self, api: httpx.Client) -> None:
        for question in ("", "x" * 201, "a\0b"):
            assert api.get("/v1/articles", params={"q": question}).status_code == 422

    @pytest.mark.parametrize("letter", ["\U00010400{}", "{}", "边{}", "{} "])
    def test_no_text_is_too_long_to_be_stored(self, engine: Engine, letter: str) -> None:
        """A tsvector ends at 1 MiB, and then PostgreSQL refuses the row."""
        long = "".join(letter.format(f"{one:x}" if one % 7 else chr(0x20000 + one)) for one in range(120_000))
        words = " ".join(f"{one:x}\U00010400" for one in range(120_000))
        ids = discover(engine, 3)
        made = [make_classified(i, text=body) for i, body in enumerate([long, words, long.replace(" ", "")])]
        assert len(bring(engine, ids, State.CLASSIFIED, made) or ids) == 3
        with engine.connect() as connection:
            assert len(list_articles(connection, limit=5)) == 3


class TestVersions:
    def test_every_change_is_told_with_the_text_of_its_time(self, api: httpx.Client, engine: Engine) -> None:
        (one,) = discover(engine)
        bring(engine, [one], State.CLASSIFIED, [make_classified(0, text="As it was first.")])
        set_entry(engine, one, revisit_at=row_of(engine, one).now)
        assert make_ledger(engine).begin_revisits(10) == 1
        again = make_classified(0, text="As it is now.")
        advance(engine, [one], State.DISCOVERED)
        advance(engine, [one], State.FETCHED, [again.article])
        advance(engine, [one], State.EXTRACTED, [again])
        with engine.begin() as connection:
            number(connection)
        raw = get(api, f"/v1/articles/{one}/versions")
        told = [(each["type"], each["seq"], each["article"]["text"]) for each in raw["versions"]]
        assert told == [("updated", 2, "As it is now."), ("created", 1, "As it was first.")]
        assert Versions.model_validate(raw).model_dump(mode="json") == raw
        event = get(api, "/v1/changes", limit=1)["changes"][0]
        assert (raw["versions"][1]["id"], raw["versions"][1]["time"]) == (event["id"], event["time"])

    def test_an_unknown_article_has_none(self, api: httpx.Client) -> None:
        assert api.get(f"/v1/articles/{uuid4()}/versions").status_code == 404


class TestHadAlready:
    @pytest.mark.parametrize("path", ["/v1/articles", "/v1/articles/{}", "/v1/articles/{}/versions"])
    def test_a_reader_who_has_it_gets_304_until_it_changes(self, api: httpx.Client, engine: Engine, path: str) -> None:
        (one,) = discover(engine)
        bring(engine, [one], State.CLASSIFIED)
        first = api.get(path.format(one))
        tag = first.headers["etag"]
        for said in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            answer = api.get(path.format(one), headers={"if-none-match": said})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        run_sql(engine, 'UPDATE change SET payload = payload || \'{"title": "Another"}\'')
        answer = api.get(path.format(one), headers={"if-none-match": tag})
        assert (answer.status_code, answer.headers["etag"] != tag) == (200, True)

    def test_large_answers_are_compressed_for_who_takes_that(self, api: httpx.Client, engine: Engine) -> None:
        bring(engine, discover(engine, 5), State.CLASSIFIED)
        packed = api.get("/v1/articles", headers={"accept-encoding": "gzip"})
        plain = api.get("/v1/articles", headers={"accept-encoding": "identity"})
        assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert "content-encoding" not in plain.headers
        assert packed.json() == plain.json()
        assert int(packed.headers["content-length"]) * 2 < int(plain.headers["content-length"])


class TestTooMuchToAsk:
    def test_a_question_that_takes_too_long_is_told_apart_from_a_store_that_is_away(
        self, api: httpx.Client, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow(connection: Any, **_: Any) -> Any:
            connection.execute(text("SET LOCAL statement_timeout = 10"))
            return connection.execute(text("SELECT pg_sleep(9)")).all()

        monkeypatch.setattr("workers.deliver.api.articles.list_articles", slow)
        answer = api.get("/v1/articles")
        assert (answer.status_code, answer.json()["title"]) == (503, "Service Unavailable")
        assert answer.json()["detail"].startswith("this takes too long")

    def test_filters_are_looked_up_by_their_index(self, engine: Engine) -> None:
        """With 20,000 articles of which the 49 oldest match, no table is read from end to end."""
        run_sql(
            engine,
            """
            INSERT INTO source (id, name, url, language, country, owner, state_owned)
                 VALUES ('agency', 'n', 'u', 'en', 'GB', 'o', false);
            INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version)
                 SELECT uuidv7(), 'agency', 'u', n, 'agency.example', '{}', 'classified', 1
                   FROM generate_series(1, 20000) AS n;
            INSERT INTO article (entry_id, version, title, text, language, language_confidence, url, authors, quality,
                                 extractor)
                 SELECT id, 1, CASE WHEN url_key::int < 50 THEN 'rare' ELSE 'common' END, 'text ' || repeat('x ', 200),
                        'en', 1, 'u', '{}', 'full', 't' FROM entry;
            INSERT INTO change (event_id, entry_id, version, type, payload)
                 SELECT uuidv7(), id, 1, 'created',
                        CASE WHEN url_key::int < 50 THEN '{"language": "fa", "source": {"country": "IR"}}'::jsonb
                             ELSE '{"language": "en", "source": {"country": "GB"}}'::jsonb END FROM entry;
            INSERT INTO flag SELECT id, 1, CASE WHEN url_key::int < 50 THEN 'rare' ELSE 'common' END,
                   0.9, true, '[]', '1', '1' FROM entry;
            """,
        )
        run_sql(engine, "ANALYZE")
        asked: list[dict[str, Any]] = [{"language": "fa"}, {"country": "IR"}, {"topic": "rare"}, {"search": "rare"}]
        for only in asked:
            plans: list[str] = []
            with engine.connect() as connection:
                real = connection.execute

                def explained(query: Any, real: Any = real, plans: list[str] = plans, to: Any = connection) -> Any:
                    compiled = query.compile(engine)
                    plans.extend(to.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars())
                    return real(query)

                connection.execute = explained  # type: ignore[method-assign,assignment]
                assert len(list_articles(connection, limit=50, **only)) == 49
            plan = "\n".join(plans)
            assert "Seq Scan" not in plan, plan
            assert any(name in plan for name in ("ix_change_", "ix_flag_topic", "ix_article_words")), plan
