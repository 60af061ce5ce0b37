"""Carries format characters that are orthography through tools that drop what is not printable.

trafilatura removes every character for which `str.isprintable` is false. That takes the zero-width non-joiner out of
Persian (it stands between the parts of a word), joiners out of Indic scripts, and signs out of Arabic. Each is replaced
by a stand-in that is printable, in the basic plane and absent from news: the hexagrams of the Yijing. Private-use
characters do not serve: they are not printable either.
"""

import re

#: U+180E parts a Mongolian vowel from its word.
_KEPT = "\u180e\u200c\u200d\u200e\u200f\u061c\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
_STAND_INS = "".join(chr(0x4DC0 + index) for index in range(len(_KEPT)))
_HIDE = str.maketrans(_KEPT, _STAND_INS)
_SHOW = str.maketrans(_STAND_INS, _KEPT)
_ENTITIES = re.compile(r"&(?:zwnj|zwj|lrm|rlm|#(?:820[4-7]|0*x200[c-f]));?", re.IGNORECASE)
_NAMED = {"zwnj": "\u200c", "zwj": "\u200d", "lrm": "\u200e", "rlm": "\u200f"}


def hide(html: str) -> str:
    """Replace each kept format character, literal or written as an entity, by its stand-in."""
    if "&" in html:
        html = _ENTITIES.sub(_entity, html)
    return html.translate(_HIDE) if any(char in html for char in _KEPT) else html


def show(text: str) -> str:
    """Put the format characters back."""
    return text if text.isascii() else text.translate(_SHOW)


def _entity(found: re.Match[str]) -> str:
    name = found[0].strip("&;").lower()
    if name in _NAMED:
        return _NAMED[name]
    return chr(int(name.removeprefix("#").lstrip("0").removeprefix("x"), 16 if "x" in name else 10))
