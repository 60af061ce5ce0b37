"""`review`: an analyst says which flags are right, the most informative first. Each verdict is kept at once."""

import getpass
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from sqlalchemy import Engine

from config.settings import load_settings
from config.topics import TopicPack, load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.again import ending_in_words, refuse_unknown
from workers.cli.reviewing import KEYS, Reply, most_informative, reply
from workers.cli.shown import printable
from workers.cli.trying import sentences_of
from workers.domain.errors import WirewatchError
from workers.store.reading import article_by_id
from workers.store.revision import check_schema
from workers.store.verdicts import (
    LONGEST_NAME,
    Candidate,
    Verdict,
    candidates,
    is_judged,
    is_name,
    write_verdict,
)

console = Console(highlight=False)

#: The newest articles among which is looked for what to ask: some days of a busy system, read in a second.
NEWEST = 20_000
#: Sentences shown of an article, those with the heaviest evidence.
SENTENCES = 3


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="What is watched")(review)


def review(
    topic: Annotated[str | None, typer.Option(metavar="ID", help="Only this topic.")] = None,
    language: Annotated[str | None, typer.Option(metavar="CODE", help="Only articles in it (ISO 639-1).")] = None,
    analyst: Annotated[str | None, typer.Option(metavar="NAME", help="Who judges; default: your login.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Ask at most so many.")] = 20,
) -> None:
    """Judge flags, one article at a time, those first that the classifier is least sure of."""
    name = printable(analyst if analyst is not None else _login())
    if not is_name(name):
        told = f"a name of 1 to {LONGEST_NAME} characters, a letter or digit among them"
        raise typer.BadParameter(told, param_hint="--analyst")
    if language is not None and not re.fullmatch("[a-z]{2}|und", language):
        told = "an ISO 639-1 code of two small letters, like fa, or und: none was sure"
        raise typer.BadParameter(told, param_hint="--language")
    settings = located(load_settings())
    check_schema(database_url(settings))
    packs = {pack.id: pack for pack in load_topics(settings.topics_dir)}
    if topic is not None:
        refuse_unknown("topic", topic, packs)
    given: Counter[Verdict] = Counter()
    with closing(Steps(settings)) as steps, ending_in_words(console, lambda: _told_of(given)):
        watched = [topic] if topic is not None else list(packs)
        with steps.engine.connect() as connection:
            found = candidates(connection, topics=watched, language=language, newest=NEWEST)
        queue = most_informative(found, {pack.id: pack.threshold for pack in packs.values()})
        console.print(f"{len(queue):,} to look at; you are {name}", markup=False)
        for verdict in _ask_all(steps.engine, queue, packs, name, limit):
            given[verdict] += 1
    console.print(_told_of(given))


def _told_of(given: Counter[Verdict]) -> str:
    return f"{given.total()} verdicts: {given[Verdict.CONFIRMED]} confirmed, {given[Verdict.REJECTED]} rejected"


def _ask_all(
    engine: Engine, queue: list[Candidate], packs: Mapping[str, TopicPack], analyst: str, limit: int
) -> Iterator[Verdict]:
    """Ask; give each verdict once it is kept, before the next question."""
    asked = 0
    for one in queue:
        told = _told(engine, one)
        if told is None:
            continue
        asked += 1
        console.print()
        for line in _shown(told, packs[one.topic], f"{asked} of {min(limit, len(queue))}"):
            console.print(line, soft_wrap=True)
        answer = _answer()
        if isinstance(answer.means, Verdict):
            version = told["version"]
            kept = write_verdict(
                engine, one.id, topic=one.topic, given=answer.means, analyst=analyst, note=answer.note, version=version
            )
            if kept is not None:
                yield answer.means
        if answer.means is None or asked == limit:
            break


def _told(engine: Engine, one: Candidate) -> dict[str, Any] | None:
    """Return the article as readers have it now; None when there is nothing to ask any more.

    A colleague may have judged it meanwhile, or a new version lost its evidence.
    """
    with engine.connect() as connection:
        if is_judged(connection, one.id, one.topic):
            return None
        told = article_by_id(connection, one.id)
    if told is None or one.topic not in {flag["topic"] for flag in told["flags"]}:
        return None
    return told


def _shown(told: Mapping[str, Any], pack: TopicPack, place: str) -> list[Text]:
    """Return the lines that show an article and why a topic has evidence in it. No text of it is markup."""
    flag = next(flag for flag in told["flags"] if flag["topic"] == pack.id)
    facts = (told["source"]["name"], told["language"], (told["published"] or told["discovered"])[:10], told["url"])
    lines = [
        Text.assemble(
            (pack.id, "bold cyan"),
            f" {flag['probability']:.2f}, flagged from {pack.threshold:g}",
            (f"  {place}", "dim"),
        ),
        Text(printable(told["title"]), style="bold"),
        Text("  ".join(map(printable, facts)), style="dim"),
    ]
    for sentence, words in list(sentences_of(dict(told), flag["evidence"]).items())[:SENTENCES]:
        line = Text(f"    {sentence}")
        line.highlight_words(filter(None, words), style="bold reverse")
        lines.append(line)
    return lines


def _answer() -> Reply:
    """Return the next answer from standard input, a line each; its end is an answer too: to stop."""
    if sys.stdin is None:
        raise WirewatchError("standard input is closed: answers are read from there")
    while True:
        console.print(f"{KEYS} > ", end="", markup=False)
        line = sys.stdin.buffer.readline()
        if not line:
            console.print()
            return Reply(None)
        answer = reply(line.decode("utf-8", "replace"))
        if answer is not None:
            return answer


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise typer.BadParameter("say who you are", param_hint="--analyst") from error
