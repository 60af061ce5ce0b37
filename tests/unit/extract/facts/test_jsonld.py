import time
from collections.abc import Callable

import pytest
from lxml.html import document_fromstring

from workers.extract.facts.jsonld import JsonLd, read_json_ld


def read(written: str) -> JsonLd:
    tree = document_fromstring(f'<html><script type="application/ld+json">{written}</script><body>x</body></html>')
    return read_json_ld(tree.iter("script"))


STORY = '{"@type": "NewsArticle", "headline": "Ministers meet"%s}'


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("<!-- %s -->", id="in a comment"),
        pytest.param("//<![CDATA[\n%s\n//]]>", id="in a section of characters"),
        pytest.param("/* <![CDATA[ */ %s /* ]]> */ ;", id="in a section within comments"),
        pytest.param("\n %s ;\n", id="with a semicolon"),
        pytest.param("[%s, ]", id="with a comma too many"),
    ],
)
def test_a_document_with_marks_around_it_is_read(written: str) -> None:
    assert read(written % STORY % "").articles == [{"@type": "NewsArticle", "headline": "Ministers meet"}]


def test_of_a_document_that_does_not_parse_patterns_find_the_facts() -> None:
    assert read(STORY % ', "x": "an "unescaped" quote"').articles == [
        {"@type": "Article", "headline": "Ministers meet"}
    ]


def test_a_document_that_does_not_parse_is_left_alone_when_it_is_long() -> None:
    assert read(STORY % (', "x": "an "unescaped" quote"' + " " * 100_000)).articles == []


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(lambda size: "{x, \n" + " " * size + "x", id="blanks"),
        pytest.param(lambda size: "{x" + ", " * size + "x", id="commas"),
        pytest.param(lambda size: "// " * size + "x" + " ;" * size, id="marks"),
        pytest.param(lambda size: '{x"@type"' + " " * size + "x", id="blanks behind a name"),
        pytest.param(lambda size: '{x"@type":' * size, id="names"),
        pytest.param(lambda size: '{x"@type":"' + "a" * size, id="a long type"),
        pytest.param(lambda size: '{x"@type":"Article","headline":"' * size, id="headlines"),
        pytest.param(lambda size: '{x"@type":"Article","headline":"' + '\\"' * size, id="quotes"),
        pytest.param(lambda size: "[" * size + "x" + "]" * size, id="brackets"),
    ],
)
def test_reading_a_broken_document_takes_a_time_in_proportion(shape: Callable[[int], str]) -> None:
    def seconds(size: int) -> float:
        written = shape(size)
        best = 9.0
        for _ in range(3):
            started = time.process_time()
            read(written)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(2400) < 24 * seconds(300) + 0.02  # quadratic: 64 times
