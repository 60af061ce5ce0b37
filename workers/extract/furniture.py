"""The words that outlets put around an article, by kind, as data: one list a kind, every language together.

Entries are compared with whole lines after folding (`fold`): lower case, no punctuation at the ends, no accents, letter
variants of Arabic, Persian and Turkish unified. Add a phrase where a sample shows it; each list says what happens to a
line that matches.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from unicodedata import normalize

#: Heads of a list of other stories. The line is a marker when it is the phrase, the phrase and a colon, or (for the
#: phrases that no sentence begins with) the phrase and a headline.
TAIL_HEADS = """
check also | read also | also read | read more | read next | related | related articles | related article
related news
related topics | related stories | related posts | related content | see also | more on this | more on this story
more on this topic | more news | more stories | most read | most popular | most viewed | trending | trending now
you may also like | you might also like | you may have missed | more top stories | in case you missed it
recommended | recommended for you | recommended stories | editor's picks
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
پربازدید ترین | پربازدید ترین ها
پربازدیدها | پربازدیدترین ها | پربازدیدترین اخبار | پربازدیدترین‌ها | پیشنهاد ما | همچنین بخوانید | بخوانید
دیگر خبرها | بیشتر بدانید
آخرین اخبار | مطالب مشابه | پیشنهاد سردبیر | از دست ندهید | برچسب ها | برچسب‌ها
اقرأ أيضا | اقرأ أيضًا | اقرا ايضا | إقرأ أيضا | اقرأ المزيد | مواضيع ذات صلة | مواضيع متعلقة | أخبار ذات صلة
أخبار متعلقة | الأكثر قراءة | الاكثر قراءة | شاهد أيضا | شاهد أيضًا | المزيد من الأخبار | موضوعات ذات صلة
قد يعجبك أيضا | أخبار قد تهمك | أخبار تهمك
مقالات ذات صلة | اخبار ذات صلة
相关阅读 | 相关新闻 | 延伸阅读 | 推荐阅读 | 相关报道 | 热门新闻 | 更多新闻
相关链接 | 相關新聞 | 延伸閱讀 | 相關閱讀 | 热点推荐
関連記事 | あわせて読みたい | 관련기사 | 관련 기사
यह भी पढ़ें | संबंधित खबरें | آرٹیکلز | یہ بھی پڑھیں | مزید پڑھیں | متعلقہ خبریں
baca juga | berita terkait | berita terpopuler | artikel terkait
lees ook | lees meer | gerelateerd | meer nieuws | meest gelezen | läs också | läs även | läs mer | mer om ämnet
relaterade artiklar | mest läst | les også | les mer | relaterte saker | mest lest | læs også | læs mere | mest læste
lue myös | lisää aiheesta | aiheeseen liittyvää | luetuimmat | czytaj także | czytaj też | czytaj więcej
przeczytaj także | przeczytaj również | zobacz także | zobacz też | zobacz również | polecamy | najczęściej czytane
čtěte také | přečtěte si také | související články | mohlo by vás zajímat | nejčtenější | čítajte aj
prečítajte si aj
súvisiace články | mohlo by vás zaujímať | najčítanejšie | olvassa el ezt is | ez is érdekelheti | kapcsolódó cikkek
kapcsolódó | citește și | citeşte şi | citiți și | articole similare | vezi și | te-ar putea interesa
cele mai citite
прочетете още | още по темата | още новини | свързани статии | най-четени | вижте още | διαβάστε επίσης
διαβάστε ακόμη
διαβάστε ακόμα | σχετικά άρθρα | δείτε επίσης | τα πιο διαβασμένα | pročitajte još | pročitajte i | čitajte i
povezani članci | povezane vijesti | najčitanije | pogledajte još | прочитајте још | прочитајте и | повезане вести
preberite tudi | preberite še | najbolj brano | loe ka | seotud lood | lasi arī | saistītie raksti
skaitykite taip pat
susiję straipsniai | taip pat skaitykite | lexo edhe | lexo gjithashtu | të ngjashme | lajme të ngjashme
xem thêm | tin liên quan | đọc thêm | bài viết liên quan | tin tức liên quan | אולי יעניין אותך | כתבות נוספות
קראו גם | עוד בנושא | ข่าวที่เกี่ยวข้อง | อ่านเพิ่มเติม | อ่านข่าวเพิ่มเติม | আরও পড়ুন | আরো পড়ুন | সম্পর্কিত খবর
இதையும் படியுங்கள் | మరిన్ని వార్తలు | ये भी पढ़ें | और पढ़ें | यह पढ़ें | संबंधित ख़बरें | یہ بھی پڑھیے | مزید خبریں
こちらもおすすめ | おすすめ記事 | 人気記事 | もっと読む | 많이 본 뉴스 | 추천기사 | 인기기사
相關文章 | 相关文章 | 猜你喜欢
您可能也感兴趣 | 您可能感兴趣的新闻 | 您可能感兴趣 | 你可能感兴趣的新闻 | 更多阅读
llegiu també | notícies relacionades | llegeix també
irakurri ere | հետաքրքիր է
წაიკითხეთ ასევე | тағы оқыңыз | оқи отырыңыз | ўқинг | həmçinin oxuyun | oxşar xəbərlər | digər xəbərlər
окшош жаңылыктар | дагы окуңуз | o'qishni tavsiya qilamiz | mavzuga oid
read this next | what to read next | you might also be interested in | more to explore | viewed most
در این زمینه بخوانید | این را هم بخوانید | این مطلب را هم بخوانید | حتما بخوانید | مطلب بعدی
قد يهمك | قد يهمك أيضا | طالع أيضا | اخترنا لك | الأكثر مشاهدة | الأكثر تداولا | موضوعات متعلقة | تابع القراءة
вам может быть интересно | вам будет интересно | также по теме | ранее по теме | также читайте | також читайте
за темою
вас може зацікавити | матеріали за темою | новости партнёров | новости партнеров | похожие статьи | похожие новости
ilginizi çekebilir | ayrıca bakınız | bunları da okuyun | sıradaki haber | önerilen haberler | tavsiye edilen haberler
à voir aussi | aussi à lire | vous aimerez aussi | vous pourriez aussi aimer | articles connexes
pour aller plus loin
mira también | te recomendamos | le recomendamos | lea además | lee además | lea más | sigue leyendo | seguir leyendo
quizás te interese | podría interesarte | notas relacionadas | contenido relacionado | no te pierdas
siehe auch | lies auch | lesetipp | mehr dazu | passend zum thema | verwandte artikel | weiterlesen
empfehlungen der redaktion | leser interessierte auch | das interessiert andere leser | meistgelesene artikel
saiba mais | conteúdo relacionado | matérias relacionadas | artigos relacionados | você pode gostar
vedi anche | notizie correlate | ti potrebbe interessare | potrebbe interessarti anche | powiązane artykuły
podobne artykuły | warto przeczytać | 大家都在看 | 你可能感兴趣 | 你可能也想看 | 为您推荐 | 相关推荐 | 相關報導
推薦閱讀
合わせて読みたい | 関連ニュース | 関連リンク | 관련뉴스 | 관련 뉴스 | 함께 보면 좋은 기사 | 추천 뉴스
इसे भी पढ़ें | سب سے زیادہ پڑھی جانے والی خبریں | עוד באותו נושא | כתבות קשורות | אולי יעניין אתכם
simak juga | lihat juga | baca selengkapnya | gerelateerde artikelen | ook interessant | σχετικές ειδήσεις
əlaqəli xəbərlər | có thể bạn quan tâm | tin cùng chuyên mục
"""

#: Heads of such lists that are also headings of a story's own parts: they end a text when all that follows looks like
#: headlines, and are left alone anywhere else.
TAIL_HEADS_AT_THE_END = """
latest | related coverage | popular | popular news | our picks | in other news | in other news today
editors' picks | suggested
must read
next article | previous article | similar news | similar articles | other stories | from the web | sponsored
around the web | recent posts | recent news | recent stories | featured | featured stories | headlines | next story
previous story | top news | breaking news | news | hot topics | further reading | in this story | more | watch
videos
پربیننده ترین ها | پربیننده‌ترین‌ها | پربیننده ترین اخبار | پربیننده‌ترین اخبار | پربیننده ترین | تازه ترین اخبار
تازه‌ترین اخبار | تازه ترین ها | اخبار برگزیده | برگزیده ها | برگزیده‌ها | داغ ترین اخبار | داغ‌ترین اخبار
محبوب ترین | محبوب‌ترین | اخبار دیگر | مطالب بیشتر | در همین زمینه | از همین نویسنده | مرتبط ها | مرتبط‌ها
لینک های مرتبط | لینک‌های مرتبط | نظرات کاربران | وبگردی | اخبار روز | سایر اخبار | مهمترین اخبار | مهم‌ترین اخبار
عناوین مرتبط | آخرین خبرها | دیگر اخبار | خبر بعدی | خبر قبلی
آخر الأخبار | أحدث الأخبار | المزيد | ذات صلة | للمزيد | قد يعجبك | مقترحات | الأكثر شعبية | الأكثر زيارة | مختارات
في هذا السياق | لمزيد من المعلومات | الخبر السابق | الخبر التالي | أهم الأخبار | أخبار أخرى | الأخبار العاجلة
كلمات دالة | مواضيع أخرى | عاجل | الأكثر تعليقا
последние новости | главное | рекомендуем | другие материалы | читать далее | сюжет | лента новостей | топ новостей
самое популярное | связанные новости | подробнее | еще новости | самое интересное | выбор редакции | ранее
эксклюзивы
лента | новости дня | новости | все новости | главное за день | главные события | редакция рекомендует
ссылки по теме
останні новини | схожі новини | популярне | популярні новини | рекомендуємо | більше новин | головне | топ новини
son haberler | son dakika haberleri | son dakika | öne çıkanlar | popüler haberler | editörün seçtikleri
günün manşetleri | sonraki haber | önceki haber | en çok izlenenler | haberin devamı | manşetler | gündem
güncel haberler | son eklenenler
热门文章 | 热门推荐 | 精彩推荐 | 最新新闻 | 最新消息 | 点击排行 | 阅读排行 | 热点新闻 | 上一篇 | 下一篇
往期回顾 | 热门排行
新闻排行榜 | 热点 | 24小时热门 | 熱門新聞 | 今日热点 | 排行榜 | 相关专题 | 最新文章 | 要闻 | 图片新闻 | 热点专题
articles les plus lus | les articles les plus lus | nos derniers articles | à la une | les dernières actualités
plus d'actualités | recommandé pour vous | à ne pas manquer | le plus populaire | articles recommandés | lire la suite
les + lus | dernières nouvelles | dernières infos | nos vidéos | en continu | l'actualité en direct
lo más visto | últimas noticias | más información | ver más | relacionadas | relacionados | relacionado
las más leídas | puedes leer | recomendados | recomendado | recomendadas | temas relacionados | más sobre este tema
destacados | otras noticias | tendencias | noticias destacadas | noticias recientes | lo último | en portada
weitere nachrichten | zum thema | aktuelle nachrichten | neueste artikel | top-themen | empfohlene artikel
mehr lesen
beliebteste artikel | beliebt | mehr nachrichten | die meistgelesenen artikel | newsticker | schlagzeilen
neueste nachrichten | aktuelles | weitere themen | top-nachrichten | videos zum thema | links zum thema
relacionadas | últimas notícias | mais notícias | recomendadas | as mais lidas | mais vistas | destaques | mais sobre
ultime notizie | più letti | altre notizie | approfondimenti | i più visti | in evidenza | polecane | najnowsze
najpopularniejsze | popularne | najnowsze wiadomości | ランキング | アクセスランキング | 最新記事 | 最新ニュース
次の記事
前の記事 | 注目記事 | 新着記事 | 많이 본 기사 | 최신기사 | 최신뉴스 | 주요뉴스 | 이 시각 주요뉴스
실시간 인기기사 | 랭킹뉴스
ताज़ा खबरें | ट्रेंडिंग | बड़ी खबरें | लेटेस्ट न्यूज़ | अन्य खबरें | पढ़ें | مقبول خبریں | تازہ ترین | تازہ ترین خبریں
اہم خبریں | הנקראות ביותר | קרא עוד | עוד כתבות | חדשות אחרונות | פופולרי | terpopuler | terkini | berita populer
berita lainnya | rekomendasi | artikel lainnya | pilihan editor | berita terbaru | pilihan untuk anda | lees verder
aanbevolen | laatste nieuws | meer over dit onderwerp | net binnen | ροή ειδήσεων | τελευταία νέα | δημοφιλή
τα πιο δημοφιλή | διαβάστε περισσότερα | προτεινόμενα | ən çox oxunanlar | son xəbərlər | đọc nhiều | tin mới
tin nổi bật | xem nhiều | senaste nytt | siste nytt | seneste nyt | uusimmat | nejnovější | legfrissebb | cele mai noi
най-нови | последни новини | najnovije | најновије | ต่อไป | ข่าวล่าสุด | ข่าวยอดนิยม | সর্বশেষ
"""

#: Beginnings of such heads, with a section's name behind them: "More from World".
TAIL_STARTS_AT_THE_END = """
more from | more in | more on | also in | mehr aus | mehr von | más en | más de | plus de | المزيد من | المزيد في
المزيد حول | другие новости | meer uit | altro su
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
support our journalism | like this story | have a tip | got a tip | do you have a tip | tell us what you think
get the latest updates | get the latest news | click here to get | click here for more | click here to read
sign up to receive | sign up for the | sign up here | stay up to date with | don't miss out on
for more stories like this | to read the full story | read the full article | follow our live | download the app
subscribe for full access | continue reading with | this content is only available to
schrijf je in voor | meld je aan voor | volg ons op | meld u aan voor | alle rechten voorbehouden
prenumerera på | följ oss på | abonner på | følg oss på | følg os på | tilmeld dig | tilaa uutiskirje | seuraa meitä
zapisz się na | obserwuj nas | wszelkie prawa zastrzeżone | dołącz do nas | sledujte nás | přihlaste se k odběru
všechna práva vyhrazena | odoberajte | iratkozzon fel | kövessen minket | minden jog fenntartva
urmărește-ne pe | urmăriţi-ne pe | abonează-te la | toate drepturile rezervate | абонирайте се | последвайте ни
всички права запазени | підпишіться на | підписуйтесь на | підписуйтеся на | стежте за нами | усі права захищені
ακολουθήστε μας | ακολουθήστε το | εγγραφείτε στο | pratite nas | sva prava pridržana | prijavite se na
пратите нас | sledite nam | ikuti kami | dapatkan berita | simak berita | ikuti berita | theo dõi chúng tôi
mời bạn đọc | עקבו אחרינו | הצטרפו לערוץ | ติดตามข่าว | กดติดตาม | हमें फॉलो | हमारे व्हाट्सएप | ताज़ा ख़बरों के लिए
آپ ہمارے | ہمیں فالو | আমাদের ফলো | 무단전재 | 무단 전재 | 저작권자 | ⓒ | 無断転載 | 関連キーワード
you have reached your limit of free articles | already a subscriber
partager cet article | suivez-nous sur | abonnez-vous à notre
abonnez-vous à la newsletter | inscrivez-vous à notre
nous utilisons des cookies | ce site utilise des cookies | notre site utilise des cookies | tous droits réservés
comparte esta noticia | comparte esta nota | compartir este artículo | síguenos en | síganos en
suscríbete a nuestr | suscríbase a nuestr
utilizamos cookies | este sitio utiliza cookies | este sitio web utiliza cookies | usamos cookies
todos los derechos reservados
compartilhe esta notícia | compartilhe esta matéria | siga-nos n | assine nossa newsletter | este site usa cookies
todos os direitos reservados
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
click to share on | like loading | get our free | we and our partners | by clicking “accept | by clicking "accept
we value your privacy | your privacy matters to us | your privacy is important to us
we care about your privacy | our standards: the thomson reuters | your email address will not be published
article continues below | story continues below
enter your email address | sign up for free | you are reading your last | to continue reading | subscribe to continue
subscribe to read | subscribe to unlock | comments are closed | image source | image caption | report an error
scan the qr code | add us as a preferred source | this article is for subscribers | this story is for subscribers
کانال تلگرام ما | عضویت در کانال | به کانال تلگرام | به کانال ما | برای دریافت اخبار | برای عضویت در کانال
برای عضویت در خبرنامه
برای مطالعه ادامه | نشانی ایمیل شما منتشر | ما را در شبکه های اجتماعی | ما را در شبکه‌های اجتماعی
انضموا إلى قنات | انضموا الى قنات | اضغط للمشاركة | باستخدامك لهذا الموقع | لن يتم نشر عنوان بريدك
لقراءة المزيد اشترك
لمتابعة القراءة | تابع أخبارنا | تابعوا أخبارنا | تابعوا قنات | حمل تطبيق | حملوا تطبيق | استمع إلى الخبر
هذا المحتوى متاح للمشتركين
подпишись на | подписаться на | следите за новостями в | мы в дзене | на правах рекламы
продолжая пользоваться сайтом
продолжая использовать сайт | нашли ошибку | нашли опечатку | заметили ошибку | материал доступен только
материал доступен подписчикам | доступно только подписчикам | ещё больше новостей в | самые важные новости в нашем
добавьте нас в | добавить в избранное | чтобы прочитать целиком | чтобы читать дальше | дочитать до конца
знайшли помилку | якщо ви помітили помилку | якщо ви знайшли помилку
size daha iyi hizmet | yorum yapabilmek için | okumaya devam etmek için | uygulamamızı indir | google news'te takip
google news'te abone | e-bülten aboneli | whatsapp kanalımız | telegram kanalımız | bu haberi dinle
kişisel verilerin korunması kanunu kapsamında | kişisel verilerin korunması hakkında | deneyiminizi iyileştirmek için
未经授权不得 | 未经授权，禁止 | 未经授权禁止 | 未经授权，不得 | 未经许可不得 | 未经许可，禁止 | 未经许可，不得
本文仅代表作者 | 声明：本文 | 免责声明 | 打开app | 登录后查看 | 订阅后继续 | 微信扫一扫
打开微信 | 使用微信
长按二维码 | 本文为付费 | 欢迎关注 | 本文来自微信公众号
inscrivez-vous à la newsletter | inscrivez-vous gratuitement | recevez notre newsletter | recevez toute l'actualité
recevez gratuitement | la suite après la publicité | la suite après cette publicité
en poursuivant votre navigation | cet article est réservé
article réservé aux abonnés | déjà abonné | votre adresse e-mail ne sera | votre adresse email ne sera
rejoignez notre chaîne | rejoignez-nous sur | téléchargez l'application | téléchargez notre application
contenu réservé aux abonnés | la suite est réservée aux
únete a nuestr | únase a nuestr | recibe nuestr | recibe en tu correo | este sitio usa cookies
esta web utiliza cookies
esta web usa cookies | al continuar navegando | si continúa navegando | contenido exclusivo para
este contenido es exclusivo
artículo exclusivo para | suscríbete para seguir | ya eres suscriptor | tu dirección de correo electrónico no
descarga nuestra app | descargue nuestra app | regístrate gratis
melden sie sich für unser | jetzt newsletter | durch die weitere nutzung | wir und unsere partner
wir und unsere dienstleister
dieser artikel ist exklusiv
dieser artikel ist für abonnenten | weiterlesen mit | jetzt weiterlesen | sie haben bereits ein abo | bereits abonnent
an dieser stelle finden sie | empfohlener externer inhalt | externer inhalt | fehler gefunden
ihre e-mail-adresse wird nicht
mit ihrer zustimmung verwenden wir | mit ihrer zustimmung nutzen wir | mit ihrer zustimmung können wir
mit ihrer zustimmung wird hier | hier finden sie externe inhalte | sie sind bereits abonnent
inscreva-se n | receba nossa newsletter | receba as notícias | entre no canal | participe do canal | siga o canal
já é assinante | conteúdo exclusivo para assinantes | o seu endereço de e-mail não
unisciti al nostro canale | ricevi la nostra newsletter | contenuto riservato agli abbonati | sei già abbonato
w celu świadczenia usług | ta strona używa plików cookie | ta strona korzysta z plików cookie | masz już subskrypcję
tento web používá | deze website gebruikt cookies | wij gebruiken cookies | vi använder cookies | vi bruger cookies
vi bruker informasjonskapsler | ez a weboldal | acest site foloseşte cookie | acest site folosește cookie
този сайт използва | цей сайт використовує | сайт використовує cookie | сайт використовує файли cookie
αυτή η ιστοσελίδα χρησιμοποιεί cookies
χρησιμοποιούμε cookies | situs ini menggunakan cookie | trang web này sử dụng cookie | אתר זה משתמש
क्या आपको यह | ऐप डाउनलोड करें | bu sayt kukilərdən | クッキーを使用 | 会員限定 | この記事は有料会員 | 이 기사는 유료
"""

_NETWORKS = "whatsapp|telegram|facebook|twitter|x|instagram|google news|youtube"
#: Invitations by what they ask for, wherever it stands in a short line: to come to a channel that is "ours", or to
#: follow somebody on a network. Patterns over folded text; they fold accents themselves.
SUBSCRIPTIONS = (
    r"^il vous reste [\d.,]+ ?% ",
    (
        rf"^(?:follow|join)\b.{{1,60}}\bon (?:{_NETWORKS})\b(?:(?:,? and |, | )(?:{_NETWORKS})\b)*"
        r"(?:$| (?:for|to (?:get|stay|receive)) )"
    ),
    r"(?:کانال|صفحه|گروه|اینستاگرام|تلگرام)(?: \w+){0,2} ما (?:\w+ ){0,4}?(?:بپیوندید|دنبال کنید|عضو شوید)",
    (
        r"^(?:читайте|читай|подписывайтесь|подпишитесь|смотрите|следите)\b.{0,30}\b(?:нас|наш\w{0,3})\b.{0,20}"
        r"(?:телеграм|telegram|вконтакте|дзен|whatsapp|rss|viber)"
    ),
    r"\bkanalımız\w*(?: \w+)? (?:takip ed|abone ol|katıl)",
    r"(?:اشترك|اشتركوا|انضم|انضموا|تابع|تابعوا|تابعونا)(?: \w+){0,3}? (?:قناتنا|قنواتنا|صفحتنا|صفحاتنا|حسابنا)",
    r"^(?:suivez|rejoignez|retrouvez|abonnez-vous)\b.{0,60}\b(?:notre|nos) (?:chaine|page|compte|newsletter|canal)",
    (
        r"^(?:sigue|siguenos|siganos|suscribete|unete|unase)\b.{0,50}\b"
        r"(?:nuestr\w+ (?:canal|pagina|newsletter|boletin)|canal de (?:whatsapp|telegram))"
    ),
    (
        r"^(?:folgen sie|abonnieren sie|folgt|abonniert)\b.{0,30}\b(?:uns(?:er\w*)?)\b.{0,30}\b"
        r"(?:whatsapp|telegram|facebook|instagram|google|kanal|newsletter)"
    ),
    r"(?:请|欢迎|敬请)(?:扫码|搜索|长按)?(?:关注|订阅|下载)(?:我们|本报|本台|本网)?的?.{0,8}(?:微信|公众号|客户端|微博|视频号)",
    r"हमारे .{0,30}(?:चैनल|ग्रुप|पेज).{0,8}(?:जुड|फॉलो|सब्सक्राइब)",  # folding strips vowel signs at the end
)

#: Labels of buttons and boxes, which may also begin a heading: dropped as a line that holds nothing but these and
#: `BUTTON_WORDS`.
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
like this | leave a reply | leave a comment | write a comment | 0 comments | no comments | back to top | font size
open in new window | listen to article | save article | click here | read in app | share article
نسخه چاپی | دیدگاه شما | دیدگاه ها | دیدگاه‌ها | ثبت نظر | ثبت دیدگاه | پرینت | گزارش خطا | عضویت در | آگهی
نسخ الرابط | اترك تعليقا | اترك تعليقك | اترك تعليق | سجل الدخول | تسجيل الدخول | اطبع | اكتب تعليق | أرسل
подписаться | комментировать | оставить комментарий | комментарии | скопировать ссылку | версия для печати | войти
поделитесь | відправити | поділитися | підписатися | коментарі | роздрукувати
yorumlar | linki kopyala | bağlantıyı kopyala | çerez politikamız | çerez politikası | haberi dinle | giriş yap
facebook'ta paylaş | twitter'da paylaş | whatsapp'ta paylaş | x'te paylaş | yorum yaz
复制链接 | 扫描二维码 | 下载客户端 | 展开全文 | 阅读全文 | 评论 | 发表评论 | 我要评论 | 字号 | 返回首页
返回顶部 | 加载更多 | 纠错
关注微信 | 收藏 | 点赞 | 举报
tweeter | envoyer par | copier le lien | lire plus tard | laisser un commentaire | commentaires | réagir
se connecter
écouter l'article | écouter cet article | télécharger l'application | signaler une erreur | commenter
comparte | compártelo | tuitear | enviar por | copiar enlace | copiar link | iniciar sesión | deja un comentario
dejar un comentario | comentar | comentarios | escuchar noticia | escuchar artículo | reportar un error | regístrate
comentários | copiar o link | copiar link | ouvir notícia | deixe um comentário | condividi | stampa | commenti
copia link | iscriviti | accedi | ascolta l'articolo | pubblicità
auf facebook teilen | per e-mail teilen | auf whatsapp teilen | auf x teilen | artikel drucken | link kopieren
abonnieren | jetzt abonnieren | newsletter abonnieren | anmelden | kommentare | kommentieren | kommentar schreiben
zur startseite | artikel anhören | artikel merken | merken | nach oben | app herunterladen | hier klicken
udostępnij | skomentuj | komentarze | drukuj | kopiuj link | zaloguj się | delen | reageer | deel dit artikel
bagikan | salin tautan | chia sẻ | bình luận | 공유하기 | 기사공유 | 댓글 | 글자크기 | シェア | シェアする
ツイート | コメント
शेयर करें | कमेंट | शेयर | שתפו | שיתוף | תגובות | הדפסה | κοινοποίηση | εκτύπωση | σχόλια | شیئر کریں
"""

