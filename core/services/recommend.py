"""Recommend: candidates by reason → what cannot be wanted goes → taste → not ten of one kind → the reasons take turns.

- similar: the nearest titles in meaning to one product, and what the same shoppers look at
- bought together: what the same shoppers bought with it
- for you: what is near the shopper's interests, and what goes with the products that drew the shopper
- trending: what is more popular these days than usual; where nothing is, what is popular, or was rated most
- new: what came into the catalogue last

Each candidate has a base score in [0, 1] by its reason; taste is added as in search, with a longer reach: nobody asked
for these products, so nothing is overruled.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import NoCatalogError, UnknownProductError
from core.personalization.decayed import SEASON
from core.personalization.features import own_dealings
from core.personalization.interests import interests
from core.personalization.keys import Space, key_of
from core.personalization.shopper import Shopper
from core.ranking.business import Business
from core.retrieval.columns import IntArray
from core.retrieval.products import ProductIndex
from core.services.current_products import CurrentProducts
from core.services.recommendation import Reason, Recommendation
from core.services.taste import ProductTaste

FloatArray = npt.NDArray[np.float32]

REACH = 0.5
_CANDIDATES = 100  # of a reason
_OF_A_KIND = 3  # products of one pseudo-category, for one reason
_INTERESTING = 40  # products of a profile whose vectors are looked at
_BOUGHT_LATELY = 30.0  # days in which what was bought is not wanted again, unless it is due
_DUE = 0.8  # of the usual gap
_FLOORED, _FLOOR = (Reason.FOR_YOU, Reason.SIMILAR), 0.5  # of the best one's base score
_OF_PRODUCT = (Reason.SIMILAR, Reason.BOUGHT_TOGETHER)
_ANYWHERE = (Reason.FOR_YOU, Reason.TRENDING, Reason.NEW)

Found = Mapping[int, float]
"""Base score in [0, 1] by row."""


@dataclass(frozen=True, slots=True)
class _Line:
    row: int
    reason: Reason
    score: float
    explain: Mapping[str, float] | None


class RecommendService:
    """Recommends from one version. Thread-safe."""

    def __init__(self, current: CurrentProducts, taste: ProductTaste, business: Business) -> None:
        self._current, self._taste, self._business = current, taste, business

    def recommend(
        self,
        shopper: Shopper,
        limit: int,
        product_id: str | None = None,
        reasons: Sequence[Reason] = (),
        *,
        explain: bool = False,
    ) -> list[Recommendation]:
        """At most `limit` products, each once. `reasons`: only these; none given: all that apply, of a product first.

        Raises NoCatalogError without a catalogue, UnknownProductError for a product that it does not hold.
        """
        index = self._current.index
        if index is None:
            raise NoCatalogError("this shop was set up from queries alone: there are no products to recommend")
        own = None if product_id is None else index.row_of(product_id)
        if product_id is not None and own is None:
            raise UnknownProductError(f"the catalogue does not hold the product {product_id}")
        wanted = reasons or (_ANYWHERE if own is None else (*_OF_PRODUCT, Reason.FOR_YOU))
        sections = [
            self._ranked(index, shopper, reason, self._found(index, shopper, reason, own), own, explain)
            for reason in dict.fromkeys(wanted)
        ]
        lines = _in_turns(sections, limit)
        return [Recommendation(index.ids[line.row], line.reason, line.score, line.explain) for line in lines]

    def _found(self, index: ProductIndex, shopper: Shopper, reason: Reason, own: int | None) -> Found:
        if reason is Reason.SIMILAR:
            return {} if own is None else self._similar(index, shopper, own)
        if reason is Reason.BOUGHT_TOGETHER:
            return {} if own is None else self._bought_together(index, shopper, own)
        if reason is Reason.FOR_YOU:
            return self._for_you(index, shopper)
        return self._trending(index, shopper) if reason is Reason.TRENDING else _new(index)

    def _similar(self, index: ProductIndex, shopper: Shopper, own: int) -> Found:
        rows, cosines = index.dense.nearest(index.dense.vectors(np.array([own], np.int32))[0], _CANDIDATES)
        found = {row: max(0.0, score) for row, score in zip(rows.tolist(), cosines.tolist(), strict=True)}
        key = key_of(Space.PRODUCT, index.ids[own])
        for row, score in self._rows(index, shopper.crowd.viewed_with(key, _CANDIDATES)).items():
            found[row] = min(1.0, found.get(row, 0.0) + score)
        return found

    def _bought_together(self, index: ProductIndex, shopper: Shopper, own: int) -> Found:
        key = key_of(Space.PRODUCT, index.ids[own])
        return self._rows(index, shopper.crowd.bought_with(key, _CANDIDATES))

    def _for_you(self, index: ProductIndex, shopper: Shopper) -> Found:
        drawn = shopper.profile.products
        strengths = drawn.strengths(shopper.now)
        best = np.argsort(-strengths, kind="stable")[:_INTERESTING]
        known = self._rows(index, zip(drawn.key_array()[best].tolist(), strengths[best].tolist(), strict=True))
        found: dict[int, float] = {}
        if known:
            rows = np.array(list(known), np.int32)
            centres, shares = interests(index.dense.vectors(rows), np.array(list(known.values()), np.float32))
            for centre, share in zip(centres, shares.tolist(), strict=True):
                near, cosines = index.dense.nearest(centre, _CANDIDATES)
                for row, cosine in zip(near.tolist(), cosines.tolist(), strict=True):
                    found[row] = max(found.get(row, 0.0), cosine * (0.5 + 0.5 * share))
        goes = self._taste.goes_with(shopper)
        nearest = sorted(goes.items(), key=lambda pair: (-pair[1], pair[0]))[:_CANDIDATES]
        most = nearest[0][1] if nearest else 1.0
        for row, score in self._rows(index, nearest).items():
            found[row] = min(1.0, found.get(row, 0.0) + 0.5 * score / most)
        return found

    def _trending(self, index: ProductIndex, shopper: Shopper) -> Found:
        rising = shopper.crowd.rising(_CANDIDATES, shopper.now) or shopper.crowd.popular(_CANDIDATES, shopper.now)
        found = self._rows(index, rising)
        if found:
            most = max(found.values())
            return {row: score / most for row, score in found.items()}
        rows = index.served_rows
        worth = self._business.addition(index.columns, rows)
        best = np.lexsort((rows, -worth))[:_CANDIDATES]
        return {int(rows[at]): max(0.0, float(worth[at])) for at in best if worth[at] > 0}

    def _ranked(
        self, index: ProductIndex, shopper: Shopper, reason: Reason, found: Found, own: int | None, explain: bool
    ) -> list[_Line]:
        """Best first; sold-out products, the product itself and what was bought lately are left out."""
        rows = np.array(sorted(set(found) - {own}), np.int32)
        if index.lexical.alive is not None and len(rows):
            rows = rows[index.lexical.alive[rows]]
        rows = rows[index.columns.in_stock[rows] != 0]
        if not len(rows):
            return []
        base = np.array([found[row] for row in rows.tolist()], np.float32)
        if reason in _FLOORED:  # fewer, rather than what has little to do with it
            rows, base = rows[base >= _FLOOR * base.max()], base[base >= _FLOOR * base.max()]
        if reason not in _OF_PRODUCT:
            wanted = self._wanted(index, rows, shopper)
            rows, base = rows[wanted], base[wanted]
            if not len(rows):
                return []
        taste = self._taste.of(index, rows, shopper)
        total = (1 - REACH) * base + REACH * taste.final
        lines = []
        kinds: Counter[int] = Counter()
        for at in np.lexsort((rows, -total)).tolist():
            kind = int(index.categories[rows[at]])
            kinds[kind] += kind >= 0  # of what came in live the kind is not known
            if kinds[kind] > _OF_A_KIND and reason is not Reason.SIMILAR:
                continue
            said = None
            if explain:
                said = {
                    "base": round(float((1 - REACH) * base[at]), 6),
                    "taste": round(float(REACH * taste.final[at]), 6),
                    "final": round(float(taste.final[at]), 6),
                    **shopper.formula.explained(taste.components[at]),
                }
            lines.append(_Line(int(rows[at]), reason, round(float(total[at]), 6), said))
        return lines

    def _wanted(self, index: ProductIndex, rows: IntArray, shopper: Shopper) -> npt.NDArray[np.bool_]:
        """Which are not turned down, nor bought lately; what is bought again and again comes when it is due."""
        own = own_dealings(shopper.profile, self._taste.facts.items(index, rows).product, shopper.now)
        due = (own.gap > 0) & (own.since_bought >= _DUE * own.gap)
        wanted: npt.NDArray[np.bool_] = (own.strengths[:, SEASON] >= 0) & (
            (own.since_bought > _BOUGHT_LATELY) | (own.purchases == 0) | due
        )
        return wanted

    def _rows(self, index: ProductIndex, scored: Iterable[tuple[int, float]]) -> dict[int, float]:
        """Scores by row instead of key; products that are gone are left out."""
        pairs = list(scored)
        rows = self._taste.facts.rows_of(index, [key for key, _ in pairs])
        return {row: score for row, (_, score) in zip(rows, pairs, strict=True) if row is not None}


def _new(index: ProductIndex) -> Found:
    """The latest by when they were made; the newest has 1, and each further one less."""
    rows = index.served_rows
    created = index.columns.created_at[rows]
    rows, created = rows[created > 0], created[created > 0]
    latest = np.lexsort((rows, -created))[:_CANDIDATES]
    return {int(rows[at]): 1 - place / _CANDIDATES for place, at in enumerate(latest)}


def _in_turns(sections: Sequence[Sequence[_Line]], limit: int) -> list[_Line]:
    """One of each section after the other; a product that two have is of the first that shows it."""
    queues = [list(section) for section in sections]
    lines: list[_Line] = []
    taken: set[int] = set()
    while len(lines) < limit and any(queues):
        for queue in queues:
            while queue and queue[0].row in taken:
                queue.pop(0)
            if queue and len(lines) < limit:
                lines.append(queue.pop(0))
                taken.add(lines[-1].row)
    return lines
