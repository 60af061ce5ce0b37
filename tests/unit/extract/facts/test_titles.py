import pytest

from workers.extract.facts.titles import Titles, choose_title


@pytest.mark.parametrize(
    ("page", "feed", "title"),
    [
        pytest.param(["A deal - The Example"], "", "A deal", id="the outlet's name is cut off"),
        pytest.param(["The Example | A deal | example.org"], "", "A deal", id="on both ends"),
        pytest.param(["Ankara - Athens: a deal"], "", "Ankara - Athens: a deal", id="a dash of the headline stays"),
        pytest.param(["The Example", "Home"], "A deal", "A deal", id="the feed's when the page names the outlet only"),
        pytest.param([], "A deal", "A deal", id="the feed's when the page has none"),
        pytest.param(["A deal on grain and …"], "A deal on grain and parts", "A deal on grain and parts", id="cut off"),
        pytest.param(["A deal on grain"], "A deal on …", "A deal on grain", id="the feed's is cut off"),
        pytest.param(["The Example"], "", "", id="nothing names it"),
    ],
)
def test_the_headline_is_chosen(page: list[str], feed: str, title: str) -> None:
    titles = Titles(headings=tuple(page))
    assert choose_title(titles, feed, site_names=["The Example", "example.org"]) == title


def test_the_feed_decides_between_two_titles_of_the_page() -> None:
    titles = Titles(json_ld="Grain deal: what we know", open_graph="Ministers sign a deal on grain")
    assert choose_title(titles, "Ministers sign a deal on grain", site_names=[]) == "Ministers sign a deal on grain"


