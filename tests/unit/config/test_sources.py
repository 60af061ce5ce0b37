"""`config/sources.yaml`: what it may say, how it is wrong, and how it is edited."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.sources import SourceSpec, countries, feed_key, languages, load_sources
from config.sources_edit import add_source, add_sources, remove_source
from workers.domain.errors import ConfigError
from workers.domain.values import Source

SHIPPED = Path(__file__).parents[3] / "config" / "sources.yaml"

FACTS: dict[str, Any] = {
    "id": "harbour-post",
    "name": "Harbour Post",
    "url": "https://harbour.example/rss",
    "language": "en",
    "country": "GB",
    "owner": "Harbour Press Ltd",
    "state_owned": False,
}

FILE = """\
# Our sources.   (hand-made columns below)
version: 1

sources:
  # --- North ----------
  - id:    alpha
    name:  "Alpha"     # the old one
    url:   https://alpha.example/rss
    language: en
    country: GB
    owner: Alpha Ltd
    state_owned: false
  # about beta: slow server
  - id: beta
    name: بتا
    url: https://beta.example/rss
    language: fa
    country: IR
    owner: Ministry of Beta
    state_owned: true

  # --- South ----------
  - id: gamma
    name: Gamma
    url: https://gamma.example/rss
    language: es
    country: AR
    owner: Gamma SA
    state_owned: false
    enabled: false
# end of file
"""


INDENTED = """
    - id: ab
      name: A
      url: http://a.example
      language: en
      country: GB
      owner: A
      state_owned: false
