"""Does drift alarm when it should, and only then? `python -m tests.benchmarks.drift --work DIR --out drift.png`.

A made-up shop is trained (preset tiny) on four weeks of searches by simulated shoppers in June, without trends and with
the season standing still; what is in `--work` already is not made again. Then, with other shoppers each time:

- *stationary*: two weeks of the same June, in windows of the newest 5,000 searches, looked at every 250 searches;
- *season*: after 5,000 such searches it is December, with `data_generation.demand`'s seasons;
- *catalogue*: after 5,000 such searches they search in a shop of other departments, *seed*: in one of the same
  departments with other brands, series and products.

Each search shows the list of its first three characters, as this version makes it; a shopper whose query stands there
chooses it. Printed are the alarms, and after how many completed searches since the change the first one was raised.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib import pyplot as plt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.domain import SuggestQuery
from core.drift.compare import DriftMeasure
from core.drift.measures import PREFIX_LENGTH
from core.services.bundle import load_bundle
from core.services.drift_traffic import Chosen, DriftTraffic, Search, Shown
from core.services.suggest import SuggestService
from core.text.normalize import normalize
from data_generation.block import Block, make_rows
from data_generation.build_world import world_of_shop
from data_generation.calibration import load_calibration
from data_generation.cast import Cast, Window
from data_generation.catalog import make_products
from data_generation.personas import load_behaviors, load_personas
from data_generation.sampling import RangeSampler
from data_generation.shop import write_catalog
from data_generation.tables import load_types
from data_generation.world import World

OTHER_SHOP = ("Automotive", "Baby", "Books", "Office & School", "Pet Supplies", "Video Games")  # departments
JUNE, DECEMBER = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
NEWEST, LISTS, CHOICES = 5_000, 1_000, 2_000  # as `api.drift` reads them
EVERY = 250
_SESSIONS = 12_000  # of the four weeks that are learnt, some two searches each
_SESSIONS_OF_TWO_WEEKS = 12_000


@dataclass(frozen=True, slots=True)
class Look:
    """What drift said after so many searches of a stream."""

    searches: int
    measures: Sequence[DriftMeasure]

    def in_state(self, state: str) -> list[str]:
        return [one.name for one in self.measures if one.state == state]


def shop(own: bool, count: int, seed: int) -> World:
    """The world of the shop that is trained, or of the other one; the same `seed` makes the same products."""
    types = [kind for kind in load_types() if (kind.department in OTHER_SHOP) is not own]
    products = make_products(types, count, seed, JUNE.date() - timedelta(days=30))
    return world_of_shop(products, {}, seed, load_calibration())


def searches(world: World, day: datetime, days: int, sessions: int, seed: int) -> pl.DataFrame:
    """Stationary searches in the order of time: `day`'s season throughout, no trends, tastes that stay."""
    window = Window(JUNE.timestamp(), (JUNE + timedelta(days=days)).timestamp())
    cast = Cast(world, load_personas(), load_behaviors(), load_calibration(), window, seed)
    then = Cast(world, load_personas(), load_behaviors(), load_calibration(), _day(day), seed)
    cast.in_season[:] = then.in_season[0]
    cast.kinds = RangeSampler(np.tile(world.kind_weight, (window.days, 1)).ravel())
    cast.late = cast.early
    cast.brand_taste = np.random.default_rng(1).normal(0, 0.6, cast.brand_taste.shape)  # of personas: not of a seed
    return make_rows(cast, Block(0, 0, sessions // 3, sessions), f"s{seed}").queries


def _day(day: datetime) -> Window:
    return Window(day.timestamp(), (day + timedelta(days=1)).timestamp())


class Watched:
    """A trained version under a stream of searches."""

    def __init__(self, home: Path) -> None:
        bundle = load_bundle(home / "artifacts")
        if bundle.drift is None:
            raise SystemExit(f"the version in {home} has no reference: remove the folder, and train anew")
        self.reference = bundle.drift
        self._traffic, self._service = DriftTraffic(bundle), SuggestService(bundle)
        self._lists: dict[str, Shown] = {}

    def looks(self, stream: pl.DataFrame) -> Iterator[Look]:
        done: list[Search] = []
        lists: list[Shown] = []
        choices: list[Chosen] = []
        rows = stream.select("query", "user_id", "session_id").iter_rows()
        for number, (query, user, session) in enumerate(rows, 1):
            text = normalize(query)
            done.append(Search(text, user))
            if len(text) > PREFIX_LENGTH and text[PREFIX_LENGTH - 1] != " ":
                shown = self._list(text[:PREFIX_LENGTH])
                lists.append(replace(shown, session=session))
                offered = [normalize(line) for line, _, _ in shown.lines]
                if text in offered:
                    choices.append(Chosen([score for _, _, score in shown.lines], offered.index(text)))
            if number % EVERY == 0:
                measures = self._traffic.compare(done[-NEWEST:], lists[-LISTS:], choices[-CHOICES:])
                yield Look(number, measures)

    def _list(self, prefix: str) -> Shown:
        if prefix not in self._lists:
            found = self._service.suggest(SuggestQuery(prefix), math.inf).suggestions
            self._lists[prefix] = Shown("", tuple((one.text, one.source.value, one.score) for one in found))
        return self._lists[prefix]


def train(work: Path, products: int) -> Path:
    home, files = work / "home", work / "files"
    if not (home / "artifacts" / "current").exists():
        files.mkdir(parents=True, exist_ok=True)
        types = [kind for kind in load_types() if kind.department not in OTHER_SHOP]
        write_catalog(files / "catalog.csv", make_products(types, products, 7, JUNE.date() - timedelta(days=30)))
        learnt = searches(shop(True, products, 7), JUNE, 28, _SESSIONS, 7)
        learnt.write_parquet(files / "queries.parquet")
        wish = ("--catalog", files / "catalog.csv", "--queries", files / "queries.parquet", "--preset", "tiny")
        command = [sys.executable, "-m", "training.train_models", "--home", home, *wish]
        if subprocess.run(list(map(str, command)), check=False).returncode:
            raise SystemExit("training failed")
    return home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="PNG")
    parser.add_argument("--products", type=int, default=2_400)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    console = Console()
    watched = Watched(train(options.work, options.products))
    own = shop(True, options.products, 7)
    quiet = [
        list(watched.looks(searches(own, JUNE, 14, _SESSIONS_OF_TWO_WEEKS, seed)))
        for seed in track(range(100, 100 + options.seeds), "stationary")
    ]
    _tell_quiet(console, quiet)
    changed: dict[str, list[list[Look]]] = {"season": [], "catalogue": [], "seed": []}
    for name, (world, day) in {
        "season": (own, DECEMBER),
        "catalogue": (shop(False, options.products // 2, 8), JUNE),
        "seed": (shop(True, options.products, 9), JUNE),
    }.items():
        for seed in track(range(200, 200 + options.seeds), name):
            before = searches(own, JUNE, 14, _SESSIONS_OF_TWO_WEEKS // 2, seed).head(NEWEST)
            after = searches(world, day, 14, _SESSIONS_OF_TWO_WEEKS // 2, seed + 100).head(NEWEST)
            changed[name].append(list(watched.looks(pl.concat([before, after]))))
        _tell_changed(console, name, changed[name])
    if options.out:
        _plot(options.out, {"stationary": quiet[0], **{name: runs[0] for name, runs in changed.items()}})
        console.print(f"plot: {options.out.name}")


def _tell_quiet(console: Console, runs: Sequence[Sequence[Look]]) -> None:
    looks = [look for run in runs for look in run]
    table = Table("measure", "median", "99 %", "largest", "warning at", "alarm at", "looks", "warnings", "alarms")
    for place, name in enumerate(one.name for one in looks[0].measures):
        said = [look.measures[place] for look in looks if look.measures[place].value is not None]
        values = np.array([one.value for one in said] or [math.nan], np.float64)
        counts = [sum(one.state == state for one in said) for state in ("warning", "alarm")]
        spread = (f"{np.median(values):.3f}", f"{np.quantile(values, 0.99):.3f}", f"{values.max():.3f}")
        marks = (looks[0].measures[place].threshold_warning, looks[0].measures[place].threshold_alarm)
        table.add_row(name, *spread, *map(str, marks), str(len(said)), *map(str, counts))
    console.print(table)
    days = ", ".join(f"{run[-1].searches:,}" for run in runs)
    alarms = sum(bool(look.in_state("alarm")) for look in looks)
    console.print(f"stationary: {alarms} alarms in {len(looks)} looks at two weeks of {days} searches")


def _tell_changed(console: Console, name: str, runs: Sequence[Sequence[Look]]) -> None:
    for run in runs:
        first: dict[str, int] = {}
        for look in run:
            for measure in look.in_state("alarm"):
                first.setdefault(measure, look.searches - NEWEST)
        soonest = min(first.values(), default=None)
        raised = ", ".join(f"{measure} {at:,}" for measure, at in sorted(first.items(), key=lambda pair: pair[1]))
        console.print(f"{name}: first alarm {'never' if soonest is None else f'after {soonest:,} searches'} ({raised})")


def _plot(path: Path, runs: dict[str, Sequence[Look]]) -> None:
    figure, axes = plt.subplots(1, len(runs), figsize=(4.2 * len(runs), 3.6), sharey=True, layout="constrained")
    for axis, (name, run) in zip(axes, runs.items(), strict=True):
        for place, measure in enumerate(run[0].measures):
            points = [(one.searches, one.measures[place]) for one in run if one.measures[place].value is not None]
            of_alarm = [(said.value or 0.0) / said.threshold_alarm for _, said in points]
            axis.plot([at for at, _ in points], of_alarm, label=measure.name)
        axis.axhline(1, color="black", linewidth=0.8, linestyle="--")
        if name != "stationary":
            axis.axvline(NEWEST, color="grey", linewidth=0.8)
        axis.set(title=name, xlabel="completed searches", ylim=(0, 2.5))
    axes[0].set_ylabel("value / threshold of the alarm")
    axes[0].legend(fontsize="x-small")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
