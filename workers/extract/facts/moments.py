"""Times as pages write them, read as UTC: ISO 8601, RFC 5322, numbers and month names of the page's language.

Month names come from the CLDR (babel), loaded for the page's own language when a date is written in words. Persian
(Solar Hijri) years 1300 to 1499 and Buddhist years are told by their number and counted over.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError

#: A written time is hardly longer (characters).
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a page gave it, in UTC. `exact` when the page named both the hour and the offset."""

    at: datetime
    exact: bool


_CLOCK = (
    r"(?:[T\s,.|/،•·–—-]|at|um|à|às|a las|klo|kl\.?|в|saat|ساعت|o)*"
    r"(?:(?P<hour>\d{1,2})[:hH.時时](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?)?"
    r"\s*(?P<half>[ap]\.?m\b\.?)?\s*"
    r"(?P<zone>Z\b|[+-]\d{2}:?\d{2}\b|(?:UTC|GMT)(?:[+-]\d{1,2}(?::?\d{2})?)?|\b[A-Z]{2,4}\b)?"
)
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?P<year>\d{4})\s*[-/.年년]\s*(?P<month>\d{1,2})\s*[-/.月월]\s*(?P<day>\d{1,2})(?!\d)[日일.]?" + _CLOCK,
    re.IGNORECASE,
)
_COMPACT = re.compile(
    r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:T?(?P<hour>\d{2})(?P<minute>\d{2})\d{0,2}(?P<zone>Z)?)?"
)
#: As programs print it: Mon May 06 10:00:00 EDT 2024.
_UNIX = re.compile(
    r"[A-Z][a-z]{2} (?P<name>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>[\d:]{4,8}) "
    r"(?P<zone>[A-Z]{3,4})? ?(?P<year>\d{4})"
)
_YEAR_LAST = re.compile(
    r"(?<!\d)(?P<first>\d{1,2})\s*[-/.]\s*(?P<second_number>\d{1,2})\s*[-/.]\s*(?P<year>\d{4})(?!\d)" + _CLOCK,
    re.IGNORECASE,
)
#: Years outside are of another calendar, or of none.
_PLAIN_YEARS = 1500, 2450
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
#: Seconds or milliseconds since 1970, of the years 2001 to 2033. Read first: ISO 8601 would find a date in them.
_EPOCH = re.compile(r"1\d{9}(?:\d{3})?")

#: Hours from UTC of the abbreviations that outlets print; ambiguous ones (IST, CST) are left out.
_ZONES = {
    "Z": 0.0, "UTC": 0.0, "GMT": 0.0, "WET": 0.0, "BST": 1.0, "CET": 1.0, "CEST": 2.0, "EET": 2.0, "EEST": 3.0,
    "MSK": 3.0, "TRT": 3.0, "EST": -5.0, "EDT": -4.0, "CDT": -5.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0,
    "ET": -5.0, "PT": -8.0,
    "JST": 9.0, "KST": 9.0, "HKT": 8.0, "SGT": 8.0, "PKT": 5.0, "WIB": 7.0, "AEST": 10.0, "AEDT": 11.0, "SAST": 2.0,
}  # fmt: skip

