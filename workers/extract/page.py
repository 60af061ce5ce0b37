"""One page of HTML to its text and facts: the tree is parsed once, read, pruned, then given to trafilatura."""

from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from typing import Any

from lxml import etree
from lxml.html import HTMLParser, document_fromstring
from trafilatura import bare_extraction
from trafilatura.settings import Document, Extractor

from workers.extract.clean import clean_text
from workers.extract.facts import Stated, read_stated
from workers.extract.joiners import hide, show
from workers.extract.prune import prune

EXTRACTOR = f"trafilatura/{version('trafilatura')}"

#: A text below this many characters may be a brief, and is extracted again with the strict setting, because the
#: extractor fills such pages up with whatever else the page holds.
_BRIEF = 1000
#: The least that a wire brief says (characters).
SHORTEST_TEXT = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFacts:
    """What was read off a page: the text as extracted, and what the page states of itself."""

    text: str  # "" when nothing was found
    stated: Stated


def read_page(html: str, url: str) -> PageFacts | None:
    """Read the article text and the stated facts of a page; None when the input holds no element at all.

    Args:
        html: the decoded page.
        url: where it was fetched, for relative links.
    """
    tree = _parse(hide(html))
    if tree is None:
        return None
    stated = _shown(read_stated(tree, url))
    prune(tree)
    text = _extract(tree, strict=False)
    if len(text) < _BRIEF:
        strict = _extract(tree, strict=True)
        text = strict if len(strict) >= SHORTEST_TEXT else text
    return PageFacts(text=clean_text(show(text)), stated=stated)


def _parse(html: str) -> Any:
    # huge_tree: without it libxml2 stops at 255 levels or 10 MB of text and the article is lost without an error
    # (RELIABILITY.md finding 9). Bytes with a named encoding, so that an XML declaration inside cannot disagree.
    parser = HTMLParser(huge_tree=True, encoding="utf-8", collect_ids=False, remove_comments=True, remove_pis=True)
    body = html.replace("\x00", "").encode("utf-8", "replace")
    if not body.strip():
        return None
    try:
        return document_fromstring(body, parser=parser)
    except etree.ParserError:  # only comments, or nothing: a document without an element
        return None


def _extract(tree: Any, *, strict: bool) -> str:
    """Text by trafilatura's own rules alone (`fast`).

    The comparison with readability and jusText is left out: on the scrapinghub set it lowers token F1 (.9587 to .9614),
    takes a third more time, and is quadratic on pages of many small paragraphs (RELIABILITY.md finding 8).
    """
    options = Extractor(output_format="python", fast=True, precision=strict, comments=False, tables=True)
    document = bare_extraction(tree, options=options)
    return _plain_rows(str(document.text or "")) if isinstance(document, Document) else ""


def _plain_rows(text: str) -> str:
    """Undo the table marks of trafilatura's text: "| a | | b |" becomes "a | b", rules between rows go."""
    if "|" not in text:
        return text
    lines = []
    for line in text.split("\n"):
        if line.startswith("|"):
            cells = [cell for cell in map(str.strip, line.split("|")) if cell.strip("-: ")]
            lines.append(" | ".join(cells))
        else:
            lines.append(line)
    return "\n".join(lines)


def _shown(stated: Stated) -> Stated:
    """Put format characters back into every text of the facts."""
    shown: dict[str, Any] = {}
    for name in (field.name for field in fields(stated)):
        value = getattr(stated, name)
        if isinstance(value, str):
            shown[name] = show(value)
        elif isinstance(value, tuple):
            shown[name] = tuple(map(show, value))
    return replace(stated, **shown)
