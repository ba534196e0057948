"""The real service as its own process, as an operator would start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from config.settings import documented_names

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120  # two shared cores of a busy CI machine; a quiet one needs three
ADMIN_KEY = "an-admin-key-for-tests"


@dataclass(frozen=True)
class Server:
    """A running service; `output` is what it has printed so far."""

    port: int
    home: Path
    process: "subprocess.Popen[bytes]"
    log: Path = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(trust_env=False, timeout=10) as client:
            while time.monotonic() < deadline:
                try:
                    if client.get(f"{self.url}/ready").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                try:
                    self.process.wait(timeout=0.1)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(f"the service ended while it started:\n{self.output}")
        raise AssertionError(f"the service was not ready within {READY_SECONDS} s:\n{self.output}")

    def end(self) -> int:
        """Ends the process as an operator would; its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the service did not end when asked to:\n{self.output}") from None

    def kill(self) -> None:
        """Ends the process without a word, as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=30)


def start(home: Path, port: int | None = None, **settings: str) -> Server:
    """Starts a service on `home` and this port or a free one. The caller ends it."""
    port = free_port() if port is None else port
    log = home.parent / f"{home.name}.log"
    command = [sys.executable, "-m", "uvicorn", "api.main:app", "--app-dir", str(ROOT), "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=home,  # no `.env` of the working directory reaches it
            env=environment(CADENCE_HOME=str(home), ADMIN_API_KEY=ADMIN_KEY, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(port, home, process, log)


@contextmanager
def running(home: Path, port: int | None = None, **settings: str) -> Iterator[Server]:
    """A service that is ready, ended at the end unless it has ended before."""
    server = start(home, port, **settings)
    try:
        server.wait_until_ready()
        yield server
        if server.process.poll() is None:
            # uvicorn ends in good order, then by the signal itself; Windows knows only the second half
            assert server.end() in (0, -signal.SIGTERM, 1 if os.name == "nt" else 0), server.output
            assert "Traceback" not in server.output, server.output
    finally:
        if server.process.poll() is None:
            server.kill()


def environment(**settings: str) -> dict[str, str]:
    """The machine's environment without our settings, except these."""
    machine = {name: value for name, value in os.environ.items() if name not in documented_names()}
    return {**machine, **settings}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
