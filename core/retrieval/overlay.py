"""Products that changed since a version was published: rows behind its own, put together anew with every change.

A product is analysed once (its terms, its vector); the arrays of thousands then take some ten milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from core.domain import Product
from core.retrieval.lexical import LexicalIndex
from core.retrieval.lexical_build import Weighted, weighted_terms
from core.retrieval.title_terms import TitleTerms, build_title_terms

CodeArray = npt.NDArray[np.int8]

_TEXTS = ("title", "brand", "category", "attributes", "description")


@dataclass(frozen=True, slots=True)
class LiveProduct:
    """A product as it is now, with what was worked out of its text; `code` `(D,)` None: not embedded yet."""

    product: Product
    weighted: Weighted
    title: TitleTerms  # of one row
    code: CodeArray | None = None


@dataclass(frozen=True)
class Overlay:
    """`live` by product id, in the order of their rows; `gone`: ids that were replaced or deleted in the version."""

    live: Mapping[str, LiveProduct] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {product_id: place for place, product_id in enumerate(self.live)})

    def changed(
        self, changes: Mapping[str, Product | None], codes: Mapping[str, CodeArray], lexical: LexicalIndex
    ) -> "Overlay":
        """With the products of `changes` added, replaced or (None) removed, and `codes` for those that have one.

        A product whose title stays keeps its code. Codes of products that are not live are left out. `lexical`: of the
        published products.
        """
        live = dict(self.live)
        for product_id, product in changes.items():
            before = live.pop(product_id, None)
            if product is None:
                continue
            code = before.code if before and before.product.title == product.title else None
            if before and _same_text(before.product, product):
                live[product_id] = replace(before, product=product)
                continue
            weighted = weighted_terms(product, lexical.compounds)
            idf = {term: lexical.idf(term) for term in weighted}
            live[product_id] = LiveProduct(product, weighted, build_title_terms([product.title], idf), code)
        for product_id, code in codes.items():
            if product_id in live:
                live[product_id] = replace(live[product_id], code=code)
        return Overlay(live, self.gone | changes.keys())


def _same_text(first: Product, second: Product) -> bool:
    """Whether both hold the same terms: a new price or stock changes none."""
    return all(getattr(first, name) == getattr(second, name) for name in _TEXTS)
