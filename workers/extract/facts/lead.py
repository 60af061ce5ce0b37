"""The standfirst: the paragraph between headline and story, which in much of the world's press holds the news itself.

Publishers put it outside of the element with the story, where extractors do not look.
"""

import re
from itertools import islice
from typing import Any

_NAMES = re.compile(
    r"(?:^|[\s_-])(?:stand-?first|lead|lede|intro|ingress|sub-?(?:title|head(?:line)?)|dek|chapo|chapeau|sapo|summary"
    r"|vorspann|bajada|copete|entradilla|sottotitolo|sommario|spot|lid|anons|annotation|article-?(?:description|intro|lead))"
    r"(?=$|[\s_-])|[a-z](?:Lead|Standfirst|Subtitle|Subheadline|Intro|Summary|Dek)(?=$|[\s_-]|[A-Z])",
)
_TAGS = ("p", "div", "h2", "h3", "span", "strong", "section")
_ELSEWHERE = frozenset({"a", "nav", "aside", "footer", "figure", "figcaption", "li", "button", "form"})
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
    for node in islice(_after(heading), _REACH):
        if node.tag not in _TAGS or len(node) > _CHILDREN or (node.tag != "p" and node.find(".//div") is not None):
            continue
        text = " ".join("".join(node.itertext()).split())
        if not (_SHORTEST <= len(text) <= _LONGEST and _SENTENCE_END.search(text)):
            continue
        named = _NAMES.search(f"{node.get('class', '')} {node.get('id', '')}")
        described = len(start) >= _ALIKE / 2 and _letters(text).startswith(start)
        if (named or described) and _ELSEWHERE.isdisjoint(ancestor.tag for ancestor in node.iterancestors()):
            return text
    return ""


def with_lead(text: str, lead: str) -> str:
    """Put a standfirst before a text that does not have it yet."""
    if not lead or not text or _letters(lead)[:_ALIKE] in _letters(text[: 4 * _LONGEST]):
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
