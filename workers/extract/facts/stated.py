"""The facts that a page states about itself, read from its tree with a few cheap look-ups.

trafilatura can find them too (`with_metadata=True`), but it searches whole pages for dates: measured on the 181 pages
of the scrapinghub set that costs 11 ms a page, as much as the extraction; these look-ups cost under 1 ms.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from itertools import islice, pairwise
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import etree

from workers.extract.clean import clean_line
from workers.extract.facts.cards import count_headlines, is_section
from workers.extract.facts.jsonld import JsonLd, address_of, names_of, read_json_ld, text_of
from workers.extract.facts.titles import NO_TITLES, Titles
from workers.extract.furniture import PAYWALL, written
from workers.extract.inside import text_in


def words_of(table: str) -> tuple[str, ...]:
    """Read a table of names between spaces."""
    return tuple(table.split())


PUBLISHED_METAS = words_of(
    """
    article:published_time og:article:published_time og:published_time article:published datepublished
    date_published publishdate publish-date publish_date publication_date publication-date parsely-pub-date
    cxenseparse:recs:publishtime cxenseparse:publishtime sailthru.date pubdate pub_date article.published
    article_date_original originalpublicationdate dc.date.issued dcterms.issued dcterms.created dc.date.created
    dc.date.published dcterms.date dc.date rnews:datepublished ptime displaydate article:post_date
    iso-8601-publish-date published published-date published_date published_at published_time
    published_time_telegram dcsext.articlefirstpublished vr:published_time datecreated article:created_time
    shareaholic:article_published_time prism.publicationdate citation_publication_date hdl_p nrkdate
    news-publish-date firstpublished mediator_published_time apub:time og:release_date video:release_date
    dcterms.available weibo:article:create_at publishtime date
    """
)
UPDATED_METAS = words_of(
    """
    article:modified_time og:updated_time article:modified datemodified lastmod last-modified dcterms.modified
    dc.date.modified modified updated_time rnews:datemodified vr:updated_time weibo:article:update_at
    """
)
_AUTHOR_METAS = words_of(
    """
    author article:author article:author_name dc.creator dcterms.creator dc.creator.author byl parsely-author
    sailthru.author cxenseparse:author citation_author mediator_author vr:author rbauthors
    """
)
_SECTION_METAS = (
    "article:section",
    "parsely-section",
    "cxenseparse:category",
    "section",
    "category",
    "og:section",
    "mediator_theme",
)
_SITE_METAS = ("og:site_name", "application-name", "apple-mobile-web-app-title", "dc.publisher", "publisher", "cre")
_DESCRIPTION_METAS = ("og:description", "description", "twitter:description")
_IMAGE_METAS = ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
_TITLE_METAS = ("og:title", "twitter:title", "headline", "dc.title", "dcterms.title", "parsely-title", "title")
#: Marks of a locked article in metas: (name, values).
_LOCKED = {
    "article:content_tier": {"locked", "paid"},
    "content_tier": {"locked", "paid"},
    "is-paywalled": {"true", "1"},
}

#: A sentence that says so begins an element of text. Pages carry hidden ones for every reader.
_PAYWALL = re.compile(
    rf"{'|'.join(map(re.escape, written(PAYWALL)))}|il vous reste [\d.,]+\s?% de cet article",
    re.IGNORECASE,
)
_SAYING = ("p", "div", "span", "strong", "b", "h2", "h3", "h4")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

#: By the attribute, which few elements have: to look at every element takes five times as long.
_WITH_PROPERTY: Any = etree.XPath("//@itemprop/..")
_CALLED_BYLINE: Any = etree.XPath("//@class[contains(., 'byline') or contains(., 'author')]/..")
_OF_AUTHOR: Any = etree.XPath("//a/@rel[. = 'author']/..")
#: What microdata is read for, and how many elements of a kind are looked at: a page of one article has a few.
_PROPERTIES = re.compile(r"datePublished|dateModified|\bauthor\b|\bname\b", re.IGNORECASE)
_MOST = 50

#: What readers see of a heading.
_SEEN = etree.XPath(".//text()[not(parent::script or parent::style)]", smart_strings=False)
#: Shorter pieces of a heading may be a part of a word: "Mc<b>Donald</b>".
_INITIALS = 3

_BY = re.compile(
    r"^(?:written by|reported by|by|von|par|por|di|da|door|av|af|автор|текст|نویسنده|خبرنگار|كتب|بقلم|کے قلم سے"
    r"|作者|记者|記者|文)(?:[\s:：]+)",
    re.IGNORECASE,
)
#: What stands between two people's names, what stands behind the last one, the characters of such a line, and the
#: words of a name.
_AND = re.compile(r",?\s+(?:and|et|y|und|и|та|ve|و|e|en)\s+", re.IGNORECASE)
_BEHIND_NAMES = re.compile(
    r"\s*[|·•–—/]\s*|\s-\s|,?\s+(?:on|updated|published)\b|[\s,]*\d|,\s*[^\W\d]+$", re.IGNORECASE
)
_LONGEST_BYLINE, _MOST_WORDS = 120, 5
_NOBODY = frozenset(words_of("admin administrator editor redaction webmaster root user author null none unknown"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stated:
    """What head and markup of a page say."""

    titles: Titles = NO_TITLES
    site_names: tuple[str, ...] = ()
    description: str = ""
    section: str = ""
    authors: tuple[str, ...] = ()
    published: tuple[tuple[str, str], ...] = ()  # (as written, where: json-ld | meta | time), best first
    updated: tuple[tuple[str, str], ...] = ()
    canonical_url: str | None = None
    image: str | None = None  # absolute
    language: str | None = None  # the page's own claim
    kind: str = ""  # og:type, lower case
    body: str = ""  # JSON-LD articleBody
    is_article: bool = False  # JSON-LD names an article type
    is_collection: bool = False  # JSON-LD names a list of articles
    has_video: bool = False
    is_paywalled: bool = False
    live_updates: int = 0  # entries of a live blog
    headlines: int = 0  # links to other stories, counted at the addresses of sections only


def read_stated(tree: Any, url: str) -> Stated:
    """Collect the facts that an lxml HTML tree states. `url` resolves relative links."""
    metas = _metas(tree)
    canonical = _canonical(tree, metas, url)
    objects = read_json_ld(tree.iter("script"))
    story = objects.article(frozenset(filter(None, (url, canonical))), metas.get("og:title", ""))
    page: dict[str, Any] = objects.pages[0] if objects.pages else {}
    marked = [node for node in _WITH_PROPERTY(tree) if _PROPERTIES.search(node.get("itemprop"))][:_MOST]
    return Stated(
        titles=_titles(tree, metas, story, page),
        site_names=_site_names(metas, story),
        description=_first(metas, _DESCRIPTION_METAS),
        section=text_of(story.get("articleSection")) or _first(metas, _SECTION_METAS),
        authors=_authors(tree, marked, story, metas),
        published=tuple(_dates(marked, (story, page), metas, "datePublished")) + tuple(_times(tree)),
        updated=tuple(_dates(marked, (story, page), metas, "dateModified")),
        canonical_url=canonical,
        image=_image(story, metas, url),
        language=_language(tree, metas, story),
        kind=metas.get("og:type", "").lower(),
        body=story["articleBody"] if isinstance(story.get("articleBody"), str) else "",
        is_article=bool(story),
        is_collection=objects.is_collection,
        has_video=objects.has_video,
        is_paywalled=_is_paywalled(story, metas, tree),
        live_updates=_live_updates(objects),
        headlines=count_headlines(tree) if is_section(url) else 0,
    )


def _metas(tree: Any) -> dict[str, str]:
    """First content of each meta, by lower-case property, name or itemprop."""
    metas: dict[str, str] = {}
    for node in tree.iter("meta"):
        content = node.get("content")
        if not content:
            continue
        for key in filter(None, (node.get("property"), node.get("name"), node.get("itemprop"))):
            for word in (key, *key.split()) if " " in key else (key,):
                metas.setdefault(word.lower(), clean_line(unescape(content) if "&" in content else content))
    return metas


def _first(metas: dict[str, str], names: Iterable[str]) -> str:
    return next((metas[name] for name in names if metas.get(name)), "")


def _titles(tree: Any, metas: dict[str, str], story: dict[str, Any], page: dict[str, Any]) -> Titles:
    document = tree.find(".//title")
    headings = list(islice(tree.iter("h1"), _MOST))
    return Titles(
        headings=tuple(filter(None, (clean_line(_heading(node)) for node in headings))),
        heading_parts=tuple(filter(None, (clean_line(one) for node in headings if len(node) for one in _texts(node)))),
        json_ld=text_of(story.get("headline")) or text_of(story.get("name")),
        open_graph=_first(metas, _TITLE_METAS),
        document=clean_line(unescape(text_in(document))) if document is not None else "",
        subheadings=tuple(filter(None, (clean_line(_heading(node)) for node in islice(tree.iter("h2"), _MOST)))),
    )


def _heading(node: Any) -> str:
    """The text of a heading, with a space where a line break or an inner element parts two words."""
    if not len(node):
        return node.text or ""
    texts = list(_texts(node))
    if node.find(".//br") is not None:
        return " ".join(text for text in texts if not text.isspace())
    return "".join(f" {text}" if _is_parted(before, text) else text for before, text in pairwise(["", *texts]))


def _texts(node: Any) -> Iterator[str]:
    """The pieces of text of an element that readers see."""
    texts: Any = _SEEN(node) if next(node.iter("script", "style"), None) is not None else node.itertext()
    yield from texts


def _is_parted(before: str, text: str) -> bool:
    """Whether two pieces of a heading are two words without a space between: "Rates" and "Bank keeps"."""
    return len(before) > _INITIALS and before[-_INITIALS:].isalpha() and before[-1].islower() and text[:1].isupper()


def _site_names(metas: dict[str, str], story: dict[str, Any]) -> tuple[str, ...]:
    names = [metas.get(name, "") for name in _SITE_METAS]
    names += names_of(story.get("publisher"))
    names += [metas.get("twitter:site", "").lstrip("@")]
    return tuple(dict.fromkeys(filter(None, names)))


def _dates(
    marked: list[Any], objects: Iterable[dict[str, Any]], metas: dict[str, str], name: str
) -> Iterator[tuple[str, str]]:
    """Times as written with where: JSON-LD, metas, microdata."""
    for item in objects:
        if written := text_of(item.get(name)):
            yield written, "json-ld"
    for meta in PUBLISHED_METAS if name == "datePublished" else UPDATED_METAS:
        if meta in metas:
            yield metas[meta], "meta"
    for node in marked:
        if node.tag != "meta" and name.lower() in node.get("itemprop").lower():
            yield node.get("content") or node.get("datetime") or text_in(node)[:100], "time"


def _times(tree: Any) -> Iterator[tuple[str, str]]:
    """Times of time elements. Side bars carry those of other stories: only marked ones, or the article's first."""
    for node in islice(tree.iter("time"), _MOST):
        sure = node.get("pubdate") is not None
        if sure or next(node.iterancestors("article", "main", "header"), None) is not None:
            yield node.get("datetime") or text_in(node)[:100], "time"
            if not sure:
                return


