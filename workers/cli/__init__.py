"""The `wirewatch` command. One file a family of commands; each composes, none decides."""

from workers.cli.main import app, main

__all__ = ["app", "main"]
