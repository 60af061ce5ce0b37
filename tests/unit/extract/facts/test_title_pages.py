"""Whole pages in the manner of publishers, all invented: the headline as readers see it, without what surrounds it."""

import json
from datetime import UTC, datetime

import pytest

from workers.extract.facts.titles import choose_title
from workers.extract.page import read_page

FETCHED = datetime(2024, 5, 17, 12, tzinfo=UTC)
TITLE = "Rates kept at four per cent as prices rise"
SITE = "Daily Example"
QUOTED = "« Nous restons », dit la banque"
CHINESE = "央行维持基准利率不变"


def head(document: str = "", network: str = "", data: str = "", site: str = SITE) -> str:
    metas = {"og:title": network, "og:site_name": site}
    story = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": data}
    return (
        (f"<title>{document}</title>" if document else "")
        + "".join(f'<meta property="{name}" content="{value}">' for name, value in metas.items() if value)
        + (f'<script type="application/ld+json">{json.dumps(story)}</script>' if data else "")
    )


#: (head, top of the body, headline)
PAGES = {
    "kicker in its own element": (head(network=TITLE), f"<h1><span>Economy</span> {TITLE}</h1>", TITLE),
    "kicker that others part with a colon": (
        head(network=f"Economy: {TITLE}"),
        f"<h1><span>Economy</span> <span>{TITLE}</span></h1>",
        f"Economy: {TITLE}",
    ),
    "kicker glued in the markup": (head(), f"<h1><b>Economy</b><b>{TITLE}</b></h1>", f"Economy {TITLE}"),
    "a word begun by a large letter": (head(), f"<h1><b>R</b>{TITLE[1:]}</h1>", TITLE),
    "logo as heading": (head(f"{TITLE} - {SITE}", TITLE), f"<h1><a href='/'>{SITE}</a></h1><h2>{TITLE}</h2>", TITLE),
    "section as heading": (head(f"{TITLE} | Economy | {SITE}", TITLE), f"<h1>Economy</h1><h2>{TITLE}</h2>", TITLE),
    "several headings": (head(f"{TITLE} - {SITE}", TITLE), f"<h1>{TITLE}</h1><h1>Gold falls</h1>", TITLE),
    "hidden heading": (head(network=TITLE), f"<h1 class=sr-only>{SITE}</h1><h1>{TITLE}</h1>", TITLE),
    "no heading but an h2": (head(SITE, SITE), f"<h2 class=entry-title>{TITLE}</h2>", TITLE),
    "date in the heading": (head(network=TITLE), f"<h1>{TITLE} <small>12 May 2024</small></h1>", TITLE),
    "subtitle in the heading": (head(network=TITLE), f"<h1>{TITLE}<br><span>The bank fears more</span></h1>", TITLE),
    "button in the heading": (head(network=TITLE), f"<h1>{TITLE}<span>Share</span></h1>", TITLE),
    "number of comments": (head(network=TITLE), f"<h1>{TITLE} <a href='#c'>(12)</a></h1>", TITLE),
    "script in the heading": (head(), f"<h1><script>var a = 1;</script>{TITLE}</h1>", TITLE),
    "style in the heading": (head(), f"<h1><style>.a {{}}</style>{TITLE}</h1>", TITLE),
    "heading in capitals": (head(network=TITLE), f"<h1>{TITLE.upper()}</h1>", TITLE),
    "no-break spaces": (head(), f"<h1>{TITLE.replace(' ', '&nbsp;')}</h1>", TITLE),
    "section and name with one mark": (head(f"{TITLE} :: Economy :: {SITE}"), "", TITLE),
    "section and name with bars": (head(f"{TITLE} | Economy | {SITE}"), "", TITLE),
    "a part of the headline before the name": (
        head(f"{TITLE} - Bank cautious - {SITE}"),
        "",
        f"{TITLE} - Bank cautious",
    ),
    "name and colon": (head(f"{SITE}: {TITLE}"), "", TITLE),
    "place and colon": (head("Example: talks resume on grain", site="Example"), "", "Example: talks resume on grain"),
    "bar without spaces": (head(f"{TITLE}|{SITE}"), "", TITLE),
    "name in brackets": (head(f"{TITLE} [{SITE}]"), "", TITLE),
    "label that only some have": (
        head(f"Opinion | {TITLE} - {SITE}", f"Opinion | {TITLE}"),
        f"<h1>{TITLE}</h1>",
        TITLE,
    ),
    "label that all have": (head(f"EXCLUSIVE: {TITLE}", f"EXCLUSIVE: {TITLE}"), "", f"EXCLUSIVE: {TITLE}"),
    "cut off for search": (head(f"{TITLE[:30]}... | {SITE}"), f"<h1>{TITLE}</h1>", TITLE),
    "entities in the data": (head(data="Bank&#039;s rate is kept"), "", "Bank's rate is kept"),
    "French quotes": (head(network=QUOTED), f"<h1>{QUOTED}</h1>", QUOTED),
    "French quotes at the end": (head(f"La banque : « Nous restons » | {SITE}"), "", "La banque : « Nous restons »"),
    "Chinese, name and section": (head(f"{CHINESE}_新闻中心_示例网", site=""), f"<h1>{CHINESE}</h1>", CHINESE),
    "Chinese, a name that sounds like one": (head(f"{CHINESE}-示例在线", site=""), "", CHINESE),
    "Persian, two names": (
        head("نرخ بهره ثابت ماند - خبرگزاری نمونه | اخبار ایران", site="خبرگزاری نمونه"),
        "<h1>نرخ بهره ثابت ماند</h1>",
        "نرخ بهره ثابت ماند",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_headline_of_a_page_is_what_readers_see(name: str) -> None:
    top, body, headline = PAGES[name]
    html = f"<html><head>{top}</head><body>{body}<p>The bank kept its rate on Friday.</p></body></html>"
    facts = read_page(html, "https://news.example.test/a", fetched_at=FETCHED)
    assert facts is not None
    assert choose_title(facts.stated.titles, "", site_names=[*facts.stated.site_names]) == headline
