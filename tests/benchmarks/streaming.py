"""Memory and speed of the AmazonQAC loader: `python -m tests.benchmarks.streaming --rows 20000000`.

Generates Parquet files in the training part's schema into a temporary folder, `--distinct` share of the terms never
seen twice, then runs the loader as a process of its own and reports rows a second and that process's largest resident
memory. POSIX only, as that figure comes from the system.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import track
from rich.table import Table

_ROOT = Path(__file__).resolve().parents[2]
_ROWS_PER_FILE = 1_000_000
_WORDS = 5_000  # of each of three places in a term


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--distinct", type=float, default=0.1, help="share of rows whose term occurs once")
    parser.add_argument("--folder", type=Path, help="where the temporary files go (default: the system's)")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source, out = Path(folder) / "train", Path(folder) / "queries.parquet"
        source.mkdir()
        started = time.perf_counter()
        files = range(-(-options.rows // _ROWS_PER_FILE))
        for number in track(files, "generating", console=console):
            rows = min(_ROWS_PER_FILE, options.rows - number * _ROWS_PER_FILE)
            generated(number, rows, options.distinct).write_parquet(source / f"{number:05}.parquet")
        size = sum(file.stat().st_size for file in source.iterdir())
        console.print(f"{options.rows:,} rows, {size / 2**30:.2f} GiB, in {time.perf_counter() - started:.0f} s")
        started = time.perf_counter()
        command = [sys.executable, "-m", "training.public_sets", "amazonqac", str(source), "--out", str(out)]
        subprocess.run(command, cwd=_ROOT, check=True)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)
        counted = pl.scan_parquet(out).select(pl.len(), pl.col("count").sum()).collect().row(0)
    table = Table("measure", "value", title="training.public_sets amazonqac")
    for name, value in {
        "rows read": f"{options.rows:,}",
        "distinct queries": f"{counted[0]:,}",
        "seconds": f"{seconds:.1f}",
        "rows a second": f"{options.rows / seconds:,.0f}",
        "peak memory, GiB": f"{peak / 2**30:.2f}",
    }.items():
        table.add_row(name, value)
    console.print(table)
    return 0 if counted[1] == options.rows else 1  # every row has a term of words, so none may be lost


def generated(number: int, rows: int, distinct: float) -> pl.DataFrame:
    """File `number` with so many rows; frequent terms follow a power law."""
    generator = np.random.default_rng(number)
    ranks = np.minimum(generator.zipf(1.3, rows), 10**9)
    words = pl.select(
        first=pl.Series(ranks % _WORDS),
        second=pl.Series(ranks // _WORDS % _WORDS),
        row=pl.int_range(number * _ROWS_PER_FILE, number * _ROWS_PER_FILE + rows, dtype=pl.Int64),
        once=pl.Series(generator.random(rows) < distinct),
    )
    frequent = pl.format("brand{} thing{}", "first", "second")
    term = pl.when("once").then(pl.format("model{} part", "row")).otherwise(frequent).alias("final_search_term")
    typed = pl.concat_list(*(pl.col("final_search_term").str.slice(0, length) for length in (1, 3, 6)))
    return (
        words.with_columns(term)
        .select(
            query_id="row",
            session_id=pl.format("session{}", "row"),
            prefixes=typed,
            first_prefix_typed_time=pl.lit("2023-09-01 10:00:00.000"),
            final_search_term="final_search_term",
            search_time=pl.lit("2023-09-01 10:00:05.000"),
            popularity=pl.lit(1, pl.Int64),
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
