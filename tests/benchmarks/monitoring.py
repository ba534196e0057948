"""What being watched costs a keystroke: `python -m tests.benchmarks.monitoring --home DIR`, a home with a version.

One process, no network: the app is called directly with the keystrokes of some queries, whose lists are in the cache,
since there the cost is the largest share. The ways to be watched take turns round by round, so that a busy machine is
busy for all: nothing counted, counted as always with traces off, and with traces sent to a collector in another thread.
"""

import argparse
import asyncio
import json
import statistics
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from api.main import create_app
from api.metrics import Metrics
from api.tracing import Traces
from config.settings import Settings, StorageSettings

_ROUNDS, _REQUESTS = 60, 100
_PREFIXES = [word[:length] for word in ("running shoes", "desk lamp", "phone case", "jacket") for length in range(1, 5)]


class _Unwatched(Metrics):
    """Counts nothing."""

    def request(self, endpoint: str, status: int, milliseconds: float) -> None: ...

    def stages(self, flow: str, stage_ms: Any) -> None: ...


class _Sink(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


async def keystroke(app: Any, state: dict[str, Any], prefix: str) -> float:
    """Milliseconds until the whole answer was sent."""
    body = json.dumps({"query_prefix": prefix}).encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/autosuggest",
        "raw_path": b"/autosuggest", "root_path": "", "scheme": "http", "query_string": b"", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "headers": [(b"content-type", b"application/json")], "state": dict(state),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"status {message['status']}")

    begun = time.perf_counter()
    await app(scope, receive, send)
    return (time.perf_counter() - begun) * 1_000


async def measured(home: Path, collector: str) -> dict[str, list[float]]:
    app = create_app(Settings(storage=StorageSettings(cadence_home=home)))
    took: dict[str, list[float]] = {"nothing counted": [], "counted, traces off": [], "counted and traced": []}
    async with app.router.lifespan_context(app) as lifespan:
        state = dict(lifespan or {})
        cadence = state["cadence"]
        watched, unwatched, traces = cadence.metrics, _Unwatched(), Traces(collector)
        middle = app.build_middleware_stack()
        app.middleware_stack = middle
        context: Any = middle
        while not hasattr(context, "_metrics"):
            context = getattr(context, "app", None) or context._app
        for prefix in 3 * _PREFIXES:  # lists are gathered, then kept
            await keystroke(app, state, prefix)
            await asyncio.sleep(0.05)
        for number in range(_ROUNDS):
            for way in sorted(took, key=lambda name: (hash((name, number)), name)):
                context._metrics = cadence.metrics = unwatched if way == "nothing counted" else watched
                watched.traces = traces if way == "counted and traced" else None
                took[way] += [await keystroke(app, state, _PREFIXES[at % len(_PREFIXES)]) for at in range(_REQUESTS)]
                await asyncio.sleep(0.01)
        watched.traces = None
        await traces.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    options = parser.parse_args()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Sink) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        took = asyncio.run(measured(options.home, f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()
    table = Table("watched", "p50 ms", "p95 ms", "p50 beside nothing", "requests")
    bare = statistics.median(took["nothing counted"])
    for way, times in took.items():
        ordered = sorted(times)
        middle = statistics.median(times)
        p95 = ordered[int(0.95 * len(ordered))]
        table.add_row(way, f"{middle:.4f}", f"{p95:.4f}", f"{middle / bare:.3f}", f"{len(times):,}")
    Console().print(table)


if __name__ == "__main__":
    main()
