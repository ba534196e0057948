"""What we run is what we wrote and pinned: nothing that executes data, and a lock with a hash of every package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = [
    path
    for folder in ("api", "config", "core", "data_generation", "database", "training", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [ROOT / "run_demo.py"]
RUNS_WHAT_IT_LOADS = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
}
CALLS = {"torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen", "pandas.read_pickle"}
BUILTINS = {"eval", "exec"}  # as names alone: `model.eval()` is torch's, `re.compile` and `compiled.exec` are none
SWITCHES = {"shell", "allow_pickle", "trust_remote_code"}
# The service and the processes that it starts itself speak through pipes of which nobody else holds an end.
PIPES = {"config/child_process.py"}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\#]+)", re.MULTILINE)


def dangers(tree: ast.AST) -> Iterator[str]:
    """What would execute data, with its line."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {(alias.asname or alias.name): alias.name for alias in node.names}
            yield from (f"{node.lineno}: import {a.name}" for a in node.names if _root(a.name) in RUNS_WHAT_IT_LOADS)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {(alias.asname or alias.name): f"{node.module}.{alias.name}" for alias in node.names}
            if _root(node.module) in RUNS_WHAT_IT_LOADS:
                yield f"{node.lineno}: from {node.module}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            yield f"{node.lineno}: {node.func.id}()"
        name, _, rest = ast.unparse(node.func).partition(".")
        called = ".".join(part for part in (modules.get(name, name), rest) if part)
        weights_alone = any(one.arg == "weights_only" and ast.unparse(one.value) == "True" for one in node.keywords)
        if called == "torch.load" and weights_alone:
            continue  # its reader of tensors and numbers, which runs nothing
        if called in CALLS or _root(called.removeprefix("importlib.")) in RUNS_WHAT_IT_LOADS:
            yield f"{node.lineno}: {called}()"
        if called in {"importlib.import_module", "__import__"} and node.args:
            named = ast.unparse(node.args[0]).strip("'\"")
            if _root(named) in RUNS_WHAT_IT_LOADS:
                yield f"{node.lineno}: import of {named}"
        for keyword in node.keywords:
            # Only a written-out False is harmless: a variable may be true.
            off = isinstance(keyword.value, ast.Constant) and not keyword.value.value
            if keyword.arg in SWITCHES and not off:
                yield f"{node.lineno}: {keyword.arg}={ast.unparse(keyword.value)}"


def _root(module: str) -> str:
    return module.split(".", 1)[0]


def test_nothing_of_ours_executes_data() -> None:
    found: dict[str, list[str]] = {}
    for path in OURS:
        if here := list(dangers(ast.parse(path.read_text()))):
            found[path.relative_to(ROOT).as_posix()] = here
    assert len(OURS) > 500
    assert set(found) == PIPES, found
    assert all("pickle" in danger for name in PIPES for danger in found[name])


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import joblib.numpy_pickle as j",
        "from dill import loads",
        "import torch as t\nt.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "from torch import load\nload(path)",
        "import yaml\nyaml.load(text)",
        "import importlib\nimportlib.import_module('shelve')",
        "eval(text)",
        "exec(text)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=flag)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_the_search_finds_what_it_looks_for(code: str) -> None:
    assert list(dangers(ast.parse(code)))


def test_the_search_lets_pass_what_is_harmless() -> None:
    code = [
        "import torch, re",
        "model.eval()",
        "torch.load(p, weights_only=True)",
        "np.load(p, allow_pickle=False)",
        "yaml.safe_load(t)",
        "re.compile('x')",
    ]
    assert list(dangers(ast.parse("\n".join(code)))) == []


def pins(path: Path) -> dict[str, str]:
    """Version by normalised name (PEP 503)."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(path.read_text())}


def test_the_lock_holds_every_requirement_at_its_version() -> None:
    required, locked = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements.lock")
    assert len(required) > 30
    assert {name: locked.get(name) for name in required} == required


def test_every_package_of_the_lock_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    entries: list[list[str]] = []
    for line in lines:
        if not line.startswith(" "):
            entries.append([])
        entries[-1].append(line)
    # A package has more than one entry where another version is needed for another Python.
    assert len(entries) >= len(pins(ROOT / "requirements.lock")) > len(pins(ROOT / "requirements.txt"))
    for entry in entries:
        assert _PIN.match(entry[0]), entry[0]
        assert len(entry) > 1, f"{entry[0]}: no hash"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in entry[1:]), entry[0]
    assert len(text.encode()) < 1_000_000


def test_the_lock_names_no_place_but_the_index() -> None:
    text = "\n".join(line for line in (ROOT / "requirements.lock").read_text().splitlines() if line[:1] != "#")
    assert not re.search(r"://|@ |^-e|^--(?:extra-)?index-url|^--find-links", text, re.MULTILINE)
