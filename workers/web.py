"""The API's process: `python -m workers.web`. Loads nothing that the API does not need."""

import sys
from contextlib import suppress
from types import FrameType

import uvicorn

from config.settings import load_settings
from workers.bootstrap import make_http_api
from workers.telemetry import configure_logging


class Server(uvicorn.Server):
    """Lets go of readers that wait or stream before it waits for them to leave."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self.config.app.newest.close()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve until SIGTERM."""
    settings = load_settings()
    configure_logging("api", settings.log_level)
    config = uvicorn.Config(
        make_http_api(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit("the API did not start: the log says why")


if __name__ == "__main__":
    main()
