"""A list of articles as RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1. Pure.

Written with the standard library: feedgen, the best known of the libraries that make feeds (last release: 2023), has no
JSON Feed and raises on control characters, which news does contain.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from workers.deliver.formats.addresses import article_uri, feed_uri, uri

#: Entries of a feed: as many as readers show; whoever wants every article reads the change log.
MOST_ENTRIES = 100
#: Characters of the text that an entry begins with: enough to judge an article by, and its outlet keeps its readers.
LEAD = 500

MEDIA_TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
XML_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
JSON_FEED = "https://jsonfeed.org/version/1.1"
NAME = "Wirewatch"
#: RFC 4287 wants a time of every feed; of one without entries this.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

#: Whatever is no `Char` of XML 1.0 (section 2.2): no escape can bring it in.
_NO_CHAR = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One article in a feed."""

    article: Mapping[str, Any]  # as the change log tells it
    text: str
    told_at: datetime  # when this version of it was told


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """What somebody subscribes to. Entries are newest first."""

    ledger: str  # the random id of the ledger that it is made from
    query: str  # what was asked for, in one order: another question is another feed
    title: str
    address: str  # where it is served
    entries: Sequence[Entry]

    @property
    def id(self) -> str:
        """Its name for ever, wherever it is served."""
        return feed_uri(self.ledger, self.query)

    @property
    def updated(self) -> datetime:
        """When an entry changed last."""
        return max((one.told_at for one in self.entries), default=NEVER)


def render(feed: Feed, kind: str) -> bytes:
    """Return a feed as `rss`, `atom` or `json`."""
    return {"rss": rss, "atom": atom, "json": json_feed}[kind](feed)


def rss(feed: Feed) -> bytes:
    """Return the feed as RSS 2.0. Titles are plain text, descriptions HTML, as the RSS Board's profile reads them."""
    root = Element("rss", {"version": "2.0", "xmlns:atom": ATOM, "xmlns:dc": DC})
    channel = SubElement(root, "channel")
    _add(channel, "title", feed.title)
    _add(channel, "link", feed.address)
    _add(channel, "description", f"{feed.title}: articles as {NAME} found and flagged them.")
    _add(channel, "atom:link", rel="self", type=MEDIA_TYPES["rss"], href=feed.address)
    _add(channel, "lastBuildDate", _rfc822(feed.updated))
    _add(channel, "generator", NAME)
    for one in feed.entries:
        article = one.article
        item = SubElement(channel, "item")
        _add(item, "title", title_of(article))
        _add(item, "link", link_of(article))
        _add(item, "guid", article_uri(article["id"]), isPermaLink="false")
        _add(item, "pubDate", _rfc822(published(article)))
        _add(item, "description", html.escape(lead_of(one.text)).replace("\n", "<br>"))
        for name in authors_of(article):
            _add(item, "dc:creator", name)
        _add(item, "dc:publisher", outlet_of(article))
        for topic in topics_of(article):
            _add(item, "category", topic)
    return _as_bytes(root)


def atom(feed: Feed) -> bytes:
    """Return the feed as Atom: every text says that it is plain text, so no reader takes it for markup."""
    root = Element("feed", xmlns=ATOM)
    _add(root, "id", feed.id)
    _add(root, "title", feed.title, type="text")
    _add(root, "updated", _iso(feed.updated))
    _add(root, "link", rel="self", type=MEDIA_TYPES["atom"], href=feed.address)
    _add(root, "author/name", NAME)
    _add(root, "generator", NAME)
    for one in feed.entries:
        article = one.article
        entry = SubElement(root, "entry", _language(article))
        _add(entry, "id", article_uri(article["id"]))
        _add(entry, "title", title_of(article), type="text")
        _add(entry, "updated", _iso(one.told_at))
        _add(entry, "published", _iso(published(article)))
        _add(entry, "link", rel="alternate", href=link_of(article))
        for name in authors_of(article):
            _add(entry, "author/name", name)
        for topic in topics_of(article):
            _add(entry, "category", term=topic)
        _add(entry, "summary", lead_of(one.text), type="text")
        source = _add(entry, "source")
        _add(source, "id", f"urn:wirewatch:{feed.ledger}:source:{article['source']['id']}")
        _add(source, "title", outlet_of(article), type="text")
        _add(source, "updated", _iso(one.told_at))
    return _as_bytes(root)


def json_feed(feed: Feed) -> bytes:
    """Return the feed as JSON Feed; what it has no names for stands in `_wirewatch`."""
    made = {
        "version": JSON_FEED,
        "title": feed.title,
        "feed_url": feed.address,
        "items": [_item(one) for one in feed.entries],
    }
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _item(one: Entry) -> dict[str, Any]:
    article = one.article
    item = {
        "id": article_uri(article["id"]),
        "url": uri(article["url"]),
        "title": title_of(article),
        "content_text": lead_of(one.text),
        "date_published": _iso(published(article)),
        "date_modified": _iso(one.told_at),
        "authors": [{"name": name} for name in authors_of(article)],
        "tags": topics_of(article),
        "image": uri(article.get("image")),
        "language": _language(article).get(XML_LANGUAGE),
        "_wirewatch": {
            "version": article["version"],
            "source": article["source"],
            "flags": [
                {"topic": flag["topic"], "probability": flag["probability"]}
                for flag in article["flags"]
                if flag["flagged"]
            ],
        },
    }
    return {name: value for name, value in item.items() if value is not None}


def title_of(article: Mapping[str, Any]) -> str:
    """Return an article's title on one line, or its address when there is nothing to read."""
    return " ".join(printable(article["title"]).split()) or str(article["url"])


def lead_of(text: str) -> str:
    """Return the beginning of a text: whole words, at most `LEAD` characters."""
    text = printable(text).strip()
    if len(text) <= LEAD:
        return text
    cut = text[:LEAD]
    return (cut[: max(cut.rfind(" "), cut.rfind("\n"))] if " " in cut or "\n" in cut else cut).rstrip() + " …"


def outlet_of(article: Mapping[str, Any]) -> str:
    """Return the name of who published it."""
    return str(article["source"]["name"])


def authors_of(article: Mapping[str, Any]) -> list[str]:
    """Return who wrote it, or its outlet where nobody is named."""
    return [name for name in article["authors"] if printable(name).strip()] or [outlet_of(article)]


def link_of(article: Mapping[str, Any]) -> str:
    """Return where the article is read, as a URI."""
    return uri(article["url"]) or article_uri(article["id"])


def topics_of(article: Mapping[str, Any]) -> list[str]:
    """Return the topics that it is flagged with."""
    return [flag["topic"] for flag in article["flags"] if flag["flagged"]]


def published(article: Mapping[str, Any]) -> datetime:
    """Return when the outlet published it, or when it was discovered where the outlet does not say."""
    return datetime.fromisoformat(article["published"] or article["discovered"])


def printable(text: str) -> str:
    """Return what XML can hold of a text, and without other control characters than tabs and line breaks."""
    return re.sub("[\x7f-\x84\x86-\x9f]", "", _NO_CHAR.sub("", text))


def _language(article: Mapping[str, Any]) -> dict[str, str]:
    return {} if article["language"] == "und" else {XML_LANGUAGE: article["language"]}


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    """Add an element; `a/b` is b within an a of its own."""
    *around, name = name.split("/")
    for one in around:
        parent = SubElement(parent, one)
    made = SubElement(parent, name, {key: printable(value) for key, value in attributes.items()})
    made.text = None if text is None else printable(text)
    return made


def _as_bytes(root: Element) -> bytes:
    made: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return made
