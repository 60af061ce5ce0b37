"""Rules over the lines of an article's text: what an outlet hangs around a story goes, the story stays.

They work on plain text alone, so they serve extracted pages and text files alike. In order:

1. picture file names glued to or standing before the text go;
2. a caption glued to the dateline goes;
3. cookie notices, invitations, buttons and labels go (`furniture.INVITATIONS`, `BUTTONS`, `LABELS`);
4. "Read also" and its kin (`furniture.TAIL_HEADS`): when all that follows looks like teasers, the text ends there;
   inside the article only the line goes, with the headline that it announces. Heads that a story's own part may have
   too ("Latest", `furniture.TAIL_HEADS_AT_THE_END`) count only before such an end.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workers.extract.clean import clean_text, squeeze_lines
from workers.extract.facts.wire import agency_named
from workers.extract.furniture import (
    BUTTON_WORDS,
    BUTTONS,
    INVITATIONS,
    LABELS,
    PHOTO_WORDS,
    SUBSCRIPTIONS,
    TAIL_HEADS,
    TAIL_HEADS_ALONE,
    TAIL_HEADS_AT_THE_END,
    TAIL_STARTS_AT_THE_END,
    fold,
    patterns,
    phrases,
    starts,
)
from workers.extract.prose import breaks_off, ends_as_sentence, is_prose, is_unmarked, measure

# Lengths of lines are measured in Latin letters (`prose.measure`).
#: Longer lines are prose, whatever they begin with.
_SHORT = 160
#: A cookie notice is at most this long.
_NOTICE = 400
#: A line that says when the page was made is at most this long.
_STAMP_LINE = 80
#: A headline of another story is hardly longer; a paragraph of an article hardly shorter.
_HEADLINE = 150
#: A heading with the name of a section is no longer.
_HEADING = 45
#: A teaser (headline plus the first sentence of its story) is at most this long.
_TEASER = 320
#: A tail of other stories may be as long as the story, and after a brief as long as this.
_TAIL = 600

_PICTURE_NAME = r"[\w%~.()+-]{1,120}?\.(?:jpe?g|png|gif|webp|avif|bmp|tiff?)"
_PICTURE_LINE = re.compile(rf"[\s(\[]*{_PICTURE_NAME}[\s)\]]*", re.IGNORECASE)
#: Glued to a capital or to a letter without case, or with a space before a dateline's capitals: a sentence about a file
#: goes on in lower case after a space and is left alone.
_PICTURE_BEFORE = re.compile(
    rf"^\s*(?i:{_PICTURE_NAME})(?=[^\W\d_a-z]|\s+[^\W\d_a-z]{{2}}(?:[^\Wa-z]|[ ,(])|\s*[\"“«\[(])"
)

#: A line that is only a date, with or without a time, and the words with which agencies end a message.
_STAMP = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}(?:[ ,|–-]*\d{1,2}:\d{2}(?::\d{2})?)?")
#: "Published 18 November 2019", "Обновлено в 10:30": a word of this kind with a date or a time behind it.
_STAMPED = re.compile(
    r"(?:[-–•·] )?(?:first |last )?(?:published|updated|posted|modified|publié|mis à jour|publicado|actualizado"
    r"|atualizado|veröffentlicht|aktualisiert|stand|erstellt|pubblicato|aggiornato|gepubliceerd|bijgewerkt|publicerad"
    r"|uppdaterad|publisert|oppdatert|publiceret|opdateret|julkaistu|päivitetty|opublikowano|aktualizacja|publikováno"
    r"|aktualizováno|опубликовано|обновлено|опубліковано|оновлено|yayınlanma|güncelleme|güncellenme|giriş|oluşturma"
    r"|تاریخ انتشار|زمان انتشار|تاريخ النشر|نشر في|آخر تحديث"
    r"|发布时间|更新时间|發布時間|更新時間|公開日|更新日|입력|수정|기사입력)"
    r"\b.{0,50}(?:\d{4}|\d{1,2}[:.]\d{2}|\d[./-]\d|\d{1,2} ?[年月]|\d .{0,20}(?:ago|назад|тому|önce|قبل|پیش)).{0,30}",
    re.IGNORECASE,
)
#: A headline of another story, with what it is: "Plane grounded [VIDEO]".
_MARKED_HEADLINE = re.compile(r".{20,150}\[[A-Z][A-Z -]{3,20}\]")
_END_MARK = re.compile(r"(?:انتهای پیام|پایان پیام|کد خبر|انتهى)\s*[/.:]*\s*[\w/]{0,12}[./]?|/?\s*-?END-?\s*/?")

#: PLACE, month day (AGENCY) -  |  PLACE (AGENCY) -: the dateline of wire copy, in scripts with capitals.
_DATELINE = re.compile(
    r"[^\W\d_a-zß-öø-ÿа-яё][^\W\d_]+(?:[ ,.'’/-]+[^\W\d_][^\W_]*){0,5}[ ,.]*(?:\d{1,2})?[ ,.]*"
    r"\([^\W\d_][\w .&/-]{1,40}\)\s?[-–—:]"
)
_CAPS_PLACE = re.compile(r"[A-ZÀ-ÖØ-ÞА-ЯЁİĞŞ]{3,}")
_CREDIT = re.compile(rf"(?:\b(?:{PHOTO_WORDS})\b|\([^)]*/[^)]*\)|©)", re.IGNORECASE)
_CAPTION_REACH = 400  # characters of the first line in which a dateline may stand after a caption

#: The end of a caption: its credit in brackets. "[Reuters]", "(File photo)", "(Photo: Name)".
_CAPTIONED = re.compile(rf"\[([^\[\]]{{2,40}})\]$|\((?:{PHOTO_WORDS})(?:\s?[:：/][^()]{{2,60}})?\)$", re.IGNORECASE)
_CAPTIONS = 3  # one line of so many, at most, is a caption: where it is more, the brackets name each report's source

_ASKS = re.compile(r"[?!？！؟][\"'”’»)\]」』]*$")
#: A caption to which the next line is glued: it ends with a word in small letters, or a mark.
_GLUED = re.compile(r"(?:[^\W\d_A-ZÀ-ÖØ-ÞА-ЯЁİĞŞ]{3}|[.!?)\]»”])$")
_QUOTE = re.compile(r"[\"'“”„«»‘‚「『《]")

_TAIL_HEADS = phrases(TAIL_HEADS)
_TAIL_HEADS_ALONE = phrases(TAIL_HEADS_ALONE)
_TAIL_START = starts(TAIL_HEADS)
_TAIL_HEADS_AT_THE_END = phrases(TAIL_HEADS_AT_THE_END)
_TAIL_START_AT_THE_END = starts(TAIL_STARTS_AT_THE_END)
_INVITATION_START = starts(INVITATIONS)
_SUBSCRIPTIONS = patterns(SUBSCRIPTIONS)
_BUTTON_START = starts(BUTTONS)
_BUTTON_WORD = starts(f"{BUTTONS}|{BUTTON_WORDS}")
_BETWEEN_WORDS = re.compile(r"[\W\d_]*")
_LABEL_START = starts(LABELS)


def tidy(text: str) -> str:
    """Keep only the story of an extracted or pasted text. Idempotent on its own output; an empty text stays empty."""
    lines = clean_text(text).split("\n")
    lines = [kept for line in lines if (kept := _tidy_line(line)) is not None]
    first = next((index for index, line in enumerate(lines) if line), None)
    if first is not None:
        for index in range(first, min(first + 5, len(lines))):
            lines[index] = _uncaption(lines[index])
    return squeeze_lines(_cut_tails(_without_captions(lines)))


def _tidy_line(line: str) -> str | None:
    """Rules 1 and 3: the line without file names, or None when nothing of it is the story's."""
    if "." in line[:125]:
        if _PICTURE_LINE.fullmatch(line):
            return None
        line = _PICTURE_BEFORE.sub("", line).lstrip()
    if not line or len(line) > _NOTICE or (size := measure(line)) > _NOTICE:
        return line
    if _STAMP.fullmatch(line) or _END_MARK.fullmatch(line) or _MARKED_HEADLINE.fullmatch(line):
        return None
    if size <= _STAMP_LINE and (not is_prose(line) or line.endswith(".m.")) and _STAMPED.fullmatch(line):
        return None
    folded = fold(line)
    if folded in _TAIL_HEADS or folded in _TAIL_HEADS_AT_THE_END:  # what it means depends on what follows: rule 4
        return line
    if not _QUOTE.match(line) and (
        _INVITATION_START.match(folded) or (size <= _SHORT and any(one.search(folded) for one in _SUBSCRIPTIONS))
    ):
        return None
    if size <= _SHORT and _is_buttons(folded) and not is_prose(line):
        return None
    found = _LABEL_START.match(folded)
    if found and size <= _SHORT and re.match(r"\s*[:：#]", folded[found.end() :]):
        return None
    return line


