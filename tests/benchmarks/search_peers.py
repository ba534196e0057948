"""What our search is compared with: keyword engines that run in the process, the sentence encoder, and their fusion.

Each gets the same products in the same order, one text for each: title, brand, category, attributes and description.
What an engine has for English is on.
"""

import importlib
import json
import re
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import Stemmer

from core.domain import Product
from core.text.embedding import Encoder
from core.text.normalize import normalize

FloatArray = npt.NDArray[np.float32]

MILLI_RESULTS = 20  # it gives no more, whatever is asked
_ENOUGH = 10  # products with every word, from which on tantivy's others are not asked for
_RRF_K, _RRF_DEPTH = 60, 1_000  # Cormack, Clarke & Büttcher 2009
_MAP_BYTES = 2**33  # of address space for milli's memory map
_FEW_BYTES = 2**26


class Peer(Protocol):
    """Anything that ranks the products for a query as typed."""

    def best(self, query: str, limit: int) -> list[str]:
        """The ids of at most `limit` products, the best first."""
        ...

    def scores(self, query: str, product_ids: Sequence[str]) -> Mapping[str, float]:
        """Its scores of these products; those that it does not score are absent."""
        ...


class Scored(ABC):
    """A peer that scores all products of a query at once."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self._rows = {product_id: row for row, product_id in enumerate(ids)}

    @abstractmethod
    def all_scores(self, query: str) -> FloatArray:
        """`(P,)`; a product whose score is not positive was not found."""

    def best(self, query: str, limit: int) -> list[str]:
        return [self.ids[row] for row in best_rows(self.all_scores(query), limit)]

    def scores(self, query: str, product_ids: Sequence[str]) -> dict[str, float]:
        every = self.all_scores(query)
        rows = ((one, self._rows.get(one)) for one in product_ids)
        return {one: float(every[row]) for one, row in rows if row is not None and every[row] > 0}


class Bm25s(Scored):
    """Lucene's BM25 with Snowball's stemmer, set up for short titles: k₁ 1.2, b .4, every word counts.

    bm25s itself takes k₁ 1.5 and b .75 and leaves out stop words and words of one character, the `5` of `5 gal.`; on
    `home_depot`'s training judgments nDCG@10 is .346 then, and .367 so.
    """

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        super().__init__(ids)
        self._module: Any = importlib.import_module("bm25s")
        self._stemmer = Stemmer.Stemmer("english")
        self._index = self._module.BM25(k1=1.2, b=0.4)
        self._index.index(self._tokens(texts), show_progress=False)

    def all_scores(self, query: str) -> FloatArray:
        tokens = self._tokens([query])[0]
        known = [token for token in tokens if token in self._index.vocab_dict]
        if not known:
            return np.zeros(len(self.ids), np.float32)
        scores: FloatArray = self._index.get_scores(known)
        return scores

    def _tokens(self, texts: Sequence[str]) -> list[list[str]]:
        tokens: list[list[str]] = self._module.tokenize(
            list(texts), token_pattern=r"(?u)\b\w+\b", stopwords=[], stemmer=self._stemmer, return_ids=False,
            show_progress=False,
        )  # fmt: skip
        return tokens


class Vectors(Scored):
    """The sentence encoder alone: the query's vector beside the vectors `(P, D)` of all titles."""

    def __init__(self, ids: Sequence[str], vectors: FloatArray, encoder: Encoder) -> None:
        super().__init__(ids)
        self._vectors, self._encoder = vectors, encoder

    def all_scores(self, query: str) -> FloatArray:
        cosines: FloatArray = self._vectors @ self._encoder.encode([normalize(query)])[0]
        return 1 + cosines  # positive: it finds everything


class Fused(Scored):
    """Reciprocal rank fusion: Σ 1 / (60 + rank)."""

    def __init__(self, parts: Sequence[Scored]) -> None:
        super().__init__(parts[0].ids)
        self._parts = parts

    def best(self, query: str, limit: int) -> list[str]:
        return [self.ids[row] for row in best_rows(self._fused(query, _RRF_DEPTH), limit)]

    def all_scores(self, query: str) -> FloatArray:
        return self._fused(query, len(self.ids))

    def _fused(self, query: str, depth: int) -> FloatArray:
        summed = np.zeros(len(self.ids), np.float32)
        for part in self._parts:
            rows = best_rows(part.all_scores(query), depth)
            summed[rows] += (1 / (_RRF_K + 1 + np.arange(len(rows)))).astype(np.float32)
        return summed


class Tantivy:
    """Products with every word, by BM25; where these are fewer than ten, behind them those with any."""

    def __init__(self, ids: Iterable[str], texts: Iterable[str]) -> None:
        module: Any = importlib.import_module("tantivy")
        builder = module.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw")
        builder.add_text_field("text", tokenizer_name="en_stem")
        self._module, self._schema = module, builder.build()
        self._index = module.Index(self._schema)
        writer = self._index.writer(num_threads=1)
        for product_id, text in zip(ids, texts, strict=True):
            writer.add_document(module.Document(id=product_id, text=text))
        writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def best(self, query: str, limit: int) -> list[str]:
        found = dict.fromkeys(self._found(self._parsed(query, True), limit))
        if len(found) < _ENOUGH:
            found |= dict.fromkeys(self._found(self._parsed(query, False), limit))
        return list(found)[:limit]

    def scores(self, query: str, product_ids: Sequence[str]) -> dict[str, float]:
        """Those with every word are before all others, as in the list."""
        query_of, must = self._module.Query, self._module.Occur.Must
        these = query_of.const_score_query(query_of.term_set_query(self._schema, "id", list(product_ids)), 0.0)
        scores: dict[str, float] = {}
        for every, ahead in ((False, 0.0), (True, 1e6)):
            both = query_of.boolean_query([(must, self._parsed(query, every)), (must, these)])
            scores |= {one: score + ahead for one, score in self._found(both, len(product_ids)).items()}
        return scores

    def _parsed(self, query: str, every: bool) -> Any:
        words = " ".join(re.findall(r"\w+", query.lower()))  # no operators
        return self._index.parse_query(words, ["text"], conjunction_by_default=every)

    def _found(self, query: Any, limit: int) -> dict[str, float]:
        hits = self._searcher.search(query, max(1, limit), count=False).hits
        return {self._searcher.doc(address)["id"][0]: score for score, address in hits}


