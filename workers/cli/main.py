"""The command's root: families put together, errors turned into exit codes."""

import sys

import typer

from workers.cli import looking, services, sources, system, topics, trying
from workers.domain.errors import EXIT_CONFIG, ConfigError, StartError, WirewatchError

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
    """Run the command. What an operator can put right ends with a sentence and exit code 78, never with a traceback."""
    try:
        app()
    except (ConfigError, StartError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except WirewatchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