def _is_buttons(folded: str) -> bool:
    """Whether a line begins with the words of a button and holds no others."""
    found = _BUTTON_START.match(folded)
    while found is not None and _ends_a_word(folded, found.end()):
        start = found.end()
        if gap := _BETWEEN_WORDS.match(folded, start):
            start = gap.end()
        if start >= len(folded):
            return True
        found = _BUTTON_WORD.match(folded, start)
    return False


def _uncaption(line: str) -> str:
    """Rule 2: what stands before a dateline is a caption when the dateline is glued to it, or it credits a picture."""
    if "(" not in line[:_CAPTION_REACH]:
        return line
    for found in _DATELINE.finditer(line[:_CAPTION_REACH]):
        place = _CAPS_PLACE.search(found[0])
        if place is None:
            continue
        start = found.start() + place.start()
        agency = found[0].rpartition("(")[2].partition(")")[0]
        if line.startswith(f"{agency} ", start):  # "Photo: AGENCY PLACE (AGENCY) -": the first is the credit
            start += len(agency) + 1
        before = line[:start]
        # whose picture it is, the caption says too: a sentence that only has the word goes on to another name
        credited = _CREDIT.search(before) and (agency in before or agency_named(agency))
        if _GLUED.search(before) or credited:
            return line[start:]
    return line


