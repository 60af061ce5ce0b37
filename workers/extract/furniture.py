"""The words that outlets put around an article, by kind, as data: one list a kind, every language together.

Entries are compared with whole lines after folding (`fold`): lower case, no punctuation at the ends, Arabic and Persian
letter variants unified. Add a phrase where a sample shows it; each list says what happens to a line that matches.
"""

import re

#: Heads of a list of other stories. The line is a marker when it is the phrase, the phrase and a colon, or (for the
#: phrases that no sentence begins with) the phrase and a headline.
TAIL_HEADS = """
check also | read also | also read | read more | read next | related | related articles | related article
related news
related topics | related stories | related posts | related content | see also | more on this | more on this story
more on this topic | more news | more stories | most read | most popular | most viewed | trending | trending now
you may also like | you might also like | recommended | recommended for you | recommended stories | editor's picks
don't miss | latest news | top stories | other news | up next | more from this section
lire aussi | à lire aussi | a lire aussi | lire également | à lire également | voir aussi | sur le même sujet
sur le même thème | les plus lus | articles liés | articles similaires | dans la même rubrique | à découvrir aussi
leer también | lea también | lee también | leer más | te puede interesar
le puede interesar | noticias relacionadas
artículos relacionados | ver también | lo más leído | más leídas | más noticias | también te puede interesar
leia também | leia mais | notícias relacionadas | veja também | mais lidas
leggi anche | articoli correlati | i più letti | potrebbe interessarti
mehr zum thema | lesen sie auch | das könnte sie auch interessieren | mehr zu diesem thema | meistgelesen
auch interessant
weitere artikel | weitere meldungen | ähnliche artikel
читайте также | читайте ещё | материалы по теме | по теме | похожие материалы | другие новости | смотрите также
самое читаемое | новости по теме | ещё по теме | популярное | главные новости | читать также
читайте також | дивіться також | новини за темою
ilgili haberler | ilgili haber | i̇lgili haberler | bunları da beğenebilirsiniz | benzer haberler | ayrıca okuyun
en çok okunanlar | diğer haberler | bunlar da ilginizi çekebilir | çok okunanlar
اخبار مرتبط | خبرهای مرتبط | بیشتر بخوانید | بیشتر بخوانید | مطالب مرتبط | مطالب پیشنهادی | پربازدیدترین | پربازدید
پربازدیدها | پربازدیدترین ها | پربازدیدترین اخبار | پربازدیدترین‌ها | پیشنهاد ما | همچنین بخوانید | بخوانید
دیگر خبرها
آخرین اخبار | مطالب مشابه | پیشنهاد سردبیر | از دست ندهید | برچسب ها | برچسب‌ها
اقرأ أيضا | اقرأ أيضًا | اقرا ايضا | إقرأ أيضا | اقرأ المزيد | مواضيع ذات صلة | مواضيع متعلقة | أخبار ذات صلة
أخبار متعلقة | الأكثر قراءة | الاكثر قراءة | شاهد أيضا | شاهد أيضًا | المزيد من الأخبار | موضوعات ذات صلة
قد يعجبك أيضا
مقالات ذات صلة | اخبار ذات صلة
相关阅读 | 相关新闻 | 延伸阅读 | 推荐阅读 | 相关报道 | 热门新闻 | 更多新闻
相关链接 | 相關新聞 | 延伸閱讀 | 相關閱讀 | 热点推荐
関連記事 | あわせて読みたい | 관련기사 | 관련 기사
यह भी पढ़ें | संबंधित खबरें | آرٹیکلز | یہ بھی پڑھیں | مزید پڑھیں | متعلقہ خبریں
baca juga | berita terkait | berita terpopuler | artikel terkait
окшош жаңылыктар | дагы окуңуз | o'qishni tavsiya qilamiz | mavzuga oid
"""

#: A tail head that no sentence of an article begins with: it marks its line even when a headline follows on that line.
TAIL_HEADS_ALONE = """
related | recommended | trending | popular | по теме | популярное | بخوانید | پربازدید | پیشنهاد ما | most read
read more
latest news | other news | more news | top stories | don't miss | آخرین اخبار | leer más | leia mais | most popular
up next | главные новости | другие новости | meistgelesen | see also | voir aussi | diğer haberler | most viewed
"""

