"""Shown lists as one table, and the rows that LambdaMART learns from, with the bias of positions taken out.

What is clicked at a rank where few look stands for all who did not look: it counts 1/θ(rank) times, at most
`MOST_WEIGHT` (Joachims, Swaminathan & Schnabel, WSDM 2017: propensity-weighted learning to rank, clipped). θ is
estimated by expectation-maximisation (`training.ranking.clicks`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

from core.personalization.features import FEATURES
from database.repositories.shown_searches import Impression
from database.repositories.taste_lists import TasteList
from training.ranking.clicks import appeal

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

MOST_WEIGHT = 10.0
_IMPRESSIONS = 200_000  # for θ: more make it no surer
_IN_A_LEVEL, _LEVELS = 12, 12  # times that a product is shown for a query, for each level of taste; levels at most


@dataclass(frozen=True, slots=True)
class TasteTable:
    """L lists with N products in all; those of list `l` are `start[l] : start[l + 1]`, in the order shown."""

    start: IntArray  # (L + 1,)
    query: tuple[str, ...]  # (L,)
    shopper: tuple[str, ...]  # (L,)
    arm: tuple[str, ...]  # (L,)
    item: tuple[str, ...]  # (N,)
    rank: IntArray  # (N,) 1-based
    score: FloatArray  # (N,)
    liked: FloatArray  # (N,) 0: not clicked
    features: FloatArray  # (N, F)

    def __len__(self) -> int:
        return len(self.query)

    def take(self, lists: Sequence[int]) -> "TasteTable":
        """These lists alone, in this order."""
        spans = [np.arange(self.start[at], self.start[at + 1]) for at in lists]
        rows = np.concatenate(spans) if spans else np.zeros(0, np.int64)
        return TasteTable(
            np.cumsum([0, *(len(span) for span in spans)], dtype=np.int64),
            tuple(self.query[at] for at in lists),
            tuple(self.shopper[at] for at in lists),
            tuple(self.arm[at] for at in lists),
            tuple(self.item[row] for row in rows.tolist()),
            self.rank[rows],
            self.score[rows],
            self.liked[rows],
            self.features[rows],
        )

    def followed(self) -> "TasteTable":
        """The lists where something was clicked."""
        clicked = np.add.reduceat(self.liked > 0, self.start[:-1]) if len(self) else np.zeros(0)
        return self.take(np.flatnonzero(clicked).tolist())

    def split(self, share: float, seed: int) -> tuple["TasteTable", "TasteTable"]:
        """The lists of most shoppers, and those of about `share` of them: nobody is in both."""
        apart = [crc32(f"{seed} {shopper}".encode()) < share * 2**32 for shopper in self.shopper]
        return (
            self.take([at for at, held in enumerate(apart) if not held]),
            self.take([at for at, held in enumerate(apart) if held]),
        )


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """One group of rows for each clicked product: it has label 1, the others of its list 0, all its weight."""

    features: FloatArray  # (M, F)
    label: npt.NDArray[np.int32]  # (M,)
    weight: FloatArray  # (M,)
    group: IntArray  # (clicks,) rows of each


def packed(lists: Iterable[TasteList]) -> TasteTable:
    """The lists as one table."""
    kept = list(lists)
    return TasteTable(
        np.cumsum([0, *(len(one.items) for one in kept)], dtype=np.int64),
        tuple(one.query for one in kept),
        tuple(one.shopper for one in kept),
        tuple(one.arm for one in kept),
        tuple(item for one in kept for item in one.items),
        np.concatenate([one.ranks for one in kept]).astype(np.int64) if kept else np.zeros(0, np.int64),
        np.concatenate([one.scores for one in kept]) if kept else np.zeros(0, np.float32),
        np.concatenate([one.liked for one in kept]) if kept else np.zeros(0, np.float32),
        np.concatenate([one.features for one in kept]) if kept else np.zeros((0, len(FEATURES)), np.float32),
    )


def examination(table: TasteTable, taste: FloatArray) -> npt.NDArray[np.float64]:
    """θ by rank, θ(1) = 1, of the ranks that `training.ranking.clicks` tells apart; `taste` `(N,)`: the formula's.

    A product is taken to appeal alike to all who are about as drawn to it, not to everybody: who likes it finds it
    further up, so the ranks would get what taste deserves (simulated, ordered by a good formula: θ(10) came out at a
    fifth of what it was, with levels of taste at .8 to 1.1). Raises ValueError for no lists.
    """
    lists = min(len(table), max(1, int(np.searchsorted(table.start, _IMPRESSIONS, side="right")) - 1))
    rows = int(table.start[lists])
    of_list = np.repeat(np.arange(len(table)), np.diff(table.start))[:rows].tolist()
    pairs = [(table.query[at], item) for at, item in zip(of_list, table.item[:rows], strict=True)]
    times = Counter(pairs)
    place = np.searchsorted(np.sort(taste[:rows]), taste[:rows], side="left") / max(rows, 1)  # in [0, 1), equal if tied
    return appeal(
        [
            Impression(pair[0], f"{pair[1]} {int(at * min(max(times[pair] // _IN_A_LEVEL, 1), _LEVELS))}", rank, liked)
            for pair, at, rank, liked in zip(
                pairs, place.tolist(), table.rank[:rows].tolist(), (table.liked[:rows] > 0).tolist(), strict=True
            )
        ]
    ).seen


def propensity_weights(
    table: TasteTable, seen: npt.NDArray[np.float64] | None, most: float = MOST_WEIGHT
) -> FloatArray:
    """`(N,)`: what followed × min(1/θ(rank), `most`), 0 where nothing did; `seen` None takes θ as 1 everywhere."""
    if seen is None:
        return table.liked
    theta = seen[np.minimum(table.rank, len(seen)) - 1]
    return np.asarray(table.liked / np.maximum(theta, 1 / most), np.float32)


def training_rows(table: TasteTable, weights: FloatArray) -> TrainingRows:
    """One group a click, as in the source: their sum is the gradient of the metric Σ weight / log₂(1 + rank)."""
    sizes = np.diff(table.start)
    clicked = np.flatnonzero(weights > 0)
    of_list = np.repeat(np.arange(len(table)), sizes)[clicked]
    group = sizes[of_list]
    first = np.cumsum(group) - group
    rows = np.arange(int(group.sum())) + np.repeat(table.start[of_list] - first, group)
    label = np.zeros(len(rows), np.int32)
    label[first + clicked - table.start[of_list]] = 1
    return TrainingRows(table.features[rows], label, np.repeat(weights[clicked], group), group)
