"""How fast shoppers are simulated: `python -m tests.benchmarks.synthetic_throughput`.

One million events and more through the command line, world and files included, then ten times as many; the memory of
all its processes together meanwhile; and whether one process and four write the same bytes.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from rich.console import Console

FILES = ("queries", "events", "visits")
LOOK_SECONDS = 0.1


def generate(out: Path, users: int, sessions: int, processes: int) -> tuple[float, float]:
    """Seconds it took and the most MiB of all its processes together (proportional set size, Linux)."""
    command = [sys.executable, "-m", "data_generation.synthetic_data", "--out", str(out), "--users", str(users)]
    command += ["--sessions", str(sessions), "--processes", str(processes)]
    started, most = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(_mib(pid) for pid in _family(process.pid)))
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"the generator failed with status {process.returncode}")
    return time.perf_counter() - started, most


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # ended meanwhile
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def digests(out: Path) -> list[str]:
    return [hashlib.sha256((out / f"{name}.parquet").read_bytes()).hexdigest()[:16] for name in FILES]


def rows(out: Path, name: str) -> int:
    return int(pl.scan_parquet(out / f"{name}.parquet").select(pl.len()).collect().item())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=290_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--times", type=int, default=10, help="of the second run; 0: none")
    options = parser.parse_args()
    console = Console()
    with TemporaryDirectory() as folder:
        out, sessions = Path(folder), options.sessions
        first, memory = generate(out / "a", sessions // 4, sessions, options.processes)
        events, searches = rows(out / "a", "events"), rows(out / "a", "queries")
        console.print(
            f"{events:,} events and {searches:,} searches of {sessions:,} visits: {first:.1f} s, "
            f"{(events + searches) / first:,.0f} a second; {memory:,.0f} MiB at most"
        )
        if options.times:
            many = sessions * options.times
            second, memory = generate(out / "b", many // 4, many, options.processes)
            console.print(
                f"{options.times} times as many: {second:.1f} s, {second / first:.1f} times as long; {memory:,.0f} MiB"
            )
        alone, _ = generate(out / "c", sessions // 4, sessions, 1)
        generate(out / "d", sessions // 4, sessions, 4)
        same = digests(out / "a") == digests(out / "c") == digests(out / "d")
        console.print(f"one process: {alone:.1f} s; one, {options.processes} and four write the same bytes: {same}")


if __name__ == "__main__":
    main()
