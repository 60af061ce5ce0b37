import timeit
from time import process_time

import pytest

from workers.classify.entities.naming import shipped_places
from workers.classify.entities.pairs import MAX_APART, acting_together
from workers.classify.matching.fold import Folded

PLACES = shipped_places()


def pairs(text: str, language: str) -> list[tuple[str, str, str]]:
    folded = Folded(text)
    found = acting_together(folded, PLACES.find(folded, language), language)
    return [(p.first, p.second, text[slice(*folded.span(p.start, p.end))]) for p in found]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Officers of Iran met Iraqi ones.", ("IQ", "IR", "Iran met Iraqi")),
        ("en", "The Iran-Iraq border is open.", ("IQ", "IR", "Iran-Iraq")),
        ("en", "Police of the U.S. and Mexico", ("MX", "US", "U.S. and Mexico")),
        ("en", "Russia and the US say so", ("RU", "US", "Russia and the US")),
        ("fr", "La France et l'Espagne le disent", ("ES", "FR", "France et l'Espagne")),
        ("fr", "un centre franco-allemand", ("DE", "FR", "franco-allemand")),
        ("es", "España y Marruecos", ("ES", "MA", "España y Marruecos")),
        ("de", "Die deutsch-polnische Grenze", ("DE", "PL", "deutsch-polnische")),
        ("de", "Deutschland und Polen", ("DE", "PL", "Deutschland und Polen")),
        ("tr", "Türkiye ve Irak sınırı", ("IQ", "TR", "Türkiye ve Irak")),
        ("tr", "Türkiye ile İran arasında", ("IR", "TR", "Türkiye ile İran")),
        ("ru", "ирано-иракская граница", ("IQ", "IR", "ирано-иракская")),
        ("ru", "Россия и Китай", ("CN", "RU", "Россия и Китай")),
        ("uk", "Україна та Польща", ("PL", "UA", "Україна та Польща")),
        ("ky", "Кыргызстан жана Тажикстан", ("KG", "TJ", "Кыргызстан жана Тажикстан")),
        ("ar", "العراق وإيران", ("IQ", "IR", "العراق وإيران")),
        ("ar", "وقعت السعودية والإمارات اتفاقا", ("AE", "SA", "وقعت السعودية والإمارات")),
        ("fa", "مرز ایران و ترکیه", ("IR", "TR", "ایران و ترکیه")),
        ("fa", "وزیر ایران با همتای عراقی", ("IQ", "IR", "ایران با همتای عراقی")),
        ("ur", "ایران اور پاکستان", ("IR", "PK", "ایران اور پاکستان")),
        ("he", "ישראל וירדן", ("IL", "JO", "ישראל וירדן")),
        ("zh", "中俄边境", ("CN", "RU", "中俄")),
        ("zh", "中国和俄罗斯举行会谈", ("CN", "RU", "中国和俄罗斯举行会谈")),
    ],
)
def test_two_countries_of_a_deed_or_named_as_one_act_together(
    language: str, text: str, expected: tuple[str, str, str]
) -> None:
    assert pairs(text, language) == [expected]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Iran met nobody. Iraq was silent."),
        ("en", "Iran, which lies east of Iraq, was silent"),
        ("en", "War between Israel and Iran"),
        ("en", "Iranian officers met in Tehran and Isfahan of Iran"),
        ("en", "NATO and Iran signed"),
        ("ru", "Война России и Украины"),
        ("zh", "伊朗会谈。伊拉克沉默"),
        ("fa", "مذاکره ایران؟ عراق ساکت بود"),
        ("en", "Iran signed it " + "so many words later " * (MAX_APART // 20 + 1) + " in Iraq"),
    ],
)
def test_countries_of_two_sentences_of_a_fight_or_far_apart_do_not(language: str, text: str) -> None:
    assert pairs(text, language) == []


