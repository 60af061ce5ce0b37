"""Shapes of pages that make parsers and extractors explode, generated. Each is one careless or hostile page.

The numbers are those that hurt (RELIABILITY.md findings 8 and 9, S9), under the 10 MB that a fetch brings home but for
the one text node that must be longer.
"""

import random
from collections.abc import Callable

SENTENCE = "The ministers met on Tuesday and agreed on a plan for the harbour. "
WORDS = "<p>Work on the harbour begins in May, the ministers said on Tuesday after the talks.</p>"
MEGABYTE = 1_000_000
LAUGHS = (
    "<?xml version='1.0'?><!DOCTYPE html [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
)


def page(body: str, head: str = "") -> bytes:
    """Return a page in UTF-8."""
    return f"<html><head><title>Shape</title>{head}</head><body>{body}</body></html>".encode("utf-8", "surrogatepass")


def deep(levels: int, *tags: str) -> bytes:
    """Return a page with an article at the bottom of so many levels."""
    opened = "".join(f"<{tag}>" for tag in tags) * (levels // len(tags))
    closed = "".join(f"</{tag}>" for tag in reversed(tags)) * (levels // len(tags))
    return page(opened + WORDS * 5 + closed)


def unclosed(count: int, opened: str) -> bytes:
    """Return a page of elements that are never closed, some text in each."""
    return page(f"{opened}words of it " * count)


def json_ld(text: str, count: int = 1) -> bytes:
    """Return a page with scripts of linked data."""
    return page(WORDS * 5, f'<script type="application/ld+json">{text}</script>' * count)


def noise(length: int, seed: int = 4) -> bytes:
    """Return bytes without any sense, the same at each call."""
    return random.Random(seed).randbytes(length)


#: Name to what makes the page.
SHAPES: dict[str, Callable[[], bytes]] = {
    # --- depth
    "div 100,000 levels deep": lambda: deep(100_000, "div"),
    "div 5,000 levels deep": lambda: deep(5_000, "div"),
    "span 100,000 levels deep": lambda: deep(100_000, "span"),
    "blockquote 20,000 levels deep": lambda: deep(20_000, "blockquote"),
    "lists 20,000 levels deep": lambda: deep(20_000, "ul", "li"),
    "tables 9,000 levels deep": lambda: deep(9_000, "table", "tr", "td"),
    "forms and fieldsets 20,000 levels deep": lambda: deep(20_000, "form", "fieldset"),
    "bold and italic closed in the wrong order": lambda: page("<b><i><u>text</b></i></u> " * 50_000 + WORDS),
    # --- elements never closed
    "unclosed p": lambda: unclosed(50_000, "<p>"),
    "unclosed a": lambda: unclosed(30_000, "<a href=x>"),
    "unclosed font": lambda: unclosed(30_000, "<font>"),
    "unclosed table": lambda: unclosed(20_000, "<table><tr><td>"),
    "unclosed li and option": lambda: unclosed(40_000, "<li><select><option>"),
    "unclosed comment": lambda: page(WORDS * 5 + "<!-- " + SENTENCE * 70_000),
    "unclosed script": lambda: page(WORDS * 5 + "<script>" + SENTENCE * 70_000),
    "unclosed attribute": lambda: page(WORDS * 5 + '<p title="' + SENTENCE * 70_000),
    # --- many
    "small paragraphs, 210 KB": lambda: page("<p>a few words</p>" * 12_000),
    "small paragraphs, 2 MB": lambda: page("<p>a few words</p>" * 110_000),
    "line breaks, 1 MB": lambda: page("words<br>" * 110_000),
    "links, 50,000": lambda: page("".join(f'<a href="/{n}">headline number {n}</a> ' for n in range(50_000))),
    "table of 100,000 cells": lambda: page("<table>" + ("<tr>" + "<td>1|2</td>" * 50 + "</tr>") * 2_000 + "</table>"),
    "svg and math": lambda: page(("<svg><g><path d=M0/></g></svg><math><mi>x</mi></math>") * 40_000 + WORDS * 5),
    "comments, 100,000": lambda: page("<!-- x --><p>y</p>" * 100_000),
    "processing instructions, 100,000": lambda: page("<?x y?>" * 100_000 + WORDS * 5),
    "metas with refresh, 50,000": lambda: page(WORDS * 5, '<meta http-equiv=refresh content="0;url=/x">' * 50_000),
    "time elements, 50,000": lambda: page("<article>" + "<time datetime=2026-13-45>now</time>" * 50_000 + WORDS),
    "marked parts, 30,000": lambda: page('<div class="related share"><p>x</p></div>' * 30_000 + WORDS * 5),
    "elements of 10 MB": lambda: page("<a b c d e>a " * 800_000),
    # --- attributes
    "attributes, 100,000": lambda: page("<div " + " ".join(f"a{n}=1" for n in range(100_000)) + f">{WORDS * 5}</div>"),
    "attribute of 5 MB": lambda: page(f'<div title="{"x" * 5 * MEGABYTE}">{WORDS * 5}</div>'),
    "class of 700,000 words": lambda: page(f'<div class="{"related-x " * 700_000}">{WORDS * 5}</div>'),
    # --- long
    "text node over 10 MB": lambda: page(f"<p>{SENTENCE * 160_000}</p>"),
    "one word of 1 MB": lambda: page(f"<p>{'x' * MEGABYTE}</p>"),
    "spaces, 5 MB": lambda: page(f"<p>a{' ' * 5 * MEGABYTE}b</p><p>{'&nbsp;' * 500_000}</p>" + WORDS * 5),
    "script of 8 MB": lambda: page("<script>" + "var a = '<p>'; " * 530_000 + "</script>" + WORDS * 5),
    "title of 5 MB": lambda: page(WORDS * 5, f"<title>{SENTENCE * 75_000}</title>"),
    "picture names, 2 MB": lambda: page("<p>" + "a.jpg " * 330_000 + "</p>" + WORDS * 5),
    "capitals and brackets, 2 MB": lambda: page("<p>" + "LONDON, (AB " * 160_000 + "</p>"),
    # --- entities and declarations
    "ampersands of ampersands": lambda: page("<p>" + "&amp;amp;amp;lt;p&amp;gt; " * 80_000 + "</p>" + WORDS * 5),
    "character references out of range": lambda: page("<p>" + "&#xD800;&#99999999999;&#x110000;&#0;" * 50_000 + WORDS),
    "a billion laughs": lambda: LAUGHS.encode() + page("<p>&a9;&x;</p>" + WORDS * 5),
    "CDATA of 5 MB": lambda: page("<p><![CDATA[" + SENTENCE * 75_000 + "]]></p>" + WORDS * 5),
    # --- characters
    "nulls, 5 MB": lambda: page("\0" * 5 * MEGABYTE + WORDS * 5),
    "byte order marks": lambda: b"\xef\xbb\xbf\xff\xfe\xfe\xff" * 100_000 + page("\ufeff" * 200_000 + WORDS * 5),
    "charset that lies": lambda: page(WORDS * 5, "<meta charset=utf-7><meta charset=utf-16>").replace(
        b"May", b"M\xffy"
    ),
    "no sense at all, 3 MB": lambda: b"<html><body><p>" + noise(3 * MEGABYTE),
    "direction marks, 2 MB": lambda: page("<p>" + "\u202e\u200f\u061c" * 230_000 + SENTENCE * 10 + "</p>"),
    "joiners, 2 MB": lambda: page("<p>" + "\u200c\u200d" * 330_000 + SENTENCE * 10 + "</p>"),
    "accents on accents, 2 MB": lambda: page("<p>a" + "\u0315\u0300\u0345" * 330_000 + SENTENCE * 10 + "</p>"),
    "lone surrogates": lambda: page("<p>" + "\ud800\udfff" * 100_000 + SENTENCE * 10 + "</p>"),
    # --- linked data
    "linked data of 200,000 brackets": lambda: json_ld("[" * 200_000),
    "linked data nested 40,000 deep": lambda: json_ld('{"@graph":[' * 40_000 + "]}" * 40_000),
    "linked data, 20,000 scripts": lambda: json_ld('{"@type":"NewsArticle","headline":"x"}', 20_000),
    "linked data of a long number": lambda: json_ld('{"@type":"NewsArticle","headline":' + "9" * 400_000 + "}"),
}
