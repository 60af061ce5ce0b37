import pytest

from workers.extract.prose import has_sentences, is_prose, measure


@pytest.mark.parametrize(
    "brief",
    [
        "Two people died in a blast in the port, police say.",
        "新华社某市5月6日电 该市6日证实，两人当天在爆炸中身亡。",
        "港で6日、爆発があり、少なくとも4人が死亡した。",
        "항구에서 폭발이 일어나 두 명이 숨졌다고 경찰이 밝혔다.",
        "Նավահանգստում պայթյուն է տեղի ունեցել, զոհվել է երկու մարդ։",
        "ဆိပ်ကမ်းတွင် ပေါက်ကွဲမှုကြောင့် လူနှစ်ဦး သေဆုံးသည်ဟု ရဲက ပြောသည်။",
        "เกิดเหตุระเบิดที่ท่าเรือทางตอนใต้ของประเทศเมื่อเช้าวันจันทร์ที่ผ่านมา มีผู้เสียชีวิตสองราย",
        "មានការផ្ទុះនៅកំពង់ផែ បណ្តាលឱ្យមនុស្សពីរនាក់ស្លាប់ នេះបើតាមប៉ូលិស។",
        "በወደቡ ላይ በደረሰ ፍንዳታ ሁለት ሰዎች መሞታቸውን ፖሊስ ገለጸ።",
        "بندرگاہ میں دھماکے سے دو افراد ہلاک ہو گئے، پولیس نے بتایا۔",
        "बंदरगाह में धमाके से दो लोगों की मौत हो गई, पुलिस ने बताया।",
        "BAGHDAD (AFP) - Explosion heard near the port: police",
        "МОСКВА, 6 мая. /ТАСС/. В порту произошел взрыв",
    ],
)
def test_the_shortest_brief_has_a_sentence_in_any_script(brief: str) -> None:
    assert has_sentences(brief)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Explosion heard near the port: police",
        "Blast in port (photos) - two dead, several hurt",
        "两人在港口爆炸中身亡",
        "ระเบิดที่ท่าเรือ ตายสองราย",
        "Home - World - Politics - Economy - Sport - Culture",
    ],
)
def test_a_headline_or_a_menu_has_none(text: str) -> None:
    assert not has_sentences(text)


def test_a_chinese_character_weighs_three_latin_letters_and_a_korean_syllable_two() -> None:
    assert (measure("abc"), measure("爆炸"), measure("폭발"), measure("дом")) == (3, 6, 4, 3)


def test_a_line_that_breaks_off_is_no_prose() -> None:
    assert [is_prose(line) for line in ("Two died.", "“Two died.”", "「二人が死亡。」", "Two died …", "Two")] == [
        True, True, True, False, False,
    ]  # fmt: skip
