"""The pusher's process: `python -m workers.push`. Loads nothing that pushing does not need."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

from config.settings import load_settings
from workers.bootstrap import make_pusher
from workers.deliver.webhooks.stage import THREADS
from workers.telemetry import configure_logging

#: Touched at every look, so that who supervises sees that this process is not stuck.
BEAT_FILE = "push-beat"


async def push() -> None:
    """Push until SIGTERM or Ctrl-C; tries that are on their way then end first, within 15 s."""
    settings = load_settings()
    configure_logging("push", settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    pusher, post = make_pusher(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, pusher.stopping.set)
    try:
        await pusher.run((settings.data_dir / BEAT_FILE).touch)
    finally:
        await post.close()


if __name__ == "__main__":
    asyncio.run(push())
