"""The step from a clean article to its place among those already stored."""

from collections.abc import Callable
from uuid import UUID

from workers.domain.values import Article, Relation
from workers.relate.fingerprint import fingerprint


def relate(article: Article, known: Callable[[str], UUID | None]) -> Relation:
    """Say whether an article repeats one that is stored.

    Args:
        article: the clean article.
        known: fingerprint to the entry id of the first article that has it, or None.
    """
    text_sha = fingerprint(article.title, article.text)
    return Relation(text_sha=text_sha, duplicate_of=known(text_sha))
