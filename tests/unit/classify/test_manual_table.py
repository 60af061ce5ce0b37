"""What docs/topics.md says of its own pack is what the classifier makes of it."""

import re
from pathlib import Path

import pytest

from workers.packs import make_classifier

MANUAL = (Path(__file__).parents[3] / "docs" / "topics.md").read_text(encoding="utf-8")
FILLER = "The ministry said on Tuesday that the talks would go on next week and that both sides had agreed on a date. "
REPORT = (FILLER * 9)[:880]
STRONG, MEDIUM = "A pirate attack was told. ", "The pirates fled. "
#: A line of the table: the title and the text that it tells of.
CASES = {
    "a strong term in the title": ("Pirate attack near the coast", REPORT),
    "... in a brief of one line": ("Pirate attack near the coast", "The ministry said so."),
    "a strong term in the lead": ("News of the day", STRONG + REPORT),
    "a strong and a medium term in the lead": ("News of the day", STRONG + MEDIUM + REPORT),
    "a strong term 900 characters into the text": ("News of the day", REPORT + " " + STRONG),
    "a rule of 2 points in the title": ("Tanker was hijacked by men", REPORT),
    "... and a medium term in the lead": ("Tanker was hijacked by men", MEDIUM + REPORT),
    "a medium term in title and lead": ("Pirates near the coast", MEDIUM + REPORT),
    "a medium term in the title alone": ("Pirates near the coast", REPORT),
    "two weak terms in title and lead": ("Ransom for a ship", "The ransom and the ship. " + REPORT),
}
TOLD = {line[0]: line[1:] for line in re.findall(r"^\| (.+?) \| (0\.\d\d) \| ([a-z ]+?) \|$", MANUAL, re.MULTILINE)}


def test_the_table_has_these_lines_and_no_others() -> None:
    assert TOLD.keys() == CASES.keys()


@pytest.mark.parametrize("line", CASES)
def test_a_line_of_the_table_is_true(line: str, tmp_path: Path) -> None:
    pack = re.search(r"```yaml\n(id: piracy.*?)```", MANUAL, re.DOTALL)
    assert pack
    (tmp_path / "piracy.yaml").write_text(pack[1], encoding="utf-8")
    (flag,) = make_classifier(tmp_path).classify(*CASES[line], "en").flags
    probability, band = TOLD[line]
    assert (flag.probability, flag.band) == (pytest.approx(float(probability), abs=0.01), band)
