import pytest

from workers.extract.text import tidy

FIRST = "The two ministers signed an agreement on grain and machine parts after two days of talks in the capital."
REST = (
    "Duties fall in March, and a second round of talks on transport and energy follows in the spring.\n"
    "Traders expect exports to double within five years, though neither side gave any figures on Tuesday."
)
STORY = f"{FIRST}\n{REST}"
TEASERS = "Blast hits embassy in northern port city\nGunmen attack convoy near border\nPolice seize weapons …"

HEADS = [
    "Check Also", "Read also", "Read more:", "Related articles", "RELATED NEWS", "Related Topics", "See also",
    "More on this",
    "Most read", "Lire aussi", "À lire aussi :", "Leer también", "Читайте также:", "Материалы по теме", "اخبار مرتبط",
    "بیشتر بخوانید:", "مطالب مرتبط", "پربازدیدترین", "پربازدیدترین‌ها", "اقرأ أيضا", "اقرأ أيضاً", "مواضيع ذات صلة",
    "İlgili Haberler", "İLGİLİ HABERLER", "ILGILI HABERLER", "相关阅读", "相关新闻：", "Mehr zum Thema",
    "Lesen Sie auch", "More stories",
    "What to read next", "ARTICULOS RELACIONADOS", "A LIRE AUSSI", "Vous aimerez aussi", "Le recomendamos",
    "Lies auch:",
    "Вам будет интересно", "Новости партнёров", "این را هم بخوانید:", "قد يهمك أيضاً", "اخترنا لك",
    "İlginizi çekebilir",
    "相关推荐", "大家都在看", "Leia também", "Leggi anche:", "Czytaj też:", "Також читайте:", "関連ニュース",
    "관련뉴스",
    "इसे भी पढ़ें", "یہ بھی پڑھیں", "כתבות קשורות", "Simak juga:", "Lees ook:", "ΔΙΑΒΑΣΤΕ ΕΠΙΣΗΣ", "Əlaqəli xəbərlər",
    "You May Have Missed", "More Top Stories", "أخبار قد تهمك", "بیشتر بدانید", "您可能感兴趣的新闻",
]  # fmt: skip

#: Lines that head a list of other stories at the end of a page, and a part of the story elsewhere.
HEADS_AT_THE_END = [
    "Latest", "In Other News", "Sponsored", "More from World", "Our Picks", "À la une", "Lire la suite",
    "Las más leídas", "Últimas noticias", "Más en Mundo", "Schlagzeilen", "Neueste Artikel", "Mehr aus Politik",
    "Главное",
    "Лента новостей", "Выбор редакции", "پربیننده‌ترین اخبار", "تازه‌ترین اخبار", "در همین زمینه", "آخر الأخبار",
    "الأكثر زيارة", "Öne Çıkanlar", "Günün Manşetleri", "热门推荐", "点击排行", "下一篇", "ランキング",
    "주요뉴스", "Terpopuler",
    "In other news today", "Τελευταία νέα", "Popularne", "Головне", "עוד כתבות", "تازہ ترین خبریں", "ट्रेंडिंग",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS + HEADS_AT_THE_END)
def test_a_tail_of_other_stories_is_cut_with_its_head(head: str) -> None:
    assert tidy(f"{STORY}\n\n{head}\n\n{TEASERS}") == STORY


@pytest.mark.parametrize("head", ["Read also", "Читайте также:", "بیشتر بخوانید", "Lire aussi :"])
def test_inside_an_article_only_the_head_and_its_headline_go(head: str) -> None:
    text = f"{FIRST}\n{head}\nBlast hits embassy in northern port city\n{REST}\n{STORY}"
    assert tidy(text) == f"{FIRST}\n{REST}\n{STORY}"


@pytest.mark.parametrize("head", HEADS_AT_THE_END)
def test_a_heading_of_the_story_stays_although_other_pages_end_with_it(head: str) -> None:
    text = f"{STORY}\n{head}\n{STORY}\n{STORY}"
    assert tidy(text) == text


def test_a_brief_loses_a_tail_that_is_longer_than_itself() -> None:
    headlines = "\n".join(f"Blast number {count} hits an embassy in the northern port city" for count in range(20))
    assert tidy(f"{FIRST}\nMost read\n{headlines}") == FIRST


@pytest.mark.parametrize(
    "line",
    ["Read also: Blast hits embassy", "À lire aussi : Explosion à l’ambassade", "Читайте также: Взрыв у посольства"],
)
def test_a_head_with_its_headline_on_one_line_goes_alone(line: str) -> None:
    assert tidy(f"{FIRST}\n{line}\n{REST}\n{STORY}") == f"{FIRST}\n{REST}\n{STORY}"


