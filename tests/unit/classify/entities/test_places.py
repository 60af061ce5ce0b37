import timeit
from itertools import pairwise
from time import process_time

import pytest

from workers.classify.entities.names import Mention, Row, parse
from workers.classify.entities.naming import shipped_places
from workers.classify.entities.places import COUNTRY, country_rows, main_countries
from workers.classify.matching.fold import Folded

PLACES = shipped_places()


def found(text: str, language: str) -> list[str]:
    mentions = PLACES.find(Folded(text), language)
    assert {mention.kind for mention in mentions} <= {COUNTRY, "organisation"}
    return [mention.id for mention in mentions if mention.kind == COUNTRY]


def spans(text: str, language: str) -> list[str]:
    folded = Folded(text)
    return [text[slice(*folded.span(m.start, m.end))] for m in PLACES.find(folded, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Iran and Iraqi officers met in Ankara", ["IR", "IQ", "TR"]),
        ("en", "The UK, the U.S. and the USA, DPRK and Turkiye", ["GB", "US", "US", "KP", "TR"]),
        ("en", "Tehran's envoy in Bishkek; a Kyrgyz-Tajik commission", ["IR", "KG", "KG", "TJ"]),
        ("en", "South Korea and North Korean troops, South Sudanese police", ["KR", "KP", "SS"]),
        ("fr", "La police française et l'Iran, aux États-Unis; un officier irakien", ["FR", "IR", "US", "IQ"]),
        ("es", "La policía española, Marruecos y EE.UU.; el ejército turco", ["ES", "MA", "US", "TR"]),
        ("de", "Die deutsche Polizei, Irans Grenze, ein türkischer Minister", ["DE", "IR", "TR"]),
        ("tr", "İran'ın Ankara Büyükelçisi, Suriyeliler ve ABD", ["IR", "TR", "SY", "US"]),
        ("tr", "Irakta ve Türkiyede", ["IQ", "TR"]),
        ("ru", "В Тегеране, главы России и США; кубинцы, иранскими силами", ["IR", "RU", "US", "CU", "IR"]),
        ("ru", "между Ираном и Киргизией, в Саудовской Аравии и Южной Корее", ["IR", "KG", "SA", "KR"]),
        ("uk", "В Україні, Росії та Києві", ["UA", "RU", "UA"]),
        ("ky", "Кыргызстандын Баткен облусу, Тажикстанга", ["KG", "KG", "TJ"]),
        ("ar", "وزير الداخلية الإيراني والعراق وللعراق بالسعودية", ["IR", "IQ", "IQ", "SA"]),
        ("ar", "الولايات المتحدة وبغداد وسلطنة عمان", ["US", "IQ", "OM"]),
        ("fa", "ایران و عراقی‌ها در تهران و افغانستان", ["IR", "IQ", "IR", "AF"]),
        ("fa", "وزیر کشور ترکیه به مسکو رفت", ["TR", "RU"]),
        ("ur", "ایران اور پاکستانی فوج، نئی دہلی", ["IR", "PK", "IN"]),
        ("he", "איראן וישראל בארה״ב", ["IR", "IL", "US"]),
        ("zh", "中国和俄罗斯在北京,伊朗外长,美军", ["CN", "RU", "CN", "IR", "US"]),
        ("zh", "中國、俄羅斯與伊朗", ["CN", "RU", "IR"]),
    ],
)
def test_names_people_capitals_and_short_forms_are_found_in_every_language(
    language: str, text: str, expected: list[str]
) -> None:
    assert found(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "A Roman road, a Romanian and normal formalities in Nigeria and Somalia", ["RO", "NG", "SO"]),
        ("en", "They told us that turkey and china were served to the male guests", []),
        ("en", "Guinea pigs in Papua New Guinea and Equatorial Guinea", ["PG", "GQ"]),
        ("en", "Police in New Mexico and the Gulf of Mexico", []),
        ("en", "The Washington Post on Latin America", []),
        ("en", "IRAN GIVE US A SIGN", ["IR"]),
        ("en", "iran and iraq sign", ["IR", "IQ"]),
        ("en", "Francois Hollande spoke", []),
        ("ru", "Кроме того, индивидуальный подход. Того мало", []),
        ("ru", "Ес ли нет, в Латинской Америке", []),
        ("tr", "Mali İşler Daire Başkanlığı, Çini müzesi", []),
        ("ar", "التحقيق المالي في مدرسة للبنين", []),
        ("ar", "أمريكا اللاتينية وصلاة المغرب", []),
        ("fa", "امور مالی در آستانه سال نو", []),
        ("ur", "کل شام", []),
        ("fa", "سناتور تام کاتن یک چک داد", []),
        ("ky", "Данияр келди", []),
        ("tr", "Avukat Karakaş", []),
        ("zh", "上海地区", ["CN"]),
        ("zh", "其中日本", ["JP"]),
        ("zh", "印度尼西亚与印度洋,索马里,中美洲,马里兰", ["ID", "SO"]),
        ("zh", "古巴西部", ["CU"]),
    ],
)
def test_words_that_only_look_like_countries_are_not_found(language: str, text: str, expected: list[str]) -> None:
    assert found(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jordan closed its border", ["JO"]),
        ("Jordan Foreign Minister Safadi said this", ["JO"]),
        ("Jordan Says It Will Close Border Crossing With Syria", ["JO", "SY"]),
        ("The coach Jordan Smith spoke after the game", []),
        ("It was the star Michael Jordan who spoke", []),
        ("Jordan Smith spoke in Amman about Jordan", ["JO", "JO", "JO"]),
        ("A court in Georgia, Atlanta, said on Monday", []),
        ("A court in Georgia said on Monday", ["GE"]),
        ("A Georgian court in Tbilisi and one in Atlanta", ["GE", "GE"]),
    ],
)
def test_a_doubtful_name_counts_unless_something_speaks_against_it(text: str, expected: list[str]) -> None:
    assert found(text, "en") == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Turkey prices rise ahead of Thanksgiving as shoppers wait", []),
        ("en", "Before Thanksgiving many cooks ask how long Turkey takes", []),
        ("en", "Roast Turkey with sauce", []),
        ("en", "Turkey's army said so", ["TR"]),
        ("en", "On Monday Turkey said that it waits", ["TR"]),
        ("en", "Officials of NATO member Turkey spoke", ["TR"]),
        ("en", "The president of Turkey Recep Erdogan spoke in Antalya, Turkey", ["TR", "TR"]),
        ("en", "Before Thanksgiving the envoy of Turkey flew to Ankara", ["TR", "TR"]),
        ("en", "The star Michael Jordan came late. Jordan said that he was tired.", []),
        ("en", "Michael Jordan flew to Amman and liked Jordan", ["JO", "JO"]),
        ("en", "There were talks in Jordan", ["JO"]),
        ("en", "The envoys came from Lebanon, Jordan and elsewhere", ["LB", "JO"]),
        ("en", "A court in Georgia heard the case. The trial in Macon goes on", []),
        ("en", "Researchers at the University of Georgia found this", []),
        ("en", "The winner of the Georgia primary spoke", []),
        ("en", "Georgia and Armenia signed", ["GE", "AM"]),
        ("en", "The army said on Monday Jordan would help", ["JO"]),
        ("en", "Officers of New York, Florida, and Texas", ["US", "US", "US"]),
        ("en", "A bank in Decatur, Georgia, was robbed", []),
        ("en", "A letter to our Mr. Jordan was found", []),
        ("en", "Chad told police that he was at home", []),
        ("en", "Chad's president said so", ["TD"]),
        ("en", "The plant in Peru, Indiana closed", []),
        ("en", "A man from Lebanon, Pennsylvania, was held", []),
        ("en", "They live in Cuba, Missouri.", []),
        ("en", "Peru, Chile and Cuba", ["PE", "CL", "CU"]),
        ("en", "Moscow, Georgia and Ukraine", ["RU", "GE", "UA"]),
        ("en", "Canada, California and Japan", ["CA", "US", "JP"]),
        ("en", "Add two Chile peppers", []),
        ("en", "The champion Israel Adesanya won", []),
        ("en", "Israel Air Force jets flew", ["IL"]),
        ("en", "The model Kathy Ireland, the actor Tom Holland and the novels of Jack London", []),
        ("en", "Officials in Ireland, Holland and London", ["IE", "NL", "GB"]),
        ("en", "President Joe Biden, Israel said", ["IL"]),
        ("en", "The actress America Ferrera spoke", []),
        ("en", "A Panama hat, a Dutch oven and a Danish pastry", []),
        ("en", "Panama, the Dutch police and a Danish ship", ["PA", "NL", "DK"]),
        ("en", "Polish your shoes, wash the Fine China", []),
        ("en", "Polish police in China", ["PL", "CN"]),
        ("en", "the CAR government said so", ["CF"]),
        ("en", "CAR BOMB kills two, the car burned", []),
        ("tr", "Cin fikirli adam", []),
        ("tr", "Çin heyeti", ["CN"]),
        ("tr", "MISIR ekmeği tarifi", []),
        ("tr", "Mısır ordusu", ["EG"]),
        ("es", "Receta de Chile con carne", []),
        ("es", "La policía de Chile", ["CL"]),
        ("ru", "Перу Пушкина принадлежит поэма", []),
        ("ru", "Полиция Перу", ["PE"]),
        ("zh", "这种方法国内很少见", []),
        ("zh", "法国内政部", ["FR"]),
        ("zh", "约旦河水位", []),
        ("zh", "约旦河西岸和约旦", ["PS", "JO"]),
    ],
)
def test_a_name_is_weighed_by_what_stands_beside_it(language: str, text: str, expected: list[str]) -> None:
    assert found(text, language) == expected


