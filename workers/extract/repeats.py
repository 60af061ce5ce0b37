"""Blocks that repeat on many pages of one source: what they are, and how an article's text is freed of them.

A block is one line (paragraph) of extracted text. A notice, a label or an invitation that the extractor takes for text
stands under many stories of an outlet, and always at the edge of the text; a sentence of a story stands under one, and
under the updates of that. So what is counted is not articles but stories (texts that hardly share anything). A label at
the edge is furniture soon. What reads as a sentence, or stands in the middle, is learned only when nearly every story
has it: reporters close a report in the same words ("The inquiry goes on."), and agencies repeat a paragraph of
background for weeks. A notice that is kept is better than a sentence that is lost.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b

from workers.domain.values import PastText, RepeatedBlock
from workers.extract.facts.wire import read_wire
from workers.extract.prose import ends_as_sentence, is_unmarked, measure

#: A label at the edge of the text repeats when so many stories have it, and this share of them.
LEAST_STORIES, LEAST_SHARE = 5, 0.1
#: Everything else that could be a story's own repeats when nearly all have it, of stories enough to tell.
UNIVERSAL_SHARE, UNIVERSAL_OF = 0.6, 20
#: What was learned is forgotten below half of what it took to learn it, so that no block comes and goes.
FORGOTTEN = 0.5
#: A line of so many letters (`measure`; Thai, which has no full stop, writes densely) is no label but a sentence.
LONG, LONG_UNMARKED = 80, 24
#: The edge are the first and last so many lines of a text, up to the first that reads as a sentence ...
EDGE = 2
#: ... in this share of the articles that have the line; of fewer than ten that is in all of them.
ALWAYS = 0.9
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


def signature_of(removed: Iterable[str]) -> str:
    """Name a set of blocks, by their hashes, in eight characters; "" for none."""
    names = "".join(sorted(set(removed)))
    return blake2b(names.encode(), digest_size=4).hexdigest() if names else ""


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
    sentences = {name for name, sample in samples.items() if reads_as_sentence(sample)}
    weighty = sentences | (_varying(pages) - learned)
    seen = Counter(name for page in pages for name in page.all if name in samples)
    story_of = _stories(pages, {name for name in seen if _is_common(seen[name], len(pages), name in weighty)} | learned)
    of = len(set(story_of))
    stories = {
        name: len({story for page, story in zip(pages, story_of, strict=True) if name in page.all})
        for name in seen
        if _may_repeat(samples[name])
    }
    found = {name for name in stories.keys() & learned if _still_repeats(stories[name], of, name in sentences)}
    found |= {name for name in stories if _is_universal(stories[name], of) and not _is_name(samples[name])}
    likely = {name for name in stories.keys() - weighty if stories[name] >= max(LEAST_STORIES, LEAST_SHARE * of)}
    while inner := _always_at_the_edge(pages, likely - found, found):  # what stood below the outer ones
        found |= inner
    blocks = (RepeatedBlock(hash=name, sample=samples[name], articles=stories[name], of=of) for name in found)
    return tuple(sorted(blocks, key=lambda one: (-one.articles, one.hash))[:MOST_BLOCKS])


def _is_universal(stories: int, of: int) -> bool:
    return of >= UNIVERSAL_OF and stories >= UNIVERSAL_SHARE * of


def _still_repeats(stories: int, of: int, is_sentence: bool) -> bool:
    """Whether a block that was taken out wherever it stood comes often enough to stay known."""
    share = UNIVERSAL_SHARE if is_sentence else LEAST_SHARE
    return stories >= FORGOTTEN * max(LEAST_STORIES, share * of)


def _always_at_the_edge(pages: Sequence[_Blocks], names: AbstractSet[str], gone: AbstractSet[str]) -> set[str]:
    """Return those of the blocks that stand at the edge of the text wherever they stand, others taken off first."""
    if not names:
        return set()
    seen, at_edge = Counter[str](), Counter[str]()
    for page in pages:
        seen.update(names & page.lines.keys())
        at_edge.update(names & _edge({name: line for name, line in page.lines.items() if name not in gone}))
    return {name for name in names if at_edge[name] and at_edge[name] >= ALWAYS * seen[name]}


def _edge(lines: dict[str, str]) -> set[str]:
    """Return the blocks at both edges of a text.

    A single word and capitals are there only as the last line of all: above they are a dateline, or a subhead.
    """
    found = set()
    for names in (list(lines), list(reversed(lines))):
        is_end = bool(names) and names[0] != next(iter(lines))
        for index, name in enumerate(names[:EDGE]):
            if reads_as_sentence(lines[name]):
                break
            if not _is_name(lines[name]) or (is_end and index == 0):
                found.add(name)
    return found


def reads_as_sentence(line: str) -> bool:
    """Return whether a line, in whatever script, ends as a sentence or is as long as one."""
    return ends_as_sentence(line) or measure(line) >= LONG or (is_unmarked(line) and len(line) >= LONG_UNMARKED)


def _is_name(line: str) -> bool:
    """Whether a line may be a place or a subhead: one word, or all in capitals."""
    return line.isupper() or len(line.split()) == 1


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
