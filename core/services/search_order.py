"""The order of a result set: relevance with what the shop and the shopper would rather see, or a column."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.domain import AppliedRules, SortOrder
from core.ranking.business import Business
from core.retrieval.columns import ProductColumns
from core.retrieval.products import ProductIndex
from core.services.merchandising import adjustment, with_pins
from core.services.preferences import Preference

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

PREFERENCE = 0.05  # added for a preference that a product fulfils: its words have been searched for, too
_PREFERENCES = 0.15  # and for all together, at most


@dataclass(frozen=True, slots=True)
class Scores:
    """R rows with what makes their scores, `(R,)` each; `total` in [0, 1]."""

    rows: IntArray
    relevance: FloatArray
    business: FloatArray
    preference: FloatArray
    rule: FloatArray
    taste: FloatArray  # in [0, reach]; 0 where the list is for nobody in particular
    total: FloatArray

    @property
    def raw(self) -> FloatArray:
        """`(R,)`: not clipped, so that what is above 1 still has an order."""
        return self.relevance + self.business + self.preference + self.rule + self.taste

    def with_taste(self, at: npt.NDArray[np.intp], taste: FloatArray) -> "Scores":
        """The same with `taste` `(T,)` added at the positions `at` `(T,)`."""
        added = np.zeros(len(self.rows), np.float32)
        added[at] = taste
        with_it = replace(self, taste=added)
        return replace(with_it, total=np.clip(with_it.raw, 0, 1).astype(np.float32))

    def of(self, rows: IntArray) -> FloatArray:
        """The total scores of `rows`, in any order; 0 for a pinned product that is not among these."""
        if not len(self.rows):
            return np.zeros(len(rows), np.float32)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[at] == rows, self.total[at], 0).astype(np.float32)

    def explained(self, at: int) -> dict[str, float]:
        parts = {"business": self.business, "preference": self.preference, "rule": self.rule, "taste": self.taste}
        return {name: round(float(values[at]), 6) for name, values in parts.items() if values[at]}


def scored(
    index: ProductIndex,
    rows: IntArray,
    relevance: FloatArray,
    business: Business,
    preferences: tuple[Preference, ...],
    rules: AppliedRules,
) -> Scores:
    """`relevance` `(R,)` in [0, 1] with everything else that moves a product; each addition is bounded."""
    added = business.addition(index.columns, rows)
    wished = np.zeros(len(rows), np.float32)
    for preference in preferences:
        wished += np.float32(PREFERENCE * preference.weight) * preference.share(index.columns, rows)
    wished = np.minimum(wished, np.float32(_PREFERENCES))
    ruled = adjustment(rules.adjustments, index.columns, index.row_of, rows)
    total = np.clip(relevance + added + wished + ruled, 0, 1).astype(np.float32)
    return Scores(rows, relevance, added, wished, ruled, np.zeros(len(rows), np.float32), total)


def ordered(index: ProductIndex, scores: Scores, kept: BoolArray, sort: SortOrder) -> IntArray:
    """Rows of the `kept` `(R,)` in the asked order: unknown values last, ties by score, then by row."""
    rows, raw = scores.rows[kept], scores.raw[kept]
    by_score = np.lexsort((rows, -raw))
    rows = rows[by_score]
    key = _key(index.columns, rows, sort)
    return rows if key is None else rows[np.argsort(key, kind="stable")]


def pinned(index: ProductIndex, order: IntArray, rules: AppliedRules, masks: dict[str, BoolArray]) -> IntArray:
    """`order` with the pinned products at their places, where they are in the catalogue and pass the filters."""
    pins = [(row, place) for product, place in rules.pins if (row := index.row_of(product)) is not None]
    return with_pins(order, [(row, place) for row, place in pins if all(mask[row] for mask in masks.values())])


def _key(columns: ProductColumns, rows: IntArray, sort: SortOrder) -> npt.NDArray[np.floating] | None:
    if sort is SortOrder.PRICE_ASC:
        return np.nan_to_num(columns.price[rows], nan=np.inf)
    if sort is SortOrder.PRICE_DESC:
        return -np.nan_to_num(columns.price[rows], nan=-np.inf)
    if sort is SortOrder.RATING:
        return -np.nan_to_num(columns.rating[rows], nan=-np.inf)
    if sort is SortOrder.NEWEST:
        return -columns.created_at[rows].astype(np.float64)
    return None
