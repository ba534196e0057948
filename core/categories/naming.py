"""Readable names for clusters: their distinctive terms by class-based TF-IDF.

A term counts by the share of the cluster's titles that hold it and by how few titles outside do. Words that mostly open
titles are brands, and words with digits are models and sizes: neither names a kind of product.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

from core.text.titles import JOINERS

_BRAND_SHARE = 0.75  # of a word's titles in which it is the first word
_PAIR_BONUS = 1.15  # two words say more than one of nearly equal score


def name_clusters(titles: Sequence[Sequence[str]], labels: Sequence[int], count: int) -> list[str]:
    """One distinct name for each of `count` clusters, from the words of each title and its cluster."""
    inside: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(count)]
    overall: Counter[tuple[str, ...]] = Counter()
    opening: Counter[str] = Counter()
    sizes = Counter(labels)
    for words, label in zip(titles, labels, strict=True):
        terms = {(word,) for word in words} | set(itertools.pairwise(words))
        inside[label].update(terms)
        overall.update(terms)
        if words:
            opening[words[0]] += 1
    brands = {word for word, times in opening.items() if times >= _BRAND_SHARE * overall[(word,)]}
    names: list[str] = []
    for label in range(count):
        ranked = _ranked(inside[label], overall, sizes[label], len(titles), brands)
        names.append(_pick(ranked, set(names), label))
    return names


def _ranked(
    counts: Counter[tuple[str, ...]], overall: Counter[tuple[str, ...]], size: int, total: int, brands: set[str]
) -> list[tuple[str, ...]]:
    def score(term: tuple[str, ...]) -> float:
        share = counts[term] / size
        rarity = math.log(1 + total / overall[term])
        purity = counts[term] / overall[term]
        return share * rarity * (0.3 + purity) * (_PAIR_BONUS if len(term) == 2 else 1.0)

    def names_a_kind(term: tuple[str, ...]) -> bool:
        return all(
            len(word) > 2 and word not in JOINERS and word not in brands and word.replace("-", "").isalpha()
            for word in term
        )

    allowed = [term for term in counts if names_a_kind(term)] or list(counts)
    return sorted(allowed, key=lambda term: (-score(term), term))


def _pick(ranked: Sequence[tuple[str, ...]], taken: set[str], label: int) -> str:
    """The best term; joined by the next one that shares no word with it where the name is taken or weak."""
    for first, term in enumerate(ranked[:5]):
        name = " ".join(term).title()
        if name not in taken:
            return name
        for other in ranked[first + 1 : first + 6]:
            if not set(other) & set(term):
                longer = f"{name} & {' '.join(other).title()}"
                if longer not in taken:
                    return longer
    return f"Category {label + 1}"
