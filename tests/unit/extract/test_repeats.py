"""Blocks that repeat on a source's pages: which are learned, which never, and how a text is freed of them."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.making import make_page, make_source
from workers.domain.outcomes import Advanced
from workers.domain.values import Article, Entry, FeedEntry, PastText, RepeatedBlock
from workers.extract.repeats import block_hash, learn_repeats, without_repeats
from workers.extract.stage import extract

NOTICE = "All rights are with the agency; reprints need a written agreement with its legal department."
LABEL = "Follow our channel"
END = "(end)"


def words(number: int) -> str:
    """Return a sentence that no other number has: digits alone would be folded."""
    name = "".join("abcdefghij"[int(digit)] for digit in str(number))
    return f"The council of {name} town met on Monday and spoke about the {name} bridge for several hours."


def story(number: int, *repeats: str, lines: int = 4) -> PastText:
    own = [words(100 * number + line) for line in range(lines)]
    return PastText(title=words(number), text="\n".join([*own, *repeats]))


def stories(count: int, *repeats: str, of: int = 60, lines: int = 4) -> list[PastText]:
    """Return `of` articles of different stories, of which `count` end with these lines."""
    return [story(number, *(repeats if number < count else ()), lines=lines) for number in range(of)]


def learned(texts: list[PastText], known: tuple[RepeatedBlock, ...] = ()) -> set[str]:
    return {one.sample for one in learn_repeats(texts, known)}


@pytest.mark.parametrize(
    ("line", "count", "of", "is_learned"),
    [
        pytest.param(LABEL, 6, 60, True, id="a tenth of sixty"),
        pytest.param(LABEL, 5, 60, False, id="less than a tenth"),
        pytest.param(LABEL, 5, 20, True, id="five are enough"),
        pytest.param(LABEL, 4, 4, False, id="four are not, however few there are"),
        pytest.param(END, 30, 60, True, id="very short"),
        pytest.param(NOTICE, 36, 60, True, id="a sentence under six tenths"),
        pytest.param(NOTICE, 35, 60, False, id="a sentence may be background, below six tenths"),
        pytest.param(NOTICE, 20, 20, True, id="a sentence under all of twenty"),
        pytest.param(NOTICE, 19, 19, False, id="of fewer than twenty nothing is known about sentences"),
        pytest.param(
            "Share this page with a friend who wants to know what goes on in the towns of the country",
            12,
            60,
            False,
            id="as long as a sentence",
        ),
        pytest.param("* * *", 60, 60, False, id="no letter"),
        pytest.param("TEHRAN (FNA) -", 60, 60, False, id="a dateline"),
        pytest.param("به گزارش ایرنا", 60, 60, False, id="a dateline of an agency alone"),
        pytest.param("TEHRAN, Iran —", 60, 60, False, id="a dateline of a place alone"),
        pytest.param("新华社北京5月3日电", 60, 60, False, id="a dateline in another script"),
    ],
)
def test_a_line_repeats_when_enough_stories_have_it(line: str, count: int, of: int, *, is_learned: bool) -> None:
    assert learned(stories(count, line, of=of)) == ({line} if is_learned else set())


def test_capitals_spaces_and_numbers_do_not_hide_a_repeat() -> None:
    texts = [story(number, f"{number * 97} READERS  so far, 1{number}:30") for number in range(30)]
    assert learned(texts) == {"0 READERS  so far, 10:30"}


def test_a_table_of_facts_with_other_numbers_each_time_is_not_taken_for_a_counter() -> None:
    texts = [story(number, *([f"Dead: {number}"] if number < 10 else [])) for number in range(60)]
    assert learned(texts) == set()


def test_a_running_story_is_one_story() -> None:
    background = [words(90_000 + line) for line in range(4)]
    updates = [
        PastText(title=words(70_000 + number), text="\n".join([words(80_000 + number), *background, "A slogan"]))
        for number in range(25)
    ]
    assert learned([*updates, *stories(0, of=35)]) == set()


def test_the_same_title_counts_once() -> None:
    texts = [PastText(title="Weather 1", text=f"{words(number)}\n{LABEL}") for number in range(30)]
    assert learned(texts) == set()


def test_a_notice_longer_than_the_briefs_above_it_does_not_make_one_story_of_them() -> None:
    assert learned(stories(60, NOTICE, LABEL, lines=1)) == {NOTICE, LABEL}


def test_what_was_learned_stays_while_it_comes_though_it_stands_in_no_text_any_more() -> None:
    texts = [
        PastText(title=words(number), text=words(number), removed=(block_hash(NOTICE),) if number < 18 else ())
        for number in range(60)
    ]
    known = (RepeatedBlock(hash=block_hash(NOTICE), sample=NOTICE, articles=60, of=60),)
    assert learn_repeats(texts, known) == (RepeatedBlock(hash=block_hash(NOTICE), sample=NOTICE, articles=18, of=60),)
    assert learn_repeats(texts) == (), "a hash alone tells nobody what it was"


@pytest.mark.parametrize(
    ("line", "count", "stays"), [(NOTICE, 18, True), (NOTICE, 17, False), (LABEL, 3, True), (LABEL, 2, False)]
)
def test_a_block_is_forgotten_below_half_of_what_it_took_to_learn_it(line: str, count: int, *, stays: bool) -> None:
    of = 60 if line == NOTICE else 20
    texts = [
        PastText(title=words(number), text=words(number), removed=(block_hash(line),) if number < count else ())
        for number in range(of)
    ]
    assert bool(learn_repeats(texts, (RepeatedBlock(hash=block_hash(line), sample=line, articles=9, of=9),))) is stays


@pytest.mark.parametrize(
    "line",
    [
        "No casualties were reported.",
        "He did not elaborate.",
        "“We will not leave,” he said.",
        "Следствие продолжается.",
        "Soruşturma sürüyor.",
        "目前伤亡情况不明，事故原因正在调查中。",
        "เจ้าหน้าที่ปิดกั้นพื้นที่และเก็บหลักฐาน",
        "Հետաքննությունը շարունակվում է։",
        "ምርመራው ቀጥሏል።",
        "चार लोग मारे गए।",
        "تحقیقات جاری ہیں۔",
    ],
)
def test_what_reporters_always_say_is_kept_in_every_script(line: str) -> None:
    for count, of in ((5, 12), (18, 60)):
        assert learned(stories(count, line, of=of)) == set()


@pytest.mark.parametrize(
    ("line", "place", "is_learned"),
    [
        (LABEL, 0, True),
        (LABEL, 4, True),
        (LABEL, 2, False),  # a subhead
        (LABEL, 3, False),  # above the last paragraph
        ("Background", 2, False),
        ("Background", 0, False),
        ("KABUL", 0, False),
        ("NEW DELHI", 0, False),
        ("(end)", 4, True),
    ],
)
def test_a_label_is_learned_at_the_edge_only(line: str, place: int, *, is_learned: bool) -> None:
    texts = []
    for number in range(60):
        own = story(number).text.split("\n")
        if number < 15:
            own.insert(place, line)
        texts.append(PastText(title=words(number), text="\n".join(own)))
    assert learned(texts) == ({line} if is_learned else set())


def test_a_label_that_stands_at_the_edge_by_chance_is_no_furniture() -> None:
    texts = stories(8, LABEL, of=60)
    inside = story(50).text.split("\n")
    texts[50] = PastText(title=words(50), text="\n".join([*inside[:2], LABEL, *inside[2:]]))
    assert learned(texts) == set()


def test_labels_are_taken_off_from_the_outside() -> None:
    labels = ("Our channel", "Our radio", "Our paper", "Our shop", "Our app")
    assert learned(stories(8, *labels, of=60)) == set(labels)


def test_what_stops_coming_is_forgotten() -> None:
    known = (RepeatedBlock(hash=block_hash(NOTICE), sample=NOTICE, articles=60, of=60),)
    assert learned(stories(4, NOTICE), known) == set()


def test_it_tells_in_how_many_stories_of_how_many_the_most_frequent_first() -> None:
    texts = [story(number, *([LABEL] if number < 20 else []), *([END] if number < 40 else [])) for number in range(50)]
    assert [(one.sample, one.articles, one.of) for one in learn_repeats(texts)] == [(END, 40, 50), (LABEL, 20, 50)]


def test_the_sample_is_the_newest_form_and_short() -> None:
    texts = [story(number, f"Number {number} of our {'very ' * 100}long channel") for number in range(40)]
    (found,) = learn_repeats(texts)
    assert found.sample.startswith("Number 0 of our very")
    assert len(found.sample) == 200


def test_no_articles_teach_nothing() -> None:
    assert learn_repeats([]) == ()


REPEATED = frozenset(map(block_hash, (LABEL, NOTICE, END)))


@pytest.mark.parametrize(
    ("lines", "left", "gone"),
    [
        ([words(1), LABEL, words(2), END], [words(1), words(2)], (LABEL, END)),
        ([LABEL, words(1), "FOLLOW  our Channel"], [words(1)], (LABEL,)),
        ([words(1), words(2)], [words(1), words(2)], ()),
        ([LABEL, NOTICE], [LABEL, NOTICE], ()),
        ([LABEL, "Too short for a brief."], [LABEL, "Too short for a brief."], ()),
    ],
)
def test_repeats_go_unless_hardly_anything_would_be_left(
    lines: list[str], left: list[str], gone: tuple[str, ...]
) -> None:
    assert without_repeats("\n".join(lines), REPEATED) == ("\n".join(left), tuple(map(block_hash, gone)))


def test_what_is_learned_from_texts_is_found_in_texts() -> None:
    hashes = frozenset(one.hash for one in learn_repeats(stories(60, LABEL, NOTICE)))
    text, removed = without_repeats(story(99, LABEL, NOTICE).text, hashes)
    assert (text, len(removed)) == (story(99).text, 2)


def read(repeated: frozenset[str], *lines: str, summary: str = "") -> Article:
    feed = FeedEntry(key="1", url="https://agency.example/1", title="Bridge", summary=summary)
    entry = Entry(
        id=UUID(int=1),
        source=make_source(),
        url=feed.url,
        feed=feed,
        discovered_at=datetime(2024, 6, 1, tzinfo=UTC),
        attempt=1,
        repeated=repeated,
    )
    body = "".join(f"<p>{line}</p>" for line in lines)
    page = make_page(f"<html><body><article><h1>Bridge</h1>{body}</article></body></html>".encode())
    outcome = extract(entry, page, detect=lambda _: ("en", 0.9))
    assert isinstance(outcome, Advanced), outcome
    return outcome.value


class TestInTheStep:
    def test_an_article_is_freed_of_them_and_says_of_which(self) -> None:
        found = read(REPEATED, words(1), words(2), NOTICE)
        assert found.text == f"{words(1)}\n{words(2)}"
        assert found.removed == (block_hash(NOTICE),)

    def test_without_any_it_says_so(self) -> None:
        found = read(frozenset(), words(1), words(2), NOTICE)
        assert (found.text.split("\n")[-1], found.removed) == (NOTICE, ())

    def test_a_credit_is_read_before_its_line_goes(self) -> None:
        found = read(frozenset([block_hash("(Reuters)")]), words(1), words(2), "(Reuters)")
        assert "Reuters" not in found.text
        assert found.wire_credit == "Reuters"

    def test_a_summary_of_the_feed_is_left_alone(self) -> None:
        found = read(REPEATED, summary=f"{words(1)} {words(2)}")
        assert (found.quality, found.removed) == ("summary", ())

    def test_the_settings_name_the_blocks_that_went_and_only_those(self) -> None:
        plain = read(frozenset(), words(1), words(2), NOTICE).extractor
        unused = read(REPEATED, words(1), words(2)).extractor
        freed = read(REPEATED, words(1), words(2), NOTICE).extractor
        both = read(REPEATED, words(1), words(2), LABEL, NOTICE).extractor
        assert unused == plain
        assert freed.startswith(f"{plain} repeats/")
        assert len(freed) == len(f"{plain} repeats/") + 8
        assert both not in {plain, freed}
        assert read(REPEATED, words(1), NOTICE, words(2), LABEL).extractor == both
