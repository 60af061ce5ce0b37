"""`wirewatch sources` on real files and a real server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.sources import load_sources
from tests.making import make_source, make_source_ledger, run_sql
from tests.systems import REPOSITORY, run_here, wirewatch
from workers.extract.repeats import block_hash
from workers.operate.newsroom import Newsroom, NewsroomServer, Route, load_newsroom

NEWSROOM = REPOSITORY / "tests" / "samples" / "newsroom"


@pytest.fixture(scope="module")
def newsroom() -> Iterator[NewsroomServer]:
    with NewsroomServer(load_newsroom(NEWSROOM)) as server:
        yield server


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return Path(shutil.copy(REPOSITORY / "config" / "sources.yaml", tmp_path / "sources.yaml"))


SITE = {
    "/": (
        "text/html",
        (
            "<html lang=pt-BR><title>A Folha do Porto</title>"
            "<link rel=alternate type='application/rss+xml' href='/empty'>"
            "<link rel=alternate type='application/rss+xml' href='/old-feed'><a href='/sport/rss'>RSS Sport</a>"
            "<a href='/2026/03/um'>Um título</a><a href='/2026/03/dois'>Dois</a><a href='/about'>x</a>"
        ),
    ),
    "/empty": ("application/rss+xml", "<rss version='2.0'><channel><title>Comments</title></channel></rss>"),
    "/new-feed": (
        "application/rss+xml",
        (
            "<rss version='2.0'><channel><title>A Folha</title><language>pt-br</language><item><link>/2026/03/um</link>"
            "<title>Um</title><pubDate>Sun, 01 Mar 2026 12:00:00 GMT</pubDate></item></channel></rss>"
        ),
    ),
    "/sport/rss": ("application/xml", "<rss><channel><title>Sport</title><item><link>/s</link></item></channel></rss>"),
    "/bare/": ("text/html", "<p>Nothing here"),
    "/index.xml": ("text/xml", "<sitemapindex><sitemap><loc>{{base}}/news.xml</loc></sitemap></sitemapindex>"),
    "/news.xml": (
        "text/xml",
        (
            "<urlset xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'><url><loc>{{base}}/2026/03/tres</loc>"
            "<news:news><news:publication><news:name>Folha</news:name></news:publication><news:title>Tres</news:title>"
            "</news:news></url></urlset>"
        ),
    ),
    "/robots.txt": ("text/plain", "User-agent: *\nDisallow: /private\nSitemap: {{base}}/index.xml\n"),
    "/private/feed": ("application/rss+xml", "<rss><channel/></rss>"),
}
#: A paper whose pages hold more than the story; the oldest entry comes first in its feed.
PAPER = {
    "/paper.xml": (
        "application/rss+xml",
        "<rss version='2.0'><channel><title>The Paper</title>"
        + "".join(
            f"<item><link>/p{number}</link><title>Feed title {number}</title>"
            f"<pubDate>0{number} Mar 2026 12:00:00 GMT</pubDate></item>"
            for number in range(1, 5)
        )
        + "</channel></rss>",
    ),
    **{
        f"/p{number}": (
            "text/html",
            (
                f"<html><title>x</title><body><h1>Title [{number}]</h1><b class=by>Ana Writer</b>"
                "<div class=story><p>The council met on Monday and spoke about the bridge for hours.</p>"
                "<p>It decided to close it for repairs until the end of the year, the mayor said.</p></div>"
                "<div class=more><p>Another story is told here at some length, and it is about a bomb.</p></div>"
            ),
        )
        for number in range(2, 4)
    },
}
FACTS = ("--country", "BR", "--owner", "Folha Ltda", "--no-state-owned")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewsroomServer]:
    """Serve one invented outlet: a home page with three feeds, and sitemaps that only robots.txt names."""
    folder = tmp_path_factory.mktemp("site")
    routes = [Route(path="/old-feed", redirect="/new-feed", status=301)]
    for number, (path, (media, text)) in enumerate((SITE | PAPER).items()):
        (folder / str(number)).write_text(text, encoding="utf-8")
        routes.append(Route(path=path, file=str(number), content_type=media))
    with NewsroomServer(Newsroom(folder=folder, outlets=(), routes=tuple(routes))) as server:
        yield server


@pytest.fixture
def none(tmp_path: Path) -> Path:
    """Return a file without a source."""
    path = tmp_path / "none.yaml"
    path.write_text("version: 1\nsources: []\n", encoding="utf-8")
    return path


def settings(sources: Path, server: NewsroomServer | None = None) -> dict[str, object]:
    allowed = server.base_url.removeprefix("http://") if server else ""
    own = {"data_dir": sources.parent / "var", "allow_addresses": allowed, "host_delay_s": 0}
    return own | {"sources_file": sources}


def test_check_shows_what_would_be_ingested_and_stores_nothing(newsroom: NewsroomServer, sources: Path) -> None:
    before = sources.read_bytes()
    done = wirewatch("sources", "check", newsroom.url("/mavifener/feed.json"), "--json", **settings(sources, newsroom))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["outcome"] == "ok"
    assert [set(entry) for entry in found["entries"]] == [{"url", "title", "published"}] * 3
    table = run_here("sources", "check", newsroom.url("/mavifener/feed.json"), **settings(sources, newsroom))
    assert "siber" in table.stdout
    assert sources.read_bytes() == before
    assert not (sources.parent / "var").exists()


@pytest.mark.parametrize(
    ("path", "words"),
    [("/frontpage/feed", "not_a_feed"), ("/broken/rss.xml", "http_5xx"), ("/no/such/feed", "not_found")],
)
def test_check_says_why_there_is_nothing(newsroom: NewsroomServer, sources: Path, path: str, words: str) -> None:
    done = run_here("sources", "check", newsroom.url(path), **settings(sources, newsroom))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def paper(site: NewsroomServer, tmp_path: Path) -> Path:
    """Return a file with the paper, with rules of which one finds nothing."""
    path = tmp_path / "paper.yaml"
    path.write_text(
        f"""\
