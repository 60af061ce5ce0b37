"""`wirewatch keys`: who may ask the HTTP API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.shown import ago, visible
from workers.domain.errors import Unavailable, WirewatchError
from workers.store import keys as store
from workers.store.keys import MARK, SHOWN, Scope
from workers.store.revision import check_schema

app = typer.Typer(help="Who may ask the HTTP API.", no_args_is_help=True)
console = Console(highlight=False)

#: Ten years: longer is for ever, which is said by leaving the option out.
MOST_DAYS = 3_650


def add_to(root: typer.Typer) -> None:
    """Register the commands."""
    root.add_typer(app, name="keys", rich_help_panel="The whole system")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, in your words.")],
    scopes: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="What it is for; repeatable. admin: everything. [default: read]"),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=MOST_DAYS, help="It expires after so many days; without: never.")
    ] = None,
) -> None:
    """Make a key and show it, this once. From the first one on, whoever asks the API needs one."""
    if not name.strip():
        raise WirewatchError("say whose key it is")
    with _store() as connection:
        now = connection.execute(select(func.now())).scalar_one()
        expires_at = now + timedelta(days=days) if days else None
        key = store.create_key(connection, name.strip(), scopes or [Scope.READ], expires_at)
    print(key)
    told = f"it expires on {expires_at:%Y-%m-%d}" if expires_at else "it does not expire"
    typer.echo(f"Keep it now: it is shown this once ({told}). Authorization: Bearer {MARK}...", err=True)


@app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show every key ever made, the newest first: how it begins, and what it is for."""
    with _store() as connection:
        found = store.list_keys(connection)
    if as_json:
        for one in found:
            print(json.dumps({name: value for name, value in one.items() if name != "now"}, default=str))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("begins with", "whose", "scopes", "made", "state"):
        table.add_column(title)
    for one in found:
        made = ago(one["created_at"], one["now"])
        table.add_row(one["prefix"], escape(visible(one["name"])), ", ".join(one["scopes"]), made, _state(one))
    console.print(table if found else "there are no keys: on loopback anybody may ask, elsewhere nobody")


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(metavar="KEY", help="How it begins, as `list` shows it, or all of it.")],
) -> None:
    """End a key at once."""
    with _store() as connection:
        if not store.revoke_key(connection, prefix[:SHOWN]):
            raise WirewatchError("no key begins so: `wirewatch keys list` shows them")
    console.print(f"{escape(visible(prefix[:SHOWN]))} is refused from now on")


def _state(one: RowMapping) -> str:
    if one["revoked_at"]:
        return f"revoked {ago(one['revoked_at'], one['now'])}"
    if not one["is_in_force"]:
        return f"expired {ago(one['expires_at'], one['now'])}"
    return f"until {one['expires_at']:%Y-%m-%d}" if one["expires_at"] else "in force"


@contextmanager
def _store() -> Iterator[Connection]:
    """Open the store for one transaction. Raises Unavailable when it does not answer."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    steps = Steps(settings)
    try:
        with steps.engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error
    finally:
        steps.close()
