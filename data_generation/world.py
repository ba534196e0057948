"""What is true of a shop before anybody enters it: products, kinds, prices, the queries that find them.

A world is made once from products (`data_generation.build_world`), written to a folder, and read by every process that
simulates shoppers in it. Products are sorted by kind, kinds by department, so that both are ranges.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SHOWN = 24  # products on a results page
COMPLETIONS = 10  # suggestions in a list
LONGEST_PREFIX = 24  # characters for which the rank of a suggestion is known
_TEXTS = ("product_ids", "brands", "kinds", "departments", "queries")


@dataclass(frozen=True, slots=True)
class World:
    """P products of K kinds in D departments, Q queries, N offers: pairs of a product and a query that finds it."""

    product_ids: Sequence[str]
    brands: Sequence[str]
    kinds: Sequence[str]
    departments: Sequence[str]
    queries: Sequence[str]
    brand: npt.NDArray[np.int32]  # (P,)
    kind: npt.NDArray[np.int32]  # (P,)
    price: npt.NDArray[np.float32]  # (P,) place among the prices of its kind, 0 the cheapest, 1 the dearest
    popularity: FloatArray  # (P,) heavy-tailed
    arrived: FloatArray  # (P,) seconds since 1970, when it came on sale
    kind_start: IntArray  # (K + 1,) first product of each kind
    department_start: IntArray  # (D + 1,) first kind of each department
    kind_weight: FloatArray  # (K,) how often it is wanted
    period_days: FloatArray  # (K,) after which it is used up; 0: it lasts
    offer_start: IntArray  # (P + 1,) first offer of each product
    offer_query: npt.NDArray[np.int32]  # (N,)
    offer_weight: npt.NDArray[np.float32]  # (N,)
    offer_words: npt.NDArray[np.uint64]  # (N,) a bit for each word among those of its product's queries
    query_words: npt.NDArray[np.int32]  # (Q,) number of words
    query_chars: npt.NDArray[np.int32]  # (Q,) number of characters
    results: npt.NDArray[np.int32]  # (Q, SHOWN) products in the order of the page, −1 behind the last
    completion_rank: npt.NDArray[np.int8]  # (Q, LONGEST_PREFIX) 1-based, for prefixes of 1, 2, … characters; 0: absent

    def save(self, folder: Path) -> None:
        """Writes `arrays/*.npy` and `texts.json` below `folder`, which is made."""
        (folder / "arrays").mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            if field.name not in _TEXTS:
                np.save(folder / "arrays" / f"{field.name}.npy", getattr(self, field.name))
        texts = {name: list(getattr(self, name)) for name in _TEXTS}
        (folder / "texts.json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


def load_world(folder: Path) -> World:
    """The world in `folder`, its arrays memory-mapped. Raises FileNotFoundError where there is none."""
    if not (folder / "texts.json").is_file():
        raise FileNotFoundError(f"there is no world in {folder}: synthetic_data writes one to OUT/world")
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    arrays = {
        field.name: np.load(folder / "arrays" / f"{field.name}.npy", mmap_mode="r")
        for field in fields(World)
        if field.name not in _TEXTS
    }
    return World(**texts, **arrays)


def departments_in(folder: Path) -> int:
    """How many departments the world in `folder` has, without loading it."""
    return len(np.load(folder / "arrays" / "department_start.npy", mmap_mode="r")) - 1
