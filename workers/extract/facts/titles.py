"""Which of the titles that a page and its feed give is the headline, and what is cut off it.

The sources are compared after the outlet's and the section's names are cut off. The reading that most of them give
wins; of equal ones JSON-LD's and the heading's, which readers see, before what is written for networks and search.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from workers.extract.clean import clean_line
from workers.extract.facts.wire import agency_named

#: What stands between a headline and a name: spaced marks, bars without spaces, and, in scripts without spaces between
#: words, a hyphen or an underscore alone.
_SEPARATOR = re.compile(
    r"\s+(?:[-–—―|:·•»«›‹/~∙●◆⋆★☆■▪▶►>]{1,2}|::)\s+|\s*[|｜»›‖︱丨┃│║¦]+\s*|\s*::\s*"
    r"|(?<=[\u3040-\u9fff\uac00-\ud7af！？。”」』])\s*[-_－—–]{1,2}\s*"
    r"|\s+_\s*|\s[-–—]{1,2}(?=\S)|(?<=\S)[–—]\s|(?<=[a-zа-я\u0600-\u06ff])[-–]\s"
)
#: Marks that part a headline from names and hardly ever stand inside of one.
_NO_DASHES = frozenset(("|", "｜", "丨", "::", "»", "_", "•"))
_IN_BRACKETS = re.compile(r"\s*[\[(【（]([^\[\](（）【】]{2,60})[\])】）]\s*$")
_NO_LETTER = re.compile(r"[\W_]+")
_GENERIC = frozenset(
    {
        *("home", "homepage", "news", "untitled", "index", "article", "details", "startseite", "accueil", "inicio"),
        *(
            "خانه",
            "главная",
            "الرئيسية",
            "خبر",
            "اخبار",
            "новости",
            "haber",
            "noticias",
            "nachrichten",
            "menu",
            "search",
        ),
        *("notitle", "latestnews", "breakingnews", "首页", "新闻", "opinion", "world", "politics", "video", "live"),
    }
)
#: A headline that a feed or a meta cut off ends so.
_CUT_OFF = ("…", "...")
#: A heading of more or fewer characters is none (an overlong one is a page in a heading).
_LONGEST_HEADING, _SHORTEST = 400, 2
#: The least letters that two titles must share to be taken for one with something glued to it.
_GLUED = 12
#: What a title never begins or ends with, joiners and direction marks among them.
_EDGES, _MARKS = " |-–—\u200c\u200d\u200e\u200f\u061c", " |-–—»«\u200c\u200d\u200e\u200f\u061c"
#: Shorter titles may be an outlet's name (words, letters; a letter of a script without spaces counts for two).
_NAME_WORDS, _NAME_LETTERS = 4, 22
#: Words in the names of outlets, for a title's last part that nothing else tells about.
_OUTLET = re.compile(
    r"\b(?:news|times|post|herald|tribune|daily|gazette|journal|press|online|magazine|telegraph|observer|chronicle"
    r"|tv|radio|media|zeitung|nachrichten|tageblatt|anzeiger|rundschau|kurier|actualités?|quotidien|diario|noticias"
    r"|periódico|jornal|notícias|giornale|notizie|quotidiano|новости|газета|агентство|вести|известия|новини|вісті"
    r"|haber\w*|gazetesi|ajansı|gazeta|wiadomości|noviny|zprávy|správy|hírek|vijesti|vesti|novice|știri|nyheter|nyheder"
    r"|nieuws|krant|uutiset|lehti|berita|tin tức|báo|xəbərlər\w*|ειδήσεις|εφημερίδα|νέα|חדשות|समाचार|न्यूज़|نیوز)\b"
    r"|خبرگزاری|خبرگزاري|روزنامه|پایگاه خبری|صحيفة|جريدة|وكالة|موقع|قناة|شبكة|نيوز"
    r"|新闻|新聞|日报|日報|时报|時報|晚报|晚報|在线$|在線$|网$|網$|ニュース|통신|일보|뉴스|신문|ข่าว|\.(?:com|org|net|info|tv|[a-z]{2})$",
    re.IGNORECASE,
)
#: How much each source counts, the best first: the document's title is written for search engines.
_VOTES = {"json-ld": 1.0, "heading": 1.0, "open-graph": 1.0, "feed": 1.0, "document": 0.6}


@dataclass(frozen=True, slots=True)
class Titles:
    """The titles of a page by where they stand."""

    headings: tuple[str, ...] = ()  # every h1
    heading_parts: tuple[str, ...] = ()  # the pieces of those that have elements inside
    json_ld: str = ""
    open_graph: str = ""
    document: str = ""  # the title element
    subheadings: tuple[str, ...] = ()  # every h2: one may be the headline where the outlet's name has the h1

    def __iter__(self) -> Iterator[str]:
        yield from filter(None, (*self.headings, self.json_ld, self.open_graph, self.document))


NO_TITLES = Titles()


def choose_title(page: Titles, feed: str, *, site_names: Iterable[str], section: str = "") -> str:
    """Choose the headline of an article; "" when nothing names it.

    Args:
        page: the titles of the page.
        feed: title of the feed entry, may be empty.
        site_names: names of the outlet, cut off the end or the start and never taken for a headline.
        section: the outlet's section, cut off likewise.
    """
    names = frozenset(filter(None, map(_key, site_names)))
    return _choose(page, feed, names | _logos(page, names), section) or _last_resort(page)


def _choose(page: Titles, feed: str, names: frozenset[str], section: str) -> str:
    own = {_key(title) for title in (page.json_ld, page.open_graph, feed)}
    beside = names | (frozenset(filter(None, [_key(section)])) - own)  # a careless section is the headline once more
    offers = {
        "json-ld": _without(page.json_ld, names, beside),
        "open-graph": _without(page.open_graph, names, beside),
        "feed": _without(clean_line(feed), names, beside),
        "document": _without(page.document, names, beside),
    }
    offers = {source: title for source, title in offers.items() if _is_headline(title, beside)}
    if heading := _heading(page, offers, names, beside):
        if not any(_resembles(heading, title) for title in offers.values()):
            offers = {}  # it stands alone because the others only name the outlet
        offers["heading"] = heading
    offers = _without_furniture(offers)
    title = _elect(offers)
    return title if offers.keys() & {"heading", "json-ld"} else _without_outlet(title)


def _logos(page: Titles, names: frozenset[str]) -> frozenset[str]:
    """Headings that are the outlet's name: the document's title puts them behind, or before, something longer."""
    headings = {_key(heading) for heading in page.headings if _may_be_a_name(heading)} - {""}
    found = set()
    for title in (page.document, page.open_graph) if headings else ():
        for separator in _separators(title):
            before, after = title[: separator.start()], title[separator.end() :]
            if _key(after) in headings and len(_key(before)) > len(_key(after)):
                found.add(_key(after))
            is_outlet = _may_be_a_name(after) or _names_outlet(after, names) or _SEPARATOR.search(after)
            if _key(before) in headings and not is_outlet:
                found.add(_key(before))
    return frozenset(found)


def _separators(title: str) -> Iterator[re.Match[str]]:
    """What may part a headline from names; a mark that closes a quotation parts nothing."""
    for found in _SEPARATOR.finditer(title):
        before = title[: found.start()]
        if "»" not in found[0] or before.count("«") <= before.count("»"):
            yield found


def _may_be_a_name(title: str) -> bool:
    """Whether a title is so short that it may be an outlet's or a section's name."""
    return len(title.split()) <= _NAME_WORDS and _length(title) <= _NAME_LETTERS


def _length(title: str) -> int:
    """Letters of a title; one of a script that writes a word in one or two counts for two."""
    return sum(2 if char >= "\u2e80" else 1 for char in _key(title))


def _last_resort(page: Titles) -> str:
    """Of a page whose metas call the headline the outlet's name: the title that two places have."""
    keys = [_key(title) for title in page]
    return next((title for title in page if keys.count(_key(title)) > 1 and not _may_be_a_name(title)), "")