def _without_captions(lines: list[str]) -> list[str]:
    """Rule 2 for lines of their own: those that end with a picture's credit, if they are few. The last one signs."""
    written = [index for index, line in enumerate(lines) if line]
    captions = {index for index in written[:-1] if _is_caption(lines[index])}
    if len(captions) * _CAPTIONS > len(written):
        return lines
    return [line for index, line in enumerate(lines) if index not in captions]


def _is_caption(line: str) -> bool:
    found = _CAPTIONED.search(line[-80:]) if line[-1] in ")]" and measure(line) <= _SHORT else None
    if found is None or found[1] is None:
        return found is not None
    return bool(agency_named(found[1])) and is_prose(line[: line.rindex("[")].rstrip())


def _cut_tails(lines: list[str]) -> list[str]:
    """Rule 4, from the top: the first head of a true tail ends the text."""
    heads = [bool(line) and _is_tail_head(line) for line in lines]
    rests = _rests(lines, heads)
    kept: list[str] = []
    before = 0
    skip_headline = False
    for line, head, rest in zip(lines, heads, rests, strict=True):
        announces = head and fold(line) not in _TAIL_HEADS  # the headline stands on the line
        if (head or _may_be_tail_head(line)) and rest.is_tail(before, after_headline=announces):
            break
        if head:
            skip_headline = not announces
            continue
        if skip_headline and line:
            skip_headline = False
            if _is_headline(line):
                continue
        kept.append(line)
        before += measure(line)
    return kept


