"""The indexes on disk: arrays as .npy (memory-mapped where large), texts as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.domain import Product, Source
from core.retrieval.columns import Coded, ProductColumns, build_columns
from core.retrieval.completion import SOURCES
from core.retrieval.completion_storage import load_index, save_index
from core.retrieval.completions import Completions
from core.retrieval.fuzzy_build import load_fuzzy, save_fuzzy
from core.retrieval.lexical import LexicalIndex, build_lexical
from core.retrieval.products import ProductIndex
from core.text.embedding import FloatArray

_FUZZY = "fuzzy"  # folder beside the sources'


def save_completions(completions: Completions, folder: Path) -> None:
    """Writes the completion indexes into the empty or missing `folder`, each source into its own."""
    for source in SOURCES:
        save_index(completions.by_source[source], folder / source.value)
    save_fuzzy(completions.fuzzy, folder / _FUZZY)


def load_completions(folder: Path) -> Completions:
    """The inverse of `save_completions`. Raises ArtifactError where `folder` was written in another layout."""
    by_source = {source: load_index(folder / source.value, source) for source in SOURCES}
    return Completions(by_source, load_fuzzy(folder / _FUZZY, by_source[Source.HISTORY]))


def save_products(products: Sequence[Product], vectors: FloatArray, folder: Path) -> None:
    """Builds and writes the product index of `products` with their unit `vectors` `(P, D)`."""
    folder.mkdir(parents=True, exist_ok=True)
    lexical, columns = build_lexical(products), build_columns(products)
    _write_json(folder / "ids.json", [product.product_id for product in products])
    _write_json(folder / "terms.json", list(lexical.vocabulary))
    for name in ("indptr", "postings", "impacts"):
        np.save(folder / f"{name}.npy", getattr(lexical, name))
    np.save(folder / "vectors.npy", np.ascontiguousarray(vectors, np.float32))
    for name in ("price", "rating", "in_stock", "created_at"):
        np.save(folder / f"{name}.npy", getattr(columns, name))
    fields = {"category": columns.category, "brand": columns.brand}
    fields |= {f"attribute {name}": coded for name, coded in columns.attributes.items()}
    _write_json(folder / "values.json", {name: coded.values for name, coded in fields.items()})
    np.save(folder / "codes.npy", np.stack([coded.codes for coded in fields.values()]))


def load_products(folder: Path) -> ProductIndex:
    """The index that `save_products` wrote."""
    terms = _read_json(folder / "terms.json")
    ids = _read_json(folder / "ids.json")
    lexical = LexicalIndex(
        terms,
        np.load(folder / "indptr.npy"),
        np.load(folder / "postings.npy", mmap_mode="r"),
        np.load(folder / "impacts.npy", mmap_mode="r"),
        len(ids),
    )
    codes = np.load(folder / "codes.npy", mmap_mode="r")
    values = _read_json(folder / "values.json")
    fields = {name: Coded(codes[row], tuple(known)) for row, (name, known) in enumerate(values.items())}
    columns = ProductColumns(
        price=np.load(folder / "price.npy"),
        rating=np.load(folder / "rating.npy"),
        in_stock=np.load(folder / "in_stock.npy"),
        created_at=np.load(folder / "created_at.npy"),
        category=fields["category"],
        brand=fields["brand"],
        attributes={name.removeprefix("attribute "): coded for name, coded in fields.items() if " " in name},
    )
    return ProductIndex(tuple(ids), lexical, np.load(folder / "vectors.npy", mmap_mode="r"), columns)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
