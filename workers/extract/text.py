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

from workers.extract.clean import clean_text, squeeze_lines
from workers.extract.furniture import (
    BUTTONS,
    INVITATIONS,
    LABELS,
    PHOTO_WORDS,
    TAIL_HEADS,
    TAIL_HEADS_ALONE,
    TAIL_HEADS_AT_THE_END,
    TAIL_STARTS_AT_THE_END,
    fold,
    phrases,
    starts,
)

#: Longer lines are prose, whatever they begin with (characters).
_SHORT = 160
#: A cookie notice is at most this long; a button with its network's name hardly longer than that (characters).
_NOTICE, _BUTTON = 400, 32
#: A line that says when the page was made is at most this long (characters).
_STAMP_LINE = 80
#: A headline of another story is hardly longer; a paragraph of an article hardly shorter (characters).
_HEADLINE = 150
#: A heading with the name of a section is no longer (characters).
_HEADING = 45
#: A teaser (headline plus the first sentence of its story) is at most this long (characters).
_TEASER = 320

_PICTURE_NAME = r"[\w%~.()+-]{1,120}?\.(?:jpe?g|png|gif|webp|avif|bmp|tiff?)"
_PICTURE_LINE = re.compile(rf"[\s(\[]*{_PICTURE_NAME}[\s)\]]*", re.IGNORECASE)
#: Glued to a capital or to a letter without case, or with a space before a dateline's capitals: a sentence about a file
#: goes on in lower case after a space and is left alone.
_PICTURE_BEFORE = re.compile(
    rf"^\s*(?i:{_PICTURE_NAME})(?=[^\W\d_a-z]|\s+[^\W\d_a-z]{{2}}(?:[^\Wa-z]|[ ,(])|\s*[\"“«\[(])"
)