@dataclass(frozen=True, slots=True)
class _Rest:
    """What follows a line: how much, and how much of it reads as a story. Heads of tails are not counted."""

    lines: int = 0
    prose: int = 0  # lines that end as a sentence does
    size: int = 0
    longest: int = 0
    longest_whole: int = 0  # of the lines that do not break off
    unmarked: bool = False  # in a script that does not mark sentences

    def and_before(self, line: str) -> "_Rest":
        """Return the rest with one more line at its beginning."""
        size = measure(line)
        return _Rest(
            lines=self.lines + 1,
            # a short question is a headline as often as a paragraph
            prose=self.prose + (is_prose(line) and (size > _HEADLINE / 2 or not _ASKS.search(line))),
            size=self.size + size,
            longest=max(self.longest, size),
            longest_whole=self.longest_whole if breaks_off(line) else max(self.longest_whole, size),
            unmarked=self.unmarked or is_unmarked(line),
        )

    def is_tail(self, before: int, *, after_headline: bool) -> bool:
        """Whether all this is teasers: no line of article length, few whole sentences, less than the story.

        A head in the middle of an article is followed by paragraphs, so one of the tests fails there.

        Args:
            before: how much of the story stands before.
            after_headline: the head has its headline on its line, as one between two paragraphs has: then a single
                sentence behind it is the story's.
        """
        if not self.lines:
            return True
        if after_headline and (self.prose or self.unmarked):
            return False
        if before and not self.prose and self.longest <= _HEADLINE:
            return True  # headlines only, however many
        if self.size > max(before, _TAIL) or self.longest_whole > _TEASER:
            return False
        return self.prose * 2 <= self.lines


def _rests(lines: Sequence[str], heads: Sequence[bool]) -> list[_Rest]:
    """What follows each line."""
    rests, rest = [], _Rest()
    for line, head in zip(reversed(lines), reversed(heads), strict=True):
        rests.append(rest)
        if line and not head:
            rest = rest.and_before(line)
    return rests[::-1]


def _is_tail_head(line: str) -> bool:
    """Whether a short line is a phrase of the table, alone, with a colon, or with a headline behind it."""
    if measure(line) > _SHORT:
        return False
    folded = fold(line)
    if folded in _TAIL_HEADS:
        return not line.endswith(".") or breaks_off(line)
    found = _TAIL_START.match(folded)
    if found is None:
        return False
    rest = folded[found.end() :].lstrip()
    if rest[:1] in {":", "：", "|", "»", ">", "–", "—"}:
        return not _goes_on(line)
    sure = found[0] not in _TAIL_HEADS_ALONE or _in_capitals(line, found[0])
    return sure and _ends_a_word(folded, found.end()) and not is_prose(line)


def _goes_on(line: str) -> bool:
    """Whether a colon stands inside of a sentence: "Related: the ports are closed as well." """
    return is_prose(line) and line.partition(":")[2].lstrip()[:1].islower()


def _in_capitals(line: str, head: str) -> bool:
    """Whether a head is parted from the headline behind it by its capitals: "RELATED Blast hits embassy"."""
    words, count = line.split(), len(head.split())
    return " ".join(words[:count]).isupper() and not " ".join(words[count:]).isupper()


def _may_be_tail_head(line: str) -> bool:
    """Whether a line is the phrase of a table that also holds headings of stories, alone or with a section's name."""
    if not 0 < measure(line) <= _HEADING:
        return False
    folded = fold(line)
    return folded in _TAIL_HEADS_AT_THE_END or (
        (found := _TAIL_START_AT_THE_END.match(folded)) is not None
        and _ends_a_word(folded, found.end())
        and not is_prose(line)
    )


def _is_headline(line: str) -> bool:
    return measure(line) <= _HEADLINE and not is_prose(line) and not ends_as_sentence(line)


def _ends_a_word(text: str, end: int) -> bool:
    """Whether a phrase that ends here ends a word; scripts without spaces always do."""
    return end >= len(text) or not text[end].isalnum() or text[end - 1] >= "\u3040"
