#!/usr/bin/env python3
"""One command for everything: environment, data, training, service, browser.

    python run_demo.py                                   a generated shop on http://localhost:8000
    python run_demo.py --catalog products.csv --queries searches.csv
    python run_demo.py --tour                            a walk through the method in the terminal

Standard library only: this file runs before anything is installed. What is done is never done twice; interrupted
anywhere, the next start carries on.
"""

import argparse
import errno
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)
FREE_BYTES_FOR_VENV = 6 * 2**30  # torch and its companions, unpacked, with room for pip's downloads
FREE_BYTES_FOR_HOME = 2**30
READY_SECONDS = 120
INTERRUPTED = 130  # exit status after Ctrl-C, here and in what is run


class SetupError(Exception):
    """Something the person at the terminal can mend; the message says how."""


def venv_python() -> Path:
    """The interpreter of the environment, whether it exists or not."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure_environment(requirement_files: list[Path], torch_index: str | None = None) -> Path:
    """The environment's interpreter, with the requirement files installed; pip runs only when their content changed.

    Raises SetupError for an old Python, a full disk or a network that pip cannot reach.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    python = venv_python()
    stamp = VENV / "installed.txt"
    for file in requirement_files:
        wanted = f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()} {sys.version_info[:2]}"
        installed = stamp.read_text(encoding="utf-8").splitlines() if stamp.exists() else []
        key = f"{file.parent.name}/{wanted}"
        if python.exists() and key in installed:
            continue
        need_space(ROOT, FREE_BYTES_FOR_VENV if not installed else FREE_BYTES_FOR_HOME)
        if not installed and not has_pip(python):
            say(f"making {VENV.name}")
            shutil.rmtree(VENV, ignore_errors=True)  # one that was interrupted while it was made
            hint = "the environment could not be made (Debian and Ubuntu need the package python3-venv)"
            run_step([sys.executable, "-m", "venv", str(VENV)], hint)
        install(python, file, torch_index)
        kept = [line for line in installed if not line.startswith(key.partition(" ")[0] + " ")]
        stamp.write_text("\n".join([*kept, key]) + "\n", encoding="utf-8")
    return python


def has_pip(python: Path) -> bool:
    """Whether the environment is there and whole enough to install into."""
    if not python.exists():
        return False
    command = [str(python), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def install(python: Path, file: Path, torch_index: str | None) -> None:
    """Runs pip on one requirements file, with its own progress bars."""
    started = time.monotonic()
    say(f"installing {file.relative_to(ROOT)} (several minutes the first time)")
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(file)]
    if torch_index:
        command += ["--extra-index-url", torch_index]
    if not sys.stdout.isatty():
        command += ["--quiet", "--progress-bar", "off"]
    hint = "pip could not install the requirements: check the network and the disk, then start again"
    run_step(command, hint)
    say(f"installed in {time.monotonic() - started:.0f} s")


def run_step(command: list[str], failure: str) -> None:
    """Runs a command to its end; a failure is a SetupError with this message."""
    if subprocess.run(command, check=False).returncode:
        raise SetupError(failure)


def need_space(folder: Path, needed: int) -> None:
    """Raises SetupError when the disk below `folder` has less than `needed` bytes."""
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise SetupError(f"the disk of {existing} has {free / 2**30:.1f} GiB free, {needed / 2**30:.0f} GiB are needed")


def need_port(host: str, port: int) -> None:
    """Raises SetupError when nothing can listen there."""
    if not 1 <= port <= 65_535:
        raise SetupError(f"--port {port}: a port is a number from 1 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SetupError(
                    f"port {port} is taken: stop what listens there, or choose another with --port"
                ) from error
            raise SetupError(f"cannot listen on {host} port {port}: {error.strerror}") from error


