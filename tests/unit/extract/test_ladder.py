import json
from datetime import UTC, datetime

import pytest
from lxml.html import document_fromstring

from workers.extract.chunks import unite
from workers.extract.facts.lead import find_lead, with_lead
from workers.extract.ladder import ALL, CHEAP, Rung
from workers.extract.page import PageFacts, read_page

FETCHED = datetime(2024, 6, 1, tzinfo=UTC)
#: Prose of which no two paragraphs are alike.
STORY = [
    f"The {name} committee met on Friday to hear what the ministers had agreed about the {name} ports, and asked for"
    f" a report on the cost of the {name} works before the summer, which the cabinet promised to send."
    for name in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
]


def read(body: str, head: str = "", rungs: frozenset[Rung] = ALL) -> PageFacts:
    html = f"<html><head><title>T</title>{head}</head><body>{body}</body></html>"
    facts = read_page(html, "https://news.example.test/a", fetched_at=FETCHED, rungs=rungs)
    assert facts is not None
    return facts


def paragraphs(texts: list[str]) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def stated(text: str) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", "articleBody": text})}</script>'


def test_a_plain_article_needs_one_look() -> None:
    facts = read(f"<article>{paragraphs(STORY)}</article>")
    assert (facts.rung, facts.why) == (Rung.LENIENT, "good enough")


def test_a_story_in_several_boxes_is_united() -> None:
    boxes = "".join(
        f'<div class="article-body">{paragraphs(STORY[start : start + 2])}</div><div class=gap></div>'
        for start in (0, 2, 4, 6, 8)
    )
    facts = read(f"<main><h1>Ports</h1>{boxes}</main>")
    assert facts.rung == Rung.UNITED
    assert [text for text in STORY if text not in facts.text] == []


def test_a_text_that_only_the_json_ld_has_is_taken_from_there() -> None:
    facts = read("<div id=app><p>Please wait a moment for the page.</p></div>", stated("\n".join(STORY)))
    assert facts.rung == Rung.STATED
    assert facts.text.split("\n") == STORY


def test_a_stated_text_with_markup_is_rendered() -> None:
    facts = read("<div id=app></div>", stated("".join(f"&lt;p&gt;{text}&lt;/p&gt;" for text in STORY)))
    assert facts.text.strip().split("\n") == STORY


def test_a_short_text_loses_what_follows_it_and_not_its_beginning() -> None:
    facts = read(f"<div><p>{STORY[0]}</p><p>{STORY[1]}</p></div>")
    assert STORY[0] in facts.text
    assert STORY[1] in facts.text


def test_the_cheap_rungs_look_once() -> None:
    boxes = "".join(f'<div class="article-body">{paragraphs(STORY[start : start + 2])}</div>' for start in (0, 2, 4, 6))
    facts = read(f"<main>{boxes}</main>", rungs=CHEAP)
    assert facts.rung == Rung.LENIENT
    assert "nothing was better" in facts.why


def test_a_page_without_a_text_says_so() -> None:
    facts = read("<p>Menu</p>")
    assert facts.why.startswith("hardly a sentence")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param('<article><div class="body">{}</div></article>', id="another article"),
        pytest.param('<div class="comment-text">{}</div>', id="comments"),
        pytest.param('<div class="body"><h1>Another</h1>{}</div>', id="with a headline of its own"),
    ],
)
def test_boxes_of_other_stories_are_not_united_with_the_first(other: str) -> None:
    first = f'<article><div class="body">{paragraphs(STORY[:3])}</div></article>'
    tree = document_fromstring(f"<html><body>{first}{other.format(paragraphs(STORY[3:6]))}</body></html>")
    assert not unite(tree)


LEAD = "Ministers of both countries signed the paper on Friday, after two years of talks about the ports."


@pytest.mark.parametrize(
    ("body", "description", "lead"),
    [
        pytest.param(f'<h1>T</h1><p class="lead">{LEAD}</p>', "", LEAD, id="by its class"),
        pytest.param(f'<h1>T</h1><div class="article__standfirst">{LEAD}</div>', "", LEAD, id="by part of its class"),
        pytest.param(f"<h1>T</h1><div><p>{LEAD}</p></div>", LEAD[:80], LEAD, id="by the page's description"),
        pytest.param(f"<h1>T</h1><p>{LEAD}</p>", "", "", id="nothing says so"),
        pytest.param(f'<h1>T</h1><a href=x><p class="lead">{LEAD}</p></a>', "", "", id="of another story"),
        pytest.param(f'<h1>T</h1><aside><p class="lead">{LEAD}</p></aside>', "", "", id="in a side bar"),
        pytest.param(f'<p class="lead">{LEAD}</p><h1>T</h1>', "", "", id="above the headline"),
        pytest.param(f'<p class="lead">{LEAD}</p>', "", "", id="without a headline"),
    ],
)
def test_the_standfirst_is_found(body: str, description: str, lead: str) -> None:
    assert find_lead(document_fromstring(f"<html><body>{body}</body></html>"), description) == lead


def test_a_standfirst_is_put_before_a_text_that_lacks_it() -> None:
    assert with_lead("The story.", LEAD) == f"{LEAD}\nThe story."
    assert with_lead(f"{LEAD}\nThe story.", LEAD) == f"{LEAD}\nThe story."
    assert with_lead("", LEAD) == ""


def test_a_menu_that_is_mostly_short_lines_goes_from_above_a_story() -> None:
    menu = "".join(f"<div><span>Label {number}</span></div>" for number in range(120))
    facts = read(f"<div>{menu}</div><div><span>{STORY[0]}</span></div><div><span>{STORY[1]}</span></div>")
    assert facts.rung == Rung.UNMENUED
    assert facts.text.split("\n") == STORY[:2]


def test_a_list_of_short_lines_above_a_story_stays_when_its_lines_are_no_labels() -> None:
    items = [f"{number}. round of the talks: the harbour of the town number {number}" for number in range(40)]
    facts = read(f"<div>{''.join(f'<p>{item}</p>' for item in items)}<p>{STORY[0]}</p></div>")
    assert [item for item in items if item not in facts.text] == []
