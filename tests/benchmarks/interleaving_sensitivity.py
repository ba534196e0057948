"""How many sessions it takes to find the better of two rankers: `python -m tests.benchmarks.interleaving_sensitivity`.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.interleaving_sensitivity [--sessions 40000] [--seed 1]

Simulated shoppers (`data_generation.click_simulator`) search; ranker a orders by relevance alone, b adds a little of
what the shopper is known to like. A session is one list of 20. *A/B*: sessions in both arms together for power .8 at
level .05, from what the click model expects of `--sessions` sessions. *Interleaved*: the same from their credits,
checked by drawing experiments of that size from the simulated sessions. *False alarms*: in experiments of 500 sessions
with rankers that differ and are equally good. *Always-valid*: a look after every 2 % of twice the sessions planned.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.table import Table
from scipy.special import bdtr, ndtri

from config.progress import Steps, Update
from core.experiments.interleaving import Method, interleave
from core.experiments.power import units_for_means, units_for_proportions
from core.experiments.preferences import prefer
from core.personalization.features import PLACE
from data_generation.click_simulator import (
    ClickModel,
    FloatArray,
    SimulatedLists,
    draw_lists,
    make_world,
    simulate_clicks,
)

POWER, ALPHA, TRIALS, LOOKS = 0.8, 0.05, 1_000, 50
SEEN = ClickModel(eta=1.0)
Final = Callable[[FloatArray], FloatArray]


def liked(strength: float) -> Final:
    """What is known of the shopper's dealings and brands, at most `strength` in [0, 1]."""

    def final(features: FloatArray) -> FloatArray:
        known = features[:, PLACE["own_season"]] + 5 * features[:, PLACE["brand"]]
        return np.asarray(strength * np.minimum(known / 3, 1), np.float32)

    return final


def noise(column: str) -> Final:
    """Something that has nothing to do with what shoppers like."""
    return lambda features: np.asarray(1 / (1 + np.exp(-features[:, PLACE[column]])), np.float32)


@dataclass(frozen=True, slots=True)
class Pair:
    """The same searches ordered by both rankers."""

    a: SimulatedLists
    b: SimulatedLists


def draw(a: Final, b: Final, sessions: int, seed: int) -> Pair:
    world = make_world(seed)
    return Pair(draw_lists(world, sessions, seed + 1, a), draw_lists(world, sessions, seed + 1, b))


def credits(pair: Pair, method: Method, seed: int, update: Update) -> npt.NDArray[np.float64]:
    """Of each session, whose shopper looks through the interleaved list."""
    count, size = pair.a.product.shape
    weights, appeal = np.empty((count, size)), np.empty((count, size), np.float32)
    for at in range(count):
        rankings = [[str(product) for product in ranking[at].tolist()] for ranking in (pair.a.product, pair.b.product)]
        done = interleave(rankings[0], rankings[1], f"{seed}-{at}", size, method)
        place = {product: rank for rank, product in enumerate(rankings[0])}
        weights[at] = done.credits
        appeal[at] = pair.a.appeal[at, [place[item] for item in done.items]]
        if not at % 1_000:
            update(at / count, method)
    return np.asarray((weights * simulate_clicks(appeal, SEEN, seed).clicked).sum(1))


def needed(values: npt.NDArray[np.float64]) -> int:
    """Sessions for power .8 of a z test on the mean of `values`."""
    away = float(ndtri(1 - ALPHA / 2) + ndtri(POWER))
    return math.ceil((away * float(values.std() / values.mean())) ** 2)


def needed_for_signs(values: npt.NDArray[np.float64]) -> int:
    """Sessions for power .8 of the exact sign test, undecided ones included; from 5,000 drawn experiments."""
    generator = np.random.default_rng(len(values))
    shares = [float((values < 0).mean()), float((values > 0).mean()), float((values == 0).mean())]
    sessions, found = 30, 0.0
    while found < POWER:
        sessions = math.ceil(sessions * 1.02)
        for_a, for_b, _ = generator.multinomial(sessions, shares, 5_000).T
        p = 2 * bdtr(np.minimum(for_a, for_b), for_a + for_b, 0.5)
        found = float(((p < ALPHA) & (for_b > for_a)).mean())
    return sessions


