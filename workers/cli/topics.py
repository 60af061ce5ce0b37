"""`wirewatch topics`: the packs that say what is flagged."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from config.topics import TopicPack, load_topics
from workers.addresses import database_url, located
from workers.bootstrap import Steps
from workers.cli.differing import Turn, differences, read_articles, turns
from workers.cli.shown import printable, sentence_around
from workers.cli.trying import article_of
from workers.domain.errors import ConfigError, Problem, Unavailable, WirewatchError
from workers.packs import classifier_of, make_classifier, topic_json
from workers.store.reading import article_by_id, list_articles
from workers.store.revision import check_schema

app = typer.Typer(help="The topic packs (config/topics/).", no_args_is_help=True)
console = Console(highlight=False)

#: Articles of a topic shown of those that gain its flag, and of those that lose it.
SAMPLES = 5


def add_to(root: typer.Typer) -> None:
    """Register the commands."""
    root.add_typer(app, name="topics", rich_help_panel="What is watched")


@app.command("list")
def list_topics(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """Show the topic packs."""
    packs = load_topics(load_settings().topics_dir)
    if as_json:
        for pack in packs:
            print(json.dumps(topic_json(pack), ensure_ascii=False))
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("id", "terms", "languages", "version"):
        table.add_column(name, no_wrap=name != "languages")
    for pack in packs:
        terms = sum(1 for _ in pack.weighted_terms())
        table.add_row(pack.id, str(terms), " ".join(sorted(pack.terms)), pack.version)
    console.print(table)


@app.command()
def show(topic: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one pack."""
    pack = _pack(topic)
    console.print(f"[bold]{escape(pack.name)}[/]  {pack.id}  version {pack.version}")
    console.print(f"flagged from {pack.threshold:g}, uncertain from {pack.uncertain_from:g}")
    if pack.iptc or pack.eurovoc:
        console.print(" ".join((*pack.iptc, *pack.eurovoc)))
    console.print(escape(pack.description.strip()), "\n")
    table = Table("language", "term", "points", box=box.SIMPLE_HEAD)
    for language, term, weight in pack.weighted_terms():
        table.add_row(language, escape(term), f"{weight:g}")
    console.print(table)
    for rule in pack.rules:
        console.print(f"rule: {rule}")
    groups = Table("group", "language", "words", box=box.SIMPLE_HEAD)
    for language, of_language in pack.groups.items():
        for group, words in of_language.items():
            groups.add_row(group, language, escape(", ".join(words)))
    for group, organisations in pack.organisations.items():
        groups.add_row(group, "organisations", ", ".join(organisations))
    if groups.row_count:
        console.print(groups)
    for language, phrase in pack.masks():
        console.print(f"hides evidence ({language}): {escape(phrase)}")
    console.print(f"{len(pack.examples)} examples; `wirewatch topics test {pack.id}` runs them")


@app.command()
def test(topic: Annotated[str | None, typer.Argument(metavar="[ID]", help="Default: every pack.")] = None) -> None:
    """Run the examples that stand in the packs."""
    settings = load_settings()
    packs = load_topics(settings.topics_dir) if topic is None else (_pack(topic),)
    classifier = make_classifier(settings.topics_dir)
    wrong = 0
    for pack in packs:
        for example in pack.examples:
            found = classifier.classify(example.title, example.text, example.language)
            flag = next((one for one in found.flags if one.topic == pack.id), None)
            flagged = flag is not None and flag.flagged
            if flagged != example.about:
                wrong += 1
                probability = flag.probability if flag else 0
                words = "must be flagged" if example.about else "must not be flagged"
                console.print(
                    f"[red]✗[/] {pack.id} ({example.language}, {probability:.2f}) {words}: {escape(example.title)}"
                )
    total = sum(len(pack.examples) for pack in packs)
    console.print(f"{total - wrong} of {total} examples as they should be")
    if wrong:
        raise WirewatchError(f"{wrong} examples are not as they should be")


