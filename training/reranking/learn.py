"""From shown lists to a reranker, and what it is worth to shoppers that it never saw.

    lists → θ by rank → one weighted group a click → LambdaMART

**What takes the bias out.** Clicks weighted by inverse propensity, not LightGBM's own `position` field. On simulated
lists (`data_generation.click_simulator`, η = 1, 12,000 lists; true nDCG of the learnt order, more in
`tests/training/reranking`), with a log that was ordered by what shoppers hardly care for: .902 as clicked, .962 by
propensity, .963 by `position`; by what they do care for, 4,000 lists: .963, .958, .955. `position` learns the bias along
with the trees and gives ranks what a good order deserves; weighting costs less there, and the gain is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.metrics import bootstrap_interval
from core.personalization.features import FEATURES
from core.personalization.product_taste import product_components
from core.personalization.reranker import Reranker
from core.personalization.score import Formula
from training.progress import Update
from training.reranking.lists import (
    FloatArray,
    TasteTable,
    TrainingRows,
    examination,
    propensity_weights,
    training_rows,
)

Final = Callable[[FloatArray], FloatArray]
"""Features `(R, F)` of one list → what taste says of each product, `(R,)` in [0, 1]."""

LEAST_LISTS = 500  # where something was clicked; from fewer a reranker learns noise
LEARNED_ARM = "learned"  # lists that a reranker ordered: their order is not the formula's
HELD_OUT, _EARLY = 0.2, 0.15  # shares of the shoppers: to measure with, and to see when to stop
_TREES, _PATIENCE = 150, 30
_PARAMETERS = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "learning_rate": 0.05,
    "min_data_in_leaf": 300,
    "lambda_l2": 20.0,
    "lambdarank_norm": False,  # the weights are meant as they are
    "lambdarank_truncation_level": 50,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Learnt:
    """`seen` `(ranks,)`: θ by rank; `figures` are of the held-out shoppers, by name."""

    reranker: Reranker
    seen: npt.NDArray[np.float64]
    figures: Mapping[str, float]

    @property
    def pays(self) -> bool:
        """Whether held-out lists are ordered better than they were shown, beyond chance."""
        return self.figures["nDCG gain, low"] > 0


def by_formula(formula: Formula) -> Final:
    """What the fixed formula says."""
    return lambda table: formula.final(product_components(table))


def learn(table: TasteTable, formula: Formula, seed: int, update: Update, least: int = LEAST_LISTS) -> Learnt:
    """The reranker that `table` teaches. Raises ValueError for fewer than `least` lists with a click."""
    followed = table.followed()
    if len(followed) < least:
        raise ValueError(
            f"{len(followed):,} lists for known shoppers with a click are too few to learn a reranker from: "
            f"{least:,} needed"
        )
    learning, held_out = table.split(HELD_OUT, seed)
    fixed = by_formula(formula)
    update(0, "how far down shoppers look")
    seen = examination(learning, of_each(learning, fixed))
    update(0.3, "trees")
    reranker = fit(learning.followed(), seen, seed)
    update(0.9, "held-out shoppers")
    figures = measured(held_out.followed(), seen, reranker.final, fixed, formula.reach)
    trees = {"trees": float(reranker.booster.num_trees()), "looked at, rank 10": float(seen[9])}
    return Learnt(reranker, seen, {**figures, **trees, "lists with a click": float(len(followed))})


def fit(followed: TasteTable, seen: npt.NDArray[np.float64] | None, seed: int) -> Reranker:
    """LambdaMART on lists with clicks; `seen` None: clicks as they are. The same seed gives the same trees.

    Raises ValueError where all lists are of one shopper or two: there is nobody to see by when to stop.
    """
    import lightgbm

    rows, early = (training_rows(part, propensity_weights(part, seen)) for part in followed.split(_EARLY, seed + 1))
    if not len(rows.group) or not len(early.group):
        raise ValueError("too few shoppers to learn a reranker from")
    learning = _dataset(rows)
    parameters = {**_PARAMETERS, "num_leaves": _leaves(len(rows.group)), "seed": seed}
    booster = lightgbm.train(
        parameters,
        learning,
        _TREES,
        valid_sets=[_dataset(early, learning)],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    best = booster.model_to_string(num_iteration=max(booster.best_iteration, 1))
    return Reranker(lightgbm.Booster(model_str=best), FEATURES)


def measured(
    followed: TasteTable, seen: npt.NDArray[np.float64] | None, learned: Final, fixed: Final, reach: float
) -> dict[str, float]:
    """MRR and nDCG of the clicked products, as shown and as they would have been: by propensity, each click by itself.

    Only lists that the formula ordered. What `learned` says takes the place of the formula within the same `reach`; the
    products of a page keep its ranks. Intervals are over shoppers. Raises ValueError for no such list.
    """
    weights = propensity_weights(followed, seen)
    per_shopper: dict[str, npt.NDArray[np.float64]] = {}
    lists = clicks = 0
    for at, (shopper, arm) in enumerate(zip(followed.shopper, followed.arm, strict=True)):
        if arm == LEARNED_ARM:
            continue
        span = slice(int(followed.start[at]), int(followed.start[at + 1]))
        table, shown = followed.features[span], followed.rank[span]
        base = followed.score[span] - reach * fixed(table)
        order = np.argsort(-(base + reach * learned(table)), kind="stable")
        served = np.empty_like(shown)
        served[order] = shown
        weight = weights[span].astype(np.float64)
        gains = [weight @ worth for rank in (shown, served) for worth in (1 / rank, 1 / np.log2(1 + rank))]
        known = per_shopper.setdefault(shopper, np.zeros(5))
        known += [*gains, weight.sum()]
        lists, clicks = lists + 1, clicks + int(np.count_nonzero(weight))
    if not clicks:
        raise ValueError("no held-out list that the formula ordered has a click: nothing can be measured")
    sums = np.array(list(per_shopper.values()))
    shares = sums[:, :4] / sums[:, 4].mean()
    rr_shown, dcg_shown, rr_served, dcg_served = shares.mean(0).tolist()
    figures = {"held-out shoppers": float(len(sums)), "held-out lists": float(lists), "held-out clicks": float(clicks)}
    figures |= {"MRR shown": rr_shown, "MRR learned": rr_served, "nDCG shown": dcg_shown, "nDCG learned": dcg_served}
    for name, gain in (("MRR", shares[:, 2] - shares[:, 0]), ("nDCG", shares[:, 3] - shares[:, 1])):
        figures[f"{name} gain, low"], figures[f"{name} gain, high"] = bootstrap_interval(gain.tolist())
    return figures


def of_each(table: TasteTable, final: Final) -> FloatArray:
    """`final` of every product of every list, `(N,)`."""
    spans = zip(table.start[:-1].tolist(), table.start[1:].tolist(), strict=True)
    parts = [final(table.features[low:high]) for low, high in spans]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _dataset(rows: TrainingRows, like: Any = None) -> Any:  # lightgbm.Dataset, which has no types
    import lightgbm

    weight = rows.weight / rows.weight.mean()
    return lightgbm.Dataset(rows.features, rows.label, group=rows.group, weight=weight, reference=like)


def _leaves(clicks: int) -> int:
    """Few clicks cannot tell many cases apart."""
    return 7 if clicks < 5_000 else 15 if clicks < 50_000 else 31
