import sys

import pytest

from workers.extract.language import MAX_CHARACTERS, UNDETERMINED, detect

NEWS = {
    "en": "The ministers of both countries signed an agreement on the border on Monday evening.",
    "fa": "وزیران دو کشور عصر دوشنبه توافق‌نامه‌ای درباره مرز امضا کردند و گفتند که گفت‌وگوها ادامه دارد.",
    "ar": "وقع وزيرا البلدين مساء الاثنين اتفاقا بشأن الحدود وقالا إن المحادثات سوف تستمر في الأسبوع المقبل.",
    "ru": "Министры двух стран подписали в понедельник вечером соглашение о границе и продолжат переговоры.",
    "uk": "Міністри двох країн підписали у понеділок увечері угоду про кордон і продовжать переговори.",
    "tr": "İki ülkenin bakanları pazartesi akşamı sınır konusunda bir anlaşma imzaladı ve görüşmeler sürecek.",
    "zh": "两国部长星期一晚上签署了边界协议，并表示谈判将继续进行。",
    "fr": "Les ministres des deux pays ont signé lundi soir un accord sur la frontière.",
    "es": "Los ministros de los dos países firmaron el lunes por la noche un acuerdo sobre la frontera.",
    "de": "Die Minister der beiden Länder haben am Montagabend ein Abkommen über die Grenze unterzeichnet.",
    "ky": "Эки өлкөнүн министрлери дүйшөмбү күнү кечинде чек ара боюнча келишимге кол коюшту.",
    "he": "שרי שתי המדינות חתמו ביום שני בערב על הסכם בנוגע לגבול והשיחות יימשכו.",
}


@pytest.mark.parametrize(("language", "text"), NEWS.items())
def test_a_sentence_of_news_is_told_apart(language: str, text: str) -> None:
    assert detect(text)[0] == language
    assert detect(text)[1] > 0.8


def test_traditional_chinese_is_chinese() -> None:
    text = "兩國部長星期一晚上簽署了邊界協議，並表示談判將繼續進行，雙方對結果表示滿意。"
    assert detect(text)[0] == "zh"


def test_dari_is_persian() -> None:
    text = "وزیران هر دو کشور شام روز دوشنبه در کابل موافقت‌نامه‌ای را در باره سرحد امضا نمودند."
    assert detect(text)[0] == "fa"


@pytest.mark.parametrize("text", ["", "   \n", "\x00\x01", "\ud800", "https://example.org/a/b"])
def test_a_text_without_words_is_undetermined(text: str) -> None:
    assert detect(text) == (UNDETERMINED, 0.0)


@pytest.mark.parametrize(
    "hostile", ["\x00", "\x0b", "\x1f", "\x7f", "\x85", "\ud800", "\ufffe", "\uffff", "\U0010ffff"]
)
def test_characters_that_the_detector_refuses_do_not_reach_it(hostile: str) -> None:
    assert detect(hostile + NEWS["en"] + hostile)[0] == "en"


def test_no_code_point_makes_it_fail() -> None:
    for first in range(0, sys.maxunicode + 1, 1000):
        language, confidence = detect("".join(map(chr, range(first, min(first + 1000, sys.maxunicode + 1)))))
        assert language == UNDETERMINED or len(language) == 2
        assert 0.0 <= confidence <= 1.0


def test_only_the_beginning_decides() -> None:
    beginning = (NEWS["de"] + " ") * (MAX_CHARACTERS // len(NEWS["de"]) + 1)
    assert detect(beginning + NEWS["en"] * 500) == detect(beginning)


def test_addresses_do_not_decide() -> None:
    links = " https://example.org/the/very/long/english/address/of/the/page" * 5
    assert detect(NEWS["ar"] + links)[0] == "ar"


def test_a_mixed_text_is_less_sure() -> None:
    assert detect(NEWS["en"] * 3 + NEWS["ru"] * 3)[1] < detect(NEWS["en"] * 3)[1]
