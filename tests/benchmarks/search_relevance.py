"""How well our search ranks judged products beside other ways to search, in one run over the same queries.

    .venv/bin/pip install -r tests/requirements-benchmarks.txt
    OMP_NUM_THREADS=1 python -m tests.benchmarks.search_relevance --home HOME --catalog FILE --judgments FILE

HOME was prepared from the catalogue; the judged queries are those of `training.evaluation.search`, and so are gains
(2^(grade − 1) − 1) and what is left out. "or 1" is the other convention: a query without any answer that gains counts 1
and is not left out. "judged" orders the judged products alone, each system by its own scores, those that it does not
score behind, ties by id; random order says what that measure gives for nothing. Milliseconds are of one thread in the
process, the first hundred products, every query asked for the first time. `--ablation` adds ours without one part each.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from config.progress import Steps
from core.artifacts import open_current
from core.evaluation.metrics import bootstrap_interval
from core.services.bundle import Bundle, load_bundle
from tests.benchmarks.search_engines import MILLI_RESULTS
from tests.benchmarks.search_peers import NAMES, Peer, in_order, made
from tests.benchmarks.search_variants import FORMULA_ONLY, Ours, ablations, without_judgments
from training.evaluation.search import RankingMetrics, sampled
from training.ranking.judged import Grades, read_judgments

SERVED, PLAIN = "ours, as served", "ours, without judgments"
_DEPTH = 100
_SHUFFLES = 20  # of the judged products of a query


@dataclass
class Row:
    """One system on all queries."""

    metrics: RankingMetrics = field(default_factory=RankingMetrics)
    milliseconds: list[float] = field(default_factory=list)
    wordless: int | None = None  # queries for which no product holds any part; None: not looked at

    def figures(self) -> dict[str, float]:
        found, size = self.metrics, self.metrics.queries
        p50, p99 = np.quantile(self.milliseconds, [0.5, 0.99])
        figures = found.figures() | {
            "nDCG@10, or 1": (sum(found.whole) + size - len(found.whole)) / size,
            "nDCG@10, judged only, or 1": (sum(found.judged) + size - len(found.judged)) / size,
            "p50 ms": float(p50),
            "p99 ms": float(p99),
        }
        return figures if self.wordless is None else figures | {"share without words": self.wordless / size}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--catalog", type=Path, required=True, metavar="FILE", help="what it was prepared from")
    parser.add_argument("--judgments", type=Path, required=True, metavar="FILE", help="query, product_id, relevance")
    parser.add_argument("--limit", type=int, default=1_000, metavar="N", help="queries that are measured")
    parser.add_argument("--skip", nargs="*", default=[], choices=NAMES, help="peers that are left out")
    parser.add_argument("--ablation", action="store_true", help="also ours as served without one part each")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    console = Console(highlight=False, width=None if Console().is_terminal else 180)
    steps = Steps(console)
    threadpool_limits(1)
    with steps.step("Loading"):
        bundle, folder = load_bundle(options.home / "artifacts"), open_current(options.home / "artifacts")
        assert bundle.products is not None
        plain, listed = without_judgments(bundle, folder), in_order(bundle.products, options.catalog)
        grades = read_judgments(options.judgments)
    queries = sampled(grades, options.limit)
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as place:
        with steps.step("Indexing"):
            assert plain.products is not None and bundle.encoder is not None
            vectors = plain.products.dense.all()
            peers = made(listed, vectors, bundle.encoder, Path(place), options.skip, steps.say)
        systems: dict[str, Callable[[], Peer]] = {name: partial(_same, peer) for name, peer in peers.items()}
        systems |= {PLAIN: partial(Ours, plain), SERVED: partial(Ours, bundle)}
        for name, make in systems.items():
            rows[name] = measured(name, make(), queries, grades, bundle)
    taken: Iterator[tuple[str, Ours]] = ablations(bundle, listed) if options.ablation else iter(())
    without = {name: measured(name, ours, queries, grades, bundle) for name, ours in taken}
    chance = by_chance(queries, grades, bundle)
    title = f"{options.judgments.name}, {len(queries)} queries of {len(grades)}, version {bundle.version}"
    title = f"{title}; {len(queries) - len(rows[SERVED].metrics.whole)} without an answer that gains"
    _print(console, f"{title}, ranker: {bundle.ranker.name}", rows, chance)
    differences = _differences(console, "as served − other", rows[SERVED], rows | {SERVED: None})
    if FORMULA_ONLY in without:
        differences["adapter"] = _differences(
            console, "formula with the adapter − other", without[FORMULA_ONLY], {PLAIN: rows[PLAIN]}
        )[PLAIN]
    if without:
        _print(console, "as served, without one part each", {SERVED: rows[SERVED], **without}, None)
        differences |= _differences(console, "as served − without a part", rows[SERVED], without)
    if options.json:
        result: dict[str, Any] = {"measured on": title, "ranker": bundle.ranker.name, "differences": differences}
        result["systems"] = {name: row.figures() for name, row in (rows | without).items()}
        result["systems"]["random order"] = {"nDCG@10, judged only": float(np.mean(chance.judged))}
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


def measured(name: str, system: Peer, queries: Sequence[str], grades: Grades, bundle: Bundle) -> Row:
    """`name` stands beside the bar."""
    row = Row()
    if isinstance(system, Ours):
        row.wordless = 0
    system.best("warming up", _DEPTH)
    for query in track(queries, name):
        judged = _judged(bundle, grades[query])
        started = time.perf_counter()
        ranked = system.best(query, _DEPTH)
        row.milliseconds.append(1e3 * (time.perf_counter() - started))
        scores = system.scores(query, judged)
        among = sorted(judged, key=lambda one: -scores.get(one, -np.inf))
        row.metrics.add(ranked, among, grades[query])
        if isinstance(system, Ours) and row.wordless is not None:
            row.wordless += not system.finds_words(query)
    return row


def by_chance(queries: Sequence[str], grades: Grades, bundle: Bundle) -> RankingMetrics:
    """The judged products in random order; only `judged` means anything."""
    chance, generator = RankingMetrics(), random.Random(0)
    for query in queries:
        judged = _judged(bundle, grades[query])
        for _ in range(_SHUFFLES):
            chance.add([], generator.sample(judged, len(judged)), grades[query])
    return chance


def _same(peer: Peer) -> Peer:
    return peer


def _judged(bundle: Bundle, grades: Mapping[str, float]) -> list[str]:
    """By id, those that are in the catalogue."""
    assert bundle.products is not None
    return [product for product in sorted(grades) if bundle.products.row_of(product) is not None]


def _print(console: Console, title: str, rows: Mapping[str, Row], chance: RankingMetrics | None) -> None:
    table = Table(
        "system", "nDCG@10", "95 %", "or 1", "judged", "or 1", "Recall@100", "no results", "p50 ms", "p99 ms",
        title=title,
    )  # fmt: skip
    for name, row in rows.items():
        found = row.figures()
        empty = f"{found['share without results']:.1%}"
        if "share without words" in found:
            empty += f" ({found['share without words']:.1%} by words)"
        recall = f"{found['Recall@100']:.3f}"
        table.add_row(
            name, f"{found['nDCG@10']:.4f}", f"{found['nDCG@10 low']:.3f} … {found['nDCG@10 high']:.3f}",
            f"{found['nDCG@10, or 1']:.4f}", f"{found['nDCG@10, judged only']:.4f}",
            f"{found['nDCG@10, judged only, or 1']:.4f}",
            f"@{MILLI_RESULTS}: {recall}" if name == "milli" else recall,
            empty, f"{found['p50 ms']:.2f}", f"{found['p99 ms']:.2f}",
        )  # fmt: skip
    if chance is not None:
        plain = float(np.mean(chance.judged))
        other = (sum(chance.judged) + chance.queries - len(chance.judged)) / chance.queries
        table.add_row("random order", "", "", "", f"{plain:.4f}", f"{other:.4f}")
    console.print(table)


def _differences(
    console: Console, title: str, served: Row, others: Mapping[str, Row | None]
) -> dict[str, dict[str, float]]:
    """Paired by query, with bootstrap intervals; over the catalogue and among judged products."""
    table, found = Table(title, "nDCG@10", "95 %", "judged", "95 %"), dict[str, dict[str, float]]()
    for name, row in others.items():
        if row is None:
            continue
        cells, found[name] = list[str](), {}
        for measure, ours, theirs in (
            ("nDCG@10", served.metrics.whole, row.metrics.whole),
            ("nDCG@10, judged only", served.metrics.judged, row.metrics.judged),
        ):
            gained = np.subtract(ours, theirs)
            low, high = bootstrap_interval(gained.tolist())
            cells += [f"{gained.mean():+.4f}", f"{low:+.4f} … {high:+.4f}"]
            found[name] |= {measure: float(gained.mean()), f"{measure} low": low, f"{measure} high": high}
        table.add_row(name, *cells)
    console.print(table)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
