"""The command's root loads what is asked for."""

from importlib import import_module

import pytest
import typer.main

from workers.cli.main import FAMILIES, command


def names(made: typer.Typer) -> set[str]:
    group = typer.main.get_command(made)
    return set(group.commands)  # type: ignore[attr-defined]


def test_the_help_shows_every_command() -> None:
    assert names(command(())) == {word for words in FAMILIES.values() for word in words}
    assert names(command(("--help",))) == names(command(()))
    assert names(command(("nonsense",))) == names(command(())), "so that the error can suggest the right word"


@pytest.mark.parametrize(("family", "word"), [(family, word) for family, words in FAMILIES.items() for word in words])
def test_a_word_loads_its_family(family: str, word: str) -> None:
    assert names(command((word,))) == set(FAMILIES[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_command_says_what_it_does(family: str) -> None:
    made = typer.Typer()
    import_module(f"workers.cli.{family}").add_to(made)
    group = typer.main.get_group(made)
    for name, one in group.commands.items():
        assert one.get_short_help_str(), name