@app.command("try")
def try_file(
    file: Annotated[str, typer.Argument(metavar="FILE|URL|-", help="A text (title on the first line) or a page.")],
) -> None:
    """Show what every pack makes of a text: probabilities below the threshold too."""
    article = article_of(file)
    classifier = make_classifier(load_settings().topics_dir)
    from workers.extract.language import detect

    language, _ = detect(f"{article['title']}\n{article['text']}")
    for flag in classifier.classify(article["title"], article["text"], language).flags:
        console.print(f"{'[bold]' if flag.flagged else '[dim]'}{flag.topic} {flag.probability:.2f}[/] {flag.band}")
        for span in flag.evidence:
            where = {"field": span.field, "start": span.start, "end": span.end}
            fired = "" if span.rule.casefold() == span.text.casefold() else f" ({span.rule})"
            points = f"{span.weight:5.2f} {escape(printable(span.text) + fired)}"
            console.print(f"    {points}  [dim]{escape(sentence_around(article, where))}[/]")


@app.command()
def diff(
    changed: Annotated[Path, typer.Argument(metavar="CHANGED", help="A changed pack, or a folder of packs.")],
    topics: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Only these packs.")] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A pack or folder to compare with; default: those in force.")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(metavar="FILE", help='Articles to try both on: JSON lines of {"title", "text"}.')
    ] = None,
    stored: Annotated[int, typer.Option(min=0, metavar="N", help="Try both on the newest N stored articles.")] = 0,
) -> None:
    """Show what a changed pack would do: its terms and rules, and the flags that articles gain or lose."""
    force = against or load_settings().topics_dir
    old = {pack.id: pack for pack in load_topics(force)}
    new = {pack.id: pack for pack in load_topics(changed)}
    if changed.is_file():
        new = old | new  # the other packs stay as they are
    elif force.is_file():
        old = new | old
    for topic in topics or ():
        if topic not in old and topic not in new:
            raise ConfigError(Problem(file=changed, message=f"no pack {topic!r}; there are {', '.join(new)}"))
    wanted = [topic for topic in sorted(old.keys() | new.keys()) if not topics or topic in topics]
    lines = {topic: differences(old.get(topic), new.get(topic)) for topic in wanted}
    for topic in (topic for topic in wanted if lines[topic]):
        versions = [packs[topic].version if topic in packs else "none" for packs in (old, new)]
        console.print(f"[bold]{topic}[/]  {' -> '.join(versions)}")
        for line in lines[topic]:
            console.print(f"  {escape(line)}", soft_wrap=True)
    different = frozenset(topic for topic in wanted if lines[topic])
    if not different:
        console.print("nothing that decides a flag is different")
    elif texts or stored:
        tried = [*(read_articles(texts) if texts else ()), *(_stored(stored) if stored else ())]
        before, after = classifier_of(tuple(old.values())), classifier_of(tuple(new.values()))
        _show_turns(list(turns(before, after, tried, different)), len(tried))


def _show_turns(found: list[Turn], tried: int) -> None:
    for topic in sorted({turn.topic for turn in found}):
        for sign, gained in (("+", True), ("-", False)):
            of_kind = [turn for turn in found if turn.topic == topic and turn.gained is gained]
            if of_kind:
                console.print(f"{topic}: {sign}{len(of_kind)}")
            for turn in of_kind[:SAMPLES]:
                words = f"{turn.before:.2f} -> {turn.after:.2f}  {printable(turn.title)}  ({turn.words})"
                console.print(f"    {escape(words)}", soft_wrap=True)
    more = sum(turn.gained for turn in found)
    console.print(f"{tried} articles: {more} flags gained, {len(found) - more} lost")


def _stored(count: int) -> Iterator[Mapping[str, str]]:
    """Yield the newest articles of the store. Raises StartError or Unavailable when it cannot be read."""
    settings = located(load_settings())
    check_schema(database_url(settings))
    steps = Steps(settings)
    try:
        yield from _newest(steps.engine, count)
    except OperationalError as error:
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error
    finally:
        steps.close()


def _newest(engine: Engine, count: int) -> Iterable[Mapping[str, str]]:
    with engine.connect() as connection:
        for payload in list_articles(connection, limit=count):
            whole = article_by_id(connection, UUID(payload["id"]))
            if whole is not None:  # retention may take one meanwhile
                yield {name: whole[name] for name in ("title", "text", "language")}


def _pack(topic: str) -> TopicPack:
    folder = load_settings().topics_dir
    packs = {pack.id: pack for pack in load_topics(folder)}
    if topic not in packs:
        raise ConfigError(Problem(file=folder, message=f"no pack {topic!r}; there are {', '.join(packs)}"))
    return packs[topic]
