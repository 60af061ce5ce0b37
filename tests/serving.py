"""The API over real HTTP, on a loopback port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.waiting import wait_until
from workers.deliver.api.app import Api


@contextmanager
def serving(app: Api, port: int = 0) -> Iterator[str]:
    """Serve an application; give its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, description="the API is up")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        app.newest.close()  # who waits for news need not
        server.should_exit = True
        thread.join(10)
