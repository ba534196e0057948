"""Training in one process, in two, compiled, from word vectors and at the paper's size."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core.language_model.config import PRESETS
from core.language_model.corpus import Line, batches
from core.language_model.gru_mn import GruMn
from core.language_model.stored_corpus import CORPUS, save_lines
from core.text.vocabulary import Vocabulary, build_vocabulary
from training.compute import Compute
from training.fit import load_model, main
from training.train_language_model import plan_from, train
from training.training_run import Run
from training.word_vectors import word_vectors

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


@pytest.fixture
def vocabulary() -> Vocabulary:
    return build_vocabulary({f"word{index:02d}": 10.0 for index in range(20)}, 2, min_count=1, max_words=100)


@pytest.fixture
def lines() -> list[Line]:
    return [Line(tuple(range(start, start + 3)), start % 2) for start in range(17)] * 6


@pytest.fixture
def version(tmp_path: Path, vocabulary: Vocabulary, lines: list[Line]) -> Path:
    folder = tmp_path / "version"
    folder.mkdir()
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary.as_dict()))
    save_lines({"query": lines, "query_held_out": lines[:10]}, folder / CORPUS)
    return folder


def fit(version: Path, out: Path) -> list[str]:
    return ["--version", str(version), "--side", "query", "--preset", "tiny", "--epochs", "2", "--out", str(out)]


def test_two_processes_take_the_steps_of_one(version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchrun with two workers on this processor, without dropout: the weights agree to rounding."""
    without_dropout = (
        "import dataclasses, sys; from core.language_model import config; from training import fit; "
        "config.PRESETS['tiny'] = dataclasses.replace(config.PRESETS['tiny'], dropout=0.0); "
        "raise SystemExit(fit.main(sys.argv[1:]))"
    )
    script = tmp_path / "fit_without_dropout.py"
    script.write_text(without_dropout.replace("; ", "\n"))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    commands = {
        "one": [sys.executable, str(script)],
        "two": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)],
    }
    for name, command in commands.items():
        subprocess.run([*command, *fit(version, tmp_path / name)], env=environment, check=True, cwd=ROOT)
    one, two = (load_model(tmp_path / name).state_dict() for name in commands)
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, atol=2e-4, rtol=0)
    assert (tmp_path / "two" / "curve.png").stat().st_size > 5_000
    assert json.loads((tmp_path / "two" / "curve.json").read_text())


def test_an_artifact_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(fit(tmp_path, tmp_path / "out")) == 1
    assert "vocabulary.json" in capsys.readouterr().err


def test_compiled_steps_equal_plain_ones(vocabulary: Vocabulary, lines: list[Line], tmp_path: Path) -> None:
    """The graph that `torch.compile` captures, run without a code generator."""
    plan = plan_from(PRESETS["tiny"], vocabulary, titles=False, lines=len(lines), seed=0)
    plan = dataclasses.replace(plan, config=dataclasses.replace(plan.config, dropout=0.0))
    batch = next(batches(lines, vocabulary, 8, seed=0))
    losses = []
    for backend in (None, "eager"):
        torch.manual_seed(0)
        run = Run(plan, GruMn(plan.config), tmp_path, None, Compute(CPU, compile_backend=backend))
        for _ in range(3):
            run.train_step(batch, 1e-2)
        losses.append(run.loss)
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


def test_bfloat16_learns_nearly_the_same(vocabulary: Vocabulary, lines: list[Line], tmp_path: Path) -> None:
    plan = plan_from(PRESETS["tiny"], vocabulary, titles=False, lines=len(lines), seed=0)
    full = train(plan, vocabulary, lines, lines[:10], tmp_path / "full", compute=Compute(CPU))
    half = train(plan, vocabulary, lines, lines[:10], tmp_path / "half", compute=Compute(CPU, bfloat16=True))
    assert half.log_likelihood == pytest.approx(full.log_likelihood, abs=0.1)


def test_the_papers_sizes_train(vocabulary: Vocabulary, lines: list[Line], tmp_path: Path) -> None:
    """3 layers 2000/1500/1000, attention 1000/750/500, context 500: steps change every weight and lower the loss."""
    plan = plan_from(PRESETS["paper"], vocabulary, titles=False, lines=len(lines), seed=0)
    assert (plan.config.hidden, plan.config.attention) == ((2000, 1500, 1000), (1000, 750, 500))
    model = GruMn(dataclasses.replace(plan.config, dropout=0.0))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    run = Run(plan, model, tmp_path, None, Compute(CPU))
    batch = next(batches(lines, vocabulary, 4, seed=0))
    run.train_step(batch, 1e-3)
    first = run.loss
    for _ in range(2):
        run.train_step(batch, 1e-3)
    assert run.loss < first
    recurrent = {key for key in before if key.startswith("layers.")}
    assert all(not torch.equal(before[key], value) for key, value in model.state_dict().items() if key in recurrent)
    assert 40e6 < sum(before[key].numel() for key in recurrent) < 60e6


def test_word_vectors_know_what_stands_together(vocabulary: Vocabulary) -> None:
    generator = np.random.default_rng(0)
    groups = [[f"word{index:02d}" for index in range(start, start + 10)] for start in (0, 10)]
    texts = [list(generator.choice(groups[index % 2], 4, replace=False)) for index in range(600)]
    vectors = word_vectors(texts, vocabulary, 16)
    assert vectors.shape == (20, 16) and float(vectors.std()) == pytest.approx(0.2, abs=0.01)
    unit = torch.nn.functional.normalize(vectors, dim=1)
    similarity = unit @ unit.T
    assert similarity[:10, :10].mean() > similarity[:10, 10:].mean() + 0.2
    assert torch.equal(vectors, word_vectors(texts, vocabulary, 16))
    with pytest.raises(ValueError, match="lines"):
        word_vectors([], vocabulary, 16)