def _authors(tree: Any, marked: list[Any], story: dict[str, Any], metas: dict[str, str]) -> tuple[str, ...]:
    names = names_of(story.get("author"))
    if not any(map(_is_name, names)):
        names = [metas[name] for name in _AUTHOR_METAS if _is_name(metas.get(name, ""))][:1]
    if not any(names):
        people = [node for node in marked if node.get("itemprop") == "author"]
        named = [name for node in people for name in islice(node.iter(), _MOST) if name.get("itemprop") == "name"]
        found = named or [node for node in people if len(node) == 0] or _OF_AUTHOR(tree)
        names = [clean_line(node.get("content") or text_in(node)) for node in found[:5]]
    if not any(names):
        names = list(islice(_bylines(tree), 1))
    usable = [one for name in names if _is_name(name) for one in _each(_BY.sub("", name))]
    return tuple(dict.fromkeys(usable))[:20]


def _bylines(tree: Any) -> Iterator[str]:
    """Lines that their class calls one, that are short, and that say whose they are: "By Jane Doe | 3 May"."""
    for node in islice(_CALLED_BYLINE(tree), _MOST):
        line = clean_line(text_in(node))
        if len(line) <= _LONGEST_BYLINE and _BY.match(line):
            yield _BEHIND_NAMES.split(line)[0].strip(" ,")


