"""No text of an outlet runs in a browser: whatever the API answers, opened in a real Chromium, and shown by readers.

Titles, texts, names and addresses are hostile. Each answer is opened as it is, and once more without its
Content-Security-Policy: then its media type alone must hold. (`make test` asks each answer for its headers.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine

from tests.chromium import MISSING, PROGRAM, Chromium
from tests.integration.test_api import TOPICS
from tests.making import bring, discover, make_classified, make_flag
from tests.naughty import naughty_strings
from tests.naughty_formats import NAUGHTY
from tests.payloads import READER, Canary, control_feeds, nothing_ran
from tests.serving import serving
from tests.waiting import wait_until
from workers.deliver.api.app import make_api
from workers.deliver.formats.feeds import MOST_ENTRIES
from workers.deliver.formats.stix import public_uuid, report_id
from workers.domain.outcomes import State
from workers.store.changes import number
from workers.store.text import storable

pytestmark = [pytest.mark.skipif(not PROGRAM, reason=MISSING), pytest.mark.timeout(300)]

KINDS = ("rss", "atom", "json")

#: The address of what the tab shows, if it shows anything.
SHOWN = "document.documentElement.textContent ? location.href : 'nothing'"


@dataclass
class Place:
    """A browser, a canary, and the API over a store of hostile articles."""

    browser: Chromium
    canary: Canary
    api: str
    client: httpx.Client
    ids: list[UUID]  # of the articles that hold our own payloads, the last one all of them
    sources: dict[str, int]  # with their number of articles

    def nothing_ran(self, title: str) -> bool:
        """Return whether nothing tells that something ran; forget it."""
        return nothing_ran(self.canary, self.browser, title)


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Iterator[Place]:
    with Canary() as canary:
        own = [*canary.payloads().values()]
        ids, counts = hostile_articles(engine, [*own, "\n".join(own)])
        with (
            serving(make_api(engine, lambda: TOPICS, "1", rate=0)) as api,
            Chromium(tmp_path) as browser,
            httpx.Client(base_url=api, trust_env=False, timeout=30) as client,
        ):
            yield Place(browser, canary, api, client, ids, counts)


def hostile_articles(engine: Engine, own: list[str]) -> tuple[list[UUID], dict[str, int]]:
    """Publish our payloads and everybody's; return the ids of ours, and the sources with their numbers of articles."""
    theirs = [storable(one) for one in [*naughty_strings(), *NAUGHTY.values()] if storable(one)]
    texts = {"own": own}
    for first in range(0, len(theirs), MOST_ENTRIES):
        texts[f"list-{first}"] = theirs[first : first + MOST_ENTRIES]
    ids: list[UUID] = []
    done = 0
    for source, given in texts.items():
        found = discover(engine, len(given), source=source, first=done, name=given[0][:300], owner=given[-1][:300])
        values = [hostile(done + place, text) for place, text in enumerate(given)]
        bring(engine, found, State.CLASSIFIED, values)
        ids = ids or found
        done += len(given)
    with engine.begin() as connection:
        number(connection)
    return ids, {source: len(given) for source, given in texts.items()}


def hostile(place: int, text: str) -> Any:
    """Return an article that says this wherever an outlet can say something."""
    return make_classified(
        place,
        make_flag("sanctions"),
        title=text,
        text=f"{text}\nguards {place}",
        url=text,
        image=text,
        authors=(text, f'{text}"'),
        section=text,
        page_language=text,
        dateline_place=text,
        wire_credit=text,
    )


def test_each_payload_runs_where_nothing_is_done_about_it(place: Place) -> None:
    """The control: what is not seen here could not be seen in the other tests either."""
    for name, page in place.canary.controls().items():
        place.canary.pages["/control"] = page
        title = place.browser.open(f"{place.canary.url}/control")
        wait_until(lambda one=name: place.canary.ran == {one.replace(" ", "-")}, 5, f"the control of {name} ran")
        assert place.browser.dialogs, name
        assert name in {"cdata", "cdata end"} or title == "ran", name
        place.nothing_ran("")