def _without_outlet(title: str) -> str:
    """Cut off a last part that sounds like the name of an outlet, where nothing tells what the outlet is called."""
    for separator in _separators(title):
        after = title[separator.end() :]
        if _may_be_a_name(after) and _OUTLET.search(after) and _length(title[: separator.start()]) >= _GLUED:
            return title[: separator.start()]
    return title


def _heading(page: Titles, offers: dict[str, str], names: frozenset[str], beside: frozenset[str]) -> str:
    """The heading that another source confirms, else the only one that could be a headline, else none."""
    headings = [
        title
        for title in (_without(heading, names, beside) for heading in page.headings if len(heading) <= _LONGEST_HEADING)
        if _is_headline(title, beside)
    ]
    keys = {_key(title) for title in offers.values()}
    if not headings and (page.headings or not offers):
        # the outlet's name has the h1, or all the page has: the first h2 that is confirmed, or stands alone
        beneath = [one for one in page.subheadings if _is_headline(one, beside) and not _may_be_a_name(one)]
        return next((one for one in beneath if not keys or _key(one) in keys), "")
    for heading in headings:
        if _key(heading) in keys:
            return heading
    for heading in headings:
        if any(_key(heading) in key and 2 * len(_key(heading)) > len(key) for key in keys):
            return heading
    if title := _inside(headings, page.heading_parts, offers.values()):
        return title
    distinct = list(dict.fromkeys(headings))
    alike = [heading for heading in distinct if any(_resembles(heading, title) for title in offers.values())]
    if len(alike) == 1 or (alike and alike[0] == distinct[0]):
        return alike[0]
    if len(distinct) != 1 or _may_be_a_name(distinct[0]):
        return distinct[0] if len(distinct) == 1 and not offers else ""
    return distinct[0] if all(map(_may_be_a_name, offers.values())) else ""


