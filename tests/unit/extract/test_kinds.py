import pytest
from lxml.html import document_fromstring

from workers.extract.facts.stated import Stated, read_stated
from workers.extract.facts.titles import Titles
from workers.extract.kinds import why_not_an_article

TEXT = "The bank kept its rate at four per cent on Friday, it said in a note to the press after its meeting.\n" * 4
SITE = "https://news.example.test"
PAGE = f"{SITE}/a/1"
TICKER = "\n".join(f"1{hour}:30 The bank kept its rate at four per cent, it said." for hour in range(9))

BRIEF = "Two ships left the port on Friday, officials said."
UNTIMED = "The bank kept its rate at four per cent, it said.\n" * 8
PERSIAN_TICKER = "\n".join(f"۱{'۰۱۲۳۴۵۶۷۸'[hour]}:۳۰ - بانک نرخ خود را نگه داشت." for hour in range(9))
CHINESE = "他说，有关国家应当立即停止这一做法，以免局势升级。\n港务局同日发表声明，称航道保持畅通。\n" * 3


def headed(title: str) -> Stated:
    return Stated(titles=Titles(headings=(title,)))


@pytest.mark.parametrize(
    ("stated", "text", "url", "why"),
    [
        pytest.param(Stated(), TEXT, f"{SITE}/", "home page", id="root"),
        pytest.param(Stated(), TEXT, f"{SITE}/fa/", "home page", id="root of a language"),
        pytest.param(Stated(), TEXT, f"{SITE}/tag/rates", "list of articles", id="tag"),
        pytest.param(Stated(), TEXT, f"{SITE}/news/page/3/", "list of articles", id="archive"),
        pytest.param(Stated(is_collection=True), TEXT, PAGE, "list of articles", id="collection"),
        pytest.param(Stated(is_article=True, live_updates=30), TEXT, PAGE, "live ticker of 30 entries", id="ticker"),
        pytest.param(Stated(kind="video.other"), "Watch the meeting.", PAGE, "video only", id="video"),
        pytest.param(Stated(kind="video.other"), TEXT, PAGE, None, id="report with a video"),
        pytest.param(Stated(is_article=True), TEXT, f"{SITE}/", None, id="an article at the root"),
        pytest.param(Stated(is_article=True), TEXT, f"{SITE}/tag/rates", None, id="article by its data"),
        pytest.param(Stated(kind="article"), TEXT, f"{SITE}/thema/rates", None, id="article by its kind"),
        pytest.param(Stated(is_article=True, live_updates=2), TEXT, PAGE, None, id="a story with two updates"),
        pytest.param(Stated(), TEXT, PAGE, None, id="nothing speaks against it"),
        pytest.param(
            headed("Live: talks on rates"), TICKER, PAGE, "live ticker of 9 entries", id="ticker by its title"
        ),
        pytest.param(headed("Переговоры о ставке. Онлайн"), TICKER, PAGE, "live ticker of 9 entries", id="in Russian"),
        pytest.param(Stated(), TICKER, f"{SITE}/live-blog/rates", "live ticker of 9 entries", id="by its address"),
        pytest.param(headed("Timetable of the talks"), TICKER, PAGE, None, id="a timetable"),
        pytest.param(headed("Live music returns"), TEXT, PAGE, None, id="a story about something live"),
        pytest.param(
            Stated(kind="video.other", is_article=True), "Watch the meeting.", PAGE, "video only", id="video as article"
        ),
        pytest.param(Stated(is_article=True, has_video=True), TEXT[:150], PAGE, None, id="a brief with a video"),
        pytest.param(headed("404 - Page not found"), "Sorry.", PAGE, "error page", id="404"),
        pytest.param(headed("Página no encontrada"), "Lo sentimos.", PAGE, "error page", id="404 in Spanish"),
        pytest.param(headed("Страница не найдена"), "Извините.", PAGE, "error page", id="404 in Russian"),
        pytest.param(headed("صفحه یافت نشد"), "متاسفیم.", PAGE, "error page", id="404 in Persian"),
        pytest.param(headed("Just a moment..."), "Checking.", PAGE, "error page", id="a gate for robots"),
        pytest.param(Stated(), TEXT, f"{SITE}/?id=7", None, id="an address by query"),
        pytest.param(Stated(), TEXT, f"{SITE}/?p=7&utm_source=x", None, id="an address by query, with tracking"),
        pytest.param(Stated(kind="article"), TEXT, f"{SITE}/?utm_source=x&fbclid=1", "home page", id="tracked root"),
        pytest.param(Stated(kind="article"), TEXT, f"{SITE}/?s=rates", "home page", id="a search at the root"),
        pytest.param(
            Stated(kind="article", is_collection=True), TEXT, f"{SITE}/tag/rates/", "list of articles", id="typed tag"
        ),
        pytest.param(Stated(), TEXT, f"{SITE}/tag/?q=rates", "list of articles", id="tag by query"),
        pytest.param(headed("404 ships leave port in one night"), BRIEF, PAGE, None, id="a number in the news"),
        pytest.param(headed("Access denied: port bars inspectors"), BRIEF, PAGE, None, id="words of an error"),
        pytest.param(headed("Access denied - port bars inspectors"), BRIEF, PAGE, None, id="the same with a dash"),
        pytest.param(headed("Access denied"), BRIEF, PAGE, "error page", id="access denied"),
        pytest.param(headed("Page not found: how an archive vanished"), BRIEF, PAGE, None, id="an error in the news"),
        pytest.param(headed("Page not found | Some Outlet"), BRIEF, PAGE, "error page", id="404 of an outlet"),
        pytest.param(
            Stated(titles=Titles(document="403 | The Paper"), site_names=("The Paper",)),
            BRIEF,
            PAGE,
            "error page",
            id="403 beside the outlet's stated name",
        ),
        pytest.param(headed("Live rounds fired at port: a timeline"), TICKER, PAGE, None, id="live in another sense"),
        pytest.param(headed("Canlı bomba saldırısı nasıl oldu"), TICKER, PAGE, None, id="canlı in another sense"),
        pytest.param(headed("Accès direct au port: la chronologie"), TICKER, PAGE, None, id="direct as a word"),
        pytest.param(headed("دو نفر زنده از معدن بیرون آمدند"), TICKER, PAGE, None, id="alive in Persian"),
        pytest.param(headed("حوار مباشر بين الطرفين"), TICKER, PAGE, None, id="direct in Arabic"),
        pytest.param(headed("بث مباشر: المحادثات"), TICKER, PAGE, "live ticker of 9 entries", id="in Arabic"),
        pytest.param(
            headed("لحظه به لحظه با مذاکرات"), PERSIAN_TICKER, PAGE, "live ticker of 9 entries", id="Persian digits"
        ),
        pytest.param(
            headed("Live: talks on rates"),
            UNTIMED,
            f"{SITE}/liveblog/rates",
            "live ticker of 8 entries",
            id="live by title and address",
        ),
        pytest.param(headed("Talks on rates end"), UNTIMED, f"{SITE}/liveblog/rates", None, id="live by address alone"),
        pytest.param(
            Stated(kind="article", has_video=True), BRIEF, f"{SITE}/video/5", "video only", id="a video as an article"
        ),
        pytest.param(Stated(kind="article", has_video=True), BRIEF, PAGE, None, id="a brief with a player"),
        pytest.param(Stated(), CHINESE, PAGE, None, id="short paragraphs in Chinese"),
        pytest.param(Stated(), "Rates kept\nTalks end\nBank moves\nPort opens", PAGE, "headlines only", id="headlines"),
    ],
)
def test_the_kind_of_a_page_is_told_by_sure_signs(stated: Stated, text: str, url: str, why: str | None) -> None:
    assert why_not_an_article(stated, text, url) == why


