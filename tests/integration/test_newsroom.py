"""The sample newsroom answers over real HTTP what its manifest says, and is as mixed as the web."""

import gzip
import html
import json
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import feedparser
import httpx
import pytest
import trafilatura

from workers.domain.errors import ConfigError, StartError
from workers.domain.outcomes import DropReason, FeedOutcome
from workers.operate.newsroom import (
    ExpectedArticle,
    ExpectedDrop,
    NewsroomServer,
    Outlet,
    Route,
    decoded_path,
    load_newsroom,
)
from workers.operate.newsroom import main as newsroom_command

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "samples" / "newsroom"
NEWSROOM = load_newsroom(FOLDER)
ROUTES = {route.path: route for route in NEWSROOM.routes}
ARTICLES = {path: it for path, it in NEWSROOM.expectations.items() if isinstance(it, ExpectedArticle)}
DROPS = {path: it for path, it in NEWSROOM.expectations.items() if isinstance(it, ExpectedDrop)}
TOPICS = {
    "counter-terrorism",
    "extremism",
    "border-cooperation",
    "border-security",
    "intelligence-cooperation",
    "police-cooperation",
    "military-exercises",
    "organised-crime",
    "drug-trafficking",
    "human-trafficking",
    "irregular-migration",
    "cyber-security",
    "sanctions",
    "arms-control",
}
ONE_MEGABYTE = 1_000_000


def short(value: object) -> str:
    """Name a test case after a path or an outlet."""
    return value.path if isinstance(value, Route) else value.id if isinstance(value, Outlet) else str(value)


@pytest.fixture(scope="module")
def server() -> Iterator[NewsroomServer]:
    with NewsroomServer(NEWSROOM) as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as opened:
        yield opened


def links_of(body: bytes) -> list[str]:
    """Return the links of a feed of any kind."""
    if body.lstrip().startswith(b"{"):  # feedparser 6 does not read JSON Feed
        return [item["url"] for item in json.loads(body)["items"]]
    return [entry.link for entry in feedparser.parse(BytesIO(body)).entries if "link" in entry]


def page_of(path: str) -> bytes:
    """Return the stored bytes behind a link, its redirect followed."""
    route = ROUTES[path]
    return (FOLDER / (ROUTES[route.redirect] if route.redirect else route).file).read_bytes()


def decoded(path: str) -> str:
    """Return the page behind a link as text, entities resolved."""
    body = page_of(path)
    try:
        return html.unescape(body.decode())
    except UnicodeDecodeError:
        return html.unescape(body.decode({"ar": "windows-1256", "ru": "windows-1251"}[ARTICLES[path].language]))


