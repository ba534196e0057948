"""Who is in which arm, at scale, and what it costs a request: `python -m tests.benchmarks.experiment_assignment`.

A million users over the arms of several experiments (chi-square), a split that is broken on purpose, the same users in
another process, and the time of an assignment beside a keystroke's answer.
"""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from rich.console import Console
from rich.progress import track

from core.experiments.assignment import Assigner, draw
from core.experiments.definition import Arm, Changes, Experiment, Slice
from core.experiments.sample_ratio import sample_ratio

USERS = 1_000_000
NOW = datetime(2026, 11, 27, tzinfo=UTC)
PLAIN = Experiment(
    "reach", (Arm("control"), Arm("far", changes=Changes(personalization_reach=0.3))), "conversion", 0.05
)
SPLITS = {"1 : 1": (1.0, 1.0), "9 : 1": (9.0, 1.0), "1 : 1 : 1 : 1": (1.0,) * 4}


def main() -> None:
    console = Console()
    for name, weights in SPLITS.items():
        experiment = replace(PLAIN, name=name, arms=tuple(Arm(str(arm), weight) for arm, weight in enumerate(weights)))
        counts = _counts(experiment, name)
        ratio = sample_ratio(counts, weights)
        console.print(f"{name}: {counts} of {USERS:,} users, chi-square p = {ratio.p_value:.3f}, alarm: {ratio.alarm}")
    # A hash that leans: of the users of the second arm one in fifty is lost to the first.
    leaning = _counts(replace(PLAIN, arms=(Arm("a", 51.0), Arm("b", 49.0))), "51 : 49")
    broken = sample_ratio(leaning, (1.0, 1.0))
    console.print(f"51 : 49 where 1 : 1 was meant: {leaning}, p = {broken.p_value:.1e}, alarm: {broken.alarm}")
    program = (
        "from core.experiments.assignment import draw; import hashlib; "
        "print(hashlib.sha256(repr([draw('reach', 'arm', f'u:{u}') for u in range(100_000)]).encode()).hexdigest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    console.print(f"100,000 users in two processes: {'the same draws' if len(digests) == 1 else 'DIFFERENT DRAWS'}")
    for number in (1, 5, 20):
        _time(console, number)


def _counts(experiment: Experiment, name: str) -> list[int]:
    assigner = Assigner([experiment], [[]])
    users = track(range(USERS), description=name, transient=True)
    arms = Counter(assigner.assign(f"u:{user}", "", (), NOW).placements[0].name for user in users)
    return [arms[arm.name] for arm in experiment.arms]


def _time(console: Console, number: int) -> None:
    """Every experiment in a layer of its own, the dearest case: each draws thrice."""
    experiments = [replace(PLAIN, name=f"e{at}", place=Slice(f"layer{at}")) for at in range(number)]
    assigner, took = Assigner(experiments, [[]] * number), []
    for user in range(20_000):
        begun = time.perf_counter()
        assigner.assign(f"u:{user}", "", (), NOW)
        took.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    for user in range(20_000):
        draw("x", "arm", f"u:{user}")
    one_draw = (time.perf_counter() - begun) / 20_000
    p50, p99 = np.percentile(took, [50, 99]) * 1e6
    console.print(
        f"{number} running experiments: p50 {p50:.1f} µs, p99 {p99:.1f} µs a request ({one_draw * 1e6:.1f} µs a draw)"
    )


if __name__ == "__main__":
    main()
