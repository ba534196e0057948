"""What benchmarks of a whole server share: a copy of a trained home, the client's process, and the server's memory."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.e2e.server import ROOT
from tests.trained_shop import make_trained_shop


@dataclass(frozen=True)
class Trained:
    """A home that may be written to, and a file of queries to type."""

    home: Path
    queries: Path


@contextmanager
def trained_copy(home: Path | None, queries: Path | None, folder: Path | None = None) -> Iterator[Trained]:
    """A copy of `home`, or of a small shop that is trained for it (half a minute), gone afterwards.

    Artifacts are copied, too: some benchmarks damage them. Raises SystemExit where a home comes without queries.
    """
    if home is not None and queries is None:
        raise SystemExit("--home needs --queries")
    with TemporaryDirectory() as made, TemporaryDirectory(dir=folder) as copied:
        if home is None or queries is None:
            shop = make_trained_shop(Path(made) / "shop")
            home, queries = shop.home, shop.files.queries
        shutil.copytree(home, Path(copied) / "home")
        yield Trained(Path(copied) / "home", queries)


def client(port: int, queries: Path, *options: str) -> "subprocess.Popen[str]":
    """The mixed load in a process of its own, whose lines are read from its output."""
    command = [sys.executable, "-m", "tests.benchmarks.mixed_load", str(port), str(queries), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def periods(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    """What the client saw, a period after the other, until it ends."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)
    if process.wait():
        raise SystemExit("the client failed")


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its children, in MB; Linux only."""
    total = _resident_kb(pid)
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            total += _resident_kb(int(child))
    return total / 1_024


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
