"""Whether a log tells what other rankers are worth: `python -m tests.benchmarks.offline_replay`.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.offline_replay [--lists 40000] [--share 0.5] [--eta 1.0] [--logs 10]

Simulated shoppers (`data_generation.click_simulator`) are shown lists of 20 by one ranker, a `--share` of them with two
products swapped. Ten other rankers are then valued from that log alone; what each would really get is known from the
click model. How far shoppers look (true: rank^−η) is read off the log, too. *Naive 1*: each place's click rate where
the target agrees with the log. *Naive 2*: each product's click rate wherever it was shown, times how far the target's
places are looked at relative to the average shown place. `--logs`: repeated with so many other logs, for the coverage.
"""

import argparse
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.table import Table

from config.progress import Steps
from core.experiments.moments import FloatArray
from core.experiments.position_bias import PositionBias, harvest
from core.experiments.replay import (
    BoolArray,
    IntArray,
    LoggedLists,
    Replay,
    Weights,
    by_examination,
    by_place,
    doubly_robust,
    inverse_propensity,
    jackknife,
    leave_out,
    self_normalised,
)
from core.experiments.reward_model import fit_appeal, fit_rates, score_bins
from core.experiments.swapping import marginals
from core.personalization.features import PLACE
from data_generation.click_simulator import ClickModel, SimulatedLists, draw_lists, make_world, simulate_clicks

CLIP = 50.0
Score = Callable[[SimulatedLists, np.random.Generator], npt.NDArray[np.floating]]
"""`(L, R)`, higher first."""


def likes(own: float, brand: float, price: float = 0.0, relevance: float = 1.0, noise: float = 0.0) -> Score:
    """The base score, and so much for what the shopper dealt with, brands, how far prices are off, and chance."""

    def score(lists: SimulatedLists, generator: np.random.Generator) -> npt.NDArray[np.floating]:
        of = {name: lists.features[..., PLACE[name]] for name in ("own_season", "brand", "price_distance")}
        total = relevance * lists.base + own * of["own_season"] + brand * of["brand"] - price * of["price_distance"]
        return np.asarray(total + noise * generator.normal(size=total.shape))

    return score


LOGGER = likes(0.03, 0.1)
RANKERS = {
    "relevance alone": likes(0, 0),
    "a little taste": likes(0.015, 0.05),
    "twice the taste": likes(0.06, 0.2),
    "much taste": likes(0.2, 0.8),
    "taste and price": likes(0.03, 0.1, 0.05),
    "price alone": likes(0, 0, 1, relevance=0),
    "brand alone": likes(0, 1, relevance=0),
    "some noise": likes(0.03, 0.1, noise=0.05),
    "much noise": likes(0.03, 0.1, noise=0.5),
    "against taste": likes(-0.1, -0.3),
}


@dataclass(frozen=True, slots=True)
class Log:
    """What was shown, `(L · R,)`, and what no log holds: each product's appeal."""

    log: LoggedLists
    rank: IntArray  # from 1, the logging ranker's
    score: FloatArray  # the logging ranker's
    lists: SimulatedLists
    at: IntArray  # (L, R) which of the list's products stands at each place
    model: ClickModel

    def places(self, score: Score, seed: int) -> IntArray:
        """The target's place of each product shown, from 1."""
        order = np.argsort(-score(self.lists, np.random.default_rng(seed)), axis=1, kind="stable")
        place = np.argsort(order, axis=1) + 1
        return np.asarray(np.take_along_axis(place, self.at, 1).ravel())

    def truth(self, places: IntArray) -> float:
        """Clicks per list that the target would get."""
        appeal = np.take_along_axis(self.lists.appeal, self.at, 1).ravel()
        return float((self.model.seen(places) * appeal).sum() / self.log.lists)


