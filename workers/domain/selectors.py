"""Selectors that an operator writes: CSS or XPath 1.0, compiled so that a wrong one is known before any page is read.

XPath is looked up when it is evaluated, and a function or prefix that nobody knows would fail only on the page that
comes so far. So names are held to XPath's own here. Pure.
"""

import re
from functools import lru_cache

from lxml import etree

#: How an XPath begins; everything else is CSS.
_XPATH = ("/", "./", "(")
_STRINGS = re.compile(r"\"[^\"]*\"|'[^']*'")
_CALL = re.compile(r"([\w.:-]+)\s*\(")
_PREFIX = re.compile(r"([\w.-]+):(?![:\s])")
#: XPath 1.0, sections 2.3 and 4, without `id()`: pages are parsed without a table of ids.
_FUNCTIONS = frozenset((
    "last", "position", "count", "local-name", "namespace-uri", "name", "string", "concat", "starts-with", "contains",
    "substring-before", "substring-after", "substring", "string-length", "normalize-space", "translate", "boolean",
    "not", "true", "false", "lang", "number", "sum", "floor", "ceiling", "round", "node", "text", "comment", "and",
    "or", "div", "mod",
))  # fmt: skip
#: The last step leads to an attribute or to text, which can be read but not cut out.
_VALUE_STEP = re.compile(r"(?:(?:@|attribute::)[\w*:.-]+|\b(?:text|comment)\(\s*\))(?:\[[^\]]*\])*\)*$")

_EMPTY = etree.fromstring("<html/>")


@lru_cache(maxsize=4096)
def compiled(selector: str, *, elements: bool = False) -> etree.XPath:
    """Return a selector ready for use: `compiled(s)(tree)` is the list of what it finds.

    Args:
        selector: CSS (`div.story > p`), or XPath when it begins with `/`, `./` or `(`.
        elements: only elements will do, no attributes or pieces of text.

    Raises ValueError, with the reason in plain words, for what is neither or can never find a node.
    """
    path = selector if selector.startswith(_XPATH) else _css_as_xpath(selector)
    if selector.startswith(_XPATH):
        _refuse_strange_names(_STRINGS.sub("''", selector))
    try:
        made = etree.XPath(path, regexp=False, smart_strings=False)
        found = made(_EMPTY)
    except etree.XPathError as error:
        raise ValueError(f"not an XPath: {error}") from error
    if not isinstance(found, list):
        raise ValueError("finds no nodes: it is a text, a number or true or false")  # noqa: TRY004  (of its value)
    if elements and _VALUE_STEP.search(selector.strip()):
        raise ValueError("must find elements, not attributes or text")
    return made


def _css_as_xpath(selector: str) -> str:
    import cssselect  # late: hardly a source has rules

    if not selector.strip():
        raise ValueError("must not be empty")
    try:
        return cssselect.HTMLTranslator().css_to_xpath(selector)
    except cssselect.SelectorError as error:
        raise ValueError(f"not a CSS selector: {error}") from error


def _refuse_strange_names(path: str) -> None:
    """Raise ValueError for functions, prefixes and variables that no page will ever know."""
    if "$" in path:
        raise ValueError("not an XPath: there are no variables here")
    for prefix in _PREFIX.findall(path):
        raise ValueError(f"not an XPath: unknown prefix {prefix}:")
    for name in _CALL.findall(path):
        if name.rpartition("::")[2] not in _FUNCTIONS:
            raise ValueError(f"not an XPath: unknown function {name}()")
