"""A small shop that is really imported and trained, made once for all tests that need a published version."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from data_generation.shop import GeneratedShop, generate_shop
from data_generation.tables import ProductType, load_types

ROOT = Path(__file__).resolve().parents[1]
PRODUCTS, QUERIES = 500, 1_500


def sold() -> list[ProductType]:
    """What the shop of the tests sells: they ask for products of these departments by name."""
    return [kind for kind in load_types() if kind.department not in ("Video Games", "Books", "Luggage & Travel")]


@dataclass(frozen=True)
class TrainedShop:
    """`home` holds the database and one published version made from `files`."""

    home: Path
    files: GeneratedShop


def train(home: Path, *options: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Runs the training command line on `home` with the tiny preset."""
    command = [sys.executable, "-m", "training.train_models", "--home", str(home), "--preset", "tiny", *options]
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "CADENCE_HOME")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"training failed:\n{done.stdout}\n{done.stderr}")
    return done


def make_trained_shop(folder: Path) -> TrainedShop:
    """The shop in `folder`, made by the first process that asks for it; the others wait until it is there."""
    folder.mkdir(exist_ok=True)
    files, home, made = folder / "files", folder / "home", folder / "made"
    with FileLock(folder / "lock"):
        if made.exists():
            return TrainedShop(home, GeneratedShop(files / "catalog.csv", files / "queries.csv"))
        shop = TrainedShop(home, generate_shop(files, products=PRODUCTS, queries=QUERIES, types=sold()))
        train(home, "--catalog", str(shop.files.catalog), "--queries", str(shop.files.queries))
        made.touch()
        return shop
