"""Where a report was filed from, by which agency, and whose copy it is: datelines and credits as data, by language.

A dateline opens a report: "TEHRAN (FNA) -", "МОСКВА, 3 ноября. /ТАСС/.", "新华社北京5月3日电". A credit closes it or
stands in the byline. The text itself is left as it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: How agencies write themselves -> the one name by which we call them. Compared after case folding, whole.
_AGENCIES = """
Reuters: reuters | thomson reuters | рейтер | رويترز | رویترز | 路透社 | 路透 | ロイター | 로이터
AFP: afp=時事 | afp通信 | 法新社
AFP: afp | agence france-presse | agence france presse | афп | أ ف ب | أ.ف.ب | ا ف ب | فرانس برس | ا.ف.ب
AP: ap | associated press | the associated press | ап | أ ب | أسوشيتد برس | 美联社 | 美聯社
dpa: dpa | deutsche presse-agentur | dpa-infocom | د ب أ | د.ب.أ | دب أ
EFE: efe | agencia efe
ANSA: ansa
APA: apa
Xinhua: xinhua | xinhua news agency | синьхуа | شينخوا | شینهوا | 新华社 | 新華社
CNS: 中新社 | 中新网
Kyodo: kyodo | kyodo news | 共同 | 共同通信
Jiji: jiji | 時事
Yonhap: yonhap | 연합뉴스
KCNA: kcna | 조선중앙통신
TASS: tass | itar-tass | тасс | итар-тасс
RIA Novosti: ria novosti | ria | риа новости | риа
Interfax: interfax | интерфакс | интерфакс-украина | interfax-ukraine
Sputnik: sputnik | спутник
Ukrinform: ukrinform | укринформ | укрінформ
UNN: унн | unn
UNIAN: unian | униан | уніан
BelTA: belta | белта
Kazinform: kazinform | казинформ | qazinform
AKIpress: akipress | акиpress
Kabar: kabar | кабар
UzA: uza | уза
Anadolu: aa | anadolu | anadolu agency | anadolu ajansı | الأناضول | آناتولی
DHA: dha | demirören haber ajansı
IHA: iha | i̇ha | ihlas haber ajansı
IRNA: irna | ایرنا | إرنا | ارنا
Fars: fna | fars | fars news agency | فارس
Tasnim: tasnim | tasnim news agency | تسنیم | تسنيم
Mehr: mna | mehr news agency | mehr | مهر
ISNA: isna | ایسنا
ILNA: ilna | ایلنا
YJC: yjc | باشگاه خبرنگاران جوان
Press TV: press tv | presstv
SANA: sana | سانا
SPA: spa | واس
SABA: saba | سبأ
QNA: qna | قنا
WAM: wam | وام
KUNA: kuna | كونا
BNA: bna | بنا
Petra: petra | بترا
MENA: mena | أ ش أ
NNA: nna | الوطنية للإعلام
INA: ina | واع
APS: aps | واج
MAP: map | ومع
TAP: tap | وات
WAFA: wafa | وفا
PTI: pti | press trust of india
IANS: ians
ANI: ani
APP: app | associated press of pakistan
UNB: unb
BSS: bss
Antara: antara
Bernama: bernama
VNA: vna | ttxvn
Lusa: lusa
Agência Brasil: agência brasil
Europa Press: europa press | ep
Télam: télam | telam
Notimex: notimex
Prensa Latina: prensa latina | pl
Belga: belga
ANP: anp
TT: tt
NTB: ntb
Ritzau: ritzau
STT: stt
PAP: pap
CTK: čtk | ctk
MTI: mti
Agerpres: agerpres
BTA: bta | бта
Tanjug: tanjug | танјуг
Hina: hina
Keystone-SDA: sda | keystone-sda | ats
PA: pa | pa media | press association
AAP: aap
Canadian Press: the canadian press | canadian press
UPI: upi
Bloomberg: bloomberg
"""

_DAY = r"(?:\d{1,2}(?:st|nd|rd|th|\.)?|\d{1,2}º)"
_MONTH = r"[^\W\d_]{3,12}\.?"
_DATE = rf"(?:{_DAY} (?:de )?{_MONTH}|{_MONTH} {_DAY})(?:,? \d{{4}})?"
_DASH = r"(?:\.?\s?[-–—―:]{1,2}|\.)"
_WORD = r"[^\W\d_][^\W\d_'’]*(?:\.[^\W\d_]+)*\.?"
_PLACE = rf"(?P<place>{_WORD}(?:[ \-–/’',]{{1,2}}{_WORD}){{0,5}}?)"
_NAME = r"(?P<agency>[^\W\d_][\w .=&-]{0,34}?)"

#: Forms of a dateline at the beginning of a paragraph, the surest first.
_FORMS = [
    # TEHRAN (FNA) -  |  PARIS, May 3 (Reuters) -  |  BEIRUT — (AP) —  |  MADRID, 3 May. (EUROPA PRESS) -
    rf"\(?{_PLACE}[,.]?(?P<date>\s{_DATE},?\.?)?(?:\s?[-–—])?\s?\((?P<agencies>[^()]{{2,40}})\)\s?(?P<dash>{_DASH})?",
    # (ANSA) - ROMA, 03 MAG -  |  (Adnkronos) -
    rf"\({_NAME}\)\s?[-–—]\s?{_PLACE}(?:,\s?{_DATE})?\s?[-–—]",
    # МОСКВА, 3 ноября. /ТАСС/.  |  بغداد/ واع /  |  القاهرة في 6 مايو/أ ش أ/
    rf"{_PLACE}(?:(?:,|\sفي)\s{_DATE}\.?)?\s?/\s?{_NAME}\s?/\s?[-–—.:]?",
    # МОСКВА, 3 ноя — РИА Новости.  |  Киев. 3 ноября. УНН.
    rf"{_PLACE}[,.] {_DATE}\.?\s?[-–—.]?\s?{_NAME}\s?[.:]",
    # تهران- ایرنا-  |  دمشق-سانا  |  ANKARA - AA -
    rf"{_PLACE}\s?[-–—]\s?{_NAME}\s?(?:[-–—]|$)",
    # دمشق-سانا, without a second dash
    r"(?P<place>[\u0621-\u064a]{2,15})\s?[-–—]\s?(?P<agency>سانا|واس|واع|سبأ|بترا|قنا|كونا|وام|وفا)(?=\s)",
    # 新华社北京5月3日电  |  中新社华盛顿5月3日电
    r"(?P<agency>新华社|新華社|中新社|中新网|中央社)(?:记者)?(?P<place>[\u4e00-\u9fff]{0,8}?)\d{1,2}(?:月\d{1,2})?日(?:[^\s，。]{0,12})?(?:电|電|讯)",
    # 【ワシントン共同】  |  ［ロンドン ３日 ロイター］  |  (서울=연합뉴스)
    r"[【［\[(](?P<place>[^】］\])=\d\s]{1,12}?)[=＝\s]?(?:\s?[\d０-９]{1,2}日\s?)?(?P<agency>共同|時事|ロイター|ＡＦＰ|AFP|연합뉴스)[^】］\])]{0,20}[】］\])]",
    # 【5月3日 AFP】
    r"[【［\[](?:\d{1,2}月\d{1,2}日\s)(?P<agency>AFP|CNN|ロイター)[】］\]]",
]
#: Of these every form has one.
_MARK = re.compile(r"[(/\-–—\d【［\[]")
_DATELINES = [re.compile(rf"\s*{form}") for form in _FORMS]
#: به گزارش ایرنا  |  به گزارش خبرگزاری تسنیم  |  ANKARA (AA): "according to our agency" opens Persian reports.
_REPORTED_BY = re.compile(
    r"به گزارش (?:خبرنگار )?(?:خبرگزاری |گروه \S+ )?(?P<agency>ایرنا|ایسنا|فارس|تسنیم|مهر|ایلنا|رویترز)(?!\w)"
)
_OUR_PEOPLE = re.compile(r"\b(?:Reporting|Writing|Additional reporting) by\b.{0,300}\b[Ee]diting by\b", re.DOTALL)
_LABELLED = re.compile(
    r"[\s(（]*(?:source|quelle|fuente|fonte|kaynak|źródło|zdroj|bron|källa|kilde|джерело|источник|منبع|المصدر|来源|來源|출처)"
    r"\s?[:：]\s?([^\W\d_][\w .=/-]{1,34}?)[\s)）.]*",
    re.IGNORECASE,
)
_IN_MARKS = re.compile(r"[(/（《©]\s?([^\W\d_][\w .=-]{1,34}?)\s?[)/）》.]+$")

#: Small words in the names of places, and those that open the name of a body rather (of short names not: The Hague).
_PARTICLES = frozenset((
    "de", "del", "la", "las", "le", "les", "los", "do", "da", "dos", "das", "di", "du", "des", "el", "al", "am", "an",
    "bei", "der", "den", "im", "ob", "of", "the", "on", "upon", "sur", "en", "and", "und", "et", "y", "e", "na", "nad",
))  # fmt: skip
_ARTICLES = frozenset(("The", "A", "An", "El", "La", "Los", "Las", "Le", "Les", "Der", "Die", "Das", "Il", "O", "Os"))
_MOST_WITH_ARTICLE, _MOST_UNCASED = 2, 2

#: A dateline stands in one of the first paragraphs, within so many characters; a signature is a short last line.
_PARAGRAPHS, _REACH, _SIGNATURE = 3, 90, 60


@dataclass(frozen=True, slots=True)
class Wire:
    """What dateline, signature and byline say; "" where they say nothing."""

    place: str = ""  # as written
    agency: str = ""  # of the dateline, by its one name
    credit: str = ""  # whose copy it is, by its one name


def read_wire(text: str, authors: Iterable[str] = ()) -> Wire:
    """Read dateline and credit of an article's text and authors."""
    lines = [line for line in text.split("\n") if line]
    place, agency = "", ""
    for line in lines[:_PARAGRAPHS]:
        place, agency = _dateline(line)
        if place or agency:
            break
    return Wire(place, agency, _credit(lines[-3:], authors) or agency)


