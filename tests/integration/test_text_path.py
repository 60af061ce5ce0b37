"""Text that programs choke on comes out of the API as the rule of docs/formats.md says (promise 4, RELIABILITY.md Q23).

The whole list, every code point and 5,000 generated examples are in tests/soak/test_naughty_text.py.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.conftest import Servers
from tests.naughty import Told, examples, naughty_strings
from tests.textpath import TextPath, check, text_path
from workers.extract.sniff import not_html

#: Of the list; in the text of each article stand the others.
TITLES = 16
#: Controls, Latin; halves of characters; noncharacters, specials and the ends of planes.
EDGES = (
    range(0xB0),
    (0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000),
    (*range(0xFDCF, 0xFDF1), *range(0xFFF0, 0x10001), 0x1FFFE, 0x1FFFF, 0xE0001, 0x10FFFE, 0x10FFFF),
)


@pytest.fixture
def path(engine: Engine, database_url: str, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextPath]:
    with text_path(engine, database_url, servers, monkeypatch) as made:
        yield made


def test_naughty_strings_and_made_up_ones_reach_the_readers_as_the_rule_says(path: TextPath) -> None:
    """Every string of the list in a text, some in a title; 200 generated ones; characters at the edges of planes."""
    naughty = naughty_strings()
    told = [
        Told(number, naughty[number * len(naughty) // TITLES], tuple(naughty[number::TITLES]))
        for number in range(TITLES)
    ]
    made = examples(200)
    told += [Told(100 + number, made[number], tuple(made[number::10])) for number in range(10)]
    told += [
        Told(200 + place, "x".join(edge), tuple(edge))
        for place, edge in enumerate([chr(code) for code in codes] for codes in EDGES)
    ]
    check(path, told)


def test_a_page_with_nul_bytes_is_no_page() -> None:
    assert not_html(b"<html><body><p>Guards met.\0\0</p></body></html>") == "binary"
