"""OPML 2.0, the format in which feed readers exchange lists of feeds. Pure: bytes and values in, values out.

OPML has no words for owner, country or whether a state owns an outlet. Our export adds them as attributes of our own
namespace, so that export and import lose nothing; for foreign files the facts come from the operator, for the whole
file, or the entry is reported. Nothing is guessed.
"""

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from pydantic import ValidationError

from config.sources import ID_CHARACTERS, SourceSpec, feed_key, languages
from workers.domain.errors import ConfigError, Problem

NAMESPACE = "urn:wirewatch:source:1"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpmlFeed:
    """One feed of an OPML file; what the file does not say is None."""

    title: str
    xml_url: str
    html_url: str | None = None
    category: tuple[str, ...] = ()  # titles of the outlines around it, outermost first
    language: str | None = None  # ISO 639-1
    # What only our own export says:
    id: str | None = None
    country: str | None = None
    owner: str | None = None
    state_owned: bool | None = None
    enabled: bool | None = None
    kind: str | None = None
    links: str | None = None
    robots: str | None = None
    revisit: bool | None = None
    extract: str | None = None  # JSON


def parse_opml(data: bytes, name: str = "OPML") -> tuple[OpmlFeed, ...]:
    """Return the feeds of an OPML document, in its order, as far as a broken one can be read.

    Nothing outside the document is loaded. `name` is what an error calls the document. Raises ConfigError when it is
    not OPML, or declares entities: OPML needs none, and they are how XML attacks are written.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(Problem(file=name, message=f"not OPML: {error.msg}")) from error
    if root is None or not isinstance(root.tag, str) or etree.QName(root).localname.lower() != "opml":
        raise ConfigError(Problem(file=name, message="not OPML: the outermost element is not <opml>"))
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):  # type: ignore[union-attr]
        raise ConfigError(Problem(file=name, message="declares XML entities, which no OPML file needs"))
    return tuple(feed for outline in root.iter("{*}outline") if (feed := _feed(outline)) is not None)


def _feed(outline: etree._Element) -> OpmlFeed | None:
    said = _attributes(outline)
    url = said.get("xmlurl", "")
    if not url:
        return None
    parents = reversed(list(outline.iterancestors("{*}outline")))
    language = said.get("language", "").lower().replace("_", "-").partition("-")[0]
    return OpmlFeed(
        title=_title(said) or url,
        xml_url=url,
        html_url=said.get("htmlurl"),
        category=tuple(title for parent in parents if (title := _title(_attributes(parent)))),
        language=language if language in languages() else None,
        id=_own(outline, "id"),
        country=_own(outline, "country"),
        owner=_own(outline, "owner"),
        state_owned=_truth(_own(outline, "state-owned")),
        enabled=_truth(_own(outline, "enabled")),
        kind=_own(outline, "kind"),
        links=_own(outline, "links"),
        robots=_own(outline, "robots"),
        revisit=_truth(_own(outline, "revisit")),
        extract=_own(outline, "extract"),
    )


def _attributes(outline: etree._Element) -> dict[str, str]:
    """Return the plain attributes with small-letter names: real files write xmlUrl, xmlurl and xmlURL."""
    return {str(key).lower(): " ".join(str(value).split()) for key, value in outline.attrib.items() if value.strip()}


def _title(said: dict[str, str]) -> str:
    return said.get("title") or said.get("text") or ""


def _own(outline: etree._Element, name: str) -> str | None:
    return outline.get(f"{{{NAMESPACE}}}{name}")


def _truth(value: str | None) -> bool | None:
    return {"true": True, "false": False}.get(value or "")


def render_opml(sources: Iterable[SourceSpec]) -> bytes:
    """Return the sources as an OPML 2.0 document (UTF-8) that `parse_opml` and `specs_from_opml` read back whole."""
    root = etree.Element("opml", {"version": "2.0"}, nsmap={"wirewatch": NAMESPACE})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "Wirewatch sources"
    body = etree.SubElement(root, "body")
    for source in sources:
        outline = etree.SubElement(body, "outline", {"type": "rss", "text": source.name, "title": source.name})
        outline.set("xmlUrl", source.url)
        outline.set("language", source.language)
        own = {"id": source.id, "country": source.country, "owner": source.owner}
        own |= {"state-owned": str(source.state_owned).lower(), "enabled": str(source.enabled).lower()}
        own |= {"kind": source.kind, "links": source.links} if source.kind != "feed" else {}
        own |= {"robots": source.robots} if source.robots != "respect" else {}
        own |= {"revisit": "false"} if not source.revisit else {}
        if rules := source.extract.model_dump(mode="json", exclude_defaults=True):
            own["extract"] = json.dumps(rules, ensure_ascii=False)
        for key, value in own.items():
            outline.set(f"{{{NAMESPACE}}}{key}", value)
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def specs_from_opml(
    feeds: Iterable[OpmlFeed],
    known: Iterable[SourceSpec],
    *,
    language: str | None = None,
    country: str | None = None,
    owner: str | None = None,
    state_owned: bool | None = None,
) -> tuple[list[SourceSpec], list[str]]:
    """Return complete sources for the feeds that are new, and one sentence for each feed that was left out.

    The keyword arguments are facts for the whole file; what a feed says of itself goes before them. A feed is left out
    when it is already known (by its URL, or because it came earlier in the file), when a fact is missing or wrong.
    """
    specs: list[SourceSpec] = []
    left_out: list[str] = []
    ids, urls = set(), {}
    for spec in known:
        ids.add(spec.id)
        urls[feed_key(spec.url)] = spec.id
    for feed in feeds:
        if (same := urls.get(feed_key(feed.xml_url))) is not None:
            left_out.append(f"{feed.title}: already there as {same}")
            continue
        facts = {
            "language": feed.language or language,
            "country": feed.country or country,
            "owner": feed.owner or owner,
            "state_owned": state_owned if feed.state_owned is None else feed.state_owned,
        }
        missing = [f"--{name.replace('_', '-')}" for name, value in facts.items() if value is None]
        if missing:
            left_out.append(f"{feed.title}: not said in the file, please give {', '.join(missing)}")
            continue
        try:
            spec = SourceSpec.model_validate(
                facts
                | {
                    "id": _free_id(feed.id or slug(feed.title, feed.xml_url), ids),
                    "name": feed.title,
                    "url": feed.xml_url,
                    "enabled": feed.enabled is not False,
                    "kind": feed.kind or "feed",
                    "links": feed.links or "",
                    "robots": feed.robots or "respect",
                    "revisit": feed.revisit is not False,
                    "extract": _json(feed.extract) if feed.extract else {},
                }
            )
        except ValidationError as error:
            why = [f"{item['loc'][0]}: {item['msg'].removeprefix('Value error, ')}" for item in error.errors()]
            left_out.append(f"{feed.title}: {'; '.join(why)}")
            continue
        specs.append(spec)
        ids.add(spec.id)
        urls[feed_key(spec.url)] = spec.id
    return specs, left_out


def _json(written: str) -> Any:
    """Return what JSON says; a text that is none as it is, which no rule will take."""
    try:
        return json.loads(written)
    except ValueError:
        return written


def slug(title: str, url: str) -> str:
    """Return an id made of the title's Latin letters and digits, else (a title in another script) of the host name."""
    for text in (title, (urlsplit(url).hostname or "").removeprefix("www.")):
        latin = unicodedata.normalize("NFKD", text).lower()
        kept = "".join(char if char in ID_CHARACTERS else " " for char in latin if not unicodedata.combining(char))
        found = "-".join(kept.replace("-", " ").split())[:60].strip("-")
        if sum(char.isalpha() for char in text) <= 2 * sum(char.isalpha() for char in found) and len(found) >= 2:
            return found
    return "source"


def _free_id(wanted: str, taken: set[str]) -> str:
    """Return the id, with the first free number behind it when it is taken."""
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted[: 63 - len(str(number))]}-{number}"
    return free
