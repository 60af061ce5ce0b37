"""Blocks that repeat on many pages of one source: what they are, and how an article's text is freed of them.

A block is one line (paragraph) of extracted text. A notice, a label or an invitation that the extractor takes for text
stands under many stories of an outlet; a sentence of a story stands under one, and under the updates of that. So what
is counted is not articles but stories (texts that hardly share anything), and what reads like a paragraph must be
under many more of them than what does not: agencies repeat a paragraph of background for weeks.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b

from workers.domain.values import PastText, RepeatedBlock
from workers.extract.facts.wire import read_wire
from workers.extract.kinds import has_sentences

#: A repeat is under at least so many stories, and at least this share of them.
LEAST_STORIES, LEAST_SHARE = 5, 0.1
#: What could be a story's own must be under this share: a sentence, or a line with other numbers each time.
SENTENCE_SHARE = 0.3
#: A line under so large a share of at least so many articles does not make one story of them: none fills half of what
#: an outlet prints. (Of sentences more: on the day of a war one may.)
COMMON_SHARE, COMMON_SENTENCE_SHARE, COMMON_OF = 0.5, 0.8, 20
#: Texts that share more of the shorter one (characters) are one story.
SAME_STORY = 0.5
#: A text keeps at least so many characters, as many as the shortest brief, or everything.
LEAST_LEFT = 40
#: Blocks kept of one source, those of most stories: a layout has a dozen.
MOST_BLOCKS = 100
SAMPLE = 200

_NUMBER = re.compile(r"\d+")
_LETTER = re.compile(r"[^\W\d_]")
_DATELINE_END = re.compile(r"[-–—]\s*$")


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The blocks of one article."""

    lines: dict[str, str]  # what stands in the text, by hash
    removed: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.removed.union(self.lines)


def fold_block(line: str) -> str:
    """Reduce a line to what stays the same when it repeats: small letters, single spaces, every number a 0."""
    return _NUMBER.sub("0", " ".join(line.casefold().split()))


def block_hash(line: str) -> str:
    """Name a line in 16 characters; the same for lines that differ in capitals, spaces and numbers only."""
    return blake2b(fold_block(line).encode("utf-8", "replace"), digest_size=8).hexdigest()


def without_repeats(text: str, repeated: AbstractSet[str]) -> tuple[str, tuple[str, ...]]:
    """Take the repeated blocks out of a text; return it with the hashes of what went, in order.

    When less than `LEAST_LEFT` characters would be left, nothing goes.
    """
    if not repeated:
        return text, ()
    kept, removed = [], []
    for line in text.split("\n"):
        if line and (name := block_hash(line)) in repeated:
            removed.append(name)
        else:
            kept.append(line)
    left = "\n".join(kept).strip("\n")
    if not removed or len(left) < LEAST_LEFT:
        return text, ()
    return left, tuple(dict.fromkeys(removed))


def learn_repeats(texts: Sequence[PastText], known: Iterable[RepeatedBlock] = ()) -> tuple[RepeatedBlock, ...]:
    """Find the blocks that repeat in a source's articles, the most frequent first.

    What was taken out of an article counts as seen there. So a known block stays known while it still comes, and is
    forgotten when it does not.

    Args:
        texts: what the source's latest articles read, the newest first.
        known: what was learned before.
    """
    titled = {fold_block(one.title): one for one in reversed(texts)}
    pages = [_blocks_of(one) for one in reversed(titled.values())]
    samples = {one.hash: one.sample for one in known}
    learned = frozenset(samples)
    samples |= {name: line[:SAMPLE] for page in reversed(pages) for name, line in page.lines.items()}
    weighty = {name for name, sample in samples.items() if has_sentences(sample)} | _varying(pages)
    weighty -= learned
    seen = Counter(name for page in pages for name in page.all if name in samples)
    story_of = _stories(pages, {name for name in seen if _is_common(seen[name], len(pages), name in weighty)} | learned)
    of = len(set(story_of))
    found = []
    for name in seen:
        articles = len({story for page, story in zip(pages, story_of, strict=True) if name in page.all})
        share = SENTENCE_SHARE if name in weighty else LEAST_SHARE
        if articles >= max(LEAST_STORIES, share * of) and _may_repeat(samples[name]):
            found.append(RepeatedBlock(hash=name, sample=samples[name], articles=articles, of=of))
    return tuple(sorted(found, key=lambda one: (-one.articles, one.hash))[:MOST_BLOCKS])


def _is_common(count: int, of: int, weighty: bool) -> bool:
    return of >= COMMON_OF and count >= (COMMON_SENTENCE_SHARE if weighty else COMMON_SHARE) * of


def _blocks_of(one: PastText) -> _Blocks:
    return _Blocks({block_hash(line): line for line in one.text.split("\n") if line}, frozenset(one.removed))


def _varying(pages: Sequence[_Blocks]) -> set[str]:
    """Return blocks whose numbers differ from article to article: a counter's, or those of a table of facts."""
    first: dict[str, str] = {}
    found = set()
    for page in pages:
        for name, line in page.lines.items():
            if _NUMBER.findall(first.setdefault(name, line)) != _NUMBER.findall(line):
                found.add(name)
    return found


def _stories(pages: Sequence[_Blocks], common: AbstractSet[str]) -> list[int]:
    """Number the story of each article; those that share more than half of a text, common lines aside, are one."""
    own = [{name: len(line) for name, line in page.lines.items() if name not in common} for page in pages]
    sizes = [sum(page.values()) for page in own]
    story = list(range(len(pages)))
    for one in range(len(pages)):
        for other in range(one):
            shared = sum(own[one][name] for name in own[one].keys() & own[other].keys())
            if shared > SAME_STORY * min(sizes[one], sizes[other]):
                old, new = story[one], story[other]
                story = [new if number == old else number for number in story]
    return story


def _may_repeat(line: str) -> bool:
    """Whether a line could be a repeat at all: it has letters, and is no dateline, which belongs to its story."""
    wire = read_wire(line, ())
    return bool(_LETTER.search(line)) and not wire.place and not wire.agency and not _DATELINE_END.search(line)
