import pytest

from workers.classify.entities.naming import MAX_NAMES, MAX_SPANS, countries_of, find_names, organisations_of, pairs_of
from workers.classify.matching.fold import Folded
from workers.domain.values import CountryPair, NamedCountry, NamedOrganisation, TextSpan


def span(field: str, text: str, piece: str, nth: int = 0) -> TextSpan:
    start = [n for n in range(len(text)) if text.startswith(piece, n)][nth]
    return TextSpan(field=field, start=start, end=start + len(piece), text=piece)


TITLE = "Iran and Iraq open a border post"
TEXT = "Officers of Iran met the Iraqi delegation.\nInterpol and the SCO watched. Iran thanked Interpol."
TEXTS = {"title": Folded(TITLE), "text": Folded(TEXT)}
NAMES = find_names(TEXTS, "en")


def test_countries_are_told_with_their_share_of_the_article_and_their_places() -> None:
    iran, iraq = countries_of(TEXTS, NAMES, "en")
    assert iran == NamedCountry(
        code="IR",
        count=3,
        share=0.59,  # 2 for the title and 1.5 for either of the two in the lead, of 8.5
        spans=(span("title", TITLE, "Iran"), span("text", TEXT, "Iran"), span("text", TEXT, "Iran", 1)),
    )
    assert (iraq.code, iraq.count, iraq.share) == ("IQ", 2, 0.41)
    assert [one.text for one in iraq.spans] == ["Iraq", "Iraqi"]


def test_organisations_are_told_the_one_that_is_named_most_first() -> None:
    assert organisations_of(TEXTS, NAMES) == (
        NamedOrganisation(
            id="interpol", count=2, spans=(span("text", TEXT, "Interpol"), span("text", TEXT, "Interpol", 1))
        ),
        NamedOrganisation(id="sco", count=1, spans=(span("text", TEXT, "SCO"),)),
    )


def test_a_pair_of_countries_is_told_once_with_the_sentences_that_say_it() -> None:
    assert pairs_of(TEXTS, NAMES, "en") == (
        CountryPair(
            countries=("IQ", "IR"),
            count=2,
            spans=(span("title", TITLE, "Iran and Iraq"), span("text", TEXT, "Iran met the Iraqi")),
        ),
    )


def test_a_word_for_two_countries_gives_each_its_half() -> None:
    texts = {"title": Folded("中俄边境"), "text": Folded("")}
    names = find_names(texts, "zh")
    assert [(c.code, c.spans[0].text) for c in countries_of(texts, names, "zh")] == [("CN", "中"), ("RU", "俄")]
    assert [p.spans[0].text for p in pairs_of(texts, names, "zh")] == ["中俄"]


def test_long_lists_are_cut() -> None:
    countries = ["Iran", "Iraq", "Turkey", "Russia", "China", "India", "France", "Spain", "Italy", "Poland", "Norway"]
    countries += ["Sweden", "Finland", "Denmark", "Germany", "Austria", "Hungary", "Romania", "Bulgaria", "Greece"]
    countries += ["Albania", "Egypt", "Libya", "Tunisia", "Algeria", "Morocco", "Nigeria", "Kenya", "Ethiopia", "Sudan"]
    countries += ["Japan", "Mongolia", "Vietnam", "Thailand"]
    texts = {"title": Folded(""), "text": Folded(" and ".join(countries * 5) + " met.")}
    names = find_names(texts, "en")
    found = countries_of(texts, names, "en")
    assert len(found) == MAX_NAMES < len(countries)
    assert {(one.count, len(one.spans)) for one in found} == {(5, MAX_SPANS)}
    assert len(pairs_of(texts, names, "en")) == MAX_NAMES


@pytest.mark.parametrize("text", ["", " ", "nothing of the kind"])
def test_a_text_that_names_nothing_gives_nothing(text: str) -> None:
    texts = {"title": Folded(text), "text": Folded(text)}
    names = find_names(texts, "en")
    assert (countries_of(texts, names, "en"), organisations_of(texts, names), pairs_of(texts, names, "en")) == (
        (),
        (),
        (),
    )
