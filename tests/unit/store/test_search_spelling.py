"""How a question is spelled before the database reads it."""

import pytest

from workers.store.search import spelled


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("border guards", "border guards"),
        ("边境", '"边 境"'),
        ("-边境 合作", '-"边 境" "合 作"'),
        ("中国China", '"中 国"China'),
        ('"in 边境 now"', '"in  边  境  now"'),
        ('"边境', '" 边  境 '),
        ("สวัส", '"ส ว ั ส"'),
        ("مرزبانی گفت‌وگو", "مرزبانی گفت‌وگو"),
        ("한국 국경", "한국 국경"),
        ("", ""),
    ],
)
def test_letters_without_spaces_between_words_become_phrases(question: str, asked: str) -> None:
    assert spelled(question) == asked