#: Solar Hijri months as Iran and (from the thirteenth on) Afghanistan name them.
_SOLAR = (
    "فروردین اردیبهشت خرداد تیر مرداد شهریور مهر آبان آذر دی بهمن اسفند "
    "حمل ثور جوزا سرطان اسد سنبله میزان عقرب قوس جدی دلو حوت"
)
#: Letters that outlets type in the Arabic or in the Persian form.
_ONE_FORM = str.maketrans("يىك", "ییک")
#: Languages in which the CLDR has regional names beside the common ones, and names that outlets use and it lacks.
_LOCALES = {
    "ar": ("ar", "ar_LB", "ar_DZ", "ar_MA", "ar_MR"),
    "zh": (),
    "ja": (),
    "ko": (),
    "sr": ("sr", "sr_Latn"),
    "no": ("nb",),
}
_MORE = {
    "fa": "ژانویه فوریه مارس آوریل مه ژوئن ژوئیه اوت سپتامبر اکتبر نوامبر دسامبر|"
    "جنوری فبروری مارچ اپریل می جون جولای آگوست سپتمبر اکتوبر نومبر دسمبر",
    "bs": "januara februara marta aprila maja juna jula augusta septembra oktobra novembra decembra",
    "sr": "јануара фебруара марта априла маја јуна јула августа септембра октобра новембра децембра|"
    "januara februara marta aprila maja juna jula avgusta septembra oktobra novembra decembra",
    "en": "jan feb mar apr may jun jul aug sept oct nov dec",
    "tr": "oca şub mar nis may haz tem ağu eyl eki kas ara",
    "id": "januari februari maret april mei juni juli agustus september oktober november desember",
}
#: Scripts, and the languages that are written in them: the names of months are nearly all different.
_SCRIPTS = (
    ("\u0370", "\u03ff", ("el",)),
    ("\u0400", "\u052f", ("ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "tg", "mn")),
    ("\u0530", "\u058f", ("hy",)),
    ("\u0590", "\u05ff", ("he",)),
    ("\u0600", "\u06ff", ("fa", "ar", "ur", "ps", "ckb")),
    ("\u0900", "\u097f", ("hi", "mr", "ne")),
    ("\u0980", "\u09ff", ("bn",)),
    ("\u0b80", "\u0bff", ("ta",)),
    ("\u0e00", "\u0e7f", ("th",)),
    ("\u1000", "\u109f", ("my",)),
    ("\u10a0", "\u10ff", ("ka",)),
    ("\u1200", "\u137f", ("am",)),
)
#: Of Latin ones those that agree: Croatian "listopad" is October, in Czech and Polish it is November.
_LATIN = ("en", "es", "pt", "fr", "de", "it", "nl", "tr", "id", "pl", "ro", "sv", "az")


def read_moment(written: str, language: str = "en", *, month_first: bool = False) -> Moment | None:
    """Read the first time that is written; without an hour and an offset it is taken as UTC and marked as not exact.

    Args:
        written: for example "2024-05-06T10:00:00+0330", "6 mai 2024 à 10h30", "۱۴۰۳/۰۲/۱۷ ۱۰:۳۰", "1714989600".
        language: ISO 639-1, whose month names are tried beside the English ones.
        month_first: whether 5/6/2024 is the sixth of May (as in the United States).
    """
    written = _plain(written)
    if _EPOCH.fullmatch(written):
        return _moment(datetime.fromtimestamp(int(written[:10]), UTC), exact=True)
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return _read_other(written, language, month_first)
    if not _PLAIN_YEARS[0] <= at.year < _PLAIN_YEARS[1]:
        return _read_other(written, language, month_first)
    return _moment(at, exact=at.tzinfo is not None and ":" in written)


def _plain(written: str) -> str:
    """Western digits, single spaces, no direction marks."""
    written = "".join(char for char in written.strip()[:_LONGEST] if unicodedata.category(char) != "Cf")
    if not written.isascii():
        written = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in written)
    return " ".join(written.split())


def _read_other(written: str, language: str, month_first: bool) -> Moment | None:
    if written[:3].isalpha() and written[3:4] == ",":  # the only form with a comma there
        try:
            at = parsedate_to_datetime(written)
        except (ValueError, TypeError, IndexError, OverflowError):
            pass
        else:
            return _moment(at, exact=at.tzinfo is not None and ":" in written)
    if found := _UNIX.fullmatch(written):
        written = f"{found['day']} {found['name']} {found['year']} {found['clock']} {found['zone'] or ''}"
    if found := _COMPACT.fullmatch(written) or _YEAR_FIRST.search(written):
        return _dated(found, int(found["year"]), int(found["month"]), int(found["day"]))
    if found := _YEAR_LAST.search(written):
        day, month = int(found["first"]), int(found["second_number"])
        if month > 12 or (month_first and day <= 12):
            day, month = month, day
        return _dated(found, int(found["year"]), month, day)
    return _read_named(written, language)


def _read_named(written: str, language: str) -> Moment | None:
    """A date with the name of its month, in the page's language, in English or in those of the script."""
    if not _YEAR.search(written):
        return None
    lowered = written.lower().translate(_ONE_FORM)
    for names in dict.fromkeys(((language,), ("en",), _languages_of(lowered))):
        pattern, numbers = _month_names(names)
        for form in pattern:
            for found in form.finditer(lowered):
                month = numbers[found["name"]]
                moment = _dated(found, int(found["year"]), abs(month), int(found["day"]))
                if moment:
                    return moment
    return None


def _languages_of(text: str) -> tuple[str, ...]:
    """The languages whose names of months a text may have, by the script of its first letter beyond ASCII."""
    foreign = next((char for char in text if char > "\u0240" and char.isalpha()), "")
    return next((languages for first, last, languages in _SCRIPTS if first <= foreign <= last), _LATIN)


@lru_cache(maxsize=64)
def _month_names(languages: tuple[str, ...]) -> tuple[tuple[re.Pattern[str], ...], dict[str, int]]:
    """Patterns of dates with month names of languages, and the number that each name stands for."""
    numbers = {
        name.removesuffix(".").translate(_ONE_FORM): number
        for language in reversed(languages)  # the first language that has a name says which month it is
        for name, number in _names_of(language)
        if not name.removesuffix(".").isdigit()
    }
    if not numbers:
        return (), {}
    names = "|".join(map(re.escape, sorted(numbers, key=len, reverse=True)))
    month = rf"(?:(?<![^\W\d])|(?<=\bב))(?P<name>{names})(?![^\W\d])\.?"
    day, year = r"(?<!\d)(?P<day>\d{1,2})(?!\d)", r"(?P<year>\d{4})(?!\d)"
    other = r"(?:\s?/\s?[^\W\d]+)?"  # Arabic outlets give both of a month's names
    clock = _CLOCK.replace("Z\\b", "z\\b").replace("A-Z", "a-z").replace("UTC|GMT", "utc|gmt")
    link = r"(?:\s|,|،|\.|/|-|–|\bde\b|\bdel\b|\bd'|\bof\b|\bthe\b|ב)*"
    return (
        re.compile(
            rf"{day}(?:st|nd|rd|th|er|º|ª|\.)?{link}{month}{other}{link}{year}(?:\s*(?:г|р|ж)\.?(?:ода?)?\b)?{clock}"
        ),
        re.compile(rf"{month}{link}{day}(?:st|nd|rd|th)?{link}{year}{clock}"),
        re.compile(rf"{year}\.?\s*(?:\w\.|[^\W\d]{{3,5}}\s)?{link}{month}{link}{day}{clock}"),
        re.compile(rf"{year}\.?\s*(?:[^\W\d]{{3,5}}\s)?{day}\.?{link}{month}{clock}"),
    ), numbers


def _names_of(language: str) -> Iterator[tuple[str, int]]:
    """Month names of a language in every form; those of the Solar Hijri calendar count from 1 to 24."""
    for code in _LOCALES.get(language, (language,)):
        try:
            months = Locale.parse(code).months
        except (ValueError, UnknownLocaleError):  # no language, or one that the CLDR does not know
            continue
        for names in (*months["format"].values(), *months["stand-alone"].values()):
            for number, name in names.items():
                if len(name) > 1:
                    yield name.lower().replace("\u200c", ""), number
    for line in filter(None, _MORE.get(language, "").split("|")):
        yield from ((name, number) for number, name in enumerate(line.split(), 1))
    if language in {"fa", "ps"}:
        yield from ((name, -(number % 12 + 1)) for number, name in enumerate(_SOLAR.split()))


def _dated(found: re.Match[str], year: int, month: int, day: int) -> Moment | None:
    """The moment of a match that names hour and zone in groups; None when the calendar has no such day."""
    groups = found.groupdict()
    hour, minute = int(groups.get("hour") or 0), int(groups.get("minute") or 0)
    half = (groups.get("half") or "").lower()[:1]
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    offset = _offset(groups.get("zone"))
    try:
        at = _in_calendar(year, month, day) + timedelta(hours=hour, minutes=minute)
        if hour > 23 or minute > 59:
            return None
        aware = at.replace(tzinfo=timezone(timedelta(hours=offset or 0.0)))
    except (ValueError, OverflowError):
        return None
    return _moment(aware, exact=offset is not None and groups.get("hour") is not None)


def _in_calendar(year: int, month: int, day: int) -> datetime:
    """A day of the Gregorian calendar, told by its year from the Solar Hijri and the Buddhist."""
    if 1300 <= year < 1500:
        return _from_solar_hijri(year, month, day)
    return datetime(year - 543 if 2450 <= year < 2650 else year, month, day, tzinfo=UTC)


def _from_solar_hijri(year: int, month: int, day: int) -> datetime:
    """Count over a Persian date (33-year cycle of 8 leap years: right from 1300 to 1499 within the civil calendar)."""
    if not (1 <= month <= 12 and 1 <= day <= (31 if month <= 6 else 30)):
        raise ValueError(day)
    leaps = (8 * (year - 1) + 29) // 33 - (8 * (1403 - 1) + 29) // 33
    days = 365 * (year - 1403) + leaps + (31 * (month - 1) if month <= 7 else 186 + 30 * (month - 7)) + day - 1
    return datetime(2024, 3, 20, tzinfo=UTC) + timedelta(days=days)  # the first of Farvardin 1403


def _offset(zone: str | None) -> float | None:
    """Hours from UTC, or None for a name that nobody can place."""
    if not zone:
        return None
    zone = zone.upper()
    if zone in _ZONES:
        return _ZONES[zone]
    found = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", zone)
    if found is None or int(found[2]) > 14:
        return None
    hours = int(found[2]) + int(found[3] or 0) / 60
    return -hours if found[1] == "-" else hours


def _moment(at: datetime, *, exact: bool) -> Moment | None:
    try:
        return Moment(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), exact)
    except OverflowError:  # year 1 or 9999 with an offset that leaves the calendar
        return None
