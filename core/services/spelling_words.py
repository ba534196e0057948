"""The words that searches may be meant to hold, with how often the shop uses them."""

from collections.abc import Mapping

import numpy as np

from core.retrieval.columns import ProductColumns
from core.retrieval.lexical import LexicalIndex
from core.text.english import english_words
from core.text.normalize import normalize
from core.text.singular import PLURAL_ONLY

_FEW_VALUES = 2_000  # of an attribute: more are model numbers, sizes or sentences


def spelling_words(counts: Mapping[str, float], columns: ProductColumns, lexical: LexicalIndex) -> dict[str, float]:
    """`counts` of log and titles, with the words of categories, brands and attributes that only these have.

    A word of a column counts once for each product of its values. Beside a plural that titles say (`headphones`) its
    singular is known too, half as often: searching it finds the same.
    """
    words = dict(counts)
    for coded in (columns.category, columns.brand, *columns.attributes.values()):
        if len(coded.values) > _FEW_VALUES:
            continue
        products = np.bincount(coded.codes[coded.codes >= 0], minlength=len(coded.values))
        found: dict[str, float] = {}
        for value, count in zip(coded.values, products.tolist(), strict=True):
            for word in {word for word in normalize(value).split() if word.isalpha()}:
                found[word] = found.get(word, 0.0) + count
        words |= {word: count for word, count in found.items() if word not in counts and count and lexical.knows(word)}
    for plural in PLURAL_ONLY & words.keys():
        singular = plural.removesuffix("s")
        if len(singular) > 3 and singular in english_words() and lexical.knows(singular):
            words.setdefault(singular, words[plural] / 2)
    return words
