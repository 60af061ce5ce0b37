"""The text inside of an element."""

from typing import Any

import pytest
from lxml.html import fromstring

from workers.extract.inside import text_in


@pytest.mark.parametrize(
    "html",
    [
        "<p></p>",
        "<p>one <b>two</b> three<br>four</p>",
        "<div>a &amp; b&nbsp;&unknown; <!-- no --><p>نمی\u200cخواهم</p> c<script>1 < 2</script></div>",
        f"<p>{'<i>x</i>y' * 5000}</p>",
    ],
)
def test_all_text_of_an_element_and_nothing_behind_it(html: str) -> None:
    node: Any = fromstring(f"<div>{html} behind</div>")[0]
    assert text_in(node) == "".join(node.itertext())
    assert not text_in(node).endswith("behind")
