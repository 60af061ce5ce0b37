"""Who and where: the countries and organisations that a text names, each with its place in the text."""

import re
from collections import defaultdict
from collections.abc import Sequence
from importlib.resources import files

from workers.classify.entities.actors import organisation_rows
from workers.classify.entities.names import Found, Mention, Names, Row, parse
from workers.classify.matching.fold import Folded
from workers.classify.matching.score import LEAD_CHARACTERS, place

COUNTRY = "country"
_TRAP = "trap"  # nothing inside it is a country
_RIVAL = "rival"  # speaks against the doubtful names of a country


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that follow the name of a country in a headline or as an office, where a surname would follow a first name.
_OFFICES = _words(
    """
    air ambassador armed army border bureau central coast coup court crown customs defence defense deputy embassy
    foreign government interior king mp mps military minister ministry navy news parliament peace pm police president
    prime prince public queen river royal says security sources state times today valley
    """
)
_SMALL_WORDS = frozenset({"after", "amid", "from", "into", "over", "than", "that", "with"})

#: "On Monday Jordan said".
_DAYS = _words(
    """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday
    January February March April May June July August September October November December
    """
)

#: Doubtful for another reason than that people are called so: turkey is a meat.
_NO_PERSON = frozenset({"TR"})

#: First names that are common in English-speaking countries: "Tom Holland", "Jack London". Our own list, without those
#: that are words of other languages ("Adam", "Ben", "Kim" in Turkish).
_FIRST_NAMES = _words(
    """
    Alan Albert Alex Alice Amanda Amy Andrea Andrew Angela Ann Anna Anne Anthony Arthur Barbara Benjamin Betty
    Bill Bob Brian Carol Catherine Charles Charlie Chris Christine Christopher Claire Colin Craig Daniel Dave David
    Deborah Dennis Diane Donald Donna Dorothy Doug Douglas Edward Elizabeth Ellen Emily Emma Eric Frank Fred Gary
    George Gerald Greg Gregory Hannah Harold Harry Heather Helen Henry Ian Jack James Jane Janet Jason Jeff Jeffrey
    Jennifer Jenny Jeremy Jessica Jim Joan Joe John Jonathan Joseph Josh Joshua Julia Julie Karen Kate Katherine Kathy
    Keith Kelly Ken Kenneth Kevin Larry Laura Lauren Linda Lisa Louis Luke Lynn Margaret Maria Mark Martin Mary
    Matt Matthew Megan Melissa Michael Michelle Mike Nancy Nathan Neil Nicholas Nick Nicole Nigel Oliver Pamela Patricia
    Patrick Paul Peter Phil Philip Rachel Ralph Randy Raymond Rebecca Richard Rick Robert Robin Roger Ron Ronald Rose
    Roy Russell Ruth Ryan Sally Sam Samantha Samuel Sandra Sarah Scott Sean Sharon Simon Stacey Stephen Steve Steven
    Stuart Sue Susan Terry Theresa Thomas Tim Timothy Tina Todd Tom Tony Tyler Vanessa Vince Walter Wayne Wendy William
    Zach
    """
)

#: "Peru, Indiana": a town called like a country. Without the states that stand in lists of countries and capitals
#: ("Moscow, Georgia and Ukraine", "Beijing, Washington").
_IN_A_STATE = re.compile(
    r",\s(?:Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Hawaii|Idaho|Illinois|"
    r"Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|"
    r"Montana|Nebraska|Nevada|New Hampshire|New Jersey|(?:North|South) (?:Carolina|Dakota)|Ohio|Oklahoma|Oregon|"
    r"Pennsylvania|Rhode Island|Tennessee|Texas|Utah|Vermont|Virginia|West Virginia|Wisconsin|Wyoming)\b"
    r"(?! (?:and|or)\b)"
)

#: A country told in the title is what the text is about more than one told in passing; the same weights as the packs'.
TITLE_WEIGHT = 2.0
LEAD_WEIGHT = 1.5


def country_rows() -> tuple[Row, ...]:
    """Return the tables of countries: names of CLDR, our own of adjectives, capitals and short forms, and the traps."""
    folder = files("workers.classify.entities").joinpath("data")
    rows = [*parse(folder.joinpath("cldr.tsv").read_text("utf-8"), COUNTRY)]
    rows += parse(folder.joinpath("countries.tsv").read_text("utf-8"), COUNTRY)
    for row in parse(folder.joinpath("traps.tsv").read_text("utf-8"), _TRAP):
        rows.append(row._replace(kind=_RIVAL, id=row.id[1:]) if row.id.startswith("!") else row)
    return tuple(rows)