"""


FLOW = "- {id: ab, name: A, url: 'http://a.example', language: en, country: GB, owner: A, state_owned: false}"


def spec(**changes: Any) -> SourceSpec:
    return SourceSpec.model_validate(FACTS | changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sources.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def shipped() -> tuple[SourceSpec, ...]:
    return load_sources(SHIPPED)


def problems_in(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_sources(path)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


class TestTheShippedFile:
    def test_has_enough_sources_in_enough_languages(self, shipped: tuple[SourceSpec, ...]) -> None:
        assert len(shipped) >= 90
        assert {"en", "fa", "ar", "ru", "zh", "fr", "tr", "es", "de"} <= {source.language for source in shipped}
        assert sum(source.state_owned for source in shipped) >= 30
        assert sum(not source.state_owned for source in shipped) >= 30

    @pytest.mark.parametrize(
        "host",
        [
            *("irna.ir", "tasnimnews.com", "mehrnews.com", "farsnews.ir", "isna.ir", "presstv.ir", "tass.ru", "ria.ru"),
            *("xinhuanet.com", "cgtn.com", "chinadaily.com.cn", "aa.com.tr", "trthaber.com", "sana.sy", "spa.gov.sa"),
            *("wam.ae", "aljazeera.net", "dw.com", "france24.com", "rfi.fr", "bbci.co.uk", "rferl.org", "voanews.com"),
            *("theguardian.com", "24.kg", "kabar.kg", "inform.kz", "akipress.com", "trend.az", "azertag.az"),
        ],
    )
    def test_watches_the_wires(self, shipped: tuple[SourceSpec, ...], host: str) -> None:
        assert any(feed_key(source.url).split("/")[0].endswith(host) for source in shipped)

    def test_can_be_edited_and_put_back_without_a_trace(self, tmp_path: Path) -> None:
        copy = tmp_path / "sources.yaml"
        copy.write_bytes(SHIPPED.read_bytes())
        add_source(copy, spec())
        remove_source(copy, "harbour-post")
        assert copy.read_bytes() == SHIPPED.read_bytes()


class TestOneSource:
    def test_becomes_the_value_of_the_path(self) -> None:
        assert spec(enabled=False).to_domain() == Source(**FACTS)

    def test_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            spec().name = "Other"  # type: ignore[misc]

    @pytest.mark.parametrize(
        ("field", "good"),
        [
            ("id", "24-kg"),
            ("id", "a1"),
            ("id", "x" * 64),
            ("name", "بی‌بی‌سی فارسی"),  # with a zero-width non-joiner, as Persian is written
            ("url", "http://127.0.0.1:8080/feed"),
            ("url", "https://example.org/?feed=rss2&lang=fa"),
            ("language", "ky"),
            ("language", "no"),  # YAML 1.1 would read it as false
            ("country", "KG"),
            ("country", "NO"),
        ],
    )
    def test_may_say(self, tmp_path: Path, field: str, good: str) -> None:
        path = tmp_path / "sources.yaml"
        path.write_text("version: 1\nsources: []\n")
        add_source(path, spec(**{field: good}))
        assert getattr(load_sources(path)[0], field) == good

    @pytest.mark.parametrize(
        ("field", "bad", "message"),
        [
            ("id", "a", "must be 2 to 64 characters"),
            ("id", "x" * 65, "must be 2 to 64 characters"),
            ("id", "Alpha", "each of a-z, 0-9 or -"),
            ("id", "irna\n", "each of a-z, 0-9 or -"),
            ("id", "ایرنا", "each of a-z, 0-9 or -"),
            ("name", " ", "must not be empty"),
            ("name", "x ", "must not begin or end with a space"),
            ("name", "a\nb", "must be one line"),
            ("name", "a\x00b", "must be one line"),
            ("name", "x" * 201, "at most 200 characters"),
            ("owner", "", "must not be empty"),
            ("url", "ftp://example.org/rss", "must start with http:// or https://"),
            ("url", "example.org/rss", "must start with http:// or https://"),
            ("url", "https:///rss", "has no host name"),
            ("url", "https://user:pw@example.org/rss", "must not contain a user name or password"),
            ("url", "https://user@example.org/rss", "must not contain a user name or password"),
            ("url", "https://example.org/a b", "must not contain spaces"),
            ("url", "https://example.org/\u202erss", "must not contain spaces or control characters"),
            ("url", "https://example.org:99999/rss", "not a URL"),
            ("url", "https://[::1/rss", "not a URL"),
            ("language", "xx", "not a language code"),
            ("language", "EN", "not a language code"),
            ("language", "eng", "not a language code"),
            ("language", "sh", "not a language code"),
            ("country", "gb", "not a country code"),
            ("country", "EU", "not a country code"),
            ("country", "ZZ", "not a country code"),
            ("country", "UK", "not a country code"),
            ("state_owned", "yes", "valid boolean"),
            ("state_owned", 1, "valid boolean"),
            ("score", 5, "Extra inputs"),
        ],
    )
    def test_may_not_say(self, field: str, bad: object, message: str) -> None:
        with pytest.raises(ValidationError, match=field) as caught:
            spec(**{field: bad})
        assert message in str(caught.value)

    def test_knows_the_codes_of_the_standards(self) -> None:
        assert len(languages()) == 183  # ISO 639-1
        assert len(countries()) == 249 + 1  # ISO 3166-1, and Kosovo


class TestLoading:
    def test_keeps_the_order_and_the_disabled(self, path: Path) -> None:
        assert [(source.id, source.enabled) for source in load_sources(path)] == [
            ("alpha", True),
            ("beta", True),
            ("gamma", False),
        ]

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (
                "language: fa",
                "langage: fa",
                [":14: sources.1.language: missing", ":17: sources.1.langage: unknown key"],
            ),
            ("    owner: Gamma SA\n", "", [":23: sources.2.owner: missing"]),
            (
                "state_owned: true",
                "state_owned: maybe",
                [":20: sources.1.state_owned: must be true or false (found 'maybe')"],
            ),
            ("id: gamma", "id: alpha", [":23: sources.2.id: already used on line 6 (found 'alpha')"]),
            (
                "https://gamma.example/rss",
                "http://ALPHA.example/rss/#x",
                [":25: sources.2.url: already used on line 8 (found 'http://ALPHA.example/rss/#x')"],
            ),
            ("version: 1", "version: 2", [":2: version: Input should be 1 (found 2)"]),
            (
                "https://beta.example/rss",
                "https://me:secret@beta.example/",
                [":16: sources.1.url: must not contain a user name or password (found 'https://***@beta.example/')"],
            ),
        ],
    )
    def test_names_file_line_and_field(self, path: Path, old: str, new: str, expected: list[str]) -> None:
        path.write_text(FILE.replace(old, new, 1))
        assert problems_in(path) == expected

    def test_reports_wrong_values_and_duplicates_together_in_the_order_of_lines(self, path: Path) -> None:
        path.write_text(
            FILE.replace("country: GB", "country: Britain").replace("id: beta", "id: alpha").replace("es\n", "es-AR\n")
        )
        assert [problem.split(": ")[1] for problem in problems_in(path)] == [
            "sources.0.country",
            "sources.1.id",
            "sources.2.language",
        ]

    @pytest.mark.parametrize("text", ["", "sources: []\n", "version: 1\n", "version: 1\nsources:\n", "- a\n", "a"])
    def test_refuses_what_is_no_list_of_sources(self, path: Path, text: str) -> None:
        path.write_text(text)
        assert problems_in(path)

    def test_refuses_a_missing_file(self, tmp_path: Path) -> None:
        assert problems_in(tmp_path / "none.yaml") == [": No such file or directory"]


class TestAdding:
    def test_appends_and_leaves_every_other_line_alone(self, path: Path) -> None:
        add_source(path, spec(name="پست: بندر # 1"))
        text = path.read_text()
        assert load_sources(path)[-1] == spec(name="پست: بندر # 1")
        new = [line for line in ndiff(FILE.splitlines(), text.splitlines()) if line[0] in "+-"]
        assert [line[:2] for line in new] == ["+ "] * 7
        assert text.index("enabled: false\n  - id: harbour-post\n") < text.index("# end of file")

    def test_writes_enabled_only_when_it_says_something(self, path: Path) -> None:
        add_sources(path, [spec(), spec(id="two", url="https://two.example/", enabled=False)])
        assert path.read_text().count("enabled: false") == 2
        assert "enabled: true" not in path.read_text()

    @pytest.mark.parametrize(
        "text",
        [
            "version: 1\nsources: []\n",
            "version: 1\nsources: []  # none yet\n",
            "version: 1\nsources:\n  []\n",
            "sources: []\nversion: 1\n",
            "sources: []\nversion: 1",
            "version: 1\nsources:\n" + FLOW + "\n",
            "sources:" + INDENTED + "# then\nversion: 1\n",
        ],
    )
    def test_fits_the_layout_it_finds(self, path: Path, text: str) -> None:
        path.write_text(text)
        before = load_sources(path)
        add_sources(path, [spec(), spec(id="two", url="https://two.example/")])
        assert load_sources(path) == (*before, spec(), spec(id="two", url="https://two.example/"))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"id": "beta"}, r"id: 'beta' is already there"),
            ({"url": "http://beta.example/rss/"}, r"url: http://beta\.example/rss/ is already there as 'beta'"),
        ],
    )
    def test_refuses_what_is_there(self, path: Path, changes: dict[str, str], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            add_source(path, spec(**changes))
        assert path.read_text() == FILE

    def test_adds_all_or_none(self, path: Path) -> None:
        with pytest.raises(ConfigError, match="already there as 'harbour-post'"):
            add_sources(path, [spec(), spec(id="twin")])
        assert path.read_text() == FILE

    def test_refuses_to_edit_a_file_that_is_wrong_already(self, path: Path) -> None:
        path.write_text(FILE.replace("country: GB", "country: GBR"))
        with pytest.raises(ConfigError, match=r"sources\.yaml:10: sources\.0\.country"):
            add_source(path, spec())

    def test_refuses_a_layout_it_cannot_edit_and_leaves_the_file(self, path: Path) -> None:
        one_line = "{version: 1, sources: [{id: ab, name: A, url: 'http://a.example', language: en, country: GB, "
        one_line += "owner: A, state_owned: false}]}\n"
        path.write_text(one_line)
        with pytest.raises(ConfigError):
            add_source(path, spec())
        assert path.read_text() == one_line
        assert list(path.parent.iterdir()) == [path]

    def test_of_two_editors_at_once_none_loses_a_change(self, path: Path) -> None:
        new = [spec(id=f"s-{number}", url=f"https://{number}.example/") for number in range(12)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda one: add_source(path, one), new))
        assert {source.id for source in load_sources(path)} == {"alpha", "beta", "gamma", *(one.id for one in new)}


class TestRemoving:
    @pytest.mark.parametrize(
        ("name", "first", "last"),
        [("alpha", "  - id:    alpha", 7), ("beta", "  - id: beta", 7), ("gamma", "  - id: gamma", 8)],
    )
    def test_takes_its_lines_and_no_other(self, path: Path, name: str, first: str, last: int) -> None:
        lines = FILE.splitlines()
        start = lines.index(first)
        removed = remove_source(path, name)
        assert removed.id == name
        assert path.read_text().splitlines() == lines[:start] + lines[start + last :]

    def test_of_the_last_one_leaves_an_empty_list_that_can_grow_again(self, path: Path) -> None:
        for name in ("alpha", "gamma", "beta"):
            remove_source(path, name)
        assert load_sources(path) == ()
        add_source(path, spec())
        assert load_sources(path) == (spec(),)
        assert "# --- South" in path.read_text()

    def test_of_an_unknown_one_suggests_the_nearest(self, path: Path) -> None:
        with pytest.raises(ConfigError, match=r"no source is called 'gama'; did you mean gamma"):
            remove_source(path, "gama")
        with pytest.raises(ConfigError, match=r"no source is called 'zzzzzz'$"):
            remove_source(path, "zzzzzz")


class TestWriting:
    def test_keeps_the_mode_and_leaves_nothing_beside(self, path: Path) -> None:
        path.chmod(0o640)
        add_source(path, spec())
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert list(path.parent.iterdir()) == [path]

    def test_goes_through_a_symbolic_link(self, path: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.yaml"
        link.symlink_to(path)
        add_source(link, spec())
        assert link.is_symlink()
        assert len(load_sources(path)) == 4

    def test_keeps_windows_line_ends(self, path: Path) -> None:
        path.write_bytes(FILE.replace("\n", "\r\n").encode())
        remove_source(path, "beta")
        assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")

    def test_that_fails_leaves_the_old_file_whole(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ConfigError, match="cannot be changed: No space left on device"):
            add_source(path, spec())
        assert path.read_text() == FILE
        assert list(path.parent.iterdir()) == [path]

    def test_swaps_the_file_in_one_step(self, path: Path) -> None:
        with path.open() as reader:  # a reader that opened the file before keeps a whole old one
            add_source(path, spec())
            assert reader.read() == FILE


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a.example/rss", "https://A.example/rss/", True),
        ("https://a.example/rss#top", "https://a.example/rss", True),
        ("https://a.example/RSS", "https://a.example/rss", False),
        ("https://a.example/?feed=1", "https://a.example/?feed=2", False),
        ("https://a.example", "https://a.example/", True),
    ],
)
def test_two_addresses_are_of_one_feed(one: str, other: str, same: bool) -> None:
    assert (feed_key(one) == feed_key(other)) is same
