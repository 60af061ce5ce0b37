from pathlib import Path

import pytest

from config.quickyaml import NotPlain, plain_values
from config.yamlfile import parse_tree, read_tree

PACKS = sorted((Path(__file__).parents[3] / "config" / "topics").glob("*.yaml"))


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_every_pack_is_plain_and_reads_as_the_reader_with_lines_reads_it(path: Path) -> None:
    assert plain_values(path.read_text("utf-8")) == read_tree(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [0.4, -2, +3, 10]\n",
        "a: [yes, no, on, off, y, true, False, NULL, ~, null]\n",
        "a:\nb: ''\nc: \"\"\n",
        "a: '1'\nb: \"true\"\nc: '~'\n",
        "a: >-\n  two\n  lines\n\n  more\nb: |\n  kept\n   as is\n",
        "a: it's # a comment\nb: 'it''s'\nc: \"\\u0645\"\n",
        "a: [medtop:20000098, eurovoc:2383]\n",
        "- {a: b, c: d}\n- [e, [f]]\n- 7-Eleven\n- 2010 attack*\n- a=b\n- 11 сентября\n- v1.2.3\n- '='\n",
        "\ufeffa: b\n",
        "--- \na: b\n...\n",
        "a:\r\n  - b\r\n  - c\r\n",
        "just text",
    ],
)
def test_what_is_plain_says_the_same_to_both_readers(text: str) -> None:
    assert repr(plain_values(text)) == repr(_plainly(parse_tree(text, Path("x"))))


def _plainly(tree: object) -> object:
    """Return a tree without the types that keep its lines."""
    if isinstance(tree, dict):
        return {_plainly(key): _plainly(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plainly(item) for item in tree]
    kind = next((kind for kind in (bool, int, float, str) if isinstance(tree, kind)), None)
    return tree if tree is None or kind is None else kind(tree)


@pytest.mark.parametrize(
    "text",
    [
        *("a: 010", "a: 0x1f", "a: 0o17", "a: 1e3", "a: 1_000", "a: 1:30", "a: .5", "a: 1.", "a: .inf", "a: -.NaN"),
        *("a: 2026-11-22", "a: 2026-11-22 09:00:00", "a: 2026-11-22T09:00:00Z", "a: =", "<<: {a: b}"),
        *("a: &x b\nc: *x", "a: &x [*x]", "a: !!str b", "a: !own b", "%YAML 1.1\n---\na: b", "a: b\n---\nc: d", ""),
        *("a: b\na: c", "{[a]: b}", "{a: b}: c", "1: a", "true: a", "? a\n: b\n? a\n: c", "a: [b", "a: b: c", "\ta: b"),
        *("a: \x00", "a: '", "a: @b", "[" * 300_000, "\n".join(" " * n + "a:" for n in range(100))),
    ],
    ids=lambda text: text[:20],
)
def test_everything_else_is_left_to_the_other_reader(text: str) -> None:
    with pytest.raises(NotPlain):
        plain_values(text)
