"""Collaborative: what goes with the products that the shopper is drawn to, in the eyes of shoppers like this one."""

from core.personalization.features import FloatArray
from core.personalization.known import Known

POWER = 0.05  # nearly whether it goes with them at all: see `contextual`


def collaborative(known: Known) -> FloatArray:
    """`(R,)` in [0, 1], 1 for the one that goes best with them; all 0 where none does."""
    return known.beside_best("goes_with", POWER)
