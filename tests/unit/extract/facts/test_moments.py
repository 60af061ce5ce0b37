import pytest

from workers.extract.facts.moments import read_moment


@pytest.mark.parametrize(
    ("written", "utc", "exact"),
    [
        ("2024-05-06T10:00:00Z", "2024-05-06T10:00:00+00:00", True),
        ("2024-05-06T10:00:00+0330", "2024-05-06T06:30:00+00:00", True),
        ("2024-05-06 10:00", "2024-05-06T10:00:00+00:00", False),
        ("2024-05-06", "2024-05-06T00:00:00+00:00", False),
        ("20240506", "2024-05-06T00:00:00+00:00", False),
        ("Mon, 06 May 2024 10:00:00 +0300", "2024-05-06T07:00:00+00:00", True),
        ("Mon May 06 10:00:00 EDT 2024", "2024-05-06T14:00:00+00:00", True),
        ("2024-05-06 10:00:00 +0000 UTC", "2024-05-06T10:00:00+00:00", True),
        ("1714989600", "2024-05-06T10:00:00+00:00", True),
        ("1714989600000", "2024-05-06T10:00:00+00:00", True),
        ("6/5/2024", "2024-05-06T00:00:00+00:00", False),
        ("5/16/2024", "2024-05-16T00:00:00+00:00", False),
        ("May 6, 2024 10:15 PM EDT", "2024-05-07T02:15:00+00:00", True),
        ("۱۴۰۳/۰۲/۱۷ - ۱۰:۳۰", "2024-05-06T10:30:00+00:00", False),
        ("1403-02-17", "2024-05-06T00:00:00+00:00", False),
        ("1399/12/30", "2021-03-20T00:00:00+00:00", False),
        ("1357/11/22", "1979-02-11T00:00:00+00:00", False),
        ("2567-05-06", "2024-05-06T00:00:00+00:00", False),
        ("Publié le 06/05/2024 à 10h30", "2024-05-06T10:30:00+00:00", False),
    ],
)
def test_a_written_time_is_read_as_utc(written: str, utc: str, exact: bool) -> None:
    moment = read_moment(written)
    assert moment is not None
    assert (moment.at.isoformat(), moment.exact) == (utc, exact)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("fr", "6 mai 2024"), ("de", "6. Mai 2024"), ("es", "6 de mayo de 2024"), ("pt", "6 de maio de 2024"),
        ("ru", "6 мая 2024 г."), ("uk", "6 травня 2024"), ("tr", "6 Mayıs 2024"), ("pl", "6 maja 2024"),
        ("hu", "2024. május 6."), ("el", "Δευτέρα, 6 Μαΐου 2024"), ("he", "6 במאי 2024"), ("hi", "६ मई २०२४"),
        ("ar", "6 مايو 2024"), ("ar", "٦ أيار ٢٠٢٤"), ("fa", "۱۷ اردیبهشت ۱۴۰۳"), ("fa", "۶ می ۲۰۲۴"),
        ("th", "6 พฤษภาคม 2567"), ("ko", "2024년 5월 6일"), ("zh", "2024年5月6日"), ("en", "6th of May 2024"),
        ("ar", "6 مايو/أيار 2024"), ("ar", "الإثنين 6 أيار / مايو 2024"), ("fa", "۱۷ ارديبهشت ۱۴۰۳"),
        ("fa", "دوشنبه ۱۷ اردیبهشت ۱۴۰۳"), ("ar", "٠٦/٠٥/٢٠٢٤"), ("lt", "2024 m. gegužės 6 d."),
        ("lv", "2024. gada 6. maijs"),
        ("kk", "2024 жылғы 6 мамыр"), ("bs", "6. maja 2024"), ("sr", "6. маја 2024."), ("cs", "6. května 2024"),
        ("fi", "6.5.2024"), ("ur", "6 مئی ، 2024"), ("bn", "৬ মে ২০২৪"), ("id", "Senin, 06 Mei 2024"),
        ("it", "06 Mag 2024"),
        ("vi", "Thứ hai, 6/5/2024"), ("my", "၆ မေ ၂၀၂၄"), ("km", "6 ឧសភា 2024"), ("az", "6 may 2024"),
        ("ckb", "٦ ئایار ٢٠٢٤"),
        ("ar", "الاثنين 27 شوال 1445 هـ - 6 مايو 2024 م"), ("xx", "May 6, 2024"),
    ],
)  # fmt: skip
def test_months_have_the_names_of_the_pages_language(language: str, written: str) -> None:
    moment = read_moment(written, language)
    assert moment is not None
    assert moment.at.isoformat() == "2024-05-06T00:00:00+00:00"


def test_one_name_is_another_month_in_the_neighbours_language() -> None:
    months = [moment.at.month for code in ("pl", "hr") if (moment := read_moment("6 listopada 2024", code))]
    assert months == [11, 10]


def test_the_month_comes_first_where_it_does() -> None:
    moment = read_moment("05/06/2024", month_first=True)
    assert moment is not None
    assert (moment.at.month, moment.at.day) == (5, 6)


@pytest.mark.parametrize(
    "written",
    [
        "", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "99999-01-01", "\x00", "2024-13-45",
        "May 2024", "30 February 2024", "1403/12/31", "10:30", "12345", "31/02/2024", "²/²/2024",
        "28 شوال 1445 هـ",
    ],
)  # fmt: skip
def test_what_is_no_time_of_this_calendar_is_none(written: str) -> None:
    assert read_moment(written) is None


@pytest.mark.parametrize("language", ["", "-", "../../x", "x" * 35, "\ud800", "C", "root"])
def test_an_unknown_language_leaves_the_english_names(language: str) -> None:
    assert read_moment("6 May 2024", language) is not None


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("دوشنبه ۱۷ اردیبهشت ۱۴۰۳ - ۱۰:۳۰", "2024-05-06T10:30"),
        ("6 במאי 2024", "2024-05-06T00:00"),
        ("6 मई 2024, 10:30 AM", "2024-05-06T10:30"),
        ("6 مايو 2024", "2024-05-06T00:00"),
        ("6 أيار 2024", "2024-05-06T00:00"),
        ("6 мая 2024, 10:30", "2024-05-06T10:30"),
        ("6 травня 2024", "2024-05-06T00:00"),
        ("6 mai 2024 à 10h30", "2024-05-06T10:30"),
        ("6 พฤษภาคม 2567", "2024-05-06T00:00"),
        ("1714991400000", "2024-05-06T10:30"),
        ("1714991400", "2024-05-06T10:30"),
    ],
)
def test_the_script_tells_whose_months_they_are_where_no_language_does(written: str, utc: str) -> None:
    moment = read_moment(written)
    assert moment is not None
    assert moment.at.isoformat().startswith(utc)
