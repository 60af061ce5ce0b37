"""The API's process: `python -m workers.web`. Loads nothing that the API does not need."""

import uvicorn

from config.settings import load_settings
from workers.bootstrap import make_http_api
from workers.telemetry import configure_logging


def main() -> None:
    """Serve until SIGTERM."""
    settings = load_settings()
    configure_logging("api", settings.log_level)
    uvicorn.run(
        make_http_api(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
