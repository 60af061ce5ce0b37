import gzip
from pathlib import Path

import pytest

from config.topics import TopicPack
from workers.classify.learning.training import Labelled
from workers.cli.labelled import labelled_examples, labelled_verdicts, read_labelled
from workers.domain.errors import ConfigError
from workers.store.verdicts import JudgedArticle

LINE = '{"id": "1", "lang": "fa", "title": null, "text": "x", "about": ["sanctions"], "touch": ["extremism"]}\n'
ARTICLE = Labelled("fa", "", "x", frozenset({"sanctions"}), frozenset({"extremism"}))


def test_a_file_is_read_plain_or_gzipped(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_text(LINE + "\n" + LINE, encoding="utf-8")
    packed.write_bytes(gzip.compress(LINE.encode() * 2))
    assert read_labelled(plain) == read_labelled(packed) == [ARTICLE, ARTICLE]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2"),
        ("[]", "line 2"),
        ('{"about": 3, "touch": []}', "line 2: about: must be a list of texts"),
        ('{"about": "sanctions", "touch": []}', "line 2: about: must be a list of texts"),
        ('{"about": [], "touch": [["sanctions"]]}', "line 2: touch: must be a list of texts"),
        ('{"about": [], "touch": null}', "line 2: touch: must be a list of texts"),
        ('{"about": []}', "line 2: touch: is missing"),
        ('{"about": [], "touch": [], "lang": ["fa"]}', "line 2: lang: must be text"),
        ('{"about": [], "touch": [], "title": 7}', "line 2: title: must be text"),
        ('{"about": [], "touch": [], "text": {"a": 1}}', "line 2: text: must be text"),
        (
            '{"about": ["sanction"], "touch": []}',
            "line 2: about: no topic pack has the id 'sanction'; did you mean sanc",
        ),
        ('{"about": [], "touch": ["whaling"]}', "line 2: touch: no topic pack has the id 'whaling'"),
        ("[" * 100_000, "line 2: not JSON"),
        ("3", "line 2: not an object"),
    ],
    ids=lambda given: given[:60],
)
def test_a_line_that_is_no_article_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(LINE + line, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        read_labelled(path, {"sanctions", "extremism"})
    assert says in str(told.value).replace(":2:", " line 2:")


def test_any_topic_is_taken_where_none_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"about": ["whaling"], "touch": []}', encoding="utf-8")
    assert read_labelled(path)[0].about == {"whaling"}


def test_a_line_ends_at_a_line_feed_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"text": "one\u2028two\x85three", "about": [], "touch": []}\r\n'.encode() * 2)
    assert [one.text for one in read_labelled(path)] == ["one\u2028two\x85three"] * 2


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"not gzip", gzip.compress(LINE.encode(), mtime=0)[:12] + b"\xff" * 40]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.jsonl\.gz"):
        read_labelled(path)
    with pytest.raises(ConfigError, match="nowhere"):
        read_labelled(tmp_path / "nowhere")


def topics(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_an_example_says_something_of_its_own_topic_alone() -> None:
    packs = [
        TopicPack.model_validate(
            {
                "id": name,
                "name": name,
                "description": "A topic that these tests have made up.",
                "terms": {"en": {"strong": [name]}},
                "examples": [
                    {"about": True, "language": "fa", "title": "T", "text": "x"},
                    {"about": False, "language": "en", "title": "U"},
                ],
            }
        )
        for name in ("piracy", "smuggling")
    ]
    assert labelled_examples(packs)[:2] == [
        Labelled("fa", "T", "x", topics("piracy"), topics("smuggling")),
        Labelled("en", "U", "", topics(), topics("smuggling")),
    ]
    assert [one.touch for one in labelled_examples(packs)[2:]] == [topics("piracy")] * 2


@pytest.mark.parametrize(
    ("confirmed", "rejected", "about", "touch"),
    [
        (topics("a"), topics("b"), topics("a"), topics("c")),
        (topics(), topics("b"), topics(), topics("a", "c")),
        # a pack that is gone takes its labels along
        (topics("a", "gone"), topics("gone too"), topics("a"), topics("b", "c")),
    ],
)
def test_a_topic_that_nobody_judged_counts_neither_way(
    confirmed: frozenset[str], rejected: frozenset[str], about: frozenset[str], touch: frozenset[str]
) -> None:
    judged = JudgedArticle("ru", "T", "x", confirmed, rejected)
    assert labelled_verdicts([judged], "abc") == [Labelled("ru", "T", "x", about, touch)]


def test_an_article_on_which_nothing_is_agreed_is_left_out() -> None:
    judged = JudgedArticle("ru", "T", "x", topics("gone"), topics())
    assert labelled_verdicts([judged, judged._replace(confirmed=topics())], "abc") == []