def test_a_traditional_name_is_no_part_of_simplified_words() -> None:
    assert found("馬利與法國", "zh") == ["ML", "FR"]
    assert found("伊拉克总理马利基", "zh") == ["IQ"]


def test_a_short_name_of_one_language_is_no_name_in_another_of_its_script() -> None:
    assert found("Rus komutan", "tr") == ["RU"]
    assert found("Rus in urbe", "en") == []


def test_short_names_are_found_in_pages_of_another_script_and_of_unknown_languages() -> None:
    assert found("گزارش Iran", "fa") == ["IR"]
    assert found("Iran i Polska", "pl") == ["IR"]
    assert found("Rus", "und") == ["RU"]


def test_the_span_is_the_name_as_the_text_writes_it() -> None:
    assert spans("Die Türkei und İran – Straße", "de") == ["Türkei", "İran"]
    assert spans("والعراق", "ar") == ["العراق"]
    assert spans("中俄", "zh") == ["中", "俄"]


def test_a_word_for_two_countries_gives_way_to_a_name_that_begins_inside_it() -> None:
    assert found("中俄边境", "zh") == ["CN", "RU"]
    assert found("中俄罗斯", "zh") == ["RU"]


def test_nothing_overlaps_and_the_order_is_that_of_the_text() -> None:
    text = (
        "The Republic of Korea, the Democratic Republic of the Congo and the UN Security Council in South Sudan. " * 3
    )
    mentions = PLACES.find(Folded(text), "en")
    assert len(mentions) == 12
    assert all(a.end <= b.start for a, b in pairwise(mentions))


