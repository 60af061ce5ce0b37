from uuid import UUID

from workers.domain.values import Article
from workers.relate.fingerprint import fingerprint
from workers.relate.stage import relate

FIRST = UUID(int=1)
ARTICLE = Article(title="t", text="Some text.", language="en", language_confidence=1.0, url="https://example.org/a")


def test_an_article_whose_fingerprint_is_known_is_a_duplicate_of_the_first() -> None:
    known = {fingerprint("t", "Some text."): FIRST}
    assert relate(ARTICLE, known.get).duplicate_of == FIRST


def test_an_unknown_article_is_an_original_with_its_fingerprint() -> None:
    relation = relate(ARTICLE, {}.get)
    assert relation.duplicate_of is None
    assert relation.text_sha == fingerprint("t", "Some text.")