class TestAnswers:
    @pytest.mark.parametrize("route", [route for route in NEWSROOM.routes if route.file], ids=short)
    def test_a_file_is_answered_with_its_status_type_and_bytes(self, route, server, client):
        answer = client.get(server.url(route.path))
        assert answer.status_code == route.status
        assert answer.headers["content-type"] == route.content_type
        assert answer.content == (FOLDER / route.file).read_bytes().replace(b"{{base}}", server.base_url.encode())
        assert (answer.headers.get("content-encoding") == "gzip") == route.gzip

    @pytest.mark.parametrize("route", [route for route in NEWSROOM.routes if route.redirect], ids=short)
    def test_a_redirect_points_to_another_route(self, route, server, client):
        answer = client.get(server.url(route.path))
        assert (answer.status_code, answer.headers["location"]) == (route.status, server.url(route.redirect))

    def test_the_redirect_loop_never_arrives(self, server, client):
        loop = next(path for path, it in DROPS.items() if it.reason is DropReason.REDIRECT_LOOP)
        with pytest.raises(httpx.TooManyRedirects):
            client.get(server.url(loop), follow_redirects=True)

    @pytest.mark.parametrize("route", [route for route in NEWSROOM.routes if route.endless], ids=short)
    def test_the_endless_page_goes_on_until_the_client_gives_up(self, route, server, client):
        received = 0
        with client.stream("GET", server.url(route.path)) as answer:
            for piece in answer.iter_bytes():
                received += len(piece)
                if received > 11 * ONE_MEGABYTE:  # past the fetcher's limit of 10 MB
                    break
        assert received > 11 * ONE_MEGABYTE
        assert client.get(server.url("/robots.txt")).status_code == 200

    def test_an_address_that_the_manifest_does_not_know_is_not_found(self, server, client):
        assert client.get(server.url("/lanternfield/no/such/page")).status_code == 404

    def test_a_query_does_not_change_the_answer(self, server, client):
        assert client.get(server.url("/robots.txt") + "?utm_source=rss").status_code == 200

    def test_a_head_request_has_no_body(self, server, client):
        answer = client.head(server.url("/robots.txt"))
        assert (answer.status_code, answer.content) == (200, b"")

    def test_gzip_is_sent_only_to_a_client_that_accepts_it(self, server, client):
        path = next(route.path for route in NEWSROOM.routes if route.gzip)
        with client.stream("GET", server.url(path)) as packed:
            raw = b"".join(packed.iter_raw())
        plain = client.get(server.url(path), headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert gzip.decompress(raw) == plain.content

    @pytest.mark.parametrize(
        "outlet", [it for it in NEWSROOM.outlets if it.expect is not FeedOutcome.HTTP_5XX], ids=short
    )
    def test_a_feed_answers_304_to_the_client_that_has_it(self, outlet, server, client):
        first = client.get(server.url(outlet.feed))
        again = client.get(server.url(outlet.feed), headers={"if-none-match": first.headers["etag"]})
        other = client.get(server.url(outlet.feed), headers={"if-none-match": '"something-else"'})
        assert (again.status_code, again.content) == (304, b"")
        assert (other.status_code, other.content) == (200, first.content)

    def test_requests_are_counted_by_decoded_path(self, client):
        path = next(path for path in ARTICLES if not path.isascii())
        with NewsroomServer(NEWSROOM) as server:
            for _ in range(3):
                client.get(server.url(path) + "?utm_source=rss")
            assert server.requests == {path: 3}


class TestFeeds:
    @pytest.mark.parametrize("outlet", NEWSROOM.outlets, ids=short)
    def test_every_link_of_a_feed_has_an_expectation(self, outlet, server, client):
        links = links_of(client.get(server.url(outlet.feed)).content)
        assert bool(links) == (outlet.expect in {FeedOutcome.OK, FeedOutcome.CUT_OFF})
        for link in links:
            assert link.startswith(f"{server.base_url}/{outlet.id}/")
            assert decoded_path(link) in NEWSROOM.expectations

    def test_every_expectation_is_of_a_link_that_one_feed_carries_once(self, server, client):
        carried = [
            decoded_path(link) for source in server.sources() for link in links_of(client.get(source.url).content)
        ]
        assert sorted(carried) == sorted(NEWSROOM.expectations)

    @pytest.mark.parametrize("version", ["rss20", "rss10", "atom10"])
    def test_a_kind_of_feed_is_there_and_well_formed(self, version):
        read = [feedparser.parse(BytesIO((FOLDER / ROUTES[it.feed].file).read_bytes())) for it in NEWSROOM.outlets]
        assert any(feed.version == version and feed.entries and not feed.bozo for feed in read)

    def test_a_json_feed_is_there(self):
        kinds = [ROUTES[outlet.feed].content_type for outlet in NEWSROOM.outlets]
        assert any(kind.startswith("application/feed+json") for kind in kinds)

    def test_the_feed_that_is_cut_off_has_whole_entries_before_the_cut(self):
        outlet = next(it for it in NEWSROOM.outlets if it.expect is FeedOutcome.CUT_OFF)
        body = (FOLDER / ROUTES[outlet.feed].file).read_bytes()
        assert feedparser.parse(BytesIO(body)).bozo
        assert len(links_of(body)) == body.count(b"</item>") == body.count(b"<item>") - 1

    def test_each_way_in_which_a_feed_fails_is_there(self):
        assert {outlet.expect for outlet in NEWSROOM.outlets} == {
            FeedOutcome.OK,
            FeedOutcome.CUT_OFF,
            FeedOutcome.EMPTY,
            FeedOutcome.NOT_A_FEED,
            FeedOutcome.HTTP_5XX,
        }


class TestMixture:
    def test_there_are_enough_articles_in_enough_languages(self):
        languages = [it.language for it in ARTICLES.values()]
        assert len(languages) >= 28
        assert set(languages) == {"en", "fa", "ar", "ru", "tr", "zh", "fr", "es"}
        assert min(languages.count("fa"), languages.count("ar")) >= 4

    def test_every_topic_is_expected_in_two_languages(self):
        languages = defaultdict(set)
        for it in ARTICLES.values():
            for topic in it.topics:
                languages[topic].add(it.language)
        assert set(languages) == TOPICS
        assert all(len(found) >= 2 for found in languages.values())

    @pytest.mark.parametrize("path", ARTICLES)
    def test_an_article_names_known_topics_and_none_twice(self, path):
        named = ARTICLES[path].topics + ARTICLES[path].may
        assert set(named) <= TOPICS
        assert len(named) == len(set(named))

    def test_articles_without_a_topic_stand_beside_furniture_that_has_one(self):
        plain = [it for it in ARTICLES.values() if not it.topics]
        assert len(plain) >= 8
        assert all(it.absent for it in plain)

    def test_each_way_in_which_a_page_drops_is_there(self):
        assert {it.reason for it in DROPS.values()} == {
            DropReason.GONE,
            DropReason.NOT_HTML,
            DropReason.TOO_LARGE,
            DropReason.REDIRECT_LOOP,
            DropReason.NO_TEXT,
            DropReason.DISALLOWED,
        }
        assert {ROUTES[path].status for path, it in DROPS.items() if it.reason is DropReason.GONE} == {410}

    @pytest.mark.parametrize("path", ARTICLES)
    def test_an_article_page_weighs_what_real_ones_weigh(self, path):
        assert 8_000 <= len(page_of(path)) <= 40_000

    @pytest.mark.parametrize(("encoding", "declared_in"), [("windows-1256", "meta"), ("windows-1251", "header")])
    def test_a_legacy_encoding_is_declared_in_one_place_only(self, encoding, declared_in):
        named = {
            "header": [route for route in NEWSROOM.routes if encoding in (route.content_type or "")],
            "meta": [route for route in NEWSROOM.routes if route.file and encoding.encode() in page_of(route.path)],
        }
        (route,) = named.pop(declared_in)
        assert named.popitem()[1] == []
        body = page_of(route.path)
        with pytest.raises(UnicodeDecodeError):
            body.decode("utf-8")
        assert all(wanted in body.decode(encoding) for wanted in ARTICLES[route.path].contains)

    def test_persian_pages_hold_zero_width_non_joiners(self):
        persian = [path for path, it in ARTICLES.items() if it.language == "fa"]
        assert sum("\u200c" in page_of(path).decode() for path in persian) >= 4
        assert any("\u200c" in wanted for path in persian for wanted in ARTICLES[path].contains)

    def test_one_wire_story_stands_at_two_outlets(self):
        (copy,) = [path for path, it in ARTICLES.items() if it.duplicate_of]
        original = ARTICLES[copy].duplicate_of
        assert copy.split("/")[1] != original.split("/")[1]
        assert ARTICLES[copy].topics == ARTICLES[original].topics


class TestArticles:
    @pytest.mark.parametrize("path", ARTICLES)
    def test_plain_trafilatura_finds_the_text(self, path):
        text = trafilatura.extract(page_of(path), url="https://example.org/") or ""
        # trafilatura takes out U+200C, which the extract room puts back: here only the words count.
        assert ARTICLES[path].contains
        for wanted in ARTICLES[path].contains:
            assert wanted.replace("\u200c", "") in unicodedata.normalize("NFC", text).replace("\u200c", "")

    def test_plain_trafilatura_lets_furniture_through_on_most_pages(self):
        leaking = [
            path
            for path, it in ARTICLES.items()
            if any(unwanted in (trafilatura.extract(page_of(path)) or "") for unwanted in it.absent)
        ]
        assert len(leaking) > len(ARTICLES) / 2

    @pytest.mark.parametrize("path", ARTICLES)
    def test_what_must_be_absent_from_the_text_is_on_the_page(self, path):
        page = decoded(path)
        for unwanted in ARTICLES[path].absent:
            assert unwanted in page


class TestManifest:
    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ("language: en\n", "language: en\n    colour: red\n", "outlets.0.colour"),
            ("expect: ok", "expect: fine", "outlets.0.expect"),
            ("file: robots.txt", "file: absent.txt", "no such file: absent.txt"),
            ("path: /robots.txt", "path: /lanternfield/rss.xml", "/lanternfield/rss.xml is given 2 times"),
            ("feed: /quiet/rss.xml", "feed: /quiet/nowhere.xml", "no route answers /quiet/nowhere.xml"),
            (
                "    file: robots.txt\n",
                "    file: robots.txt\n    endless: true\n",
                "one of file, redirect and endless",
            ),
            ("status: 410", "status: 301", "a redirect has a status of 3xx"),
            ("outcome: dropped", "outcome: vanished", "vanished"),
            ("outlets:\n", "outlets: [\n", "newsroom.yaml"),
        ],
    )
    def test_a_wrong_manifest_is_refused_with_the_field_named(self, old, new, complaint, tmp_path):
        folder = shutil.copytree(FOLDER, tmp_path / "newsroom")
        manifest = folder / "newsroom.yaml"
        text = manifest.read_text(encoding="utf-8")
        assert old in text
        manifest.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ConfigError) as refusal:
            load_newsroom(folder)
        assert complaint in str(refusal.value)

    def test_a_folder_without_a_manifest_is_refused(self, tmp_path):
        with pytest.raises(ConfigError, match="No such file"):
            load_newsroom(tmp_path)


