"""Cards of other stories below a head such as "Related stories": a linked headline, at most one paragraph, the next."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from workers.extract.furniture import TAIL_HEADS, fold, phrases
from workers.extract.inside import text_in
from workers.extract.joiners import show
from workers.extract.prose import is_prose, measure

_HEADINGS = frozenset(("h2", "h3", "h4", "h5", "h6"))
#: What may hold the head itself: outlets write it as a bold line too.
HEADS = (*sorted(_HEADINGS), "p", "div")
_HEADS = phrases(TAIL_HEADS)
#: The longest head of a list of other stories: characters, with marks around it, and words.
_LONGEST_HEAD, _MOST_WORDS = max(map(len, _HEADS)) + 4, max(len(head.split()) for head in _HEADS) + 1
#: A link of fewer characters is a name or a button; a paragraph of more (measure) is a teaser or the story's.
_LINK, _PARAGRAPH = 20, 60


def is_tail_head(text: str) -> bool:
    """Whether a short text is what heads a list of other stories."""
    return len(text) <= _LONGEST_HEAD and text.count(" ") < _MOST_WORDS and _is_head(text)


@lru_cache(maxsize=4096)
def _is_head(text: str) -> bool:
    """See `is_tail_head`. The pages of an outlet have the same short headings."""
    return fold(show(text)) in _HEADS


def cards_below(heading: Any) -> list[Any]:
    """Return the elements that hold a list of cards, with its head (one of `HEADS`); none when anything else does.

    A list reaches to the end of the element around it. A paragraph is a card's when its headline stands right above it
    as a heading, or in a box with it: so a story that goes on below a link or two is no card.
    """
    if len(heading) > 1 or not is_tail_head(text_in(heading).strip()):
        return []
    while (around := heading.getparent()) is not None and len(around) == 1 and around.tag in {"div", "header"}:
        heading = around
    below = list(heading.itersiblings())
    return [heading, *below] if _are_cards(below, around) else []


def _are_cards(below: list[Any], around: Any) -> bool:
    """Whether the elements below a head hold headlines, at least one of them with a paragraph, and nothing else."""
    above = None  # the headline of which no paragraph was seen yet
    teasers = 0
    for node in chain.from_iterable(map(_blocks, below)):
        text = text_in(node).strip()
        if node.tag == "h1" or (node.tail or "").strip():
            return False
        if not is_prose(text) and any(len(text_in(link).strip()) >= _LINK for link in node.iter("a")):
            above = node
        elif measure(text) >= _PARAGRAPH or is_prose(text):
            if above is None or (above.tag not in _HEADINGS and around in {above.getparent(), node.getparent()}):
                return False
            above, teasers = None, teasers + 1
    return teasers > 0


def _blocks(node: Any) -> Iterator[Any]:
    """The headings, paragraphs and loose links of an element, in order."""
    for inner in node.iter("h1", "h2", "h3", "h4", "h5", "h6", "p", "a"):
        if inner.tag != "a" or not any(one.tag in _HEADINGS or one.tag == "p" for one in inner.iterancestors()):
            yield inner
