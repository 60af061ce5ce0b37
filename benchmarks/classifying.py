"""What the classifier costs: CPU an article of 5 kB, all packs, by language, and what it takes to make one.

The articles are those of the sample newsroom, texts of a language behind one another until they are 5 kB of UTF-8;
exit 1 when an article of any language takes more than is allowed.
"""

import argparse
import statistics
import time
from collections import defaultdict
from itertools import cycle
from pathlib import Path

from rich.console import Console

from config.settings import load_settings
from workers.bootstrap import utc_now
from workers.domain.charset import decode
from workers.extract.language import detect
from workers.extract.page import read_page
from workers.operate.newsroom import ExpectedArticle, load_newsroom
from workers.packs import make_classifier

NEWSROOM = Path(__file__).parent.parent / "tests" / "samples" / "newsroom"


def texts(size: int) -> dict[str, list[tuple[str, str]]]:
    """Return (title, text) by language, each text of about `size` bytes."""
    newsroom = load_newsroom(NEWSROOM)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for route in newsroom.routes:
        if isinstance(route.expect, ExpectedArticle) and route.file:
            body = (newsroom.folder / route.file).read_bytes()
            page = read_page(decode(body, None), "https://o.example/news/1", fetched_at=utc_now())
            if page and page.text:
                found[detect(page.text)[0]].append((page.title or "", page.text))
    return {language: [_grown(articles, n, size) for n in range(len(articles))] for language, articles in found.items()}


def _grown(articles: list[tuple[str, str]], first: int, size: int) -> tuple[str, str]:
    title, text = articles[first]
    others = cycle(articles[first + 1 :] + articles[: first + 1])
    while len(text.encode()) < size:
        text += "\n" + next(others)[1]
    return title, text.encode()[:size].decode("utf-8", "ignore")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=5_000, help="bytes of a text")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--most", type=float, default=10.0, help="ms an article that are allowed")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    begun = time.process_time()
    classifier = make_classifier(load_settings().topics_dir)
    console.print(f"{1000 * (time.process_time() - begun):.0f} ms to read the packs and make the classifier")
    dearest = 0.0
    for language, articles in sorted(texts(options.size).items()):
        spent = []
        for _ in range(options.rounds):
            for title, text in articles:
                begun = time.process_time()
                classifier.classify(title, text, language)
                spent.append(1000 * (time.process_time() - begun))
        dearest = max(dearest, statistics.mean(spent))
        console.print(
            f"{language}: {len(articles)} articles, {statistics.mean(spent):.2f} ms each, worst {max(spent):.2f}"
        )
    raise SystemExit(dearest > options.most)


if __name__ == "__main__":
    main()
