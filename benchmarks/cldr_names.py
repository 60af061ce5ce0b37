"""Write the countries' names of CLDR, as babel has them, to workers/classify/entities/data/cldr.tsv.

Run again after an upgrade of babel, and look at the difference: `python benchmarks/cldr_names.py`. The table is in the
repository, so that a worker need not read thirteen of babel's locales when it starts (140 ms).
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import babel
from babel import Locale

TARGET = Path(__file__).resolve().parent.parent / "workers" / "classify" / "entities" / "data" / "cldr.tsv"

LANGUAGES = {
    **{code: (code,) for code in ("en", "fa", "ar", "ru", "tr", "fr", "es", "de", "ky", "uk", "ur", "he")},
    "zh": ("zh", "zh_Hant", "zh_Hant_HK"),
}

#: Dependent and uninhabited territories, groups, and codes that ISO 3166-1 does not assign: an article is hardly about
#: them, and many of their names are words ("Réunion", "Jersey", "Man"). The names of HK and MO say "China" as well; the
#: hand-written table has them.
LEFT_OUT = frozenset(
    {
        *("AC", "AI", "AQ", "AS", "AW", "AX", "BL", "BM", "BQ", "BV", "CC", "CK", "CP", "CQ", "CW", "CX", "DG", "EA"),
        *("EU", "EZ", "FK", "FO", "GF", "GG", "GI", "GP", "GS", "GU", "HK", "HM", "IC", "IM", "IO", "JE", "KY", "MF"),
        *("MO", "MP", "MQ", "MS", "NC", "NF", "NU", "PF", "PM", "PN", "QO", "RE", "SH", "SJ", "SX", "TA", "TC", "TF"),
        *("TK", "UM", "UN", "VG", "VI", "WF", "XA", "XB", "YT", "ZZ"),
    }
)

#: Names that are common words of their language. The hand-written table has other names for most of them.
WORDS = frozenset(
    {
        ("ru", "TG"),  # "that" in the genitive
        ("uk", "TG"),
        ("ar", "ML"),  # "financial"
        ("fa", "ML"),
        ("ur", "ML"),
        ("tr", "ML"),
        ("he", "ML"),
        ("ar", "BJ"),  # "boys"
        ("fa", "PE"),  # "pro"
        ("he", "PE"),
        ("fa", "GH"),  # "riches"
        ("ar", "OM"),  # Amman is spelled alike
        ("en", "JO"),  # a first name
        ("en", "GE"),  # a state of the USA
        ("en", "TD"),  # a first name
        ("en", "NE"),  # a river, and a state of Nigeria
        ("fa", "QA"),  # "diameter"
        ("ur", "SY"),  # "evening"
        ("fr", "DM"),  # first names
        ("fr", "MU"),
        ("fr", "SV"),
        ("fr", "GD"),  # Granada, or a grenade
        ("es", "GD"),
        ("es", "GE"),  # the state of the USA
        ("ky", "DK"),  # begins the first name Daniyar
        ("fa", "CZ"),  # "cheque"
        ("zh", "TD"),  # in Taiwan the first name Chad as well
        ("zh", "CD"),  # two countries of one name
        ("zh", "CG"),
    }
)


def names(territory: str, language: str) -> list[str]:
    """Return the names of one country in one language, marked as workers/classify/entities/names.py wants them."""
    found = [Locale.parse(locale).territories.get(territory, "") for locale in LANGUAGES[language]]
    bare = [re.split(r"\s*[(（]", name)[0] for name in found]  # without "(Burma)"
    return list(dict.fromkeys(form for name in bare if name for form in _marked(name, language)))


def _marked(name: str, language: str) -> list[str]:
    if language == "ar":
        # what "to" makes of the article: al-Iraq, lil-Iraq
        return [name, "لل" + name.removeprefix("ال")] if name.startswith("ال") else [name]
    if " " in name and language in {"ru", "uk", "ky"}:
        return [" ".join(word[:-2] + "*" if len(word) > 5 else word for word in name.split())]
    if language == "ky":
        return [name + "*" if len(name) > 4 else name]
    if language in {"ru", "uk", "de", "tr"} and name.replace("-", "").isalpha():
        return [name + "~"]
    return [name]


def main() -> int:
    """Write the table."""
    rows: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for territory in sorted(Locale("en").territories):
        if not re.fullmatch("[A-Z]{2}", territory) or territory in LEFT_OUT:
            continue
        by_name: defaultdict[str, list[str]] = defaultdict(list)
        for language in LANGUAGES:
            if (language, territory) not in WORDS:
                for name in names(territory, language):
                    by_name[name].append(language)
        for name, languages in by_name.items():
            rows[territory, ",".join(languages)].append(name)
    head = (
        f"# Names of countries, from Unicode CLDR (Unicode License v3) as babel {babel.__version__} has them.\n"
        "# Written by benchmarks/cldr_names.py: do not edit. id (ISO 3166-1 alpha-2), languages, names.\n"
    )
    body = "".join(f"{i}\t{languages}\t{'; '.join(terms)}\n" for (i, languages), terms in rows.items())
    TARGET.write_text(head + body, encoding="utf-8")
    print(f"{TARGET.name}: {len(rows)} rows, {len(head + body)} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
