"""The one command: what it says when something is missing, and that it never does a thing twice."""

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import httpx
import pytest

import run_demo
from run_demo import ROOT, SetupError, ensure_environment, main, need_port, need_space
from tests.e2e.server import environment, free_port
from tests.trained_shop import TrainedShop

Usage = namedtuple("Usage", "total used free")


class Installer:
    """Stands in for venv and pip, which need the network; remembers what it was told to do."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.steps: list[str] = []
        self.failing: str | None = None

    def run_step(self, command: list[str], failure: str) -> None:
        step = "venv" if "venv" in command else Path(command[command.index("-r") + 1]).as_posix()
        self.steps.append(step)
        if self.failing and self.failing in step:
            raise SetupError(failure)
        if step == "venv":
            python = run_demo.venv_python()
            python.parent.mkdir(parents=True)
            python.touch()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two requirements files and no environment."""
    (tmp_path / "tests").mkdir()
    for file in (tmp_path / "requirements.txt", tmp_path / "tests" / "requirements.txt"):
        file.write_text("torch\n")
    monkeypatch.setattr(run_demo, "ROOT", tmp_path)
    monkeypatch.setattr(run_demo, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, 2**40))
    return tmp_path


@pytest.fixture
def installer(root: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    installer = Installer(root / ".venv")
    monkeypatch.setattr(run_demo, "run_step", installer.run_step)
    return installer


@pytest.fixture
def no_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to install, train or serve fails the test."""

    def never(*_: object) -> None:
        raise AssertionError("went on although something was wrong")

    for name in ("ensure_environment", "prepare", "serve"):
        monkeypatch.setattr(run_demo, name, never)


def the_message(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr: one line."""
    [line] = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize("file", [ROOT / "run_demo.py", ROOT / "tests" / "__main__.py"], ids=lambda file: file.name)
def test_setting_up_needs_the_standard_library_alone(file: Path) -> None:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or ".").partition(".")[0])
    assert names - {"run_demo"} <= sys.stdlib_module_names


def test_it_starts_without_installed_packages() -> None:
    """`-I -S`: neither site-packages nor the environment's paths."""
    command = [sys.executable, "-I", "-S", str(ROOT / "run_demo.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    options = ("--catalog", "--queries", "--events", "--home", "--port", "--preset", "--prepare-only", "--tour")
    for option in (*options, "--no-demo-shoppers"):
        assert option in done.stdout


def test_the_environment_is_made_once(root: Path, installer: Installer) -> None:
    files = [root / "requirements.txt", root / "tests" / "requirements.txt"]
    assert ensure_environment(files) == run_demo.venv_python()
    assert installer.steps == ["venv", files[0].as_posix(), files[1].as_posix()]
    installer.steps.clear()
    ensure_environment(files)
    ensure_environment(files[:1])
    assert installer.steps == []


def test_only_changed_requirements_are_installed_again(root: Path, installer: Installer) -> None:
    files = [root / "requirements.txt", root / "tests" / "requirements.txt"]
    ensure_environment(files)
    installer.steps.clear()
    files[1].write_text("pytest\n")
    ensure_environment(files)
    assert installer.steps == [files[1].as_posix()]
    installer.steps.clear()
    ensure_environment(files)
    assert installer.steps == []


def test_an_interrupted_installation_carries_on(root: Path, installer: Installer) -> None:
    files = [root / "requirements.txt", root / "tests" / "requirements.txt"]
    installer.failing = "tests/requirements.txt"
    with pytest.raises(SetupError, match="check the network and the disk"):
        ensure_environment(files)
    installer.failing = None
    installer.steps.clear()
    ensure_environment(files)
    assert installer.steps == [files[1].as_posix()]


def test_a_removed_environment_is_made_again(root: Path, installer: Installer) -> None:
    ensure_environment([root / "requirements.txt"])
    installer.steps.clear()
    shutil.rmtree(root / ".venv")
    ensure_environment([root / "requirements.txt"])
    assert installer.steps == ["venv", (root / "requirements.txt").as_posix()]


def test_another_package_index_reaches_pip(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(run_demo, "run_step", lambda command, _: commands.append(command))
    run_demo.install(Path("python"), root / "requirements.txt", "https://example.org/cpu")
    command = commands[0]
    assert command[command.index("--extra-index-url") + 1] == "https://example.org/cpu"


def test_an_old_python_is_said(root: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 14, "final", 0))
    with pytest.raises(SetupError, match=r"Python 3\.11 or newer is needed"):
        ensure_environment([root / "requirements.txt"])
    assert installer.steps == []


def test_a_full_disk_is_said(root: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 2**29))
    with pytest.raises(SetupError, match=r"has 0\.5 GiB free, 6 GiB are needed"):
        ensure_environment([root / "requirements.txt"])
    assert installer.steps == []
    with pytest.raises(SetupError, match="1 GiB are needed"):  # folders that do not exist yet lie on the same disk
        need_space(root / "not" / "yet", 2**30)


def test_a_taken_port_is_said(no_setup: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--home", str(tmp_path), "--port", str(port)]) == 1
        assert the_message(capsys) == f"✗ port {port} is taken: stop what listens there, or choose another with --port"
    need_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_said(
    no_setup: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), "--host", "192.0.2.1"]) == 1  # RFC 5737: nobody's address
    assert the_message(capsys).startswith("✗ cannot listen on 192.0.2.1 port 8000: ")