FIGHTS = [
    ("en", "Talks on Iran failed after Israel struck Syria", []),
    ("en", "Germany beat France 2-1; coaches met", []),
    ("zh", "中美贸易战升级", []),
    ("fr", "La France contre l'Allemagne, sommet à suivre", []),
    ("ru", "Россия нанесла удар по Украине перед саммитом", []),
    ("en", "The Iranian president and his Turkish counterpart discussed the war in Syria", [("IR", "TR")]),
    ("en", "Iran agreed on the fight against terrorism with Russia after talks", [("IR", "RU")]),
    ("en", "Iran held talks with Iraq on the war", [("IQ", "IR")]),
    ("ru", "Иран и Ирак обсудили войну", [("IQ", "IR")]),
    ("zh", "中俄会谈讨论战争", [("CN", "RU")]),
]
DENIALS = [
    ("en", "Iran says no talks with United States", []),
    ("en", "Iran and Iraq hold no direct talks", []),
    ("en", "Iran denied talks with Iraq", []),
    ("ru", "Иран не подписал договор с Ираком", []),
    ("fr", "L'Iran n'a pas signé avec l'Irak", []),
    ("zh", "中俄没有会谈", []),
    ("en", "Iran said nothing on talks with Iraq", [("IQ", "IR")]),
]
WEAK = [
    ("en", "Police in Turkey arrested a man from Iran who met a friend", []),
    ("en", "Iranian officers deal with drugs that come from Iraq by sea", [("IQ", "IR")]),
    ("en", "On a visit somebody said that Iran lies east of Iraq", []),
    ("en", "The Turkish minister visited Iran", [("IR", "TR")]),
    ("en", "Iran and Iraq met", [("IQ", "IR")]),
    ("en", "An Iranian and his Turkish colleague met", [("IR", "TR")]),
]


@pytest.mark.parametrize(("language", "text", "expected"), [*FIGHTS, *DENIALS, *WEAK])
def test_beside_a_fight_or_a_denial_the_deed_or_a_joiner_stands_between_the_names(
    language: str, text: str, expected: list[tuple[str, str]]
) -> None:
    assert [pair[:2] for pair in pairs(text, language)] == expected


FAR = "so many words later " * (MAX_APART // 20 + 1)


@pytest.mark.parametrize(("far", "expected"), [("", [("IQ", "IR")]), (FAR, [])])
@pytest.mark.parametrize(
    "text", ["They signed {}that Iran lies east of Iraq", "Iran, which lies east of Iraq, {}signed"]
)
def test_a_deed_far_from_both_names_says_nothing(text: str, far: str, expected: list[tuple[str, str]]) -> None:
    assert [pair[:2] for pair in pairs(text.format(far), "en")] == expected


def test_an_initial_is_no_end_of_a_sentence() -> None:
    assert pairs("The U.S. signed with Iraq", "en") == [("IQ", "US", "U.S. signed with Iraq")]


def test_a_word_of_a_deed_outweighs_one_of_a_fight() -> None:
    assert pairs("Talks between Israel and Iran on the war", "en") == [("IL", "IR", "Talks between Israel and Iran")]


def test_a_pair_says_whether_a_word_told_it() -> None:
    folded = Folded("Iran and Iraq signed. Iran and Iraq.")
    told = acting_together(folded, PLACES.find(folded, "en"), "en")
    assert [pair.is_told for pair in told] == [True, False]


def test_every_pair_is_told_once_a_sentence_and_a_long_list_gives_no_flood() -> None:
    names = ["Iran", "Iraq", "Turkey", "Russia", "China", "India", "France", "Spain", "Italy", "Poland"]
    found = pairs("Talks of " + ", ".join(names * 3), "en")
    assert len({pair[:2] for pair in found}) == len(found) <= 10 + len(names)


@pytest.mark.parametrize("unit", ["Iran and Iraq and Turkey signed with Russia ", "Iran struck Iraq struck met "])
def test_time_grows_with_the_length_of_the_text_and_no_faster(unit: str) -> None:
    def seconds(repeats: int, times: int) -> float:
        folded = Folded(unit * repeats)  # one sentence: the worst case
        mentions = PLACES.find(folded, "en")
        return min(
            timeit.repeat(lambda: acting_together(folded, mentions, "en"), timer=process_time, number=times, repeat=5)
        )

    assert seconds(400, 1) < 4 * seconds(40, 10)


@pytest.mark.parametrize("text", ["", "?", "Iran", "Iran Iraq", "İran-Irak" * 20, "中俄中俄。" * 9])
def test_odd_texts_are_no_error(text: str) -> None:
    for language in ("en", "tr", "zh", "und"):
        pairs(text, language)
