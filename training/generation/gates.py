"""What a generated query must be: well formed, found by search, and of the category that it was generated under."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.categories.assign import vote
from core.language_model.corpus import Line
from core.retrieval.dense import load_dense
from core.retrieval.storage import DENSE
from core.services.bundle import PRODUCTS
from core.text.embedding import Encoder, embed_cached
from core.text.terms import asked_terms, terms_of_normalized
from core.text.titles import JOINERS
from core.text.vocabulary import Vocabulary
from training.generation.models import GenerationModels
from training.generation.starts import may_begin

_LONGEST = 8  # words
_END_SHARE = 0.08  # of a word's occurrences that end a line
_SEEN = 4.0  # pseudo-occurrences by which a word's end share is drawn to that of all words


class WellFormed:
    """Rules on words alone, with what the shop's own lines show about which words end a query."""

    def __init__(self, lines: Iterable[Line], vocabulary: Vocabulary) -> None:
        ends: Counter[int] = Counter()
        seen: Counter[int] = Counter()
        for line in lines:
            if line.tokens:
                ends[line.tokens[-1]] += line.weight  # type: ignore[assignment]  # typed for whole numbers only
            for token in line.tokens:
                seen[token] += line.weight  # type: ignore[assignment]
        overall = sum(ends.values()) / max(1e-9, sum(seen.values()))
        self._vocabulary = vocabulary
        self._end_share = {token: (ends[token] + _SEEN * overall) / (seen[token] + _SEEN) for token in seen}

    def accepts(self, tokens: Sequence[int]) -> bool:
        """Whether `tokens` read like a whole query: no word twice, no dangling beginning or end."""
        words = [self._vocabulary.words[token] for token in tokens]
        if len(words) > _LONGEST or not may_begin(words[0]) or not any(map(str.isalpha, "".join(words))):
            return False
        if self.ends_abruptly(tokens):
            return False
        named = [term for term in terms_of_normalized(" ".join(words)) if term.isalpha()]
        return len(set(named)) == len(named)

    def ends_abruptly(self, tokens: Sequence[int]) -> bool:
        """Whether the last word is one that seldom ends a query: a joiner, a brand, `stainless`."""
        last = tokens[-1]
        return self._vocabulary.words[last] in JOINERS or self._end_share.get(last, 0.0) < _END_SHARE


@dataclass(frozen=True, slots=True)
class Found:
    """How many products a query finds, and the category that most of them belong to."""

    products: int
    category: int


def find(models: GenerationModels, text: str) -> Found:
    """What our own search finds for the normalised `text` before any relaxation: products that hold all its terms."""
    if models.products is None:
        raise ValueError("there are no products to search")
    rows = models.products.matching_all(asked_terms(text))
    if not len(rows):
        return Found(0, -1)
    return Found(len(rows), int(np.bincount(models.product_categories[rows]).argmax()))


def by_meaning(
    folder: Path, encoder: Encoder, cache: Path, update: Callable[[float, str], None]
) -> Callable[[Sequence[str]], Sequence[int]]:
    """The category of texts by a vote of the products of the version in `folder` whose titles mean nearly the same."""
    vectors = load_dense(folder / PRODUCTS / DENSE).all()
    labels = np.load(folder / "product_categories.npy")

    def own(texts: Sequence[str]) -> Sequence[int]:
        if not texts:
            return []
        found = embed_cached(
            encoder, texts, cache, lambda done, total: update(done / total, f"{done:,} of {total:,} embedded")
        )
        categories: list[int] = vote(found, vectors, labels, int(labels.max()) + 1)[0].tolist()
        return categories

    return own