#: Invitations and notices that no story contains: a line that begins so is dropped, whole sentences included.
INVITATIONS = """
share this article | share this story | share this page | share this post | follow us on | join us on
subscribe to our
sign up for our | sign up to our | click here to subscribe | download our app | get our newsletter | get our app
we use cookies | we and our partners use cookies | this website uses cookies | this site uses cookies
our site uses cookies
by continuing to use this | by continuing to browse | accept all cookies | all rights reserved
support our journalism
you have reached your limit of free articles | already a subscriber
partager cet article | suivez-nous sur | abonnez-vous à notre
abonnez-vous à la newsletter | inscrivez-vous à notre
nous utilisons des cookies | ce site utilise des cookies | notre site utilise des cookies | tous droits réservés
comparte esta | compartir este artículo | síguenos en | síganos en | suscríbete a nuestr | suscríbase a nuestr
utilizamos cookies | este sitio utiliza cookies | este sitio web utiliza cookies | usamos cookies
todos los derechos reservados
compartilhe esta | siga-nos n | assine nossa newsletter | este site usa cookies | todos os direitos reservados
artikel teilen | diesen artikel teilen | folgen sie uns auf | abonnieren sie unseren | wir verwenden cookies
diese website verwendet cookies | diese webseite verwendet cookies | alle rechte vorbehalten
questo sito utilizza cookie | seguici su | iscriviti alla nostra
подпишитесь на наш | подписывайтесь на наш | подпишитесь на рассылку | следите за нами | мы используем файлы cookie
мы используем cookie | этот сайт использует cookie | этот сайт использует файлы cookie | наш сайт использует
сайт использует файлы cookie | на сайте используются файлы cookie | все права защищены
haberi paylaş | bu haberi paylaş | bizi takip edin | bültenimize abone | bu site çerez | bu sitede çerez
bu web sitesi çerez | web sitemizde çerez | sitemizde çerez | çerezleri kullan | tüm hakları saklıdır
این خبر را به اشتراک | این مطلب را به اشتراک | در خبرنامه ما | عضویت در خبرنامه | ما از کوکی | این سایت از کوکی
این وب سایت از کوکی | این وب‌سایت از کوکی | وب سایت ما از کوکی | وب‌سایت ما از کوکی | برای بهبود تجربه
تمامی حقوق این | تمام حقوق این | کلیه حقوق این | تمامی حقوق محفوظ
شارك هذا | شارك المقال | شارك الخبر | تابعونا على | تابعنا على | اشترك في نشرتنا | اشترك في قناتنا
انضم إلى قناتنا | اشترك في النشرة | اشتركوا في نشرتنا
نستخدم ملفات تعريف | يستخدم هذا الموقع ملفات | يستخدم موقعنا ملفات | نحن نستخدم ملفات | هذا الموقع يستخدم ملفات
جميع الحقوق محفوظة
分享本文 | 本网站使用cookie | 我们使用cookie | 本站使用cookie | 版权所有 | 扫码关注 | 订阅我们的
当サイトではcookie
"""

#: Labels of buttons and boxes, which may also begin a sentence: dropped only as a line of a few words.
BUTTONS = """
share | share this | share on | share via | follow us | subscribe | subscribe now | sign up | print | print this
email this
copy link | leave a comment | post a comment | advertisement | sponsored content | listen to this article
cookie policy
cookie settings | manage cookies | accept cookies | join our | sign in | log in | tweet | whatsapp | telegram
facebook
partager | partager sur | partagez | suivez-nous | abonnez-vous | publicité | s'abonner | imprimer
compartir | compartir en | síguenos | síganos | suscríbete | suscríbase | publicidad | imprimir
compartilhar | compartilhe | siga-nos | assine | teilen | folgen sie uns | anzeige | drucken | werbung
поделиться | подпишитесь | подписывайтесь | реклама | читайте нас в
присоединяйтесь к | распечатать | мы в telegram
paylaş | abone ol | abone olun | reklam | yazdır | yorum yap
اشتراک گذاری | اشتراک‌گذاری | به اشتراک بگذارید | ما را دنبال کنید | ما را در | عضو شوید | لینک کوتاه | کپی لینک
تبلیغات
چاپ | ارسال به دوستان | ارسال نظر | نظر شما
شارك | شارك على | شارك عبر | تابعونا | اشترك | اشتركوا | إعلان | انسخ الرابط | طباعة | مشاركة
分享 | 分享到 | 关注我们 | 订阅 | 打印 | 广告 | 扫一扫 | 点击
"""

#: A short line that is only a label and its value, nothing of the story.
LABELS = """
tags | tag | keywords | news id | news code | mots-clés | etiquetas | schlagworte | теги | ключевые слова
метки | etiketler | کد خبر | کلیدواژه | کلید واژه | کلیدواژه ها | کلیدواژه‌ها | برچسب ها | برچسب‌ها | شناسه خبر
الكلمات المفتاحية | الوسوم | كلمات مفتاحية
关键词 | 标签 | 责任编辑
"""

#: Words that begin or end the caption or the credit of a picture.
PHOTO_WORDS = (
    r"(?:file |archive |handout )?(?:photo|picture|image)s?|getty images|foto(?:ğraf)?|fotografía|bild|imagen|фото|"
    r"عکس|تصویر|صورة|الصورة|图片?|資料圖|资料图"
)

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_FOLDED = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "آ": "ا", "’": "'", "\u200c": " ", "ё": "е"})
_ARABIC_MARKS = re.compile("[\u064b-\u065f\u0670\u0640]")


def fold(line: str) -> str:
    """Make a line comparable with the phrases of this file. For matching only, never stored."""
    folded = _ARABIC_MARKS.sub("", line.replace("İ", "i").lower().translate(_FOLDED))
    return _EDGES.sub("", " ".join(folded.split()))


def phrases(table: str) -> frozenset[str]:
    """Read a table of this file: phrases between bars and line ends, folded."""
    return frozenset(filter(None, map(fold, re.split(r"[|\n]", table))))


def starts(table: str) -> re.Pattern[str]:
    """Build a pattern that finds a phrase of the table at the start of a folded line, the longest first."""
    ordered = sorted(phrases(table), key=lambda phrase: (-len(phrase), phrase))
    return re.compile(f"(?:{'|'.join(map(re.escape, ordered))})")
