"""OPML in and out: nothing lost in our own, nothing guessed in a foreign one, nothing executed in a hostile one."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest
from lxml import etree

from config.opml import OpmlFeed, parse_opml, render_opml, slug, specs_from_opml
from config.sources import SourceSpec, load_sources
from workers.domain.errors import ConfigError

SHIPPED = Path(__file__).parents[3] / "config" / "sources.yaml"


def opml(body: str, prolog: str = "") -> bytes:
    return f'{prolog}<opml version="2.0"><head><title>t</title></head><body>{body}</body></opml>'.encode()


def spec(**changes: object) -> SourceSpec:
    facts = {
        "id": "harbour-post",
        "name": "Harbour Post",
        "url": "https://harbour.example/rss",
        "language": "en",
        "country": "GB",
        "owner": "Harbour Press Ltd",
        "state_owned": False,
    }
    return SourceSpec.model_validate(facts | changes)


class TestParsing:
    def test_reads_titles_addresses_language_and_the_outlines_around(self) -> None:
        (feed,) = parse_opml(
            opml(
                '<outline text="Asia"><outline title="Centre"><outline type="rss" text="Alpha &amp; Co"'
                ' language="en-us" xmlUrl="https://a.example/rss?x=1&amp;y=2" htmlUrl="https://a.example/"/></outline></outline>'
            )
        )
        assert feed == OpmlFeed(
            title="Alpha & Co",
            xml_url="https://a.example/rss?x=1&y=2",
            html_url="https://a.example/",
            category=("Asia", "Centre"),
            language="en",
        )

    @pytest.mark.parametrize(
        ("outline", "expected"),
        [
            ('<outline text="A" xmlurl="http://a.example"/>', ("A", "http://a.example")),
            ('<outline text="A" xmlURL=" http://a.example "/>', ("A", "http://a.example")),
            ('<outline text="A" title="B" xmlUrl="http://a.example"/>', ("B", "http://a.example")),
            ('<outline text="" xmlUrl="http://a.example"/>', ("http://a.example", "http://a.example")),
            ('<outline type="pie" text="A&#10; b" xmlUrl="http://a.example"/>', ("A b", "http://a.example")),
        ],
    )
    def test_takes_outlines_as_they_are_written_in_the_wild(self, outline: str, expected: tuple[str, str]) -> None:
        (feed,) = parse_opml(opml(outline))
        assert (feed.title, feed.xml_url) == expected

    @pytest.mark.parametrize(
        "outline",
        ['<outline text="A"/>', '<outline text="A" xmlUrl=""/>', '<outline type="link" url="http://a.example"/>'],
    )
    def test_passes_over_outlines_that_are_no_feeds(self, outline: str) -> None:
        assert parse_opml(opml(outline)) == ()

    def test_does_not_take_an_unknown_language_for_a_fact(self) -> None:
        (feed,) = parse_opml(opml('<outline text="A" xmlUrl="http://a.example" language="unknown"/>'))
        assert feed.language is None

    def test_reads_a_broken_document_as_far_as_it_goes(self) -> None:
        whole = opml('<outline text="A & B" xmlUrl="http://a.example"/><outline text="C" xmlUrl="http://c.example"/>')
        assert [feed.xml_url for feed in parse_opml(whole[:-10])] == ["http://a.example", "http://c.example"]

    @pytest.mark.parametrize("data", [b"", b"   ", b"hello", b"<html><body/></html>", b"\x00\x01\x02", b"<!-- x -->"])
    def test_refuses_what_is_not_opml_by_its_name(self, data: bytes) -> None:
        with pytest.raises(ConfigError, match=r"^feeds\.opml: not OPML"):
            parse_opml(data, "feeds.opml")


class TestHostileDocuments:
    def test_an_entity_does_not_read_a_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("top-secret")
        prolog = f'<!DOCTYPE opml [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        with pytest.raises(ConfigError, match="declares XML entities") as caught:
            parse_opml(opml('<outline text="A" xmlUrl="http://a.example">&x;</outline>', prolog))
        assert "top-secret" not in str(caught.value)

    def test_a_dtd_beside_the_document_is_not_read(self, tmp_path: Path) -> None:
        dtd = tmp_path / "x.dtd"
        dtd.write_text('<!ENTITY x "top-secret">')
        outline = '<outline text="&x;" xmlUrl="http://a.example"/>'
        feeds = parse_opml(opml(outline, f'<!DOCTYPE opml SYSTEM "{dtd.as_uri()}">'))
        assert "top-secret" not in repr(feeds)

    @pytest.mark.parametrize("place", ['<outline text="&l9;" xmlUrl="http://a.example"/>', "<outline>&l9;</outline>"])
    @pytest.mark.timeout(10)
    def test_a_billion_laughs_are_not_laughed(self, place: str) -> None:
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        with pytest.raises(ConfigError):
            parse_opml(opml(place, f'<!DOCTYPE opml [<!ENTITY l0 "ha">{laughs}]>'))

    @pytest.mark.parametrize(
        "doctype",
        ['<!DOCTYPE opml SYSTEM "{url}">', '<!DOCTYPE opml [<!ENTITY % p SYSTEM "{url}"> %p;]>'],
        ids=["external subset", "parameter entity"],
    )
    def test_no_address_is_asked_for_a_dtd(self, doctype: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            prolog = doctype.format(url=f"http://127.0.0.1:{server.getsockname()[1]}/x.dtd")
            with suppress(ConfigError):  # refused is as good as read without it
                parse_opml(opml('<outline text="A" xmlUrl="http://a.example"/>', prolog))
            with pytest.raises(BlockingIOError):
                server.accept()

    def test_very_deep_nesting_ends_in_an_answer(self) -> None:
        deep = "<outline text='x'>" * 20_000 + "<outline xmlUrl='http://a.example'/>" + "</outline>" * 20_000
        assert parse_opml(opml(deep)) == ()  # libxml2 stops at its depth limit; what lies below is not read


class TestRendering:
    def test_is_opml_2_that_another_reader_understands(self) -> None:
        data = render_opml([spec(name='A <b> & "c" بی‌بی‌سی')])
        root = etree.fromstring(data)
        assert (root.tag, root.get("version")) == ("opml", "2.0")
        assert root.findtext("head/title")
        (outline,) = root.findall("body/outline")
        assert outline.get("type") == "rss"
        assert outline.get("text") == outline.get("title") == 'A <b> & "c" بی‌بی‌سی'
        assert outline.get("xmlUrl") == "https://harbour.example/rss"

    def test_and_reading_back_loses_nothing(self) -> None:
        sources = (*load_sources(SHIPPED), spec(enabled=False, state_owned=True))
        assert specs_from_opml(parse_opml(render_opml(sources)), ()) == (list(sources), [])

    def test_gives_the_same_bytes_each_time(self) -> None:
        assert render_opml([spec()]) == render_opml([spec()])


class TestImporting:
    def test_takes_the_facts_of_the_file_before_those_of_the_operator(self) -> None:
        feeds = [
            OpmlFeed(title="Alpha", xml_url="https://a.example/", language="fr"),
            OpmlFeed(title="Beta", xml_url="https://b.example/", country="IR", owner="B", state_owned=True),
        ]
        specs, left_out = specs_from_opml(feeds, (), language="en", country="GB", owner="Some Ltd", state_owned=False)
        assert left_out == []
        assert [(s.id, s.language, s.country, s.owner, s.state_owned) for s in specs] == [
            ("alpha", "fr", "GB", "Some Ltd", False),
            ("beta", "en", "IR", "B", True),
        ]

    def test_reports_what_is_missing_and_guesses_nothing(self) -> None:
        specs, left_out = specs_from_opml([OpmlFeed(title="Alpha", xml_url="https://a.example/")], (), language="en")
        assert specs == []
        assert left_out == ["Alpha: not said in the file, please give --country, --owner, --state-owned"]

    def test_reports_a_wrong_fact_by_name(self) -> None:
        feeds = [OpmlFeed(title="Alpha", xml_url="ftp://a.example/")]
        specs, left_out = specs_from_opml(feeds, (), language="en", country="gb", owner="A", state_owned=False)
        assert specs == []
        (sentence,) = left_out
        assert sentence.startswith("Alpha: url: must start with http:// or https://; country: not a country code")

    def test_passes_over_feeds_that_are_known_or_come_twice(self) -> None:
        feeds = [
            OpmlFeed(title="Known", xml_url="http://harbour.example/rss/"),
            OpmlFeed(title="New", xml_url="https://new.example/"),
            OpmlFeed(title="New again", xml_url="https://new.example"),
        ]
        specs, left_out = specs_from_opml(feeds, [spec()], language="en", country="GB", owner="A", state_owned=False)
        assert [one.id for one in specs] == ["new"]
        assert left_out == ["Known: already there as harbour-post", "New again: already there as new"]

    def test_numbers_ids_that_are_taken(self) -> None:
        feeds = [OpmlFeed(title="Harbour Post", xml_url=f"https://{n}.example/") for n in range(3)]
        specs, _ = specs_from_opml(feeds, [spec()], language="en", country="GB", owner="A", state_owned=False)
        assert [one.id for one in specs] == ["harbour-post-2", "harbour-post-3", "harbour-post-4"]

    def test_numbers_a_long_id_within_its_length(self) -> None:
        feeds = [OpmlFeed(title="x", id="y" * 64, xml_url="https://a.example/")]
        known = [spec(id="y" * 64)]
        (one,), _ = specs_from_opml(feeds, known, language="en", country="GB", owner="A", state_owned=False)
        assert len(one.id) == 64
        assert one.id.endswith("-2")


@pytest.mark.parametrize(
    ("title", "url", "expected"),
    [
        ("Harbour Post – World", "https://x.example", "harbour-post-world"),
        ("El País", "https://x.example", "el-pais"),
        ("خبرگزاری ایسنا", "https://www.isna.ir/rss", "isna-ir"),
        ("خبرگزاری ایسنا | ISNA", "https://www.isna.ir/rss", "isna-ir"),
        ("x", "https://x.example", "x-example"),
        ("新华网", "https://新华网.中国/", "source"),
        ("a" * 90, "https://x.example", "a" * 60),
    ],
)
def test_an_id_is_made_of_the_title_or_the_host(title: str, url: str, expected: str) -> None:
    assert slug(title, url) == expected
