"""What the README and CONTRIBUTING promise about the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("api", "config", "core", "data_generation", "database", "training")
MODULES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "ruff", "check", "."],
        [sys.executable, "-m", "ruff", "format", "--check", "."],
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        [sys.executable, "-m", "mypy"],
    ],
    ids=["lint", "format", "imports", "types"],
)
def test_tools_find_nothing(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_readable_in_one_sitting() -> None:
    long = {str(path.relative_to(ROOT)): lines for path in MODULES if (lines := path.read_text().count("\n")) > 350}
    assert long == {}


def test_every_module_and_public_class_says_what_it_is() -> None:
    silent = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        if tree.body and not ast.get_docstring(tree):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []


def test_every_requirement_is_pinned_with_a_reason() -> None:
    for file in (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"):
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                requirement, _, reason = line.partition("#")
                assert "==" in requirement and reason.strip(), line
