"""Trying things by hand: `extract` and `classify`, one thing or JSON lines. Nothing is stored.

The shapes of the JSON lines are stable: other programs read them.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from config.settings import Settings, load_settings
from workers.bootstrap import extract_page, utc_now
from workers.cli.asking import asker
from workers.cli.shown import printable, sentence_around
from workers.domain.errors import ConfigError, Problem, WirewatchError
from workers.domain.outcomes import Advanced, Dropped, Unchanged
from workers.domain.values import Entry, FeedEntry, Page, Source
from workers.fetch.stage import fetch_page
from workers.packs import make_classifier
from workers.store.articles import article_json, flag_json, names_json

console = Console(highlight=False)
#: Stands in for the ledger's row where there is none.
NOBODY = Source(id="-", name="", url="", language="und", country="", owner="", state_owned=False)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("extract", rich_help_panel="Trying")(extract_command)
    app.command("classify", rich_help_panel="Trying")(classify_command)


def extract_command(
    what: Annotated[str | None, typer.Argument(metavar="[FILE|URL]", help="An HTML file, or a page to fetch.")] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='Read {"id", "url", "path"} lines from standard input.')
    ] = False,
    url: Annotated[str, typer.Option(help="With a FILE: the address it was saved from.")] = "",
) -> None:
    """Show the clean text that a page gives."""
    if jsonl == (what is not None):
        raise typer.BadParameter("give a FILE, a URL, or --jsonl (which reads standard input)")
    if jsonl or what is None:
        _each_line(extract_line)
        return
    page = _fetched(what, load_settings()) if what.startswith(("http://", "https://")) else _saved(Path(what), url)
    found = extraction(page)
    if found["outcome"] != "extracted":
        raise WirewatchError(f"{what}: {found['outcome']}: {found['reason']} {found.get('detail', '')}".rstrip())
    console.print(f"[bold]{escape(found['title'])}[/]")
    facts = [name for name in found if name not in {"outcome", "title", "text", "url"}]
    console.print("  ".join(f"[dim]{name}[/] {escape(str(found[name]))}" for name in facts if found[name]), "\n")
    print(found["text"])


def classify_command(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|URL|-]", help="A text (title on the first line) or a page; - reads standard input."
        ),
    ] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='Read {"id", "title", "text"} lines from standard input.')
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Topics below their threshold too.")] = False,
) -> None:
    """Show the flags that a text gets, and the sentences that raised them."""
    if jsonl == (what is not None):
        raise typer.BadParameter("give a FILE, a URL, -, or --jsonl (which reads standard input)")
    classify = classifying(load_settings(), every=every)
    if jsonl or what is None:
        _each_line(classify)
        return
    article = article_of(what)
    found = classify({"id": what, **article})
    console.print(f"[bold]{escape(printable(article['title']))}[/]  [dim]{found['language']}[/]")
    for flag in found["flags"]:
        console.print(f"[bold]{flag['topic']}[/] {flag['probability']:.2f} {flag['band']}")
        for sentence, words in list(sentences_of(article, flag["evidence"]).items())[:3]:
            shown = Text(f"    {sentence}", style="dim")
            shown.highlight_words(filter(None, words), style="not dim bold")
            console.print(shown)
    if not found["flags"]:
        console.print("[dim]no flag[/]")
    for kind, names in named_in(found).items():
        console.print(f"[dim]{kind}[/] {', '.join(names)}")


def named_in(found: dict[str, Any]) -> dict[str, list[str]]:
    """Return who and where by kind, the weightiest first; no kind of which nothing is named."""
    kinds = {
        "countries": [f"{one['code']} {one['share']:.0%}" for one in found["countries"]],
        "organisations": [one["id"] for one in found["organisations"]],
        "together": [" and ".join(one["countries"]) for one in found["pairs"]],
    }
    return {kind: names for kind, names in kinds.items() if names}


def sentences_of(article: dict[str, str], evidence: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return each sentence that holds evidence, once, with the words that raised the flag; all of it printable."""
    found: dict[str, list[str]] = {}
    for span in evidence:
        found.setdefault(sentence_around(article, span), []).append(printable(span["text"]))
    return found