def _inside(headings: Iterable[str], parts: Iterable[str], titles: Iterable[str]) -> str:
    """The title that a heading holds beside a kicker, a subtitle or a date; "" without one."""
    titles = [title for title in titles if _length(title) > _GLUED]
    pieces = set(map(_key, parts))
    for title in titles:
        if _key(title) in pieces:
            return title
    for heading in headings:  # glued together, without elements of their own
        for title in titles:
            glued = heading.startswith(title) and heading[len(title) :][:1].isalnum()
            if glued or _key(heading).endswith(_key(title)):
                return title
    return ""


def _resembles(one: str, other: str) -> bool:
    """Whether two titles speak of the same: a third of the shorter one's words, or pairs of letters, in common."""
    ours, theirs = set(_pieces(one)), set(_pieces(other))
    return 3 * len(ours & theirs) >= min(len(ours), len(theirs)) > 0


def _pieces(title: str) -> list[str]:
    words = re.findall(r"\w{3,}", title.casefold())
    if len(words) > 2:
        return words
    key = _key(title)
    return [key[index : index + 2] for index in range(len(key) - 1)]


def _without_furniture(offers: dict[str, str]) -> dict[str, str]:
    """Cut off what only some sources put around a headline that another source gives alone."""
    titles = sorted(set(offers.values()), key=len)
    cut = {}
    for source, title in offers.items():
        for shorter in titles:
            if (
                _length(shorter) >= _GLUED
                and shorter != title
                and _key(shorter) in {_key(part) for part in _parts(title)}
            ):
                title = shorter  # noqa: PLW2901  (the shortest first)
                break
        cut[source] = title
    return cut


def _parts(title: str) -> Iterator[str]:
    """A title without its last parts, and without its first ones."""
    for separator in _separators(title):
        yield title[: separator.start()]
        yield title[separator.end() :]
    if bracket := _IN_BRACKETS.search(title):
        yield title[: bracket.start()]


