"""Every answer tells browsers to run nothing of it, and to take it for nothing else: also refusals, and our own bugs.

(That it keeps them from it is seen in a real one: tests/delivery/test_browser.py.)
"""

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from tests.integration.test_api import TOPICS, serving
from workers.deliver.api.app import make_api

UNKNOWN = "01a20000-0000-7000-8000-000000000000"


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    api = make_api(engine, lambda: TOPICS, "1")

    @api.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError

    with serving(api) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((f"/{path}", 200) for path in ("", "openapi.json", "metrics", "v1/topics", "v1/changes", "v1/articles")),
        *((f"/v1/feeds/{kind}", 200) for kind in ("rss", "atom", "json")),
        ("/healthz", 503),
        (f"/v1/articles/{UNKNOWN}", 404),
        (f"/v1/articles/{UNKNOWN}.ninjs", 404),
        ("/v1/articles?topics=1", 422),
        ("/<script>", 404),
        ("/bug", 500),
    ],
)
def test_every_answer_forbids_a_browser_to_run_or_to_guess(path: str, status: int, api: httpx.Client) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert not answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("; sandbox")


def test_so_do_answers_without_a_body_and_those_without_an_end(api: httpx.Client) -> None:
    tag = api.get("/v1/articles").headers["etag"]
    known = api.get("/v1/articles", headers={"if-none-match": tag})
    other = api.delete("/v1/articles")
    with api.stream("GET", "/v1/stream?after=0") as endless:
        assert endless.headers["content-type"].startswith("text/event-stream")
        found = [known, other, endless]
    assert [one.status_code for one in found] == [304, 405, 200]
    for one in found:
        assert "sandbox" in one.headers["content-security-policy"]
        assert one.headers["x-content-type-options"] == "nosniff"
