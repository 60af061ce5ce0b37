"""How a command ends when something is wrong: a sentence and an exit code, never a traceback."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workers.domain.errors import EXIT_CONFIG, EXIT_UNAVAILABLE, ConfigError, StartError, Unavailable, WirewatchError


@contextmanager
def told_in_words() -> Iterator[None]:
    """Tell our errors as a sentence on standard error; exit 78: to be put right, 75: may pass by itself, 1: other."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of another encoding still gets its table
    try:
        yield
    except (ConfigError, StartError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except Unavailable as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_UNAVAILABLE)
    except WirewatchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
