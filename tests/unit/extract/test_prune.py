import time
from typing import Any

import pytest
from lxml.html import HTMLParser, document_fromstring

from workers.extract.ladder import ALL, Ladder, Rung
from workers.extract.prune import prose_length, prune

#: About 200 characters each, and no two alike.
STORY = [
    f"The {name} committee met on Friday to hear what the ministers had agreed about the {name} ports, and asked for"
    f" a report on the cost of the {name} works before the summer, which the cabinet promised to send."
    for name in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
]
BRIEF = (
    "The central bank kept its rate on Friday, it said in a statement after the meeting of its board in the capital."
)
OTHER = "Forty people were hurt in a crowded market in the east of the city, the police said on Friday in the evening."
FOOT = "The paper is an independent one that is funded by its readers, and by nobody else in the land or abroad."
H1 = "<h1>Ministers agree about the ports</h1>"
PAID, DIV = "<p class=paywall>{}</p>", "<div>{}</div>"
POPUP, MODAL = '<p class="article-text story-popup">{}</p>', '<p><span class="modal">{}</span></p>'
BLOCK = '<div class="elementor-element elementor-widget elementor-widget-text-editor"><p>{}</p></div>'


def pruned(body: str) -> str:
    tree: Any = document_fromstring(f"<html><body>{body}</body></html>", parser=HTMLParser(huge_tree=True))
    prune(tree)
    return str(tree.text_content())


def each(pattern: str, texts: list[str]) -> str:
    return "".join(pattern.format(text) for text in texts)


def plain(texts: list[str]) -> str:
    return each("<p>{}</p>", texts)


@pytest.mark.parametrize(
    ("body", "story"),
    [
        pytest.param(
            f"<article>{H1}{plain(STORY[:2])}{each(PAID, STORY[2:])}</article>",
            STORY,
            id="paragraphs for subscribers",
        ),
        pytest.param(
            f'{H1}{plain(STORY[:7])}<div class="paywall">{plain(STORY[7:])}</div>', STORY, id="a box for subscribers"
        ),
        pytest.param(
            f"{H1}{each(BLOCK, STORY[:5])}<div><p>{FOOT}</p></div>",
            STORY[:5],
            id="a page builder's blocks",
        ),
        pytest.param(
            f"<article>{H1}{each(POPUP, STORY[:6])}</article><p>{FOOT}</p>",
            STORY[:6],
            id="paragraphs under a device's name",
        ),
        pytest.param(
            f"<article>{H1}{plain(STORY[6:])}{each('<p><span class=modal>{}</span></p>', STORY[:6])}</article>",
            STORY,
            id="parts of paragraphs under a device's name",
        ),
        pytest.param(
            f'{H1}<div class="box widget">{each(DIV, STORY[:4])}</div><div><p>{FOOT}</p></div>',
            STORY[:4],
            id="a text without paragraphs",
        ),
        pytest.param(
            f'{H1}<div id="news-content-social">{each(DIV, STORY[:4])}</div><p>{FOOT}</p>',
            STORY[:4],
            id="a text without paragraphs, by its id",
        ),
        pytest.param(
            f'{H1}{plain(STORY[:2])}<h2><a href="#a">How the talks of the ministers went</a></h2>{plain(STORY[2:])}',
            ["How the talks of the ministers went"],
            id="a heading that links to itself",
        ),
        pytest.param(f'{H1}{plain(STORY[:2])}<div class="read-more">{plain(STORY[2:])}</div>', STORY, id="unfolded"),
    ],
)
def test_a_story_under_a_misleading_name_stays(body: str, story: list[str]) -> None:
    text = pruned(body)
    assert [one for one in story if one not in text] == []