def draw_log(lists: int, share: float, eta: float, seed: int) -> Log:
    """Lists of the logging ranker, in a `share` of which two products changed places."""
    generator, world = np.random.default_rng(seed), make_world(seed)
    drawn = draw_lists(world, lists, seed + 1, lambda features: np.zeros(len(features), np.float32))
    score = LOGGER(drawn, generator)
    order = np.argsort(-score, axis=1, kind="stable")  # (L, R): which product has each rank
    size = order.shape[1]
    rank = np.tile(np.arange(size), (lists, 1))
    swapped = np.flatnonzero(generator.random(lists) < share)
    pairs = generator.permuted(np.tile(np.arange(size), (len(swapped), 1)), axis=1)[:, :2]
    rank[swapped[:, None], pairs] = pairs[:, ::-1]
    at = np.take_along_axis(order, rank, 1)
    model = ClickModel(eta)
    clicked = simulate_clicks(np.take_along_axis(drawn.appeal, at, 1), model, seed + 2).clicked
    place = np.tile(np.arange(size), (lists, 1))
    log = LoggedLists(
        np.repeat(np.arange(lists), size),
        place.ravel() + 1,
        marginals(size, share)[rank, place].ravel(),
        clicked.ravel().astype(np.float64),
    )
    shown = np.take_along_axis(score, at, 1).ravel().astype(np.float64)
    return Log(log, rank.ravel() + 1, shown, drawn, at, model)


@dataclass(frozen=True, slots=True)
class Examined:
    """A log, or what is left of it without a fold, with the examination harvested from it."""

    log: LoggedLists
    kept: BoolArray  # (N,)
    bias: PositionBias
    exposure: FloatArray

    @classmethod
    def of(cls, logged: Log, kept: BoolArray, share: float) -> "Examined":
        log, rank = logged.log.only(kept), logged.rank[kept]
        bias = harvest(rank, log.position, log.clicks)
        return cls(log, kept, bias, (marginals(len(bias.examination), share) @ bias.examination)[rank - 1])


def examined(logged: Log, share: float) -> list[Examined]:
    """All of it, and without each fold."""
    whole = np.ones(len(logged.rank), np.bool_)
    return [Examined.of(logged, kept, share) for kept in (whole, *leave_out(logged.log))]


def estimators(logged: Log, places: IntArray, parts: list[Examined]) -> dict[str, Callable[[], Replay]]:
    """What values one target, by name; the examination is the harvested one."""
    log, bins = logged.log, score_bins(logged.score)

    def looked(part: Examined) -> Weights:
        return by_examination(part.log, places[part.kept], part.bias.examination, part.exposure)

    def self_normalising(part: Examined) -> Replay:
        return self_normalised(part.log, looked(part))

    def robust(part: Examined) -> Replay:
        model = fit_appeal(part.log, bins[part.kept], places[part.kept], part.bias.examination)
        return doubly_robust(part.log, looked(part), *model)

    def knifed(estimate: Callable[[Examined], Replay]) -> Replay:
        return jackknife(estimate(parts[0]), [estimate(part).value for part in parts[1:]])

    exact = by_place(log, places)
    return {
        "IPS, by place": lambda: inverse_propensity(log, exact),
        "clipped IPS, by place": lambda: inverse_propensity(log, exact, CLIP),
        "SNIPS, by place": lambda: self_normalised(log, exact),
        "doubly robust, by place": lambda: doubly_robust(log, exact, *fit_rates(log, bins, places)),
        "IPS, by examination taken as known": lambda: inverse_propensity(log, looked(parts[0])),
        "SNIPS, by examination taken as known": lambda: self_normalising(parts[0]),
        "SNIPS, by examination": lambda: knifed(self_normalising),
        "doubly robust, by examination": lambda: knifed(robust),
    }


def naive(logged: Log, places: IntArray) -> Iterator[tuple[str, Replay]]:
    """What one would compute without weights, with the intervals that one would give."""
    log = logged.log
    agree = (places == log.position).astype(np.float64)
    plain = LoggedLists(log.number, log.position, np.ones(len(agree)), log.clicks)
    yield "naive 1: rates where it agrees", self_normalised(plain, by_place(plain, places))
    item = np.take_along_axis(logged.lists.product, logged.at, 1).ravel()
    item = item + int(item.max() + 1) * np.repeat(logged.lists.query, logged.at.shape[1])
    _, item = np.unique(item, return_inverse=True)
    rate = np.bincount(item, log.clicks) / np.bincount(item)
    looked = np.bincount(log.position, log.clicks)[1:]
    values = log.per_list(rate[item] * (looked / looked.mean())[places - 1])
    half = 1.96 * float(values.std()) / np.sqrt(log.lists)
    yield (
        "naive 2: rates of products",
        Replay(float(values.mean()), values.mean() - half, values.mean() + half, 0.0),
    )


