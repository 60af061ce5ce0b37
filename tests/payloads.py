"""Texts that a browser would run, each with a page that shows that it does: a proof that a test can fail.

What runs says so in three ways: the tab's title, a dialog, a request to the canary.
"""

import html
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from tests.chromium import Chromium

#: `%s` is the code. Each stands on a page as it is.
ELEMENTS = {
    "script": "<script>%s</script>",
    "breaks out": "</title></textarea></style><script>%s</script>",
    "image": '<img src=x: onerror="%s">',
    "svg": '<svg onload="%s"></svg>',
    "svg script": "<svg><script>%s</script></svg>",
    "frame": '<iframe src="javascript:%s"></iframe>',
    "details": '<details open ontoggle="%s">x</details>',
    "video": '<video><source onerror="%s"></video>',
    "body": '<body onload="%s">',
    "style": '<style onload="%s"></style>',
    "mixed case": '<ImG/sRc=x:\nOnErRoR="%s">',
}
#: Each with where it must stand to run.
ELSEWHERE = {
    "attribute": ('" tabindex=1 autofocus onfocus="this.onfocus=null;%s" x="', '<input value="{}">'),
    "single quotes": ("x'/><img src=x: onerror=\"%s\"><b a='", "<input value='{}'>"),
    "in a script": ("</script><script>%s</script>", '<script>var a = "{}"</script>'),
    "entities": (
        "&lt;img src=x: onerror=&quot;%s&quot;&gt;",
        "<p id=p>{}</p><script>p.innerHTML = p.textContent</script>",
    ),
    "address": ("javascript:%s", '<a id=a href="{}">x</a><script>a.click()</script>'),
    "cdata": ('<script xmlns="http://www.w3.org/1999/xhtml">%s</script>', ""),
    "cdata end": (']]><script xmlns="http://www.w3.org/1999/xhtml">%s</script><![CDATA[', "<![CDATA[{}]]>"),
}
XML = {"cdata", "cdata end"}

#: Shows a feed as its kind says that it is meant: HTML as HTML, plain text as text; follows each link that is none of
#: the web. `done` is the number of entries.
READER = """<!DOCTYPE html><title>reader</title><body><script>
const put = (text, isHtml) => {
  const made = document.body.appendChild(document.createElement('div'));
  if (isHtml) made.innerHTML = text; else made.textContent = text;
};
const follow = (address) => {
  const link = document.body.appendChild(document.createElement('a'));
  link.href = address;
  link.onclick = (event) => { if (/^https?:$/.test(link.protocol)) event.preventDefault(); };
  link.click();
};
const of = (node, name) => [...node.children].filter((one) => one.localName === name);
const kinds = {
  json: (text) => JSON.parse(text).items.map((item) => {
    put(item.title, false);
    'content_html' in item ? put(item.content_html, true) : put(item.content_text, false);
    follow(item.url);
    if (item.image) document.body.appendChild(document.createElement('iframe')).src = item.image;
  }),
  atom: (text) => of(parse(text), 'entry').map((entry) => {
    for (const name of ['title', 'summary', 'content'])
      of(entry, name).forEach((one) => put(one.textContent, one.getAttribute('type') === 'html'));
    of(entry, 'link').forEach((one) => follow(one.getAttribute('href')));
  }),
  rss: (text) => of(of(parse(text), 'channel')[0], 'item').map((item) => {
    of(item, 'title').forEach((one) => put(one.textContent, false));
    of(item, 'description').forEach((one) => put(one.textContent, true));
    of(item, 'link').forEach((one) => follow(one.textContent));
  }),
};
const parse = (text) => new DOMParser().parseFromString(text, 'text/xml').documentElement;
fetch('/feed').then((answer) => answer.text()).then((text) => { window.done = kinds['KIND'](text).length; });
</script>"""


def control_feeds(code: str) -> dict[str, str]:
    """Return, by kind, what an outlet's own careless feed looks like: a reader that shows it runs it."""
    hostile = ELEMENTS["image"] % code
    escaped, item = html.escape(hostile), f"javascript:{code}"
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><summary type="html">{escaped}</summary></entry></feed>'
    return {
        "json": json.dumps({"items": [{"title": "", "content_html": hostile, "url": item}]}),
        "atom": atom,
        "rss": f"<rss><channel><item><description>{escaped}</description></item></channel></rss>",
        "link": f"<rss><channel><item><link>{html.escape(item)}</link></item></channel></rss>",
    }


@dataclass
class Canary:
    """Serves pages of ours on loopback, and keeps what is asked of `/ran/`."""

    pages: dict[str, tuple[str, str]] = field(default_factory=dict)  # by path: media type, text
    ran: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                if path.startswith("/ran/"):
                    outer.ran.add(path.removeprefix("/ran/"))
                media, text = outer.pages.get(path, ("text/plain", ""))
                self.send_response(200)
                self.send_header("content-type", f"{media}; charset=utf-8")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def code(self, name: str) -> str:
        """Return code that tells us that it ran; it has no double quotes and no `<`."""
        name = name.replace(" ", "-")
        return f"top.document.title='ran';new Image().src='{self.url}/ran/{name}';alert('{name}')"

    def payloads(self) -> dict[str, str]:
        """Return what outlets may write, by name."""
        told = ELEMENTS | {name: text for name, (text, _) in ELSEWHERE.items()}
        return {name: text % self.code(name) for name, text in told.items()}

    def controls(self) -> dict[str, tuple[str, str]]:
        """Return, by name, a page on which it runs: media type and text."""
        made = {}
        for name, text in self.payloads().items():
            around = ELSEWHERE[name][1] if name in ELSEWHERE else ""
            page = around.replace("{}", text) if around else text
            if name in XML:
                made[name] = ("application/xml", f"<page>{page}</page>")
            else:
                made[name] = ("text/html", f"<!DOCTYPE html><title>control</title><p>x</p>{page}")
        return made


def nothing_ran(canary: Canary, browser: Chromium, title: str) -> bool:
    """Return whether nothing of three kinds tells that something ran, the tab's title among them; forget it."""
    told = (canary.ran.copy(), [*browser.dialogs], title == "ran")
    canary.ran.clear()
    browser.dialogs.clear()
    return told == (set(), [], False)
