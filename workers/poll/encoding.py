"""A feed's bytes become text. Pure, total: bytes in, text out, never an exception.

feedparser believes the label, whatever it names (`punycode`, `undefined`: it raises, RELIABILITY.md finding 7), and
believes the header before the body. Here the body speaks first: what is valid UTF-8 is UTF-8.
"""

import codecs
import re

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
HEADER_LABEL = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
XML_LABEL = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.IGNORECASE)
#: Labels under which the web means the wider set (WHATWG Encoding Standard, "names and labels").
WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030"}
#: Python codecs that are encodings of something else than a document.
NOT_FOR_DOCUMENTS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "mbcs", "oem"}


def decode_feed(body: bytes, content_type: str = "") -> str:
    """Return the text of a feed: by its byte order mark, else as UTF-8 if it is that, else as header or XML declare."""
    for mark, codec in BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace").removeprefix("\ufeff")
    in_header, in_body = HEADER_LABEL.search(content_type), XML_LABEL.match(body)
    labels = [in_header[1]] if in_header else []
    labels += [in_body[1].decode("ascii")] if in_body else []
    named = [known for label in labels if (known := _codec(label)) is not None]
    # ISO-2022-JP is pure ASCII too, with escapes
    for codec in [*named, "utf-8"] if b"\x1b" in body else ["utf-8", *named]:
        try:
            return body.decode(codec)
        except UnicodeError:
            continue
    return body.decode(named[0] if named else "utf-8", "replace")


def _codec(label: str) -> str | None:
    try:
        known = codecs.lookup(label)
    except (LookupError, ValueError):
        return None
    # the standard library's own mark of a codec from bytes to text; bytes.decode asks for it as well
    if not known._is_text_encoding or known.name in NOT_FOR_DOCUMENTS:
        return None
    return WIDER.get(known.name, known.name)