@pytest.mark.parametrize(
    "name", ["related", "sidebar", "most-read", "related-posts", "Latest-News", "teaser", "comments"]
)
def test_a_plainly_named_part_goes_however_short_the_story(name: str) -> None:
    text = pruned(
        f'<div>{H1}<div class=story><p>{BRIEF}</p></div></div><div class="box {name}">{plain([OTHER] * 4)}</div>'
    )
    assert BRIEF in text
    assert OTHER not in text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f'{H1}<div class="related">{plain(STORY)}</div>', id="nothing else below the headline"),
        pytest.param(f'<div class="sidebar">{plain(STORY)}</div><p>{FOOT}</p>', id="no headline"),
        pytest.param(f'<div class="has-sidebar">{plain(STORY)}</div>{H1}<p>{FOOT}</p>', id="a part of a name"),
        pytest.param(f'<div class="sidebar">{H1}{plain(STORY)}</div><p>{FOOT}</p>', id="around the headline"),
        pytest.param(f'{H1}<div class="sidebar">{plain(STORY)}</div><p>{FOOT}</p>', id="the story beside a line"),
        pytest.param(f"{H1}<aside>{plain(STORY)}</aside><footer><p>{FOOT}</p></footer>", id="the story in an aside"),
        pytest.param(f"<aside>{H1}{plain(STORY)}</aside><p>{FOOT}</p>", id="an aside around the headline"),
    ],
)
def test_a_plain_name_is_not_believed_against_the_page(body: str) -> None:
    assert STORY[4] in pruned(body)


@pytest.mark.parametrize("box", ["<aside>{}</aside>", '<div class="sidebar">{}</div>'])
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(plain([OTHER] * 4), id="a little more than the story"),
        pytest.param(
            "".join(f'<h3><a href="/{one}">Forty people hurt in a market</a></h3><p>{OTHER}</p>' for one in range(20)),
            id="a list of links",
        ),
    ],
)
def test_a_side_bar_that_is_longer_than_a_brief_goes(box: str, other: str) -> None:
    text = pruned(f"{H1}<p>{BRIEF}</p>{box.format(other)}")
    assert BRIEF in text
    assert "Forty" not in text


def test_a_small_part_with_a_doubtful_name_goes() -> None:
    text = pruned(f'{H1}{plain(STORY)}<div class="share-box"><p>{OTHER}</p></div>')
    assert OTHER not in text
    assert STORY[9] in text


def test_a_link_to_another_story_between_paragraphs_goes() -> None:
    assert "Bomb" not in pruned(f'{H1}{plain(STORY)}<p><a href="/x">Bomb in the market of the city</a></p>')


def test_prose_is_counted_once_wherever_it_stands() -> None:
    tree = document_fromstring(f"<div><p>{BRIEF} <b>{BRIEF}</b></p>{OTHER}<br>{OTHER}<div>Menu</div></div>")
    assert prose_length(tree.getroottree().getroot()) == 2 * len(BRIEF) + 1 + 2 * len(OTHER)


def test_a_text_that_is_little_beside_what_was_cut_off_is_looked_for_in_the_whole_page() -> None:
    parts = "".join(f'<p class="x-{number}-teaser">{text}</p>' for number, text in enumerate(STORY))
    html = f"<html><body><article>{H1}{parts}</article><p>{FOOT}</p></body></html>"
    climbed = Ladder(document_fromstring(html), lambda: document_fromstring(html), "", ALL).climb()
    assert climbed.rung is Rung.WHOLE
    assert [one for one in STORY if one not in climbed.text] == []


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(("<div class='related social'>", f"<p>{BRIEF}</p>"), id="marked boxes"),
        pytest.param(("<p><span class=social>a", BRIEF), id="marked spans"),
        pytest.param(("<div class=social><h1>x</h1>", BRIEF), id="headlines"),
    ],
)
def test_deeply_nested_parts_take_a_time_in_proportion(shape: tuple[str, str]) -> None:
    def seconds(levels: int) -> float:
        html = f"<html><body>{shape[0] * levels}{shape[1]}</body></html>"
        trees = [document_fromstring(html, parser=HTMLParser(huge_tree=True)) for _ in range(3)]
        best = 9.0
        for tree in trees:
            started = time.process_time()
            prune(tree)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(8000) < 16 * seconds(1000) + 0.05  # quadratic: 64 times


@pytest.mark.parametrize(
    ("text", "is_prose"),
    [
        ("The minister was killed.", True),
        ("外长当天在袭击中身亡，多人受伤。", True),
        ("外长身亡", False),
        ("Minister killed", False),
    ],
)
def test_running_text_is_known_by_what_it_says_in_every_script(text: str, is_prose: bool) -> None:
    tree = document_fromstring(f"<body><p>{text}</p></body>")
    assert (prose_length(tree.find("body")) > 0) is is_prose
