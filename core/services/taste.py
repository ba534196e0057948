"""Taste in a list of products: the best by relevance are ranked for the shopper, within the reach of the formula."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from core.personalization.features import LAYOUT
from core.personalization.product_taste import product_taste
from core.personalization.profile import Profile
from core.personalization.reranker import Reranker
from core.personalization.score import Taste
from core.personalization.shopper import Shopper
from core.ranking.item_facts import ItemFacts
from core.retrieval.columns import IntArray
from core.retrieval.products import ProductIndex
from core.services.search_order import Scores

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

_NEAR_SECONDS = 60.0  # that what goes with a profile's products is kept: the crowd moves on slowly
_DRAWN_AT_MOST = 40  # products of a profile that lead to others


@dataclass(frozen=True, slots=True)
class ListTaste:
    """`taste` of the products at the positions `at` `(T,)` among the scored ones; the others have none."""

    at: npt.NDArray[np.intp]
    taste: Taste
    shopper: Shopper
    arm: str  # `formula`, or `learned`

    def explained(self, at: int) -> Mapping[str, float]:
        """The components and weights of the product at one position, if it has any."""
        place = int(np.searchsorted(self.at, at))
        if place == len(self.at) or self.at[place] != at:
            return {}
        said = dict(self.shopper.formula.explained(self.taste.components[place]))
        return said | {"final": round(float(self.taste.final[place]), 6)}

    def features(self, at: int) -> tuple[float, ...] | None:
        """What the product at one position was ranked by, with the layout first; None where it was not."""
        place = int(np.searchsorted(self.at, at))
        if place == len(self.at) or self.at[place] != at:
            return None
        return (LAYOUT, *np.round(self.taste.features[place].astype(np.float64), 4).tolist())


class ProductTaste:
    """Of one version. Thread-safe."""

    def __init__(self, facts: ItemFacts, model: Reranker | None) -> None:
        self.facts, self._model = facts, model
        self._near: WeakKeyDictionary[Profile, tuple[float, dict[int, float]]] = WeakKeyDictionary()

    def of(self, index: ProductIndex, rows: IntArray, shopper: Shopper) -> Taste:
        """What taste says of the products of `rows` `(R,)`, as one list."""
        items = self.facts.items(index, rows)
        model = self._model if self.ranked_by_model(shopper) else None
        return product_taste(shopper, items, index.columns.price[rows], self.goes_with(shopper), model)

    def ranked_by_model(self, shopper: Shopper) -> bool:
        """Whether the learnt model has the say."""
        return shopper.learned and self._model is not None

    def in_list(
        self, index: ProductIndex, scores: Scores, kept: BoolArray, shopper: Shopper | None
    ) -> ListTaste | None:
        """Of the best of the `kept` `(R,)` by their scores; None where nothing is known of the shopper."""
        if shopper is None or not shopper.is_known or not shopper.formula.depth:
            return None
        at = np.flatnonzero(kept)
        depth = shopper.formula.depth
        if len(at) > depth:
            raw = scores.raw[at]
            at = np.sort(at[np.argpartition(-raw, depth - 1)[:depth]])
        if not len(at):
            return None
        arm = "learned" if self.ranked_by_model(shopper) else "formula"
        return ListTaste(at, self.of(index, scores.rows[at], shopper), shopper, arm)

    def goes_with(self, shopper: Shopper) -> dict[int, float]:
        """By product: how well it goes with what the shopper is drawn to most."""
        now = time.monotonic()
        known = self._near.get(shopper.profile)
        if known is not None and now - known[0] < _NEAR_SECONDS:
            return known[1]
        drawn = shopper.profile.products
        strengths = drawn.strengths(shopper.now)
        best = np.argsort(-strengths, kind="stable")[:_DRAWN_AT_MOST]
        best = best[strengths[best] > 0]
        near = shopper.crowd.goes_with(drawn.key_array()[best].tolist(), np.log1p(strengths[best]).tolist())
        self._near[shopper.profile] = now, near
        return near