def say(text: str) -> None:
    print(f"· {text}", flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", metavar="FILE", help="your products instead of the generated ones")
    parser.add_argument("--queries", metavar="FILE", help="your query log or judged list")
    parser.add_argument("--events", metavar="FILE", help="your engagement events")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field")
    parser.add_argument(
        "--home",
        default=os.environ.get("CADENCE_HOME") or str(ROOT / "var"),
        metavar="DIR",
        help="everything is written below it (default: CADENCE_HOME, or var)",
    )
    parser.add_argument("--preset", choices=["tiny", "small", "paper"], default="small", help="size of the models")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--prepare-only", action="store_true", help="set up and train, do not serve")
    parser.add_argument(
        "--no-demo-shoppers",
        action="store_true",
        help="make no shoppers with a history for the page to shop as; those that were made stay until "
        "`python -m data_generation.demo_shoppers --home DIR --remove`",
    )
    parser.add_argument("--tour", action="store_true", help="the walk through the method in the terminal")
    parser.add_argument("--torch-index", metavar="URL", help="another package index for torch (CPU-only wheels)")
    return parser.parse_args(arguments)


def prepare(python: Path, options: argparse.Namespace, environment: dict[str, str]) -> int:
    """Imports and trains what is not yet there; the exit status of the training program."""
    command = [str(python), "-m", "training.train_models", "--home", options.home, "--preset", options.preset]
    for name in ("catalog", "queries", "events"):
        if getattr(options, name):
            command += [f"--{name}", str(Path(getattr(options, name)).resolve())]
    for entry in options.map:
        command += ["--map", entry]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def make_demo_shoppers(python: Path, options: argparse.Namespace, environment: dict[str, str]) -> None:
    """Makes those that are not yet there. The shop opens without them, too; Ctrl-C means that it shall not."""
    command = [str(python), "-m", "data_generation.demo_shoppers", "--home", options.home]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        say("the shop has no demo shoppers: what was wrong is said above")


def serve(python: Path, options: argparse.Namespace, environment: dict[str, str]) -> int:
    """Runs the service until it is interrupted; its exit status."""
    key = admin_key(python, options.home, environment)
    environment["ADMIN_API_KEY"] = environment.get("ADMIN_API_KEY") or key
    if options.host in ("127.0.0.1", "localhost", "::1"):
        environment.setdefault("ALLOW_UNSIGNED_USERS", "true")
    command = [str(python), "-m", "uvicorn", "api.main:app", "--host", options.host, "--port", str(options.port)]
    everywhere = options.host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::")  # noqa: S104  # compared, not bound
    url = f"http://{'localhost' if everywhere else options.host}:{options.port}"
    server = subprocess.Popen(
        [*command, "--no-access-log", "--no-server-header", "--no-proxy-headers"], cwd=ROOT, env=environment
    )
    announcer = threading.Thread(target=announce, args=(server, url, options), daemon=True)
    announcer.start()
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        return 0


def announce(server: "subprocess.Popen[bytes]", url: str, options: argparse.Namespace) -> None:
    """Waits until the service is ready, then says where it is and opens the browser."""
    started = time.monotonic()
    while server.poll() is None and time.monotonic() - started < READY_SECONDS:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=2):  # noqa: S310  # our own address
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    else:
        return
    key_file = Path(options.home) / "keys" / "admin.key"
    own = bool(os.environ.get("ADMIN_API_KEY"))  # then the file's key opens nothing
    said, pasted = ("ADMIN_API_KEY", "$ADMIN_API_KEY") if own else (f"the key in {key_file}", f"$(cat {key_file})")
    say(f"ready in {time.monotonic() - started:.1f} s: {url}")
    say(f"dashboard: {url}/dashboard, with {said}")
    say(f'statistics: curl -H "Authorization: Bearer {pasted}" {url}/admin/stats')
    if not options.no_browser:
        webbrowser.open(url)


def admin_key(python: Path, home: str, environment: dict[str, str]) -> str:
    """The home's admin key, made on first use."""
    program = "import sys, pathlib, config.keys as k; print(k.admin_key(pathlib.Path(sys.argv[1])))"
    command = [str(python), "-c", program, home]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def interrupt(*_: object) -> None:
    """A polite request to end ends what was started as well, like Ctrl-C."""
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, interrupt)
    options.home = str(Path(options.home).expanduser().resolve())
    try:
        for name in ("catalog", "queries", "events"):
            file = getattr(options, name)
            if file and not Path(file).is_file():
                raise SetupError(f"--{name}: there is no file {file}")
        need_space(Path(options.home), FREE_BYTES_FOR_HOME)
        serving = not options.prepare_only and not options.tour
        if serving:
            need_port(options.host, options.port)
        python = ensure_environment([ROOT / "requirements.txt"], options.torch_index)
        environment = {**os.environ, "CADENCE_HOME": options.home, "PYTHONUNBUFFERED": "1"}
        status = prepare(python, options, environment)
        if status:
            return status
        if not options.no_demo_shoppers and not options.tour:
            make_demo_shoppers(python, options, environment)
        if options.prepare_only:
            return 0
        if options.tour:
            return subprocess.run(
                [str(python), "-m", "training.tour"], cwd=ROOT, env=environment, check=False
            ).returncode
        return serve(python, options, environment)
    except SetupError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n✗ interrupted: the next start carries on from here", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
