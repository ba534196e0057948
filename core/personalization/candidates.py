"""What is ranked, as profiles see it: R products of one list."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.personalization.keys import KeyArray


@dataclass(frozen=True, slots=True)
class Items:
    """Keys `(R,)` of each product's names, `attributes` `(R, A)`; `NO_KEY` where it has none.

    `price_level` `(R,)` from 0, the cheapest fifth of its category, to 4; −1 where the price is not known.
    """

    product: KeyArray
    brand: KeyArray
    category: KeyArray
    kind: KeyArray
    attributes: KeyArray
    price_level: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.product)
