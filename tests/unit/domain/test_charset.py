import codecs
import encodings.aliases

import pytest

from workers.domain.charset import CODEC_OF_LABEL, decode

PERSIAN = "وزير خارجه در تهران درباره همكاري مرزي سخن گفت"
RUSSIAN = "Министр рассказал о переговорах на границе и о новых правилах"


@pytest.mark.parametrize(
    ("body", "header", "text"),
    [
        pytest.param(b"\xef\xbb\xbfcaf\xc3\xa9", "windows-1251", "café", id="a byte order mark beats the header"),
        pytest.param("café".encode("utf-16"), None, "café", id="utf-16 is known by its mark"),
        pytest.param(RUSSIAN.encode("koi8-r"), "KOI8-R", RUSSIAN, id="the header names the charset"),
        pytest.param("“é”".encode("cp1252"), "ISO-8859-1", "“é”", id="latin1 means windows-1252"),
        pytest.param("新闻".encode("gbk"), "gb2312", "新闻", id="gb2312 means gb18030"),
        pytest.param("邊境".encode("big5"), ' "big5" ', "邊境", id="labels are trimmed of quotes"),
        pytest.param("café".encode(), "no-such-charset", "café", id="an unknown label is ignored"),
        pytest.param("café".encode(), None, "café", id="valid utf-8 needs no label"),
        pytest.param(b"", "utf-8", "", id="nothing stays nothing"),
    ],
)
def test_bytes_are_read_as_a_browser_reads_them(body: bytes, header: str | None, text: str) -> None:
    assert decode(body, header) == text


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="windows-1256">',
        "<META CHARSET=windows-1256 />",
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1256">',
        '<!-- <meta charset="koi8-r"> --><meta charset=windows-1256>',
    ],
)
def test_a_meta_element_names_the_charset_where_the_header_does_not(meta: str) -> None:
    page = f"<html><head>{meta}</head><body>{PERSIAN}</body></html>"
    assert PERSIAN in decode(page.encode("cp1256"), None)


def test_a_header_that_the_bytes_contradict_gives_way_to_the_meta_element() -> None:
    page = f"<html><head><meta charset=windows-1256></head><body>{PERSIAN}</body></html>"
    assert PERSIAN in decode(page.encode("cp1256"), "utf-8")


def test_a_page_without_any_label_is_detected() -> None:
    assert decode((RUSSIAN * 5).encode("cp1251"), None) == RUSSIAN * 5


def test_one_broken_byte_does_not_turn_a_utf8_page_into_another_charset() -> None:
    text = RUSSIAN * 10
    assert decode(text.encode() + b"\xff", None) == text + "\ufffd"


@pytest.mark.parametrize(
    "name", sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values(), "idna", "undefined"})
)
def test_no_name_that_python_knows_can_raise_or_run_a_codec_that_is_not_text(name: str) -> None:
    body = b"+ADw-script+AD4- <p>caf\xc3\xa9 \xff\x00</p>"
    for shape in (name, name.replace("_", "-")):
        assert "<script" not in decode(body, shape)
        assert "<script" not in decode(b'<meta charset="' + shape.encode() + b'">' + body, None)


def test_every_label_leads_to_a_text_codec_of_python() -> None:
    for codec in set(CODEC_OF_LABEL.values()):
        assert codecs.lookup(codec)._is_text_encoding
    assert not {"zlib", "hex", "rot13", "utf-7", "utf7", "idna", "punycode", "undefined"} & set(CODEC_OF_LABEL)
