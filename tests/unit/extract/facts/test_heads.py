"""Heads in the manner of publishers of many countries, all invented: the headline and the time that they state."""

# ruff: noqa: E501  (a table is read by its rows)
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from workers.extract.facts.published import choose_published
from workers.extract.facts.titles import choose_title
from workers.extract.page import read_page

FETCHED = datetime(2024, 5, 17, 12, tzinfo=UTC)
AT = "2024-05-16T09:30:00+00:00"
DAY = "2024-05-16T00:00:00+00:00"


def ld(**members: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@context": "https://schema.org", **members})}</script>'


def og(**properties: str) -> str:
    return "".join(f'<meta property="og:{name}" content="{value}">' for name, value in properties.items())


def meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{content}">'


def news(headline: str, **members: Any) -> str:
    return ld(**{"@type": "NewsArticle", "headline": headline, **members})


#: (language, address, head, top of the body, headline, time, where)
HEADS: dict[str, tuple[str, str, str, str, str, str | None, str | None]] = {
    # --- headlines -----------------------------------------------------------------------------
    "bar and name": ("en", "", "<title>Rates kept at four per cent | The Daily Example</title>" + og(site_name="The Daily Example"), "", "Rates kept at four per cent", None, None),
    "dash and name": ("en", "", "<title>Rates kept at four per cent - Daily Example</title>" + og(site_name="Daily Example"), "", "Rates kept at four per cent", None, None),
    "section and name": ("en", "", "<title>Rates kept at four per cent | Economy | The Example</title>" + og(site_name="The Example", title="Rates kept at four per cent"), "", "Rates kept at four per cent", None, None),
    "name first": ("fr", "", "<title>L'Exemple : les taux restent à quatre pour cent</title>" + og(title="Les taux restent à quatre pour cent"), "", "Les taux restent à quatre pour cent", None, None),
    "section before": ("en", "", og(title="Opinion | Why rates should fall", site_name="The Example") + meta("article:section", "Opinion"), "<h1>Why rates should fall</h1>", "Why rates should fall", None, None),
    "suffix that only the address spells": ("en", "https://www.newsexample.test/a", og(title="Rates kept at four per cent - News Example"), "", "Rates kept at four per cent", None, None),
    "suffix known by comparing": ("en", "", og(title="Rates kept at four per cent – Morning Herald"), "<h1>Rates kept at four per cent</h1>", "Rates kept at four per cent", None, None),
    "a dash of the headline": ("de", "", "<title>Zinsen bleiben - Anleger enttäuscht - Beispiel</title>" + og(site_name="Beispiel"), "", "Zinsen bleiben - Anleger enttäuscht", None, None),
    "colon of the headline": ("de", "", og(title="Zentralbank: Zinsen bleiben bei vier Prozent", site_name="Beispiel"), "<h1>Zentralbank: Zinsen bleiben bei vier Prozent</h1>", "Zentralbank: Zinsen bleiben bei vier Prozent", None, None),
    "kicker in the heading": ("de", "", og(title="Zinsen bleiben bei vier Prozent"), "<h1><span>Zentralbank</span><span>Zinsen bleiben bei vier Prozent</span></h1>", "Zinsen bleiben bei vier Prozent", None, None),
    "line break in the heading": ("de", "", "", "<h1>Zinsen bleiben<br>bei vier Prozent</h1>", "Zinsen bleiben bei vier Prozent", None, None),
    "the outlet's name as heading": ("ko", "", og(title="중앙은행, 기준금리 동결 결정", site_name="보기일보"), "<h1>보기일보</h1>", "중앙은행, 기준금리 동결 결정", None, None),
    "two headings": ("en", "", og(title="Rates kept at four per cent"), "<h1>The Example</h1><h1>Rates kept at four per cent</h1>", "Rates kept at four per cent", None, None),
    "heading and data against the network's": ("en", "", news("Rates kept at four per cent, bank says") + og(title="You won't believe what the bank did"), "<h1>Rates kept at four per cent, bank says</h1>", "Rates kept at four per cent, bank says", None, None),
    "network and data against search": ("en", "", news("Bank keeps its rate") + og(title="Bank keeps its rate") + "<title>Interest rates UK: latest decision</title>", "", "Bank keeps its rate", None, None),
    "heading against a search title": ("en", "", og(title="Interest rate decision 2024: latest") + "<title>Interest rate decision 2024: latest</title>", "<h1>Bank makes its decision on the interest rate</h1>", "Bank makes its decision on the interest rate", None, None),
    "entities twice": ("en", "", news("Bank&amp;#39;s rate kept at &quot;four&quot;"), "", "Bank's rate kept at \"four\"", None, None),
    "Chinese underscores": ("zh", "", "<title>央行维持利率不变_财经_示例网</title>" + og(site_name="示例网") + meta("section", "财经"), "<h1>央行维持利率不变</h1>", "央行维持利率不变", None, None),
    "Chinese hyphen": ("zh", "", "<title>央行维持基准利率不变-示例网</title>" + og(site_name="示例网"), "", "央行维持基准利率不变", None, None),
    "Japanese bar": ("ja", "", og(title="日銀、政策金利を据え置き決定 | 例新聞", site_name="例新聞"), "", "日銀、政策金利を据え置き決定", None, None),
    "Japanese colon": ("ja", "", og(title="日銀、政策金利を据え置き決定：例新聞デジタル"), "<h1>日銀、政策金利を据え置き決定</h1>", "日銀、政策金利を据え置き決定", None, None),
    "Persian": ("fa", "", "<title>نرخ بهره ثابت ماند - خبرگزاری نمونه</title>" + og(site_name="خبرگزاری نمونه"), "", "نرخ بهره ثابت ماند", None, None),
    "Persian, name first": ("fa", "", "<title>خبرگزاری نمونه | نرخ بهره ثابت ماند</title>" + og(site_name="خبرگزاری نمونه"), "", "نرخ بهره ثابت ماند", None, None),
    "Arabic": ("ar", "", og(title="البنك المركزي يثبت سعر الفائدة | صحيفة المثال", site_name="صحيفة المثال"), "", "البنك المركزي يثبت سعر الفائدة", None, None),
    "Russian": ("ru", "", "<title>Банк сохранил ставку — Пример</title>" + og(site_name="Пример"), "", "Банк сохранил ставку", None, None),
    "Russian, date and name": ("ru", "", "<title>Банк сохранил ключевую ставку – Пример, 16.05.2024</title>" + og(title="Банк сохранил ключевую ставку"), "", "Банк сохранил ключевую ставку", DAY, "text"),
    "Turkish": ("tr", "", og(title="Merkez Bankası faizi sabit tuttu - Örnek Haber", site_name="Örnek Haber"), "", "Merkez Bankası faizi sabit tuttu", None, None),
    "Greek": ("el", "", "<title>Σταθερά τα επιτόκια | Παράδειγμα</title>" + og(site_name="Παράδειγμα"), "", "Σταθερά τα επιτόκια", None, None),
    "Hindi": ("hi", "", "<title>ब्याज दर में बदलाव नहीं | उदाहरण समाचार</title>" + og(site_name="उदाहरण समाचार"), "", "ब्याज दर में बदलाव नहीं", None, None),
    "Thai": ("th", "", "<title>คงอัตราดอกเบี้ยนโยบาย | ตัวอย่างข่าว</title>" + og(site_name="ตัวอย่างข่าว"), "", "คงอัตราดอกเบี้ยนโยบาย", None, None),
    "name in brackets": ("en", "", "<title>Rates kept at four per cent [Example.test]</title>" + og(site_name="Example.test"), "", "Rates kept at four per cent", None, None),
    "cut off by the network": ("en", "", og(title="Rates kept at four per cent as prices…"), "<h1>Rates kept at four per cent as prices rise</h1>", "Rates kept at four per cent as prices rise", None, None),
    "publisher in the data": ("es", "", news("Los tipos siguen igual", publisher={"@type": "Organization", "name": "El Ejemplo"}) + "<title>Los tipos siguen igual | El Ejemplo</title>", "", "Los tipos siguen igual", None, None),
    "handle of the outlet": ("es", "", meta("twitter:site", "@elejemplo") + "<title>Los tipos siguen igual | El Ejemplo</title>", "", "Los tipos siguen igual", None, None),
    "another story's heading": ("en", "", og(title="Rates kept at four per cent"), "<h1>Win a holiday in the mountains</h1>", "Rates kept at four per cent", None, None),
    # --- times ---------------------------------------------------------------------------------
    "JSON-LD": ("en", "", news("A", datePublished="2024-05-16T09:30:00Z"), "", "", AT, "json-ld"),
    "JSON-LD in a graph": ("en", "", ld(**{"@graph": [{"@type": "WebSite"}, {"@type": "Article", "datePublished": "2024-05-16T11:30:00+02:00"}]}), "", "", AT, "json-ld"),
    "JSON-LD in a list": ("en", "", '<script type="application/ld+json">[{"@type": "Organization"}, {"@type": ["ReportageNewsArticle"], "datePublished": "2024-05-16T09:30:00Z"}]</script>', "", "", AT, "json-ld"),
    "JSON-LD under mainEntity": ("en", "", ld(**{"@type": "WebPage", "mainEntity": {"@type": "NewsArticle", "datePublished": "2024-05-16T09:30:00Z"}}), "", "", AT, "json-ld"),
    "JSON-LD of the web page": ("en", "", ld(**{"@type": "WebPage", "datePublished": "2024-05-16T09:30:00Z"}), "", "", AT, "json-ld"),
    "JSON-LD with a trailing comma": ("en", "", '<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2024-05-16T09:30:00Z",}</script>', "", "", AT, "json-ld"),
    "JSON-LD in a comment": ("en", "", '<script type="application/ld+json">//<![CDATA[\n{"@type": "NewsArticle", "datePublished": "2024-05-16T09:30:00Z"}\n//]]></script>', "", "", AT, "json-ld"),
    "JSON-LD that does not parse": ("en", "", '<script type="application/ld+json">{"@type": "NewsArticle", "headline": "The "rate" is kept", "datePublished": "2024-05-16T09:30:00Z"}</script>', "", "", AT, "json-ld"),
    "JSON-LD with a raw line end": ("en", "", '<script type="application/ld+json">{"@type": "NewsArticle", "description": "one\ntwo", "datePublished": "2024-05-16T09:30:00Z"}</script>', "", "", AT, "json-ld"),
    "JSON-LD, seven digits": ("en", "", news("A", datePublished="2024-05-16T09:30:00.0000000Z"), "", "", AT, "json-ld"),
    "JSON-LD with the month's name": ("en", "", news("A", datePublished="May 16, 2024 5:30 am EDT"), "", "", AT, "json-ld"),
    "meta article:published_time": ("en", "", '<meta property="article:published_time" content="2024-05-16T09:30:00+00:00">', "", "", AT, "meta"),
    "meta of two names": ("en", "", '<meta name="pubdate x" property="article:published_time" content="2024-05-16T09:30:00+00:00">', "", "", AT, "meta"),
    "meta pubdate": ("en", "", meta("pubdate", "Thu, 16 May 2024 09:30:00 GMT"), "", "", AT, "meta"),
    "meta parsely": ("en", "", meta("parsely-pub-date", "2024-05-16T09:30:00Z"), "", "", AT, "meta"),
    "meta cXense": ("no", "", '<meta name="cXenseParse:recs:publishtime" content="2024-05-16T11:30:00+0200">', "", "", AT, "meta"),
    "meta sailthru": ("en", "", meta("sailthru.date", "2024-05-16 09:30:00 +0000"), "", "", AT, "meta"),
    "meta Dublin Core": ("en", "", meta("DC.date.issued", "2024-05-16"), "", "", DAY, "meta"),
    "meta epoch": ("en", "", meta("published_at", "1715851800"), "", "", AT, "meta"),
    "microdata in a meta": ("en", "", "", '<meta itemprop="datePublished" content="2024-05-16T09:30:00Z">', "", AT, "meta"),
    "microdata in the text": ("en", "", "", '<span itemprop="datePublished" content="2024-05-16T09:30:00Z">Thursday</span>', "", AT, "time"),
    "time element of the article": ("en", "", "", '<aside><time datetime="2024-05-01T00:00Z">x</time></aside><article><time datetime="2024-05-16T09:30:00Z">x</time></article>', "", AT, "time"),
    "time element without an attribute": ("fr", "", "", "<article><time>16 mai 2024 à 11h30</time></article>", "", "2024-05-16T11:30:00+00:00", "time"),
    "address with slashes": ("en", "https://news.example.test/2024/05/16/rates-kept", "", "", "", DAY, "url"),
    "address with a number": ("en", "https://news.example.test/world/rates_20240516.html", "", "", "", DAY, "url"),
    "address with hyphens": ("en", "https://news.example.test/world/2024-05-16-rates", "", "", "", DAY, "url"),
    "address of a Chinese outlet": ("zh", "https://news.example.test/2024-05/16/c_112.htm", "", "", "", DAY, "url"),
    "address with a Persian year": ("fa", "https://news.example.test/fa/1403/02/27/rates", "", "", "", DAY, "url"),
    "line of text, German": ("de", "", "", '<p class="article-date">Veröffentlicht am 16. Mai 2024, 11:30 Uhr</p>', "", "2024-05-16T11:30:00+00:00", "text"),
    "line of text, Persian": ("fa", "", "", '<span class="news-date">۲۷ اردیبهشت ۱۴۰۳ - ۱۱:۳۰</span>', "", "2024-05-16T11:30:00+00:00", "text"),
    "line of text, Arabic": ("ar", "", "", '<div class="date">الخميس ١٦ أيار ٢٠٢٤</div>', "", DAY, "text"),
    "line of text, Russian": ("ru", "", "", '<div class="article__date">16 мая 2024 г., 11:30</div>', "", "2024-05-16T11:30:00+00:00", "text"),
    "line of text, Thai": ("th", "", "", '<span class="date">16 พฤษภาคม 2567</span>', "", DAY, "text"),
    "line of text, Korean": ("ko", "", "", '<span class="date">2024년 5월 16일 11:30</span>', "", "2024-05-16T11:30:00+00:00", "text"),
    "no class, found by search": ("en", "", "", "<div>By A. Writer, May 16, 2024</div>", "", DAY, "text"),
    "the future is not believed": ("en", "", news("A", datePublished="2024-05-18T09:30:00Z") + meta("date", "2024-05-16T09:30:00Z"), "", "", AT, "meta"),
    "the story of the page among others": ("en", "https://news.example.test/a/1", ld(**{"@graph": [{"@type": "NewsArticle", "url": "https://news.example.test/b", "datePublished": "2024-01-01T00:00:00Z"}, {"@type": "NewsArticle", "url": "https://news.example.test/a/1", "datePublished": "2024-05-16T09:30:00Z"}]}), "", "", AT, "json-ld"),
    "a list of other stories": ("en", "", ld(**{"@type": "ItemList", "itemListElement": [{"@type": "NewsArticle", "datePublished": "2024-01-01T00:00:00Z"}]}) + meta("date", "2024-05-16T09:30:00Z"), "", "", AT, "meta"),
}  # fmt: skip


def test_there_are_heads_of_many_kinds() -> None:
    assert len(HEADS) >= 60


@pytest.mark.parametrize("name", HEADS)
def test_headline_and_time_are_read_as_the_publisher_means_them(name: str) -> None:
    language, url, head, top, title, published, where = HEADS[name]
    url = url or "https://news.example.test/a"
    html = (
        f"<html lang={language}><head>{head}</head><body>{top}<p>The bank kept its rate on Thursday.</p></body></html>"
    )
    facts = read_page(html, url, fetched_at=FETCHED)
    assert facts is not None
    stated = facts.stated
    at, origin = choose_published(facts.dates.published, None, FETCHED)
    assert (at.isoformat() if at else None, origin) == (published, where)
    if title:
        host = url.split("/")[2].removeprefix("www.").split(".")[0]
        assert choose_title(stated.titles, "", site_names=[*stated.site_names, host], section=stated.section) == title
