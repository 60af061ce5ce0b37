"""`benchmarks/feeds.py`: what it holds a file to, and how it ends."""

import io
import tarfile
from pathlib import Path

import pytest

from benchmarks.feeds import File, agrees, main, parsed

RSS = "<rss version='2.0'><channel><item><link>/a</link></item><item><title>No link</title></item></channel></rss>"


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("not bozo and len(entries) == 2", True),
        ("len(d.entries) == 2", True),
        ("len(d['entries']) == 3", False),
        ("entries[1]['title'] == 'No link'", True),
        ("not bozo and entries[2]['title'] == 'x'", False),
        ("feed['title'] == 'len'", None),
    ],
)
def test_a_file_s_own_expectation_is_read_and_never_run(words: str, verdict: bool | None) -> None:
    body = f"<!--\nDescription: x\nExpect:      {words}\n-->\n{RSS}".encode()
    assert agrees(parsed(File("x.xml", "feed", body))) is verdict


def test_a_file_says_as_what_it_was_served() -> None:
    body = "<!-- Header: Content-type: text/xml; charset=koi8-r -->" + RSS.replace("No link", "Учения")
    result = parsed(File("x.xml", "feed", body.encode("koi8-r")))
    assert result.feed is not None
    assert (result.found, result.feed.unusable) == (2, 1)


def archive(folder: Path, name: str, **files: bytes) -> None:
    (folder / "feeds").mkdir(exist_ok=True)
    with tarfile.open(folder / "feeds" / name, "w:xz") as members:
        for path, body in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(body)
            members.addfile(member, io.BytesIO(body))


def test_the_figures_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive(tmp_path, "feeds_x.tar.xz", good=RSS.encode(), page=b"<html>No", LICENSE=b"words")
    archive(tmp_path, "sitemaps.tar.xz", map=b"<urlset><url><loc>https://x.example/a</loc></url></urlset>")
    archive(tmp_path, "robots.tar.xz", robots=b"User-agent: *")
    assert main(["--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "3 files: 2 parsed, 1 failed; 0 exceptions" in said
    assert "ok 2  not_a_feed 1" in said
    assert "feedparser's own count: 1 of 1 agree" in said


def test_an_exception_that_comes_out_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr("benchmarks.feeds.read_source", explode)
    archive(tmp_path, "feeds_x.tar.xz", good=RSS.encode())
    assert main(["--data", str(tmp_path)]) == 1
    assert "1 exceptions" in capsys.readouterr().out


def test_without_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 0
    assert str(tmp_path) in capsys.readouterr().out