def _each(names: str) -> list[str]:
    """The people of a line; only names of two words or more are parted, "Marks and Spencer" is one."""
    parts = [part for several in _AND.split(names) for part in several.split(", ")] if _AND.search(names) else []
    return parts if parts and all(1 < len(part.split()) <= _MOST_WORDS for part in parts) else [names]


def _is_name(name: str) -> bool:
    """Whether a text names somebody: profile addresses, handles and roles name nobody."""
    return 0 < len(name) <= 200 and "://" not in name and not name.startswith("@") and name.lower() not in _NOBODY


def _canonical(tree: Any, metas: dict[str, str], url: str) -> str | None:
    link = next(
        (node.get("href") for node in tree.iter("link") if (node.get("rel") or "").lower() == "canonical"), None
    )
    return _absolute(link, url) or _absolute(metas.get("og:url"), url)


def _image(story: dict[str, Any], metas: dict[str, str], url: str) -> str | None:
    return _absolute(_first(metas, _IMAGE_METAS), url) or _absolute(address_of(story.get("image")), url)


def _absolute(link: str | None, url: str) -> str | None:
    """An http address of at most 2,048 characters, or None."""
    if not link:
        return None
    try:
        absolute = urljoin(url, link.strip())
        parts = urlsplit(absolute)
    except ValueError:  # a broken address literal, as in http://[
        return None
    return clean_line(absolute, 2048) if parts.scheme in {"http", "https"} and parts.hostname else None


