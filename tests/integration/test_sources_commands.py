"""`wirewatch sources` on real files and a real server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sources import load_sources
from tests.systems import REPOSITORY, wirewatch
from workers.operate.newsroom import NewsroomServer, load_newsroom

NEWSROOM = REPOSITORY / "tests" / "samples" / "newsroom"


@pytest.fixture(scope="module")
def newsroom() -> Iterator[NewsroomServer]:
    with NewsroomServer(load_newsroom(NEWSROOM)) as server:
        yield server


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return Path(shutil.copy(REPOSITORY / "config" / "sources.yaml", tmp_path / "sources.yaml"))


def settings(sources: Path, server: NewsroomServer | None = None) -> dict[str, object]:
    allowed = server.base_url.removeprefix("http://") if server else ""
    return {"sources_file": sources, "data_dir": sources.parent / "var", "allow_addresses": allowed}


def test_check_shows_what_would_be_ingested_and_stores_nothing(newsroom: NewsroomServer, sources: Path) -> None:
    before = sources.read_bytes()
    done = wirewatch("sources", "check", newsroom.url("/mavifener/feed.json"), "--json", **settings(sources, newsroom))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["outcome"] == "ok"
    assert [set(entry) for entry in found["entries"]] == [{"url", "title", "published"}] * 3
    table = wirewatch("sources", "check", newsroom.url("/mavifener/feed.json"), **settings(sources, newsroom))
    assert "siber" in table.stdout
    assert sources.read_bytes() == before
    assert not (sources.parent / "var").exists()


@pytest.mark.parametrize(
    ("path", "words"),
    [("/frontpage/feed", "not_a_feed"), ("/broken/rss.xml", "server_error"), ("/no/such/feed", "gone")],
)
def test_check_says_why_there_is_nothing(newsroom: NewsroomServer, sources: Path, path: str, words: str) -> None:
    done = wirewatch("sources", "check", newsroom.url(path), **settings(sources, newsroom))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_check_goes_nowhere_private(sources: Path) -> None:
    done = wirewatch("sources", "check", "http://127.0.0.1/feed", **settings(sources))
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
    bare = wirewatch("sources", "import", str(file), **settings(sources))
    assert "left out 1" in bare.stdout
    facts = ("--language", "en", "--country", "GB", "--owner", "Far Press", "--no-state-owned")
    told = wirewatch("sources", "import", str(file), *facts, **settings(sources))
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
    done = wirewatch("sources", *words, **settings(sources))
    assert done.returncode == 78
    assert said in done.stderr
    assert sources.read_bytes() == before