def test_every_country_has_a_two_letter_code() -> None:
    ids = {part for row in country_rows() if row.kind == COUNTRY for part in row.id.split("+")}
    assert all(len(i) == 2 and i.isupper() and i.isascii() for i in ids)
    assert len(ids) > 190


def test_no_term_of_our_own_tables_is_given_twice_in_a_row() -> None:
    assert [row for row in country_rows() if len(set(row.terms)) != len(row.terms)] == []


@pytest.mark.parametrize("table", ["IR en Iran", "IR\ten", "IR\ten\t", "\ten\tIran"])
def test_a_line_that_is_no_row_is_refused_with_its_number(table: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        list(parse("# comment\n" + table, COUNTRY))


def test_a_row_names_its_languages_and_terms() -> None:
    assert list(parse("IR\ten,fr\tIran; Persia*\n", COUNTRY)) == [Row(COUNTRY, "IR", ("en", "fr"), ("Iran", "Persia*"))]


def test_the_country_of_the_title_and_the_lead_is_the_main_one() -> None:
    def mention(country: str, start: int) -> Mention:
        return Mention(COUNTRY, country, start, start + 4)

    body = [mention("IQ", 50), mention("US", 3000), mention("US", 4000), Mention("organisation", "un", 10, 12)]
    shares = main_countries([mention("IR", 1)], body)
    assert [country for country, _ in shares] == ["IR", "IQ", "US"]
    assert sum(share for _, share in shares) == pytest.approx(1.0)
    assert main_countries([], []) == ()


@pytest.mark.parametrize("language", ["en", "fa", "zh"])
def test_time_grows_with_the_length_of_the_text_and_no_faster(language: str) -> None:
    unit = "Iran and Jordan Smith, ایران و عراق, 中俄罗斯 其中日本 Россия. "
    short, long = Folded(unit * 50), Folded(unit * 500)
    PLACES.find(long, language)

    def seconds(folded: Folded, times: int) -> float:
        return min(timeit.repeat(lambda: PLACES.find(folded, language), timer=process_time, number=times, repeat=5))

    assert seconds(long, 1) < 3 * seconds(short, 10)


@pytest.mark.parametrize(
    "text", ["", " ", "?", "\u200c", "İ" * 100, "ـ" * 50, "Jordan", "Jordan ", " Jordan", "\ud800"]
)
def test_odd_texts_are_no_error(text: str) -> None:
    for language in ("en", "fa", "zh", "und", ""):
        spans(text, language)


@pytest.mark.parametrize("text", ["People like Michael Jordan ", "There was Jordan  ", "人" * 200 + "people Jordan "])
def test_a_name_before_blanks_at_the_end_is_no_error(text: str) -> None:
    PLACES.find(Folded(text), "en")
