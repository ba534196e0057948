"""Personal: what the shopper did with each product in the long run, and what is like that."""

import numpy as np

from core.personalization.features import FloatArray
from core.personalization.known import Known

HALF = 3.3  # strength, in clicks, that counts a half: a purchase, nearly
NEUTRAL = 0.1
SATURATED, SHARE, DAYS, ALIKE = 0.4, 0.4, 0.05, 0.15


def personal(known: Known) -> FloatArray:
    """`(R,)` in [0, 1]: `NEUTRAL` for one of which the profile knows nothing, less for one that was turned down."""
    strength = known.strength()
    alike = np.maximum(
        known["brand_in_list"],
        np.maximum(known["attributes_in_list"], (known["brand"] + known["attributes"] + known["price_level"]) / 3),
    )
    mixed = (
        SATURATED * strength / (strength + HALF)
        + SHARE * known["own_season"]
        + DAYS * known["own_days"]
        + ALIKE * alike
    )
    neutral = NEUTRAL * np.exp2(known["against"])
    return np.asarray(neutral + (1 - NEUTRAL) * np.minimum(mixed, 1), np.float32)
