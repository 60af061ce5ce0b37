"""Tables of names, and finding them all in a folded text in one linear pass.

A table is a text of rows `id, languages, terms`: tabs between them, commas between languages, "; " between terms; a row
that begins with `#` is a comment. How a term is written says how it is found:

- a capital must be a capital in the text: "Turkey" is no turkey, and `iranien*` may begin either way;
- a term all in capitals must be so in the text: "US" is not "us", "ЕС" is not "ес";
- `*` at the end of a word stands for any ending;
- traditional characters of Chinese must be so in the text: "馬利" is Mali, "马利" a part of other names;
- `~` at the end stands for the case endings of the language: "Россия~" is also "России", never "Россиянин";
- `?` before it: a doubtful name, which may be something else.

A term counts in texts of its own languages, and a long one (or a phrase) in any text. A short one of the script's most
common language also counts in languages of other scripts or without a table here: "Iran" in a Persian or a Polish page.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from typing import NamedTuple

from workers.classify.matching.fold import Folded, fold, is_traditional
from workers.classify.matching.matcher import Matcher, is_short


class Mention(NamedTuple):
    """A name at `start:end` of the padded fold of a text (`Folded.span` leads back to the text)."""

    kind: str  # country | organisation
    id: str
    start: int
    end: int


class Row(NamedTuple):
    """One row of a table, with the kind of what it names."""

    kind: str
    id: str
    languages: tuple[str, ...]
    terms: tuple[str, ...]


class Found(NamedTuple):
    """A hit before overlaps are settled. `letters` is how many letters of it the table spells out."""

    start: int
    end: int
    letters: int
    kind: str
    id: str
    is_doubtful: bool


_SCRIPTS = (frozenset({"en", "fr", "es", "de", "tr"}), frozenset({"ru", "uk", "ky"}), frozenset({"ar", "fa", "ur"}))
#: The languages whose short names count in texts of other scripts and of languages without a table.
_COMMON = frozenset({"en", "ru", "ar", "zh", "he"})
UNDETERMINED = "und"

#: Case endings of proper names by how the name ends, the longest ending first; "" is a consonant. Other names do not
#: change. German has the genitive alone; Turkish parts its endings from names by an apostrophe, which folds to a space:
#: these are for those who forget it, without the single vowels, which make other words ("Çini").
_DECLENSIONS = {
    "ru": (
        ("ия", "ия ии ию ией"),
        ("а", "а ы и е у ой"),
        ("я", "я и е ю ей"),
        ("ь", "ь я и ю е ем ью"),
        ("й", "й я ю е ем"),
        ("ы", "ы ов ам ами ах"),
        ("", "- а у ом е"),
    ),
    "uk": (
        ("ія", "ія ії ію ією"),
        ("а", "а и і у ою"),
        ("я", "я ї і ю єю"),
        ("ь", "ь я і ю ем"),
        ("й", "й я ю ї єм"),
        ("и", "и ів ам ами ах"),
        ("", "- а у ом і ові"),
    ),
    "de": (("", "- s"),),
    "tr": (
        (
            "",
            "- da de ta te dan den tan ten daki deki taki teki nin nun in un ya ye yi yu la le yla yle li lu ca ce",
        ),
    ),
}
_VOWELS = frozenset("аеиоуыэюяіїє")
_UNCHANGED = frozenset({""})
_NONE: frozenset[str] = frozenset()


class _Case(Enum):
    ANY = 0
    FIRST = 1  # the first letter is a capital
    ALL = 2
    EXACT = 3  # traditional characters, which fold to simplified ones


class _Name(NamedTuple):
    kind: str
    id: str
    is_doubtful: bool
    letters: int
    case: _Case
    only_in: frozenset[str] | None  # languages of the text; None: any but those of `not_in`
    not_in: frozenset[str]
    stem: str = ""  # of the last word, folded ...
    endings: frozenset[str] | None = None  # ... with what may follow it; None: the matcher has looked already
    written: str = ""


def parse(table: str, kind: str) -> Iterator[Row]:
    """Yield the rows of a table. Raises ValueError for a line that is none."""
    for number, line in enumerate(table.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 3 or not all(cells):
            raise ValueError(f"line {number} must be: id, languages, terms, with tabs between them")
        yield Row(kind, cells[0], tuple(cells[1].split(",")), tuple(cells[2].split("; ")))


class Names:
    """Finds the names of `rows`. Made once; the same text always gives the same answer."""

    def __init__(self, rows: Iterable[Row]) -> None:
        named: dict[str, list[_Name]] = {}
        for row in rows:
            for pattern, name in _compiled(row):
                named.setdefault(pattern, []).append(name)
        self._names = list(named.values())
        self._matcher = Matcher(list(named))

    def find(self, folded: Folded, language: str) -> list[Found]:
        """Return every name in the text, sorted by place, the longest first, doubt before none; they may overlap."""
        plain, has_case = folded.plain, not (folded.text.isupper() or folded.text.islower())
        found = set()
        for term, start, end in self._matcher.find(plain):
            for name in self._names[term]:
                if (
                    (name.only_in is None or language in name.only_in)
                    and language not in name.not_in
                    and (name.endings is None or _ends_well(plain, start, end, name))
                    and (name.case is _Case.ANY or _has_case(folded, start, end, name, has_case))
                ):
                    found.add(Found(start, end, name.letters, name.kind, name.id, name.is_doubtful))
        return sorted(found, key=lambda f: (f.start, -f.end, -f.letters, f.kind, f.id, not f.is_doubtful))


def _compiled(row: Row) -> Iterator[tuple[str, _Name]]:
    """Yield what the matcher looks for, and what is checked where it finds it."""
    own = frozenset(row.languages)
    short = (None, _refused(own)) if own & _COMMON else (own | {UNDETERMINED}, _NONE)
    for term in row.terms:
        is_declined = term.endswith("~")
        written = term.strip("?~")
        # the length first, for a quick start: `is_short` folds
        is_short_name = len(written) < 12 and " " not in written and is_short(written)
        only_in, not_in = short if is_short_name else (None, _NONE)
        letters = len(written) - written.count("*")
        name = _Name(row.kind, row.id, term[0] == "?", letters, _case(written), only_in, not_in, written=written)
        if not is_declined:
            yield written, name
            continue
        for language in row.languages:
            shortened, endings = _declined(written, language)
            stem = fold(shortened).split()[-1]
            yield shortened + "*", name._replace(stem=stem, endings=endings)


def _refused(languages: frozenset[str]) -> frozenset[str]:
    """Return the other languages of the same script, in whose texts a short name of `languages` does not count."""
    return frozenset[str]().union(*(script for script in _SCRIPTS if script & languages)) - languages


def _declined(name: str, language: str) -> tuple[str, frozenset[str]]:
    """Return the part of a name that does not change, and the folded endings that may follow."""
    for ending, forms in _DECLENSIONS[language]:
        if name.endswith(ending):
            if not ending and name[-1] in _VOWELS:
                return name, _UNCHANGED
            return name.removesuffix(ending), _folded(forms)
    return name, _UNCHANGED


@cache
def _folded(forms: str) -> frozenset[str]:
    return frozenset("" if form == "-" else fold(form).strip() for form in forms.split())


def _ends_well(plain: str, start: int, end: int, name: _Name) -> bool:
    ending = plain[plain.rfind(" ", start - 1, end) + 1 + len(name.stem) : end]
    return name.endings is None or ending in name.endings


def _case(written: str) -> _Case:
    if is_traditional(written):
        return _Case.EXACT
    if len(written) > 1 and written.isupper():
        return _Case.ALL
    return _Case.FIRST if written[0].isupper() else _Case.ANY


def _has_case(folded: Folded, start: int, end: int, name: _Name, text_has_case: bool) -> bool:
    """Return whether the text has the capitals, or the traditional characters, that the term is written with.

    In a text without any difference of case nothing can be asked of it, but there a short abbreviation may be a word.
    """
    first, last = folded.span(start, end)
    if name.case is _Case.EXACT:
        return folded.text[first:last] == name.written
    if not text_has_case:
        return name.case is _Case.FIRST or end - start > 3
    return folded.text[first].isupper() if name.case is _Case.FIRST else folded.text[first:last].isupper()
