"""The ranker's network: what it learns, what it is on disk, and what does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ArtifactError
from core.ranking.features import FEATURES
from core.ranking.ranker import FormulaRanker, NetworkRanker, load_ranker, save_network
from training.ranking.network import fit_network
from training.ranking.samples import Sample

FORMULA, NUMBERS, LENGTH = (FEATURES.index(name) for name in ("formula", "numbers", "title_length"))


def samples(count: int, seed: int = 0) -> list[Sample]:
    """Queries whose best product has the right number, or else is short: nothing that the formula feature says."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        features = random.normal(size=(20, len(FEATURES))).astype(np.float32)
        features[:, FORMULA] = random.uniform(size=20)
        features[:, NUMBERS] = 0
        grades = np.zeros(20, np.float32)
        if random.uniform() < 0.5:
            best = int(random.integers(20))
            features[best, NUMBERS] = 1
        else:
            best = int(np.argmin(features[:, LENGTH]))
        grades[best] = 3
        grades[(best + 1) % 20] = 1  # judged, and wrong
        made.append(Sample(np.arange(20, dtype=np.int32), features, grades, np.ones(20, np.bool_)))
    return made


@pytest.fixture(scope="module")
def learnt() -> NetworkRanker:
    return fit_network(samples(800), seed=1)


def share_right(ranker: NetworkRanker | FormulaRanker, held_out: list[Sample]) -> float:
    return float(np.mean([ranker.score(one.features).argmax() == one.grades.argmax() for one in held_out]))


def test_it_learns_what_makes_an_answer(learnt: NetworkRanker) -> None:
    held_out = samples(200, seed=9)
    assert share_right(learnt, held_out) > 0.8
    assert share_right(FormulaRanker(), held_out) < 0.2
    scores = learnt.score(held_out[0].features)
    assert scores.dtype == np.float32 and ((scores > 0) & (scores < 1)).all()
    assert learnt.score(held_out[0].features[:0]).shape == (0,)


def test_equal_seeds_give_equal_networks() -> None:
    first, second, other = (fit_network(samples(40), seed) for seed in (0, 0, 1))
    assert np.array_equal(first.hidden, second.hidden) and np.array_equal(first.output, second.output)
    assert not np.array_equal(first.hidden, other.hidden)


def test_a_network_by_hand() -> None:
    size = len(FEATURES)
    zero, one = np.zeros(size, np.float32), np.ones(size, np.float32)
    hidden = np.zeros((size, 2), np.float32)
    hidden[0] = [1, -1]
    linear = zero.copy()
    linear[1] = 0.5
    ranker = NetworkRanker(zero, 2 * one, linear, hidden, np.array([0, 1], np.float32), np.array([3, 10], np.float32))
    rows = np.zeros((3, size), np.float32)
    rows[:, 0], rows[:, 1] = [4, -100, 0], [2, 0, 0]
    # in standard deviations: 2, −50 → −4, 0 and 1, 0, 0
    assert ranker.raw(rows).tolist() == [3 * 2 + 0.5, 10 * (4 + 1), 10]


def test_the_formula_has_half_the_weight_of_the_network() -> None:
    size = len(FEATURES)
    zero, rows = np.zeros(size, np.float32), np.zeros((2, size), np.float32)
    linear = zero.copy()
    linear[NUMBERS] = 1
    nothing = np.zeros(0, np.float32)
    ranker = NetworkRanker(zero, zero + 1, linear, np.zeros((size, 0), np.float32), nothing, nothing)
    rows[0, NUMBERS], rows[1, FORMULA] = 1, 1  # each is for another one, by one standard deviation
    assert ranker.score(rows) == pytest.approx([1 / (1 + np.exp(-1 / 3)), 1 / (1 + np.exp(1 / 3))])


def test_saved_and_loaded_is_the_same(learnt: NetworkRanker, tmp_path: Path) -> None:
    save_network(learnt, {"learnt_from": "clicks"}, tmp_path)
    rows = samples(1)[0].features
    np.testing.assert_array_equal(load_ranker(tmp_path).score(rows), learnt.score(rows))
    facts = json.loads((tmp_path / "ranker.json").read_text())
    assert facts["learnt_from"] == "clicks"
    (tmp_path / "ranker.json").write_text(json.dumps(facts | {"features": ["a"]}))
    with pytest.raises(ArtifactError, match="other features"):
        load_ranker(tmp_path)
    (tmp_path / "ranker.json").write_text(json.dumps(facts))
    (tmp_path / "network.safetensors").write_bytes(b"nothing")
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_ranker(tmp_path)


def test_what_does_not_fit_is_refused(learnt: NetworkRanker) -> None:
    for change in ({"hidden": learnt.hidden[1:]}, {"bias": learnt.bias[1:]}, {"mean": learnt.mean[1:]}):
        with pytest.raises(ArtifactError, match="other features"):
            replace(learnt, **change)


def test_nothing_to_learn_from_is_said() -> None:
    nothing = [replace(one, grades=np.minimum(one.grades, 1)) for one in samples(3)]
    with pytest.raises(ValueError, match="nothing to learn from"):
        fit_network(nothing)