#: What else stands on buttons: networks, small words, what is shared.
BUTTON_WORDS = """
facebook | twitter | x | whatsapp | telegram | linkedin | email | e-mail | mail | pinterest | reddit | tumblr | viber
messenger | instagram | youtube | google news | google | line | vk | vkontakte | odnoklassniki | weibo | wechat
bluesky
threads | tiktok | mastodon | truth social | skype | sms | rss | pdf | link | url | copy | pocket | flipboard
snapchat
on | via | to | by | with | and | or | us | me | now | this | here | article | story | page | post | our | newsletter
newsletters | channel | group | a friend | comments | comment | free | today | more | in
sur | par | à | et | nous | cet article | la newsletter | gratuitement
en | por | con | y | noticia | artículo | esta noticia | este artículo | notícia | artigo | no | na | gratis
auf | per | und | bei | artikel | über | beitrag | op | via e-mail | su | dit | artikel delen
в | во | на | и | наш | телеграм | телеграме | одноклассники | вконтакте | вк | контакте | вацап | нас | канал
facebook'ta | twitter'da | whatsapp'ta | telegram'da | haberi | ile | ve
تلگرام | توییتر | توئیتر | اینستاگرام | واتساپ | واتس اپ | فیسبوک | فیس بوک | ایتا | بله | سروش | روبیکا | دنبال کنید
شبکه های اجتماعی | کانال | خبر | مطلب | این | را | در | به | و | با | گوگل نیوز | اینستاگرام و تلگرام | لینک | خبرنامه
تويتر | فيسبوك | واتساب | تليغرام | تلغرام | تيليجرام | إنستغرام | انستغرام | يوتيوب | على | عبر | في | المقال | الخبر
الآن | معنا | نشرتنا | لينكدإن | البريد الإلكتروني
微信 | 微博 | qq空间 | qq | 朋友圈 | 好友 | 到 | 至 | 我们 | 手机 | 这里 | 此处 | 分享给 | 文章 | 本文 | 下载
查看 | 原文 | 关注
する | 記事 | で | 카카오톡 | 페이스북 | 트위터 | 네이버 | 기사
फेसबुक | ट्विटर | व्हाट्सएप | पर | करें | को
"""

