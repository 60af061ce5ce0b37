"""How a command ends when something is wrong: a sentence and an exit code, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workers.domain.errors import EXIT_CONFIG, ConfigError, StartError, WirewatchError


@contextmanager
def told_in_words() -> Iterator[None]:
    """Turn our errors into a sentence on standard error: 78 for what an operator can put right, else 1."""
    try:
        yield
    except (ConfigError, StartError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except WirewatchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
