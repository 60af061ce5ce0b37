"""A page of HTML as a tree, for the links on it. Pure."""

from collections.abc import Iterator
from itertools import islice
from urllib.parse import urldefrag

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from workers.domain.charset import decode
from workers.domain.urls import web_link
from workers.poll.documents.encoding import charset_of
from workers.poll.documents.text import MAX_TITLE, one_line

#: Elements and texts that are looked at for the words of one link; links around whole pages are made by mistake.
LINK_PARTS = 400


def parse_html(body: bytes, content_type: str = "") -> HtmlElement | None:
    """Return the tree of a page, in the encoding that a browser would read it in; None when it holds no element."""
    text = decode(body, charset_of(content_type)).replace("\0", "")
    # huge_tree: text 256 elements deep is text. Bytes with a named encoding, so that no declaration can disagree.
    parser = HTMLParser(huge_tree=True, encoding="utf-8", collect_ids=False, remove_comments=True, remove_pis=True)
    if not text.strip():
        return None
    try:
        return document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # only comments: a document without an element
        return None


def base_of(root: HtmlElement, url: str) -> str:
    """Return the address that the page's links are relative to: its first `<base href>`, else its own."""
    for base in root.iter("base"):
        if base.get("href"):
            return web_link(url, base.get("href") or "") or url
    return url


def links_of(root: HtmlElement, url: str) -> Iterator[tuple[str, str]]:
    """Yield each link that leads elsewhere, absolute and without its fragment, with its words on one line."""
    base = base_of(root, url)
    for link in root.iter("a"):
        href = urldefrag(web_link(base, link.get("href") or "") or url).url
        if href != urldefrag(url).url:
            yield href, words_of(link)


def words_of(element: HtmlElement) -> str:
    """Return the words of an element; of a picture, those that stand for it."""
    texts: list[str] = []
    for when, part in islice(etree.iterwalk(element, events=("start", "end")), LINK_PARTS):
        if when == "start" and part.tag == "img":
            texts.append(f" {part.get('alt') or ''} ")
        elif when == "start" and part.tag not in {"script", "style"}:
            texts.append(part.text or "")
        elif when == "end" and part is not element:
            texts.append(part.tail or "")
    words = one_line("".join(texts)) or one_line(element.get("aria-label") or element.get("title") or "")
    return words[:MAX_TITLE]