@pytest.mark.parametrize(
    "sentence",
    [
        "Related parties must declare such payments within a month, the regulator said.",
        "Read more than once, the letter leaves little doubt about its author.",
        "Most read the report as a warning to smaller exporters.",
        "Share prices fell by two per cent.",
        "Subscribe to this view and much of the programme follows.",
        "Reklam gelirleri yüzde on arttı.",
        "Popular support for the plan has grown since autumn.",
        "Tags were removed from the goods before they crossed the border.",
        "logo.png was found on the seized laptop, investigators said.",
        "Plus de deux cents navires attendent devant le port, selon la capitainerie.",
        "Más de doscientos barcos esperan frente al puerto, según la capitanía.",
        "Главное — сохранить мир, сказал министр.",
        "المزيد من السفن وصل إلى الميناء يوم الثلاثاء.",
        "Son dakika golüyle kazanan takım kupayı aldı.",
        "Latest figures from the port show a rise in exports.",
        "More in hope than in faith, the two sides went on with the talks.",
        "Photographs of the meeting (one of them official) were published - a first for the ministry.",
        "Mit ihrer Zustimmung haben die Abgeordneten den Weg für das Gesetz freigemacht.",
        "„Wir und unsere Partner stehen zusammen“, sagte die Ministerin nach dem Treffen.",
        "Wir und unsere Verbündeten stehen zusammen, heißt es in der Erklärung.",
        "Archivado en 2015 por falta de pruebas, el caso fue reabierto el viernes.",
        "Il vous reste trois jours pour voter, a rappelé le ministre aux électeurs.",
        "برای عضویت در این پیمان، کشور باید قانون خود را تغییر دهد.",
        "未经授权，该船驶入港口，海事部门说。",
        "Updated figures show that 12 ships were lost.",
        "Updated figures show 12 ships lost",
        "Posted outside were 20 armed guards, the ministry said.",
        "Published in 1998, the book was banned.",
        "Share of the vote",
        "WhatsApp groups shut down",
        "Facebook bans army accounts",
        "Print media under attack",
        "Sign in the sky",
        "Follow the money on X and the trail ends, the auditor said.",
        "网信办整治微信公众号乱象。",
        "A photo published by the ministry showed the PORT Navy (PTNX) – a small force – at sea on Friday.",
        "The picture in PORT is bleak, said the head of PTNX (pictured) - and it will be worse.",
        "Shares of McDONALD (MCD) – the chain – fell after the picture of the year.",
    ],
)
def test_a_sentence_of_the_story_is_never_taken_for_furniture(sentence: str) -> None:
    for text in (f"{STORY}\n{sentence}\n{STORY}", f"{STORY}\n{sentence}", f"{sentence}\n{STORY}"):
        assert sentence in tidy(text)


@pytest.mark.parametrize(
    "line",
    [
        "Share this article", "Share on Facebook", "Follow us on X and Telegram", "Subscribe to our newsletter",
        "We use cookies to improve your experience. By continuing you accept this.", "Partager sur Facebook",
        "Suivez-nous sur Telegram.", "Suscríbete a nuestro boletín", "Подписывайтесь на наш канал в Telegram",
        "Мы используем файлы cookie, чтобы сайт работал лучше.", "Haberi paylaş", "ما را در تلگرام دنبال کنید",
        "این سایت از کوکی استفاده می‌کند.", "شارك المقال", "تابعونا على تويتر", "分享到", "Tags: trade, grain",
        "کد خبر: 123456",         "IMG_1234.JPG", "(photo-01.jpeg)", "© All rights reserved",
        "Click to share on Facebook (Opens in new window)", "Your email address will not be published.", "Photo: XNA",
        "By clicking “Accept all”, you agree to the storing of cookies.", "Image source, XNA via Getty Images",
        "La suite après cette publicité", "Cet article est réservé aux abonnés", "Temps de lecture : 3 min",
        "Utilizamos cookies propias y de terceros.", "Únete a nuestro canal de WhatsApp", "¿Ya eres suscriptor?",
        "Auf Facebook teilen", "Dieser Artikel ist exklusiv für Abonnenten", "Bild: dpa", "Lesezeit: 3 Minuten",
        "Нашли ошибку? Выделите её и нажмите Ctrl+Enter", "Время чтения: 3 минуты",
        "Материал доступен только подписчикам",
        "Sitemizde çerezler kullanılmaktadır.", "Telegram kanalımıza abone olun", "Okuma süresi: 3 dakika",
        "کانال تلگرام ما را دنبال کنید", "زمان مطالعه: ۳ دقیقه", "برچسب‌ها: غلات", "انتهای پیام/",
        "انضموا إلى قناتنا على تليغرام", "نسخ الرابط", "عدد المشاهدات: 12", "اترك تعليقا", "未经授权，禁止转载",
        "扫一扫分享到微信",
        "责任编辑：无名", "Este site usa cookies.", "Ta strona korzysta z plików cookie.", "会員限定記事です",
        "무단전재 금지",
        "Share on Facebook Twitter WhatsApp Telegram",
        "Follow The Paper on WhatsApp and Telegram for the latest updates.",
        "برای دریافت آخرین خبرها به کانال تلگرام ما بپیوندید",
        "Читайте нас в Телеграме, чтобы быть в курсе.",
        "Anında haberdar olmak için WhatsApp kanalımızı takip edin.",
        "لمتابعة آخر الأخبار اشترك في قناتنا على تلغرام",
        "Suivez toute l’actualité sur notre chaîne WhatsApp.",
        "更多精彩内容请关注我们的微信公众号。",
        "हमारे टेलीग्राम चैनल से जुड़ें।",
        "Your privacy matters to us: by clicking accept you agree to our use of cookies.",
        "Il vous reste 80 % de cet article à lire.",
        "Archivado en: puertos",
        "Published 18 November 2019", "Обновлено в 10:30", "Posted 3 hours ago", "Updated at 1:23 p.m.",
        "A guard at the gate of the port. [Reuters]", "A guard at the gate of the port (File photo)",
    ],
)  # fmt: skip
def test_lines_that_invite_label_or_name_a_file_are_dropped(line: str) -> None:
    assert tidy(f"{FIRST}\n{line}\n{REST}") == STORY


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("A00219802.jpgTEHRAN (FNA)- Top officials met.", "TEHRAN (FNA)- Top officials met."),
        ("IMG_77.JPG PARIS (AFP) - Talks began.", "PARIS (AFP) - Talks began."),
        ("pic-3.pngوزیر خارجه گفت.", "وزیر خارجه گفت."),
        ("Ministers at the table on FridayVIENNA (XNA) - Talks began.", "VIENNA (XNA) - Talks began."),
        (
            "Ministers at the table. Photo: XNA VIENNA, March 3 (XNA) - Talks began.",
            "VIENNA, March 3 (XNA) - Talks began.",
        ),
        ("The talks (in March) - the second - ended.", "The talks (in March) - the second - ended."),
        ("He said NATO (the alliance) - and others - agreed.", "He said NATO (the alliance) - and others - agreed."),
    ],
)
def test_file_names_and_captions_before_the_dateline_go(line: str, kept: str) -> None:
    assert tidy(f"{line}\n{STORY}") == f"{kept}\n{STORY}"


