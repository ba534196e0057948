"""Can personas be told apart, and synthetic visits from real ones? `python -m tests.benchmarks.synthetic_personas`.

Gradient boosting on features of visits, AUC on shoppers that it was not trained on:

- every two of the 14 personas: what was looked for, when, on what device, how it was typed, what was done;
- two halves of one persona, split by chance: nothing to be told;
- with `--bestbuy DIR`: the gamer's visits beside those of a shop's games department, by their shape alone.
"""

import argparse
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from rich.console import Console
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from data_generation.build_world import world_of_shop
from data_generation.calibration import load_calibration
from data_generation.cast import DAY
from data_generation.catalog import make_products
from data_generation.personas import load_personas
from data_generation.realism import with_visits
from data_generation.realism_report import Gamers, real_log
from data_generation.simulation import Plan, simulate
from data_generation.tables import load_types
from data_generation.world import World

DONE = ("click", "wishlist", "add_to_cart", "purchase")
DEVICES = ("desktop", "mobile", "tablet")
START = 1_785_542_400.0  # 1 August 2026


def visit_features(folder: Path, world: World) -> pl.DataFrame:
    """A row for each visit with a search: `persona`, `user_id` and what may be known of it."""
    queries, events = pl.read_parquet(folder / "queries.parquet"), pl.read_parquet(folder / "events.parquet")
    visits = pl.read_parquet(folder / "visits.parquet")
    department = np.repeat(np.arange(len(world.departments)), np.diff(world.department_start))[world.kind]
    products = pl.DataFrame(
        {"item_id": list(world.product_ids), "department": department, "price": np.asarray(world.price)}
    )
    of_query = pl.DataFrame({"query": list(world.queries), "about": department[world.results[:, 0]]})
    searched = queries.join(of_query, on="query", how="left").group_by("session_id").agg(
        pl.len().alias("searches"),
        pl.col("query").str.len_chars().mean().alias("characters"),
        (pl.col("query").str.count_matches(" ") + 1).mean().alias("words"),
        pl.col("prefixes").list.len().mean().alias("states"),
        pl.col("about").is_null().mean().alias("unusual"),
        *((pl.col("about") == number).mean().alias(f"about {number}") for number in range(len(world.departments))),
    )  # fmt: skip
    done = events.join(products, on="item_id", how="left").group_by("session_id").agg(
        *((pl.col("action_type") == name).sum().alias(name) for name in DONE),
        (pl.col("action_type") == "suggestion_click").sum().alias("suggestions"),
        pl.col("price").mean().alias("price"),
        pl.col("item_rank").mean().alias("rank"),
        pl.col("duration_seconds").mean().alias("dwell"),
        *((pl.col("department") == number).mean().alias(f"saw {number}") for number in range(len(world.departments))),
    )  # fmt: skip
    at = pl.col("started_at").dt
    return (
        visits.join(searched, on="session_id")
        .join(done, on="session_id", how="left")
        .with_columns(hour=at.hour() + at.minute() / 60, weekday=at.weekday())
        .with_columns(
            *((pl.col("device") == name).cast(pl.Int8).alias(name) for name in ("desktop", "mobile", "tablet"))
        )
        .drop("started_at", "device", "behavior", "session_id")
    )