class TestServer:
    def test_a_port_that_is_taken_is_refused_with_its_number(self, server):
        port = httpx.URL(server.base_url).port
        with pytest.raises(StartError, match=str(port)):
            NewsroomServer(NEWSROOM, port=port)

    def test_it_stops_while_a_client_reads_the_endless_page(self, client):
        path = next(route.path for route in NEWSROOM.routes if route.endless)
        with NewsroomServer(NEWSROOM) as server:
            stream = client.stream("GET", server.url(path))
            answer = stream.__enter__()
            next(answer.iter_raw())
        stream.__exit__(None, None, None)
        with pytest.raises(httpx.ConnectError):
            client.get(server.url("/robots.txt"))

    def test_sources_carry_the_facts_of_their_outlets(self, server):
        source = next(it for it in server.sources() if it.id == "sepidbam")
        assert source.url == f"{server.base_url}/sepidbam/rss.xml"
        assert (source.language, source.country, source.state_owned) == ("fa", "IR", True)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_command_serves_until_it_is_told_to_stop(self, number, client):
        command = [sys.executable, "-m", "workers.operate.newsroom", "--folder", os.fspath(FOLDER)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            base_url = process.stdout.readline().strip()
            assert client.get(f"{base_url}/robots.txt").status_code == 200
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")

    def test_the_command_ends_with_78_and_one_message_when_it_cannot_serve(self, server, capsys):
        port = str(httpx.URL(server.base_url).port)
        with pytest.raises(SystemExit) as end:
            newsroom_command(["--folder", os.fspath(FOLDER), "--port", port])
        assert end.value.code == 78
        assert capsys.readouterr().err.count("\n") == 1
