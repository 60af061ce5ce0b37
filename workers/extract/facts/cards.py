"""Signs of a page that lists other pages: what its address calls it, and the headlines that it links to."""

import re
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

from workers.extract.inside import text_in
from workers.extract.prose import measure

#: Segments of an address below which outlets list articles, some of them also articles.
_SECTION = re.compile(
    r"/(?:tags?|topics?|category|categories|kategorien?|kategorija|kategoria|kategori|categorias?|categorie|categories"
    r"|authors?|autor|autores|autoren|auteurs?|autore|yazar|yazarlar|people|persons?|columnists?|search|suche|arama"
    r"|etiket|etiketler|etiketa?s?|keywords?|labels?|hashtags?|subjects?|sections?|collections?|specials?|series|archives?"
    r"|sujets?|themen?|themes?|thema|temas?|temat|tema|dossiers?|rubriques?|rubriken?|rubrik|rubrics?|konu|konular"
    r"|mots?-cles?|schlagwort|schlagworte|stichwort|onderwerp|onderwerpen|emne|amne|avainsanat|stitky|cimke|oznaka"
    r"|тег|теги|метка|рубрика|тема|темы|سرویس|برچسب|کلیدواژه|وسم|وسوم|كلمات|标签|專題|专题|话题|トピック|タグ|태그)"
    r"(?:/[^/]+){0,2}/?(?:page/\d+/?)?$|/page/\d+/?$",
    re.IGNORECASE,
)
#: A link of a shorter text (measure) is a name or a button.
_HEADLINE = 30
_MOST_LINKS = 2000


def is_section(url: str) -> bool:
    """Whether an address looks like that of a tag, a section or an archive. Articles may stand there too."""
    return _SECTION.search(unquote(urlsplit(url).path)) is not None


def count_headlines(tree: Any) -> int:
    """Count the pages to which a tree leads by a text as long as a headline."""
    leads = set()
    for link in islice(tree.iter("a"), _MOST_LINKS):
        address = (link.get("href") or "").partition("#")[0]
        if address and address not in leads and measure(" ".join(text_in(link).split())) >= _HEADLINE:
            leads.add(address)
    return len(leads)
