"""From shown lists to a reranker, and what it is worth to shoppers that it never saw.

    lists → θ by rank → one weighted group a click → LambdaMART

**What takes the bias out.** Clicks weighted by inverse propensity, not LightGBM's own `position` field. True nDCG of
the learnt order, simulated (`data_generation.click_simulator`, η = 1, 4,000 / 12,000 lists, means of three shops). The
log was ordered by what shoppers hardly care for (shown: .763), and by what they do care for (.945):

    clicks as they are       .885 / .894    .961 / .966
    weighted (published)     .950 / .959    .957 / .960
    `position`               .950 / .955    .954 / .957
    both                     .951 / .959    .944 / .951
    weights on rows alone    .943 / .950    .956 / .960

`position` learns the bias along with the trees, and gives the ranks what a good order deserves. The number of trees
goes by the number of clicks: stopping early by other shoppers stops at noise (.937 instead of .950 on the first log of
4,000 lists, .958 instead of .957 on the second).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from config.progress import Update
from core.evaluation.metrics import bootstrap_interval
from core.personalization.features import FEATURES
from core.personalization.product_taste import product_components
from core.personalization.reranker import Reranker
from core.personalization.score import Formula
from database.repositories.lists import EXPERIMENT_ARM
from training.reranking.lists import (
    FloatArray,
    TasteTable,
    examination,
    propensity_weights,
    training_rows,
)

Final = Callable[[FloatArray], FloatArray]
"""Features `(R, F)` of one list → what taste says of each product, `(R,)` in [0, 1]."""

LEAST_LISTS = 500  # where something was clicked; from fewer a reranker learns noise
LEAST_SHOPPERS, LEAST_HELD_OUT = 50, 12  # with a click
LEARNED_ARM = "learned"  # `list_log.arm` of lists that a reranker ordered; most others are the formula's
HELD_OUT = 0.2  # of the shoppers
_SIZES = ((5_000, 7, 50), (50_000, 15, 100))  # below so many clicks: leaves, trees
_LARGEST = (31, 100)
_PARAMETERS = {
    "objective": "lambdarank",
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
        """Whether held-out lists are ordered better than they were shown, beyond chance.

        Of fewer than `LEAST_HELD_OUT` shoppers no interval says anything: one of a single shopper has no width.
        """
        return self.figures["held-out shoppers"] >= LEAST_HELD_OUT and self.figures["nDCG gain, low"] > 0


def by_formula(formula: Formula) -> Final:
    """What the fixed formula says."""
    return lambda table: formula.final(product_components(table))


def learn(
    table: TasteTable,
    formula: Formula,
    seed: int,
    update: Update,
    least: int = LEAST_LISTS,
    previous: Final | None = None,
) -> Learnt:
    """The reranker that `table` teaches; `previous` ordered the lists of `LEARNED_ARM`.

    Raises ValueError for fewer than `least` lists with a click, and where no held-out list can be measured.
    """
    followed = table.followed()
    if len(followed) < least:
        raise ValueError(
            f"{len(followed):,} lists for known shoppers with a click are too few to learn a reranker from: "
            f"{least:,} needed; a click counts where its event names the list's request_id"
        )
    shoppers = len(set(followed.shopper))
    if shoppers < LEAST_SHOPPERS:
        raise ValueError(
            f"these lists are of {shoppers:,} shoppers, too few to say anything about others: {LEAST_SHOPPERS} needed"
        )
    learning, held_out = table.split(HELD_OUT, seed)
    fixed = by_formula(formula)
    update(0, "how far down shoppers look")
    seen = examination(learning, of_each(learning, fixed))
    update(0.3, "trees")
    reranker = fit(learning.followed(), seen, seed)
    update(0.9, "held-out shoppers")
    known = {LEARNED_ARM: previous, EXPERIMENT_ARM: None}
    arms = {arm: known.get(arm, fixed) for arm in set(held_out.arm)}
    figures = measured(held_out.followed(), seen, reranker.final, arms, formula.reach)
    trees = {"trees": float(reranker.booster.num_trees()), "looked at, rank 10": float(seen[9])}
    return Learnt(reranker, seen, {**figures, **trees, "lists with a click": float(len(followed))})


def fit(followed: TasteTable, seen: npt.NDArray[np.float64] | None, seed: int) -> Reranker:
    """LambdaMART on lists with clicks; `seen` None: clicks as they are. The same seed gives the same trees.

    Raises ValueError for no click.
    """
    import lightgbm

    rows = training_rows(followed, propensity_weights(followed, seen))
    if not len(rows.group):
        raise ValueError("nothing was clicked: there is nothing to learn from")
    weight = rows.weight / rows.weight.mean()
    leaves, trees = _size(len(rows.group))
    learning = lightgbm.Dataset(rows.features, rows.label, group=rows.group, weight=weight)
    return Reranker(lightgbm.train({**_PARAMETERS, "num_leaves": leaves, "seed": seed}, learning, trees), FEATURES)


def measured(
    followed: TasteTable,
    seen: npt.NDArray[np.float64] | None,
    learned: Final,
    ordered_by: Mapping[str, Final | None],
    reach: float,
) -> dict[str, float]:
    """MRR and nDCG of the clicked products, as shown and as they would have been: by propensity, each click by itself.

    What `learned` says takes the place, within the same `reach`, of what the list's arm was `ordered_by` (None: not
    known, such lists are left out). The products of a page keep its ranks. Intervals are over shoppers. Raises
    ValueError where no list can be measured.
    """
    weights = propensity_weights(followed, seen)
    per_shopper: dict[str, npt.NDArray[np.float64]] = {}
    lists = clicks = 0
    for at, (shopper, arm) in enumerate(zip(followed.shopper, followed.arm, strict=True)):
        fixed = ordered_by[arm]
        if fixed is None:
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
        raise ValueError("no held-out list has a click and a known order: nothing can be measured")
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


def _size(clicks: int) -> tuple[int, int]:
    """Leaves and trees: few clicks cannot tell many cases apart."""
    return next(((leaves, trees) for below, leaves, trees in _SIZES if clicks < below), _LARGEST)
