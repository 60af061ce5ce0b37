"""`wirewatch platforms export` over a real store: files that the platforms' own readers take."""

import json
from pathlib import Path
from typing import Any

import pytest
from pymisp import MISPEvent
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from tests.contract.test_flagged_store import publish, tell_again
from tests.platforms import stix_problems
from workers.cli.main import command
from workers.cli.platforms import write_misp
from workers.deliver.formats.stix import Ledger, public_uuid, report_id
from workers.domain.errors import WirewatchError
from workers.store.flagged import ledger_since


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command on the test's own store."""
    for name, value in {"database_url": database_url, "data_dir": tmp_path / "var"}.items():
        monkeypatch.setenv(f"WIREWATCH_{name.upper()}", str(value))

    def call(form: str, folder: Path, *more: str) -> Result:
        words = ["platforms", "export", "--format", form, "--output", str(folder), *more]
        return CliRunner().invoke(command(words), words)

    return call


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bundle_holds_each_flagged_article_as_it_is_now(run: Any, engine: Engine, tmp_path: Path) -> None:
    ids = publish(engine, "sanctions", None, "extremism")
    tell_again(engine, ids[0], "arms-control", lost="{sanctions}")
    answer = run("stix", tmp_path / "out")
    assert (answer.exit_code, answer.stderr.startswith("2 articles in ")) == (0, True), answer.output
    bundle = json.loads((tmp_path / "out" / "bundle.json").read_bytes())
    assert stix_problems(bundle) == []
    found = {one["id"]: one["labels"] for one in bundle["objects"] if one["type"] == "report"}
    assert found == {report_id(ids[0]): ["arms-control"], report_id(ids[2]): ["extremism"]}


def test_a_feed_holds_the_same_files_as_the_server(run: Any, engine: Engine, tmp_path: Path) -> None:
    ids = publish(engine, "sanctions", None, "extremism")
    assert run("misp", tmp_path / "out").exit_code == 0
    names = {str(public_uuid(one)) for one in (ids[0], ids[2])}
    assert set(files(tmp_path / "out")) == {"manifest.json", "hashes.csv", *(f"{one}.json" for one in names)}
    assert set(json.loads((tmp_path / "out" / "manifest.json").read_bytes())) == names
    for one in names:
        event = MISPEvent()
        event.load_file(tmp_path / "out" / f"{one}.json")
        assert event.uuid == one


@pytest.mark.parametrize("form", ["stix", "misp"])
def test_a_second_export_is_the_same_to_the_byte(run: Any, engine: Engine, tmp_path: Path, form: str) -> None:
    publish(engine, "sanctions", "extremism")
    for folder in ("first", "second", "second"):
        assert run(form, tmp_path / folder).exit_code == 0
    assert files(tmp_path / "first") == files(tmp_path / "second")


def test_of_one_topic_only(run: Any, engine: Engine, tmp_path: Path) -> None:
    ids = publish(engine, "sanctions", "extremism")
    assert run("stix", tmp_path, "--topic", "extremism").exit_code == 0
    objects = json.loads((tmp_path / "bundle.json").read_bytes())["objects"]
    assert [one["id"] for one in objects if one["type"] == "report"] == [report_id(ids[1])]


def test_an_empty_store_makes_files_too(run: Any, tmp_path: Path) -> None:
    for form in ("stix", "misp"):
        assert run(form, tmp_path).exit_code == 0
    assert json.loads((tmp_path / "bundle.json").read_bytes())["objects"] == []
    assert files(tmp_path)["manifest.json"] == b"{}\n"


def test_what_cannot_be_done_is_said(run: Any, engine: Engine, tmp_path: Path) -> None:
    publish(engine, "sanctions")
    for words, said in (
        (("stix", tmp_path, "--topic", "sanktions"), "did you mean sanctions"),
        (("stix", tmp_path / "file" / "x"), "cannot be written"),
    ):
        (tmp_path / "file").write_text("")
        answer = run(*words)
        assert isinstance(answer.exception, WirewatchError)
        assert said in str(answer.exception)


def test_a_manifest_names_no_event_that_is_not_there_yet(engine: Engine, tmp_path: Path) -> None:
    """A web server may show the folder while it is written."""
    with engine.begin() as connection:
        ledger = Ledger(*ledger_since(connection))
    (tmp_path / "manifest.json").write_text("{}")

    def interrupted() -> Any:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        write_misp(tmp_path, ledger, interrupted())
    assert (tmp_path / "manifest.json").read_text() == "{}"
