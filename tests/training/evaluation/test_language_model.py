"""The suite as a command on a trained shop: every model, both protocols, and the picture."""

import json
import shutil
from pathlib import Path

import pytest

from core.importing.queries import query_rows, read_queries
from tests.trained_shop import TrainedShop
from training.evaluate import main
from training.evaluation.compared_models import CATALOGUE, OURS
from training.evaluation.language_model import read_words


@pytest.fixture(scope="module")
def held_out(trained_shop: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words of the shop's own queries in new orders: mostly unseen, and in its language."""
    frame, _ = read_queries(trained_shop.files.queries)
    texts = sorted({" ".join(reversed(row.query.split())) for row in query_rows(frame)})[:60]
    file = tmp_path_factory.mktemp("held_out") / "queries.csv"
    file.write_text("query\n" + "\n".join([*texts, "zzyzx blivet", "word " * 11]) + "\n", encoding="utf-8")
    return file


def test_the_suite_compares_all_models(trained_shop: TrainedShop, held_out: Path, tmp_path: Path) -> None:
    report, home = tmp_path / "report.json", tmp_path / "home"
    shutil.copytree(trained_shop.home, home)  # the baselines are kept in it
    arguments = ["--suite", "language-model", "--queries", str(held_out), "--limit", "40"]
    arguments += ["--home", str(home), "--json", str(report), "--plots", str(tmp_path)]
    assert main(arguments) == 0
    content = json.loads(report.read_text())
    figures, measured_on = content["metrics"], content["measured_on"]
    assert measured_on["queries"] == 40
    assert measured_on["longer than ten words"] == 1
    for name in (OURS, CATALOGUE, "NQLM+CC", "Transformer (GPT-2)", "GRU+CC, no tape", "Kneser-Ney 4-gram+CC"):
        for protocol in ("oracle", "predicted"):
            assert 0.5 < figures[f"{name}, {protocol}: bits per character"] < 20
            assert 0 <= figures[f"{name}, {protocol}: top-1"] <= figures[f"{name}, {protocol}: top-10"] <= 1
    assert figures["NQLM: word LSTM, oracle: top-1"] == figures["NQLM: word LSTM, predicted: top-1"]
    assert "SLM: stupid back-off 4-gram, oracle: bits per character" not in figures
    sizes = [figures[f"{name}: parameters"] for name in (OURS, "NQLM: word LSTM", "Transformer+CC", "GRU+CC, no tape")]
    assert max(sizes) < 1.07 * min(sizes)
    assert (tmp_path / "language_model.png").stat().st_size > 10_000


def test_words_are_distinct_and_drawn_by_seed(held_out: Path) -> None:
    words, left_out = read_words(held_out, None)
    assert left_out == 1
    assert len(set(words)) == len(words)
    assert read_words(held_out, 10)[0] == words[:10]