@pytest.mark.parametrize("text", ["", "\n\n", "Read more", STORY, f"{STORY}\n\nCheck Also\n\n{TEASERS}"])
def test_tidying_twice_changes_nothing(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


SHORT_PARAGRAPHS = [
    "Nobody was hurt, they said.",
    "“We heard a loud bang,” a shopkeeper said.",
    "Six ships were moved.",
    "The governor has ordered an inquiry.",
]
CHINESE = [
    f"港务局{day}日在记者会上表示，第{day}艘货轮已经安全离开码头，其余船只将在未来数日内陆续启航，航道保持畅通，没有人员受伤。"
    for day in range(1, 8)
]


@pytest.mark.parametrize(
    ("before", "marker", "after"),
    [
        ([FIRST], "Read also: Minister visits the border", SHORT_PARAGRAPHS),
        ([FIRST], "Read also", ["Minister visits the border", *SHORT_PARAGRAPHS]),
        (CHINESE[:3], "相关阅读：边境贸易恢复", CHINESE[3:]),
        ([FIRST], "Read also: Minister visits the border", [SHORT_PARAGRAPHS[0], "What comes next"]),
        (
            ["เกิดเหตุระเบิดที่ท่าเรือทางตอนใต้"],
            "อ่านเพิ่มเติม: ข่าวอื่น",
            ["เจ้าหน้าที่ปิดกั้นพื้นที่และเก็บหลักฐาน", "ผู้ว่าราชการสั่งสอบสวน"],
        ),
    ],
    ids=["short sentences", "after its headline", "Chinese", "one sentence", "Thai"],
)  # fmt: skip
def test_sentences_after_a_read_also_are_the_story(before: list[str], marker: str, after: list[str]) -> None:
    kept = [line for line in after if line != "Minister visits the border"]
    assert tidy("\n".join([*before, marker, *after])).split("\n") == before + kept


def test_teasers_with_whole_sentences_are_still_a_tail() -> None:
    teasers = "\n".join(f"Blast number {count} hits an embassy\nGunmen attacked convoy {count}." for count in range(3))
    assert tidy(f"{STORY}\n{STORY}\nCheck Also\n{teasers}") == f"{STORY}\n{STORY}"


def test_brackets_that_name_the_source_of_each_report_are_no_captions() -> None:
    digest = "\n".join(f"Ship number {count} left the port. [Reuters]" for count in range(4))
    assert tidy(digest) == digest


def test_a_headline_with_its_outlet_in_brackets_is_no_caption() -> None:
    text = f"{STORY}\nWhy the ships cannot leave the port [Reuters]\n{REST}"
    assert tidy(text) == text


def test_a_last_line_signed_by_an_agency_stays() -> None:
    text = f"{STORY}\nThe ministers fly home on Friday. [Reuters]"
    assert tidy(text) == text
