"""Who is let in: keys, their scopes and ends, limits, and the loopback without keys."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from config.settings import Settings, changed
from tests.integration.test_api import TOPICS, serving
from tests.making import bring, discover, run_sql
from workers.bootstrap import check_keys
from workers.cli.main import command
from workers.deliver.api import stream as stream_module
from workers.deliver.api.app import make_api
from workers.domain.errors import StartError, WirewatchError
from workers.domain.outcomes import State
from workers.store.keys import Scope, create_key, list_keys, revoke_key


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    with serving(make_api(engine, lambda: TOPICS, "1")) as client:
        yield client


def make_key(engine: Engine, *scopes: Scope) -> str:
    with engine.begin() as connection:
        return create_key(connection, "the desk", scopes or [Scope.READ], None)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def status(api: httpx.Client, path: str = "/v1/topics", **given: Any) -> int:
    return api.get(path, **given).status_code


class TestWithoutKeys:
    def test_on_loopback_anybody_may_ask(self, api: httpx.Client) -> None:
        assert status(api) == 200

    def test_a_page_elsewhere_cannot_ask_through_a_browser_here(self, api: httpx.Client) -> None:
        """Its own name may lead to 127.0.0.1; the browser then says that name."""
        for host, code in (("localhost:8710", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("rebound.example", 403)):
            assert status(api, headers={"host": host}) == code

    def test_a_key_that_is_none_is_refused_all_the_same(self, api: httpx.Client) -> None:
        assert status(api, headers=bearer("ww_made-up")) == 401

    def test_elsewhere_nobody_may(self, engine: Engine) -> None:
        with serving(make_api(engine, lambda: TOPICS, "1", open_without_keys=False)) as api:
            assert (status(api), status(api, "/healthz")) == (401, 503)

    def test_elsewhere_the_api_does_not_even_start(self, engine: Engine, database_url: str) -> None:
        near, far = (changed(Settings(), database_url=database_url, api_host=host) for host in ("::1", "0.0.0.0"))
        check_keys(near)
        with pytest.raises(StartError, match=r"0\.0\.0\.0: make a key first with `wirewatch keys create NAME`"):
            check_keys(far)
        make_key(engine)
        check_keys(far)


class TestWithKeys:
    def test_from_the_first_one_on_every_address_needs_one(self, api: httpx.Client, engine: Engine) -> None:
        make_key(engine)
        for path in (
            "/v1/changes",
            "/v1/stream",
            "/v1/articles",
            "/v1/sources",
            "/v1/feeds/rss",
            "/metrics",
            "/",
            "/taxii2/",
            "/misp/manifest.json",
            "/v1/schemas/change-1.json",
            "/v1/webhooks",
        ):
            answer = api.get(path, headers={"accept": "application/taxii+json;version=2.1"})
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if not path.startswith("/taxii2"):  # it has a shape of its own
                assert answer.headers["content-type"] == "application/problem+json"

    def test_health_needs_none(self, api: httpx.Client, engine: Engine) -> None:
        make_key(engine)
        assert status(api, "/healthz") == 503  # nothing ticks here

    def test_it_is_given_in_the_header_and_nowhere_else(self, api: httpx.Client, engine: Engine) -> None:
        key = make_key(engine)
        basic = base64.b64encode(f"anybody:{key}".encode()).decode()
        for header in (f"Bearer {key}", f"bearer  {key}", f"Basic {basic}"):
            assert status(api, headers={"authorization": header}) == 200
        for header in ("", key, f"Digest {key}", "Basic !", "Basic /w==", f"Bearer {key[:-1]}", f"Bearer {key}x"):
            assert status(api, headers={"authorization": header}) == 401
        assert api.get("/v1/topics", params={"key": key}).status_code == 401
        assert status(api, headers={"cookie": f"key={key}"}) == 401

    def test_behind_a_proxy_its_own_name_is_fine(self, api: httpx.Client, engine: Engine) -> None:
        assert status(api, headers=bearer(make_key(engine)) | {"host": "news.example"}) == 200

    def test_a_revoked_or_expired_one_is_refused_at_once_and_opens_nothing(
        self, api: httpx.Client, engine: Engine
    ) -> None:
        revoked, expired = make_key(engine), make_key(engine)
        assert {status(api, headers=bearer(one)) for one in (revoked, expired)} == {200}
        with engine.begin() as connection:
            assert revoke_key(connection, revoked[:11])
            assert not revoke_key(connection, "ww_nobody's")
        run_sql(engine, "UPDATE api_key SET expires_at = now() WHERE prefix = :p", p=expired[:11])
        assert {status(api, headers=bearer(one)) for one in (revoked, expired)} == {401}
        assert status(api) == 401, "the last key's end does not open the door"

    def test_a_stream_ends_with_its_key(
        self, api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream_module, "HEARTBEAT_S", 0.2)
        key = make_key(engine)
        with api.stream("GET", "/v1/stream", headers=bearer(key)) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            with engine.begin() as connection:
                revoke_key(connection, key[:11])
            assert all(line in {"", "id: 0", ": still here"} for line in lines)

    def test_a_key_is_good_for_its_scope(self, api: httpx.Client, engine: Engine) -> None:
        (one,) = discover(engine)
        bring(engine, [one], State.CLASSIFIED)
        said = {"topic": "sanctions", "verdict": "rejected", "analyst": "desk one"}
        for scope, reads, writes in (
            (Scope.READ, 200, 403), (Scope.REPLAY, 403, 403), (Scope.ADMIN, 200, 201)
        ):  # fmt: skip
            headers = bearer(make_key(engine, scope))
            assert status(api, headers=headers) == reads
            assert api.post(f"/v1/articles/{one}/verdicts", json=said, headers=headers).status_code == writes

    def test_what_is_asked_is_not_looked_at_before_the_key(self, api: httpx.Client, engine: Engine) -> None:
        make_key(engine)
        assert api.get("/v1/changes", params={"after": "x"}).status_code == 401

    def test_of_a_key_only_its_beginning_and_its_hash_are_kept(self, engine: Engine) -> None:
        key = make_key(engine)
        assert re.fullmatch(r"ww_[\w-]{43}", key), "256 bits in base64url"
        with engine.connect() as connection:
            (row,) = connection.exec_driver_sql("SELECT * FROM api_key").mappings()
            assert set(map(str, list_keys(connection)[0].values())).isdisjoint({key, row["sha256"]})
        assert row["sha256"] == hashlib.sha256(key.encode()).hexdigest()
        assert [name for name, value in row.items() if str(value) and key.startswith(str(value))] == ["prefix"]


class TestRate:
    def test_who_asks_too_often_is_told_when_to_go_on(self, engine: Engine) -> None:
        with serving(make_api(engine, lambda: TOPICS, "1", rate=0.2)) as api:
            key, other = make_key(engine), make_key(engine)
            codes = [status(api, headers=bearer(key)) for _ in range(2)]
            answer = api.get("/v1/topics", headers=bearer(key))
            assert (codes, answer.status_code) == ([200, 429], 429)
            assert 1 <= int(answer.headers["retry-after"]) <= 5
            assert status(api, headers=bearer(other)) == 200, "each has a rate of its own"

    def test_trying_keys_is_bounded_by_address(self, engine: Engine) -> None:
        with serving(make_api(engine, lambda: TOPICS, "1", rate=0.2)) as api:
            make_key(engine)
            assert [status(api, headers=bearer(f"ww_{one}")) for one in range(2)] == [401, 429]


class TestCommand:
    def test_a_key_is_shown_once(self, database_url: str, api: httpx.Client) -> None:
        made = run(database_url, "create", "desk \x1b[2J one", "--scope", "read", "--scope", "replay", "--days", "30")
        assert status(api, headers=bearer(made.stdout.strip())) == 200
        assert "shown this once" in made.stderr
        listed = run(database_url, "list").output
        assert made.stdout.strip()[:11] in listed
        assert made.stdout.strip() not in listed + run(database_url, "list", "--json").output
        assert "\x1b[2J" not in listed
        (line,) = run(database_url, "list", "--json").output.splitlines()
        assert (json.loads(line)["scopes"], json.loads(line)["is_in_force"]) == (["read", "replay"], True)
        assert "is refused from now on" in run(database_url, "revoke", made.stdout.strip()).output
        assert status(api, headers=bearer(made.stdout.strip())) == 401
        assert "revoked" in run(database_url, "list").output

    def test_a_beginning_that_no_key_has_is_said_so(self, database_url: str) -> None:
        with pytest.raises(WirewatchError, match="no key begins so"):
            raise run(database_url, "revoke", "ww_12345678").exception or AssertionError("nothing was raised")


def run(url: str, *words: str) -> Any:
    line = ["keys", *words]
    return CliRunner().invoke(command(line), line, env={"WIREWATCH_DATABASE_URL": url, "COLUMNS": "200"})
