"""The step: article text in, a flag for every topic with evidence out. Pure; packs and model are read once."""

from collections.abc import Mapping, Sequence

from workers.classify.entities.naming import FIELDS, countries_of, find_names, organisations_of, pairs_of, prepare
from workers.classify.matching.fold import Folded
from workers.classify.matching.sentences import sentence_at
from workers.classify.probability.features import Reading
from workers.classify.probability.model import Model, shipped_model
from workers.classify.reading import Pack, Reader
from workers.domain.values import Classification, Evidence, Flag, TextSpan

#: Name of the classifier; a new number whenever the same pack, model and text could give another probability.
NAME = "lexicon-linear/2"

#: Characters of a text that are read; the rest is stored and found by search. 30 times a long article: a page of 10 MB
#: would keep a worker for minutes.
MOST_READ = 200_000
#: The same of a title, which a broken page may make of its whole text: 10 times a long one.
MOST_READ_TITLE = 2_000

#: Enough to see why a flag stands, the heaviest first; a long article about a topic has hundreds.
MAX_EVIDENCE = 20


class Classifier:
    """Flags articles with the topics of `packs`. Made once; `classify` gives the same answer to the same text.

    `model` is the one that comes with the program when none is given. `version` names both, as each result does.
    """

    def __init__(self, packs: Sequence[Pack], model: Model | None = None) -> None:
        self._packs = {pack.id: (pack.version, pack.band) for pack in packs}  # a version may cost a hash
        self._reader = Reader(packs)
        self._model = model or shipped_model()
        self.version = f"{NAME} {self._model.version}"
        prepare()

    def classify(self, title: str, text: str, language: str) -> Classification:
        """Return a flag for every topic with evidence, most probable first, and who and where.

        `language` is as `Reader.read` takes it. Never fails, whatever the text.
        """
        texts = dict(zip(FIELDS, (Folded(title[:MOST_READ_TITLE]), Folded(text[:MOST_READ])), strict=True))
        names = find_names(texts, language)
        reading = self._reader.read(texts["title"], texts["text"], language, names)
        flags = [self._flag(topic, reading, texts) for topic in reading.topics]
        return Classification(
            flags=tuple(sorted(flags, key=lambda f: (-f.probability, f.topic))),
            model=self.version,
            countries=countries_of(texts, names, language),
            organisations=organisations_of(texts, names),
            pairs=pairs_of(texts, names, language),
        )

    def _flag(self, topic: str, reading: Reading, texts: Mapping[str, Folded]) -> Flag:
        version, band_of = self._packs[topic]
        value = round(self._model.probability(reading, topic), 4)
        band = band_of(value)
        evidence = self._evidence(topic, reading, texts)
        return Flag(
            topic=topic,
            probability=value,
            band=band,
            flagged=band == "flagged",
            evidence=evidence,
            sentence=_sentence(evidence[0], texts),
            pack_version=version,
        )

    def _evidence(self, topic: str, reading: Reading, texts: Mapping[str, Folded]) -> tuple[Evidence, ...]:
        """Return the heaviest evidence of a topic, each span once: a rule may find what a term has found."""
        spans, places, _ = reading.topics[topic]
        weights = [span.weight * where for span, where in zip(spans, places, strict=True)]
        told: dict[tuple[str, int, int], Evidence] = {}
        for n in sorted(range(len(spans)), key=lambda n: (-weights[n], spans[n].start, spans[n].end)):
            field = spans[n].field
            start, end = texts[field].span(spans[n].start, spans[n].end)
            if (field, start, end) not in told:
                told[field, start, end] = Evidence(
                    field=field,
                    start=start,
                    end=end,
                    text=texts[field].text[start:end],
                    rule=self._reader.told(topic, spans[n].key),
                    weight=round(weights[n], 2),
                )
            if len(told) == MAX_EVIDENCE:
                break
        return tuple(told.values())


def _sentence(span: TextSpan, texts: Mapping[str, Folded]) -> TextSpan:
    text = texts[span.field].text
    start, end = sentence_at(text, span.start, span.end)
    return TextSpan(field=span.field, start=start, end=end, text=text[start:end])
