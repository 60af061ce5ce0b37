"""`wirewatch webhooks`: who is sent the changes, and what they could not take. It asks no receiver."""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from config.topics import load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.again import refuse_unknown, refuse_unknown_sources
from workers.cli.shown import ago, visible
from workers.deliver.webhooks.address import why_unusable
from workers.deliver.webhooks.signing import SECRET_BYTES, secret_of
from workers.domain.errors import Unavailable, WirewatchError
from workers.store import webhooks as store
from workers.store.reading import was_flagged
from workers.store.revision import check_schema

app = typer.Typer(help="Changes pushed to your own HTTP addresses, signed.", no_args_is_help=True)
console = Console(highlight=False)

Id = Annotated[int, typer.Argument(metavar="ID", help="As `list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def _shaped(pattern: str, example: str) -> Callable[[str | None], str | None]:
    """Return what refuses an option's value that has not this form."""

    def check(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise typer.BadParameter(f"{value!r} is not {example}")
        return value

    return check


def add_to(root: typer.Typer) -> None:
    """Register the commands."""
    root.add_typer(app, name="webhooks", rich_help_panel="The whole system")


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="http or https; an address inside wants WIREWATCH_ALLOW_ADDRESSES.")],
    topic: Annotated[str | None, typer.Option(help="Only what is flagged with it, or is not any more.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Only articles in it: ISO 639-1.", callback=_shaped("[a-z]{2,3}", "like en"))
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="ID", help="Only of this source.")] = None,
    country: Annotated[
        str | None,
        typer.Option(
            help="Only of sources with their seat there: ISO 3166-1.", callback=_shaped("[A-Z]{2}", "like FR")
        ),
    ] = None,
    min_probability: Annotated[
        float | None, typer.Option(min=0, max=1, help="Only flags that are at least so probable.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Send the text of the article too.")] = False,
) -> None:
    """Subscribe an address to every change from now on, or to some; its secret is shown once."""
    _check(url)
    asked = {
        "topic": topic,
        "language": language,
        "source": source,
        "country": country,
        "min_probability": min_probability,
    }
    filters = {name: value for name, value in asked.items() if value is not None}
    secret = secret_of(secrets.token_bytes(SECRET_BYTES))
    with _store() as engine:
        _refuse_unknown(engine, topic, source)
        one = store.add_webhook(engine, url, filters=filters, with_text=text, secret=secret)
    console.print(f"webhook {one} gets every change from now on that it asks for; pushing begins within seconds")
    _show_once(secret)


@app.command("list")
def list_webhooks(as_json: AsJson = False) -> None:
    """Show the subscriptions, and how far behind each is."""
    with _store() as engine:
        found = store.webhooks(engine)
    if as_json:
        for one in found:
            print(json.dumps(one, default=_plain))  # in ASCII: nothing that a terminal would obey
        return
    table = Table("id", "address", "asks for", "state", "behind", "dead", "last answer", box=None)
    for one in found:
        table.add_row(*(visible(str(cell)) for cell in _cells(one)))
    console.print(table if found else "nobody is subscribed; `wirewatch webhooks add URL` subscribes an address")


@app.command()
def show(one: Id) -> None:
    """Show all that is kept of a subscription, but its secrets."""
    with _store() as engine:
        for name, value in _found(engine, one).items():
            if value not in (None, "") and name != "now":
                told = json.dumps(value) if isinstance(value, dict) else str(value)
                console.print(f"{name:<15}{visible(told)}", markup=False, soft_wrap=True)


@app.command()
def rotate(
    one: Id,
    keep_hours: Annotated[float, typer.Option(min=0, max=720, help="For so long both secrets sign.")] = 24,
) -> None:
    """Make a new secret, shown once; until the old one ends, each message is signed with both."""
    secret = secret_of(secrets.token_bytes(SECRET_BYTES))
    with _store() as engine:
        _do(store.rotate(engine, one, secret, both_s=keep_hours * 3_600), one)
    console.print(f"webhook {one} signs with both secrets for {keep_hours:g} hours, then with the new one alone")
    _show_once(secret)


