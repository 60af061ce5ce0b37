"""The whole of Unicode, the whole list and 5,000 generated examples: through the path, to the reader, exactly.

The quick version, and what each part is for: tests/integration/test_text_path.py.
"""

import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.naughty import Told, examples, naughty_strings
from tests.textpath import TextPath, check, text_path

#: Code points of a paragraph, and of an article. In titles, which are short, stand the first of each paragraph.
IN_A_PARAGRAPH, IN_AN_ARTICLE = 1_024, 16_384
IN_A_TITLE = 100
#: Examples in the text of an article; one of them is also in its title.
IN_A_TEXT = 8


@pytest.fixture
def path(engine: Engine, database_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextPath]:
    with text_path(engine, database_url, servers, monkeypatch) as made:
        yield made


def apart(codes: range) -> str:
    """Return characters with a letter between two, so that none joins another."""
    return "x".join(map(chr, codes))


def test_every_code_point_in_a_text(path: TextPath) -> None:
    told = [
        Told(
            number,
            apart(range(first, min(first + IN_A_TITLE, sys.maxunicode + 1))),
            tuple(
                apart(range(start, min(start + IN_A_PARAGRAPH, sys.maxunicode + 1)))
                for start in range(first, min(first + IN_AN_ARTICLE, sys.maxunicode + 1), IN_A_PARAGRAPH)
            ),
        )
        for number, first in enumerate(range(0, sys.maxunicode + 1, IN_AN_ARTICLE))
    ]
    check(path, told)


def test_every_code_point_of_the_first_planes_in_a_title(path: TextPath) -> None:
    """Planes 0 and 1, where scripts are; and the tags and private planes' ends."""
    starts = [*range(0, 0x20000, IN_A_TITLE), 0xE0000, 0xFFFC0, 0x10FFC0]
    ends = [min(start + IN_A_TITLE, sys.maxunicode + 1) for start in starts]
    titles = [apart(range(start, end)) for start, end in zip(starts, ends, strict=True)]
    check(path, [Told(number, one, ()) for number, one in enumerate(titles)])


def test_the_whole_list_in_titles_and_texts(path: TextPath) -> None:
    check(path, [Told(number, one, (one,)) for number, one in enumerate(naughty_strings())])


def test_5000_generated_examples(path: TextPath) -> None:
    made = examples(5_000)
    starts = range(0, len(made), IN_A_TEXT)
    check(path, [Told(start, made[start], tuple(made[start : start + IN_A_TEXT])) for start in starts])