TEASERS = [
    f"The port let {count} ships go on Friday, officials said, and more will follow in the spring."
    for count in range(6)
]
CARDS = "".join(
    f'<div><h3><a href="/a/{count}">Port lets ship number {count} go after talks</a></h3><p>{one}</p></div>'
    for count, one in enumerate(TEASERS)
)


@pytest.mark.parametrize(
    ("heading", "body", "path", "why"),
    [
        pytest.param("Ports", CARDS, "/tag/ports", "list of articles", id="a tag"),
        pytest.param("", CARDS, "/thema/ports", "list of articles", id="a tag without a heading"),
        pytest.param("Порты", CARDS, "/%D1%82%D0%B5%D0%B3/ports", "list of articles", id="an address in Cyrillic"),
        pytest.param("Limanlar", CARDS, "/etiket/limanlar", "list of articles", id="a tag in Turkish"),
        pytest.param(
            "Ports", f"<article><time>3 May 2024</time>{CARDS}</article>", "/tag/ports", "list of articles", id="dated"
        ),
        pytest.param(
            "Port lets six ships go after a night of talks", CARDS, "/tag/ports", None, id="a story's headline"
        ),
        pytest.param(
            "Ports", "".join(f"<p>{one}</p>" for one in TEASERS) + CARDS[:400], "/tag/ports", None, id="few links"
        ),
        pytest.param("Ports", CARDS, "/a/1", None, id="a story's address"),
    ],
)
def test_a_section_that_calls_itself_an_article_is_told_by_its_headlines(
    heading: str, body: str, path: str, why: str | None
) -> None:
    html = f'<html><head><meta property="og:type" content="article"></head><body><h1>{heading}</h1>{body}</body></html>'
    stated = read_stated(document_fromstring(html), SITE + path)
    assert why_not_an_article(stated, "\n".join(TEASERS), SITE + path) == why
