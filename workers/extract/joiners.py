"""Carries what belongs to a text through tools that drop it: format characters, and two heads of lists.

trafilatura removes every character for which `str.isprintable` is false. That takes the zero-width non-joiner out of
Persian (it stands between the parts of a word), joiners out of Indic scripts, and signs out of Arabic. Each is replaced
by a stand-in that is printable, in the basic plane and absent from news: the hexagrams of the Yijing. Private-use
characters do not serve: they are not printable either.

trafilatura also drops a block that says "Mehr zum Thema" or "More on this" (`utils.RE_FILTER`) and keeps the headlines
of other stories below it, which without their head look like lines of the article. A hexagram inside saves the head for
the rule that cuts both (`text`).
"""

import re

#: U+180E parts a Mongolian vowel from its word.
_KEPT = "\u180e\u200c\u200d\u200e\u200f\u061c\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
_STAND_INS = "".join(chr(0x4DC0 + index) for index in range(len(_KEPT)))
#: A page that writes hexagrams itself keeps them: each goes behind this one, which no character stands for.
_ESCAPE = "\u4dff"
#: Stands for nothing: it makes other words of those that trafilatura drops.
_FENCE = "\u4dfe"
_FILTERED = re.compile(r"\W*(?:mehr(?=\s+zum\s+thema)|more(?=\s+on\s+this))", re.IGNORECASE)
#: A block with one of those two heads is hardly longer.
_LONGEST_HEAD = 60
_HEXAGRAMS = "\u4dc0-\u4dff"
_HEXAGRAM = re.compile(f"[{_HEXAGRAMS}]")
_HEXAGRAM_BYTES = b"\xe4\xb7"  # how all of them begin in UTF-8, and nothing else
#: Characters that a page may also write as their number.
_HIDDEN = frozenset(map(ord, _KEPT)) | frozenset(range(0x4DC0, 0x4E00))
_SHOWN = dict(zip(_STAND_INS, _KEPT, strict=True))
_TO_SHOW = re.compile(f"{_ESCAPE}([{_HEXAGRAMS}])|[{_HEXAGRAMS}]")
_ENTITIES = re.compile(r"&(?:zwnj|zwj|lrm|rlm|#x[0-9a-f]{1,9}|#\d{1,9});?", re.IGNORECASE)
_NAMED = {"zwnj": "\u200c", "zwj": "\u200d", "lrm": "\u200e", "rlm": "\u200f"}


def hide(html: str) -> str:
    """Replace each kept format character, literal or written as an entity, by its stand-in."""
    if "&" in html:
        html = _ENTITIES.sub(_entity, html)
    if html.isascii():
        return html
    if _HEXAGRAM_BYTES in html.encode("utf-8", "surrogatepass"):  # quicker than to look for the pattern
        html = _HEXAGRAM.sub(rf"{_ESCAPE}\g<0>", html)
    for char, stand_in in zip(_KEPT, _STAND_INS, strict=True):  # `translate` takes thirty times as long
        html = html.replace(char, stand_in)
    return html


def fence(text: str) -> str:
    """Make a block that begins with "Mehr zum Thema" or "More on this" pass a tool that drops it; `show` undoes it."""
    found = _FILTERED.match(text) if len(text) <= _LONGEST_HEAD else None
    return f"{found[0]}{_FENCE}{text[found.end() :]}" if found else text


def show(text: str) -> str:
    """Put the format characters back."""
    return text if text.isascii() else _TO_SHOW.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    return found[1] or _SHOWN.get(found[0], "")  # an escape without what it escaped: the text was cut there


def _entity(found: re.Match[str]) -> str:
    """The character of an entity if it is hidden, else the entity as it is: it may stand for markup."""
    name = found[0].strip("&;").lower()
    if name in _NAMED:
        return _NAMED[name]
    code = int(name.lstrip("#x"), 16 if "x" in name else 10)
    return chr(code) if code in _HIDDEN else found[0]
