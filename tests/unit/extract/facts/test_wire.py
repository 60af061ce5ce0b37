import pytest

from workers.extract.facts.wire import agency_named, read_wire


@pytest.mark.parametrize(
    ("opening", "place", "agency"),
    [
        ("القاهرة في 6 مايو/أ ش أ/ قال البنك", "القاهرة", "MENA"),
        ("NEW DELHI (PTI) The bank", "NEW DELHI", "PTI"),
        ("Rio de Janeiro (EFE) - The bank", "Rio de Janeiro", "EFE"),
        ("The Hague (ANP) - The bank", "The Hague", "ANP"),
        ("Xi'an (Xinhua) -- The bank", "Xi'an", "Xinhua"),
        ("الرياض 06 مايو 2024 (واس) قال البنك", "الرياض", "SPA"),
        ("TEHRAN (FNA) - The bank said", "TEHRAN", "Fars"),
        ("ANKARA, Nov 3 (Xinhua) -- The bank said", "ANKARA", "Xinhua"),
        ("WASHINGTON, May 3 (Reuters/AFP) - The bank", "WASHINGTON", "Reuters"),
        ("BEIRUT — (AP) — The bank", "BEIRUT", "AP"),
        ("SANTA FE, N.M. (AP) — The bank", "SANTA FE, N.M", "AP"),
        ("MADRID, 3 May. (EUROPA PRESS) - El banco", "MADRID", "Europa Press"),
        ("Madrid, 3 may (EFE).- El banco", "Madrid", "EFE"),
        ("Paris, 3 mai 2024 (AFP) - La banque", "Paris", "AFP"),
        ("Berlin (dpa) - Die Bank", "Berlin", "dpa"),
        ("(ANSA) - ROMA, 03 MAG - La banca", "ROMA", "ANSA"),
        ("İSTANBUL (AA) - Banka", "İSTANBUL", "Anadolu"),
        ("МОСКВА, 3 ноября. /ТАСС/. Банк", "МОСКВА", "TASS"),
        ("МОСКВА, 3 ноя — РИА Новости. Банк", "МОСКВА", "RIA Novosti"),
        ("تهران (ایرنا) - بانک", "تهران", "IRNA"),
        ("(تهران (ایرنا) - بانک", "تهران", "IRNA"),
        ("تهران- ایرنا- بانک", "تهران", "IRNA"),
        ("به گزارش خبرگزاری تسنیم، بانک", "", "Tasnim"),
        ("القاهرة (رويترز) - البنك", "القاهرة", "Reuters"),
        ("بيروت - (أ ف ب) - البنك", "بيروت", "AFP"),
        ("دمشق-سانا قال البنك", "دمشق", "SANA"),
        ("بغداد/ واع / البنك", "بغداد", "INA"),
        ("新华社北京5月3日电（记者某）银行", "北京", "Xinhua"),
        ("【ワシントン共同】銀行は", "ワシントン", "Kyodo"),
        ("(서울=연합뉴스) 은행은", "서울", "Yonhap"),
    ],
)
def test_a_dateline_names_place_and_agency(opening: str, place: str, agency: str) -> None:
    found = read_wire(f"{opening} so on Friday.\nMore was said.")
    assert (found.place, found.agency, found.credit) == (place, agency, agency)


@pytest.mark.parametrize(
    "text",
    [
        "The minister (left) said - on Friday - that it was so.",
        "AP officials met in New York.",
        "Israel - PA talks resume in Cairo.",
        "Prices rose (again) - and fell.",
        "",
    ],
)
def test_a_sentence_is_no_dateline(text: str) -> None:
    assert read_wire(text).agency == ""


@pytest.mark.parametrize(
    ("end", "authors", "credit"),
    [
        ("(Reporting by A Person; Editing by B Person)", (), "Reuters"),
        ("Source: Xinhua", (), "Xinhua"),
        ("The bank said so (AFP)", (), "AFP"),
        ("/ТАСС/", (), "TASS"),
        ("The end.", ("Associated Press",), "AP"),
        ("The end.", ("A Writer, AFP",), "AFP"),
        ("The end.", ("A Writer",), ""),
        ("The bank told Reuters.", (), ""),
    ],
)
def test_a_credit_closes_the_text_or_stands_in_the_byline(end: str, authors: tuple[str, ...], credit: str) -> None:
    assert read_wire(f"The bank kept its rate.\n{end}", authors).credit == credit


def test_no_agency_has_two_names() -> None:
    assert agency_named("Thomson Reuters") == agency_named("رويترز") == "Reuters"
    assert agency_named("the bank") == ""


@pytest.mark.parametrize(
    "text",
    [
        "Iran's state news agency (IRNA) reported on Monday",
        "The German press agency (dpa) said on Monday",
        "The Associated Press (AP) has learned",
        "The Associated Press (AP) - a cooperative",
        "He met Somebody Important (AP) - and left",
        "El Partido Laborista (PA) - dijo el lunes",
        "Индекс РТС (РИА) вырос в понедельник",
        "وكالة الأنباء السعودية (واس) قالت",
    ],
)
def test_a_subject_with_its_abbreviation_is_no_dateline(text: str) -> None:
    assert read_wire(text + ", and more of it follows.").place == ""
    assert read_wire(text + ", and more of it follows.").agency == ""
