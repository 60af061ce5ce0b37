"""supervisord, which a full disk does not end: `python -m workers.operate.supervisord -n -c FILE`.

supervisor 4.3.0 tells of a log line that it cannot write on its standard error (loggers.py, handleError), which is a
file beside the log and as full; that error nobody catches, and the system ends. Here the line is lost, and no more.
"""

from typing import Any

from supervisor import loggers, supervisord


def lose_the_line(_handler: Any) -> None:
    """Go on: there is nowhere to tell of it."""


def main() -> None:
    """Run until told to end."""
    loggers.Handler.handleError = lose_the_line
    supervisord.main()


if __name__ == "__main__":
    main()
