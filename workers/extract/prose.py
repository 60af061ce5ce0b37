"""What tells a sentence from a headline, in any script: its length, and the mark at its end."""

import re

from workers.extract.facts.wire import read_wire

#: Marks that end a sentence: Latin, Chinese, Arabic, Urdu, Devanagari, Armenian, Ethiopic, Burmese, Khmer, Tibetan.
MARKS = ".!?。！？．؟۔।॥։።။៖។།"
_CLOSING = "\"'”’»)\\]」』）】〉》"
_END = re.compile(rf"[{MARKS}][{_CLOSING}]*\s*$")
_INSIDE = re.compile(rf"[{MARKS}…][{_CLOSING}]*(?:\s|$)")
_ELLIPSIS = re.compile(r"(?:…|\.\.\.)\W*$")
_LAST = 12  # characters of a line in which its end is looked for

#: A Chinese character or a kana says about as much as three Latin letters, a Korean syllable as two.
_DENSE, _SYLLABLES = (
    re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"),
    re.compile("[\uac00-\ud7af]+"),
)
_WIDE = re.compile("[\u3040-\U0003ffff]")
#: Thai and Lao write no mark at the end of a sentence.
_UNMARKED = re.compile("[\u0e00-\u0eff]")

#: Measures (see `measure`) of a sentence with a mark, of one in a script without, and of a line that needs no mark.
_SENTENCE, _WITHOUT_MARK, _PARAGRAPH = 30, 75, 120

#: PLACE (AGENCY) -, PLACE /AGENCY/, PLACE - AGENCY -, with something behind it.
_DATELINE = re.compile(r".{2,50}?(?:\([^()]{2,40}\)|/[^/]{2,20}/|[-–—][^-–—]{2,20}(?=[-–—]))[\s:.–—-]*\w")


def measure(text: str) -> int:
    """Measure a text in Latin letters, so that one limit serves every script."""
    if text.isascii() or not _WIDE.search(text):
        return len(text)
    return len(text) + 2 * sum(map(len, _DENSE.findall(text))) + sum(map(len, _SYLLABLES.findall(text)))


def has_sentences(text: str) -> bool:
    """Whether a text says something in sentences, as the shortest brief does and a list of headlines does not."""
    return any(map(_is_sentence, text.split("\n")))


def ends_as_sentence(line: str) -> bool:
    """Whether a line ends with the mark of a sentence; an ellipsis is one."""
    return bool(_END.search(line[-_LAST:])) or breaks_off(line)


def breaks_off(line: str) -> bool:
    """Whether a line ends with an ellipsis, as a teaser does."""
    return bool(_ELLIPSIS.search(line[-_LAST:]))


def is_unmarked(line: str) -> bool:
    """Whether a line is in a script that does not mark the end of a sentence."""
    return bool(_UNMARKED.search(line))


def is_prose(line: str) -> bool:
    """Whether a line ends as a sentence does (an ellipsis ends a teaser), or is as long as one without marks."""
    if breaks_off(line):
        return False
    return bool(_END.search(line[-_LAST:])) or (is_unmarked(line) and len(line) >= _WITHOUT_MARK)


def _is_sentence(line: str) -> bool:
    if len(line) >= _PARAGRAPH:  # no need to measure
        return True
    size = measure(line)
    if size < _SENTENCE:
        return False
    if size >= _PARAGRAPH or _INSIDE.search(line) or (is_unmarked(line) and size >= _WITHOUT_MARK):
        return True
    # a flash may lack its full stop; an agency's dateline says that it is a report
    return bool(_DATELINE.match(line)) and bool(read_wire(line).agency)
