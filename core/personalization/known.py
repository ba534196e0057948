"""The features of one list by name, as the components read them."""

import numpy as np

from core.personalization.features import PLACE, RARE, UNIT, FloatArray


class Known:
    """`table` `(R, F)`, R ≥ 1."""

    def __init__(self, table: FloatArray) -> None:
        self.table = table

    def __getitem__(self, name: str) -> FloatArray:
        """`(R,)`."""
        column: FloatArray = self.table[:, PLACE[name]]
        return column

    def one(self, name: str) -> float:
        """What is the same for all of the list."""
        return float(self.table[0, PLACE[name]])

    def strength(self) -> FloatArray:
        """`(R,)`: how strongly the shopper is drawn to each in the season, in units of `UNIT`."""
        total = UNIT * float(np.expm1(self.one("list_strength")))
        return np.asarray(self["own_season"] * (total + UNIT) / UNIT, np.float32)

    def beside_best(self, name: str, power: float) -> FloatArray:
        """`(R,)`: a logarithmic share of the list as its ratio to the largest, flattened by `power`; 0 for nothing."""
        share = np.maximum(np.exp(self[name]) - RARE, 0)
        most = float(share.max())
        if most <= 1e-6:
            return np.zeros(len(share), np.float32)
        return np.asarray((share / most) ** power, np.float32)
