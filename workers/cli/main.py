"""The command's root: families of commands put together."""

import typer

from workers.cli import looking, services, sources, system, topics, trying
from workers.cli.endings import told_in_words

app = typer.Typer(
    name="wirewatch",
    help="Watches the world's news for a set of topics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
system.add_to(app)
looking.add_to(app)
trying.add_to(app)
services.add_to(app)
app.add_typer(sources.app, name="sources")
app.add_typer(topics.app, name="topics")


def main() -> None:
    """Run the command."""
    with told_in_words():
        app()
