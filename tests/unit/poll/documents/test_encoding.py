"""A feed's bytes become text, whatever the labels say."""

import encodings.aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.poll.documents.encoding import decode_feed

RUSSIAN = "<rss><title>Учения на границе</title></rss>"
ARABIC = "<rss><title>تدريبات على الحدود</title></rss>"
CHINESE = "<rss><title>边境演习</title></rss>"
JAPANESE = "<rss><title>国境の演習</title></rss>"
FRENCH = "<rss><title>L’exercice à la frontière – été</title></rss>"

LONG_FRENCH = (
    "<rss><title>Le ministre de l’Intérieur a présenté à l’Assemblée un projet de coopération à la frontière. "
    "Les députés ont débattu jusqu’à minuit, puis la séance a été levée sans qu’aucune décision n’ait été prise. "
    "L’opposition réclame une enquête indépendante ; le gouvernement répond que les contrôles étaient réguliers."
    "</title></rss>"
)

PYTHONS_NAMES = sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values()})


def labelled(text: str, label: str) -> str:
    return f'<?xml version="1.0" encoding="{label}"?>{text}'


@pytest.mark.parametrize(
    ("text", "codec", "content_type"),
    [
        (RUSSIAN, "utf-8", ""),
        (RUSSIAN, "utf-8", "text/xml; charset=iso-8859-1"),  # the header of a careless server
        (labelled(RUSSIAN, "windows-1251"), "utf-8", ""),
        (RUSSIAN, "utf-8-sig", "text/xml; charset=windows-1251"),
        (RUSSIAN, "windows-1251", 'text/xml; charset="Windows-1251"'),
        (labelled(RUSSIAN, "windows-1251"), "windows-1251", "text/xml"),
        (labelled(RUSSIAN, "koi8-r"), "koi8-r", ""),
        (labelled(ARABIC, "windows-1256"), "windows-1256", "application/rss+xml"),
        (labelled(CHINESE, "gb2312"), "gb18030", ""),
        (CHINESE, "gbk", "text/xml; charset=gb2312"),
        ("<rss>邊境演習</rss>", "big5", "text/xml; charset=big5"),
        (labelled(JAPANESE, "iso-2022-jp"), "iso-2022-jp", ""),
        (labelled(JAPANESE, "shift_jis"), "shift_jis", ""),
        (labelled(FRENCH, "iso-8859-1"), "cp1252", ""),
        (RUSSIAN, "utf-16", ""),
        (labelled(RUSSIAN, "utf-16"), "utf-16-le", ""),
        (labelled(RUSSIAN, "utf-16"), "utf-16-be", ""),
        (RUSSIAN, "utf-32", ""),
    ],
)
def test_a_feed_is_read_in_its_own_encoding(text: str, codec: str, content_type: str) -> None:
    assert decode_feed(text.encode(codec), content_type) == text


@pytest.mark.parametrize(
    "label", ["punycode", "undefined", "idna", "zlib_codec", "rot13", "hex", "utf-7", "no-such", "ü"]
)
def test_a_label_that_is_no_encoding_of_documents_is_passed_over(label: str) -> None:
    assert decode_feed(labelled(FRENCH, label).encode(), f"text/xml; charset={label}") == labelled(FRENCH, label)
    assert decode_feed(b"<rss/>", f"text/xml; charset={label}") == "<rss/>"


def test_one_broken_byte_costs_one_character() -> None:
    assert decode_feed(RUSSIAN.encode()[:-10] + b"\xff" + b"</rss>") == RUSSIAN.encode()[:-10].decode() + "\ufffd</rss>"
    body = labelled(RUSSIAN, "windows-1251").encode("windows-1251") + b"\x98"
    assert decode_feed(body) == labelled(RUSSIAN, "windows-1251") + "\ufffd"


def test_a_feed_that_ends_inside_a_character_is_still_utf_8() -> None:
    assert decode_feed("граница".encode()[:-1], "text/xml; charset=utf-8") == "границ\ufffd"


@pytest.mark.parametrize(("text", "codec"), [(RUSSIAN, "windows-1251"), (LONG_FRENCH, "windows-1252")])
@pytest.mark.parametrize("label", ["", "utf-8", "no-such"])
def test_a_feed_whose_label_is_missing_or_wrong_is_read_by_what_it_looks_like(
    text: str, codec: str, label: str
) -> None:
    body = labelled(text, label) if label else text
    assert decode_feed(body.encode(codec), "application/rss+xml") == body


def test_what_was_read_as_ascii_is_not_utf_16() -> None:
    body = labelled(RUSSIAN, "utf-16").encode() + b"\xff"
    assert decode_feed(body, "text/xml; charset=utf-16le") == labelled(RUSSIAN, "utf-16") + "\ufffd"


@given(
    st.binary(max_size=60),
    st.one_of(st.sampled_from(PYTHONS_NAMES), st.text(max_size=12)),
    st.booleans(),
)
def test_decoding_never_raises_and_its_text_can_be_written(body: bytes, label: str, in_body: bool) -> None:
    prefix = labelled("", label).encode(errors="replace") if in_body else b""
    decode_feed(prefix + body, "" if in_body else f"text/xml; charset={label}").encode()
