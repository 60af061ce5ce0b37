"""The search in titles and texts: how a question is read. The words of articles are made by the schema (`WORDS`)."""

import re

from sqlalchemy import ColumnElement, collate, func, literal

from workers.store.schema import BREAKS, UNSPACED, article

_RUN = re.compile(f"{UNSPACED}+")
_QUOTED = re.compile('"[^"]*"?')


def has_words(question: str) -> ColumnElement[bool]:
    """Return the condition that an article's version answers a question.

    As web searches have it: words that must all be there, `"a phrase"`, `or`, `-without`. Nothing is an error.
    """
    letters = func.regexp_replace(collate(literal(spelled(question)), "pg_c_utf8"), BREAKS, " ", "g")
    return article.c.words.op("@@", is_comparison=True)(func.websearch_to_tsquery("simple", letters))


def spelled(question: str) -> str:
    """Return the question with each run of letters that are written without spaces as a phrase of those letters.

    >>> spelled('边境 or "the 边境 now"')
    '"边 境" or "the  边  境  now"'
    """
    made, end = [], 0
    for quoted in _QUOTED.finditer(question):
        made += [_as_phrases(question[end : quoted.start()]), _RUN.sub(_apart, quoted[0])]
        end = quoted.end()
    return "".join([*made, _as_phrases(question[end:])])


def _as_phrases(words: str) -> str:
    return _RUN.sub(lambda run: f'"{" ".join(run[0])}"', words)


def _apart(run: re.Match[str]) -> str:
    return "".join(f" {letter} " for letter in run[0])
