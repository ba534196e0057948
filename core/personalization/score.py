"""The score of the specification: four components, each in [0, 1], with weights that add up to 1.

    final = 0.4 · personal + 0.3 · contextual + 0.2 · collaborative + 0.1 · temporal

It is joined with the base score of a list so that taste never overrules relevance: `reach · final` is added, so nothing
passes what is more relevant by `reach`. `reach` is the bound of the displacement, a setting (PERSONALIZATION_REACH).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

COMPONENTS = ("personal", "contextual", "collaborative", "temporal")
WEIGHTS = (0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True, slots=True)
class Formula:
    """How taste counts: the weights of `COMPONENTS`, how far it reaches, and how many products of a list it ranks."""

    weights: tuple[float, float, float, float] = WEIGHTS
    reach: float = 0.15
    depth: int = 200
    explore: float = 0.0  # share of lists that show a product nobody knows yet higher than it has earned

    def final(self, components: FloatArray) -> FloatArray:
        """`(R, 4)` → `(R,)` in [0, 1]."""
        summed: FloatArray = components @ np.array(self.weights, np.float32)
        return summed

    def explained(self, components: FloatArray) -> Mapping[str, float]:
        """The four components `(4,)` of one thing and their weights, by name."""
        said = {name: round(float(value), 6) for name, value in zip(COMPONENTS, components, strict=True)}
        weights = zip(COMPONENTS, self.weights, strict=True)
        return said | {f"{name}_weight": weight for name, weight in weights}


@dataclass(frozen=True)
class Taste:
    """What taste says of R products: `final` `(R,)`, by the formula or by a learnt model, from `features` `(R, F)`.

    `of` makes the components out of the features, where somebody asks for them.
    """

    features: FloatArray  # as they were when it was ranked (`features.FEATURES`)
    final: FloatArray
    of: Callable[[FloatArray], FloatArray]

    @cached_property
    def components(self) -> FloatArray:
        """`(R, 4)`."""
        return self.of(self.features)
