"""What a suggestion list costs: `python -m tests.benchmarks.autosuggest_latency --home DIR --queries FILE`.

In this process, one thread: the two halves of suggesting by kind of prefix, beside a dictionary of the most popular
completions and, where it is installed, tantivy. Each kind has the wall time and the CPU time of the thread: on a busy
machine the second one is what the code costs. Over HTTP, one server process and one client process on this machine:
keystrokes beside an empty route of the same server, asked in turn; how many a second; and mixed traffic at half of what
saturates the server, where every answer must keep its deadline. `--queries` are typed as often as they were searched.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from config.settings import SuggestSettings
from core.importing.queries import query_rows, read_queries
from core.services.bundle import load_bundle
from core.text.normalize import normalize
from tests.benchmarks import keystroke_load as load
from tests.benchmarks.one_thread import Figures, OneThread
from tests.e2e.server import ADMIN_KEY, ROOT, Server, environment, free_port

SECONDS = 10.0  # of each saturation
LATE_MS = 15.0  # a list that comes later is felt
LONGEST_RUN_SECONDS = 900.0  # of mixed traffic, however many requests were asked for
_DEADLINE_MS: float = SuggestSettings.model_fields["max_latency_ms"].default
_EMPTY = "empty route, asked in turn"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="a home that run_demo.py has prepared")
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="queries that are typed")
    parser.add_argument("--requests", type=int, default=100_000, help="of mixed traffic over HTTP")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--only", choices=("process", "http"), help="one of the two parts")
    options = parser.parse_args()
    console = Console(width=130)
    rows = query_rows(read_queries(options.queries)[0])
    queries = [query for row in rows for query in [normalize(row.query)] * row.count if query]
    load_before = os.getloadavg()
    console.print(f"{os.cpu_count()} cores, load of the last minute {load_before[0]:.1f}")
    found: dict[str, dict[str, Figures]] = {}
    if options.only != "http":
        found["process"] = _in_process(options.home, queries)
        console.print(_table("one thread", found["process"]))
        if find_spec("tantivy") is None:
            console.print("tantivy is not installed, and so not beside them")
    if options.only != "process":
        found["http"] = _over_http(options.home, queries, options.requests, console)
        console.print(_table("over HTTP", found["http"]))
    if options.json:
        options.json.write_text(json.dumps({"load": load_before, **found}, indent=1, ensure_ascii=False) + "\n")
    kept = found.get("http", {}).get("mixed", {}).get("within deadline %", 100.0)
    return 0 if kept == 100.0 else 1


def _in_process(home: Path, queries: Sequence[str]) -> dict[str, Figures]:
    measured = OneThread(load_bundle(home / "artifacts"), queries)
    measured.measure()
    return {name: times.figures() for name, times in measured.times.items()}


def _over_http(home: Path, queries: Sequence[str], requests: int, console: Console) -> dict[str, Figures]:
    """Starts the service with the empty route on a copy of the home, and types."""
    generator = random.Random(1)
    unseen = round(load.UNSEEN_SHARE * (requests + SECONDS * 2_000))
    sent = load.traffic(queries, generator, unseen)
    with TemporaryDirectory() as folder:
        server = _start(_copy(home, Path(folder)))
        try:
            server.wait_until_ready()
            return asyncio.run(_typed(server, sent, requests, generator, console))
        finally:
            server.end()


def _copy(home: Path, folder: Path) -> Path:
    """A home with the same artifacts and a copy of the database, so that measuring leaves nothing behind."""
    copied = folder / "home"
    copied.mkdir()
    (copied / "artifacts").symlink_to((home / "artifacts").resolve())
    shutil.copy(home / "cadence.sqlite3", copied)
    return copied


def _start(home: Path) -> Server:
    """As `tests.e2e.server.start`, with the app that has the empty route; connections may be idle for a run."""
    port, log = free_port(), home.parent / "server.log"
    app = ["--factory", "tests.benchmarks.empty_route:create", "--app-dir", str(ROOT)]
    kept = ["--no-access-log", "--timeout-keep-alive", f"{LONGEST_RUN_SECONDS:.0f}"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *app, "--port", str(port), *kept],
            cwd=home,
            env=environment(CADENCE_HOME=str(home), ADMIN_API_KEY=ADMIN_KEY, LOG_LEVEL="WARNING"),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(port, home, process, log)


async def _typed(
    server: Server, sent: load.Traffic, requests: int, generator: random.Random, console: Console
) -> dict[str, Figures]:
    port = server.port
    console.print(f"{len(sent.warm):,} keystrokes of {load.SESSIONS} sessions, one after the other")
    await load.one_by_one(port, sent.searches)
    for _ in range(2):  # a list cut short the first time is not kept
        await load.one_by_one(port, sent.warm, sent.known)
    empty, warm, known = await load.one_by_one(port, sent.empty, sent.warm, sent.known, rounds=2)
    figures = {
        _EMPTY: _latencies(empty, empty),
        "warm keystroke": _latencies(warm, empty),
        "warm keystroke, earlier searches": _latencies(known, empty),
    }
    mixed = load.mixed(sent, generator)
    saturated: Figures = {}
    console.print(f"{load.MANY} connections, {SECONDS:.0f} s each")
    for name, endless in (("empty route", cycle(sent.empty)), ("warm", cycle(sent.warm)), ("mixed", mixed)):
        saturated[name] = await load.saturation(port, endless, SECONDS)
    base = saturated["empty route"] or 0.0
    for name, rate in saturated.items():
        rate = rate or 0.0
        figures[f"saturation, {name}"] = {"per second": rate, "of the empty route": rate / base}
    before = _degraded(server)
    rate = (saturated["mixed"] or 0.0) / 2
    console.print(f"mixed traffic, {rate:,.0f} a second for {min(requests / rate, LONGEST_RUN_SECONDS):,.0f} s")
    spent = await load.at_rate(port, mixed, rate, requests, LONGEST_RUN_SECONDS, generator)
    late = {name: count - before.get(name, 0) for name, count in _degraded(server).items() if name.startswith("late_")}
    answered = [answer for answer in spent.answers if answer.server_ms is not None]
    kept = [answer for answer in answered if (answer.server_ms or 0.0) <= _DEADLINE_MS]
    slow = [answer for answer in spent.answers if 1e3 * answer.seconds > LATE_MS]
    figures["mixed"] = {
        **_latencies(spent.answers, empty),
        "per second": len(spent.answers) / spent.seconds,
        f"over {LATE_MS:.0f} ms %": 100 * len(slow) / len(spent.answers),
        "within deadline %": 100 * len(kept) / max(1, len(answered)),
        "slowest, its own ms": max((answer.server_ms or 0.0 for answer in answered), default=0.0),
        "refused": len(spent.answers) - len(answered),
        "client lag p99 ms": float(1e3 * np.quantile(spent.lag, 0.99)),
        **late,
    }
    return figures


def _latencies(answers: Sequence[load.Answer], beside: Sequence[load.Answer]) -> Figures:
    p50, p99 = (1e3 * np.quantile([answer.seconds for answer in answers], [0.5, 0.99])).tolist()
    floor50, floor99 = (1e3 * np.quantile([answer.seconds for answer in beside], [0.5, 0.99])).tolist()
    return {
        "requests": len(answers), "p50 ms": p50, "p99 ms": p99,
        "p50 / empty": p50 / floor50, "p99 / empty": p99 / floor99,
    }  # fmt: skip


def _degraded(server: Server) -> dict[str, int]:
    """The service's own counts of what was cut or dropped."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        reply = client.get(f"{server.url}/admin/stats", headers={"Authorization": f"Bearer {ADMIN_KEY}"})
        reply.raise_for_status()
        degraded: dict[str, int] = reply.json()["degraded"]
        return degraded


def _table(title: str, figures: dict[str, Figures]) -> Table:
    """A row for each kind; the columns that most kinds have, and the rest as a list."""
    first = next(iter(figures.values()))
    table = Table(title, *first, *([] if title == "one thread" else ["and"]))
    for name, row in figures.items():
        cells = ["" if (value := row.get(column)) is None else _said(value) for column in first]
        rest = ", ".join(f"{column} {_said(value)}" for column, value in row.items() if column not in first and value)
        table.add_row(name, *cells, *([] if title == "one thread" else [rest]))
    return table


def _said(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 1_000 else f"{value:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
