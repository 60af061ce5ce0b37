"""Every word of an outcome has its sentence."""

import pytest

from workers.domain.outcomes import DropReason, FeedOutcome, QuarantineReason, RetryReason
from workers.domain.reasons import SENTENCES

WORDS = sorted({str(word) for words in (DropReason, RetryReason, FeedOutcome, QuarantineReason) for word in words})


@pytest.mark.parametrize("word", WORDS)
def test_every_reason_has_a_sentence_for_people(word: str) -> None:
    sentence = SENTENCES[word]
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert word not in sentence or "_" not in word


def test_no_sentence_is_about_a_word_that_is_gone() -> None:
    assert sorted(SENTENCES) == WORDS


def test_no_two_words_say_the_same() -> None:
    assert len(set(SENTENCES.values())) == len(SENTENCES)
