"""The indexes on disk: arrays as .npy (memory-mapped where large), texts as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.domain import Product, Source
from core.retrieval.adapter import Adapter, load_adapter, save_adapter
from core.retrieval.columns import Coded, ProductColumns, build_columns
from core.retrieval.completion import SOURCES
from core.retrieval.completion_storage import load_index, save_index
from core.retrieval.completions import Completions
from core.retrieval.dense import DenseIndex, build_dense, load_dense, save_dense
from core.retrieval.fuzzy_build import load_fuzzy, save_fuzzy
from core.retrieval.lexical import LexicalIndex, Segment
from core.retrieval.lexical_build import build_lexical
from core.retrieval.mapped import mapped
from core.retrieval.products import IntArray, ProductIndex
from core.retrieval.title_terms import TitleTerms, build_title_terms
from core.text.embedding import FloatArray

DENSE = "dense"  # folder of the vectors
_POSTINGS = ("indptr", "postings", "impacts")
_NUMBERS = ("price", "rating", "rating_count", "in_stock", "created_at")
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
    index = build_products(products, vectors)
    lexical, columns = index.lexical, index.columns
    _write_json(folder / "ids.json", list(index.ids))
    _write_json(folder / "terms.json", list(lexical.base.vocabulary))
    _write_json(folder / "compounds.json", lexical.compounds)
    for name in _POSTINGS:
        np.save(folder / f"{name}.npy", getattr(lexical.base, name))
    np.save(folder / "mean_length.npy", np.array(lexical.mean_length))
    save_dense(index.dense, folder / DENSE)
    np.savez(folder / "titles.npz", terms=index.titles.terms, heads=index.titles.heads, weights=index.titles.weights)
    for name in _NUMBERS:
        np.save(folder / f"{name}.npy", getattr(columns, name))
    fields = {"category": columns.category, "brand": columns.brand}
    fields |= {f"attribute {name}": coded for name, coded in columns.attributes.items()}
    _write_json(folder / "values.json", {name: coded.values for name, coded in fields.items()})
    np.save(folder / "codes.npy", np.stack([coded.codes for coded in fields.values()]))


def build_products(products: Sequence[Product], vectors: FloatArray) -> ProductIndex:
    """The index of `products` with their unit `vectors` `(P, D)`; pseudo-categories are not known."""
    lexical = build_lexical(products)
    idf = dict(zip(lexical.base.vocabulary, lexical.idfs(lexical.base.vocabulary).tolist(), strict=True))
    return ProductIndex(
        ids=tuple(product.product_id for product in products),
        lexical=lexical,
        dense=build_dense(vectors),
        titles=build_title_terms([product.title for product in products], idf),
        columns=build_columns(products),
        categories=np.full(len(products), -1, np.int32),
    )


def load_products(folder: Path, categories: IntArray | None = None, ranking: Path | None = None) -> ProductIndex:
    """The index that `save_products` wrote, with the pseudo-category of each row `(P,)`.

    `ranking`: a folder of `save_adapted`, whose vectors take the place of the encoder's own.
    """
    ids = _read_json(folder / "ids.json")
    postings, impacts = (mapped(folder / f"{name}.npy") for name in _POSTINGS[1:])
    segment = Segment(_read_json(folder / "terms.json"), np.load(folder / "indptr.npy"), postings, impacts, len(ids))
    compounds = {word: (first, second) for word, (first, second) in _read_json(folder / "compounds.json").items()}
    codes = mapped(folder / "codes.npy")
    values = _read_json(folder / "values.json")
    fields = {name: Coded(codes[row], tuple(known)) for row, (name, known) in enumerate(values.items())}
    columns = ProductColumns(
        **{name: np.load(folder / f"{name}.npy") for name in _NUMBERS},
        category=fields["category"],
        brand=fields["brand"],
        attributes={name.removeprefix("attribute "): coded for name, coded in fields.items() if " " in name},
    )
    with np.load(folder / "titles.npz") as stored:
        titles = TitleTerms(stored["terms"], stored["heads"], stored["weights"])
    return ProductIndex(
        ids=tuple(ids),
        lexical=LexicalIndex(segment, compounds=compounds, mean_length=float(np.load(folder / "mean_length.npy"))),
        dense=load_dense((ranking or folder) / DENSE),
        titles=titles,
        columns=columns,
        categories=np.full(len(ids), -1, np.int32) if categories is None else categories,
        adapter=load_adapter(ranking) if ranking else None,
    )


def save_adapted(adapter: Adapter, dense: DenseIndex, folder: Path) -> None:
    """Writes what judgments taught the vectors, and the titles' vectors after it, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_adapter(adapter, folder)
    save_dense(dense, folder / DENSE)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
