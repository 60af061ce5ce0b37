import json
from typing import Any

import pytest
from lxml.html import document_fromstring

from workers.extract.facts.stated import Stated, read_stated

URL = "https://news.example.test/a/1"


def read(head: str, body: str = "<p>x</p>", attributes: str = "") -> Stated:
    return read_stated(document_fromstring(f"<html {attributes}><head>{head}</head><body>{body}</body></html>"), URL)


def news(**members: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **members})}</script>'


@pytest.mark.parametrize(
    ("head", "body", "authors"),
    [
        (news(author="A. Writer"), "", ("A. Writer",)),
        (news(author={"@type": "Person", "name": "By A. Writer"}), "", ("A. Writer",)),
        (news(author=[{"name": "A. Writer"}, {"name": "A. Writer"}, "B. Editor"]), "", ("A. Writer", "B. Editor")),
        (news(author="https://example.test/people/1") + '<meta name=author content="A. Writer">', "", ("A. Writer",)),
        ('<meta name=byl content="By A. Writer">', "", ("A. Writer",)),
        ("", "<span itemprop=author><b>by </b><i itemprop=name>A. Writer</i></span>", ("A. Writer",)),
        ("", "<a rel=author href=x>A. Writer</a>", ("A. Writer",)),
        ("", "<span class='byline author'>By <a href=x>Ana Writer</a></span>", ("Ana Writer",)),
        ("", "<div class=byline>Von Ana Writer und Ben Writer, Berlin</div>", ("Ana Writer", "Ben Writer")),
        ("", "<div class=byline>By Ana Writer | 3 May 2024</div>", ("Ana Writer",)),
        ("", "<div class=author-box>About the writers of this paper</div>", ()),
        (
            '<meta name=author content="Ana Writer, Ben Writer and Cy Writer">',
            "",
            ("Ana Writer", "Ben Writer", "Cy Writer"),
        ),
        ('<meta name=author content="Ana Writer ve Ben Writer">', "", ("Ana Writer", "Ben Writer")),
        ('<meta name=author content="Salt and Pepper">', "", ("Salt and Pepper",)),
        ('<meta name=author content="admin">', "", ()),
        ('<meta name=author content="@handle">', "", ()),
    ],
)
def test_authors_are_the_people_that_are_named(head: str, body: str, authors: tuple[str, ...]) -> None:
    assert read(head, body or "<p>x</p>").authors == authors


@pytest.mark.parametrize(
    ("head", "image"),
    [
        ('<meta property="og:image" content="/i/1.jpg">', "https://news.example.test/i/1.jpg"),
        (news(image={"url": "https://i.example.test/1.jpg"}), "https://i.example.test/1.jpg"),
        (news(image=["https://i.example.test/1.jpg", "x"]), "https://i.example.test/1.jpg"),
        ('<meta property="og:image" content="data:image/png;base64,AA">', None),
        ('<meta property="og:image" content="http://[">', None),
    ],
)
def test_the_main_image_is_an_absolute_http_address(head: str, image: str | None) -> None:
    assert read(head).image == image


@pytest.mark.parametrize(
    ("head", "paywalled"),
    [
        (news(isAccessibleForFree=False), True),
        (news(isAccessibleForFree="False"), True),
        (news(hasPart={"isAccessibleForFree": False, "cssSelector": ".x"}), True),
        (news(isAccessibleForFree=True, hasPart=[{"isAccessibleForFree": False}]), False),
        (news(), False),
        ('<meta property="article:content_tier" content="locked">', True),
        ('<meta property="article:content_tier" content="free">', False),
    ],
)
def test_a_page_says_that_readers_must_pay(head: str, paywalled: bool) -> None:
    assert read(head).is_paywalled is paywalled


@pytest.mark.parametrize(
    ("head", "attributes", "language"),
    [
        ("", "lang=fa-IR", "fa-IR"),
        (news(inLanguage="ar"), "", "ar"),
        ('<meta property="og:locale" content="ru_RU">', "", "ru_RU"),
        ("", "", None),
    ],
)
def test_the_claimed_language_is_kept_as_written(head: str, attributes: str, language: str | None) -> None:
    assert read(head, attributes=attributes).language == language


def test_section_updates_and_live_entries_are_read() -> None:
    found = read(news(articleSection=["World", "Asia"], dateModified="2024-05-06", liveBlogUpdate=[{}, {}]))
    assert (found.section, found.updated, found.live_updates) == ("World", (("2024-05-06", "json-ld"),), 2)


@pytest.mark.parametrize(
    "value", [None, 7, True, [], {}, [[]], [None], {"name": 7}, {"url": {}}, "\ud800", "&#0;", ["x", 7]]
)
@pytest.mark.parametrize(
    "name",
    ["headline", "author", "image", "publisher", "datePublished", "articleBody", "isAccessibleForFree", "hasPart",
     "mainEntityOfPage", "articleSection", "liveBlogUpdate", "url", "@graph", "mainEntity", "inLanguage"],
)  # fmt: skip
def test_no_json_value_in_any_place_breaks_the_reading(name: str, value: Any) -> None:
    assert isinstance(read(news(**{name: value}) + news(**{name: value, "headline": "H"})), Stated)


@pytest.mark.parametrize(
    ("head", "body", "paywalled"),
    [
        ("", "<div><p>Cet article est réservé aux abonnés. Il vous reste 80% de cet article à lire.</p></div>", True),
        ("", "<p>Il vous reste 62.5 % de cet article à lire.</p>", True),
        ("", "<h3>Subscribe to continue reading</h3>", True),
        ("", "<p>Dieser Artikel ist exklusiv für Abonnenten.</p>", True),
        ("", "<p>Este contenido es exclusivo para suscriptores.</p>", True),
        ("", "<div>\n Материал доступен только подписчикам</div>", True),
        ("", "<p>本文为付费内容，订阅后继续阅读</p>", True),
        ("", "<p>この記事は有料会員限定です。</p>", True),
        ("", "<div style='display: none'><p>Subscribe to continue reading</p></div>", False),
        ("", "<div hidden><p>Subscribe to continue reading</p></div>", False),
        (news(isAccessibleForFree=True), "<p>Subscribe to continue reading</p>", False),
        ("", "<p>Il vous reste trois jours pour voter.</p><a><span>Réservé aux abonnés</span></a>", False),
        ("", "<p>The paper put this article is for subscribers on every page.</p>", False),
    ],
)
def test_a_sentence_that_readers_see_tells_of_a_paywall(head: str, body: str, paywalled: bool) -> None:
    assert read(head, body).is_paywalled is paywalled
