"""Estimators find the truth of small worlds that can be enumerated, and of simulated logs."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ExperimentDataError
from core.experiments.position_bias import harvest
from core.experiments.replay import (
    LoggedList,
    LoggedLists,
    Replay,
    Weights,
    by_examination,
    by_list,
    by_place,
    checked_log,
    doubly_robust,
    inverse_propensity,
    jackknife,
    leave_out,
    pack,
    self_normalised,
)
from core.experiments.reward_model import fit_appeal, fit_rates, score_bins
from core.experiments.swapping import marginals, swap
from tests.benchmarks.offline_replay import draw_log, value_all, within

SIZE, SHARE = 4, 0.6
SEEN = np.array([1.0, 0.6, 0.3, 0.2])
APPEAL = np.array([0.5, 0.9, 0.1, 0.7])  # of the product that the logger has at each rank
TARGET = np.array([2, 1, 4, 3])  # the target's place of each of these


def every_list() -> tuple[LoggedLists, np.ndarray, np.ndarray, np.ndarray]:
    """All lists that swapping can show, as often as it shows them, with expected clicks.

    And the target's places, the rank of each product shown, and the probability of each list.
    """
    orders = [np.arange(SIZE)] * 4  # 40 % without a swap, and 6 pairs with 10 % each
    for pair in combinations(range(SIZE), 2):
        order = np.arange(SIZE)
        order[list(pair)] = order[list(pair)[::-1]]
        orders.append(order)
    rank = np.stack(orders)
    lot = marginals(SIZE, SHARE)
    propensity, clicks = lot[rank, np.arange(SIZE)], SEEN * APPEAL[rank]
    log = pack(
        [LoggedList("abcd", one.tolist(), other.tolist()) for one, other in zip(propensity, clicks, strict=True)]
    )
    return log, TARGET[rank].ravel(), rank.ravel(), np.array([0.4] * 4 + [0.1] * 6)


TRUTH = float(SEEN[TARGET - 1] @ APPEAL)


def test_the_marginals_are_those_of_all_swaps() -> None:
    _, _, rank, _ = every_list()
    counted = np.zeros((SIZE, SIZE))
    for place, one in enumerate(rank):
        counted[one, place % SIZE] += 0.1
    np.testing.assert_allclose(counted, marginals(SIZE, SHARE))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.floats(0, 1), st.text(max_size=5))
def test_swaps_are_permutations_that_repeat(size: int, share: float, seed: str) -> None:
    order = swap(size, share, seed)
    assert sorted(order.tolist()) == list(range(size)) and (order != np.arange(size)).sum() in (0, 2)
    np.testing.assert_array_equal(order, swap(size, share, seed))
    table = marginals(size, share)
    np.testing.assert_allclose(table.sum(0), 1)
    np.testing.assert_allclose(table.sum(1), 1)


def test_swaps_happen_as_often_as_they_should() -> None:
    counted = np.zeros((3, 3))
    for number in range(3_000):
        counted[swap(3, 0.5, f"request {number}"), np.arange(3)] += 1 / 3_000
    np.testing.assert_allclose(counted, marginals(3, 0.5), atol=0.04)
    with pytest.raises(ValueError, match="swapped"):
        swap(3, 1.5, "s")


def test_every_estimator_is_unbiased_over_all_lists() -> None:
    log, places, rank, whole = every_list()
    exposure = (marginals(SIZE, SHARE) @ SEEN)[rank]
    weights = {
        "place": by_place(log, places),
        "examination": by_examination(log, places, SEEN),
        "exposure": by_examination(log, places, SEEN, exposure),
    }
    for one in weights.values():
        for replay in (inverse_propensity(log, one), self_normalised(log, one)):
            assert replay.value == pytest.approx(TRUTH) and replay.low - 1e-9 <= TRUTH <= replay.high + 1e-9
        wrong = np.full(len(places), 0.37)  # a model that knows nothing does no harm where weights are right …
        looked = SEEN[log.position - 1] * wrong, SEEN[places - 1] * wrong
        assert doubly_robust(log, one, *looked).value == pytest.approx(TRUTH)
    right = SEEN[log.position - 1] * APPEAL[rank], SEEN[places - 1] * APPEAL[rank]
    useless = Weights(np.full(len(places), 0.2), np.ones(len(places)), places, np.ones(SIZE))
    assert doubly_robust(log, useless, *right).value == pytest.approx(TRUTH)  # … and the other way round
    one_swap = np.array([2, 1, 3, 4])[rank]
    truth = float(SEEN[np.array([2, 1, 3, 4]) - 1] @ APPEAL)
    assert inverse_propensity(log, by_list(log, one_swap, whole)).value == pytest.approx(truth)
    with pytest.raises(ExperimentDataError, match="no list"):  # two swaps at once are never shown
        self_normalised(log, by_list(log, places, whole))


def test_the_logger_itself_is_worth_what_was_clicked() -> None:
    log, places, _, _ = every_list()
    weights = by_examination(log, log.position, SEEN)
    replay = inverse_propensity(log, weights)
    assert replay.value == pytest.approx(log.clicks.sum() / log.lists)
    assert replay.effective_size == pytest.approx(len(log.clicks))
    exact = by_place(log, places)
    assert inverse_propensity(log, exact, clip=2.0).value < inverse_propensity(log, exact).value


def test_bad_logs_are_refused() -> None:
    good = pack([LoggedList("ab", [0.5, 0.5], [1, 0]), LoggedList("ab", [0.5, 0.5], [0, 0])])
    for lists in (
        [],
        [LoggedList("", [], [])],
        [LoggedList("ab", [0.5], [1, 0])],
        [LoggedList("a", [0.0], [1])],
        [LoggedList("a", [math.nan], [1])],
        [LoggedList("a", [1.0], [math.nan])],
    ):
        with pytest.raises(ExperimentDataError):
            pack(lists)
    with pytest.raises(ExperimentDataError, match="one after the other"):
        checked_log(LoggedLists(good.number[::-1], good.position, good.propensity, good.clicks))
    for target in ([1, 2, 1], [0, 0, 0, 0], [-1, 1, 1, 2]):
        with pytest.raises(ExperimentDataError):
            by_place(good, target)
    for examination in ([1.0], [1.0, 0.0]):
        with pytest.raises(ExperimentDataError):
            by_examination(good, good.position, examination)
    with pytest.raises(ExperimentDataError, match="at place 1"):
        self_normalised(good, by_place(good, [3, 2, 3, 2]))
    with pytest.raises(ExperimentDataError, match="one list"):
        inverse_propensity(pack([LoggedList("a", [1.0], [1])]), by_place(pack([LoggedList("a", [1.0], [1])]), [1]))


@pytest.mark.parametrize("groups", [3, 2_000], ids=["few large groups", "many small groups"])
def test_the_examination_is_harvested_with_its_error(groups: int) -> None:
    generator, rounds = np.random.default_rng(1), 60
    true, logs = np.array([1.0, 0.6, 0.4, 0.1]), []
    appeal = generator.uniform(0.05, 0.2, groups)
    for _ in range(rounds):
        group, position = generator.integers(0, groups, 8_000), generator.integers(1, 5, 8_000)
        clicks = generator.random(8_000) < true[position - 1] * appeal[group]
        logs.append(harvest(group, position, clicks))
    found = np.log(np.stack([one.examination for one in logs]))
    error = np.stack([one.log_error for one in logs]).mean(0)
    assert np.abs(found.mean(0) - np.log(true)).max() < 4 * found.std(0).max() / math.sqrt(rounds) + 0.02
    np.testing.assert_allclose(error[1:], found.std(0)[1:], rtol=0.35)
    low, high = logs[0].interval()
    assert np.all(low <= logs[0].examination) and np.all(logs[0].examination <= high) and low[0] == high[0] == 1


def test_what_cannot_be_harvested_is_refused() -> None:
    with pytest.raises(ExperimentDataError, match="place 2 has no clicks"):
        harvest([1, 1], [1, 2], [1, 0])
    with pytest.raises(ExperimentDataError, match="cannot be compared"):
        harvest([1, 1, 2, 2], [1, 1, 2, 2], [1, 0, 1, 0])  # each place had a group of its own
    for clicks in ([1.0], [math.nan, 1.0], [-1.0, 1.0]):
        with pytest.raises(ExperimentDataError):
            harvest([1, 1], [1, 2], clicks)
    assert harvest([1, 1], [1, 1], [1, 0]).examination.tolist() == [1.0]


def test_the_jackknife_takes_out_bias_and_knows_the_error() -> None:
    generator, found = np.random.default_rng(3), []
    for _ in range(300):  # (mean)² is too large by variance / n
        values = generator.normal(1, 2, 200)
        full = Replay(float(values.mean()) ** 2, 0, 0, 7)
        found.append(jackknife(full, [float(np.delete(values, slice(at, None, 20)).mean()) ** 2 for at in range(20)]))
    assert np.mean([one.value for one in found]) == pytest.approx(1, abs=4 * 0.28 / math.sqrt(300))
    assert np.mean([one.low <= 1 <= one.high for one in found]) > 0.9 and found[0].effective_size == 7
    log, _, _, _ = every_list()
    parts = [log.only(kept) for kept in leave_out(log, 5)]
    assert [part.lists for part in parts] == [8] * 5 and sum(len(one.clicks) for one in parts) == 4 * len(log.clicks)
    np.testing.assert_array_equal(parts[0].number, np.repeat(np.arange(8), SIZE))
    with pytest.raises(ValueError, match="folds"):
        leave_out(log, 11)
    with pytest.raises(ValueError, match="jackknife"):
        jackknife(found[0], [1.0])


def test_reward_models_predict_what_they_were_fitted_on() -> None:
    log, places, rank, _ = every_list()
    number, position = np.repeat(np.arange(log.lists * 200), SIZE), np.tile(log.position, 200)
    many = LoggedLists(number, position, np.tile(log.propensity, 200), np.tile(log.clicks, 200))
    bins, targets = np.tile(rank, 200), np.tile(places, 200)
    shown, wanted = fit_rates(many, bins, targets)
    assert np.abs(shown - many.clicks).max() < 0.05
    shown, wanted = fit_appeal(many, bins, targets, SEEN)
    assert np.abs(shown - many.clicks).max() < 0.02
    assert np.abs(wanted - SEEN[targets - 1] * APPEAL[bins]).max() < 0.02
    assert score_bins([3.0, 1.0, 2.0, 2.0], 2).tolist() == [1, 0, 1, 1]
    with pytest.raises(ExperimentDataError):
        score_bins([math.nan])


def test_ten_rankers_are_valued_from_one_simulated_log() -> None:
    found = value_all(draw_log(lists=20_000, share=0.5, eta=1.0, seed=1), 0.5, ["SNIPS, by examination"])
    error = {name: np.mean([abs(one.value - truth) / truth for truth, one in valued]) for name, valued in found.items()}
    hits = {name: within(valued) for name, valued in found.items()}
    assert hits.pop("SNIPS, by examination") >= 9 > max(hits.values()), hits
    assert error["SNIPS, by examination"] < 0.05 < error["naive 1: rates where it agrees"]