def addresses(place: Place) -> list[str]:
    """Return what of the API a browser can be given: every kind of answer with hostile texts, and refusals of them."""
    one = place.ids[-1]
    feeds = [f"/v1/feeds/{kind}?source={source}&limit=100" for kind in KINDS for source in place.sources]
    short = [
        f"<script>{place.canary.code('short')}</script>",
        "<img src=x: onerror=alert(1)>",
        '"><svg onload=alert(2)>',
    ]
    echoes = [
        path.format(quote(text, safe=""))
        for text in short
        for path in (
            *("/{0}", "/v1/{0}", "/v1/feeds/{0}", "/v1/articles/{0}", "/v1/articles/{0}.ninjs", "/v1/schemas/{0}"),
            *("/v1/changes?{0}=1", "/v1/changes?topic={0}", "/v1/articles?q={0}", "/v1/articles?limit={0}", "/{0}/../"),
            *("/v1/feeds/rss?q={0}", "/v1/feeds/atom?q={0}", "/v1/feeds/json?q={0}", "/taxii2/{0}", "/misp/{0}.json"),
        )
    ]
    return [
        *("/", "/healthz", "/metrics", "/openapi.json", "/v1/topics", "/v1/sources", "/v1/schemas/change-1.json"),
        *("/v1/articles?limit=500", "/v1/articles?q=guards", "/v1/changes?limit=500", "/v1/changes?text=true"),
        *(f"/v1/articles/{one}{rest}" for rest in ("", ".ninjs", "/versions", "/verdicts")),
        *("/v1/stream?after=0", "/v1/stream?after=0&text=true", *feeds, *echoes),
        *platforms(place),
    ]


def platforms(place: Place) -> list[str]:
    """Return what security platforms read of the same articles."""
    collections = "/taxii2/api/collections/"
    everything = f"{collections}{place.client.get(collections).json()['collections'][0]['id']}/"
    one = place.ids[-1]
    return [
        *("/taxii2/", "/taxii2/api/", collections, everything, f"{everything}manifest/", f"{everything}objects/"),
        *(f"{everything}objects/{report_id(one)}/{rest}" for rest in ("", "versions/")),
        *("/misp/manifest.json", f"/misp/{public_uuid(one)}.json"),
    ]


def test_nothing_runs_whatever_a_browser_is_given(place: Place) -> None:
    asked = addresses(place)
    for address in asked:
        for with_csp in (True, False):
            title = place.browser.open(place.api + address, with_csp=with_csp)
            assert place.browser.value(SHOWN).startswith(place.api), (address, with_csp)
            assert place.nothing_ran(title), (address, with_csp)
    print(f"{len(asked)} addresses, each with and without its Content-Security-Policy: nothing ran")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_runs_in_a_feed_reader(kind: str, place: Place) -> None:
    place.canary.pages["/reader"] = ("text/html", READER.replace("KIND", kind))
    for source, count in place.sources.items():
        feed = place.client.get(f"/v1/feeds/{kind}", params={"source": source, "limit": MOST_ENTRIES}).text
        place.canary.pages["/feed"] = ("text/plain", feed)
        title = place.browser.open(f"{place.canary.url}/reader")
        assert wait_until(lambda: place.browser.value("window.done")) == count
        assert place.nothing_ran(title), source


def test_a_feed_reader_runs_what_a_careless_feed_says(place: Place) -> None:
    """The control of the reader."""
    for kind, feed in control_feeds(place.canary.code("reader")).items():
        place.canary.pages["/reader"] = ("text/html", READER.replace("KIND", "rss" if kind == "link" else kind))
        place.canary.pages["/feed"] = ("text/plain", feed)
        place.browser.open(f"{place.canary.url}/reader")
        wait_until(lambda: place.canary.ran == {"reader"}, 5, f"the reader ran {kind}")
        place.nothing_ran("")
