from datetime import UTC, datetime

import pytest

from workers.extract.page import EXTRACTOR, read_page

FETCHED = datetime(2024, 6, 1, tzinfo=UTC)
URL = "https://news.example.org/a/1"
PARAGRAPHS = [
    "The ministers of the two countries signed a trade agreement on Tuesday after two days of talks.",
    "The agreement lowers duties on grain and machine parts, and comes into force in March.",
    "Officials said that a second round would follow in the spring, with transport and energy on the agenda.",
    "Neither side gave figures, but traders expect exports to double within five years.",
]
HEADLINES = [f"Bomb attack kills {number} near the northern border" for number in range(3, 9)]
LINKS = "".join(f'<li><a href="/n/{index}">{headline}</a></li>' for index, headline in enumerate(HEADLINES))
NAV = "<nav><ul><li><a href=/w>World</a></li><li><a href=/s>Sport</a></li></ul></nav>"


def page(body: str, head: str = "") -> str:
    return f"<html><head><title>A deal - The Example</title>{head}</head><body>{NAV}{body}</body></html>"


def text_of(html: str) -> str:
    facts = read_page(html, URL, fetched_at=FETCHED)
    assert facts is not None
    return facts.text


BLOCKS = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
BREAKS = "<br><br>".join(PARAGRAPHS)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"<h1>A deal</h1><article>{BLOCKS}</article>", id="paragraphs"),
        pytest.param(f"<h1>A deal</h1><div class=content>{BREAKS}</div>", id="line breaks"),
        pytest.param(
            f"<form id=aspnetForm><input name=__VIEWSTATE><h1>A deal</h1><div>{BLOCKS}</div></form>", id="form page"
        ),
        pytest.param(
            f"<form id=aspnetForm><div><h1>A deal</h1><span id=t>{BREAKS}</span></div></form>", id="form, breaks"
        ),
        pytest.param(f"<table><tr><td>{NAV}</td><td><h1>A deal</h1>{BREAKS}</td></tr></table>", id="layout table"),
        pytest.param(f"<table><tr><td><b>A deal</b></td></tr><tr><td>{BLOCKS}</td></tr></table>", id="text in a cell"),
        pytest.param("<div>" * 300 + BLOCKS + "</div>" * 300, id="nested deeper than 255"),
    ],
)
def test_every_paragraph_of_every_layout_is_a_line(body: str) -> None:
    lines = text_of(page(body)).split("\n")
    for paragraph in PARAGRAPHS:
        assert paragraph in lines


@pytest.mark.parametrize(
    "side",
    [
        pytest.param(f"<aside><h3>Latest</h3><ul>{LINKS}</ul></aside>", id="aside"),
        pytest.param(f'<div class="col most-read"><ul>{LINKS}</ul></div>', id="class token"),
        pytest.param(f'<div id="sidebar"><div><p>{"</p><p>".join(HEADLINES)}</p></div></div>', id="id token"),
        pytest.param(f'<div role="complementary"><p>{HEADLINES[0]}</p></div>', id="role"),
        pytest.param(f"<div class=xq3><ul>{LINKS}</ul></div>", id="list of links under a meaningless name"),
        pytest.param(f'<section class="related-posts"><p>{HEADLINES[0]}.</p></section>', id="related"),
    ],
)
@pytest.mark.parametrize("story", [BLOCKS, f"<p>{PARAGRAPHS[0]}</p>"], ids=["article", "brief"])
def test_headlines_of_other_stories_do_not_reach_the_text(side: str, story: str) -> None:
    text = text_of(page(f"<h1>A deal</h1><div>{story}</div>{side}"))
    assert PARAGRAPHS[0] in text
    assert "Bomb attack" not in text


def test_the_story_stays_when_its_own_element_has_a_misleading_name() -> None:
    assert PARAGRAPHS[3] in text_of(page(f'<div class="widget sidebar">{BLOCKS}</div>'))


def test_lists_quotes_and_headings_inside_the_article_stay() -> None:
    inner = (
        "<h2>Key points</h2><ul><li>Duties fall by half.</li></ul><blockquote>We are pleased, she said.</blockquote>"
    )
    text = text_of(
        page(f"<article><p>{PARAGRAPHS[0]}</p>{inner}<p>{PARAGRAPHS[1]}</p><p>{PARAGRAPHS[2]}</p></article>")
    )
    for part in ("Key points", "Duties fall by half.", "We are pleased, she said."):
        assert part in text


@pytest.mark.parametrize("joiner", ["\u200c", "&zwnj;", "&#8204;", "&#x200C;"])
def test_the_zero_width_non_joiner_survives_in_text_and_title(joiner: str) -> None:
    sentence = (
        f"وزیر گفت همکاری{joiner}های مرزی گسترش می{joiner}یابد و دو کشور درباره آن گفت{joiner}وگو کرده{joiner}اند."
    )
    facts = read_page(page(f"<h1>همکاری{joiner}ها</h1><div><p>{sentence}</p></div>"), URL, fetched_at=FETCHED)
    assert facts is not None
    assert facts.text == sentence.replace(joiner, "\u200c")
    assert facts.stated.titles.headings[0] == "همکاری\u200cها"


def test_joiners_of_indic_scripts_and_direction_marks_survive() -> None:
    sentence = "यह क्\u200dष एक परीक्षण वाक्य है जो लेख में बना रहना चाहिए\u200f और कुछ शब्द।"
    assert text_of(page(f"<div><p>{sentence}</p></div>")) == sentence


@pytest.mark.parametrize("html", ["", "   ", "<!-- nothing -->"])
def test_a_body_without_any_element_is_no_page(html: str) -> None:
    assert read_page(html, URL, fetched_at=FETCHED) is None


@pytest.mark.parametrize(
    "html",
    [
        "<",
        "<html",
        "\x00<p>\x00",
        "<p>" * 3000,
        "<?xml version='1.0' encoding='koi8-r'?><html><p>a",
        "&#xD800;&#0;",
        "\ud800",
    ],
)
def test_broken_markup_never_raises(html: str) -> None:
    read_page(html, URL, fetched_at=FETCHED)


def test_the_facts_of_the_head_are_read() -> None:
    head = (
        '<link rel=canonical href="/a/1?full"><meta property="og:site_name" content="The Example">'
        '<script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", "headline": "A deal at last",'
        '"datePublished": "2024-05-06T10:00:00+03:30",'
        '"author": [{"name": "A. Writer"}, {"name": "B. Editor"}]}]}</script>'
    )
    facts = read_page(page(BLOCKS, head), URL, fetched_at=FETCHED)
    assert facts is not None
    stated = facts.stated
    assert stated.titles.json_ld == "A deal at last"
    assert stated.canonical_url == "https://news.example.org/a/1?full"
    assert stated.authors == ("A. Writer", "B. Editor")
    assert facts.dates.published[0][0].at.isoformat() == "2024-05-06T06:30:00+00:00"
    assert stated.is_article


@pytest.mark.parametrize(
    "script", ["{", "[1, null, {}]", '{"@type": {"a": 1}}', '{"@type": "NewsArticle", "author": 7}', "[" * 9999]
)
def test_strange_json_ld_states_nothing_and_breaks_nothing(script: str) -> None:
    facts = read_page(page(BLOCKS, f'<script type="application/ld+json">{script}</script>'), URL, fetched_at=FETCHED)
    assert facts is not None
    assert facts.stated.authors == ()


def test_the_extractor_names_itself_with_its_version() -> None:
    assert EXTRACTOR.startswith("trafilatura/2.")