def extract_line(line: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one line of `extract --jsonl`."""
    return extraction(_saved(Path(_string(line, "path")), _string(line, "url", "")))


def extraction(page: Page) -> dict[str, Any]:
    """Return what a page gives, as one JSON object."""
    feed = FeedEntry(key="-", url=page.url)
    entry = Entry(id=UUID(int=0), source=NOBODY, url=page.url, feed=feed, discovered_at=page.fetched_at, attempt=1)
    outcome = extract_page(entry, page)
    if isinstance(outcome, Advanced):
        return {"outcome": "extracted", **article_json(outcome.value), "text": outcome.value.text}
    assert not isinstance(outcome, Unchanged)  # noqa: S101  (there is nothing to compare it with)
    word = "dropped" if isinstance(outcome, Dropped) else "failed"
    return {"outcome": word, "reason": str(outcome.reason), "detail": outcome.detail}


def classifying(settings: Settings, *, every: bool) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that answers one line of `classify --jsonl`."""
    from workers.extract.language import detect

    classifier = make_classifier(settings.topics_dir)

    def classify(line: dict[str, Any]) -> dict[str, Any]:
        if "title" not in line and "text" not in line:
            raise ValueError("'title' and 'text' are both missing")
        title, text = _string(line, "title", ""), _string(line, "text", "")
        language, _ = detect(f"{title}\n{text}")
        found = classifier.classify(title, text, language)
        flags = [flag_json(one, found.model) for one in found.flags if one.flagged or every]
        return {"language": language, "flags": flags, **names_json(found)}

    return classify


def article_of(what: str) -> dict[str, str]:
    """Return title and text of a file, a page's address, or standard input ("-").

    A text has its title on the first line. Raises ConfigError for what cannot be read, WirewatchError for a page that
    is no article.
    """
    from workers.extract.text import tidy

    if what.startswith(("http://", "https://")):
        return _title_and_text(what, extraction(_fetched(what, load_settings())))
    body = sys.stdin.buffer.read() if what == "-" else _read(Path(what))
    if b"<html" in body[:2_000].lower() or b"<!doctype html" in body[:2_000].lower():
        return _title_and_text(what, extraction(_page(body, "")))
    try:
        title, _, text = body.decode("utf-8").strip().partition("\n")
    except UnicodeDecodeError as error:
        raise ConfigError(Problem(file=what, message="neither an HTML page nor UTF-8 text")) from error
    return {"title": title.strip(), "text": tidy(text)}


def _title_and_text(what: str, found: dict[str, Any]) -> dict[str, str]:
    if found["outcome"] != "extracted":
        raise WirewatchError(f"{what}: {found['outcome']}: {found['reason']}")
    return {"title": found["title"], "text": found["text"]}


def _each_line(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer standard input line by line, in order; a bad line gets an error object, never a crash."""
    if sys.stdin is None:
        raise WirewatchError("standard input is closed: --jsonl reads its lines from there")
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        if not raw.strip():
            continue
        name: Any = None
        try:
            line = _json(raw)
            if not isinstance(line, dict):
                raise TypeError("not a JSON object")  # noqa: TRY301
            name = line.get("id")
            result = {"id": name, **answer(line)}
        except Exception as error:  # noqa: BLE001  (the next line is somebody else's; this one's error is its answer)
            result = {"id": name, "outcome": "error", "error": f"line {number}: {_told(error)}"}
        # UTF-8 whatever the terminal speaks: programs read this
        sys.stdout.buffer.write(json.dumps(result, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error


def _told(error: Exception) -> str:
    if isinstance(error, ValueError | TypeError | KeyError | WirewatchError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _string(line: dict[str, Any], name: str, default: str | None = None) -> str:
    value = line.get(name, default)
    if not isinstance(value, str):
        raise TypeError(f"{name!r} must be text" if name in line else f"{name!r} is missing")
    return value


def _saved(file: Path, url: str) -> Page:
    return _page(_read(file), url)


def _page(body: bytes, url: str) -> Page:
    return Page(url=url, status=200, content_type="text/html", charset=None, body=body, fetched_at=utc_now())


def _fetched(url: str, settings: Settings) -> Page:
    async def once() -> Any:
        feed = FeedEntry(key=url, url=url)
        entry = Entry(id=UUID(int=0), source=NOBODY, url=url, feed=feed, discovered_at=utc_now(), attempt=1)
        async with asker(settings) as asking:
            return await fetch_page(entry, asking.session)

    outcome = asyncio.run(once())
    if not isinstance(outcome, Advanced):
        raise WirewatchError(f"{url}: {outcome.reason}: {outcome.detail}")
    page: Page = outcome.value
    return page


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(Problem(file=file, message=error.strerror or str(error))) from error
