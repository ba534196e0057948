"""A small shop in two files, for tests without data of their own: `catalog.csv` and `queries.csv`.

    python -m data_generation.shop --out DIR --seed 7

The same seed gives the same bytes on every machine. Its queries have counts and nothing else; a shop with shoppers,
times and events is made by `data_generation.synthetic_data`.
"""

import argparse
import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_generation.catalog import ShopProduct, make_products
from data_generation.queries import make_queries
from data_generation.tables import ProductType, load_types

CURRENCY = "$"
_COLUMNS = (
    "product_id", "title", "description", "brand", "category", "price", "currency", "rating", "rating_count",
    "in_stock", "created_at", "type",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GeneratedShop:
    """Where the two files are."""

    catalog: Path
    queries: Path


def generate_shop(
    folder: Path,
    seed: int = 7,
    products: int = 8_400,
    queries: int = 32_000,
    types: Sequence[ProductType] | None = None,
) -> GeneratedShop:
    """Write `catalog.csv` and `queries.csv` below `folder` (made if absent), replacing files of those names.

    `types`: what is sold; absent: everything in the tables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    types = types or load_types()
    made = make_products(types, products, seed)
    shop = GeneratedShop(catalog=folder / "catalog.csv", queries=folder / "queries.csv")
    write_catalog(shop.catalog, made)
    _write(shop.queries, ("query", "count"), make_queries(made, queries, seed))
    return shop


def write_catalog(path: Path, products: Sequence[ShopProduct]) -> None:
    """A CSV file that the importer reads, with a column for each attribute."""
    slots = list(dict.fromkeys(slot for product in products for slot in product.type.slots))
    _write(path, (*_COLUMNS, *slots), (_row(product, slots) for product in products))


def _row(product: ShopProduct, slots: Sequence[str]) -> list[object]:
    return [
        product.product_id,
        product.title,
        product.description,
        product.brand,
        product.type.department,
        f"{product.price:.2f}",
        CURRENCY,
        "" if product.rating is None else f"{product.rating:.1f}",
        product.rating_count,
        "true" if product.in_stock else "false",
        product.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        product.type.name,
        *(product.attributes.get(slot, "") for slot in slots),
    ]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")  # one line end everywhere, for equal bytes
        writer.writerow(header)
        writer.writerows(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="data_generation.shop", description="Write the files of a made-up shop.")
    parser.add_argument("--out", type=Path, required=True, help="folder for catalog.csv and queries.csv")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same files")
    parser.add_argument("--products", type=int, default=8_400)
    parser.add_argument("--queries", type=int, default=32_000)
    chosen = parser.parse_args(arguments)
    shop = generate_shop(chosen.out, chosen.seed, chosen.products, chosen.queries)
    print(f"{shop.catalog}\n{shop.queries}")


if __name__ == "__main__":
    main()
