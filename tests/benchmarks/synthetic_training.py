"""What synthetic queries teach beside real ones: `python -m tests.benchmarks.synthetic_training --data DIR --work DIR`.

Suggestions for held-out prefixes of `home_depot` and `bestbuy` (`training.evaluate --suite autosuggest`, preset tiny):

- home_depot, a sample of its catalogue each time: with its real training queries, with queries that shoppers simulated
  in that catalogue typed, with none;
- bestbuy, queries alone: its real log; what the gamer typed in the made-up games department.

What is in `--work` already is not made again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from data_generation.calibration import load_calibration
from data_generation.personas import load_personas
from data_generation.realism_report import PERSONA, Gamers, real_log

MEASURES = ("any suggestion", "literal extension", "Success@10", "Success@10 low", "Success@10 high", "MRR@10")


def run(*words: object) -> None:
    """One of our command lines, to its end."""
    command = [sys.executable, "-m", *map(str, words)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"failed: {' '.join(command)}")


def figures(home: Path, files: dict[str, Path], held_out: Path, limit: int) -> dict[str, float]:
    """Trains a home from these files, unless it is there, and measures it."""
    result = home.with_suffix(".json")
    if not result.exists():
        options = [word for name, path in files.items() for word in (f"--{name}", path)]
        run("training.train_models", "--home", home, "--preset", "tiny", *options)
        measured = ("--queries", held_out, "--limit", limit, "--json", result)
        run("training.evaluate", "--suite", "autosuggest", "--home", home, *measured)
    metrics: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))["metrics"]
    return metrics


def synthetic_queries(work: Path, catalog: Path, sessions: int) -> Path:
    """Queries of shoppers simulated in this catalogue."""
    out = work / "shoppers"
    if not (out / "queries.parquet").exists():
        wish = ("--catalog", catalog, "--users", sessions // 3, "--sessions", sessions)
        run("data_generation.synthetic_data", "--out", out, *wish)
    return out / "queries.parquet"


def gamers_queries(work: Path, bestbuy: Path) -> Path:
    """As many searches as the real training log has, by the gamer."""
    path = work / "gamer.parquet"
    if not path.exists():
        real = real_log(bestbuy)
        persona = next(one for one in load_personas() if one.name == PERSONA)
        Gamers(real.users, real.visits, 7).searches(persona, load_calibration(), 7, times=7).rename(
            {"at": "timestamp"}
        ).write_parquet(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="with home_depot/ and bestbuy/")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="homes and files are kept here")
    parser.add_argument("--products", type=int, default=8_000, help="of home_depot, drawn by seed")
    parser.add_argument("--sessions", type=int, default=20_000, help="simulated in them")
    parser.add_argument("--limit", type=int, default=1_000, help="held-out queries measured")
    options = parser.parse_args()
    depot, bestbuy, work = options.data / "home_depot", options.data / "bestbuy", options.work
    work.mkdir(parents=True, exist_ok=True)
    catalog = work / "catalog.csv"
    if not catalog.exists():
        pl.read_csv(depot / "products.csv.gz", infer_schema_length=0).sample(options.products, seed=7).write_csv(
            catalog
        )
    shoppers = synthetic_queries(work, catalog, options.sessions)
    dev, later = depot / "judgments_dev.csv.gz", bestbuy / "events_dev.csv.gz"
    arms = {
        "home_depot: real queries": ({"catalog": catalog, "queries": depot / "judgments_train.csv.gz"}, dev),
        "home_depot: synthetic queries": ({"catalog": catalog, "queries": shoppers}, dev),
        "home_depot: catalogue alone": ({"catalog": catalog}, dev),
        "bestbuy: real queries": ({"queries": bestbuy / "events_train.csv.gz"}, later),
        "bestbuy: synthetic gamer": ({"queries": gamers_queries(work, bestbuy)}, later),
    }
    found = {}
    for number, (name, (files, held_out)) in enumerate(arms.items()):
        found[name] = figures(work / f"home{number}", files, held_out, options.limit)
    table = Table("trained on", *MEASURES)
    for name, metrics in found.items():
        table.add_row(name, *(f"{metrics[measure]:.3f}" for measure in MEASURES))
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
