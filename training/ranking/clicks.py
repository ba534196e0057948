"""Grades from clicks, with the bias of positions taken out.

Position-based model: a product is clicked if its rank was looked at and it appeals, p = θ(rank) · γ(query, product).
Both are estimated by expectation-maximisation (Wang et al. 2018, without their regression), θ(1) = 1. A product far
down that is clicked although few look there appeals more than the first one clicked as often.

Where no shown lists are known, as in an imported log, clicks count as they are.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.domain import Action
from database.connection import Database
from database.repositories.shown_searches import Impression, imported_clicks, impressions
from training.ranking.judged import BEST_GRADE, LEAST_GRADE, Grades

CLICKS = (Action.CLICK, Action.VIEW, Action.ADD_TO_CART, Action.PURCHASE)
_RANKS = 50  # further down all are looked at alike
_ROUNDS = 300
_PRIOR_LOOKS, _PRIOR_LIKED = 2.0, 0.2  # what a pair counts as having, so that one click is no certainty

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Appeal:
    """`seen` `(_RANKS,)`: θ by rank; `pairs` with γ beside, `(N,)`."""

    seen: FloatArray
    pairs: tuple[tuple[str, str], ...]
    appeal: FloatArray


def appeal(shown: Sequence[Impression]) -> Appeal:
    """θ and γ of the shown products. Raises ValueError for none."""
    if not shown:
        raise ValueError("nothing was shown: there is no appeal to estimate")
    number: dict[tuple[str, str], int] = {}
    pair = np.array([number.setdefault((one.query, one.product_id), len(number)) for one in shown])
    rank = np.minimum(np.array([one.rank for one in shown]) - 1, _RANKS - 1)
    clicked = np.array([one.clicked for one in shown], np.float64)
    times = np.bincount(rank, minlength=_RANKS)
    pair_times = np.bincount(pair, minlength=len(number))
    seen, appealing = 1 / np.arange(1.0, _RANKS + 1), np.full(len(number), 0.1)
    for _ in range(_ROUNDS):
        both = seen[rank] * appealing[pair]
        missed = np.maximum(1 - both, 1e-9)
        looked = clicked + (1 - clicked) * seen[rank] * (1 - appealing[pair]) / missed
        liked = clicked + (1 - clicked) * appealing[pair] * (1 - seen[rank]) / missed
        seen = np.bincount(rank, looked, _RANKS) / np.maximum(times, 1)
        appealing = np.bincount(pair, liked, len(number)) / pair_times
        first = max(float(seen[0]), 1e-9)  # only the product of the two is observed: the first rank is always seen
        seen, appealing = np.clip(seen / first, 1e-3, 1), np.clip(appealing * first, 0, 1 - 1e-6)
    looks = np.bincount(pair, seen[rank], len(number))
    appealing = (appealing * looks + _PRIOR_LIKED) / (looks + _PRIOR_LOOKS)
    return Appeal(seen, tuple(number), appealing)


def graded(found: Appeal, clicked: frozenset[tuple[str, str]]) -> Grades:
    """Grades 1…3 within each query that has a clicked product: the most appealing one is perfect."""
    by_query: dict[str, dict[str, float]] = defaultdict(dict)
    for (query, product_id), value in zip(found.pairs, found.appeal, strict=True):
        by_query[query][product_id] = float(value) if (query, product_id) in clicked else 0.0
    return {query: _scaled(values) for query, values in by_query.items() if any(values.values())}


async def logged_clicks(database: Database) -> Grades:
    """What shoppers clicked, of the lists that were shown, or else of the imported log."""
    shown = await database.read(lambda connection: impressions(connection, CLICKS))
    if any(one.clicked for one in shown):
        return graded(appeal(shown), frozenset((one.query, one.product_id) for one in shown if one.clicked))
    counts: dict[str, dict[str, float]] = defaultdict(dict)
    for query, product_id, count in await database.read(imported_clicks):
        counts[query][product_id] = count
    return {query: _scaled(values) for query, values in counts.items()}


def _scaled(values: dict[str, float]) -> dict[str, float]:
    best = max(values.values())
    return {product: LEAST_GRADE + (BEST_GRADE - LEAST_GRADE) * value / best for product, value in values.items()}
