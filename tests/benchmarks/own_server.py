"""A service that a benchmark starts for itself, with its children in a process group that can be killed at one blow."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.server import ADMIN_KEY, ROOT, Server, environment, free_port
from tests.trained_shop import make_trained_shop

PLAIN_APP = ("api.main:app",)


def start_group(
    home: Path, *, app: Sequence[str] = PLAIN_APP, prefix: Sequence[str] = (), port: int | None = None, **settings: str
) -> Server:
    """Starts a service on `home` in a group of its own, its command behind `prefix`. The caller ends it.

    `app`: what uvicorn serves, with options of uvicorn's.
    """
    port = free_port() if port is None else port
    log = home.parent / f"{home.name}.log"
    command = [*prefix, sys.executable, "-m", "uvicorn", *app, "--app-dir", str(ROOT), "--port", str(port)]
    command += [
        "--timeout-keep-alive",
        "120",
    ]  # our pools have idle connections, which must not close as they are taken
    settings = {"ALLOW_UNSIGNED_USERS": "true", "ADMIN_API_KEY": ADMIN_KEY, "PYTHONFAULTHANDLER": "1", **settings}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment(CADENCE_HOME=str(home), **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(port, home, process, log)


def kill_group(server: Server) -> None:
    """SIGKILL to the service and all its children; returns when the service is gone."""
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(timeout=30)


@contextmanager
def running_group(home: Path, *, app: Sequence[str] = PLAIN_APP, **settings: str) -> Iterator[Server]:
    """A service that is ready, ended at the end."""
    server = start_group(home, app=app, prefix=(), port=None, **settings)
    try:
        server.wait_until_ready()
        yield server
        server.end()
    except BaseException:
        said = server.log.read_text(errors="replace")[-4_000:]
        print(f"exit status {server.process.poll()}\n{said}", file=sys.stderr)
        raise
    finally:
        if server.process.poll() is None:
            kill_group(server)


@contextmanager
def home_of_a_shop(work: Path | None) -> Iterator[Path]:
    """A fresh home with a small trained shop. `work`: where the shop is kept for the next run."""
    with tempfile.TemporaryDirectory(prefix="cadence-") as folder:
        kept = work or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        home = Path(folder) / "home"
        shutil.copytree(make_trained_shop(kept / "shop").home, home)
        yield home
