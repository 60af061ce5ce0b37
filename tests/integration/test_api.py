"""The HTTP API over the real store, as a consumer meets it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, text

from tests.making import MOMENT, advance, bring, created_changes, discover, make_classified, make_flag, run_sql
from tests.waiting import wait_until
from workers.deliver.api.app import make_api
from workers.deliver.api.examples import FULL_ARTICLE
from workers.deliver.contract import Articles, Changes, FullArticle, Problem, Sources, Topics, Versions
from workers.domain.outcomes import State
from workers.store.changes import note_stream_trouble, number
from workers.store.engine import make_engine
from workers.store.overview import record_tick
from workers.store.reading import list_articles

TOPICS = [
    {
        "id": name,
        "name": name.capitalize(),
        "description": "About it.",
        "version": "1",
        "threshold": 0.5,
        "uncertain_from": 0.2,
        "iptc": ["medtop:11000000"],
        "eurovoc": ["eurovoc:4452"],
        "languages": ["en", "fa"],
    }
    for name in ("quiet", "sanctions")
]
ROUTES = ["/v1/changes", "/v1/articles", "/v1/articles/01a20000-0000-7000-8000-000000000000", "/v1/sources", "/healthz"]


@contextmanager
def serving(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve the application over real HTTP on a free loopback port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, description="the API is up")
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1.2.3")) as client:
        yield client


@pytest.fixture
def articles(engine: Engine) -> list[str]:
    """Five classified articles of two sources, numbered; their ids, newest first: feeds begin with the newest."""
    ids = discover(engine, 2, source="khabar", first=0, country="IR") + discover(engine, 3, first=2)
    values = [
        make_classified(0),
        make_classified(1, make_flag("sanctions")),
        make_classified(2, make_flag("sanctions"), language="fa"),
        make_classified(3, make_flag("sanctions", flagged=False)),
        make_classified(
            4,
            published_from="rule",
            updated=MOMENT,
            updated_from="meta",
            section="World",
            page_language="en-GB",
            dateline_place="KYIV",
            wire_credit="Reuters",
            image="https://agency.example/i.jpg",
            is_paywalled=True,
            rung="strict",
            rung_why="short",
        ),
    ]
    bring(engine, ids, State.CLASSIFIED, values)
    with engine.begin() as connection:
        number(connection)
    return [str(one) for one in ids[2:] + ids[:2]]


def get(api: httpx.Client, path: str, **parameters: Any) -> Any:
    answer = api.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


class TestChanges:
    def test_an_empty_log(self, api: httpx.Client) -> None:
        assert get(api, "/v1/changes") == {"changes": [], "next_after": 0, "last_seq": 0}

    def test_a_reader_that_goes_by_the_cursor_reads_everything_once(
        self, api: httpx.Client, articles: list[str]
    ) -> None:
        after, read = 0, []
        for _ in range(4):
            page = get(api, "/v1/changes", after=after, limit=2)
            read += [one["seq"] for one in page["changes"]]
            assert page["next_after"] >= after
            after = page["next_after"]
        assert read == [1, 2, 3, 4, 5]
        assert page == {"changes": [], "next_after": 5, "last_seq": 5}

    def test_an_event_is_whole(self, api: httpx.Client, articles: list[str]) -> None:
        event = get(api, "/v1/changes", limit=1, source="agency")["changes"][0]
        assert (event["specversion"], event["type"], event["subject"]) == (
            "1.0", "wirewatch.article.created", event["data"]["article"]["id"],
        )  # fmt: skip
        assert event["time"].endswith("Z")
        article = event["data"]["article"]
        assert (article["source"]["id"], article["source"]["state_owned"]) == ("agency", False)
        assert article["flags"][0]["evidence"] == [
            {"field": "text", "start": 0, "end": 6, "text": "Border", "rule": "border*", "weight": 4.5}
        ]
        assert article["published"] == "2026-03-01T12:30:00Z"

    def test_a_filtered_reader_gets_to_the_end_too(self, api: httpx.Client, articles: list[str]) -> None:
        page = get(api, "/v1/changes", topic="sanctions", country="IR")
        assert (len(page["changes"]), page["next_after"]) == (1, 5)
        assert get(api, "/v1/changes", topic="quiet") == {"changes": [], "next_after": 5, "last_seq": 5}

    def test_a_rare_topic_costs_a_bounded_look_and_loses_nothing(
        self, api: httpx.Client, articles: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workers.deliver.api.changes.LOOK_AHEAD", 2)
        cursors, read, after = [], [], 0
        while after < 5:
            page = get(api, "/v1/changes", after=after, topic="sanctions")
            read += [one["data"]["article"]["title"][-1] for one in page["changes"]]
            after = page["next_after"]
            cursors.append(after)
        assert cursors == [2, 4, 5]
        assert sorted(read) == ["1", "2"]

    def test_the_cursor_of_another_life_never_goes_back(self, api: httpx.Client, articles: list[str]) -> None:
        assert get(api, "/v1/changes", after=99) == {"changes": [], "next_after": 99, "last_seq": 5}

    @pytest.mark.parametrize(
        "parameters",
        [
            {"after": -1}, {"after": "x"}, {"after": 2**63}, {"limit": 0}, {"limit": 501}, {"topic": "a\0b"},
            {"topic": ""}, {"topic": "x" * 101}, {"source": "'; DROP TABLE"}, {"language": "english"},
            {"country": "gb"}, {"country": "GBR"}, {"topics": "sanctions"},
        ],
    )  # fmt: skip
    def test_bad_parameters_are_refused_and_named(self, api: httpx.Client, parameters: dict[str, Any]) -> None:
        answer = api.get("/v1/changes", params=parameters)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert [(one["in"], one["name"]) for one in answer.json()["errors"]] == [("query", next(iter(parameters)))]


class TestArticles:
    def test_the_newest_come_first_page_by_page(self, api: httpx.Client, articles: list[str]) -> None:
        read, parameters = [], {}
        for _ in range(3):
            page = get(api, "/v1/articles", limit=2, **parameters)
            read += [one["id"] for one in page["articles"]]
            parameters = {"before": page["next_before"]}
        assert read == articles
        assert page["next_before"] is None

    @pytest.mark.parametrize(
        ("parameters", "names"),
        [
            ({"topic": "sanctions"}, {"1", "2"}),
            ({"language": "fa"}, {"2"}),
            ({"source": "khabar"}, {"0", "1"}),
            ({"source": "khabar", "topic": "sanctions"}, {"1"}),
            ({"topic": "sanctions", "language": "en"}, {"1"}),
            ({"topic": "quiet"}, set()),
            ({"country": "ZZ"}, set()),
        ],
    )
    def test_filters(self, api: httpx.Client, articles: list[str], parameters: dict[str, str], names: set[str]) -> None:
        assert {one["title"][-1] for one in get(api, "/v1/articles", **parameters)["articles"]} == names

    @pytest.mark.parametrize("path", ["/v1/changes", "/v1/articles"])
    def test_a_topic_that_nobody_knows_is_refused_with_those_there_are(
        self, api: httpx.Client, articles: list[str], path: str
    ) -> None:
        answer = api.get(path, params={"topic": "sanktions"})
        (problem,) = answer.json()["errors"]
        assert (answer.status_code, problem["in"], problem["name"]) == (422, "query", "topic")
        assert problem["detail"] == "no topic has this id; known are: quiet, sanctions"

    @pytest.mark.parametrize("path", ["/v1/changes", "/v1/articles"])
    def test_a_topic_whose_pack_is_gone_is_still_read(self, api: httpx.Client, articles: list[str], path: str) -> None:
        """`border-cooperation` has flagged articles and no pack in force."""
        assert len(get(api, path, topic="border-cooperation")[path.rsplit("/", 1)[-1]]) == 2

    def test_one_article_with_its_text_in_its_own_letters(self, api: httpx.Client, articles: list[str]) -> None:
        answer = api.get(f"/v1/articles/{articles[0]}")
        assert "گفت‌وگو · Überblick · 边境".encode() in answer.content
        assert answer.json()["text"] == "Border guards met.\nNumber 2."
        assert "text" not in get(api, "/v1/articles")["articles"][0]

    def test_what_is_not_classified_is_not_there(self, api: httpx.Client, engine: Engine) -> None:
        (one,) = discover(engine)
        for state in (State.DISCOVERED, State.FETCHED, State.EXTRACTED):
            assert get(api, "/v1/articles")["articles"] == []
            assert api.get(f"/v1/articles/{one}").status_code == 404
            assert advance(engine, [one], state) == [one]
        assert [each["id"] for each in get(api, "/v1/articles")["articles"]] == [str(one)]

    def test_an_unknown_id_is_said_so(self, api: httpx.Client) -> None:
        answer = api.get(f"/v1/articles/{uuid4()}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "no classified article has this id",
        }

    @pytest.mark.parametrize(
        "path", ["/v1/articles/7", "/v1/articles?before=x", "/v1/articles?limit=501", "/healthz?x=1", "/v1/topics?id=x"]
    )
    def test_bad_parameters_are_refused(self, api: httpx.Client, path: str) -> None:
        assert api.get(path).status_code == 422

    def test_a_topic_is_looked_up_by_its_index(self, engine: Engine) -> None:
        """With 20,000 articles of which 1 % carry the topic, no table is read from end to end."""
        run_sql(
            engine,
            """
            INSERT INTO source (id, name, url, language, country, owner, state_owned)
                 VALUES ('agency', 'n', 'u', 'en', 'GB', 'o', false);
            INSERT INTO entry (id, source_id, url, url_key, host, feed, state, version)
                 SELECT uuidv7(), 'agency', 'u', n, 'agency.example', '{}', 'classified', 1
                   FROM generate_series(1, 20000) AS n;
            INSERT INTO change (event_id, entry_id, version, type, payload)
                 SELECT uuidv7(), id, 1, 'created', '{}' FROM entry;
            INSERT INTO flag SELECT id, 1, CASE WHEN url_key::int % 100 = 0 THEN 'rare' ELSE 'common' END,
                   0.9, true, '[]', '1', '1' FROM entry;
            """,
        )
        run_sql(engine, "ANALYZE")
        for topic in ("rare", "common"):
            plans: list[str] = []
            with engine.connect() as connection:
                real = connection.execute

                def explained(query: Any, real: Any = real, plans: list[str] = plans) -> Any:
                    compiled = query.compile(engine, compile_kwargs={"literal_binds": True})
                    plans.extend(real(text(f"EXPLAIN {compiled}")).scalars())
                    return real(query)

                connection.execute = explained  # type: ignore[method-assign,assignment]
                assert len(list_articles(connection, limit=50, topic=topic)) == 50
            plan = "\n".join(plans)
            assert "ix_flag_topic" in plan or topic == "common", plan
            assert "Seq Scan" not in plan, plan
            assert "Sort" not in plan, plan


class TestTheRest:
    def test_topics_are_those_in_force(self, api: httpx.Client) -> None:
        assert get(api, "/v1/topics") == {"topics": TOPICS}

    def test_sources_say_how_they_do(self, api: httpx.Client, engine: Engine) -> None:
        discover(engine, 2)
        (one,) = get(api, "/v1/sources")["sources"]
        assert (one["id"], one["watched"], one["last_outcome"], one["outcomes"]) == ("agency", True, "ok", {"ok": 1})
        assert one["next_poll_at"].endswith("Z")
        assert "lease_token" not in one

    def test_of_a_bug_a_source_tells_the_last_line(self, api: httpx.Client, engine: Engine) -> None:
        discover(engine, 2)
        trace = 'Traceback:\n  File "/home/desk/poll.py", line 7\nKeyError: what it was\n'
        for outcome, shown in (("bug", "KeyError: what it was"), ("not_a_feed", trace)):
            run_sql(engine, "UPDATE source SET last_outcome = :outcome, last_error = :e", outcome=outcome, e=trace)
            assert get(api, "/v1/sources")["sources"][0]["last_error"] == shown

    def test_health_is_a_schedule_that_ticks(self, api: httpx.Client, engine: Engine) -> None:
        answer = api.get("/healthz")
        assert (answer.status_code, answer.json()["problems"]) == (503, ["the schedule has not ticked yet"])
        record_tick(engine, "sweep")
        assert get(api, "/healthz") == {"ok": True, "problems": [], "notes": [], "last_seq": 0}
        run_sql(engine, "UPDATE tick SET last_at = now() - interval '3 min'")
        answer = api.get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["problems"][0].startswith("the schedule has not ticked since 2")

    def test_health_tells_of_a_stream_that_gets_nothing(self, api: httpx.Client, engine: Engine) -> None:
        record_tick(engine, "sweep")
        with engine.begin() as connection:
            note_stream_trouble(connection, "the stream is not ours")
        answer = api.get("/healthz")
        assert (answer.status_code, answer.json()["problems"]) == (503, ["the stream is not ours"])

    def test_metrics_are_there_for_prometheus(self, api: httpx.Client) -> None:
        assert "wirewatch_changes_numbered" in api.get("/metrics").text

    @pytest.mark.parametrize("path", ROUTES)
    def test_without_the_store_every_route_says_so(self, path: str) -> None:
        away = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing", role="test")
        with serving(make_api(away, lambda: TOPICS, "1")) as api:
            answer = api.get(path)
            assert answer.status_code == 503
            assert answer.json()["detail"] == "the store does not answer; try again"
            assert int(answer.headers["retry-after"]) > 0
        away.dispose()

    def test_a_statement_that_takes_too_long_is_said_so(self, database_url: str, engine: Engine) -> None:
        impatient = make_engine(database_url, role="test", statement_timeout_s=1)
        with engine.begin() as other, serving(make_api(impatient, lambda: TOPICS, "1")) as api:
            other.exec_driver_sql("LOCK TABLE change IN ACCESS EXCLUSIVE MODE")
            assert api.get("/v1/changes").status_code == 503
        impatient.dispose()

    def test_readers_beyond_the_pool_are_asked_to_come_back(self, database_url: str) -> None:
        small = make_engine(database_url, role="test", pool_size=1)
        small.pool._timeout = 0.1  # type: ignore[attr-defined]
        with serving(make_api(small, lambda: TOPICS, "1")) as api:
            held = [small.connect() for _ in range(3)]
            assert api.get("/v1/changes").status_code == 503
            for one in held:
                one.close()
            assert api.get("/v1/changes").status_code == 200
        small.dispose()

    def test_the_contract_describes_every_route(self, api: httpx.Client) -> None:
        contract = get(api, "/openapi.json")
        assert contract["openapi"].startswith("3.")
        assert contract["info"]["version"] == "1.2.3"
        assert set(contract["paths"]) == {
            "/v1/webhooks", "/v1/webhooks/{webhook_id}", "/v1/webhooks/{webhook_id}/replay",
            "/v1/webhooks/{webhook_id}/dead-letters",
            "/v1/changes", "/v1/articles", "/v1/articles/{article_id}", "/v1/articles/{article_id}/verdicts",
            "/v1/articles/{article_id}.ninjs", "/v1/feeds/{kind}", "/v1/schemas/change-1.json", "/v1/stream",
            "/v1/articles/{article_id}/versions",
            "/v1/topics", "/v1/sources", "/healthz",
        }  # fmt: skip
        for path in contract["paths"].values():
            for operation in path.values():
                assert operation["summary"]
                assert operation["description"]
        _references_resolve(contract, contract)

    def test_the_contract_shows_examples_that_keep_it(self, api: httpx.Client) -> None:
        contract = get(api, "/openapi.json")
        for path, shape in (
            ("/v1/changes", Changes),
            ("/v1/articles", Articles),
            ("/v1/articles/{article_id}", FullArticle),
            ("/v1/articles/{article_id}/versions", Versions),
        ):
            answers = contract["paths"][path]["get"]["responses"]
            described = shape.model_validate(answers["200"]["content"]["application/json"]["example"])
            assert list(_undescribed(described)) == [], path
            (kind, answer), *others = answers["422"]["content"].items()
            assert (kind, others) == ("application/problem+json", [])
            assert list(_undescribed(Problem.model_validate(answer["example"]))) == []
            assert {"401", "403", "429", "503"} <= set(answers)
        article = FULL_ARTICLE
        for one in (*article["flags"][0]["evidence"], article["flags"][0]["sentence"]):
            assert article[one["field"]][one["start"] : one["end"]] == one["text"]

    def test_the_contract_names_every_field_down_to_the_evidence(self, api: httpx.Client) -> None:
        contract = get(api, "/openapi.json")
        for path, *way in (
            ("/v1/changes", "changes", "data", "article", "flags", "evidence", "start"),
            ("/v1/changes", "changes", "data", "article", "source", "state_owned"),
            ("/v1/changes", "changes", "data", "article", "published_from"),
            ("/v1/articles", "articles", "flags", "probability"),
            ("/v1/articles/{article_id}", "text"),
            ("/v1/topics", "topics", "threshold"),
            ("/v1/sources", "sources", "next_poll_at"),
            ("/healthz", "problems"),
        ):
            node = contract["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            for name in way:
                shape = contract["components"]["schemas"][node["$ref"].rsplit("/", 1)[-1]]
                assert shape["additionalProperties"] is True
                assert name in shape["required"]
                node = shape["properties"][name]
                node = node.get("items", node)

    @pytest.mark.parametrize(
        ("shape", "fields", "early_ones_have_them"),
        [
            ("TopicFlag", {"band", "sentence", "model"}, False),
            ("EvidenceSpan", {"rule", "weight"}, False),
            ("ArticleSummary", {"countries", "organisations", "pairs"}, False),
            ("Country", {"code", "share", "count", "spans"}, True),
            ("Organisation", {"id", "count", "spans"}, True),
            ("CountryPair", {"countries", "count", "spans"}, True),
        ],
    )
    def test_the_contract_names_what_came_later(
        self, api: httpx.Client, shape: str, fields: set[str], early_ones_have_them: bool
    ) -> None:
        described = get(api, "/openapi.json")["components"]["schemas"][shape]
        assert fields <= set(described["properties"])
        assert {name in described["required"] for name in fields} == {early_ones_have_them}

    def test_the_contract_says_what_is_answered_no_less_and_no_more(
        self, api: httpx.Client, articles: list[str]
    ) -> None:
        for path, shape in (
            ("/v1/changes", Changes),
            ("/v1/articles", Articles),
            (f"/v1/articles/{articles[0]}", FullArticle),
            ("/v1/topics", Topics),
            ("/v1/sources", Sources),
        ):
            raw = get(api, path)
            described = shape.model_validate(raw)
            asked_for = {"changes": {"__all__": {"data": {"article": {"text"}}}}} if shape is Changes else {}
            assert described.model_dump(mode="json", exclude=asked_for) == raw, path
            assert list(_undescribed(described)) == [], path

    def test_what_is_stored_is_answered_as_it_is(self, api: httpx.Client, engine: Engine, articles: list[str]) -> None:
        """A field of a later version is passed on, and one that an old change lacks keeps no reader from its page."""
        run_sql(engine, """UPDATE change SET payload = payload - 'extractor' || '{"novel": {"deep": [1.0, null]}}'""")
        stored = {row.payload["id"]: row.payload for row in created_changes(engine)}
        for one in get(api, "/v1/changes")["changes"]:
            assert one["data"]["article"] == stored[one["subject"]]
        assert get(api, "/v1/articles")["articles"] == [stored[one] for one in articles]
        whole = get(api, f"/v1/articles/{articles[0]}")
        assert {name: value for name, value in whole.items() if name != "text"} == stored[articles[0]]

    def test_the_contract_describes_changes_of_early_versions_too(
        self, api: httpx.Client, engine: Engine, articles: list[str]
    ) -> None:
        later = {"updated", "updated_from", "section", "page_language", "dateline", "wire_credit", "image"}
        later |= {"is_paywalled", "extraction"}
        taken = " - ".join(f"'{name}'" for name in later)
        early = """'{"published_from": "page"}'"""
        run_sql(engine, f"UPDATE change SET payload = payload - {taken} || {early}")
        for path, shape in (
            ("/v1/changes", Changes),
            ("/v1/articles", Articles),
            (f"/v1/articles/{articles[0]}", FullArticle),
        ):
            raw = get(api, path)
            described = shape.model_validate(raw)
            assert described.model_dump(mode="json", exclude_unset=True) == raw, path
        one = get(api, "/v1/articles")["articles"][0]
        assert not later & set(one)

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_nothing_can_be_written(self, api: httpx.Client, method: str) -> None:
        for path in (*ROUTES, "/v1/topics"):
            assert getattr(api, method)(path).status_code == 405

    def test_whoever_opens_it_in_a_browser_finds_the_addresses(self, api: httpx.Client) -> None:
        addresses = get(api, "/")["addresses"]
        assert any(one.endswith("/v1/changes") for one in addresses)
        assert api.head("/healthz").status_code in {200, 503}


def _undescribed(shape: Any) -> Iterator[str]:
    """Return the names in an answer that its model does not know."""
    if isinstance(shape, BaseModel):
        yield from shape.model_extra or {}
        for name in type(shape).model_fields:
            yield from _undescribed(getattr(shape, name))
    elif isinstance(shape, list):
        for one in shape:
            yield from _undescribed(one)


def _references_resolve(node: Any, contract: dict[str, Any]) -> None:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            target: Any = contract
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]
        for value in node.values():
            _references_resolve(value, contract)
    elif isinstance(node, list):
        for value in node:
            _references_resolve(value, contract)
