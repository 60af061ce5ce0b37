"""Text that programs choke on, and what the path must make of it: the stated rule of docs/formats.md, in one place.

An example is a string. Each stands in the middle of a sentence of its own, in the title or in the text of an article
that a feed and a page tell, so that no rule about furniture has a reason to touch it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from workers.extract.clean import clean_line, clean_text

LIST = Path(__file__).parent / "samples" / "naughty" / "blns.json"
#: What no page may hold (HTML 13.5), what parts lines or pages, and what a reference cannot mean.
_CONTROLS = re.compile("[\x01-\x08\x0e-\x1f\ufffe\uffff]")
_BREAKS = re.compile("[\x0b\x0c]")
_HALF = re.compile("[\x00\ud800-\udfff]")
#: Joiners, direction marks and signs that no eye sees, and that words are written with.
SPELLING = "\u180e\u200c\u200d\u200e\u200f\u061c\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
SENTENCES = (
    "Guards of both countries met at the bridge on Monday to speak about the winter patrols along the river.",
    "A spokeswoman said that the first joint patrol would begin before the end of the month, if the ice allows it.",
)


def naughty_strings() -> list[str]:
    """Return the Big List of Naughty Strings."""
    found: list[str] = json.loads(LIST.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Told:
    """An article as the outside tells it."""

    number: int
    title: str  # an example
    texts: tuple[str, ...]  # examples

    @property
    def headline(self) -> str:
        return f"Border guards of post {self.number} read the words {self.title} on the wall of the bridge"

    @property
    def paragraphs(self) -> list[str]:
        return [
            SENTENCES[0],
            *(f"On wall {place} of post {self.number} stood the words {one} in white, the guards said on Tuesday."
              for place, one in enumerate(self.texts)),
            SENTENCES[1],
        ]  # fmt: skip

    @property
    def path(self) -> str:
        return f"/news/{self.number}"

    def page(self) -> bytes:
        """Return the article's page. Half a character, which UTF-8 cannot write, and NUL stand there as references."""
        text = "".join(f"<p>{escape(one)}</p>" for one in self.paragraphs)
        title = escape(self.headline)
        return (
            (
                f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{title}</title></head>"
                f"<body><article><h1>{title}</h1>{text}</article></body></html>"
            )
            .replace("\0", "&#0;")
            .encode("utf-8", "xmlcharrefreplace")
        )

    @property
    def expected_title(self) -> str:
        """What readers get as the title."""
        return clean_line(_as_html(self.headline))

    @property
    def expected_text(self) -> str:
        """What readers get as the text. A headline that breaks in two is not known again, and stays."""
        headline = _extracted(self.headline)
        broken = [headline] if len(headline.splitlines()) > 1 else []
        return clean_text("\n".join([*broken, *map(_extracted, self.paragraphs)]))


def _as_html(written: str) -> str:
    """What a page can say: controls are left out of it, references to NUL and to half a character say U+FFFD."""
    return _HALF.sub("\ufffd", _CONTROLS.sub("", _BREAKS.sub(" ", written)))


def _extracted(written: str) -> str:
    """What an extracted paragraph keeps: single spaces, and what is printable or belongs to the spelling.

    A character reference that the page shows to its readers is read once more.
    """
    spaced = " ".join(_as_html(written).split())
    return unescape("".join(char for char in spaced if (char.isprintable() or char in SPELLING) and char != "\u2424"))


def feed(base: str, told: Iterable[Told]) -> bytes:
    """Return a JSON Feed, which writes every character as it likes: lone surrogates and NUL as escapes."""
    items = [{"id": one.path, "url": base + one.path, "title": escape(one.headline)} for one in told]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Agency", "items": items}).encode()


#: Pieces that mean something to somebody on the way.
PIECES = (
    *(
        "<",
        ">",
        "&",
        "&lt;",
        "&amp;lt;",
        "&#x6a;",
        "&zwnj;",
        "]]>",
        "<!--",
        "-->",
        "<script>",
        "</p>",
        "<br>",
        '"',
        "'",
    ),
    *("\\u0000", "\\", "\0", "\x1b[8m", "\x85", "\u2028", "\r\n", "\t", "\x0c", "\u00a0", "\u3000", "\u2424"),
    *("\ud800", "\udfff", "\ud83d\ude00", "\ufffe", "\uffff", "\ufdd0", "\U0010ffff", "\ufeff", "\ufffd", "\ue000"),
    *(
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200c",
        "\u200d",
        "\u200f",
        "\xad",
        "\u061c",
        "\u180e",
        "\u4dc0",
        "\u4dfe",
        "\u4dff",
    ),
    *("e\u0301", "\u0344" * 20, "\u0315" * 40, "\u1100\u1161", "\u212b", "\ufb1d", "\U0001f1fa\U0001f1f8"),
    *("%s", "{0}", "$1", "NULL", "NaN", "-", "|", " - ", " | ", "::", "»", "...", "…", "border police", "Iran", "Iraq"),
)


def examples(count: int) -> list[str]:
    """Return so many different strings that hypothesis makes, the same at each call: any characters, and pieces."""
    any_text = st.text(st.characters(exclude_categories=()), max_size=30)
    mixed = st.lists(st.sampled_from(PIECES) | any_text, max_size=8).map("".join)
    found: list[str] = []

    @settings(max_examples=count, database=None, derandomize=True, phases=[Phase.generate], deadline=None)
    @given(mixed)
    def collect(one: str) -> None:
        found.append(one)

    collect()
    assert len(found) >= count * 0.9, "hypothesis gives up when it finds nothing new"
    return found
