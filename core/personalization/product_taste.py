"""How well R products of a list suit a shopper: the four components of the formula, or the learnt model's score.

All components are in [0, 1] and relative to the list, so that none depends on how much a shop or a shopper does. Their
constants were fitted on purchases of one public data set, with the weights of the formula left alone
(training/LOG.md).
"""

import numpy as np

from core.personalization.candidates import Items
from core.personalization.collaborative import collaborative
from core.personalization.contextual import contextual
from core.personalization.features import FloatArray, product_features
from core.personalization.known import Known
from core.personalization.personal import personal
from core.personalization.reranker import Reranker
from core.personalization.score import Taste
from core.personalization.shopper import Shopper
from core.personalization.temporal import temporal


def product_taste(
    shopper: Shopper, items: Items, price: FloatArray, goes_with: dict[int, float], model: Reranker | None
) -> Taste:
    """Of `items` with prices `(R,)`, R ≥ 1, as one list. `goes_with`: by product, as `Crowd.goes_with` gives it."""
    seen = shopper.crowd.seen(items.product, shopper.now, shopper.cohorts, goes_with)
    table = product_features(shopper.profile, items, price, seen, shopper.now)
    if model is not None:
        return Taste(table, model.final(table), product_components)
    components = product_components(table)
    return Taste(table, shopper.formula.final(components), lambda _: components)


def product_components(table: FloatArray) -> FloatArray:
    """`(R, F)` features of one list, R ≥ 1 → `(R, 4)` components, each in [0, 1]."""
    known = Known(table)
    parts = [personal(known), contextual(known), collaborative(known), temporal(known)]
    return np.asarray(np.clip(np.stack(parts, 1), 0, 1), np.float32)