#: A short line that is only a label and its value, nothing of the story.
LABELS = """
tags | tag | keywords | news id | news code | mots-clés | etiquetas | schlagworte | теги | ключевые слова
метки | etiketler | کد خبر | کلیدواژه | کلید واژه | کلیدواژه ها | کلیدواژه‌ها | برچسب ها | برچسب‌ها | شناسه خبر
الكلمات المفتاحية | الوسوم | كلمات مفتاحية
关键词 | 标签 | 责任编辑 | 编辑 | 责编 | 校对 | 字号
views | post views | reading time | photo | photos | picture | image | image credit | photo credit | credit | topics
کد مطلب | زمان مطالعه | تعداد بازدید | بازدید | تعداد بازدید ها | عکس | عکاس | تاریخ انتشار | لینک کوتاه
وقت القراءة | مدة القراءة | عدد المشاهدات | المشاهدات | الكلمات الدلالية | صورة | تصوير
фото | время чтения | просмотров | просмотры | фотография | иллюстрация | переглядів
fotoğraf | okuma süresi | görüntülenme | editör
photo | crédit photo | crédits photo | temps de lecture | foto | crédito | tiempo de lectura | palabras clave
temas | archivado en
fotocrédito | foto de | tempo de leitura | tempo di lettura | lesezeit | schlagwörter | bild | bildquelle | themen
czas czytania | tagi | słowa kluczowe | fot | zdjęcie | foto's | leestijd | tagovi | štítky | címkék | etichete
тагове
ετικέτες | φωτογραφία | từ khóa | ảnh | キーワード | タグ | 写真 | 사진 | 태그 | 키워드 | टैग | תגיות | צילום
"""

