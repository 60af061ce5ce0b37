"""What stands below a story is cut off whole pages: heads of many languages, in the forms that outlets give them."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import product

import pytest

from workers.extract.furniture import TAIL_HEADS, written
from workers.extract.page import read_page
from workers.extract.text import tidy

FETCHED = datetime(2024, 5, 17, 12, tzinfo=UTC)
URL = "https://news.example.test/a/1"
STORY = (
    "The two ministers signed an agreement on grain and machine parts after two days of talks in the capital.",
    "Duties fall in March, and a second round of talks on transport and energy follows in the spring.",
    "Traders expect exports to double within five years, though neither side gave any figures on Tuesday.",
    "The port authority said that the last of the ships would leave on Friday morning, weather allowing it.",
)
HEADLINES = (
    "Bombenanschlag in Kabul: viele Tote",
    "Gunmen attack convoy near the border",
    "Blast hits embassy in northern port city",
    "Police seize weapons in the old town",
    "Two killed as rockets strike airfield",
    "Hostages freed after a night of talks",
)
HEADS = (
    "Mehr zum Thema:", "MEHR ZUM THEMA", "Mehr&nbsp;zum Thema", "More on this", "More on this story", "Read more:",
    "Related:", "Lire aussi :", "Lea también", "Читайте также", "İlgili haberler", "AYRICA OKUYUN", "اقرأ أيضا",
    "بیشتر بخوانید", "پربازدید‌ترین‌ها", "相关阅读",
)  # fmt: skip


def each(pattern: str, texts: Iterable[str], between: str = "") -> str:
    return between.join(pattern.format(text) for text in texts)


def link(headline: str) -> str:
    return f'<a href="/news/{len(headline)}">{headline}</a>'


def below(opening: str, pattern: str, *, linked: bool, between: str = "", closing: str = "") -> Callable[..., str]:
    """A form of a tail: the head in its place, then every headline in its own, as links or without."""

    def tail(head: str, headlines: Iterable[str]) -> str:
        shown = [link(one) for one in headlines] if linked else headlines
        return opening.format(head) + each(pattern, shown, between) + closing

    return tail


PLACES = {
    "paragraphs": ("<p>{}</p>", "<p>{}</p>", "", ""),
    "bold head": ("<p><strong>{}</strong></p>", "<p>{}</p>", "", ""),
    "bold headlines": ("<p><strong>{}</strong></p>", "<p><strong>{}</strong></p>", "", ""),
    "heading and list": ("<h3>{}</h3><ul>", "<li>{}</li>", "", "</ul>"),
    "heading and paragraphs": ("<h2>{}</h2>", "<p>{}</p>", "", ""),
    "headings": ("<h2>{}</h2>", "<h3>{}</h3>", "", ""),
    "paragraph and list": ("<p>{}</p><ul>", "<li>{}</li>", "", "</ul>"),
    "box": ("<div>{} ", "{}", " ", "</div>"),
    "boxes": ("<div><div>{}</div>", "<div>{}</div>", "", "</div>"),
    "line breaks": ("<p>{}<br>", "{}", "<br>", "</p>"),
    "line breaks, bold head": ("<p><strong>{}</strong><br/>", "{}", "<br/>", "</p>"),
    "spans": ("<p><span>{}</span></p>", "<p><span>{}</span></p>", "", ""),
    "no paragraphs": ("<b>{}</b><br>", "{}", "<br>", ""),
}
FORMS = {
    f"{name}{', links' * linked}": below(opening, pattern, linked=linked, between=between, closing=closing)
    for (name, (opening, pattern, between, closing)), linked in product(PLACES.items(), (False, True))
    if (name, linked) != ("box", False)  # one run of words
}


def text_of(tail: str, story: Iterable[str] = STORY) -> str:
    html = f"<html><body><h1>Ministers sign</h1><article>{each('<p>{}</p>', story)}{tail}</article></body></html>"
    facts = read_page(html, URL, fetched_at=FETCHED)
    assert facts is not None
    return tidy(facts.text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("head", HEADS)
def test_no_headline_of_a_tail_stays_and_the_last_paragraph_does(head: str, form: str) -> None:
    for count in (1, 2, 6):
        text = text_of(FORMS[form](head, HEADLINES[:count]))
        assert [one for one in HEADLINES if one in text] == []
        assert text.endswith(STORY[-1])


@pytest.mark.parametrize(("number", "head"), list(enumerate(dict.fromkeys(written(TAIL_HEADS)))))
def test_every_head_is_known_on_a_page(number: int, head: str) -> None:
    form = FORMS[list(FORMS)[number % len(FORMS)]]
    text = text_of(form(head.upper() if number % 3 else head, HEADLINES[:2]))
    assert [one for one in HEADLINES if one in text] == []
    assert text.endswith(STORY[-1])


@pytest.mark.parametrize("head", ["Read more:", "Related", "MORE ON THIS", "Mehr zum Thema", "Recommended", "相关阅读"])
@pytest.mark.parametrize("form", ["<p>{} {}</p>", "<p><strong>{}</strong> {}</p>"])
def test_a_head_on_the_line_of_each_headline_goes_with_it(form: str, head: str) -> None:
    text = text_of("".join(form.format(head, link(one)) for one in HEADLINES))
    assert text == "\n".join(STORY)


@pytest.mark.parametrize(
    "sentence",
    [
        "Related: the ports of the north are closed as well, and nobody could say on Friday for how long.",
        "Mehr zum Thema Grenze will die Ministerin am Freitag in der Hauptstadt sagen.",
        "More on this will be said on Friday, when the two ministers meet again in the capital.",
        "Read more than once, the letter leaves little doubt about its author, the inspectors said.",
        "Recommended by the inspectors, the new gate will be open before the summer.",
        "Lire aussi les petites lignes du contrat, voilà ce que demande le ministère aux exportateurs.",
        "Читайте также между строк, советует бывший министр в своей книге о переговорах.",
    ],
)
def test_a_last_sentence_that_begins_with_the_words_of_a_head_stays(sentence: str) -> None:
    assert text_of("", [*STORY, sentence]).endswith(sentence)
    assert text_of("", [*STORY[:2], sentence, *STORY[2:]]).split("\n") == [*STORY[:2], sentence, *STORY[2:]]


TEASER = (
    "Forty people were hurt in a crowded market in the east of the city, the police said on Friday in the evening, and"
    " the hospitals of the district asked for blood. Nobody has said who laid the bomb, which went off between the"
    " stalls of the fruit sellers at noon, when the market is full; a second one was found and taken away by soldiers"
    " before it could do any harm."
)
CARD = '<h3><a href="/b/{0}">{1}</a></h3><p>{2}</p>'


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(
    "around",
    ["{0}{1}", "<div>{0}{1}</div>", "<section>{0}<div>{1}</div></section>", "<div>{0}</div><div>{1}</div>"],
)
@pytest.mark.parametrize("written", ["<h2>{0}</h2>", "<p>{0}</p>", "<p><strong>{0}:</strong></p>", "<div>{0}</div>"])
@pytest.mark.parametrize("head", ["Related stories", "Mehr zum Thema", "Читайте также"])
def test_teasers_as_long_as_paragraphs_go_with_their_head(head: str, written: str, around: str, count: int) -> None:
    cards = "".join(CARD.format(*one) for one in zip(range(count), HEADLINES, [TEASER] * 3, strict=False))
    assert text_of(around.format(written.format(head), cards)) == "\n".join(STORY)


@pytest.mark.parametrize(
    "box",
    [
        f"<h3>Read more</h3><p>{link(HEADLINES[1])}</p>",
        f"<h3>Related stories</h3><ul><li>{link(HEADLINES[1])}</li><li>{link(HEADLINES[2])}</li></ul>",
        f"<div><h3>Read more</h3><h4>{link(HEADLINES[1])}</h4></div>",
        f"<p><strong>Read more</strong></p><p>{link(HEADLINES[1])}</p>",
        f"<div>Read more</div><p>{link(HEADLINES[1])}</p>",
    ],
)
@pytest.mark.parametrize("more", [[TEASER], [TEASER, STORY[0]]])
def test_paragraphs_below_a_box_inside_the_story_stay(box: str, more: list[str]) -> None:
    text = text_of(box + "".join(f"<p>{one}</p>" for one in more))
    assert text.split("\n") == [*STORY, *more]
