"""Celery's programs, one a process: `python -m workers.celery worker …`, `… beat …`, `… flower …`.

`python -m celery` loads every command that there is, with its interactive shell and with Flower: 19 MB in each process.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import click
from celery.bin.base import CLIContext

from workers.app import app

#: Where each command stands, under its own name.
HOMES = {"worker": "celery.bin.worker", "beat": "celery.bin.beat", "flower": "flower.command"}


def main(words: Sequence[str]) -> None:
    """Run the command that the first word names with the others, until it ends; exits with its status."""
    name = words[0]
    command = getattr(import_module(HOMES[name]), name)
    context = CLIContext(app=app, no_color=None, workdir=None, quiet=True)
    click.Group("celery", commands={name: command}).main(list(words), prog_name="celery", obj=context)


if __name__ == "__main__":
    main(sys.argv[1:])