#: Titles under which servers answer 200 for a page that is not there: the whole title beside the outlet's name.
NOT_FOUND = """
error 404 | 404 error | 404 not found | error 404 not found | erreur 404 | fehler 404 | ошибка 404 | hata 404
page not found | page was not found | file not found | article not found | story not found | 404 page not found
page introuvable | page non trouvée | página no encontrada | página não encontrada | pagina non trovata
seite nicht gefunden | страница не найдена | страница не существует | сторінку не знайдено | nie znaleziono strony
sayfa bulunamadı | صفحه یافت نشد | صفحه پیدا نشد | الصفحة غير موجودة | لم يتم العثور على الصفحة
页面不存在 | 页面未找到 | 找不到页面 | ページが見つかりません | pagina niet gevonden
halaman tidak ditemukan | stránka nenalezena | η σελίδα δεν βρέθηκε | không tìm thấy trang
are you a robot | verify you are human | 403 forbidden | 404 not found | 502 bad gateway
503 service unavailable | 503 service temporarily unavailable
"""

#: Beginnings of such titles.
NOT_FOUND_STARTS = """
the page you requested | the page you are looking for | the page you were looking for | that page can't be found
the requested page | صفحه مورد نظر یافت نشد | صفحه مورد نظر شما یافت نشد | صفحه مورد نظر پیدا نشد
صفحه مورد نظر شما پیدا نشد | صفحه مورد نظر وجود ندارد | 您访问的页面 | お探しのページ | 페이지를 찾을 수 없
checking your browser before
"""

