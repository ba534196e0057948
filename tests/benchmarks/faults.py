"""What breaks around the service, one thing after the other, under load: `python -m tests.benchmarks.faults`. Linux.

Its own server, Redis and client (`mixed_load`, `--rate` requests a second), on a copy of `--home` or of a small shop
that is trained for it. As root the home lies on a small file system in memory, which is then really filled; otherwise
the server's files may not grow any more (RLIMIT_FSIZE). Each fault lasts `--seconds`; then it is mended, and the next
one comes when everything has been answered with 200 again for a second. Exits with 1 unless every keystroke was
answered with 200 throughout, and everything else with 200, or with 429 or 503 that say when to come back.
"""

import argparse
import os
import resource
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from core.artifacts import current_version
from tests.benchmarks.load_server import client, periods, trained_copy
from tests.e2e.server import ADMIN_KEY, Server, running
from tests.redis_server import RedisServer, start_redis

DISK_MB = 160
RECOVERY_SECONDS = 60
_REFUSED = {"429", "503"}


@dataclass
class Phase:
    """What the client saw while something was broken, and how long after that it saw nothing of it any more."""

    name: str
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    slowest_p99: dict[str, float] = field(default_factory=dict)
    slowest_refusal: float = 0.0
    silent: int = 0
    recovery: float | None = None
    note: str = ""

    def add(self, seen: dict[str, Any]) -> None:
        self.silent += seen["silent"]
        self.slowest_refusal = max(self.slowest_refusal, seen["slowest_refusal"])
        for kind, counts in seen["statuses"].items():
            self.statuses.setdefault(kind, Counter()).update(counts)
            self.slowest_p99[kind] = max(self.slowest_p99.get(kind, 0.0), seen["client_ms"][kind][1])

    @property
    def kept(self) -> bool:
        keystrokes = self.statuses.get("keystrokes", Counter())
        others = {status for kind, counts in self.statuses.items() if kind != "keystrokes" for status in counts}
        return (
            set(keystrokes) == {"200"}
            and others <= {"200", *_REFUSED}
            and not self.silent
            and self.recovery is not None
        )


