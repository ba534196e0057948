"""Measures of clusterings on cases worked out by hand, and the suite as a command on a trained shop."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from core.categories.assign import likeliest
from core.categories.predictor import CategoryPredictor
from core.text.vocabulary import Vocabulary
from tests.trained_shop import TrainedShop
from training.evaluate import main
from training.evaluation.categories import agreement, beside_k_means, between_seeds, coverage, prediction

TRUTH = np.array([0, 0, 1, 1], np.int32)


def test_agreement_by_hand() -> None:
    assert agreement(TRUTH[::-1].copy(), TRUTH) == pytest.approx(
        {"homogeneity": 1, "completeness": 1, "V-measure": 1, "AMI": 1}
    )
    finer = agreement(np.arange(4, dtype=np.int32), TRUTH)
    assert finer["homogeneity"] == pytest.approx(1)
    assert finer["completeness"] == pytest.approx(0.5)  # one bit of two
    assert finer["V-measure"] == pytest.approx(2 / 3)


def test_k_means_finds_what_lies_apart() -> None:
    vectors = np.repeat(np.eye(2, dtype=np.float32), 2, 0)
    assert beside_k_means(vectors, TRUTH, 2)["V-measure, k-means"] == pytest.approx(1)


def test_seeds_are_compared_at_their_worst() -> None:
    other = np.array([0, 1, 0, 1], np.int32)
    assert between_seeds([TRUTH, 1 - TRUTH]) == pytest.approx(1)
    assert between_seeds([TRUTH, TRUTH, other]) < 0


def test_coverage_counts_pairs() -> None:
    top = np.array([[0, 1, 2], [2, 0, 1]], np.int32)
    found = coverage(top, np.array([0, 1, 3], np.int32), [(0, 0), (0, 1), (0, 2), (1, 0)])
    assert found["relevant in the likeliest"] == 0.25
    assert found["relevant in the three likeliest"] == 0.75


def test_the_likeliest_are_those_with_most_votes() -> None:
    products = np.eye(4, dtype=np.float32)
    labels = np.array([2, 0, 1, 1], np.int32)
    queries = np.array([[0.2, 0.5, 0.6, 0.6]], np.float32)
    assert likeliest(queries, products, labels, 4).tolist() == [[1, 0, 2]]
    assert likeliest(queries, products, labels, 4, count=9).shape == (1, 4)


def test_prediction_from_nothing_costs_the_prior() -> None:
    predictor = CategoryPredictor(Vocabulary(("lamp",), (1.0,), 2), np.zeros((1, 2)), np.array([3.0, 1.0]))
    found = prediction(predictor, ["zzz", "zzz"], np.array([0, 1], np.int32))
    assert found["prediction: log loss"] == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2, rel=1e-5)
    assert found["prediction: top 1"] == 0.5
    assert found["prediction: top 3"] == 1


def test_the_suite_measures_a_trained_shop(trained_shop: TrainedShop, tmp_path: Path) -> None:
    report, judged = tmp_path / "report.json", tmp_path / "judged.csv"
    ids = trained_shop.files.catalog.read_text(encoding="utf-8").splitlines()
    column = ids[0].split(",").index("product_id")
    lines = [f"garden chair,{line.split(',')[column]},{1 + row % 3}" for row, line in enumerate(ids[1:31])]
    judged.write_text("query,product_id,relevance\n" + "\n".join(lines) + "\n", encoding="utf-8")
    arguments = ["--suite", "categories", "--queries", str(judged), "--home", str(trained_shop.home)]
    assert main([*arguments, "--json", str(report)]) == 0
    figures = json.loads(report.read_text())["metrics"]
    assert figures["relevant pairs"] == 10
    assert 0 <= figures["relevant in the likeliest"] <= figures["relevant in the three likeliest"] <= 1
    assert figures["V-measure"] > 0.5  # titles say what a product is; one big category would have 0
    assert 0 <= figures["prediction: top 1"] <= figures["prediction: top 3"] <= 1
