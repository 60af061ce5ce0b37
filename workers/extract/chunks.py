"""Stories that a page keeps in several boxes of one kind, with advertisements or a payment wall between them."""

import re
from collections import defaultdict
from typing import Any

from workers.extract.inside import text_in

#: Shorter paragraphs may be labels (characters); fewer of them in a box make a teaser or a comment of it.
_PARAGRAPH, _PARAGRAPHS = 80, 2
_NOT_THE_STORY = re.compile(r"comment|reply|related|teaser|promo|recirc|recommend|footer|author|bio", re.IGNORECASE)
_BOXES = frozenset({"div", "section", "td"})


def unite(tree: Any) -> bool:
    """Move the paragraphs of boxes that are alike (same tag and class, same article) into the first. Changes the tree.

    Returns whether there was anything to unite.
    """
    groups: defaultdict[tuple[Any, str, str], dict[Any, int]] = defaultdict(dict)
    for paragraph in tree.iter("p"):
        box = paragraph.getparent()
        if box is None or box.tag not in _BOXES or not box.get("class"):
            continue
        if len(text_in(paragraph)) < _PARAGRAPH:
            continue
        story = next(box.iterancestors("article"), None)
        boxes = groups[story, box.tag, box.get("class")]
        boxes[box] = boxes.get(box, 0) + 1
    united = False
    for (_, _, name), boxes in groups.items():
        full = [box for box, paragraphs in boxes.items() if paragraphs >= _PARAGRAPHS and _is_the_storys(box)]
        if len(full) < 2 or _NOT_THE_STORY.search(name):
            continue
        first, *others = full
        for other in others:
            first.extend(list(other))
        united = True
    return united


def _is_the_storys(box: Any) -> bool:
    """A box with a heading of the first rank or a time of its own is another story."""
    return box.find(".//h1") is None and box.find(".//time") is None