#: A headline and an outlet's name, in scripts of many kinds.
WRITTEN = {
    "en": ("Rates kept at four per cent as prices rise", "The Daily Example"),
    "fa": ("نرخ بهره در چهار درصد ثابت ماند", "خبرگزاری نمونه"),
    "ar": ("البنك المركزي يثبت سعر الفائدة", "صحيفة المثال"),
    "ru": ("Банк сохранил ключевую ставку на прежнем уровне", "Пример Новости"),
    "tr": ("Merkez Bankası faizi sabit tuttu", "Örnek Gazetesi"),
    "zh": ("央行维持基准利率不变并警告通胀", "示例新闻网"),
    "ja": ("日銀、政策金利を据え置き決定", "例新聞"),
    "ko": ("중앙은행, 기준금리 동결 결정", "보기일보"),
    "fr": ("Les taux restent à quatre pour cent", "Le Journal Exemple"),
    "he": ("הבנק המרכזי הותיר את הריבית", "חדשות לדוגמה"),
    "hi": ("ब्याज दर में कोई बदलाव नहीं", "उदाहरण समाचार"),
}
MARKS = [
    " - ", " | ", " – ", " — ", " :: ", " • ", " » ", " / ", " · ", " ~ ", " « ", " : ", "|", " > ", " ‹ ",
    " ｜ ", "丨", " ┃ ",
    " │ ", " -- ", " || ", " › ", " ★ ", " // ",
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("language", WRITTEN)
def test_the_outlets_name_is_cut_off_whatever_stands_between(language: str, mark: str) -> None:
    headline, outlet = WRITTEN[language]
    behind, before = f"{headline}{mark}{outlet}", f"{outlet}{mark}{headline}"
    for page, names in (
        (Titles(document=behind), [outlet]),
        (Titles(document=before), [outlet]),
        (Titles(document=behind, headings=(headline,)), []),
        (Titles(document=behind, open_graph=behind, headings=(outlet,)), []),  # the first heading is the logo
        (Titles(document=before, open_graph=before, headings=(outlet, headline)), []),
    ):
        assert choose_title(page, "", site_names=names) == headline


@pytest.mark.parametrize("language", WRITTEN)
def test_the_headline_is_told_from_what_careless_pages_put_in_its_place(language: str) -> None:
    headline, outlet = WRITTEN[language]
    cut = headline[:-6]
    for page, names in (
        (Titles(open_graph=f"\u200f{headline}\u200e"), []),
        (Titles(open_graph=f"{cut}…", document=headline), []),
        (Titles(open_graph=f"{cut}...", document=f"{cut}... - {outlet}", headings=(headline,)), [outlet]),
        (Titles(open_graph=outlet, document=outlet, headings=(headline,)), []),
        (Titles(open_graph=headline, document=headline), [headline]),  # named as the outlet
        (Titles(open_graph=headline, headings=(f"World {headline}",)), []),
        (Titles(open_graph=headline, headings=(f"{headline}5 comments",)), []),
        (Titles(open_graph=headline, headings=(outlet, headline, "Win a holiday in the mountains")), []),
        (Titles(document=f"World / {headline} - {outlet}", headings=(headline,)), [outlet]),
        (Titles(document=f"{headline} - {outlet}"), []),  # only a word in it says that it is an outlet
    ):
        assert choose_title(page, "", site_names=names) == headline


@pytest.mark.parametrize(
    ("titles", "names", "title"),
    [
        pytest.param(
            Titles(headings=("Rates table",), json_ld="Rates table", document="Rates table | A | B | C | D | E"),
            ["A | B | C | D | E | F"], "Rates table", id="a name of many parts",
        ),
        pytest.param(
            Titles(headings=("On bugs",), document="On bugs – Vortex Cannon Entertainment"), ["vortexcannon"],
            "On bugs", id="a headline shorter than the name",
        ),
        pytest.param(
            Titles(headings=("Comments", "A diet - ten kilos in two weeks"), document="A diet - ten kilos. Comments"),
            [], "A diet - ten kilos in two weeks", id="a heading of a part below",
        ),
        pytest.param(
            Titles(document="Fire kills four - news agency", headings=("Fire kills four - news agency",)), [],
            "Fire kills four - news agency", id="who says so stays",
        ),
        pytest.param(
            Titles(headings=("New Zealand",), json_ld="a monarchy in Oceania", document="New Zealand - Lexicon"), [],
            "New Zealand", id="the data describe it only",
        ),
        pytest.param(
            Titles(headings=("家の_空",), open_graph="秋の山 (2) @ 家の_空"), ["家の_空"],
            "秋の山 (2) @ 家の_空", id="a blog",
        ),
    ],
)  # fmt: skip
def test_the_shape_of_a_title_decides_where_its_places_disagree(titles: Titles, names: list[str], title: str) -> None:
    assert choose_title(titles, "", site_names=names) == title


def test_a_section_that_is_the_headline_once_more_is_not_cut_off() -> None:
    titles = Titles(json_ld="Rates table", open_graph="Rates table", document="Rates table | Example")
    assert choose_title(titles, "", site_names=["Example"], section="Rates table") == "Rates table"


@pytest.mark.parametrize(
    ("titles", "name", "expected"),
    [
        (Titles(document="Agency :: Bridge opens in the old town"), "Agency News", "Bridge opens in the old town"),
        (Titles(document="The Outlet", headings=("The Outlet",), subheadings=("Bridge opens in the old town", "More")),
         "The Outlet", "Bridge opens in the old town"),
        (Titles(document="Bridge opens in the old town", headings=("The Outlet",),
                subheadings=("Read what others read today", "Bridge opens in the old town")),
         "The Outlet", "Bridge opens in the old town"),
        (Titles(document="Bridge opens (AFP)", headings=("Bridge opens (AFP)",)), "AFP", "Bridge opens (AFP)"),
        (Titles(document="Bridge opens (The Outlet)"), "The Outlet", "Bridge opens"),
    ],
)  # fmt: skip
def test_the_outlets_name_is_told_from_the_headline(titles: Titles, name: str, expected: str) -> None:
    assert choose_title(titles, "", site_names=[name]) == expected
