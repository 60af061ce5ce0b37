"""Selectors of an operator: what is taken, and what is refused before any page is read."""

import pytest
from lxml.html import document_fromstring

from workers.domain.selectors import compiled

TREE = document_fromstring(
    "<html><body><div class='story lead'><p>One</p><p>Two</p></div><time datetime=2024-05-06>6 May</time></body></html>"
)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("div.story > p", ["One", "Two"]),
        (".lead p:last-child", ["Two"]),
        ("p:contains('Tw')", ["Two"]),
        ("h1, time", ["6 May"]),
        ("//div[contains(@class, 'story')]/p[1]", ["One"]),
        ("./body/time", ["6 May"]),
        ("(//p)[last()]", ["Two"]),
        ("//time/@datetime", ["2024-05-06"]),
        ("//p/text()", ["One", "Two"]),
        ("//p[contains(., 'a:b($c')]", []),
        ("#nowhere", []),
    ],
)
def test_css_and_xpath_find_what_they_name(selector: str, found: list[str]) -> None:
    assert [one if isinstance(one, str) else one.text_content() for one in compiled(selector)(TREE)] == found


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("", "must not be empty"),
        ("p[", "not a CSS selector"),
        ("a::text", "not a CSS selector"),
        ("div//p", "not a CSS selector"),
        ("ns|p", "Undefined namespace prefix"),
        ("//p[", "not an XPath"),
        ("(count(//p))", "finds no nodes"),
        ("(string(//h1))", "finds no nodes"),
        ("(//p = 'x')", "finds no nodes"),
        ("//p[re:test(., 'x')]", "unknown prefix re:"),
        ("//svg:rect", "unknown prefix svg:"),
        ("//p[matches(., 'x')]", "unknown function matches()"),
        ("//p[. = id('x')]", "unknown function id()"),
        ("//p[$x]", "no variables"),
    ],
)
def test_what_never_finds_a_node_is_refused(selector: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        compiled(selector)


@pytest.mark.parametrize("selector", ["//p/@class", "//p/@class[1]", "//p/text()", "(//p/@x)", "//comment()"])
def test_values_are_no_elements(selector: str) -> None:
    compiled(selector)
    with pytest.raises(ValueError, match="must find elements"):
        compiled(selector, elements=True)


def test_a_selector_is_compiled_once() -> None:
    assert compiled("div.story > p") is compiled("div.story > p")
