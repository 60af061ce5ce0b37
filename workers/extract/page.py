"""One page of HTML to its text and facts: the tree is parsed once, read, pruned, then given to trafilatura."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from workers.domain.values import NO_RULES, ExtractRules, RuleTried
from workers.extract import rules as ruled
from workers.extract.facts.lead import find_lead, with_lead
from workers.extract.facts.moments import Moment
from workers.extract.facts.published import NO_DATES, Dates, find_dates
from workers.extract.facts.stated import Stated, read_stated
from workers.extract.facts.titles import Titles
from workers.extract.joiners import hide, show
from workers.extract.ladder import ALL, Ladder, Rung

#: The extractor and our rules around it; the number changes when the same page may give another text.
EXTRACTOR = f"trafilatura/{version('trafilatura')} wirewatch-extract/4"

#: What HTML does not allow and XML cannot hold: one of them in a page, and trafilatura gives up on its paragraphs.
#: Form feeds are space in HTML; so is taken the vertical tab, which parts lines wherever it does anything.
_CONTROLS = bytes((*range(0x09), *range(0x0E, 0x20)))
_NO_CHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_BREAKS = bytes.maketrans(b"\x0b\x0c", b"  ")

#: Every element is of one class: lxml.html asks a Python function for each (a form's fields get classes of their own),
#: which is a fifteenth of a page's time as cProfile counts it.
_ONE_CLASS = etree.ElementDefaultClassLookup(element=HtmlElement)

#: The rung of a text that the operator's rule for the body found, by whatever attempt from there.
BY_RULE = "rule"


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFacts:
    """What was read off a page: the text as extracted, and what the page states of itself."""

    text: str  # as extracted, "" when nothing was found; not clean yet
    stated: Stated
    dates: Dates = NO_DATES
    rung: str = Rung.LENIENT.value  # or BY_RULE
    why: str = ""
    title: str = ""  # by the source's rule; "": the titles that the page states are compared


def read_page(
    html: str,
    url: str,
    *,
    fetched_at: datetime,
    feed_dated: bool = False,
    rungs: AbstractSet[Rung] = ALL,
    rules: ExtractRules = NO_RULES,
) -> PageFacts | None:
    """Read the article text and the stated facts of a page; None when the input holds no element at all.

    Args:
        html: the decoded page.
        url: where it was fetched, for relative links.
        fetched_at: no date is later than an hour after this.
        feed_dated: the feed gave the time, so the page is not searched for one that it does not state.
        rungs: the attempts at the text that are allowed.
        rules: what the operator says of this source's pages.
    """
    hidden = hide(html)
    tree = _parse(hidden)
    if tree is None:
        return None
    ruled.remove(tree, rules)
    stated = read_stated(tree, url)
    if hidden != html:  # else nothing is to be shown
        stated = _shown(stated)
    if authors := ruled.values(tree, rules.author):
        stated = replace(stated, authors=authors)
    dates = _dates(tree, stated, url, fetched_at, rules, search=not feed_dated and rungs >= ALL)
    title = next(iter(ruled.values(tree, rules.title)), "")
    lead = find_lead(tree, stated.description)
    chosen = ruled.narrow(tree, rules)
    compared = "" if chosen else stated.body  # what a rule chose is not held against what the page states
    climbed = Ladder(tree, lambda: _parse_ruled(hidden, rules), compared, rungs).climb()
    why = climbed.why
    if rules.body:
        why = f"body rule {chosen}, {climbed.rung}: {why}" if chosen else f"the body rule found nothing; {why}"
    return PageFacts(
        text=show(climbed.text if chosen else with_lead(climbed.text, lead)),
        stated=stated,
        dates=dates,
        rung=BY_RULE if chosen else climbed.rung.value,
        why=why,
        title=title,
    )


def try_rules(html: str, rules: ExtractRules) -> tuple[RuleTried, ...]:
    """Say what each of a source's rules finds on a page; nothing on one without an element."""
    tree = _parse(hide(html))
    return ruled.tried(tree, rules) if tree is not None else ()


def _dates(tree: Any, stated: Stated, url: str, fetched_at: datetime, rules: ExtractRules, *, search: bool) -> Dates:
    """Find the times of a page. A believable one by the operator's rule is taken as it is and ends the search."""
    written = ruled.values(tree, rules.published)
    if not written:
        return find_dates(tree, stated, url, fetched_at, search=search)
    by_rule = replace(stated, published=(*((one, "rule") for one in written), *stated.published))
    found = find_dates(tree, by_rule, url, fetched_at, search=search)
    sure = tuple((Moment(moment.at, exact=True), where) for moment, where in found.published if where == "rule")
    return replace(found, published=sure or found.published)


def _parse_ruled(html: str, rules: ExtractRules) -> Any:
    tree = _parse(html)
    if tree is not None:
        ruled.remove(tree, rules)
        ruled.narrow(tree, rules)
    return tree


def _parse(html: str) -> Any:
    # huge_tree: without it libxml2 stops at 255 levels or 10 MB of text and the article is lost without an error
    # (RELIABILITY.md finding 9). Bytes with a named encoding, so that an XML declaration inside cannot disagree.
    parser = HTMLParser(huge_tree=True, encoding="utf-8", collect_ids=False, remove_comments=True, remove_pis=True)
    parser.set_element_class_lookup(_ONE_CLASS)
    body = html.encode("utf-8", "replace").translate(_BREAKS, _CONTROLS)  # quicker than a pattern over the text
    for character in _NO_CHARACTERS:
        body = body.replace(character, b"")
    if not body.strip():
        return None
    try:
        return document_fromstring(body, parser=parser)
    except etree.ParserError:  # only comments, or nothing: a document without an element
        return None


def _shown(stated: Stated) -> Stated:
    """Put format characters back into every text of the facts."""
    shown = {field.name: _show(getattr(stated, field.name)) for field in fields(stated)}
    return replace(stated, **shown)


def _show(value: Any) -> Any:
    if isinstance(value, str):
        return show(value)
    if isinstance(value, tuple):
        return tuple(map(_show, value))
    if isinstance(value, Titles):
        return Titles(**{field.name: _show(getattr(value, field.name)) for field in fields(value)})
    return value