def _language(tree: Any, metas: dict[str, str], story: dict[str, Any]) -> str | None:
    claims = (
        tree.get("lang"),
        tree.get("{http://www.w3.org/XML/1998/namespace}lang"),
        text_of(story.get("inLanguage")),
        metas.get("og:locale"),
        metas.get("language"),
    )
    return next((clean_line(claim, 35) for claim in claims if claim), None)


def _is_paywalled(story: dict[str, Any], metas: dict[str, str], tree: Any) -> bool:
    """Whether the page says that readers must pay: schema.org's `isAccessibleForFree`, a meta, or a sentence of it."""
    free = story.get("isAccessibleForFree")
    if free is None:
        parts = story.get("hasPart")
        free = next(
            (
                part.get("isAccessibleForFree")
                for part in (parts if isinstance(parts, list) else [parts])
                if isinstance(part, dict)
            ),
            None,
        )
    said = str(free).lower().removeprefix("http://schema.org/").removeprefix("https://schema.org/")
    if said == "false" or any(metas.get(name, "").lower() in values for name, values in _LOCKED.items()):
        return True
    return said != "true" and _says_it_is_locked(tree)


def _says_it_is_locked(tree: Any) -> bool:
    """Whether a sentence that readers see says that the article must be paid for."""
    for node in tree.iter(*_SAYING):
        text = node.text
        if text and _PAYWALL.match(text.lstrip()) and not any(map(_is_hidden, (node, *node.iterancestors()))):
            return True
    return False


def _is_hidden(node: Any) -> bool:
    return node.get("hidden") is not None or bool(_HIDDEN.search(node.get("style") or ""))


def _live_updates(objects: JsonLd) -> int:
    return sum(len(one) for story in objects.articles if isinstance(one := story.get("liveBlogUpdate"), list))
