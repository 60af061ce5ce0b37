"""What the JSON-LD of a page says: its article among the objects, also where the JSON does not parse."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from workers.extract.clean import clean_line

#: schema.org types that say "this page is one article" (NewsArticle and its children end so).
_ARTICLES = ("Article", "BlogPosting", "LiveBlogPosting", "Report")
_PAGES = ("WebPage", "ItemPage", "MedicalWebPage")
_COLLECTIONS = frozenset({"CollectionPage", "SearchResultsPage", "ProfilePage"})
_VIDEO = "VideoObject"
#: Members under which publishers put the page's own article. A list of other stories (`itemListElement`) is none.
_NESTED = ("@graph", "mainEntity", "mainEntityOfPage")

_LONGEST = 500_000  # characters; real ones are under 50,000
_DEEPEST = 6  # levels; real ones have three

_LONGEST_REPAIRED = 100_000  # characters of a document that does not parse
#: What publishers wrap the document in, for parsers of the last century.
_BEFORE = ("<!--", "<![CDATA[", "//", "/*", "*/")
_AFTER = (";", "-->", "]]>", "//", "/*", "*/")
_MARKS = 4  # on a side: "/* ]]> */ ;"
# No pattern here may go back over what it has read: pages hold runs of 100,000 blanks, quotes or brackets.
_TRAILING_COMMA = re.compile(r",\s*+([}\]])")
_ARTICLE_TYPE = re.compile(r'"@type"\s*+:\s*+\[?[^]}]{0,80}?"\w{0,40}(?:Article|BlogPosting|Report)"')
#: What a broken document is searched for.
_SALVAGED = ("datePublished", "dateModified", "headline", "articleSection", "isAccessibleForFree")


@dataclass(slots=True)
class JsonLd:
    """The objects of a page by what they are."""

    articles: list[dict[str, Any]] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    is_collection: bool = False
    has_video: bool = False

    def article(self, urls: frozenset[str], title: str) -> dict[str, Any]:
        """The article that is this page: by its address or headline, else the first; {} without any."""
        if len(self.articles) > 1:
            for story in self.articles:
                if urls & set(_addresses(story)) or (title and text_of(story.get("headline")) == title):
                    return story
        return self.articles[0] if self.articles else {}


def read_json_ld(scripts: Iterator[Any]) -> JsonLd:
    """Collect the objects of every JSON-LD script element."""
    found = JsonLd()
    for node in scripts:
        if "ld+json" in (node.get("type") or "").lower():  # first: the text of a script is copied when it is asked for
            written = node.text
            if written and len(written) < _LONGEST:
                _sort(_parse(written), found, 0)
    return found


def text_of(value: Any) -> str:
    """A JSON value as a clean line, its HTML entities read; anything but a string (or a list of such) is empty."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, str):
        return ""
    return clean_line(unescape(unescape(value)) if "&" in value else value)


def names_of(value: Any) -> list[str]:
    """Names of one person or organisation, or of several."""
    items = value if isinstance(value, list) else [value]
    return [text_of(item.get("name")) if isinstance(item, dict) else text_of(item) for item in items]


def address_of(value: Any) -> str:
    """The address of an image: a string, an object with `url`, or a list of either."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        value = value.get("url") or value.get("contentUrl") or value.get("@id")
    return text_of(value)


def _parse(written: str) -> Any:
    """The document, leniently; of one that does not parse and is not too long, what patterns find."""
    for repair in (str, _repaired):  # hardly one needs it, and it takes longer than to parse
        try:
            return json.loads(repair(written), strict=False)
        except (ValueError, RecursionError):
            if len(written) > _LONGEST_REPAIRED:
                return None
    if not _ARTICLE_TYPE.search(written):
        return None
    story: dict[str, Any] = {"@type": "Article"}
    for name in _SALVAGED:
        if value := re.search(rf'"{name}"\s*+:\s*+(?:"((?:[^"\\]|\\.){{1,1000}})"|(true|false))', written):
            story[name] = _unescaped(value[1]) if value[1] else value[2] == "true"
    return story


def _repaired(written: str) -> str:
    """A document without comment marks around it and without trailing commas."""
    text = written.strip()
    for _ in range(_MARKS):
        before, after = next(filter(text.startswith, _BEFORE), ""), next(filter(text.endswith, _AFTER), "")
        text = text.removeprefix(before).removesuffix(after).strip()
    return _TRAILING_COMMA.sub(r"\1", text)


def _unescaped(written: str) -> str:
    try:
        return str(json.loads(f'"{written}"', strict=False))
    except ValueError:  # an escape that JSON does not have
        return written


def _sort(data: Any, found: JsonLd, depth: int) -> None:
    for item in data if isinstance(data, list) else [data]:
        if not isinstance(item, dict) or depth > _DEEPEST:
            continue
        given = item.get("@type")
        kinds = [kind for kind in (given if isinstance(given, list) else [given]) if isinstance(kind, str)]
        if any(kind.endswith(_ARTICLES) for kind in kinds):
            found.articles.append(item)
        elif any(kind.endswith(_PAGES) for kind in kinds):
            found.pages.append(item)
        found.is_collection |= not _COLLECTIONS.isdisjoint(kinds)
        found.has_video |= _VIDEO in kinds
        for name in _NESTED:
            nested = item.get(name)
            if isinstance(nested, dict | list):
                _sort(nested, found, depth + 1)


def _addresses(story: dict[str, Any]) -> Iterator[str]:
    page = story.get("mainEntityOfPage")
    for value in (story.get("url"), story.get("@id"), page, page.get("@id") if isinstance(page, dict) else None):
        if isinstance(value, str):
            yield value
