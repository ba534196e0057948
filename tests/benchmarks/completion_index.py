"""How the completion index grows: `python -m tests.benchmarks.completion_index [--size N] [--small N]`.

Builds two indexes of seeded, plausible queries in processes of their own and prints how long that took and the most
memory it held; then opens each, memory-mapped, in a fresh process and prints the median and the 99th percentile of
every kind of lookup side by side, with the memory that is resident afterwards. A lookup's time is the least of three
rounds, between which two thousand others pass: that leaves out the moments when another process had the core.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from core.domain import Source
from core.retrieval.completion import CompletionIndex
from core.retrieval.completion_build import build_from_columns
from core.retrieval.completion_storage import load_index, save_index
from core.retrieval.fuzzy import FuzzyPrefixes
from core.retrieval.fuzzy_build import build_fuzzy, load_fuzzy, save_fuzzy

LOOKUPS = 2_000  # of each kind
ROUNDS = 3  # of all lookups of a kind; the fastest of each counts, since others use the machine as well
CATEGORIES = 200
SYLLABLES = "ba be bo ca co da de di do fa fi ga go ha ho ka ke ki la le li lo ma me mi mo na ne no pa pe po ra re ri ro sa se sho si so sta stri ta te ti to tri va ve wa wi za".split()  # noqa: E501, SIM905
ENDINGS = ["", "", "n", "r", "s", "t", "ck", "ll", "ng", "rd", "st", "er", "ing"]
LINKS = ["for", "with", "and", "in", "of"]


def queries(count: int, seed: int = 0) -> tuple[pl.Series, "np.typing.NDArray[np.float32]"]:
    """About `count` distinct texts of one to six words drawn by Zipf's law, and weights that follow it too."""
    generator = np.random.default_rng(seed)
    size = min(400_000, max(20_000, count // 25))  # a vocabulary grows with its log
    made = generator.choice(SYLLABLES, (size, 3))
    lengths = generator.integers(1, 4, size)
    endings = generator.choice(ENDINGS, size)
    words = sorted({"".join(made[row, : lengths[row]]) + endings[row] for row in range(size)})
    generator.shuffle(words)
    listed = pl.Series(words[:60] + LINKS + words[60:])
    frequency = 1 / (np.arange(len(listed)) + 2.7) ** 0.9
    cumulative = frequency.cumsum() / frequency.sum()
    parts: list[pl.Series] = []
    for _ in range(-(-count * 5 // 4 // 1_000_000)):  # a fifth of what is drawn has been drawn before
        many = min(1_000_000, count * 5 // 4)
        held = generator.choice(6, many, p=[0.06, 0.22, 0.3, 0.22, 0.13, 0.07]) + 1
        drawn = {
            f"w{place}": pl.select(
                pl.when(pl.Series(held > place)).then(
                    listed.gather(np.searchsorted(cumulative, generator.random(many)))
                )
            ).to_series()
            for place in range(6)
        }
        parts.append(pl.DataFrame(drawn).select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True)).to_series())
    texts = pl.concat(parts).unique(maintain_order=True).head(count)
    weights = np.float32(1e6) / (generator.permutation(len(texts)) + 3).astype(np.float32)
    return texts, np.ceil(weights)


def build(count: int, folder: Path) -> None:
    """Builds and saves, and prints what it took as JSON; to be run in a process of its own."""
    texts, weights = queries(count)
    generator = np.random.default_rng(1)
    # A category goes with the first word, as it does in a shop, and is now and then another.
    beginnings = texts.str.split(" ").list.first().rank("dense").to_numpy().astype(np.int64)
    categories = np.where(
        generator.random(len(texts)) < 0.2,
        generator.integers(0, CATEGORIES, len(texts)),
        beginnings * 7919 % CATEGORIES,
    ).astype(np.int32)
    counts, log_probs = np.full(len(texts), -1, np.int32), np.full(len(texts), np.nan, np.float32)
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    index = build_from_columns(texts, weights, categories, counts, log_probs, Source.HISTORY)
    save_index(index, folder / "index")
    built = time.perf_counter()
    save_fuzzy(build_fuzzy(index), folder / "fuzzy")
    report = {
        "queries": len(index),
        "build s": built - started,
        "fuzzy s": time.perf_counter() - built,
        "inputs MB": made,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "disk MB": sum(file.stat().st_size for file in folder.rglob("*.npy")) / 2**20,
    }
    print(json.dumps(report))


def resident_mb(kind: str = "VmRSS") -> float:
    """Memory of this process; `RssAnon` is what it does not share with the page cache."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def typo(text: str, generator: np.random.Generator) -> str:
    """`text` with one random edit."""
    at, letter = int(generator.integers(0, len(text))), str(generator.choice(list("abcdefghiklmnoprst ")))
    return [text[:at] + letter + text[at:], text[:at] + letter + text[at + 1 :], text[:at] + text[at + 1 :]][
        int(generator.integers(0, 3))
    ]


def lookups(index: CompletionIndex, fuzzy: FuzzyPrefixes) -> dict[str, list[Callable[[], object]]]:
    """By kind. Half of the queries asked for are drawn by weight, half evenly: a shop is asked for its tail as well."""
    generator = np.random.default_rng(2)
    count = len(index)
    running = np.asarray(index.arrays["running_weights"])
    by_weight = np.searchsorted(running, generator.random(LOOKUPS // 2) * running[-1], side="right") - 1
    rows = np.concatenate([by_weight, generator.integers(0, count, LOOKUPS - LOOKUPS // 2)])
    texts = [index.texts[int(row)] for row in rows]
    kinds: dict[str, list[Callable[[], object]]] = {}

    def ask(kind: str, call: Callable[..., object], *arguments: object) -> None:
        kinds.setdefault(kind, []).append(lambda: call(*arguments))

    for text in texts:
        words = text.split(" ")
        ask("one character", index.complete, text[:1], 10)
        ask("2–3 characters", index.complete, text[: int(generator.integers(2, 4))], 10)
        ask("4–6 characters", index.complete, text[: int(generator.integers(4, 7))], 10)
        ask("7+ characters", index.complete, text[: int(generator.integers(7, 16))], 10)
        category = index.find(text).category  # type: ignore[union-attr]
        ask("prefix in a category", index.complete, text[: int(generator.integers(0, 7))], 10, frozenset([category]))
        many = frozenset(generator.choice(CATEGORIES, 30).tolist())
        ask("prefix in 30 categories", index.complete, text[: int(generator.integers(0, 7))], 10, many)
        shuffled = generator.permutation(words).tolist()
        half = shuffled[-1][: int(generator.integers(1, len(shuffled[-1]) + 1))]
        ask("half word alone", index.matching, [], half, 10)
        for few, kind in ((1, "one word, half word"), (2, "two words, half word"), (3, "three words, half word")):
            if len(words) > few:
                ask(kind, index.matching, shuffled[:few], half, 10)
        strange = texts[int(generator.integers(0, len(texts)))].split(" ")  # words that seldom stand together
        ask("words of two queries", index.matching, [words[0], strange[-1]], strange[0][:2], 10)
        ask("exact", index.find, text)
        typed = typo(text[: int(generator.integers(2, 25))], generator)
        ask("one edit", fuzzy.near, typed)
    return kinds


def measure(folder: Path) -> None:
    """Opens the index, looks up, and prints the figures as JSON; to be run in a process of its own."""
    before = resident_mb()
    started = time.perf_counter()
    index = load_index(folder / "index", Source.HISTORY)
    fuzzy = load_fuzzy(folder / "fuzzy", index)
    figures: dict[str, Sequence[float]] = {"open": [1e6 * (time.perf_counter() - started)] * 2}
    for kind, calls in lookups(index, fuzzy).items():
        for call in calls:  # once unmeasured: pages that nobody touched yet come from the disk
            call()
        times = np.full((ROUNDS, len(calls)), np.inf)
        for times_of_round in times:
            for number, call in enumerate(calls):
                begun = time.perf_counter()
                call()
                times_of_round[number] = 1e6 * (time.perf_counter() - begun)
        figures[kind] = np.quantile(times.min(axis=0), [0.5, 0.99]).tolist()
    print(json.dumps({"figures": figures, "MB": [before, resident_mb(), resident_mb("RssAnon")]}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000_000, help="queries of the large index")
    parser.add_argument("--small", type=int, default=100_000, help="queries of the small one")
    parser.add_argument("--build", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        build(options.build, options.folder) if options.build else measure(options.folder)
        return 0
    console = Console(width=120)
    results = []
    for size in (options.small, options.size):
        with tempfile.TemporaryDirectory() as folder:
            built = _in_a_process(["--build", str(size), "--folder", folder])
            console.print(", ".join(f"{name} {value:,.1f}" for name, value in built.items()))
            found = _in_a_process(["--folder", folder])
        console.print("resident MB before {:,.0f}, after {:,.0f}, of it not shared {:,.0f}".format(*found["MB"]))
        results.append(found["figures"])
    table = Table("µs", f"p50 {options.small:,}", "p99", f"p50 {options.size:,}", "p99", "ratio p50", "ratio p99")
    for kind, (median, high) in results[0].items():
        large_median, large_high = results[1][kind]
        figures = (median, high, large_median, large_high)
        ratios = (large_median / median, large_high / high)
        table.add_row(kind, *(f"{figure:,.0f}" for figure in figures), *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)
    return 0


def _in_a_process(arguments: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    command = [sys.executable, "-m", "tests.benchmarks.completion_index", *arguments]
    threads = {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **threads})
    result: dict[str, dict[str, list[float]]] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    raise SystemExit(main())