class Places:
    """Finds countries and organisations. Made once (0.1 s, 8 MB); the same text always gives the same answer."""

    def __init__(self) -> None:
        self._names = Names((*country_rows(), *organisation_rows()))

    def find(self, folded: Folded, language: str) -> tuple[Mention, ...]:
        """Return what the text names, in its order and without overlaps.

        `language` is an ISO 639-1 code or "und". A word for two countries ("中俄") is two mentions in a row.
        """
        found = self._names.find(folded, language)
        rivals = {f.id for f in found if f.kind == _RIVAL}
        kept = [f for f in _without_overlaps([f for f in found if f.kind != _RIVAL]) if f.kind != _TRAP]
        others = {f for f in kept if f.kind == COUNTRY and _is_of_another(folded, f)}
        sure = {f.id for f in kept if not f.is_doubtful and f not in others}
        doubtful = [f for f in kept if f.is_doubtful and f.id not in sure]
        # "Lebanon, Jordan and Iraq": behind another country stands no first name
        ends = {f.end for f in kept if f.kind == COUNTRY}
        persons = {f for f in doubtful if f.start - 2 not in ends and _is_persons_name(folded, f)}
        # who is told by the full name once is told by the surname alone later
        surnames = {f.id for f in doubtful if _follows_first_name(folded, f)}
        refused = others | persons | {f for f in doubtful if f.id in rivals or f.id in surnames}
        return tuple(mention for f in kept if f not in refused for mention in _mentions(f))


def main_countries(
    title: Sequence[Mention], text: Sequence[Mention], *, lead_characters: int = LEAD_CHARACTERS
) -> tuple[tuple[str, float], ...]:
    """Return the countries of an article with their share of its weight (0 to 1, together 1), the heaviest first.

    A mention weighs by where it stands, as evidence of a topic does (`workers.classify.matching.score.place`).
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for field, mentions in (("title", title), ("text", text)):
        for mention in mentions:
            if mention.kind == COUNTRY:
                weights[mention.id] += place(
                    field,
                    mention.start,
                    title=TITLE_WEIGHT,
                    lead=LEAD_WEIGHT,
                    lead_characters=lead_characters,
                    opening=0,
                )
    total = sum(weights.values())
    return tuple(sorted(((i, weight / total) for i, weight in weights.items()), key=lambda pair: (-pair[1], pair[0])))


def _without_overlaps(found: Sequence[Found]) -> list[Found]:
    """Keep the first, then longest, of names that overlap: "Guinea" is not found in "Papua New Guinea".

    A word for two countries gives way to a name that begins inside it: "中俄罗斯" is no "中俄".
    """
    inside = {f.start for f in found if f.kind == COUNTRY and "+" not in f.id}
    kept: list[Found] = []
    for f in found:
        is_free = not kept or f.start >= kept[-1].end
        if is_free and not ("+" in f.id and inside.intersection(range(f.start + 1, f.end))):
            kept.append(f)
    return kept


def _mentions(found: Found) -> list[Mention]:
    ids = found.id.split("+")
    if len(ids) == 1:
        return [Mention(found.kind, found.id, found.start, found.end)]
    middle = (found.start + found.end) // 2
    return [
        Mention(found.kind, ids[0], found.start, middle),
        Mention(found.kind, ids[1], middle, found.end),
    ]


def _is_persons_name(folded: Folded, found: Found) -> bool:
    """Return whether a capitalised neighbour makes a person of it: "Jordan Smith said", "star Michael Jordan".

    A neighbour says nothing in a headline that capitalises every word but the small ones.
    """
    if found.id in _NO_PERSON:
        return False
    start, end = folded.span(found.start, found.end)
    text = folded.text
    # a headline long, from the beginning of a word (looked for nearby: in Chinese there may be no space at all)
    begin = text.rfind(" ", max(start - 120, 0), max(start - 60, 1)) + 1 or max(start - 60, 0)
    around = text[begin : end + 60].split()
    if not any(word.islower() and len(word) > 3 and word not in _SMALL_WORDS for word in around):
        return False
    words = text[end : end + 40].split(maxsplit=1) if text[end : end + 1] == " " else []
    following = words[0] if words else ""
    if following[:1].isupper() and following.strip(".,").lower() not in _OFFICES:
        return True
    before = text[max(start - 40, 0) : start].split(" ")
    # "... star Michael Jordan": a capitalised word that does not open the sentence
    name = before[-2].rstrip(".,") if len(before) > 2 and before[-1] == "" else ""
    return name[:1].isupper() and name.isalpha() and name not in _DAYS and before[-3][-1:].isalpha()


def _is_of_another(folded: Folded, found: Found) -> bool:
    """Return whether a name of a country is somebody's surname ("Tom Holland") or a town's ("Peru, Indiana")."""
    is_town = found.id != "US" and _IN_A_STATE.match(folded.text, folded.span(found.start, found.end)[1]) is not None
    return is_town or _follows_first_name(folded, found)


def _follows_first_name(folded: Folded, found: Found) -> bool:
    start = folded.span(found.start, found.end)[0]
    before = folded.text[max(start - 20, 0) : start]
    words = before.split()
    return before.endswith(" ") and words != [] and words[-1].lstrip("(\"'“‘") in _FIRST_NAMES