#: Words of such titles that may also head news: they count where nothing but the outlet's name stands beside them.
ERRORS_ONLY = """
404 | 403 | error | not found | oops | sorry | access denied | just a moment | attention required | cloudflare
checking your browser | доступ ограничен | forbidden
"""

#: Words in the headline of a story that is told in entries as it happens.
LIVE = """
live updates | live update | live blog | liveblog | liveticker | live ticker | newsticker | newsblog | live coverage
minuto a minuto | прямая трансляция | онлайн-трансляция | онлайн трансляция | canlı anlatım | dakika dakika
لحظه به لحظه | لحظة بلحظة | تغطية مباشرة | 滚动更新 | relacja na żywo | текстова трансляція | live-updates | live-blog
minute by minute
"""

#: Words that call a story live only where they stand apart from its headline: "Live: ...", "... | en direct".
LIVE_LABELS = """
live | ticker | en direct | direct | en vivo | en directo | directo | ao vivo | in diretta | diretta | онлайн
трансляция
хроника | canlı | canlı yayın | canlı blog | زنده | پخش زنده | مباشر | بث مباشر | 直播 | 滚动 | na żywo | наживо
as it happened
"""

#: Words that call a page a video's where they stand apart from its headline or in its address.
VIDEO_LABELS = """
video | videos | watch | vidéo | vidéos | vídeo | vídeos | видео | відео | video galeri | ویدئو | ویدیو | فیلم | فيديو
视频 | 影片 | 動画 | 영상 | वीडियो | βίντεο | וידאו
"""

