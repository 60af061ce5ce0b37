"""One value that is the same for the same wire story at two outlets.

Outlets change the dateline, the first paragraph and the punctuation of a wire story, put a standfirst before it, and
leave the body. So the opening is set aside (all up to the paragraph with the dateline, else the first paragraph),
each sentence of the body is reduced to its words, and the longest few are hashed in a fixed order: inserted short
lines ("Reporting by ...") and another order of paragraphs change nothing. Four long sentences that agree word for
word are the same story in practice; one or two could be a background paragraph that an agency repeats under fresh
news. Texts with fewer sentences are hashed whole, without their dateline.
"""

import re
from hashlib import sha256
from unicodedata import category, normalize

_SENTENCES_HASHED = 4
#: A dateline stands in one of the first paragraphs: after a headline, a standfirst and a caption at most.
_OPENING_PARAGRAPHS = 4
#: Words below which a sentence says too little to tell two stories apart.
_SENTENCE_WORDS = 6
_SENTENCE_END = re.compile(r"(?<=[.!?؟۔।])[\"'”’»)\]]*\s+|(?<=[。！？])|\n+")
#: "TEHRAN (FNA) - ", "PARIS, Sept. 5 (AFP) — ", "(تهران (پانا" and the like at the very start, up to the dash.
_DATELINE = re.compile(r"\s*[^\n.!?]{0,60}?\([^()\n]{1,40}\)\s*[-–—:]+\s*|\s*[^\W\d_a-z][^\n.!?a-z]{1,40}\s[-–—]+\s+")
_WORDS = re.compile(r"\w+")


def fingerprint(title: str, text: str) -> str:
    """Hash what two prints of one story share: sha256 hex of its folded longest sentences.

    Case, punctuation, spacing, diacritics, dateline, opening paragraph and title do not count; the title serves only
    when there is no text.
    """
    paragraphs = [paragraph for paragraph in text.split("\n") if paragraph.strip()]
    dated = [bool(_DATELINE.match(paragraph)) for paragraph in paragraphs[:_OPENING_PARAGRAPHS]]
    opening = dated.index(True) if True in dated else 0
    sentences = _long_sentences("\n".join(paragraphs[opening + 1 :]))
    if len(sentences) < _SENTENCES_HASHED:
        story = "\n".join(paragraphs[opening:])
        return _digest([_fold(_without_dateline(story)) or _fold(title)])
    return _digest(sorted(sorted(sentences, key=lambda words: (-len(words), words))[:_SENTENCES_HASHED]))


def _without_dateline(story: str) -> str:
    found = _DATELINE.match(story)
    return story[found.end() :] if found else story


def _long_sentences(text: str) -> set[str]:
    folded = (_fold(sentence) for sentence in _SENTENCE_END.split(text))
    return {words for words in folded if words.count(" ") >= _SENTENCE_WORDS - 1 or _is_long_without_spaces(words)}


def _is_long_without_spaces(words: str) -> bool:
    """Scripts that set no spaces: a sentence is one "word" of some length (characters)."""
    return len(words) >= 15 and words[0] >= "\u3040"


def _fold(text: str) -> str:
    """Words in lower case without marks, joined by single spaces; joiners and elongation are gone."""
    decomposed = normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if char.isascii() or category(char) not in {"Mn", "Cf", "Lm"})
    return " ".join(_WORDS.findall(bare.replace("ي", "ی").replace("ك", "ک")))


def _digest(parts: list[str]) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()
