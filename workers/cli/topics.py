"""`wirewatch topics`: the packs that say what is flagged."""

import json
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.settings import load_settings
from config.topics import TopicPack, load_topics
from workers.cli.shown import sentence_around
from workers.cli.trying import article_of
from workers.domain.errors import ConfigError, Problem, WirewatchError
from workers.packs import make_classifier, topic_json

app = typer.Typer(help="The topic packs (config/topics/).", no_args_is_help=True)
console = Console(highlight=False)


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
    console.print(f"[bold]{escape(pack.name)}[/]  {pack.id}  version {pack.version}  threshold {pack.threshold:g}")
    console.print(escape(pack.description.strip()), "\n")
    table = Table("language", "term", "points", box=box.SIMPLE_HEAD)
    for language, term, weight in pack.weighted_terms():
        table.add_row(language, escape(term), f"{weight:g}")
    console.print(table)
    for rule in pack.rules:
        console.print(f"rule: {' and '.join(rule.groups)} within {rule.within} words, {rule.weight:g} points")
    groups = Table("group", "language", "words", box=box.SIMPLE_HEAD)
    for language, of_language in pack.groups.items():
        for group, words in of_language.items():
            groups.add_row(group, language, escape(", ".join(words)))
    if pack.groups:
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
        console.print(f"{'[bold]' if flag.flagged else '[dim]'}{flag.topic} {flag.probability:.2f}[/]")
        for span in flag.evidence:
            where = {"field": span.field, "start": span.start, "end": span.end}
            console.print(f"    {escape(span.text)}  [dim]{escape(sentence_around(article, where))}[/]")


def _pack(topic: str) -> TopicPack:
    folder = load_settings().topics_dir
    packs = {pack.id: pack for pack in load_topics(folder)}
    if topic not in packs:
        raise ConfigError(Problem(file=folder, message=f"no pack {topic!r}; there are {', '.join(packs)}"))
    return packs[topic]
