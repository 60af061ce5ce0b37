"""An operator's rules for one source: what they take, what they leave, and that an article says so."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.making import make_page, make_source
from workers.domain.outcomes import Advanced
from workers.domain.values import NO_RULES, Article, Entry, ExtractRules, FeedEntry
from workers.extract.page import try_rules
from workers.extract.rules import signature
from workers.extract.stage import extract

FETCHED = datetime(2024, 6, 1, 12, tzinfo=UTC)
FIRST = "The ministers of the two countries signed a trade agreement on Tuesday after two days of talks."
SECOND = "The agreement lowers duties on grain and machine parts, and comes into force in March."
OTHER = "An explosion at a depot in another city killed nobody, the mayor said on the same morning."
JSON_LD = json.dumps({"@type": "NewsArticle", "headline": "A deal", "articleBody": "x " * 200})
STATED = f'<script type="application/ld+json">{JSON_LD}</script>'
PAGE = f"""<html lang=en><head><title>Stated title</title><meta name=author content="Stated Writer">
<meta property="article:published_time" content="2024-05-01T08:00:00Z">{STATED}</head><body>
<h1>Stated title</h1><div class=kicker>گفت‌وگو: the  true title</div>
<aside class="sidebar text"><p>{FIRST}</p><span class=ad>Buy a car</span>
and more of it stands behind.<p>{SECOND}</p></aside> This stands outside, and is no part of it whatever the tree says.
<div class=other><p>{OTHER}</p><p>{OTHER} It said so twice.</p></div>
<p class=who><span>Ana Writer</span><span>Ben Writer</span><span>Ana Writer</span></p>
<p class=when>Posted: <b>6 May 2024 10:30 +0200</b></p><time datetime="2024-05-07T10:00:00Z">yesterday</time>
</body></html>"""


def read(rules: ExtractRules, html: str = PAGE, *, feed_title: str = "Title of the feed") -> Article:
    dated = datetime(2024, 5, 2, tzinfo=UTC)
    feed = FeedEntry(key="1", url="https://agency.example/1", title=feed_title, published=dated)
    entry = Entry(
        id=UUID(int=1), source=make_source(extract=rules), url=feed.url, feed=feed, discovered_at=FETCHED, attempt=1
    )
    page = make_page(html.encode(), url="https://agency.example/1", fetched_at=FETCHED)
    outcome = extract(entry, page, detect=lambda _: ("en", 0.9))
    assert isinstance(outcome, Advanced), outcome
    return outcome.value


@pytest.mark.parametrize(
    "body",
    [
        (".sidebar.text",),
        ("aside",),
        ("//aside[contains(@class, 'text')]",),
        ("(//aside)[1]",),
        ("article.gone", "//div[@id='gone']", "aside", ".other"),
        ("aside p", ".other"),
        ("aside, aside p",),
    ],
)
def test_the_body_comes_from_the_first_selector_that_finds_anything(body: tuple[str, ...]) -> None:
    found = read(ExtractRules(body=body))
    lines = found.text.split("\n")
    assert (lines[0], lines[-1]) == (FIRST, SECOND)
    assert OTHER not in found.text
    assert found.rung == "rule"
    assert found.rung_why.startswith("body rule ")
    assert found.rung_why.split(",")[0] in {f"body rule {one}".split(",")[0] for one in body}


def test_what_is_chosen_is_no_side_bar_whatever_it_is_called() -> None:
    boxes = [f"<aside class='widget related box'><p>{SECOND} It is part {part}.</p></aside>" for part in "abcdef"]
    found = read(ExtractRules(body=(".box",)), f"<html><body><h1>A deal</h1>{''.join(boxes)}</body></html>")
    assert [line[-2] for line in found.text.split("\n")] == list("abcdef")
    assert found.rung_why == "body rule .box, lenient: good enough", "nothing had to be brought back"


def test_the_first_of_several_values_that_is_a_time_is_taken() -> None:
    assert read(ExtractRules(published=(".who span, .when b",))).published_from == "rule"


def test_a_rule_that_finds_nothing_changes_nothing_and_says_so() -> None:
    plain, ruled = read(NO_RULES), read(ExtractRules(body=("article.gone",), remove=(".gone",), title=("h6",)))
    assert (ruled.text, ruled.title, ruled.rung) == (plain.text, plain.title, plain.rung)
    assert ruled.rung_why == f"the body rule found nothing; {plain.rung_why}"


def test_what_is_removed_goes_before_anything_is_read_and_leaves_the_text_behind_it() -> None:
    found = read(ExtractRules(body=("aside",), remove=(".ad", "//meta[@name='author']", "html", "body > h1")))
    assert "Buy a car" not in found.text
    assert "more of it stands behind" in found.text
    assert found.authors == ()


@pytest.mark.parametrize(
    ("rules", "field", "value"),
    [
        (ExtractRules(title=("h6", ".kicker")), "title", "گفت‌وگو: the true title"),
        (ExtractRules(title=("//div[contains(., 'گفت‌وگو')]/text()",)), "title", "گفت‌وگو: the true title"),
        (ExtractRules(author=(".who span",)), "authors", ("Ana Writer", "Ben Writer")),
        (ExtractRules(author=("//meta[@name='author']",)), "authors", ("Stated Writer",)),
        (ExtractRules(published=(".when b",)), "published", datetime(2024, 5, 6, 8, 30, tzinfo=UTC)),
        (ExtractRules(published=("time",)), "published", datetime(2024, 5, 7, 10, tzinfo=UTC)),
        (ExtractRules(published=("//time/@datetime",)), "published", datetime(2024, 5, 7, 10, tzinfo=UTC)),
        (ExtractRules(published=(".when b",)), "published_from", "rule"),
        (ExtractRules(published=("h1",)), "published_from", "meta"),  # no date, so the page's own stands
    ],
)
def test_a_fact_by_rule_goes_before_what_page_and_feed_state(rules: ExtractRules, field: str, value: object) -> None:
    assert getattr(read(rules), field) == value


def test_a_day_by_rule_goes_before_an_exact_time_elsewhere() -> None:
    found = read(ExtractRules(published=(".when",)), PAGE.replace("6 May 2024 10:30 +0200", "6 May 2024"))
    assert (found.published, found.published_from) == (datetime(2024, 5, 6, tzinfo=UTC), "rule")


def test_a_date_after_the_fetch_is_not_believed_of_a_rule_either() -> None:
    found = read(ExtractRules(published=(".when b",)), PAGE.replace("6 May 2024", "6 July 2024"))
    assert found.published_from == "meta"


@pytest.mark.parametrize(("selector", "rung"), [("body", "rule"), ("html", "stated"), ("//*", "stated")])
def test_a_body_as_wide_as_the_page_is_read_too_and_the_root_is_no_choice(selector: str, rung: str) -> None:
    found = read(ExtractRules(body=(selector,)))
    assert (found.rung, OTHER in found.text) == (rung, rung == "rule")


def test_a_question_that_xpath_cannot_answer_finds_nothing() -> None:
    assert read(ExtractRules(body=("//p[count('x')]",))).rung_why.startswith("the body rule found nothing")


def test_every_rule_tells_how_often_it_matches_and_what_it_gives() -> None:
    rules = ExtractRules(body=(".gone", "aside"), remove=(".ad",), title=(".kicker",), author=("//p/span",))
    assert [(one.field, one.selector, one.matches, one.gave[:12]) for one in try_rules(PAGE, rules)] == [
        ("body", ".gone", 0, ""),
        ("body", "aside", 1, FIRST[:12]),
        ("remove", ".ad", 1, "Buy a car"),
        ("title", ".kicker", 1, "گفت‌وگو: the"),
        ("author", "//p/span", 3, "Ana Writer"),
    ]
    assert try_rules("<!-- -->", rules) == ()


def test_an_article_names_the_rules_that_it_was_read_under() -> None:
    one, other = ExtractRules(body=("p",)), ExtractRules(remove=("p",))
    assert read(NO_RULES).extractor.split(" ")[1:] == ["wirewatch-extract/4"]
    assert read(ExtractRules(author=(".who",))).extractor.endswith(
        f" rules/{signature(ExtractRules(author=('.who',)))}"
    )
    assert len({signature(one), signature(other), signature(NO_RULES)}) == 3
    assert signature(ExtractRules(body=("p",))) == signature(one)
    assert (len(signature(one)), signature(NO_RULES)) == (8, "")


@pytest.mark.parametrize(
    "empty",
    [
        "<div class=body></div>",
        "<div class=body> <p>Advert</p> </div>",
        "<div class=body><script>var a = 'a text that nobody will read, as long as a sentence';</script></div>",
        "<div class=body><figure><figcaption>Both ministers in the hall, on Monday.</figcaption></figure></div>",
    ],
)
def test_a_body_without_a_text_is_none(empty: str) -> None:
    html = PAGE.replace("<div class=other>", f"{empty}<div class=other>")
    found = read(ExtractRules(body=(".body", "aside")), html)
    assert (found.text.split("\n")[0], found.rung) == (FIRST, "rule")
    assert read(ExtractRules(body=(".body",)), html).rung != "rule"


def test_short_paragraphs_of_a_body_count_together() -> None:
    html = PAGE.replace(
        "<div class=other>",
        "<p class=x>It rained.</p><p class=x>The hall was full, said the mayor.</p><div class=other>",
    )
    assert read(ExtractRules(body=("p.x",)), html).text == "It rained.\nThe hall was full, said the mayor."