def _elect(offers: dict[str, str]) -> str:
    """The title with most votes; among equal ones the order of `_VOTES`; whole ones before those that are cut off."""
    votes: defaultdict[str, float] = defaultdict(float)
    for source, title in offers.items():
        if source != "document" or title != offers.get("open-graph"):  # one field of the outlet's system, filled once
            votes[_key(title)] += _VOTES[source]
    best, most = "", 0.0
    for source in _VOTES:
        title = offers.get(source, "")
        if not title:
            continue
        count = votes[_key(title)] - (2.0 if title.endswith(_CUT_OFF) and _is_cut(title, offers) else 0.0)
        if not best or count > most:
            best, most = title, count
    return _as_written(best, [offers[source] for source in _VOTES if source in offers])


def _as_written(best: str, titles: Iterable[str]) -> str:
    """The same headline where it is written most fully: not in capitals, and with the colon for which a line broke."""
    same = [best, *(title for title in titles if _key(title) == _key(best))]
    same = [title for title in same if not title.isupper()] or same
    return next((title for title in same if ":" in title), same[0])


def _is_cut(title: str, offers: dict[str, str]) -> bool:
    start = _key(title)
    return any(_key(other) != start for other in offers.values()) and not all(
        other.endswith(_CUT_OFF) for other in offers.values()
    )


def _without(title: str, names: frozenset[str], beside: frozenset[str]) -> str:
    """Cut " - Outlet", "Outlet | ", " | Section | Outlet" and " [Outlet]" off a title."""
    title = _stripped(title)
    cut = _key(title) not in names
    allowed = names
    before, _, after = title.partition(": ")
    if cut and after and " " in before and _key(before) in names:  # a single word may be a place: "Iran: talks resume"
        title = _stripped(after)
    while cut:
        cut = False
        for separator in _separators(title):
            before, after = _stripped(title[: separator.start()]), _stripped(title[separator.end() :])
            if before and _names_outlet(after, allowed):
                title, cut, allowed = _without_section(before, separator[0].strip()), True, beside
                break
            if after and (_key(before) in names if separator[0].strip() == ":" else _names_outlet(before, allowed)):
                title, cut = after, True
                break
        bracket = _IN_BRACKETS.search(title)
        # "(AFP)" says whose report it is, also where the outlet is the agency
        if bracket and _names_outlet(bracket[1], names) and not agency_named(bracket[1]):
            title, cut = title[: bracket.start()], True
    return title


def _without_section(title: str, mark: str) -> str:
    """Cut off what stands between a headline and the outlet's name, parted from both by the same mark."""
    parts = [part for part in title.split(mark) if part.strip()] if mark in _NO_DASHES else []
    is_section = len(parts) > 1 and _may_be_a_name(parts[-1]) and _length(title) >= _GLUED + 2 * _length(parts[-1])
    return _stripped(title[: title.rindex(mark)]) if is_section else title


def _stripped(title: str) -> str:
    """A title without marks at its ends; those that quote stay."""
    return title.strip(_EDGES if "«" in title and "»" in title else _MARKS)


def _names_outlet(text: str, names: frozenset[str]) -> bool:
    """Whether a part of a title is a name of the outlet: a known one, or one that its address spells."""
    key = _key(text)
    if key in names:
        return True
    if not key or len(text.split()) > 4 or _SEPARATOR.search(text):
        return False
    return any(
        len(name) >= 3
        and (key.startswith(name) or key.endswith(name))
        and len(key) <= max(len(name) + 8, 2 * len(name) + 2)
        for name in names
    ) or any(len(key) >= 4 and name.startswith(key) for name in names)


def _is_headline(title: str, names: frozenset[str]) -> bool:
    key = _key(title)
    return len(key) >= _SHORTEST and key not in names and key not in _GENERIC


@lru_cache(maxsize=64)  # the same few titles are compared with one another
def _key(text: str) -> str:
    return _NO_LETTER.sub("", text.casefold())