class Watch:
    """Reads what the client prints, a second at a time, into the phase of now."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.phase = Phase("begins")
        self._good = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def begin(self, name: str) -> Phase:
        self.phase = Phase(name)
        return self.phase

    def wait_until_good(self, seconds: float) -> float | None:
        """Seconds until a whole second was answered with 200 alone; None: not in time."""
        begun = time.monotonic()
        self._good.clear()
        return time.monotonic() - begun if self._good.wait(seconds) else None

    def _read(self, process: "subprocess.Popen[str]") -> None:
        for seen in periods(process):
            self.phase.add(seen)
            if all(set(counts) <= {"200"} for counts in seen["statuses"].values()):
                self._good.set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each fault; six more where a process is stuck")
    parser.add_argument("--home", type=Path, metavar="DIR", help="a home that run_demo.py has prepared")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="what is typed; needed with --home")
    options = parser.parse_args()
    console = Console(width=170)
    console.print(f"{os.cpu_count()} cores, load of the last minute {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        disk = stack.enter_context(_small_disk(console))
        folder = Path(stack.enter_context(TemporaryDirectory()))
        redis = start_redis(folder)
        stack.callback(lambda: redis.kill())
        shop = stack.enter_context(trained_copy(options.home, options.queries, disk))
        server = stack.enter_context(running(shop.home, LOG_LEVEL="ERROR", REDIS_URL=redis.url))
        load = client(server.port, shop.queries, "--rate", str(options.rate), "--seconds", "100000", "--period", "1")
        stack.callback(load.wait)
        stack.callback(load.terminate)
        phases = _Faults(server, redis, folder, disk, Watch(load), options.seconds, console).run()
    console.print(_table(phases, options.seconds))
    return 0 if all(phase.kept for phase in phases) else 1


class _Faults:
    def __init__(
        self,
        server: Server,
        redis: RedisServer,
        folder: Path,
        disk: Path | None,
        watch: Watch,
        seconds: float,
        console: Console,
    ) -> None:
        self._server, self._redis, self._folder, self._disk = server, redis, folder, disk
        self._watch, self._seconds, self._console = watch, seconds, console
        self._children = list[int]()

    def run(self) -> list[Phase]:
        self._watch.wait_until_good(RECOVERY_SECONDS)
        return [
            self._phase("nothing broken", lambda: None, lambda: ""),
            self._phase("Redis stopped (SIGSTOP)", self._redis.stop, self._redis_goes_on),
            self._phase("Redis killed (SIGKILL), then empty", self._redis.kill, self._redis_anew),
            *self._phases_of("model process"),
            *self._phases_of("writing process"),
            self._phase("database locked by another process", self._lock, self._unlock),
            self._phase("disk full", self._fill, self._free),
            self._phase("artifact damaged, then POST /admin/reload", self._damage, self._repair),
        ]

    def _phase(
        self, name: str, break_it: Callable[[], object], mend: Callable[[], str], more_seconds: float = 0.0
    ) -> Phase:
        self._console.print(name)
        phase = self._watch.begin(name)
        break_it()
        time.sleep(self._seconds + more_seconds)
        phase.note = mend()
        phase.recovery = self._watch.wait_until_good(RECOVERY_SECONDS)
        return phase

    def _stats(self) -> dict[str, Any]:
        with httpx.Client(trust_env=False, timeout=60) as asking:
            reply = asking.get(f"{self._server.url}/admin/stats", headers={"Authorization": f"Bearer {ADMIN_KEY}"})
            reply.raise_for_status()
            stats: dict[str, Any] = reply.json()
            return stats

    def _redis_goes_on(self) -> str:
        failures = self._stats()["degraded"]["limits_counted_alone"], self._stats()["cache"]["failures"]
        self._redis.go_on()
        return f"cache failures {failures[1]}"

    def _redis_anew(self) -> str:
        (self._folder / "redis.sock").unlink(missing_ok=True)
        self._redis.process = start_redis(self._folder).process
        return f"cache failures {self._stats()['cache']['failures']}"

    def _phases_of(self, which: str) -> Iterator[Phase]:
        name = which.replace(" ", "_")

        def another() -> str:
            return self._other_child(name)

        yield self._phase(f"{which} stopped (SIGSTOP)", lambda: self._child(name, "STOP"), another, 6)
        yield self._phase(f"{which} killed (SIGKILL)", lambda: self._child(name, "KILL"), another)

    def _child(self, name: str, how: str) -> None:
        pid = self._stats()[name]["pid"]
        self._children.append(pid)
        subprocess.run(["kill", f"-{how}", str(pid)], check=True)

    def _other_child(self, name: str) -> str:
        """The service has to do this itself."""
        begun = time.monotonic()
        while time.monotonic() - begun < RECOVERY_SECONDS:
            process = self._stats()[name]
            if process["state"] == "ready" and process["pid"] not in self._children:
                return f"another one is there, {process['restarts']} restarts"
            time.sleep(0.2)
        return "NO OTHER ONE"

    def _lock(self) -> None:
        self._locker = subprocess.Popen(
            ["python3", "-c", _LOCK, str(self._server.home / "cadence.sqlite3")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._locker.stdout is not None
        self._locker.stdout.readline()

    def _unlock(self) -> str:
        self._locker.communicate(b"\n")
        return ""

    def _fill(self) -> None:
        if self._disk is None:
            limit = (self._server.home / "cadence.sqlite3").stat().st_size // 2
            for pid in (self._server.process.pid, self._stats()["writing_process"]["pid"]):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            return
        self._shorten_log()
        with (self._disk / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError:
                    continue

    def _shorten_log(self) -> None:
        """The write-ahead log has room on the disk from before, and would go on being written there."""
        with closing(sqlite3.connect(self._server.home / "cadence.sqlite3", timeout=5)) as connection:
            busy = True
            while busy:  # the service reads or writes
                busy = bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])

    def _free(self) -> str:
        if self._disk is None:
            unlimited = resource.RLIM_INFINITY
            for pid in (self._server.process.pid, self._stats()["writing_process"]["pid"]):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            return "by RLIMIT_FSIZE"
        (self._disk / "filler").unlink()
        return "really full"

    def _damage(self) -> None:
        artifacts = self._server.home / "artifacts"
        folder = artifacts / (current_version(artifacts) or "")
        self._damaged = max((one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
        self._whole = self._damaged.read_bytes()
        self._damaged.unlink()  # another file of that name: what is served from the old one stays whole
        self._damaged.write_bytes(self._whole[:100] + bytes(100) + self._whole[200:])
        self._reloaded = self._reload()

    def _reload(self) -> int:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        with httpx.Client(trust_env=False, timeout=120) as asking:
            return asking.post(f"{self._server.url}/admin/reload", headers=headers, json={}).status_code

    def _repair(self) -> str:
        self._damaged.write_bytes(self._whole)
        return f"reload answered {self._reloaded}, then {self._reload()}"


_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@contextmanager
def _small_disk(console: Console) -> Iterator[Path | None]:
    """A file system in memory; None where it cannot be mounted."""
    with TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode:
            console.print("no file system of its own: the disk is filled by RLIMIT_FSIZE")
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def _table(phases: list[Phase], seconds: float) -> Table:
    worst = "p99 ms of the worst second (k/s/e)"
    columns = ("fault", "keystrokes", "searches", "events", worst, "slowest refusal s", "good after s", "kept", "note")
    table = Table(*columns, title=f"each for {seconds:g} s")
    for phase in phases:
        said = {
            kind: ", ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
            for kind, counts in phase.statuses.items()
        }
        p99 = "/".join(f"{phase.slowest_p99.get(kind, 0.0):.0f}" for kind in ("keystrokes", "searches", "events"))
        table.add_row(
            phase.name,
            *(said.get(kind, "") for kind in ("keystrokes", "searches", "events")),
            p99,
            f"{phase.slowest_refusal:.1f}" if phase.slowest_refusal else "",
            "never" if phase.recovery is None else f"{phase.recovery:.1f}",
            "yes" if phase.kept else "NO",
            phase.note + (f" {phase.silent} silent" if phase.silent else ""),
        )
    return table


if __name__ == "__main__":
    raise SystemExit(main())
