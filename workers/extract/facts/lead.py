"""The standfirst: the paragraph between headline and story, which in much of the world's press holds the news itself.

Publishers put it outside of the element with the story, where extractors do not look.
"""

import re
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

from workers.extract.inside import text_in
from workers.extract.prune import is_marked

_NAMES = re.compile(
    r"(?:^|[\s_-])(?:stand-?first|lead|lede|intro|ingress|sub-?(?:title|head(?:line)?)|dek|chapo|chapeau|sapo|summary"
    r"|vorspann|bajada|copete|entradilla|sottotitolo|sommario|spot|lid|anons|annotation|article-?(?:description|intro|lead))"
    r"(?=$|[\s_-])|[a-z](?:Lead|Standfirst|Subtitle|Subheadline|Intro|Summary|Dek)(?=$|[\s_-]|[A-Z])",
)
_TAGS = ("p", "div", "h2", "h3", "span", "strong", "section")
_ELSEWHERE = frozenset({"a", "nav", "aside", "footer", "figure", "figcaption", "li", "button", "form"})
#: What other stories stand in, beside the parts that `prune` knows.
_CARD = re.compile(r"(?:^|[\s_-])(?:cards?|tiles?|list|listing|carousel|slider|grid)(?=$|[\s_-])", re.IGNORECASE)
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_NO_LETTER = re.compile(r"[\W_]+")
_SENTENCE_END = re.compile(r"[.!?…。！？؟۔।][\"'”’»)\]]*$")
#: Shorter is a kicker, longer the story (characters); farther from the headline is another story's (elements).
_SHORTEST, _LONGEST, _REACH = 60, 700, 150
_CHILDREN = 8  # a paragraph with a few links and marks; more is a box of other things
#: So many equal characters at the beginning make a paragraph the page's own description, which may be cut off.
_ALIKE = 60


def find_lead(tree: Any, description: str) -> str:
    """Return the standfirst of a page, "" when nothing below the headline is marked or described as such.

    Args:
        tree: the page, not pruned.
        description: what the metas say that the page is about.
    """
    heading = tree.find(".//h1")
    if heading is None:
        return ""
    start = _letters(description)[:_ALIKE]
    column = set(heading.iterancestors())
    for node in islice(_after(heading), _REACH):
        if node.tag not in _TAGS:
            continue
        text = " ".join(text_in(node).split()) if _may_be_one(node) else ""
        if _SHORTEST <= len(text) <= _LONGEST and _SENTENCE_END.search(text):
            named = _NAMES.search(f"{node.get('class', '')} {node.get('id', '')}")
            described = len(start) >= _ALIKE / 2 and _letters(text).startswith(start)
            if (named or described) and not _is_elsewhere(node, column):
                return text
        if _begins_the_story(node) and not _is_elsewhere(node, column):
            return ""
    return ""


def _may_be_one(node: Any) -> bool:
    """Whether an element is a single paragraph by its shape."""
    return len(node) <= _CHILDREN and (node.tag == "p" or node.find(".//div") is None)


def _begins_the_story(node: Any) -> bool:
    """Whether an element holds a sentence that is no headline: a paragraph, or text of its own in another block."""
    if node.tag not in {"p", "div", "section"}:
        return False
    own = text_in(node) if node.tag == "p" else "".join((node.text or "", *(child.tail or "" for child in node)))
    text = " ".join(own.split())
    return len(text) >= _SHORTEST and _SENTENCE_END.search(text) is not None


def _is_elsewhere(node: Any, column: AbstractSet[Any]) -> bool:
    """Whether an element stands in a part with something else than the story under the headline.

    Args:
        node: the element.
        column: the ancestors of the headline.
    """
    while node is not None and node not in column:
        if node.tag in _ELSEWHERE or is_marked(node):
            return True
        if _CARD.search(f"{node.get('class', '')} {node.get('id', '')}"):
            return True
        if any(sibling.tag in _HEADINGS for sibling in node.itersiblings(preceding=True)):
            return True
        node = node.getparent()
    return False


def with_lead(text: str, lead: str) -> str:
    """Put a standfirst before a text that does not have it yet."""
    start = text[: 4 * _LONGEST]
    if not lead or not text or lead in start or _letters(lead)[:_ALIKE] in _letters(start):
        return text
    return f"{lead}\n{text}"


def _after(heading: Any) -> Any:
    """Elements behind a heading in the order of the document."""
    node = heading
    while node is not None:
        for sibling in node.itersiblings():
            yield from sibling.iter()
        node = node.getparent()


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text.casefold())
