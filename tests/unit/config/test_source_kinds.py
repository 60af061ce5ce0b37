"""Ways in beside a feed: what a sitemap or a listing may say in `sources.yaml`."""

from pathlib import Path

import pytest

from config.opml import parse_opml, render_opml, specs_from_opml
from config.sources import SourceSpec, load_sources
from config.sources_edit import add_source
from workers.domain.errors import ConfigError

HEAD = """\
version: 1
sources:
  - id: paper
    name: Paper
    url: https://paper.example/news/
    language: en
    country: GB
    owner: Paper Ltd
    state_owned: false
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sources.yaml"


def read(path: Path, *lines: str) -> SourceSpec:
    path.write_text(HEAD + "".join(f"    {line}\n" for line in lines), encoding="utf-8")
    (spec,) = load_sources(path)
    return spec


def test_a_source_is_a_feed_that_is_polite_and_looked_at_again(path: Path) -> None:
    source = read(path).to_domain()
    assert (source.kind, source.links, source.obeys_robots, source.revisited) == ("feed", "", True, True)


def test_a_listing_has_a_pattern(path: Path) -> None:
    source = read(path, "kind: listing", r"links: '/\d{4}/\d{2}/'", "robots: ignore", "revisit: false").to_domain()
    assert (source.kind, source.links) == ("listing", r"/\d{4}/\d{2}/")
    assert (source.obeys_robots, source.revisited) == (False, False)


@pytest.mark.parametrize(
    ("lines", "line", "field", "words"),
    [
        (("kind: listing",), 3, "links", "missing"),
        (("kind: rss",), 10, "kind", "'feed', 'sitemap' or 'listing'"),
        (("kind: feed", "links: /a/"), 11, "links", "only a listing"),
        (("links: /a/", "kind: sitemap"), 10, "links", "this is a sitemap"),
        (("kind: listing", "links: '(a'"), 11, "links", "not a regular expression of RE2"),
        (("kind: listing", r"links: '(a)\1'"), 11, "links", "not a regular expression of RE2"),
        (("kind: listing", "links: '(?=a)'"), 11, "links", "not a regular expression of RE2"),
        (("kind: listing", "links: 7"), 11, "links", "must be text"),
        (("kind: listing", f"links: {'a' * 501}"), 11, "links", "at most 500"),
        (("robots: never",), 10, "robots", "'respect' or 'ignore'"),
        (("revisit: sometimes",), 10, "revisit", "true or false"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_field(
    path: Path, lines: tuple[str, ...], line: int, field: str, words: str
) -> None:
    with pytest.raises(ConfigError) as told:
        read(path, *lines)
    (problem,) = told.value.problems
    assert (problem.file, problem.line, problem.field) == (path, line, f"sources.0.{field}")
    assert words in problem.message


def test_an_edit_writes_what_is_not_usual_and_nothing_else(path: Path) -> None:
    listing = read(path, "kind: listing", "links: '[0-9]: #x'", "robots: ignore")
    path.write_text("version: 1\nsources: []\n", encoding="utf-8")
    add_source(path, listing)
    assert load_sources(path) == (listing,)
    assert "revisit" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "lines",
    [(), ("kind: sitemap", "revisit: false"), ("kind: listing", r"links: '<&>\d'", "robots: ignore")],
)
def test_an_export_loses_nothing(path: Path, lines: tuple[str, ...]) -> None:
    spec = read(path, *lines)
    specs, left_out = specs_from_opml(parse_opml(render_opml([spec])), [])
    assert (specs, left_out) == ([spec], [])
