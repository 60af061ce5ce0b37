"""A real Chromium without a window, driven through its DevTools protocol over a pipe: no port, no library.

https://chromedevtools.github.io/devtools-protocol/: messages are JSON, parted by NUL, on descriptors 3 and 4.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
MISSING = "no Chromium: apt-get install chromium"
#: Nothing but the loopback is asked for; root may not have its sandbox, and a container's /dev/shm is small.
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
#: Descriptors 3 and 4 are what the browser speaks through; the ones that we have are whatever was free.
BECOME = """import os, sys
os.dup2(int(sys.argv[1]), 13), os.dup2(int(sys.argv[2]), 14)
os.dup2(13, 3), os.dup2(14, 4)
os.execv(sys.argv[3], sys.argv[3:])"""
#: A page is there, or is a file for the disk.
ENDS = {"Page.loadEventFired", "Page.frameStoppedLoading", "Page.downloadWillBegin"}


class Chromium:
    """One browser with one tab. `dialogs` holds what was said in dialogs, which are closed at once."""

    def __init__(self, folder: Path) -> None:
        self.dialogs: list[str] = []
        self.events: list[dict[str, Any]] = []
        self._folder = folder
        self._number = 0
        self._rest = b""

    def __enter__(self) -> Self:
        theirs, self._out = os.pipe()
        self._in, other = os.pipe()
        options = (*OPTIONS, f"--user-data-dir={self._folder}", "--remote-debugging-pipe", "about:blank")
        self._process = subprocess.Popen(
            [sys.executable, "-c", BECOME, str(theirs), str(other), PROGRAM, *options],
            pass_fds=(theirs, other),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(self._folder)},
        )
        os.close(theirs)
        os.close(other)
        self._session = ""
        self._target = self.say("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.say("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self.say("Page.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def open(self, address: str, *, with_csp: bool = True, settle_s: float = 0.2) -> str:
        """Open an address, wait until it is loaded (or is none that a tab shows) and settled; return its title."""
        self.say("Page.setBypassCSP", enabled=not with_csp)
        self.events.clear()
        self.say("Page.navigate", url=address)
        self._hear(lambda: any(one["method"] in ENDS for one in self.events), 5)
        self._hear(lambda: False, settle_s)
        return self.title

    @property
    def title(self) -> str:
        """What stands over the tab."""
        told: str = self.say("Target.getTargetInfo", targetId=self._target)["targetInfo"]["title"]
        return told

    def value(self, expression: str) -> Any:
        """Return what an expression is worth in the page."""
        return self.say("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def say(self, method: str, **given: Any) -> dict[str, Any]:
        """Send a command; return its result."""
        self._number += 1
        own = self._number
        told = {"id": own, "method": method, "params": given}
        if self._session and not method.startswith("Target."):
            told["sessionId"] = self._session
        os.write(self._out, json.dumps(told).encode() + b"\0")
        answers = self._hear(lambda: False, 30, until=own)
        assert answers is not None, f"no answer to {method}"
        assert "result" in answers, (method, answers)
        result: dict[str, Any] = answers["result"]
        return result

    def _hear(self, is_enough: Callable[[], bool], timeout_s: float, until: int = 0) -> dict[str, Any] | None:
        """Take what the browser says until it is enough, the answer `until` comes, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while not is_enough():
            while b"\0" not in self._rest:
                ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
                if not ready:
                    return None
                part = os.read(self._in, 1 << 16)
                assert part, "Chromium has ended"
                self._rest += part
            line, _, self._rest = self._rest.partition(b"\0")
            told: dict[str, Any] = json.loads(line)
            if told.get("id") == until and until:
                return told
            if "method" in told:
                self._take(told)
        return None

    def _take(self, told: dict[str, Any]) -> None:
        self.events.append(told)
        if told["method"] == "Page.javascriptDialogOpening":
            self.dialogs.append(told["params"]["message"])
            self._number += 1
            close = {"id": self._number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
            os.write(self._out, json.dumps(close | {"sessionId": self._session}).encode() + b"\0")