def value_all(logged: Log, share: float, wanted: Collection[str] = ()) -> dict[str, list[tuple[float, Replay]]]:
    """By estimator (all, or those `wanted` and the naive ones): for each of the ten rankers the truth and the value."""
    done: dict[str, list[tuple[float, Replay]]] = {}
    parts = examined(logged, share)
    for number, score in enumerate(RANKERS.values()):
        places = logged.places(score, number)
        truth = logged.truth(places)
        for name, replay in naive(logged, places):
            done.setdefault(name, []).append((truth, replay))
        for name, estimate in estimators(logged, places, parts).items():
            if not wanted or name in wanted:
                done.setdefault(name, []).append((truth, estimate()))
    return done


def within(found: list[tuple[float, Replay]]) -> int:
    return sum(replay.low <= truth <= replay.high for truth, replay in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=40_000)
    parser.add_argument("--share", type=float, default=0.5, help="of lists with two products swapped")
    parser.add_argument("--eta", type=float, default=1.0)
    parser.add_argument("--logs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    steps = Steps()
    with steps.step("The log"):
        logged = draw_log(options.lists, options.share, options.eta, options.seed)
        bias = harvest(logged.rank, logged.log.position, logged.log.clicks)
    true = logged.model.seen(np.arange(1, len(bias.examination) + 1))
    low, high = bias.interval()
    table = Table("place", "looked at, true", "harvested", "95 %")
    for place in (1, 2, 3, 5, 10, 20):
        at = place - 1
        table.add_row(f"{place}", f"{true[at]:.3f}", f"{bias.examination[at]:.3f}", f"{low[at]:.3f} to {high[at]:.3f}")
    steps.console.print(table)
    with steps.step("Ten rankers"):
        found = value_all(logged, options.share)
    shown = ("naive 1: rates where it agrees", "naive 2: rates of products", "SNIPS, by place", "SNIPS, by examination")
    table = Table("ranker", "true clicks per list", *shown)
    for number, name in enumerate(RANKERS):
        cells = []
        for estimator in shown:
            truth, one = found[estimator][number]
            hit = "✓" if one.low <= truth <= one.high else "✗"
            cells.append(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f}) {hit}")
        table.add_row(name, f"{found[shown[0]][number][0]:.3f}", *cells)
    steps.console.print(table)
    covered: dict[str, list[int]] = {}
    with steps.step("Other logs") as update:
        for number in range(options.logs):
            other = draw_log(options.lists, options.share, options.eta, options.seed + 100 * (number + 1))
            for name, valued in value_all(other, options.share).items():
                covered.setdefault(name, []).append(within(valued))
            update((number + 1) / options.logs, "")
    table = Table(
        "estimator", "within its interval", "mean error", "mean half width", "effective size",
        f"of 10, in {options.logs} other logs", "logs with ≥ 9",
    )  # fmt: skip
    for name, valued in found.items():
        error = np.mean([abs(replay.value - truth) / truth for truth, replay in valued])
        half = np.mean([(replay.high - replay.low) / 2 / truth for truth, replay in valued])
        size = np.mean([replay.effective_size for _, replay in valued])
        others = covered.get(name, [])
        table.add_row(
            name, f"{within(valued)} of 10", f"{error:.1%}", f"{half:.1%}", f"{size:,.0f}" if size else "–",
            f"{np.mean(others):.1f}" if others else "–", f"{sum(hits >= 9 for hits in others)}",
        )  # fmt: skip
    steps.console.print(table)


if __name__ == "__main__":
    main()