version: 1
sources:
  - id: paper
    name: The Paper
    url: {site.url("/paper.xml")}
    language: en
    country: GB
    owner: Paper Ltd
    state_owned: false
    extract:
      body: [article.gone, div.story]
      author: //b[@class='by']
""",
        encoding="utf-8",
    )
    return path


class TestCheckOfPages:
    def test_a_source_shows_its_rules_and_how_its_newest_pages_are_read(
        self, site: NewsroomServer, paper: Path
    ) -> None:
        done = run_here("sources", "check", "paper", **settings(paper, site))
        assert done.returncode == 0, done.stderr
        for words in ("div.story", "1, 1", "article.gone", "0, 0", "Ana Writer", "rule: body rule div.story"):
            assert words in done.stdout, done.stdout
        assert "The council met on Monday" in done.stdout
        assert "Title [3]" in done.stdout
        assert "about a bomb" not in done.stdout
        assert "not_found (HTTP 404)" in done.stdout, "the newest page is not there"
        assert site.requests["/p1"] == 0, "three pages are enough"
        assert "no system runs here" in done.stdout
        assert not (paper.parent / "var").exists()

    def test_the_same_in_json(self, site: NewsroomServer, paper: Path) -> None:
        found = json.loads(run_here("sources", "check", "paper", "--json", **settings(paper, site)).stdout)
        assert [(one["field"], one["selector"], one["matches"], one["gave"]) for one in found["rules"]] == [
            ("body", "article.gone", [0, 0], ""),
            ("body", "div.story", [1, 1], found["rules"][1]["gave"]),
            ("author", "//b[@class='by']", [1, 1], "Ana Writer"),
        ]
        newest, second, _ = found["pages"]
        assert set(newest) == {"url", "ending"}
        assert (second["rung"], second["authors"], second["published_from"]) == ("rule", ["Ana Writer"], "feed")
        assert second["text"].startswith("The council met")
        assert found["repeats"] is None

    def test_pages_are_left_alone_when_nobody_asks_for_them(self, site: NewsroomServer, paper: Path) -> None:
        before = site.requests["/p3"]
        for words in (("paper", "--no-pages"), (site.url("/paper.xml"),), ("paper", site.url("/paper.xml"))):
            done = run_here("sources", "check", *words, **settings(paper, site))
            assert done.returncode == 0, done.stderr
        assert done.stdout.count("4 entries") == 2
        assert site.requests["/p3"] == before

    def test_blocks_that_a_system_learned_are_shown_and_taken_out(
        self, site: NewsroomServer, paper: Path, engine: Engine, database_url: str
    ) -> None:
        line = "It decided to close it for repairs until the end of the year, the mayor said."
        make_source_ledger(engine).sync([make_source("paper")])
        learned = [{"hash": block_hash(line), "sample": line, "articles": 31, "of": 58}]
        run_sql(engine, "UPDATE source SET repeats = cast(:learned AS jsonb)", learned=json.dumps(learned))
        known = settings(paper, site) | {"database_url": database_url}
        done = wirewatch("sources", "check", "paper", **known)
        assert done.returncode == 0, done.stderr
        assert "31 of 58" in done.stdout
        assert "repeated blocks taken out: 1" in done.stdout
        found = json.loads(wirewatch("sources", "check", "paper", "--json", **known).stdout)
        assert found["repeats"] == learned
        assert found["pages"][1]["removed"] == [block_hash(line)]

    def test_one_that_fails_does_not_hide_the_others(self, site: NewsroomServer, paper: Path) -> None:
        done = run_here("sources", "check", site.url("/nothing"), "paper", **settings(paper, site))
        assert done.returncode == 1
        assert "4 entries" in done.stdout
        assert "not_found" in done.stderr


def test_check_goes_nowhere_private(sources: Path) -> None:
    done = run_here("sources", "check", "http://127.0.0.1/feed", **settings(sources))
    assert done.returncode == 1
    assert "blocked_address" in done.stderr


def test_export_and_import_keep_every_fact(sources: Path, tmp_path: Path) -> None:
    exported = wirewatch("sources", "export", **settings(sources))
    assert exported.returncode == 0
    file = tmp_path / "sources.opml"
    file.write_text(exported.stdout, encoding="utf-8")
    empty = tmp_path / "empty.yaml"
    empty.write_text("version: 1\nsources: []\n", encoding="utf-8")
    done = wirewatch("sources", "import", str(file), **settings(empty))
    assert done.returncode == 0, done.stderr
    assert {spec.id: spec for spec in load_sources(empty)} == {spec.id: spec for spec in load_sources(sources)}


def test_import_leaves_out_what_lacks_facts_and_says_so(sources: Path, tmp_path: Path) -> None:
    file = tmp_path / "foreign.opml"
    file.write_text(
        '<opml version="2.0"><head/><body><outline text="Far Post" type="rss" xmlUrl="https://far.example/rss"/></body></opml>',
        encoding="utf-8",
    )
    bare = run_here("sources", "import", str(file), **settings(sources))
    assert "left out 1" in bare.stdout
    facts = ("--language", "en", "--country", "GB", "--owner", "Far Press", "--no-state-owned")
    told = run_here("sources", "import", str(file), *facts, **settings(sources))
    assert "added 1" in told.stdout, told.stderr
    assert "https://far.example/rss" in {spec.url for spec in load_sources(sources)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("remove", "irna"), "did you mean"),
        (("import", "/no/such/file.opml"), "/no/such/file.opml"),
        (
            (
                "add",
                "ftp://x.example",
                "--name",
                "X",
                "--language",
                "en",
                "--country",
                "GB",
                "--owner",
                "X",
                "--state-owned",
            ),
            "url",
        ),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(sources: Path, words: tuple[str, ...], said: str) -> None:
    before = sources.read_bytes()
    done = run_here("sources", *words, **settings(sources))
    assert done.returncode == 78
    assert said in done.stderr
    assert sources.read_bytes() == before


class TestAdd:
    def test_the_first_feed_of_a_site_that_holds_entries_is_added(self, site: NewsroomServer, none: Path) -> None:
        done = wirewatch("sources", "add", site.url("/"), *FACTS, **settings(none, site))
        assert done.returncode == 0, done.stderr
        (spec,) = load_sources(none)
        assert (spec.kind, spec.url) == ("feed", site.url("/new-feed"))  # where the permanent redirect leads
        assert (spec.id, spec.name, spec.language) == ("a-folha", "A Folha", "pt")
        assert (spec.country, spec.owner, spec.state_owned) == ("BR", "Folha Ltda", False)
        assert "2026-03-01 12:00" in done.stdout
        assert "/sport/rss" in done.stdout

    def test_another_feed_can_be_picked(self, site: NewsroomServer, none: Path) -> None:
        done = run_here("sources", "add", site.url("/"), "--pick", "3", *FACTS, **settings(none, site))
        assert done.returncode == 0, done.stderr
        (spec,) = load_sources(none)
        assert spec.url == site.url("/sport/rss")
        assert (spec.name, spec.language) == ("Sport", "pt")  # the feed tells no language, the page does
        beyond = run_here("sources", "add", site.url("/"), "--pick", "9", *FACTS, **settings(none, site))
        assert beyond.returncode == 1
        assert "3 were found" in beyond.stderr

    def test_without_a_feed_the_sitemap_of_robots_txt_is_found(self, site: NewsroomServer, none: Path) -> None:
        named = ("--name", "Folha", "--language", "pt")
        done = run_here("sources", "add", site.url("/bare/"), *named, *FACTS, **settings(none, site))
        assert done.returncode == 0, done.stderr
        (spec,) = load_sources(none)
        assert (spec.kind, spec.url) == ("sitemap", site.url("/index.xml"))

    def test_a_page_becomes_a_listing(self, site: NewsroomServer, none: Path) -> None:
        pattern = r"/\d{4}/\d{2}/"
        done = run_here("sources", "add", site.url("/"), "--listing", pattern, *FACTS, **settings(none, site))
        assert done.returncode == 0, done.stderr
        (spec,) = load_sources(none)
        assert (spec.kind, spec.links, spec.name, spec.language) == ("listing", pattern, "A Folha do Porto", "pt")
        checked = run_here("sources", "check", spec.id, "--json", **settings(none, site))
        found = json.loads(checked.stdout)
        assert [entry["title"] for entry in found["entries"]] == ["Um título", "Dois"]

    def test_a_sitemap_index_is_known_by_itself_and_checked_with_its_children(
        self, site: NewsroomServer, none: Path
    ) -> None:
        found = json.loads(
            run_here("sources", "check", site.url("/index.xml"), "--json", **settings(none, site)).stdout
        )
        assert (found["kind"], found["outcome"], found["cut"]) == ("sitemap", "ok", 0)
        assert [entry["title"] for entry in found["entries"]] == ["Tres"]

    def test_what_is_missing_is_named_with_the_command_line_to_complete(self, site: NewsroomServer, none: Path) -> None:
        done = run_here("sources", "add", site.url("/"), **settings(none, site))
        assert done.returncode == 78
        for word in ("country: missing", "owner: missing", "state_owned: missing"):
            assert word in done.stderr
        line = f"wirewatch sources add {site.url('/new-feed')} --name 'A Folha' --language pt --country COUNTRY"
        assert line in done.stderr
        assert load_sources(none) == ()

    def test_robots_txt_is_obeyed(self, site: NewsroomServer, none: Path) -> None:
        done = run_here("sources", "add", site.url("/private/feed"), *FACTS, **settings(none, site))
        assert done.returncode == 1
        assert "disallowed" in done.stderr
        assert site.requests["/private/feed"] == 0

    @pytest.mark.parametrize("words", [("--no-fetch",), ("--no-fetch", "--kind", "sitemap")])
    def test_without_a_network_the_address_is_added_as_it_is(self, none: Path, words: tuple[str, ...]) -> None:
        told = ("--name", "X", "--language", "en")
        done = run_here("sources", "add", "https://x.example/y", *words, *told, *FACTS, **settings(none))
        assert done.returncode == 0, done.stderr
        (spec,) = load_sources(none)
        assert (spec.url, spec.kind) == ("https://x.example/y", words[-1] if len(words) > 1 else "feed")

    @pytest.mark.parametrize(
        "words", [("--country", "Brazil"), ("--language", "xx"), ("--listing", "("), ("--kind", "page")]
    )
    def test_a_wrong_fact_is_told_before_anything_is_asked(
        self, site: NewsroomServer, none: Path, words: tuple[str, str]
    ) -> None:
        before = site.requests.total()
        done = run_here("sources", "add", site.url("/"), *words, **settings(none, site))
        assert done.returncode == 78
        assert site.requests.total() == before


def test_list_shows_kinds_and_whose_robots_txt_is_ignored(none: Path) -> None:
    facts = "language: en, country: GB, owner: X, state_owned: false"
    none.write_text(
        "version: 1\nsources:\n"
        f"  - {{id: one, name: One, url: 'https://one.example/', {facts}, kind: sitemap, robots: ignore}}\n"
        f"  - {{id: two, name: Two, url: 'https://two.example/', {facts}}}\n",
        encoding="utf-8",
    )
    done = wirewatch("sources", "list", **settings(none))
    assert done.returncode == 0, done.stderr
    assert "one: robots: ignore" in done.stdout
    assert "two: robots" not in done.stdout
    assert "sitemap" in done.stdout
