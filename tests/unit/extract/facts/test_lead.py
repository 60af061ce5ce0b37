import pytest
from lxml.html import document_fromstring

from workers.extract.facts.lead import find_lead

LEAD = "Ministers of both countries signed the paper on Friday, after two years of talks about the ports."
OTHER = "Forty people were hurt in a crowded market in the east of the city, the police said on Friday."
STORY = "The paper says which ships may land, and what they pay, it was said after the meeting in the capital."


@pytest.mark.parametrize(
    "other",
    [
        pytest.param('<div class="related"><a href=/x>Market</a><p class="summary">{}</p></div>', id="related"),
        pytest.param('<div class="top-stories__box"><div><p class="summary">{}</p></div></div>', id="top stories"),
        pytest.param('<div class="card"><p class="card-summary summary">{}</p></div>', id="a card"),
        pytest.param('<div><h3>Market</h3><p class="summary">{}</p></div>', id="below a heading of its own"),
        pytest.param('<div><h3>Market</h3><div><p class="intro">{}</p></div></div>', id="deeper below one"),
        pytest.param('<ul><li><p class="summary">{}</p></li></ul>', id="a list"),
        pytest.param('<a href=/x><p class="summary">{}</p></a>', id="a link"),
    ],
)
def test_a_summary_of_another_story_is_no_standfirst_and_hides_none(other: str) -> None:
    box = other.format(OTHER)
    for below, lead in (("", ""), (f'<p class="lead">{LEAD}</p>', LEAD)):
        assert find_lead(document_fromstring(f"<html><body><h1>T</h1>{box}{below}</body></html>"), "") == lead


@pytest.mark.parametrize("block", ["<p>{}</p>", "<div>{}</div>", "<div><div>{}<br>{}</div></div>"])
def test_a_standfirst_stands_before_the_story(block: str) -> None:
    story = block.replace("{}", STORY)
    body = f'<div><h1>T</h1><div class=story>{story}</div></div><div><p class="summary">{OTHER}</p></div>'
    assert find_lead(document_fromstring(f"<html><body>{body}</body></html>"), OTHER) == ""


@pytest.mark.parametrize("around", ["article", "form", "div class='content has-sidebar'", "div class='card-page'"])
def test_what_the_headline_stands_in_too_does_not_matter(around: str) -> None:
    body = f'<{around}><header><h1>T</h1></header><p class="lead">{LEAD}</p></{around.partition(" ")[0]}>'
    assert find_lead(document_fromstring(f"<html><body>{body}</body></html>"), "") == LEAD


def test_a_standfirst_may_stand_with_the_story_in_a_box() -> None:
    body = f'<h1>T</h1><article><p class="lead">{LEAD}</p><p>{STORY}</p></article>'
    assert find_lead(document_fromstring(f"<html><body>{body}</body></html>"), "") == LEAD
