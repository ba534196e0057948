"""Three keyword engines that run in the process, with one text for each product; see `search_peers`."""

import importlib
import json
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

MILLI_RESULTS = 20  # it gives no more, whatever is asked
_ENOUGH = 10  # products with every word, from which on tantivy's others are not asked for
_MAP_BYTES = 2**33  # of address space for milli's memory map
_FEW_BYTES = 2**26


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
