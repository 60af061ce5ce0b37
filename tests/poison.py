"""For fault tests: imported by a real worker (`--include tests.poison`), it makes one kind of page deadly.

The page says in its body how it kills: `poison:kill` by SIGKILL, `poison:memory` by a MemoryError, `poison:hang` by
never coming back (the task's hard time limit ends it).
"""

import os
import signal
import threading
from typing import Any

from workers import bootstrap

healthy = bootstrap.extract_page


def deadly(entry: Any, page: Any, *more: Any) -> Any:
    body = page.body if page else b""
    if b"poison:kill" in body:
        os.kill(os.getpid(), signal.SIGKILL)
    if b"poison:memory" in body:
        raise MemoryError
    if b"poison:hang" in body:
        threading.Event().wait()
    return healthy(entry, page, *more)


bootstrap.extract_page = deadly
