"""Errors of the files that an operator edits name file, line and field."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, StrictBool

from config.yamlfile import line_of, parse_tree, read_model, read_tree, shown
from workers.domain.errors import ConfigError, Problem


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str
    size: int = 1
    on: StrictBool = True


class Root(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int
    leaves: list[Leaf] = []


def problems_in(tmp_path: Path, text: str | bytes) -> tuple[Problem, ...]:
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_model(path, Root)
    assert all(problem.file == path for problem in caught.value.problems)
    return caught.value.problems


def test_a_right_file_becomes_its_model(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("version: 1\nleaves:\n  - url: a\n")
    assert read_model(path, Root) == Root(version=1, leaves=[Leaf(url="a")])


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        ("version: 1\nextra: 2\n", 2, "extra", "unknown key"),
        ("version: 1\nleaves:\n  - url: a\n  - url: b\n    colour: red\n", 5, "leaves.1.colour", "unknown key"),
        ("version: 1\nleaves:\n  - url: a\n  - size: 3\n", 4, "leaves.1.url", "missing"),
        ("version: 1\nleaves:\n  - url: 7\n", 3, "leaves.0.url", "must be text (put it between quotes) (found 7)"),
        ("version: 1\nleaves:\n  - {url: a, on: yes}\n", 3, "leaves.0.on", "must be true or false (found 'yes')"),
        ("version: 1\nleaves: none\n", 2, "leaves", "must be a list (found 'none')"),
        ("version: 1\nleaves:\n  - url\n", 3, "leaves.0", "must be a group of `key: value` lines (found 'url')"),
        ("leaves: []\n", 1, "version", "missing"),
        ("", 1, None, "must be a group of `key: value` lines (found None)"),
        ("- 1\n", 1, None, "must be a group of `key: value` lines"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_field(
    tmp_path: Path, text: str, line: int, field: str | None, message: str
) -> None:
    (problem,) = problems_in(tmp_path, text)
    assert (problem.line, problem.field, problem.message) == (line, field, message)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("version: 1\nversion: 2\n", 2, 'found duplicate key "version"'),
        ("version: 1\nleaves: [\n", 3, "not YAML"),
        ("version: 1\n\tleaves: 2\n", 2, "not YAML"),
        (b"version: 1\nleaves: \xff\n", 2, "not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_yaml_is_named_with_its_line(
    tmp_path: Path, text: str | bytes, line: int, message: str
) -> None:
    (problem,) = problems_in(tmp_path, text)
    assert problem.line == line
    assert message in problem.message


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    problems = problems_in(tmp_path, "version: x\nleaves:\n  - size: y\nother: 1\n")
    assert [problem.field for problem in problems] == ["version", "leaves.0.url", "leaves.0.size", "other"]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "file.yaml"
    make(path)
    with pytest.raises(ConfigError, match=r"file\.yaml: "):
        read_tree(path)


def test_a_yaml_tag_builds_no_python_object(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(f"version: 1\nleaves: !!python/object/apply:pathlib.Path.touch [{tmp_path / 'made'}]\n")
    with pytest.raises(ConfigError):
        read_model(path, Root)
    assert not (tmp_path / "made").exists()


def test_the_line_of_an_unknown_place_is_that_of_its_nearest_parent() -> None:
    tree = parse_tree("a:\n  b:\n    - 1\n    - 2\n", Path("x"))
    assert [line_of(tree, at) for at in [("a",), ("a", "b", 1), ("a", "b", 9), ("a", "z", "q"), ("z",)]] == [
        1,
        4,
        2,
        1,
        None,
    ]


def test_a_shown_value_hides_a_password_and_is_short() -> None:
    assert shown("https://me:secret@host/feed") == "'https://***@host/feed'"
    assert len(shown("x" * 5000)) == 120


@pytest.mark.parametrize("text", ["[" * 2_000, "version: " + "[" * 2_000 + "]" * 2_000, "{a: " * 2_000])
def test_a_file_that_is_nested_too_deeply_is_named(tmp_path: Path, text: str) -> None:
    (problem,) = problems_in(tmp_path, text)
    assert "nested too deeply" in problem.message


def test_a_hundred_levels_are_read_and_no_more() -> None:
    assert parse_tree("[" * 100 + "]" * 100, Path("x"))
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse_tree("[" * 101 + "]" * 101, Path("x"))
