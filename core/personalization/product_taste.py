"""How well R products of a list suit a shopper: the four components of the formula, or the learnt model's score.

Each component is a share of the list, in [0, 1]: how the choice would fall if the component alone knew. So they can be
mixed, and what knows nothing of a list adds nothing to its order.
"""

import numpy as np

from core.personalization.candidates import Items
from core.personalization.features import PLACE, FloatArray, product_features
from core.personalization.reranker import Reranker
from core.personalization.score import Taste
from core.personalization.shopper import Shopper


def product_taste(
    shopper: Shopper, items: Items, price: FloatArray, goes_with: dict[int, float], model: Reranker | None
) -> Taste:
    """Of `items` with prices `(R,)`, R ≥ 1, as one list. `goes_with`: by product, as `Crowd.goes_with` gives it."""
    seen = shopper.crowd.seen(items.product, shopper.now, shopper.cohorts, goes_with)
    table = product_features(shopper.profile, items, price, seen, shopper.now)
    components = product_components(table)
    final = shopper.formula.final(components) if model is None else model.final(table)
    return Taste(components, final, table)


def product_components(table: FloatArray) -> FloatArray:
    """`(R, F)` features of one list → `(R, 4)` components, each in [0, 1]."""
    parts = [table[:, PLACE["own_season"]]] * 4
    return np.clip(np.stack(parts, 1), 0, 1)
