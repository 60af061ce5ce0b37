"""Format characters travel as printable stand-ins, and whatever a page writes comes back as it was."""

import pytest

from workers.extract.joiners import fence, hide, show


@pytest.mark.parametrize("written", ["\u200c", "&zwnj;", "&#8204;", "&#08204;", "&#x200C;", "&#x0200C;", "&#X200c"])
def test_a_joiner_is_hidden_however_it_is_written(written: str) -> None:
    hidden = hide(f"می{written}رود")
    assert hidden.isprintable()
    assert show(hidden) == "می\u200cرود"


@pytest.mark.parametrize(
    "text",
    [
        "".join(map(chr, range(0x4DC0, 0x4E00))),
        "\u4dff\u200c\u4dff\u4dff\u200d\u4dc0",
        "\u180e\u061c\u0600",
        "plain &amp; &#60;b&#62; &#4294967296; &#x110000; &#;",
    ],
)
def test_what_a_page_writes_comes_back(text: str) -> None:
    assert show(hide(text)) == text


def test_a_hexagram_as_an_entity_comes_back_as_itself() -> None:
    assert show(hide("&#19904; &#x4DC0; ䷀")) == "䷀ ䷀ ䷀"


def test_a_text_that_was_cut_behind_an_escape_shows_nothing_of_it() -> None:
    assert show(hide("a䷀")[:2]) == "a"


@pytest.mark.parametrize("head", ["Mehr zum Thema:", "MEHR ZUM\u00a0THEMA", "More on this story", "› more on this"])
def test_a_head_that_the_extractor_drops_is_fenced_and_shown_as_it_was(head: str) -> None:
    assert fence(head) != head
    assert show(fence(head)) == head
    assert fence(f"Not {head}") == f"Not {head}"
