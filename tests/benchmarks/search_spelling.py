"""What correcting searches is worth: `python -m tests.benchmarks.search_spelling --home HOME --pairs F --judgments F`.

`pairs` has the columns query_misspelled and query_corrected, `judgments` query, product_id and relevance (1: bad).
Measured: the words that are put as the file has them; clean queries that are left alone (the corrected forms, and
judged queries whose words products hold); nDCG@10 of BM25 over all products for misspelt queries that were judged, as
typed, corrected by us and corrected by the file, with 95 % intervals of paired differences; and time per query.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from core.artifacts import current_version
from core.domain import Product
from core.errors import ArtifactError
from core.evaluation.metrics import bootstrap_interval, ndcg_at
from core.importing.queries import query_rows, read_queries
from core.retrieval.lexical import LexicalIndex, plain
from core.retrieval.lexical_build import build_lexical
from core.services.spelling import SearchSpeller
from core.text.normalize import normalize
from core.text.terms import asked_terms
from core.text.vocabulary import Vocabulary
from database.connection import Database
from database.repositories.products import ProductRepository

_WORST = 1.0  # the relevance that gains nothing
Grades = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A misspelt query as the log has it, and both forms normalised."""

    query: str
    typed: str
    meant: str

    @property
    def new_words(self) -> Counter[str]:
        """Words of the corrected form that were not typed."""
        return Counter(self.meant.split()) - Counter(self.typed.split())


class Shop:
    """The products of a home, indexed anew, with the words that its current version knows."""

    def __init__(self, home: Path) -> None:
        products = asyncio.run(_products(home))
        self._ids = [product.product_id for product in products]
        self.lexical: LexicalIndex = build_lexical(products)
        artifacts = home / "artifacts"
        version = current_version(artifacts)
        if version is None:
            raise ArtifactError(f"{home} has no version yet: prepare it with run_demo.py")
        vocabulary = Vocabulary.from_dict(json.loads((artifacts / version / "vocabulary.json").read_text("utf-8")))
        counts = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
        counts |= dict(zip(vocabulary.rare_words, vocabulary.rare_counts, strict=True))
        self.speller = SearchSpeller(
            self.lexical, {word: count for word, count in counts.items() if self.lexical.knows(word)}
        )

    def knows_all(self, text: str) -> bool:
        return all(map(self.lexical.knows, text.split()))

    def ndcg(self, text: str, grades: Mapping[str, float]) -> float:
        scores, _ = self.lexical.score(plain(asked_terms(text)))
        best = np.argsort(-scores, kind="stable")[:10]
        return ndcg_at([self._ids[row] for row in best if scores[row] > 0], grades, 10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--judgments", type=Path, required=True)
    options = parser.parse_args()
    console = Console()
    pairs = [
        Pair(" ".join(typed.split()), normalize(typed), normalize(meant))
        for typed, meant in pl.read_csv(options.pairs).select("query_misspelled", "query_corrected").iter_rows()
    ]
    grades = _grades(options.judgments)
    shop = Shop(options.home)
    misspelt = {pair.query for pair in pairs}
    clean = {pair.meant for pair in pairs}
    clean |= {text for query in grades if query not in misspelt and shop.knows_all(text := normalize(query))}
    table = Table("measured", "value", "95 %", "on")
    _words(table, shop, pairs)
    _clean(table, shop, sorted(clean))
    _ranking(table, shop, [pair for pair in pairs if pair.query in grades], grades)
    console.print(table)
    return 0


def _words(table: Table, shop: Shop, pairs: Sequence[Pair]) -> None:
    texts = [shop.speller.spell(pair.typed).text for pair in pairs]
    right = sum(((pair.new_words) & Counter(text.split())).total() for pair, text in zip(pairs, texts, strict=True))
    wanted = sum(pair.new_words.total() for pair in pairs)
    same = sum(pair.meant == text for pair, text in zip(pairs, texts, strict=True))
    table.add_row("words corrected as the file has them", f"{right / wanted:.1%}", "", f"{wanted:,} words")
    table.add_row("queries corrected as the file has them", f"{same / len(pairs):.1%}", "", f"{len(pairs):,} queries")


def _clean(table: Table, shop: Shop, clean: Sequence[str]) -> None:
    milliseconds: dict[bool, list[float]] = {True: [], False: []}
    changed = asked = 0
    for text in clean:
        begun = time.thread_time()
        spelled = shop.speller.spell(text)
        milliseconds[shop.knows_all(text)].append(1e3 * (time.thread_time() - begun))
        changed += spelled.text != text
        asked += spelled.suggestion is not None
    table.add_row("clean queries left alone", f"{1 - changed / len(clean):.2%}", "", f"{len(clean):,} queries")
    table.add_row("clean queries with another suggested", f"{asked / len(clean):.2%}", "", "the same")
    for known, name in ((True, "all words known"), (False, "a word unknown")):
        if milliseconds[known]:
            p50, p99 = np.quantile(milliseconds[known], [0.5, 0.99])
            times = f"{p50:.2f} · {p99:.2f} ms"
            table.add_row(f"time p50 · p99, {name}", times, "", f"{len(milliseconds[known]):,} queries")


def _ranking(table: Table, shop: Shop, pairs: Sequence[Pair], grades: Grades) -> None:
    if not pairs:
        table.add_row("nDCG@10", "no misspelt query was judged", "", "")
        return
    ways = {
        "as typed": [pair.typed for pair in pairs],
        "corrected by us": [shop.speller.spell(pair.typed).text for pair in pairs],
        "corrected by the file": [pair.meant for pair in pairs],
    }
    found = {
        name: np.array([shop.ndcg(text, grades[pair.query]) for text, pair in zip(texts, pairs, strict=True)])
        for name, texts in ways.items()
    }
    for name, values in found.items():
        table.add_row(f"nDCG@10, {name}", f"{values.mean():.4f}", "", f"{len(values):,} queries")
    ours = found["corrected by us"]
    for name in ("as typed", "corrected by the file"):
        gained = ours - found[name]
        low, high = bootstrap_interval(gained.tolist())
        table.add_row(f"ours − {name}", f"{gained.mean():+.4f}", f"{low:+.4f} … {high:+.4f}", "paired")


def _grades(judgments: Path) -> Grades:
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for row in query_rows(read_queries(judgments)[0]):
        if row.product_id is not None and row.relevance is not None:
            grades[row.query][row.product_id] = row.relevance - _WORST
    return grades


async def _products(home: Path) -> list[Product]:
    database = Database(f"sqlite+aiosqlite:///{(home / 'cadence.sqlite3').resolve().as_posix()}")
    try:
        async with database.reading() as session:
            return [product async for batch in ProductRepository(session).stream() for product in batch]
    finally:
        await database.dispose()


if __name__ == "__main__":
    raise SystemExit(main())