def ab_sessions(pair: Pair, seed: int) -> dict[str, int]:
    """Sessions in both arms together, by measure: from what the click model expects, not from a draw of it."""
    clicked, bought = (
        [1 - np.prod(1 - chance, axis=1) for chance in chances]
        for chances in zip(*(_chances(lists.appeal) for lists in (pair.a, pair.b)), strict=True)
    )
    found = {}
    for name, (one, other) in {"sessions with a click": clicked, "sessions with a purchase": bought}.items():
        base, lift = float(one.mean()), float(other.mean() / one.mean() - 1)
        found[f"A/B, {name} ({base:.3f}, {lift:+.1%})"] = 2 * units_for_proportions(base, lift, POWER, ALPHA)
    means = [float(_chances(lists.appeal)[0].sum(1).mean()) for lists in (pair.a, pair.b)]
    spread = [float(simulate_clicks(lists.appeal, SEEN, seed).clicked.sum(1).std()) for lists in (pair.a, pair.b)]
    lift = means[1] / means[0] - 1
    units = units_for_means(means[0], math.hypot(*spread) / math.sqrt(2), lift, POWER, ALPHA)
    return {f"A/B, clicks per session ({means[0]:.3f}, {lift:+.1%})": 2 * units, **found}


def _chances(appeal: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """`(L, R)` of a click and of a purchase, as `simulate_clicks` draws them."""
    clicked = SEEN.seen(np.arange(1, appeal.shape[1] + 1)) * appeal
    return clicked, clicked * SEEN.cart * appeal * SEEN.purchase


def found(values: npt.NDArray[np.float64], sessions: int, seed: int) -> tuple[float, float, float]:
    """Shares of experiments: what the sign test finds, the always-valid one until twice as many, and the wrong way."""
    generator = np.random.default_rng(seed)
    signs = valid = wrong = 0
    for _ in range(TRIALS):
        drawn = generator.choice(values, 2 * sessions)
        once = prefer(drawn[:sessions], sessions)
        signs += once.sign_p < ALPHA
        wrong += once.sign_p < ALPHA and once.for_a > once.for_b
        valid += any(
            prefer(drawn[:size], sessions).always_valid_p < ALPHA
            for size in np.linspace(0, 2 * sessions, LOOKS + 1).astype(int)[1:].tolist()
        )
    return signs / TRIALS, valid / TRIALS, wrong / TRIALS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=40_000)
    parser.add_argument("--strength", type=float, default=0.3, help="of what b knows, at most 1")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    steps, seed = Steps(), options.seed
    with steps.step("A/B") as update:
        pair = draw(liked(0), liked(options.strength), options.sessions, seed)
        by_measure = ab_sessions(pair, seed + 10)
    table = Table("for power .8", "sessions", "A/B takes, in the order above")
    for name, sessions in by_measure.items():
        table.add_row(name, f"{sessions:,}", "")
    powers = Table("interleaved, at its planned sessions", "sessions", "sign test", "always-valid, ≤ 2 ×", "wrong way")
    for method in Method:
        with steps.step(method) as update:
            values = credits(pair, method, seed + 20, update)
        by_sign, by_mean = needed_for_signs(values), needed(values)
        for name, sessions in (("sign test", by_sign), ("mean credit", by_mean)):
            ratios = ", ".join(f"{other / sessions:.0f} ×" for other in by_measure.values())
            table.add_row(f"{method}, {name}", f"{sessions:,}", ratios)
        with steps.step(f"{method}: experiments") as update:
            signs, valid, wrong = found(values, by_sign, seed + 30)
        powers.add_row(method, f"{by_sign:,}", f"{signs:.3f}", f"{valid:.3f}", f"{wrong:.3f}")
    steps.console.print(table, powers)
    alarms = Table("equally good rankers", "mean credit", "sign test", "always-valid, 50 looks")
    for method in Method:
        with steps.step(f"{method}: equally good rankers") as update:
            alike = draw(noise("trend"), noise("habit"), options.sessions // 2, seed + 40)
            values = credits(alike, method, seed + 50, update)
            signs, valid, _ = found(values, 500, seed + 60)
        error = values.std() / math.sqrt(len(values))
        alarms.add_row(method, f"{values.mean():+.4f} ± {1.96 * error:.4f}", f"{signs:.3f}", f"{valid:.3f}")
    steps.console.print(alarms)


if __name__ == "__main__":
    main()
