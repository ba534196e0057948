"""What the models learn from: the shop's products and queries as lines of words with a category and a weight."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.categories.clustering import IntArray
from core.domain import Product, WeightedQuery
from core.language_model.corpus import Line, is_held_out
from core.text.normalize import normalize
from core.text.query_cleaning import QueryCleaner, QueryCleaning
from core.text.title_cleaning import TitleCleaning, filter_words, split_titles
from core.text.titles import MAX_TITLE_WORDS, phrases
from core.text.vocabulary import Vocabulary

TextLine = tuple[tuple[str, ...], int, float]
"""Words, category, weight."""

_PHRASE_CATEGORIES = 3  # a phrase is learnt under the categories that use it most


@dataclass(frozen=True, slots=True)
class Cleaning:
    """The steps that titles and queries go through; a version's manifest names them."""

    titles: TitleCleaning = field(default_factory=TitleCleaning)
    queries: QueryCleaning = field(default_factory=QueryCleaning)
    phrases: bool = True  # what several titles share, learnt beside whole segments


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that several titles share, with how many and in which categories most."""

    words: tuple[str, ...]
    titles: int
    categories: tuple[tuple[int, int], ...]  # (category, titles there), most first


@dataclass(frozen=True, slots=True)
class Corpora:
    """`titles` and `phrases` are empty without a catalogue, `queries` without a log."""

    titles: list[TextLine]
    phrases: list[Phrase]
    queries: list[TextLine]

    def title_lines(self) -> list[TextLine]:
        """What the catalogue model learns: whole segments, and as much again of the phrases within them.

        Segments alone teach it to end where a title ends, ten words on; phrases end where shoppers stop.
        """
        lines = [
            (phrase.words, category, math.log2(1 + count))
            for phrase in self.phrases
            for category, count in phrase.categories
        ]
        total = sum(weight for *_, weight in lines)
        scale = len(self.titles) / total if total else 0.0
        return self.titles + [(words, category, scale * weight) for words, category, weight in lines]


def build_corpora(
    products: Sequence[Product],
    product_categories: IntArray,
    queries: Sequence[WeightedQuery],
    query_categories: IntArray,
    cleaning: Cleaning = Cleaning(),
) -> Corpora:
    """Lines of everything, cleaned; categories run beside products and queries. Queries over ten words are left out."""
    brands = {normalize(product.brand) for product in products if product.brand}
    split = split_titles([product.title for product in products], cleaning.titles)
    segments = filter_words(split, product_categories.tolist(), cleaning.titles, brands)
    cleaner = query_cleaner(split, queries, brands, cleaning.queries)
    shared = phrases(segments, min_titles=2 if len(products) < 1_000 else 3) if cleaning.phrases else {}
    used: dict[tuple[str, ...], Counter[int]] = {phrase: Counter() for phrase in shared}
    longest = max((len(phrase) for phrase in shared), default=0)
    for listed, category in zip(segments, product_categories.tolist(), strict=True):
        for segment in listed:
            for start in range(len(segment)):
                for end in range(start + 1, min(len(segment), start + longest) + 1):
                    if segment[start:end] in used:
                        used[segment[start:end]][category] += 1
    return Corpora(
        titles=[
            (segment, category, 1.0)
            for listed, category in zip(segments, product_categories.tolist(), strict=True)
            for segment in listed
        ],
        phrases=[
            Phrase(
                words,
                count,
                tuple(sorted(used[words].items(), key=lambda entry: (-entry[1], entry[0]))[:_PHRASE_CATEGORIES]),
            )
            for words, count in shared.items()
        ],
        queries=[
            (words, category, 1.0 + math.log(query.weight))
            for query, category in zip(queries, query_categories.tolist(), strict=True)
            if len(words := tuple(cleaner.clean(query.text).split())) <= MAX_TITLE_WORDS
        ],
    )


def query_cleaner(
    titles: Sequence[Sequence[tuple[str, ...]]],
    queries: Sequence[WeightedQuery],
    brands: Iterable[str],
    steps: QueryCleaning,
) -> QueryCleaner:
    """The cleaner of a shop's log: its dictionary are the words of its `titles`."""
    catalogue = Counter(word for segments in titles for segment in segments for word in segment)
    counts = catalogue + Counter(word for query in queries for word in query.text.split())
    return QueryCleaner(steps, catalogue, counts, frozenset(word for brand in brands for word in brand.split()))


def encoded(lines: Sequence[TextLine], vocabulary: Vocabulary) -> tuple[list[Line], list[Line]]:
    """Training and held-out lines. The split is by text, so the same text is never on both sides."""
    training: list[Line] = []
    held_out: list[Line] = []
    for words, category, weight in lines:
        side = held_out if is_held_out(" ".join(words)) else training
        side.append(Line(tuple(vocabulary.encode(words)), category, weight))
    return training or held_out, held_out
