"""Rules for a source's pages in `sources.yaml`: read, refused with a line, and never lost on the way."""

from pathlib import Path

import pytest

from config.opml import parse_opml, render_opml, specs_from_opml
from config.sources import SourceSpec, load_sources
from config.sources_edit import add_source
from workers.domain.errors import ConfigError
from workers.domain.values import NO_RULES, ExtractRules

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
RULES = """\
    extract:
      body: article.story
      remove: [".ad", "//div[@id='more']"]
      title: h1
      author: "//meta[@name='byl']/@content"
      published:
        - time
        - .date
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sources.yaml"


def read(path: Path, text: str) -> SourceSpec:
    path.write_text(HEAD + text, encoding="utf-8")
    (spec,) = load_sources(path)
    return spec


def test_a_selector_or_a_list_of_them_for_each_field(path: Path) -> None:
    assert read(path, RULES).to_domain().extract == ExtractRules(
        body=("article.story",),
        remove=(".ad", "//div[@id='more']"),
        title=("h1",),
        author=("//meta[@name='byl']/@content",),
        published=("time", ".date"),
    )


@pytest.mark.parametrize("text", ["", "    extract: {}\n", "    extract: {body: []}\n"])
def test_without_a_selector_there_are_no_rules(path: Path, text: str) -> None:
    assert read(path, text).to_domain().extract == NO_RULES


@pytest.mark.parametrize(
    ("text", "line", "field", "words"),
    [
        ("    extract:\n      body: 'p['\n", 11, "body.0", "not a CSS selector"),
        (
            "    extract:\n      title: h1\n      remove:\n        - .ad\n        - //p[\n",
            14,
            "remove.1",
            "not an XPath",
        ),
        ("    extract:\n      author: //a[re:test(., 'x')]\n", 11, "author.0", "unknown prefix re:"),
        ("    extract:\n      title: (string(//h1))\n", 11, "title.0", "finds no nodes"),
        ("    extract:\n      body: //p/text()\n", 11, "body.0", "must find elements"),
        ("    extract:\n      body: #story\n", 11, "body", "needs quotes"),
        ("    extract:\n      body: 7\n", 11, "body", "must be a list"),
        ("    extract:\n      body: [7]\n", 11, "body.0", "must be text"),
        (f"    extract:\n      body: {'p' * 501}\n", 11, "body.0", "at most 500"),
        ("    extract:\n      bodi: p\n", 11, "bodi", "unknown key"),
        ("    extract: p\n", 10, "", "must be a group"),
    ],
)
def test_a_wrong_rule_is_named_with_its_line(path: Path, text: str, line: int, field: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(path, text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, f"sources.0.extract.{field}".rstrip("."))
    assert words in problem.message


def test_they_travel_to_the_domain_and_back(path: Path) -> None:
    spec = read(path, RULES)
    assert SourceSpec.from_domain(spec.to_domain()) == spec


def test_an_edit_by_command_writes_them_as_they_are(path: Path) -> None:
    spec = read(path, RULES)
    other = spec.model_copy(update={"id": "other", "url": "https://other.example/rss"})
    add_source(path, other)
    assert load_sources(path) == (spec, other)
    assert "!!" not in path.read_text(encoding="utf-8")


def test_opml_keeps_them(path: Path) -> None:
    spec = read(path, RULES)
    specs, left_out = specs_from_opml(parse_opml(render_opml([spec])), [])
    assert (specs, left_out) == ([spec], [])


@pytest.mark.parametrize("written", ["[1]", "p[", '{"body": "p["}', '{"bodi": "p"}'])
def test_a_file_with_wrong_ones_is_left_out_and_told(path: Path, written: str) -> None:
    data = render_opml([read(path, RULES)]).replace(b"wirewatch:id=", b"wirewatch:extract='X' wirewatch:id=", 1)
    own = b'wirewatch:extract="'
    start = data.index(own)
    data = data[:start] + data[data.index(b'"', start + len(own)) + 1 :]
    specs, (why,) = specs_from_opml(parse_opml(data.replace(b"X", written.encode(), 1)), [])
    assert specs == []
    assert "extract" in why
