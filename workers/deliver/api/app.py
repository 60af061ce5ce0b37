"""The HTTP API. The change log with its cursor is the contract; the rest helps people to look."""

from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

from workers.deliver.api.articles import article_routes
from workers.deliver.api.changes import Log, change_routes
from workers.deliver.api.courtesy import Courtesy
from workers.deliver.api.feeds import feed_routes
from workers.deliver.api.gate import Gate
from workers.deliver.api.headers import with_headers
from workers.deliver.api.limits import Places, Rate
from workers.deliver.api.misp import misp_routes
from workers.deliver.api.newest import Newest
from workers.deliver.api.ninjs import ninjs_routes
from workers.deliver.api.operation import SILENT_BEAT_S, operation_routes
from workers.deliver.api.problems import REFUSALS, tell_problems
from workers.deliver.api.refusals import only_known_parameters
from workers.deliver.api.schemas import schema_routes
from workers.deliver.api.stream import HANG_UP, stream_routes
from workers.deliver.api.taxii import taxii_routes
from workers.deliver.api.verdicts import verdict_routes
from workers.deliver.api.webhooks import webhook_routes
from workers.store.overview import is_path_busy

#: Requests a second that one reader may make, when nobody said otherwise.
RATE = 100.0

#: A page of 500 changes: 15 ms for a quarter of its bytes; zlib's best takes ten times as long for a little less.
GZIP_LEVEL = 1


class Api(FastAPI):
    """An application that can drop a connection, and let go of everybody who waits."""

    newest: Newest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. uvicorn closes a connection when the reader has taken everything, which may be never: its
        `send` is a method of the exchange, and that has the transport. (Under tests without a server there is none.)"""
        exchange = getattr(send, "__self__", None)
        if exchange is not None:
            scope[HANG_UP] = exchange.transport.abort
        await super().__call__(scope, receive, with_headers(send))


def make_api(
    engine: Engine,
    topics: Callable[[], list[dict[str, Any]]],
    version: str,
    *,
    open_without_keys: bool = True,
    rate: float = RATE,
    silent_s: float = SILENT_BEAT_S,
    own_disk: Callable[[], str] = str,
) -> Api:
    """Return the application. `topics` gives the packs in force, as JSON objects.

    `open_without_keys`: anybody may ask until there is a first key. `rate`: requests a second of one reader; 0: any.
    `silent_s`: beat may be silent for so long (seconds). `own_disk` measures the disk and says what is wrong with it,
    "" when nothing is.
    """
    gate, places = Gate(engine, Rate(rate), open_without_keys=open_without_keys), Places()
    log = Log(engine, topics)
    newest = Newest(log.last_seq)
    courtesy = Courtesy(lambda: is_path_busy(engine))
    api = Api(
        title="Wirewatch",
        version=version,
        summary="What the world's press reports on the watched topics",
        docs_url=None,
        redoc_url=None,
        responses=REFUSALS,
        dependencies=[Depends(gate), Depends(only_known_parameters)],
    )
    api.newest = newest
    api.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=GZIP_LEVEL)
    routers = (
        change_routes(log, newest, places, courtesy),
        stream_routes(log, newest, places, gate, courtesy),
        ninjs_routes(engine, topics),  # before `/v1/articles/{article_id}`, which it looks like
        article_routes(engine, topics),
        feed_routes(engine, topics),
        verdict_routes(engine, topics),
        webhook_routes(engine, topics),
        taxii_routes(engine, topics),
        misp_routes(engine),
        schema_routes(),
        operation_routes(engine, topics, silent_s=silent_s, own_disk=own_disk),
    )
    for router in routers:
        api.include_router(router)
    tell_problems(api, [route for router in routers for route in router.routes])
    return api
