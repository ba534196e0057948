"""Personal: what the shopper did with each product in the long run, and what is like that."""

import numpy as np

from core.personalization.features import FloatArray
from core.personalization.known import Known

NEUTRAL = 0.1
HALF = 0.6  # strength, in `UNIT`s, that counts a half: a click, nearly
DRAWN, BOUGHT, DAYS, ALIKE = 0.65, 0.25, 0.03, 0.07


def personal(known: Known) -> FloatArray:
    """`(R,)` in [0, 1]: `NEUTRAL` for one of which the profile knows nothing, less for one that was turned down.

    The strength of each product, its share of what was bought of the list, these days, and what else was taken of its
    brand, attributes and price level, in this list or anywhere.
    """
    strength = known.strength()
    anywhere = (known["brand"] + known["attributes"] + known["price_level"]) / 3
    alike = np.maximum(np.maximum(known["brand_in_list"], known["attributes_in_list"]), anywhere)
    mixed = (
        DRAWN * strength / (strength + HALF)
        + BOUGHT * known["purchase_share"]
        + DAYS * known["own_days"]
        + ALIKE * alike
    )
    neutral = NEUTRAL * np.exp2(known["against"])
    return np.asarray(neutral + (1 - NEUTRAL) * np.minimum(mixed, 1), np.float32)
