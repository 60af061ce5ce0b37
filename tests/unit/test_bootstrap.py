"""What the composition root computes."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings, changed
from workers.bootstrap import Steps, database_url, file_mark, located, redis_url, watched_classifier
from workers.domain.errors import StartError

TOPICS = Path(__file__).parent.parent.parent / "config" / "topics"


@pytest.mark.parametrize(
    ("address", "db", "url"),
    [
        ("redis://h:6379/0", None, "redis://h:6379/0"),
        ("redis://h:6379/0", 1, "redis://h:6379?db=1"),
        ("rediss://:pw@h:6379/3?ssl_cert_reqs=required", 1, "rediss://:pw@h:6379?ssl_cert_reqs=required&db=1"),
        ("redis+socket:///run/r.sock?virtual_host=0", None, "unix:///run/r.sock?db=0"),
        ("redis+socket:///run/r.sock?virtual_host=0", 1, "unix:///run/r.sock?db=1"),
        ("unix:///run/r.sock", 1, "unix:///run/r.sock?db=1"),
    ],
)
def test_a_broker_address_as_redis_wants_it(address: str, db: int | None, url: str) -> None:
    assert redis_url(address, db=db) == url


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


def flags(classifier: object, title: str) -> set[str]:
    found = classifier.classify(title, "", "en")  # type: ignore[attr-defined]
    return {flag.topic for flag in found.flags if flag.flagged}