def auc(features: pl.DataFrame, label: np.ndarray, user: pl.Series, seed: int = 0) -> float:
    """Of shoppers that were not learnt from: half of them."""
    people = user.unique().sort().sample(fraction=1.0, shuffle=True, seed=seed)
    learnt = user.is_in(people[: len(people) // 2].implode()).to_numpy()
    table = features.cast(pl.Float64).to_numpy()
    model = HistGradientBoostingClassifier(max_iter=80, random_state=seed)
    model.fit(table[learnt], label[learnt])
    return float(roc_auc_score(label[~learnt], model.predict_proba(table[~learnt])[:, 1]))


def shape_features(searches: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Of the visits of a frame of `searches_of`: shape alone, no words; and whose they are."""
    visits = with_visits(searches).group_by("visit", maintain_order=True).agg(
        pl.col("user_id").first(),
        pl.len().alias("searches"),
        pl.col("query").str.len_chars().mean().alias("characters"),
        (pl.col("query").str.count_matches(" ") + 1).mean().alias("words"),
        pl.col("query").str.count_matches(r"\d").mean().alias("digits"),
        pl.col("gap").first().alias("away"),
        pl.col("gap").slice(1).mean().alias("pause"),
        pl.col("at").first().dt.hour().alias("hour"),
        pl.col("at").first().dt.weekday().alias("weekday"),
    )  # fmt: skip
    return visits.drop("visit", "user_id"), visits["user_id"]


def synthetic_or_real(folder: Path, seed: int) -> dict[str, float]:
    """AUC for telling the gamer's visits from the real ones of the held-out days, with features left out one by one."""
    real = real_log(folder)
    gamers = Gamers(real.users, real.visits, seed)
    made = gamers.searches(next(p for p in load_personas() if p.name == "gamer"), load_calibration(), seed + 1)
    found = {}
    before, theirs = shape_features(real.fitted_searches)
    (one, whose), (other, others) = shape_features(real.held_out_searches), shape_features(made)
    both = pl.concat([one, other], how="vertical_relaxed")
    label = np.repeat([0, 1], [one.height, other.height])
    user = pl.concat([whose, others])
    found["all"] = auc(both, label, user)
    found["all, real training days instead of synthetic ones"] = auc(
        pl.concat([one, before], how="vertical_relaxed"),
        np.repeat([0, 1], [one.height, before.height]),
        pl.concat([whose, theirs]),
    )
    for name in both.columns:
        found[f"{name} alone"] = auc(both.select(name), label, user)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=14_000)
    parser.add_argument("--sessions", type=int, default=56_000)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--bestbuy", type=Path, metavar="DIR")
    options = parser.parse_args()
    console, personas, calibration = Console(), load_personas(), load_calibration()
    world = world_of_shop(make_products(load_types(), options.products, options.seed), {}, options.seed, calibration)
    with TemporaryDirectory() as folder:
        world.save(Path(folder) / "world")
        plan = Plan(options.users, options.sessions, options.seed, START, START + 91 * DAY)
        simulate(Path(folder), Path(folder) / "world", personas, calibration, plan, 2, lambda _share, _note: None)
        visits = visit_features(Path(folder), world)
    scores: dict[tuple[str, str], float] = {}
    for one, other in combinations([persona.name for persona in personas], 2):
        pair = visits.filter(pl.col("persona").is_in([one, other]))
        label = (pair["persona"] == one).to_numpy().astype(int)
        scores[one, other] = auc(pair.drop("persona", "user_id"), label, pair["user_id"])
    values = np.array(list(scores.values()))
    within = np.mean((values >= 0.75) & (values <= 0.97))
    console.print(
        f"{len(values)} pairs of personas: AUC {values.min():.3f} to {values.max():.3f}, "
        f"median {np.median(values):.3f}; {within:.0%} within 0.75 to 0.97"
    )
    ordered = sorted(scores.items(), key=lambda item: item[1])
    for pair_name, value in ordered[:5] + ordered[-5:]:
        console.print(f"  {' / '.join(pair_name)}: {value:.3f}")
    halves = []
    generator = np.random.default_rng(options.seed)
    for persona in personas:
        own = visits.filter(pl.col("persona") == persona.name)
        people = own["user_id"].unique().sort()
        half = people.filter(pl.Series(generator.random(len(people)) < 0.5))
        label = own["user_id"].is_in(half.implode()).to_numpy().astype(int)
        halves.append(auc(own.drop("persona", "user_id"), label, own["user_id"]))
    console.print(f"two halves of one persona: AUC {min(halves):.3f} to {max(halves):.3f}, mean {np.mean(halves):.3f}")
    if options.bestbuy:
        for name, value in synthetic_or_real(options.bestbuy, options.seed).items():
            console.print(f"synthetic or real, {name}: AUC {value:.3f}")


if __name__ == "__main__":
    main()
