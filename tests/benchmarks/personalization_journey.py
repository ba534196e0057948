"""Personalised ranking on a year of real purchases, beside others, in one run.

    .venv/bin/pip install -r tests/requirements-benchmarks.txt
    OMP_NUM_THREADS=1 python -m tests.benchmarks.personalization_journey [--searches 20000] [--json FILE] [--plots DIR]

What a search is, and of which products, says `tests.benchmarks.journey`. Profiles and crowd are those of serving, fed
purchase by purchase. *Frozen*: searches of weeks 47 to 53, history as it was after week 46. *Streamed*: the same weeks,
history up to the day before. The learnt model is trained on lists of weeks up to 46 alone: frozen ones after weeks 20,
32, 38 and 40, and streamed ones of weeks 38 to 46. *Located*: the visit says in which store it is, as a session's
`location` does; otherwise it is the household's usual one. Peers know everything that was bought, ours a profile of
four kilobytes. Ten to fifteen minutes on one core.

The trade-off moves products that the profile does not hold up by δ: what is new to a household gains, the rest loses.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import scipy.sparse as sp
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from threadpoolctl import threadpool_limits

from core.personalization.features import FEATURES, PLACE, FloatArray
from core.personalization.product_taste import product_components
from core.personalization.score import Formula
from tests.benchmarks.journey import DAY, Journey, Lists, Search, Shop, days, measures, ranks, read_journey, sampled

PEERS = ("popularity", "popularity, 4 weeks", "own purchases + popularity", "own, 12-week decay + popularity", "ALS-64")
_FREEZES = {20: (21, 27), 32: (33, 39), 38: (39, 45), 40: (41, 46), 46: (47, 53)}
_TEST, _STREAMED, _STREAMED_TEST = 46, (38, 46), (47, 53)
_LAST_WEEK = 53
_DELTAS = (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
_PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank", "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 100, "feature_fraction": 0.6,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5.0, "max_bin": 63, "lambdarank_truncation_level": 20,
    "num_threads": 1, "verbose": -1, "seed": 0, "deterministic": True,
}  # fmt: skip
_TREES = 120


@dataclass
class Collected:
    """Lists in the making."""

    tables: list[FloatArray] = field(default_factory=list)
    located: list[FloatArray] = field(default_factory=list)
    peers: list[FloatArray] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    relevant: list[int] = field(default_factory=list)
    bought_before: list[bool] = field(default_factory=list)

    def lists(self, *, located: bool = False) -> Lists:
        tables = self.located if located else self.tables
        return Lists(
            np.concatenate(tables), np.array(self.sizes), np.array(self.relevant), np.array(self.bought_before)
        )


@dataclass
class Counts:
    """What peers know: every purchase, without a bound."""

    journey: Journey
    bought: dict[int, dict[int, tuple[int, float, int]]] = field(default_factory=lambda: defaultdict(dict))
    popular: FloatArray = field(init=False)
    _recent: FloatArray = field(init=False)
    _at: np.ndarray[Any, np.dtype[np.int64]] = field(init=False)
    als: tuple[FloatArray, FloatArray] | None = None

    def __post_init__(self) -> None:
        size = len(self.journey.ids)
        self.popular, self._recent = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self._at = np.zeros(size, np.int64)

    def take_in(self, events: range) -> None:
        journey = self.journey
        for number in events:
            household, product, at = (int(one[number]) for one in (journey.household, journey.product, journey.at))
            count, decayed, last = self.bought[household].get(product, (0, 0.0, at))
            faded = decayed * 2.0 ** ((last - at) / (84 * DAY)) + 1
            self.bought[household][product] = count + 1, faded, at
            self._recent[product] = self._recent[product] * 2.0 ** ((self._at[product] - at) / (28 * DAY)) + 1
            self._at[product] = at
            self.popular[product] += 1

    def scores(self, search: Search, rows: np.ndarray[Any, np.dtype[np.int64]]) -> FloatArray:
        """`(R, 5)`, one column for each of `PEERS`."""
        own = self.bought[search.household]
        popular = self.popular[rows]
        share = popular / max(float(popular.sum()), 1.0)
        recent = self._recent[rows] * 2.0 ** ((self._at[rows] - search.at) / (28 * DAY))
        counts, decayed = np.zeros(len(rows)), np.zeros(len(rows))
        for at, product in enumerate(rows.tolist()):
            if product in own:
                counts[at] = own[product][0]
                decayed[at] = own[product][1] * 2.0 ** ((own[product][2] - search.at) / (84 * DAY))
        als = self.als[1][rows] @ self.als[0][search.household] if self.als else np.zeros(len(rows))
        return np.stack([popular, recent, counts + share, decayed + 0.1 * share, als], 1).astype(np.float32)

    def fit_als(self) -> None:
        """Implicit alternating least squares (Hu, Koren and Volinsky, ICDM 2008) on log counts."""
        from implicit.als import AlternatingLeastSquares

        triples = [(house, one, known[0]) for house, some in self.bought.items() for one, known in some.items()]
        house, product, count = (np.array(column) for column in zip(*triples, strict=True))
        shape = (int(self.journey.household.max()) + 1, len(self.journey.ids))
        matrix = sp.csr_matrix((np.log1p(count).astype(np.float32), (house, product)), shape=shape)
        model = AlternatingLeastSquares(
            64, regularization=5.0, alpha=10.0, iterations=12, random_state=0, num_threads=1
        )
        model.fit(matrix, show_progress=False)
        self.als = model.user_factors, model.item_factors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--searches", type=int, default=20_000, metavar="N", help="of the test, and half of it a freeze"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR")
    options = parser.parse_args()
    threadpool_limits(1)
    console = Console(highlight=False, width=None if Console().is_terminal else 150)
    journey = read_journey()
    frozen, streamed, streamed_training = _year(journey, options.searches, console)
    figures: dict[str, dict[str, float]] = {}
    _measure_frozen(console, figures, frozen)
    learnt = _train([frozen[week].lists() for week in frozen if week != _TEST])
    test = frozen[_TEST].lists()
    scores = learnt.predict(test.table, num_threads=1)
    figures["frozen: learnt"] = measures(ranks(scores, test), test)
    located = _train([frozen[week].lists(located=True) for week in frozen if week != _TEST])
    there = frozen[_TEST].lists(located=True)
    figures["frozen: formula, located"] = measures(ranks(_formula(there), there), there)
    figures["frozen: learnt, located"] = measures(ranks(located.predict(there.table, num_threads=1), there), there)
    now = streamed.lists()
    figures["streamed: popularity"] = measures(ranks(np.concatenate(streamed.peers)[:, 0], now), now)
    figures["streamed: own, 12-week decay + popularity"] = measures(
        ranks(np.concatenate(streamed.peers)[:, 3], now), now
    )
    figures["streamed: formula"] = measures(ranks(_formula(now), now), now)
    later = _train([streamed_training.lists(), *(frozen[week].lists() for week in (32, 40))])
    figures["streamed: learnt"] = measures(ranks(later.predict(now.table, num_threads=1), now), now)
    _print(console, figures, len(test.sizes))
    curve = _trade_off(scores, test)
    _print(console, curve, len(test.sizes), "learnt, frozen: products that the profile does not hold moved up by δ")
    if options.plots:
        _plot(curve, options.plots)
    if options.json:
        options.json.write_text(
            json.dumps({"measured on": "Complete Journey", "systems": figures, "trade-off": curve}, indent=1)
        )
    return 0


def _year(journey: Journey, searches: int, console: Console) -> tuple[dict[int, Collected], Collected, Collected]:
    """Frozen lists by week, the streamed ones of the test, and those to learn from."""
    shop, counts = Shop(journey), Counts(journey)
    frozen = {week: Collected() for week in _FREEZES}
    streamed, training = Collected(), Collected()
    of_day: dict[int, list[tuple[Collected, Search]]] = defaultdict(list)
    for (first, last), into in ((_STREAMED, training), (_STREAMED_TEST, streamed)):
        for search in sampled(journey.searches(first, last), searches):
            of_day[search.at // DAY].append((into, search))
    with Progress(console=console) as progress:
        task = progress.add_task("a year of purchases", total=_LAST_WEEK)
        for week in range(1, _LAST_WEEK + 1):
            for day, events in days(journey, week, week):
                for into, search in of_day[day]:
                    _collect(into, shop, counts, search)
                shop.take_in(events)
                counts.take_in(events)
            if week in _FREEZES:
                first, last = _FREEZES[week]
                if week == _TEST:
                    counts.fit_als()
                size = searches if week == _TEST else searches // 2
                for search in sampled(journey.searches(first, last), size):
                    _collect(frozen[week], shop, counts, search)
            progress.advance(task)
    return frozen, streamed, training


def _collect(into: Collected, shop: Shop, counts: Counts, search: Search) -> None:
    table, rows = shop.features(search)
    into.tables.append(table)
    into.located.append(shop.features(search, located=True)[0])
    into.peers.append(counts.scores(search, rows))
    into.sizes.append(len(rows))
    into.relevant.append(int(np.searchsorted(rows, search.product)))
    into.bought_before.append(search.product in counts.bought[search.household])


def _measure_frozen(console: Console, figures: dict[str, dict[str, float]], frozen: dict[int, Collected]) -> None:
    test = frozen[_TEST].lists()
    peers = np.concatenate(frozen[_TEST].peers)
    for column, name in enumerate(PEERS):
        figures[f"frozen: {name}"] = measures(ranks(peers[:, column], test), test)
    figures["frozen: formula"] = measures(ranks(_formula(test), test), test)


def _formula(lists: Lists) -> FloatArray:
    """The final scores of the formula as it is served."""
    formula, ends = Formula(), np.cumsum(lists.sizes)
    return np.concatenate(
        [
            formula.final(product_components(lists.table[end - size : end]))
            for size, end in zip(lists.sizes, ends, strict=True)
        ]
    )


def _train(lists: Sequence[Lists]) -> Any:
    label = np.concatenate([_labels(some) for some in lists])
    sizes = np.concatenate([some.sizes for some in lists])
    table = np.concatenate([some.table for some in lists])
    data = lightgbm.Dataset(table, label, group=sizes, feature_name=list(FEATURES))
    return lightgbm.train(_PARAMETERS, data, _TREES)


def _labels(lists: Lists) -> np.ndarray[Any, np.dtype[np.int32]]:
    label = np.zeros(len(lists.table), np.int32)
    label[np.cumsum(lists.sizes) - lists.sizes + lists.relevant] = 1
    return label


def _trade_off(scores: FloatArray, lists: Lists) -> dict[str, dict[str, float]]:
    unknown = lists.table[:, PLACE["own_season"]] <= 0
    return {f"δ = {delta}": measures(ranks(scores + delta * unknown, lists), lists) for delta in _DELTAS}


def _print(console: Console, figures: dict[str, dict[str, float]], searches: int, title: str = "") -> None:
    table = Table(title=title or f"{searches:,} searches of weeks 47 to 53")
    table.add_column("")
    for measure in next(iter(figures.values())):
        table.add_column(measure)
    for name, row in figures.items():
        table.add_row(name, *(f"{value:.4f}" for value in row.values()))
    console.print(table)


def _plot(curve: dict[str, dict[str, float]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    axes.plot([one["MRR@20, new"] for one in curve.values()], [one["MRR@20"] for one in curve.values()], "o-")
    for name, one in curve.items():
        axes.annotate(name, (one["MRR@20, new"], one["MRR@20"]), fontsize=8)
    axes.set_xlabel("MRR@20 where the product is new to the household")
    axes.set_ylabel("MRR@20 of all searches")
    axes.grid(alpha=0.3)
    figure.savefig(folder / "personalization_trade_off.png", dpi=120, bbox_inches="tight")


if __name__ == "__main__":
    raise SystemExit(main())
