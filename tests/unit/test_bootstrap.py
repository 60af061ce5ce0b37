"""What the composition root computes."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn
from uuid import UUID

import pytest
from pydantic import SecretStr

from config.settings import Settings, changed
from tests.making import make_article, make_feed_entry, make_page, make_source
from workers import bootstrap
from workers.addresses import database_url, located, other_database, redis_url
from workers.bootstrap import Steps, file_mark
from workers.domain.errors import ConfigError, Problem, StartError
from workers.domain.outcomes import Advanced
from workers.domain.values import Entry
from workers.extract.repeats import block_hash
from workers.packs import watched_classifier

TOPICS = Path(__file__).parent.parent.parent / "config" / "topics"


@pytest.mark.parametrize(
    ("address", "other", "url"),
    [
        ("redis://h:6379/0", "redis://h:6379/1", "redis://h:6379/1"),
        ("redis://h", "redis://h/1", "redis://h/1"),
        (
            "rediss://:pw@h:6379/3?ssl_cert_reqs=required",
            "rediss://:pw@h:6379/1?ssl_cert_reqs=required",
            "rediss://:pw@h:6379/1?ssl_cert_reqs=required",
        ),
        (
            "redis+socket:///run/r.sock?virtual_host=0",
            "redis+socket:///run/r.sock?virtual_host=1",
            "unix:///run/r.sock?db=1",
        ),
    ],
)
def test_the_stream_is_in_another_database_of_the_broker(address: str, other: str, url: str) -> None:
    assert other_database(address, 1) == other
    assert redis_url(other) == url


def test_a_service_without_addresses_says_how_to_start() -> None:
    settings = Settings()
    with pytest.raises(StartError, match="wirewatch run"):
        database_url(settings)
    for edge in ("broker", "stream"):
        with pytest.raises(StartError, match="wirewatch run"):
            getattr(Steps(settings), edge)


def test_addresses_that_are_set_stay_and_others_are_embedded(tmp_path: Path) -> None:
    given = changed(Settings(), data_dir=tmp_path, database_url=SecretStr("postgresql://db/x"))
    full = located(given)
    assert full.database_url == given.database_url
    assert full.broker_url is not None
    assert full.broker_url.get_secret_value().startswith("redis+socket://")
    assert full.stream_url is not None
    assert full.stream_url.get_secret_value().endswith("virtual_host=1"), "a child has nothing left to inherit"


def test_a_missing_file_has_an_empty_mark(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    assert file_mark(file) == ""
    file.write_text("a")
    first = file_mark(file)
    file.write_text("b")
    assert first != file_mark(file) != ""


def test_a_changed_pack_is_taken_up_and_a_broken_one_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = tmp_path / "piracy.yaml"
    text = (
        "id: piracy\nname: Piracy\ndescription: Attacks on ships by robbers at sea.\nterms:\n  en:\n    strong: [{}]\n"
    )
    pack.write_text(text.format("pirate attack"), encoding="utf-8")
    watched = watched_classifier(tmp_path)
    monkeypatch.setattr(watched, "CHECK_EVERY_S", 0)
    assert flags(watched.current(), "Pirate attack off the coast") == {"piracy"}
    pack.write_text(text.format("corsair raid"), encoding="utf-8")
    assert flags(watched.current(), "Corsair raid off the coast") == {"piracy"}
    assert flags(watched.current(), "Pirate attack off the coast") == set()
    pack.write_text("id: piracy\nnonsense: [", encoding="utf-8")
    assert flags(watched.current(), "Corsair raid off the coast") == {"piracy"}, "the old pack stays in force"


def test_packs_that_a_worker_could_not_use_are_refused_by_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable(*_: object) -> NoReturn:
        raise ConfigError(Problem(file="the topic packs", message="a term that only matching stumbles on"))

    steps = Steps(Settings())
    assert steps._check_topics("")["packs"] > 0
    monkeypatch.setattr("workers.bootstrap.check_apart", unusable)
    with pytest.raises(ConfigError, match="a term that only matching stumbles on"):
        steps._check_topics("")


def flags(classifier: object, title: str) -> set[str]:
    found = classifier.classify(title, "", "en")  # type: ignore[attr-defined]
    return {flag.topic for flag in found.flags if flag.flagged}


NOTICE = "Follow the channel of the agency"
BODY = "The council of the town met on Monday and spoke about the bridge for several hours."


@pytest.mark.parametrize(
    ("now", "repeated", "before", "removed", "is_new"),
    [
        (f"{BODY}\n{NOTICE}", False, BODY, True, False),  # forgotten since
        (BODY, True, f"{BODY}\n{NOTICE}", False, False),  # learned since
        (f"{BODY} It went on.\n{NOTICE}", False, BODY, True, True),
        (f"{BODY}\n{NOTICE}", False, BODY, False, True),  # never known to be furniture
    ],
)
def test_a_block_learned_or_forgotten_is_no_edit(
    now: str, before: str, *, repeated: bool, removed: bool, is_new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = block_hash(NOTICE)
    feed = make_feed_entry()
    entry = Entry(
        id=UUID(int=1),
        source=make_source(),
        url=feed.url,
        feed=feed,
        discovered_at=datetime(2024, 6, 1, tzinfo=UTC),
        attempt=1,
        repeated=frozenset([name] if repeated else []),
    )
    made = Advanced(make_article(text=now))
    reader = SimpleNamespace(extract=lambda _entry, _page: made)
    monkeypatch.setattr(bootstrap, "contained", lambda: reader)
    known = make_article(text=before, removed=(name,) if removed else ())
    assert (bootstrap.extract_page(entry, make_page(), known) == made) is is_new
