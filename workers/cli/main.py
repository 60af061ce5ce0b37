"""The command's root. Only the family of commands that is asked for is loaded: a second less for each call."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from workers.cli.endings import told_in_words

#: Module of this package -> its commands, in the order of the help.
FAMILIES = {
    "system": ("run", "stop"),
    "demo": ("demo",),
    "chaos": ("chaos",),
    "looking": ("status", "tail", "doctor", "memory"),
    "trying": ("extract", "classify"),
    "simulate": ("simulate",),
    "sources": ("sources",),
    "topics": ("topics",),
    "train": ("train",),
    "review": ("review",),
    "reextract": ("reextract",),
    "reclassify": ("reclassify",),
    "quarantine": ("quarantine",),
    "export": ("export",),
    "platforms": ("platforms",),
    "keys": ("keys",),
    "webhooks": ("webhooks",),
    "services": ("migrate", "worker", "push", "beat", "api", "flower"),
}


def command(arguments: Sequence[str]) -> typer.Typer:
    """Return the command with the family that the first argument belongs to, or with all of them for the help."""
    made = typer.Typer(
        name="wirewatch",
        help="Watches the world's news for a set of topics.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # with a single command and no callback, typer would take the command's name for its argument
    made.callback()(lambda: None)
    asked = [family for family, words in FAMILIES.items() if arguments and arguments[0] in words]
    for family in asked or FAMILIES:
        import_module(f"workers.cli.{family}").add_to(made)
    return made


def main() -> None:
    """Run the command."""
    with told_in_words():
        command(sys.argv[1:])()