@pytest.mark.parametrize("option", ["--catalog", "--queries", "--events"])
def test_a_missing_file_is_said(
    option: str, no_setup: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), option, "nowhere.csv"]) == 1
    assert the_message(capsys) == f"✗ {option}: there is no file nowhere.csv"


def test_an_interruption_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_demo, "ensure_environment", interrupted)
    assert main(["--home", str(tmp_path), "--prepare-only"]) == 130
    assert the_message(capsys) == "✗ interrupted: the next start carries on from here"


def test_a_failed_training_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_demo, "ensure_environment", lambda *_: Path(sys.executable))
    monkeypatch.setattr(run_demo, "need_port", lambda *_: None)
    monkeypatch.setattr(run_demo, "prepare", lambda *_: 3)
    assert main(["--home", str(tmp_path)]) == 3


def test_options_reach_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.csv"
    log.write_text("query\nlamp\n")
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(run_demo, "ensure_environment", lambda *_: Path("python"))
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    options = ["--home", "here", "--queries", "log.csv", "--map", "query=q", "--preset", "tiny", "--prepare-only"]
    assert main(options) == 0
    command, demo = commands
    assert command[:3] == ["python", "-m", "training.train_models"]
    assert demo == ["python", "-m", "data_generation.demo_shoppers", "--home", str(tmp_path / "here")]
    rest = command[3:]
    assert dict(zip(rest[::2], rest[1::2], strict=True)) == {
        "--home": str(tmp_path / "here"),
        "--preset": "tiny",
        "--queries": str(log),
        "--map": "query=q",
    }


@pytest.mark.parametrize(
    ("option", "status", "ends"),
    [("--no-demo-shoppers", 1, 0), ("--prepare-only", 1, 0), ("--prepare-only", 130, 130), ("--tour", 1, 0)],
)
def test_the_shop_opens_without_demo_shoppers_unless_it_was_interrupted(
    option: str, status: int, ends: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        demo = "data_generation.demo_shoppers" in command
        made.append(demo)
        return subprocess.CompletedProcess(command, status if demo else 0)

    monkeypatch.setattr(run_demo, "ensure_environment", lambda *_: Path("python"))
    monkeypatch.setattr(subprocess, "run", run)
    assert main(["--home", str(tmp_path), option, "--prepare-only"] if option != "--tour" else ["--tour"]) == ends
    assert any(made) == (option == "--prepare-only")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_second_start_serves_at_once_until_it_is_interrupted(trained_shop: TrainedShop, tmp_path: Path) -> None:
    """The real thing, but for the environment, which is the one that runs this test."""
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    port = free_port()
    program = (
        "import pathlib, sys, run_demo\n"
        "run_demo.ensure_environment = lambda *_: pathlib.Path(sys.executable)\n"
        "raise SystemExit(run_demo.main(sys.argv[1:]))"
    )
    options = ["--home", str(home), "--preset", "tiny", "--port", str(port), "--no-browser"]
    data = ["--catalog", str(trained_shop.files.catalog), "--queries", str(trained_shop.files.queries)]
    demo = subprocess.Popen(
        [sys.executable, "-c", program, *options, *data],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # as in a terminal, Ctrl-C reaches the whole group
    )
    assert demo.stdout is not None
    with demo, demo.stdout:
        try:
            said = []
            for line in demo.stdout:
                said.append(line)
                if line.startswith("· statistics"):
                    break
            text = "".join(said)
            assert "is up to date" in text, text
            assert f"http://localhost:{port}" in text, text
            key = (home / "keys" / "admin.key").read_text().strip()
            assert key not in text  # what is printed may end up in a log
            with httpx.Client(base_url=f"http://localhost:{port}", trust_env=False, timeout=60) as client:
                assert client.get("/admin/stats").status_code == 401
                assert client.get("/admin/stats", headers={"Authorization": f"Bearer {key}"}).status_code == 200
                event = {"user_id": "mary", "session_id": "s", "action_type": "view", "item_id": "P100001"}
                assert client.post("/engagement", json=event).status_code == 200
            os.killpg(demo.pid, signal.SIGINT)
            last, _ = demo.communicate(timeout=60)
            assert demo.returncode == 0, last
            assert "Traceback" not in last, last
        finally:
            if demo.poll() is None:
                os.killpg(demo.pid, signal.SIGKILL)