#: A line that is only a date, with or without a time, and the words with which agencies end a message.
_STAMP = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}(?:[ ,|–-]*\d{1,2}:\d{2}(?::\d{2})?)?")
#: "Published 18 November 2019", "Обновлено в 10:30": a word of this kind with a number behind it.
_STAMPED = re.compile(
    r"(?:[-–•·] )?(?:first |last )?(?:published|updated|posted|modified|publié|mis à jour|publicado|actualizado"
    r"|atualizado|veröffentlicht|aktualisiert|stand|erstellt|pubblicato|aggiornato|gepubliceerd|bijgewerkt|publicerad"
    r"|uppdaterad|publisert|oppdatert|publiceret|opdateret|julkaistu|päivitetty|opublikowano|aktualizacja|publikováno"
    r"|aktualizováno|опубликовано|обновлено|опубліковано|оновлено|yayınlanma|güncelleme|güncellenme|giriş|oluşturma"
    r"|تاریخ انتشار|زمان انتشار|تاريخ النشر|نشر في|آخر تحديث"
    r"|发布时间|更新时间|發布時間|更新時間|公開日|更新日|입력|수정|기사입력)"
    r"\b.{0,50}\d.{0,30}",
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

_SENTENCE_END = re.compile(r"[.!?。！？؟۔।][\"'”’»)\]]*$")
_ELLIPSIS = re.compile(r"(?:…|\.\.\.)\W*$")

_TAIL_HEADS = phrases(TAIL_HEADS)
_TAIL_HEADS_ALONE = phrases(TAIL_HEADS_ALONE)
_TAIL_START = starts(TAIL_HEADS)
_TAIL_HEADS_AT_THE_END = phrases(TAIL_HEADS_AT_THE_END)
_TAIL_START_AT_THE_END = starts(TAIL_STARTS_AT_THE_END)
_INVITATION_START = starts(INVITATIONS)
_BUTTON_START = starts(BUTTONS)
_LABEL_START = starts(LABELS)


def tidy(text: str) -> str:
    """Keep only the story of an extracted or pasted text. Idempotent on its own output; an empty text stays empty."""
    lines = clean_text(text).split("\n")
    lines = [kept for line in lines if (kept := _tidy_line(line)) is not None]
    first = next((index for index, line in enumerate(lines) if line), None)
    if first is not None:
        for index in range(first, min(first + 5, len(lines))):
            lines[index] = _uncaption(lines[index])
    return squeeze_lines(_cut_tails(lines))


def _tidy_line(line: str) -> str | None:
    """Rules 1 and 3: the line without file names, or None when nothing of it is the story's."""
    if "." in line[:125]:
        if _PICTURE_LINE.fullmatch(line):
            return None
        line = _PICTURE_BEFORE.sub("", line).lstrip()
    if not line or len(line) > _NOTICE:
        return line
    if _STAMP.fullmatch(line) or _END_MARK.fullmatch(line) or _MARKED_HEADLINE.fullmatch(line):
        return None
    if len(line) <= _STAMP_LINE and _STAMPED.fullmatch(line):
        return None
    folded = fold(line)
    if folded in _TAIL_HEADS or folded in _TAIL_HEADS_AT_THE_END:  # what it means depends on what follows: rule 4
        return line
    if _INVITATION_START.match(folded):
        return None
    if len(line) <= _BUTTON and (found := _BUTTON_START.match(folded)):
        return None if _ends_a_word(folded, found.end()) and not _is_prose(line) else line
    found = _LABEL_START.match(folded)
    if found and len(line) <= _SHORT and re.match(r"\s*[:：#]", folded[found.end() :]):
        return None
    return line


def _uncaption(line: str) -> str:
    """Rule 2: what stands before a dateline is a caption when it is glued to it or credits a picture."""
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
        if before and (not before[-1].isspace() or _CREDIT.search(before)) and before[-1] not in "(/-[\"'“«":
            return line[start:]
    return line


def _cut_tails(lines: list[str]) -> list[str]:
    """Rule 4, from the top: the first head of a true tail ends the text."""
    kept: list[str] = []
    skip_headline = False
    for index, line in enumerate(lines):
        head = bool(line) and _is_tail_head(line)
        if (head or _may_be_tail_head(line)) and _is_tail(lines[index + 1 :], sum(map(len, kept))):
            break
        if head:
            skip_headline = fold(line) in _TAIL_HEADS
            continue
        if skip_headline and line:
            skip_headline = False
            if _is_headline(line):
                continue
        kept.append(line)
    return kept


def _is_tail_head(line: str) -> bool:
    """Whether a short line is a phrase of the table, alone, with a colon, or with a headline behind it."""
    if len(line) > _SHORT:
        return False
    folded = fold(line)
    if folded in _TAIL_HEADS:
        return not line.endswith(".") or bool(_ELLIPSIS.search(line))
    found = _TAIL_START.match(folded)
    if found is None:
        return False
    rest = folded[found.end() :].lstrip()
    if rest[:1] in {":", "：", "|", "»", ">", "–", "—"}:
        return True
    return found[0] not in _TAIL_HEADS_ALONE and _ends_a_word(folded, found.end()) and not _is_prose(line)


def _may_be_tail_head(line: str) -> bool:
    """Whether a line is the phrase of a table that also holds headings of stories, alone or with a section's name."""
    if not 0 < len(line) <= _HEADING:
        return False
    folded = fold(line)
    return folded in _TAIL_HEADS_AT_THE_END or (
        (found := _TAIL_START_AT_THE_END.match(folded)) is not None
        and _ends_a_word(folded, found.end())
        and not _is_prose(line)
    )


def _is_tail(after: list[str], before: int) -> bool:
    """Whether everything after a head is teasers: no line of article length, few whole sentences, less than the story.

    A head in the middle of an article is followed by paragraphs, so one of the three tests fails there.
    """
    following = [line for line in after if line]
    if not following:
        return True
    if before and not any(map(_is_prose, following)) and max(map(len, following)) <= _HEADLINE:
        return True  # headlines only, however many
    size = sum(map(len, following))
    if size > max(before, 600) or any(len(line) > _TEASER and not _ELLIPSIS.search(line) for line in following):
        return False
    whole = sum(_is_prose(line) and len(line) > _HEADLINE / 2 for line in following)
    return whole * 2 <= len(following)


def _is_headline(line: str) -> bool:
    return len(line) <= _HEADLINE and not _SENTENCE_END.search(line)


def _is_prose(line: str) -> bool:
    """Whether a line ends as a sentence does (an ellipsis ends a teaser)."""
    return bool(_SENTENCE_END.search(line)) and not _ELLIPSIS.search(line)


def _ends_a_word(text: str, end: int) -> bool:
    """Whether a phrase that ends here ends a word; scripts without spaces always do."""
    return end >= len(text) or not text[end].isalnum() or text[end - 1] >= "\u3040"