#: First words of the sentences that say of an article that it must be paid for. Labels ("For subscribers") are left
#: out: they stand beside links to other articles.
PAYWALL = """
this article is for subscribers | this story is for subscribers | this content is for subscribers
this article is only available to subscribers | this content is only available to subscribers
this article is reserved for subscribers | this article is exclusive to subscribers | subscribe to continue reading
subscribe to read the full | subscribe to keep reading | subscribe to unlock this | to continue reading, subscribe
to continue reading this article, subscribe | to read the full story, subscribe
you have reached your limit of free articles
cet article est réservé aux abonnés | cet article est réservé à nos abonnés | cet article est réservé aux membres
la suite est réservée aux abonnés | la suite de cet article est réservée | cet article est payant
ce contenu est réservé aux abonnés | la lecture de cet article est réservée
este contenido es exclusivo para suscriptores | este artículo es exclusivo para suscriptores
este contenido es exclusivo para | suscríbete para seguir leyendo | suscríbase para seguir leyendo
este conteúdo é exclusivo para assinantes | assine para continuar lendo | esta matéria é exclusiva para assinantes
questo articolo è riservato agli abbonati | questo contenuto è riservato agli abbonati
abbonati per continuare a leggere
dieser artikel ist exklusiv für abonnenten | dieser artikel ist nur für abonnenten | dieser artikel ist für abonnenten
dieser artikel ist exklusiv für abonnentinnen | dieser inhalt ist exklusiv für abonnenten
dit artikel is alleen voor abonnees | dit artikel is exclusief voor abonnees
den här artikeln är för prenumeranter | denne artikel er for abonnenter | denne artikkelen er for abonnenter
tämä artikkeli on vain tilaajille | ten artykuł jest dostępny tylko dla | tento článek je pouze pro předplatitele
материал доступен только подписчикам | этот материал доступен только подписчикам
материал доступен только по подписке | чтобы читать дальше, оформите подписку
bu içerik abonelere özeldir | bu haber abonelere özeldir | bu içerik sadece abonelere
این مطلب ویژه مشترکان | هذا المحتوى متاح للمشتركين | هذا المحتوى مخصص للمشتركين
本文为付费内容 | 订阅后继续阅读 | 訂閱後繼續閱讀 | この記事は有料会員限定 | この記事は会員限定 | 이 기사는 유료
הכתבה זמינה למנויים
"""

