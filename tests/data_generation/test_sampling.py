"""Draws for whole columns: they stay where they belong, and follow their weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.sampling import RangeSampler, RowSampler, log_normal, moved, noise, sigmoid

DRAWS = 40_000
WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(0.001, 1_000)), min_size=1, max_size=12).filter(any)
UNIFORM = st.floats(0, 1, exclude_max=True)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=6), st.integers(0, 2**32))
def test_columns_are_drawn_by_their_weights(weights: list[float], seed: int) -> None:
    table = np.array([weights, weights[::-1]])
    uniform = np.random.default_rng(seed).random(DRAWS)
    for row, wanted in enumerate(table / table.sum(axis=1, keepdims=True)):
        drawn = RowSampler(table).draw(np.full(DRAWS, row), uniform)
        assert np.bincount(drawn, minlength=len(weights)) / DRAWS == pytest.approx(wanted, abs=0.02)


@given(WEIGHTS, st.lists(UNIFORM, min_size=1, max_size=30), st.integers(1, 4))
def test_a_column_without_weight_is_not_drawn(weights: list[float], uniform: list[float], rows: int) -> None:
    draws = np.array([0.0, *uniform]) * (1 - 1e-9)
    for row in range(rows):
        drawn = RowSampler(np.tile(weights, (rows, 1))).draw(np.full(len(draws), row), draws)
        assert (np.array(weights)[drawn] > 0).all()


@given(st.lists(st.lists(st.floats(0.01, 100), min_size=4, max_size=4), min_size=1, max_size=5), UNIFORM)
def test_a_draw_is_the_column_where_the_shares_below_it_add_up_to_it(table: list[list[float]], uniform: float) -> None:
    drawn = RowSampler(np.array(table)).draw(np.arange(len(table)), np.full(len(table), uniform))
    for weights, column in zip(table, drawn.tolist(), strict=True):
        below, upto = sum(weights[:column]) / sum(weights), sum(weights[: column + 1]) / sum(weights)
        assert below - 1e-9 <= uniform <= upto + 1e-9


def test_a_draw_next_to_one_stays_in_its_row_however_many_rows_there_are() -> None:
    rows = np.array([0, 1, 999, 99_999])
    sampler = RowSampler(np.ones((100_000, 3)))
    assert sampler.draw(rows, np.full(4, np.nextafter(1.0, 0.0))).tolist() == [2, 2, 2, 2]
    assert sampler.draw(rows, np.zeros(4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("table", [[[0.0]], [[1.0, 2.0], [0.0, 0.0]], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
def test_an_empty_row_is_refused(table: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="sums to nothing"):
        RowSampler(np.array(table))


@given(st.lists(st.floats(0.01, 10), min_size=3, max_size=12), st.integers(0, 2**32), st.data())
def test_positions_of_a_range_are_drawn_by_their_weights(weights: list[float], seed: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(weights) - 2))
    stop = data.draw(st.integers(start + 1, len(weights)))
    uniform = np.random.default_rng(seed).random(DRAWS)
    drawn = RangeSampler(np.array(weights)).draw(np.full(DRAWS, start), np.full(DRAWS, stop), uniform)
    wanted = np.zeros(len(weights))
    wanted[start:stop] = weights[start:stop]
    assert np.bincount(drawn, minlength=len(weights)) / DRAWS == pytest.approx(wanted / wanted.sum(), abs=0.02)


def test_a_range_without_weight_gives_its_last_position_and_shapes_broadcast() -> None:
    sampler = RangeSampler(np.array([1.0, 0.0, 0.0, 2.0]))
    assert sampler.draw(np.array([1]), np.array([3]), np.array([0.5])).tolist() == [2]
    drawn = sampler.draw(np.array([[0], [3]]), np.array([[3], [4]]), np.full((2, 5), 0.5))
    assert drawn.tolist() == [[0] * 5, [3] * 5]


@given(st.integers(0, 2**63), st.integers(0, 10**9), st.integers(0, 10**6))
def test_noise_of_a_pair_does_not_depend_on_the_others(seed: int, first: int, second: int) -> None:
    alone = noise(seed, np.array([first]), np.array([second]))
    among = noise(seed, np.array([5, first, 7]), np.array([second, second, 1]))
    assert alone[0] == among[1] and np.isfinite(alone[0])


@pytest.mark.parametrize("seed", [0, 7, 12_345])
def test_noise_has_mean_nought_and_spread_one_and_its_neighbours_say_nothing_of_it(seed: int) -> None:
    one, other = np.meshgrid(np.arange(400), np.arange(400), indexing="ij")
    values = noise(seed, one, other)
    assert values.mean() == pytest.approx(0, abs=0.02) and values.std() == pytest.approx(1, abs=0.02)
    for ahead, behind in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1]), (values, values.T)):
        assert abs(np.corrcoef(ahead[ahead != behind], behind[ahead != behind])[0, 1]) < 0.02
    assert abs(np.corrcoef(values.ravel(), noise(seed + 1, one, other).ravel())[0, 1]) < 0.02


def test_the_median_of_a_log_normal_is_what_was_asked_for() -> None:
    drawn = log_normal(np.random.default_rng(1), 20.0, 0.8, DRAWS)
    assert np.median(drawn) == pytest.approx(20, rel=0.03) and drawn.min() > 0
    assert np.log(drawn).std() == pytest.approx(0.8, abs=0.02)
    medians = log_normal(np.random.default_rng(1), np.array([1.0, 100.0]), 0.0, 2)
    assert medians.tolist() == [1, 100]


@given(st.floats(0.001, 0.999), st.floats(-5, 5), st.floats(-5, 5))
def test_moves_of_log_odds_add_up_and_stay_probabilities(probability: float, one: float, other: float) -> None:
    at_once = moved(np.array([probability]), one + other)
    assert moved(moved(np.array([probability]), one), other) == pytest.approx(at_once)
    assert 0 < at_once[0] < 1
    assert moved(np.array([probability]), 0.0)[0] == pytest.approx(probability)
    assert (moved(np.array([probability]), 1.0) > probability).all()


def test_certain_and_impossible_do_not_move() -> None:
    assert moved(np.array([0.0, 1.0]), 3.0).tolist() == [0, 1]
    assert sigmoid(np.array([0.0])).tolist() == [0.5]
