"""What the commands share that look at stored articles once more: which ones, how far, how it ends."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from workers.domain.errors import Unavailable, WirewatchError
from workers.store.overview import list_sources

T = TypeVar("T")

#: What a shell says of a program that ended by Ctrl-C: 128 and the number of SIGINT.
EXIT_INTERRUPTED = 130

Sources = Annotated[list[str] | None, typer.Option("--source", metavar="ID", help="Only these; repeatable.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Discovered on that day or later.")]


def refuse_unknown_sources(engine: Engine, sources: Iterable[str]) -> None:
    """Refuse the id of a source that there never was. Raises WirewatchError."""
    known = {row["id"] for row in list_sources(engine)}
    for one in sources:
        refuse_unknown("source", one, known)


def refuse_unknown(what: str, one: str, known: Iterable[str]) -> None:
    """Refuse an id that is not known, with those that look like it. Raises WirewatchError."""
    known = set(known)
    if one not in known:
        near = get_close_matches(one, known, n=3)
        raise WirewatchError(f"no {what} has the id {one!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))


def in_order(
    submit: Callable[[Sequence[UUID]], Future[list[T]]], batches: Iterable[Sequence[UUID]], *, ahead: int
) -> Generator[T]:
    """Give what comes of each batch, in order, with `ahead` more of them handed out meanwhile.

    Memory holds a few batches, however many there are.
    """
    waiting: deque[Future[list[T]]] = deque()
    for ids in batches:
        waiting.append(submit(ids))
        if len(waiting) > ahead:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


@contextmanager
def tracked(looks: Generator[T], total: int, word: str) -> Iterator[Iterable[T]]:
    """Give the looks, with a progress bar on standard error when somebody sits there; end the work in any case."""
    told = Console(stderr=True)
    with closing(looks), Progress(console=told, transient=True, disable=not told.is_terminal) as progress:
        yield progress.track(looks, total, description=word)


def _applied() -> str:
    return "what was applied stays, and run again it goes on from there"


@contextmanager
def ending_in_words(console: Console, done: Callable[[], str] = _applied) -> Iterator[None]:
    """Tell how a run ends that cannot go on; `done` says what Ctrl-C leaves behind.

    Raises Exit(130) for Ctrl-C, Unavailable when the store is away.
    """
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"stopped; {done()}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except OperationalError as error:
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error
