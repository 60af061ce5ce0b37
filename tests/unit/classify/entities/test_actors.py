import re
from pathlib import Path

import pytest

from workers.classify.entities.actors import ORGANISATION, organisation_rows
from workers.classify.entities.naming import shipped_places
from workers.classify.matching.fold import Folded
from workers.domain.organisations import ORGANISATIONS

PLACES = shipped_places()


def found(text: str, language: str) -> list[str]:
    return [mention.id for mention in PLACES.find(Folded(text), language) if mention.kind == ORGANISATION]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The Shanghai Cooperation Organisation (SCO), Interpol and UNODC", ["sco", "sco", "interpol", "unodc"]),
        ("en", "NATO, the UN Security Council and the U.N.", ["nato", "un-security-council", "un"]),
        ("en", "INTERPOL AND EUROPOL ARREST", ["interpol", "europol"]),
        ("fr", "L'Otan, l'ONU et le Gafi; l'Union africaine", ["nato", "un", "african-union"]),
        ("fr", "Le GAFI et l'OSCE", ["fatf", "osce"]),
        ("es", "La OTAN, la Unión Europea y Acnur", ["nato", "eu", "unhcr"]),
        ("de", "Die OSZE, die Vereinten Nationen und Frontex", ["osce", "un", "frontex"]),
        ("tr", "Şanghay İşbirliği Örgütü'nün, AB ve BM Güvenlik Konseyi'nin", ["sco", "eu", "un-security-council"]),
        ("ru", "Саммит ШОС, ОДКБ и СНГ, Интерпола, УНП ООН", ["sco", "csto", "cis", "interpol", "unodc"]),
        ("ru", "Совета Безопасности ООН, ФАТФ, МАГАТЭ", ["un-security-council", "fatf", "iaea"]),
        ("uk", "ОБСЄ та Інтерпол", ["osce", "interpol"]),
        ("ky", "ШКУнун эмес, ШКУ жана КМШ", ["sco", "cis"]),
        ("ar", "للإنتربول والأمم المتحدة وجامعة الدول العربية", ["interpol", "un", "arab-league"]),
        ("ar", "مجلس التعاون الخليجي والاتحاد الأفريقي", ["gcc", "african-union"]),
        ("fa", "سازمان همکاری شانگهای، اینترپل و آژانس بین‌المللی انرژی اتمی", ["sco", "interpol", "iaea"]),
        ("ur", "اقوام متحدہ اور نیٹو", ["un", "nato"]),
        ("he", "האו״ם ואינטרפול", ["un", "interpol"]),
        ("zh", "上合组织、国际刑警组织、联合国安理会和东盟", ["sco", "interpol", "un-security-council", "asean"]),
    ],
)
def test_organisations_are_found_in_every_language(language: str, text: str, expected: list[str]) -> None:
    assert found(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Un accord, une fois"),
        ("en", "who is it, eu ropol, disco"),
        ("es", "Un acuerdo con una ue"),
        ("de", "Der Gus, un"),
        ("ru", "Ес"),
        ("en", "GIVE UN A CHANCE"),  # all in capitals: two letters may be anything
        ("zh", "上海合作"),
    ],
)
def test_words_that_only_look_like_organisations_are_not_found(language: str, text: str) -> None:
    assert found(text, language) == []


def test_ids_are_lower_case_words() -> None:
    assert {row.id for row in organisation_rows() if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.id)} == set()


def test_those_that_matter_most_have_names_in_nine_languages() -> None:
    languages: dict[str, set[str]] = {}
    for row in organisation_rows():
        languages.setdefault(row.id, set()).update(row.languages)
    wanted = {"en", "fr", "es", "de", "tr", "ru", "ar", "fa", "zh"}
    for organisation in ("sco", "interpol", "frontex", "fatf", "unodc", "csto", "nato", "un", "eu", "iaea"):
        assert wanted - {"tr"} <= languages[organisation], organisation


def test_the_organisations_that_packs_may_name_are_those_that_are_looked_for_and_told_in_the_manual() -> None:
    manual = (Path(__file__).parents[4] / "docs" / "topics.md").read_text(encoding="utf-8")
    listed = manual.split("The organisations: ")[1].split(".\n")[0]
    assert {row.id for row in organisation_rows()} == set(ORGANISATIONS) == set(re.findall(r"`([a-z0-9-]+)`", listed))