#: Words that begin or end the caption or the credit of a picture.
PHOTO_WORDS = (
    r"(?:file |archive |handout )?(?:photo|picture|image)s?|getty images|foto(?:ğraf)?|fotografía|bild|imagen|фото|"
    r"عکس|تصویر|صورة|الصورة|图片?|資料圖|资料图"
)

#: From the first letter or digit of a line to the last.
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
_FOLDED = {"ı": "i", "ي": "ی", "ى": "ی", "ك": "ک", "أ": "ا", "إ": "ا", "آ": "ا", "’": "'", "\u200c": " ", "ё": "е"}
_ARABIC_MARKS = re.compile("[\u064b-\u065f\u0670\u0640]")
#: Accents of Latin, Greek and Cyrillic letters, which capitals often lack.
_ACCENTS = re.compile("[\u0300-\u036f]")


@lru_cache(maxsize=256)  # a page's lines and titles are compared with one table after the other
def fold(line: str) -> str:
    """Make a line comparable with the phrases of this file. For matching only, never stored."""
    found = _CORE.search(" ".join(_plain(line).split()))
    return found[0] if found else ""


def _plain(line: str) -> str:
    if line.isascii():
        return line.lower()
    folded = line.replace("İ", "i").lower()
    for letter, common in _FOLDED.items():  # `translate` takes four times as long
        folded = folded.replace(letter, common)
    folded = _ARABIC_MARKS.sub("", folded)
    if not folded.isascii():
        folded = normalize("NFC", _ACCENTS.sub("", normalize("NFD", folded))).replace("ς", "σ")
    return folded


def phrases(table: str) -> frozenset[str]:
    """Read a table of this file: phrases between bars and line ends, folded."""
    return frozenset(filter(None, map(fold, written(table))))


def written(table: str) -> list[str]:
    """Read a table of this file as it is written."""
    return [phrase.strip() for phrase in re.split(r"[|\n]", table) if phrase.strip()]


def starts(table: str) -> re.Pattern[str]:
    """Build a pattern that finds a phrase of the table at the start of a folded line, the longest first."""
    ordered = sorted(phrases(table), key=lambda phrase: (-len(phrase), phrase))
    return re.compile(f"(?:{'|'.join(map(re.escape, ordered))})")


def patterns(table: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Build patterns to find in a folded line. They may not hold classes in capitals, as \\W.

    Each by itself: of one that joins them the first letter is not known, and it takes four times as long.
    """
    return tuple(re.compile(_plain(one)) for one in table)
