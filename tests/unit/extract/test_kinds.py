import pytest

from workers.extract.facts.stated import Stated
from workers.extract.facts.titles import Titles
from workers.extract.kinds import why_not_an_article

TEXT = "The bank kept its rate at four per cent on Friday, it said in a note to the press after its meeting.\n" * 4
SITE = "https://news.example.test"
PAGE = f"{SITE}/a/1"
TICKER = "\n".join(f"1{hour}:30 The bank kept its rate at four per cent, it said." for hour in range(9))


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
    ],
)
def test_the_kind_of_a_page_is_told_by_sure_signs(stated: Stated, text: str, url: str, why: str | None) -> None:
    assert why_not_an_article(stated, text, url) == why
