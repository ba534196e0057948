"""What the shop itself knows of a product, as a small addition to its score: never more than `LIMIT` either way.

A rating counts as far as it is backed: shrunk towards the shop's mean by the weight of `_PRIOR_RATINGS` ratings.
Relevance comes first; these decide between products that answer a query about equally well.
"""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.retrieval.columns import MARGIN_ATTRIBUTE, Coded, ProductColumns

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

LIMIT = 0.1
_RATING, _POPULARITY, _FRESHNESS, _MARGIN = 0.02, 0.02, 0.01, 0.01  # at most, each
_SOLD_OUT = -0.1
_PRIOR_RATINGS = 10.0
_FRESH_SECONDS = 30 * 86_400.0  # after which half of the freshness is gone


@dataclass(frozen=True, slots=True)
class Business:
    """Built once from the columns of a published index, for its means; rows may be of one with more behind."""

    mean_rating: float
    most_ratings: float
    margins: tuple[float, float]  # least and greatest

    @classmethod
    def of(cls, columns: ProductColumns) -> "Business":
        rated = columns.rating[~np.isnan(columns.rating)]
        margins = [value for value in map(_number, _margin(columns).values) if value is not None]
        return cls(
            float(rated.mean()) if len(rated) else 0.0,
            float(columns.rating_count.max(initial=0)),
            (min(margins, default=0.0), max(margins, default=0.0)),
        )

    def addition(self, columns: ProductColumns, rows: IntArray, now: float | None = None) -> FloatArray:
        """`(R,)` in [−LIMIT, LIMIT]; what is not known adds nothing. `now`: epoch seconds."""
        counts = columns.rating_count[rows]
        ratings = columns.rating[rows]
        backed = np.where(np.isnan(ratings), 0, counts)
        shrunk = (np.nan_to_num(ratings) * backed + self.mean_rating * _PRIOR_RATINGS) / (backed + _PRIOR_RATINGS)
        added = _RATING * (shrunk - self.mean_rating) / 5
        if self.most_ratings > 0:
            added = added + _POPULARITY * np.log1p(counts) / np.log1p(self.most_ratings)
        created = columns.created_at[rows]
        if created.any():
            age = np.maximum((time.time() if now is None else now) - created, 0)
            added = added + _FRESHNESS * np.where(created > 0, np.exp2(-age / _FRESH_SECONDS), 0)
        low, high = self.margins
        if high > low:
            coded = _margin(columns)
            table = np.array([*((_number(value) or low) for value in coded.values), low])  # the last: none
            added = added + _MARGIN * np.clip((table[coded.codes[rows]] - low) / (high - low), 0, 1)
        added = added + _SOLD_OUT * (columns.in_stock[rows] == 0)
        bounded: FloatArray = np.clip(added, -LIMIT, LIMIT).astype(np.float32)
        return bounded


def _margin(columns: ProductColumns) -> Coded:
    return columns.attributes.get(MARGIN_ATTRIBUTE, Coded(np.full(len(columns), -1, np.int32), ()))


def _number(text: str) -> float | None:
    try:
        value = float(text.rstrip(" %"))
    except ValueError:
        return None
    return value if np.isfinite(value) else None
