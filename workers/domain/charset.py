"""Bytes of a document to text, by the rules that browsers follow: the one table of labels for pages and feeds. Pure.

Order (WHATWG HTML, "determining the character encoding"): byte order mark, HTTP label, `<meta>` prescan. A label that
the bytes contradict is passed over, as a server's configuration is wrong more often than its pages; then comes valid
UTF-8, then `charset_normalizer`, then UTF-8 with replacement characters.

Only the labels of the WHATWG Encoding Standard count. Python's own codec names are never looked up, since they include
`zlib_codec`, `hex`, `rot13`, `idna`, `undefined` and `utf-7`, which raise or turn text into markup.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

from charset_normalizer import from_bytes

#: Python codec -> labels, from the table of the WHATWG Encoding Standard, section 4.2. Where a browser decodes with a
#: superset (iso-8859-1 as windows-1252, gb2312 as gb18030, shift_jis as windows-31j, euc-kr as windows-949), so do we.
#: "replacement" and "x-user-defined" are left out: no article can be read with them.
_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
    "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7 "
    "iso_8859-7:1987 sun_eu_greek",
    "iso8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8 "
    "iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical",
    "iso8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
    "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5 "
    "windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022-jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
}
CODEC_OF_LABEL = {label: codec for codec, labels in _LABELS.items() for label in labels.split()}

_BOMS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_BE, "utf-16-be"), (BOM_UTF16_LE, "utf-16-le"))
#: The standard scans 1,024 bytes; real pages put comments and scripts first, so four times that.
_PRESCAN_BYTES = 4096
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
#: Covers `<meta charset=x>` and `<meta http-equiv=... content="text/html; charset=x">`: both say charset inside a meta.
_META = re.compile(rb"<meta\b[^>]{0,500}?\bcharset\s*=\s*[\"']?\s*([^\s\"'/>;]{1,40})", re.IGNORECASE)
#: What charset_normalizer may answer: charsets that news pages are written in. Rare neighbours (mac-cyrillic, cp866)
#: differ from these in a few capitals only and would win by chance.
_DETECTABLE = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("koi8_r", "gb18030", "big5hkscs", "euc_jp", "cp932", "cp949"),
]
_DETECT_BYTES = 65_536
#: A few broken bytes are a flaw of the page; more than one in 200 characters say that the label is wrong.
_TOLERATED_ERRORS = 1 / 200


def decode(body: bytes, header_charset: str | None) -> str:
    """Turn the body of a page into text by WHATWG rules, whatever the bytes and labels are. Never raises.

    Args:
        body: the bytes as fetched, transfer and content coding removed.
        header_charset: the charset parameter of the Content-Type header, if any.
    """
    for bom, codec in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(codec, "replace")
    declared = [codec for codec in (codec_of(header_charset), _prescan(body)) if codec]
    for codec in [*declared, "utf-8"]:
        text = read_strictly(body, codec)
        if text is not None:
            return text
    for codec in declared:
        text = body.decode(codec, "replace")
        if text.count("\ufffd") <= len(text) * _TOLERATED_ERRORS:
            return text
    text = body.decode("utf-8", "replace")
    return text if _is_flawed_utf8(text) else detect(body)


def codec_of(label: str | None) -> str | None:
    """Return Python's codec for a label of the WHATWG table; None for any other word."""
    return CODEC_OF_LABEL.get(label.strip(" \t\r\n\f\"'").lower()) if label else None


def _prescan(body: bytes) -> str | None:
    found = _META.search(_COMMENT.sub(b"", body[:_PRESCAN_BYTES]))
    codec = codec_of(found[1].decode("ascii", "replace")) if found else None
    # A meta that could be read as ASCII cannot be UTF-16; the standard says UTF-8 then.
    return "utf-8" if codec and codec.startswith("utf-16") else codec


def read_strictly(body: bytes, codec: str) -> str | None:
    """Return the text when every byte fits the codec, else None."""
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_flawed_utf8(text: str) -> bool:
    return text.count("\ufffd") <= len(text) * _TOLERATED_ERRORS and is_mostly_read(text)


def is_mostly_read(text: str) -> bool:
    """Tell whether more characters beyond ASCII were read than were replaced: a flaw, and not the wrong codec."""
    errors = text.count("\ufffd")
    return errors < sum(char > "\x7f" for char in text) - errors


def detect(body: bytes) -> str:
    """Return the text by what its bytes look like; UTF-8 with replacement characters where they look like nothing."""
    best = from_bytes(body[:_DETECT_BYTES], cp_isolation=_DETECTABLE).best()
    return body.decode(best.encoding if best else "utf-8", "replace")