def agency_named(written: str) -> str:
    """The agency's one name, "" when the text names none."""
    return _NAMES.get(" ".join(written.casefold().strip(" .©").split()), "")


def _dateline(line: str) -> tuple[str, str]:
    head = line[:_REACH]
    for form in _DATELINES if _MARK.search(head) else ():
        found = form.match(head)
        if found is None or not _is_place(found, head):
            continue
        groups = found.groupdict()
        written = groups.get("agency") or groups.get("agencies") or ""
        named = (agency_named(part) for part in (written, *re.split(r"[/,،–]|\s-\s", written)))
        if agency := next(filter(None, named), ""):
            return _tidy(groups.get("place") or ""), agency
    if found := _REPORTED_BY.search(head):
        return "", agency_named(found["agency"])
    return "", ""


def _is_place(found: re.Match[str], head: str) -> bool:
    """Whether what stands where the place of a dateline would be is one, and no subject of a sentence.

    Names are capitalised and nobody's ("Iran's state news agency (IRNA) reported"). A place in brackets' company
    ("Ankara (AA)") must show that it opens a dateline: by a dash and no small letter behind it, by a date, or by being
    all in capitals; where the script has none, by being short.
    """
    groups = found.groupdict()
    place = groups.get("place") or ""
    words = [word for word in re.split(r"[\s/,–-]+", place) if word]
    if any(word[0].islower() and word not in _PARTICLES and "'" not in word and "’" not in word for word in words):
        return False
    if re.search(r"['’]s$|['’]s[ ,]", place) or (len(words) > _MOST_WITH_ARTICLE and words[0] in _ARTICLES):
        return False
    if "dash" not in groups or groups["date"]:
        return True
    if groups["dash"]:
        return not head[found.end() :].lstrip()[:1].islower()
    has_capitals = place.lower() != place.upper()
    return place.isupper() if has_capitals else len(words) <= _MOST_UNCASED


def _tidy(place: str) -> str:
    return place.strip(" ,.-–—/")


def _credit(last: list[str], authors: Iterable[str]) -> str:
    for author in authors:
        for part in (author, *re.split(r"[,/&|]| and | with | und | et | y | и | و ", author)):
            if agency := agency_named(part):
                return agency
    for line in reversed(last):
        if _OUR_PEOPLE.search(line):
            return "Reuters"
        if len(line) <= _SIGNATURE and (agency := agency_named(line.strip("()/（）[]— -"))):
            return agency
        found = _LABELLED.fullmatch(line) or _IN_MARKS.search(line[-_SIGNATURE:].rstrip())
        if found and (agency := agency_named(found[1])):
            return agency
    return ""


def _names() -> dict[str, str]:
    names = {}
    for line in _AGENCIES.strip().split("\n"):
        name, _, written = line.partition(": ")
        names.update({one.strip().casefold(): name for one in written.split(" | ")})
    return names


_NAMES = _names()
