"""Offline generation on a really trained shop: what is kept passes every gate, a broken run goes on, seeds agree."""

import json
import shutil
from pathlib import Path

import pytest

from core import artifacts
from core.domain import Source
from core.language_model.dynamic_beam import DynamicBeam
from core.retrieval.storage import load_completions
from core.services.bundle import COMPLETIONS, load_bundle
from core.text.terms import asked_terms
from tests.trained_shop import TrainedShop
from training.evaluate import main as evaluate
from training.generate_queries import main
from training.generation import run
from training.generation.merging import same_wish
from training.generation.models import generate, load_models
from training.generation.run import GenerationPlan, run_generation

# The shop's models are the tiny preset's: they are sure of little.
PLAN = GenerationPlan(
    DynamicBeam(p1=0.01, p2=0.011, p3=0.005, max_words=3), starts=60, min_token_log_prob=-9, min_end_probability=0.01
)


@pytest.fixture
def version(trained_shop: TrainedShop) -> Path:
    return artifacts.open_current(trained_shop.home / "artifacts").path


def test_what_is_kept_passes_every_gate(version: Path, tmp_path: Path) -> None:
    index = load_completions(version / COMPLETIONS)
    known = [entry.text for entry in index.entries() if entry.source is Source.HISTORY]
    queries, report = run_generation(version, tmp_path / "work", PLAN, known, workers=1)
    counts = report.counts
    assert queries and counts["kept"] == len(queries)
    assert counts["generated"] == sum(count for name, count in counts.items() if name != "generated")
    models = load_models(version)
    assert models.products is not None
    taken = {same_wish(text) for text in known}
    for query in queries:
        rows = models.products.matching_all(asked_terms(query.text))
        assert query.products == len(rows) > 0
        inside = (models.product_categories[rows] == query.category).sum()
        assert inside >= max(
            (models.product_categories[rows] == other).sum() for other in range(len(models.shortlists))
        )
        assert same_wish(query.text) not in taken
        taken.add(same_wish(query.text))


def test_a_broken_run_ends_as_an_unbroken_one(version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_generation(version, tmp_path / "whole", PLAN, [], workers=1)
    calls = 0

    def interrupted(*arguments: object) -> list[tuple[int, ...]]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return generate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "generate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_generation(version, tmp_path / "broken", PLAN, [], workers=1)
    finished = len(list((tmp_path / "broken").glob("*.json")))
    assert finished >= 1
    calls = -1_000
    assert run_generation(version, tmp_path / "broken", PLAN, [], workers=1) == whole
    assert calls + 1_000 < 2 * len(list((tmp_path / "broken").glob("*.json")))


def test_the_command_publishes_and_the_suite_measures(
    trained_shop: TrainedShop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home / "artifacts", home / "artifacts")
    monkeypatch.setenv("CADENCE_HOME", str(home))
    before = artifacts.current_version(home / "artifacts")
    assert main(["--home", str(home), "--starts", "120", "--workers", "2"]) == 0
    after = artifacts.current_version(home / "artifacts")
    assert after != before
    bundle = load_bundle(home / "artifacts")
    generated = [entry for entry in bundle.completions.entries() if entry.source is not Source.HISTORY]
    assert generated and all(entry.product_count and entry.log_prob is not None for entry in generated)
    assert bundle.manifest["counts"]["generated"] >= len(generated)
    assert main(["--home", str(home), "--starts", "120", "--p1", "0.5", "--p2", "0.4"]) == 1
    assert "p1 < p2" in capsys.readouterr().out
    out = tmp_path / "generation.json"
    arguments = ["--suite", "generation", "--queries", str(trained_shop.files.queries), "--home", str(home)]
    assert evaluate([*arguments, "--limit", "60", "--json", str(out)]) == 0
    metrics = json.loads(out.read_text())["metrics"]
    assert metrics["finding nothing"] == 0
    assert metrics["fewer than 5, with generation"] <= metrics["fewer than 5, log alone"]
    assert metrics["products reached, with generation"] >= metrics["products reached, log alone"]
