"""Which thresholds of Algorithm 1 pay: `python -m tests.benchmarks.generation --home DIR --queries FILE`.

Generates anew from the current version of `--home` under several thresholds and widths, each from the same start tokens
through every gate, and prints a row for each: candidates, kept queries and how many a minute, how much fewer prefixes
of the held-out `--queries` are left with fewer than five suggestions, and distinct categories per suggestion beside
vanilla beam search. Publishes nothing. Embeddings of the last gate are kept below the home, so that later rows of the
same text are faster: the speed is that of the generation before it.
"""

import argparse
import dataclasses
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from core.artifacts import open_current
from core.domain import Source, WeightedQuery
from core.importing.queries import query_rows, read_queries
from core.language_model.dynamic_beam import DynamicBeam
from core.retrieval.completions import build_completions
from core.services.bundle import load_bundle
from core.text.embedding import Encoder
from core.text.normalize import normalize
from training.evaluation.generation import index_coverage, list_diversity
from training.generation.gates import by_meaning
from training.generation.index import completions
from training.generation.run import GenerationPlan, run_generation

BEAMS = (
    DynamicBeam(),
    DynamicBeam(p1=0.03, p2=0.04, p3=0.02, width=3),  # as figure 5 of the paper keeps and drops
    DynamicBeam(p1=0.3, p2=0.4, p3=0.02, width=3),  # as it prints them
    DynamicBeam(p1=0.1, p2=0.15, p3=0.02, width=3),
    DynamicBeam(p1=0.01, p2=0.02, p3=0.02, width=3),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR")
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="held-out queries")
    parser.add_argument("--starts", type=int, default=500, help="start tokens for each of the two models")
    options = parser.parse_args()
    console = Console(width=130)
    folder = open_current(options.home / "artifacts")
    bundle = load_bundle(options.home / "artifacts")
    labels = np.load(folder.path / "product_categories.npy")
    history = [entry for entry in bundle.completions.entries() if entry.source is Source.HISTORY]
    known = [(WeightedQuery(entry.text, entry.weight), entry.category or 0) for entry in history]
    held_out = sorted({normalize(row.query) for row in query_rows(read_queries(options.queries)[0])} - {""})
    random.Random(0).shuffle(held_out)
    before = build_completions(history)
    own = by_meaning(
        folder.path,
        Encoder(str(bundle.manifest["embedding_model"])),
        options.home / "cache" / "embeddings",
        lambda share, note: None,
    )
    table = Table(
        "p1", "p2", "p3", "width", "candidates", "kept", "a minute", "few suggestions", "categories ÷ vanilla"
    )
    for beam in BEAMS:
        plan = dataclasses.replace(GenerationPlan(), beam=beam, starts=options.starts)
        seconds = 0.0

        def timed_own(texts: Sequence[str], started: float = time.perf_counter()) -> Sequence[int]:
            nonlocal seconds
            seconds = time.perf_counter() - started
            return own(texts)

        with tempfile.TemporaryDirectory() as work:
            queries, report = run_generation(
                folder.path, Path(work), plan, [query.text for query, _ in known], own_categories=timed_own
            )
        index = build_completions(completions(folder.path, known, queries))
        fall = index_coverage(before, index, held_out)["fall of fewer than 5"]
        diverse = list_diversity(dataclasses.replace(bundle, completions=index), held_out, labels)
        row = (
            *(f"{value:g}" for value in (beam.p1, beam.p2, beam.p3, beam.width)),
            f"{report.counts['generated']:,}",
            f"{len(queries):,}",
            f"{60 * len(queries) / seconds:,.0f}",
            f"−{fall:.1%}",
            f"{diverse.get('distinct categories, by weight ÷ vanilla', float('nan')):.2f}",
        )
        console.print(*row, sep=" | ")
        table.add_row(*row)
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
