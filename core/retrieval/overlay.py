"""Products that changed since a version was published: rows behind its own, put together anew with every change.

A product is analysed once (its terms, its vector); the arrays of thousands then take some ten milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.domain import Product
from core.retrieval.lexical_build import Compounds, Weighted, weighted_terms

CodeArray = npt.NDArray[np.int8]

_TEXTS = ("title", "brand", "category", "attributes", "description")


@dataclass(frozen=True, slots=True)
class LiveProduct:
    """A product as it is now, with what was worked out of its text; `code` `(D,)` None: not embedded yet."""

    product: Product
    weighted: Weighted
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
        self, changes: Mapping[str, Product | None], codes: Mapping[str, CodeArray], compounds: Compounds
    ) -> "Overlay":
        """With the products of `changes` added, replaced or (None) removed, and `codes` for those that have one.

        A product whose title stays keeps its code. Codes of products that are not live are left out.
        """
        live = dict(self.live)
        for product_id, product in changes.items():
            before = live.pop(product_id, None)
            if product is None:
                continue
            code = before.code if before and before.product.title == product.title else None
            weighted = before.weighted if before and _same_text(before.product, product) else None
            live[product_id] = LiveProduct(product, weighted or weighted_terms(product, compounds), code)
        for product_id, code in codes.items():
            if product_id in live:
                live[product_id] = LiveProduct(live[product_id].product, live[product_id].weighted, code)
        return Overlay(live, self.gone | changes.keys())


def _same_text(first: Product, second: Product) -> bool:
    """Whether both hold the same terms: a new price or stock changes none."""
    return all(getattr(first, name) == getattr(second, name) for name in _TEXTS)
