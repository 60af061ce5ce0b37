"""A page that changes after it was published: what is asked, and what readers get."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from config.settings import Settings, changed
from tests.hostile import Connection, page, redirect
from tests.making import make_feed_entry, make_source, make_source_ledger, poll_result, record, run_sql
from tests.manners import Outlet
from workers.bootstrap import Steps
from workers.domain.outcomes import State
from workers.store.reading import article_by_id
from workers.store.schema import change, entry

PARAGRAPHS = [
    "Border guards of both countries met at the bridge on Monday to speak about the winter patrols along the river.",
    "The delegation agreed on a common post, on a shared radio channel and on a list of officers who may cross.",
    "A spokeswoman said that the first joint patrol would begin before the end of the month, if the ice allows it.",
]


def article(*paragraphs: str, furniture: str = "") -> bytes:
    """Return the page of an article."""
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    head = "<title>Guards meet at the bridge</title>"
    body = f"<h1>Guards meet at the bridge</h1><article>{text}</article><footer>{furniture}</footer>"
    return f"<html lang='en'><head>{head}</head><body>{body}</body></html>".encode()


class Paper:
    """A page that is edited, with an ETag of its own making."""

    def __init__(self, *, etag: bool = True) -> None:
        self.body = article(*PARAGRAPHS)
        self.version = 1
        self.answered: list[str] = []
        self._etag = etag

    def edit(self, *paragraphs: str, furniture: str = "") -> None:
        self.body = article(*paragraphs, furniture=furniture)
        self.version += 1

    def __call__(self, connection: Connection) -> None:
        etag = f'"{self.version}"'
        if self._etag and f"if-none-match: {etag}".encode() in connection.request.lower():
            self.answered.append("304")
            connection.send(page(b"", f"ETag: {etag}", status="304 Not Modified"))
        else:
            self.answered.append("200")
            connection.send(page(self.body, *([f"ETag: {etag}"] if self._etag else [])))


class Desk:
    """The steps of the path over a real store, and one entry on its way."""

    def __init__(self, engine: Engine, steps: Steps) -> None:
        self.engine = engine
        self.steps = steps

    def discover(self, url: str, **facts: Any) -> UUID:
        sources = make_source_ledger(self.engine)
        sources.sync([make_source(**facts)])
        record(sources, "agency", poll_result(make_feed_entry(url=url, title="Guards meet at the bridge")))
        with self.engine.connect() as connection:
            found: UUID = connection.execute(select(entry.c.id).where(entry.c.url == url)).scalar_one()
        return found

    def bring_through(self, one: UUID) -> None:
        """Let an entry take the steps that it can take, each by its worker."""
        fetched: list[UUID] = []
        self.steps.fetch([one], fetched.extend)
        self.steps.classify(self.steps.extract(fetched))

    def look_again(self, one: UUID) -> None:
        """Let the time of the next look come, and take it."""
        run_sql(self.engine, "UPDATE entry SET revisit_at = now() WHERE revisit_at IS NOT NULL")
        assert self.steps.ledger.begin_revisits(10) == 1
        self.bring_through(one)

    def row(self, one: UUID) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(entry).where(entry.c.id == one)).one()

    def changes(self) -> list[tuple[str, int]]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(change.c.type, change.c.version).order_by(change.c.id)).all()
        return [(row.type, row.version) for row in rows]

    def text(self, one: UUID) -> str:
        with self.engine.connect() as connection:
            found = article_by_id(connection, one)
        assert found is not None
        return str(found["text"])


@pytest.fixture
def desk(engine: Engine, database_url: str) -> Iterator[Callable[[Outlet], Desk]]:
    """What makes a desk that may ask an outlet."""
    made: list[Steps] = []

    def make(outlet: Outlet) -> Desk:
        settings = changed(Settings(), database_url=database_url, allow_addresses=[outlet.pair], host_delay_s=0)
        made.append(Steps(settings))
        return Desk(engine, made[-1])

    yield make
    for steps in made:
        steps.loop.close()
        steps.close()


def test_a_changed_text_is_a_new_version_of_the_same_article(desk: Callable[[Outlet], Desk]) -> None:
    paper = Paper()
    with Outlet({"/a": paper}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/a")
        at.bring_through(one)
        assert (at.row(one).state, at.row(one).version) == (State.CLASSIFIED, 1)
        paper.edit(
            *PARAGRAPHS[:2], "The first joint patrol was called off on Tuesday, since the ice is too thin to walk."
        )
        at.look_again(one)
    assert (at.row(one).state, at.row(one).version) == (State.CLASSIFIED, 2)
    assert "called off" in at.text(one)
    assert at.changes() == [("created", 1), ("updated", 2)]
    assert b'if-none-match: "1"' in outlet.visits[-1].request.lower()
    assert paper.answered == ["200", "200"]


def test_a_page_that_did_not_change_is_not_sent_again(desk: Callable[[Outlet], Desk]) -> None:
    paper = Paper()
    with Outlet({"/a": paper}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/a")
        at.bring_through(one)
        at.look_again(one)
    assert paper.answered == ["200", "304"]
    assert (at.row(one).state, at.row(one).version, at.row(one).reason) == (State.CLASSIFIED, 1, None)
    assert at.changes() == [("created", 1)]


def test_the_same_body_goes_no_further_than_the_fetch(desk: Callable[[Outlet], Desk]) -> None:
    paper = Paper(etag=False)
    with Outlet({"/a": paper}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/a")
        at.bring_through(one)
        run_sql(at.engine, "UPDATE entry SET revisit_at = now()")
        at.steps.ledger.begin_revisits(10)
        fetched: list[UUID] = []
        at.steps.fetch([one], fetched.extend)
    assert (paper.answered, fetched) == (["200", "200"], [])
    assert at.row(one).state == State.CLASSIFIED


def test_a_change_around_the_text_is_no_new_version(desk: Callable[[Outlet], Desk]) -> None:
    paper = Paper()
    with Outlet({"/a": paper}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/a")
        at.bring_through(one)
        paper.edit(*PARAGRAPHS, furniture="Most read today: the harbour")
        at.look_again(one)
        assert (at.row(one).state, at.row(one).version) == (State.CLASSIFIED, 1)
        at.look_again(one)
    assert at.changes() == [("created", 1)]
    assert paper.answered == ["200", "200", "304"], "the next look knows the page of the last"


@pytest.mark.parametrize("status", ["410 Gone", "404 Not Found", "500 Oops", "403 Forbidden"])
def test_a_page_that_goes_away_takes_nothing_from_readers(desk: Callable[[Outlet], Desk], status: str) -> None:
    with Outlet({"/a": Paper()}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/a")
        at.bring_through(one)
        outlet.pages["/a"] = page(b"", status=status)
        at.look_again(one)
    assert (at.row(one).state, at.row(one).version) == (State.CLASSIFIED, 1)
    assert at.row(one).reason is not None, "and an operator can see why"
    assert PARAGRAPHS[0] in at.text(one)


def test_a_later_look_goes_where_the_redirect_led(desk: Callable[[Outlet], Desk]) -> None:
    paper = Paper()
    with Outlet({"/old": redirect("/a", "301 Moved"), "/a": paper}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/old")
        at.bring_through(one)
        at.look_again(one)
    assert outlet.paths == ["/robots.txt", "/old", "/a", "/a"]
    assert paper.answered == ["200", "304"]


def test_a_source_whose_articles_are_left_alone_is_not_looked_at_again(desk: Callable[[Outlet], Desk]) -> None:
    with Outlet({"/a": Paper()}) as outlet:
        at = desk(outlet)
        one = at.discover(f"{outlet.url}/a", revisited=False)
        at.bring_through(one)
    assert (at.row(one).state, at.row(one).revisit_at) == (State.CLASSIFIED, None)


def test_a_page_that_names_another_address_as_its_own_is_the_entry_of_that(desk: Callable[[Outlet], Desk]) -> None:
    body = article(*PARAGRAPHS)
    with Outlet({"/a": page(body)}) as outlet:
        at = desk(outlet)
        first = at.discover(f"{outlet.url}/a")
        at.bring_through(first)
        link = f"<link rel='canonical' href='{outlet.url}/a'></head>"
        outlet.pages["/print"] = page(body.replace(b"</head>", link.encode()))
        second = at.discover(f"{outlet.url}/print")
        at.bring_through(second)
    assert (at.row(second).state, at.row(second).reason) == (State.DROPPED, "same_url")
    assert at.changes() == [("created", 1)]