class Fts5:
    """SQLite's full-text index in memory: any of the words, by its `bm25()`."""

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        self._ids, self._rows = ids, {product_id: row for row, product_id in enumerate(ids)}
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute("CREATE VIRTUAL TABLE found USING fts5(text, tokenize = 'porter unicode61')")
        self._connection.executemany("INSERT INTO found (rowid, text) VALUES (?, ?)", enumerate(texts))

    def best(self, query: str, limit: int) -> list[str]:
        asked = "SELECT rowid FROM found WHERE found MATCH ? ORDER BY rank LIMIT ?"
        return [self._ids[row] for (row,) in self._rows_of(asked, query, limit)]

    def scores(self, query: str, product_ids: Sequence[str]) -> dict[str, float]:
        rows = [self._rows[one] for one in product_ids if one in self._rows]
        asked = "SELECT rowid, -rank FROM found WHERE found MATCH ? AND rowid IN (SELECT value FROM json_each(?))"
        return {self._ids[row]: score for row, score in self._rows_of(asked, query, json.dumps(rows))}

    def _rows_of(self, asked: str, query: str, other: object) -> Iterable[Any]:
        words = re.findall(r"\w+", query.lower())
        match = " OR ".join(f'"{word}"' for word in words)
        return self._connection.execute(asked, (match, other)) if words else ()


class Milli:
    """Meilisearch's engine as it is; at most `MILLI_RESULTS` products, and no scores.

    Its rules compare a product with the query, never with other products: the order of few is that of an index of them.
    """

    def __init__(self, ids: Sequence[str], texts: Sequence[str], folder: Path) -> None:
        self._module: Any = importlib.import_module("milli")
        self._ids, self._folder = ids, folder
        self._texts = dict(zip(ids, texts, strict=True))
        self._index = self._made(texts, _MAP_BYTES)
        self._few = self._module.Index(tempfile.mkdtemp(dir=folder), _FEW_BYTES)

    def best(self, query: str, limit: int) -> list[str]:
        return [self._ids[number] for number in self._index.search(query)[:limit]]

    def scores(self, query: str, product_ids: Sequence[str]) -> dict[str, float]:
        known = [one for one in product_ids if one in self._texts]
        self._few.clear_documents()
        self._few.add_documents([{"id": at, "text": self._texts[one]} for at, one in enumerate(known)])
        found = [self._few.get_document(number)["id"] for number in self._few.search(query)]
        return {known[int(at)]: -float(place) for place, at in enumerate(found)}

    def _made(self, texts: Sequence[str], map_bytes: int) -> Any:
        index = self._module.Index(tempfile.mkdtemp(dir=self._folder), map_bytes)
        index.add_documents([{"id": number, "text": text} for number, text in enumerate(texts)])
        return index


def text_of(product: Product) -> str:
    """Everything that can be searched, in one text."""
    parts = [product.title, product.brand, product.category, *product.attributes.values(), product.description]
    return " ".join(part for part in parts if part)


def best_rows(scores: FloatArray, limit: int) -> npt.NDArray[np.intp]:
    """Rows of at most `limit` positive scores, the greatest first, ties by row."""
    if limit < len(scores):
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        rows = np.flatnonzero(scores >= least)
    else:
        rows = np.arange(len(scores))
    rows = rows[np.argsort(-scores[rows], kind="stable")][:limit]
    return rows[scores[rows] > 0]


def made(
    products: Sequence[Product], vectors: FloatArray, encoder: Encoder, folder: Path, skip: Sequence[str],
    say: Callable[[str], None],
) -> dict[str, Peer]:  # fmt: skip
    """The peers, as far as they are installed (tests/requirements-benchmarks.txt) and not in `skip`, by name.

    `vectors` `(P, D)`: the titles' own; `folder`: where milli keeps its files.
    """
    ids, texts = [product.product_id for product in products], [text_of(product) for product in products]
    ways: dict[str, Callable[[], Peer]] = {
        "bm25s": lambda: Bm25s(ids, texts),
        "tantivy": lambda: Tantivy(ids, texts),
        "FTS5": lambda: Fts5(ids, texts),
        "milli": lambda: Milli(ids, texts, folder),
        "MiniLM": lambda: Vectors(ids, vectors, encoder),
    }
    left_out = {name.lower() for name in skip}
    found: dict[str, Peer] = {}
    for name, make in ways.items():
        if name.lower() in left_out:
            continue
        try:
            found[name] = make()
        except ImportError as error:
            say(f"{name} is left out: {error}")
    parts = [part for name in ("bm25s", "MiniLM") if isinstance(part := found.get(name), Scored)]
    if len(parts) == 2 and "rrf" not in left_out:
        found["RRF"] = Fused(parts)
    return found
