"""What the models learn from: the shop's products and queries as lines of words with a category and a weight."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.categories.clustering import IntArray
from core.domain import Product, WeightedQuery
from core.language_model.corpus import Line, is_held_out
from core.text.titles import MAX_TITLE_WORDS, phrases, title_segments
from core.text.vocabulary import Vocabulary

TextLine = tuple[tuple[str, ...], int, float]
"""Words, category, weight."""

_PHRASE_CATEGORIES = 3  # a phrase is learnt under the categories that use it most


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
) -> Corpora:
    """Lines of everything; categories run beside products and queries. Queries of more than ten words are left out."""
    segments = [title_segments(product.title) for product in products]
    shared = phrases(segments, min_titles=2 if len(products) < 1_000 else 3)
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
            if len(words := tuple(query.text.split())) <= MAX_TITLE_WORDS
        ],
    )


def encoded(lines: Sequence[TextLine], vocabulary: Vocabulary) -> tuple[list[Line], list[Line]]:
    """Training and held-out lines. The split is by text, so the same text is never on both sides."""
    training: list[Line] = []
    held_out: list[Line] = []
    for words, category, weight in lines:
        side = held_out if is_held_out(" ".join(words)) else training
        side.append(Line(tuple(vocabulary.encode(words)), category, weight))
    return training or held_out, held_out
