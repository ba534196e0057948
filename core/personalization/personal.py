"""Personal: what the shopper did with each product in the long run, and what is like that."""

import numpy as np

from core.personalization.features import FloatArray
from core.personalization.known import Known

NEUTRAL = 0.1
HALF = 0.4  # strength, in `UNIT`s, that counts a half: a look
DRAWN, BOUGHT, DAYS = 0.7, 0.27, 0.03
ALIKE = 0.2  # what a product that was never touched may have, if it is like those that were
_BRAND, _ATTRIBUTES, _PRICE = 0.7, 0.9, 0.5  # how much each says of that


def personal(known: Known) -> FloatArray:
    """`(R,)` in [0, 1]: `NEUTRAL` for one of which the profile knows nothing, less for one that was turned down.

    A product's own part is its strength, its share of what was bought of the list, and these days. What that leaves
    open is filled by likeness: the brand, the attributes and the price level that the shopper is drawn to, in this
    list or anywhere; any of them may do (a noisy or).
    """
    strength = known.strength()
    own = DRAWN * strength / (strength + HALF) + BOUGHT * known["purchase_share"] + DAYS * known["own_days"]
    brand = np.maximum(known["brand_in_list"], known["brand"])
    attributes = np.maximum(known["attributes_in_list"], known["attributes"])
    unlike = (1 - _BRAND * brand) * (1 - _ATTRIBUTES * attributes) * (1 - _PRICE * known["price_level"])
    mixed = own + (1 - own) * ALIKE * (1 - unlike)
    neutral = NEUTRAL * np.exp2(known["against"])
    return np.asarray(neutral + (1 - NEUTRAL) * np.minimum(mixed, 1), np.float32)