@app.command()
def pause(one: Id) -> None:
    """Send nothing more until it is resumed; what happens meanwhile is sent then."""
    _act(store.pause, one, "paused")


@app.command()
def resume(one: Id) -> None:
    """Go on where a paused subscription, or one that was switched off, stopped; at once."""
    _act(store.resume, one, "active")


@app.command()
def remove(one: Id) -> None:
    """Forget a subscription and its dead letters."""
    _act(store.remove, one, "removed")


@app.command()
def replay(
    one: Id,
    from_seq: Annotated[int | None, typer.Option(min=1, help="Send again from this number on.")] = None,
    from_time: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"], help="UTC."),
    ] = None,
) -> None:
    """Send again, in order, what was written from a number or a time on; the ids are the same as before."""
    with _store() as engine:
        if from_time is not None and from_seq is None:
            after = store.seq_before(engine, from_time.replace(tzinfo=UTC))
        elif from_seq is not None and from_time is None:
            after = from_seq - 1
        else:
            raise WirewatchError("say from where: --from-seq or --from-time")
        _do(store.replay(engine, one, after), one)
    console.print(f"webhook {one} is sent everything again from {after + 1} on")


@app.command()
def dead(
    one: Id,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what the receiver could not take, the newest first; `replay --from-seq` sends it again."""
    with _store() as engine:
        _found(engine, one)
        for letter in store.dead_letters(engine, one, limit):
            if as_json:
                print(json.dumps(dict(letter), default=_plain))
            else:
                reason = letter["reason"].strip().rpartition("\n")[2]
                line = f"{letter['seq']}  {letter['event_id']}  {letter['at']:%Y-%m-%d %H:%M:%S} UTC  {reason}"
                console.print(visible(line), markup=False, soft_wrap=True)


# --- in words ----------------------------------------------------------------------------------


def _show_once(secret: str) -> None:
    console.print(f"secret {secret}", soft_wrap=True)
    console.print("It is shown this once; receivers verify with it (docs/webhooks.md).")


def _cells(one: Mapping[str, Any]) -> tuple[object, ...]:
    asks = ", ".join(f"{name} {value}" for name, value in one["filters"].items()) or "everything"
    state = one["state"]
    if state == "active" and one["failing_since"] is not None:
        state = f"fails since {ago(one['failing_since'], one['now'])}"
    last = one["last_error"].strip().rpartition("\n")[2] or one["last_status"] or "-"
    return (
        one["id"],
        one["url"],
        asks + (", with text" if one["with_text"] else ""),
        state,
        one["behind"],
        one["dead"],
        last,
    )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# --- which, and where --------------------------------------------------------------------------


def _check(url: str) -> None:
    """Raise WirewatchError for an address to which nothing could be sent."""
    if why := why_unusable(url):
        raise WirewatchError(f"{url}: {why}")


def _refuse_unknown(engine: Engine, topic: str | None, source: str | None) -> None:
    """Refuse a topic or source that there never was: a typing error would wait for its first change for ever."""
    if source is not None:
        refuse_unknown_sources(engine, [source])
    if topic is not None:
        with engine.connect() as connection:
            is_known = was_flagged(connection, topic)
        if not is_known:
            refuse_unknown("topic", topic, (pack.id for pack in load_topics(load_settings().topics_dir)))


def _act(action: Callable[[Engine, int], bool], one: int, now: str) -> None:
    with _store() as engine:
        _do(action(engine, one), one)
    console.print(f"webhook {one} is {now}")


def _do(done: bool, one: int) -> None:
    if not done:
        raise WirewatchError(f"no webhook has the id {one}")


def _found(engine: Engine, one: int) -> dict[str, Any]:
    found = store.webhooks(engine, one)
    _do(bool(found), one)
    return found[0]


@contextmanager
def _store() -> Iterator[Engine]:
    """Open the ledger for one command. Raises Unavailable when it does not answer."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    steps = Steps(settings)
    try:
        yield steps.engine
    except OperationalError as error:
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error
    finally:
        steps.close()
