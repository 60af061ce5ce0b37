"""A feed's bytes become text. Pure, total: bytes in, text out, never an exception.

feedparser believes the label, whatever it names (`punycode`, `undefined`: it raises, RELIABILITY.md finding 7), and
believes the header before the body. Here the body speaks first: what is valid UTF-8 is UTF-8. Labels are those of
the WHATWG table (`workers/domain/charset.py`), and no other.
"""

import codecs
import re

from workers.domain.charset import codec_of, detect, is_mostly_read, read_strictly

#: XML is wider than the web's rules here: UTF-32, and UTF-16 that is known by its first `<` (XML 1.0, appendix F).
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
HEADER_LABEL = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
XML_LABEL = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.IGNORECASE)


def charset_of(content_type: str) -> str | None:
    """Return the charset that a Content-Type header names."""
    found = HEADER_LABEL.search(content_type)
    return found[1] if found else None


def decode_feed(body: bytes, content_type: str = "") -> str:
    """Return the text of a feed: by its byte order mark, else as UTF-8 if it is that, else as header or XML declare.

    A label that the bytes contradict gives way to what they look like; a few broken bytes cost a character each.
    """
    for mark, codec in BOMS:
        if body.startswith(mark):
            return body.decode(codec, "replace").removeprefix("\ufeff")
    in_body = XML_LABEL.match(body)
    labels = (charset_of(content_type), in_body[1].decode("ascii") if in_body else None)
    # bytes in which XML_LABEL or nothing at all could be read are not UTF-16, whatever they say
    named = [known for label in labels if (known := codec_of(label)) and not known.startswith("utf-16")]
    # ISO-2022-JP is pure ASCII too, with escapes
    for codec in [*named, "utf-8"] if b"\x1b" in body else ["utf-8", *named]:
        text = read_strictly(body, codec)
        if text is not None:
            return text
    text = body.decode(named[0] if named else "utf-8", "replace")
    return text if is_mostly_read(text) else detect(body)
