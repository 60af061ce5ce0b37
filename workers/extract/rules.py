"""An operator's rules for a source's pages: what they find in a tree, and how a tree is cut down to it.

A rule that finds nothing changes nothing: outlets change their layout, and a page read as usual is better than none.
"""

from dataclasses import asdict, fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from lxml import etree
from lxml.html import Element

from workers.domain.selectors import compiled
from workers.domain.values import NO_RULES, ExtractRules, RuleTried
from workers.extract.clean import clean_line
from workers.extract.inside import text_in
from workers.extract.joiners import hide, show
from workers.extract.prose import measure

#: Elements that keep their kind in a body of chosen ones; of others (aside, section, td) only the contents count.
_KEPT = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table", "pre"))
#: Names and values that a rule gives at most: of one field, a page has few.
_MOST_VALUES = 20

#: Elements of a body say at least so much (`measure`): the shortest brief; less is an empty box, or a photo's credit.
_LEAST_TEXT = 40
_NO_TEXT = frozenset(("script", "style", "noscript", "template", "figure", "figcaption"))


@lru_cache(maxsize=1024)
def signature(rules: ExtractRules) -> str:
    """Name a source's rules in eight characters, so that an article tells under which ones it was read; "" for none."""
    if rules == NO_RULES:
        return ""
    return blake2b(repr(sorted(asdict(rules).items())).encode(), digest_size=4).hexdigest()


def remove(tree: Any, rules: ExtractRules) -> None:
    """Drop what the rules remove, and keep the text behind it. Changes the tree in place."""
    for selector in rules.remove:
        for node in _elements(tree, selector):
            if node.getparent() is not None:
                node.drop_tree()


def narrow(tree: Any, rules: ExtractRules) -> str:
    """Leave in the page's body only what a rule chooses. Changes the tree in place.

    Returns the selector that found it: the first that finds elements with a text; "" when none does, and nothing is
    changed.
    """
    for selector in rules.body:
        chosen = _outermost(_elements(tree, selector))
        if _have_text(chosen):
            _put_into_a_body(tree, chosen)
            return selector
    return ""


def values(tree: Any, selectors: tuple[str, ...]) -> tuple[str, ...]:
    """Read clean lines off a tree: those of the first selector that gives any, each once."""
    for selector in selectors:
        lines = (clean_line(show(_value(node))) for node in _found(tree, selector)[:_MOST_VALUES])
        if given := tuple(dict.fromkeys(filter(None, lines))):
            return given
    return ()


def tried(tree: Any, rules: ExtractRules) -> tuple[RuleTried, ...]:
    """Say of every selector how often it matches and what it gives first. Leaves the tree as it is."""
    return tuple(
        RuleTried(
            field=field.name,
            selector=selector,
            matches=len(found := _found(tree, selector)),
            gave=clean_line(show(_value(found[0])), 100) if found else "",
        )
        for field in fields(rules)
        for selector in getattr(rules, field.name)
    )


def _found(tree: Any, selector: str) -> list[Any]:
    """Evaluate a selector. On a page of which it asks what XPath cannot answer (`count('a')`) it finds nothing."""
    try:
        found = compiled(hide(selector))(tree)
    except etree.XPathError:
        return []
    return found if isinstance(found, list) else []


def _elements(tree: Any, selector: str) -> list[Any]:
    return [node for node in _found(tree, selector) if etree.iselement(node) and isinstance(node.tag, str)]


def _outermost(nodes: list[Any]) -> list[Any]:
    chosen = set(nodes)
    return [node for node in nodes if node.getparent() is not None and chosen.isdisjoint(node.iterancestors())]


def _have_text(nodes: list[Any]) -> bool:
    """Whether elements say something together, besides what stands below pictures."""
    length = 0
    for node in nodes:
        walk = etree.iterwalk(node, events=("start", "end"))
        for event, one in walk:
            if event == "start" and one.tag in _NO_TEXT:
                walk.skip_subtree()
            elif said := one.text if event == "start" else one.tail if one is not node else None:
                length += measure(" ".join(said.split()))
            if length >= _LEAST_TEXT:
                return True
    return False


def _put_into_a_body(tree: Any, chosen: list[Any]) -> None:
    """Make a page of these elements alone: the extractor would find other texts in the head too, as JSON-LD.

    Their names go: no later rule shall take what was chosen for a side bar.
    """
    body = Element("body")
    story = etree.SubElement(body, "article")
    for node in chosen:
        node.tail = None
        if node.tag not in _KEPT:
            node.tag = "div"
        node.attrib.clear()
        story.append(node)
    tree[:] = [body]


def _value(node: Any) -> str:
    """Read an attribute or text as it is, of a meta what it says, of a time its exact form, of others their text."""
    if isinstance(node, str):
        return node
    if not isinstance(node.tag, str):
        return ""
    given = {"meta": "content", "time": "datetime"}.get(node.tag)
    return (node.get(given) if given else None) or text_in(node)
