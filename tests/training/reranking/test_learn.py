"""Learning from a log whose order was biased, judged by a truth that the log does not hold."""

from collections.abc import Callable

import numpy as np
import pytest

from core.personalization.features import FEATURES
from core.personalization.score import Formula
from data_generation.click_simulator import (
    ClickModel,
    FloatArray,
    SimulatedLists,
    draw_lists,
    make_world,
    simulate_clicks,
)
from database.repositories.taste_lists import TasteList
from tests.training.reranking.simulated import bad, good, learnt_ndcg, shown_ndcg, table_of
from training.reranking.learn import fit, learn, measured, of_each
from training.reranking.lists import TasteTable, examination, packed

REACH = 0.3


def log_of(final: Callable[[FloatArray], FloatArray], count: int = 4_000) -> tuple[TasteTable, SimulatedLists]:
    """What is learnt from, and lists to judge by."""
    world = make_world(20, shoppers=600)
    lists = draw_lists(world, count, 21, final, REACH)
    table = table_of(lists, simulate_clicks(lists.appeal, ClickModel(eta=1.0), 22))
    return table, draw_lists(world, 800, 23, final, REACH)


@pytest.fixture(scope="module")
def biased() -> tuple[TasteTable, SimulatedLists]:
    return log_of(bad)


def test_a_biased_log_teaches_the_truth_once_the_bias_is_out(biased: tuple[TasteTable, SimulatedLists]) -> None:
    table, judged = biased
    seen = examination(table, of_each(table, bad))
    shown = shown_ndcg(judged)
    as_clicked = learnt_ndcg(judged, fit(table.followed(), None, 0))
    debiased = learnt_ndcg(judged, fit(table.followed(), seen, 0))
    assert debiased > as_clicked + 0.03
    assert debiased > shown + 0.1


def test_a_good_order_is_not_spoilt() -> None:
    table, judged = log_of(good)
    seen = examination(table, of_each(table, good))
    as_clicked = learnt_ndcg(judged, fit(table.followed(), None, 0))
    assert learnt_ndcg(judged, fit(table.followed(), seen, 0)) > as_clicked - 0.02


def test_held_out_shoppers_are_ordered_better(biased: tuple[TasteTable, SimulatedLists]) -> None:
    table, _ = biased
    seen = examination(table, of_each(table, bad))
    learning, held_out = table.followed().split(0.3, 5)
    reranker = fit(learning, seen, 0)
    figures = measured(held_out, seen, reranker.final, {"default": bad}, REACH)
    assert figures["nDCG gain, low"] > 0.02 and figures["MRR gain, low"] > 0
    assert figures["nDCG learned"] > figures["nDCG shown"]
    same = measured(held_out, seen, bad, {"default": bad}, REACH)
    assert same["nDCG gain, low"] == pytest.approx(0, abs=1e-3) == same["nDCG gain, high"]  # as it was shown


def test_the_same_seed_gives_the_same_trees_of_sane_size(biased: tuple[TasteTable, SimulatedLists]) -> None:
    followed = biased[0].followed().take(range(600))
    one, again = (fit(followed, np.full(50, 0.5), 3) for _ in range(2))
    assert one.booster.model_to_string() == again.booster.model_to_string()
    assert 1 <= one.booster.num_trees() <= 150
    assert all(tree["num_leaves"] <= 31 for tree in one.booster.dump_model()["tree_info"])
    assert one.features == FEATURES


def test_learning_reports_what_it_found(biased: tuple[TasteTable, SimulatedLists]) -> None:
    notes: list[str] = []

    def update(share: float, note: str) -> None:
        notes.append(note)

    learnt = learn(biased[0], Formula(), 0, update)
    assert notes[-1] == "held-out shoppers"
    assert 0 < learnt.figures["looked at, rank 10"] < 0.3
    assert learnt.figures["held-out clicks"] > 100 and learnt.seen[0] == 1
    assert learnt.pays == (learnt.figures["nDCG gain, low"] > 0)


def test_too_little_is_refused(biased: tuple[TasteTable, SimulatedLists]) -> None:
    few = biased[0].followed().take(range(30))
    with pytest.raises(ValueError, match=r"30 lists .* with a click are too few .* 500 needed"):
        learn(few, Formula(), 0, lambda share, note: None)
    with pytest.raises(ValueError, match="nothing was clicked"):
        fit(packed([by_hand([0, 0], "s")]), None, 0)
    learned = packed([by_hand([0, 2], "s", arm="learned")])
    with pytest.raises(ValueError, match="nothing can be measured"):
        measured(learned, None, lambda table: table[:, 0], {"learned": None}, 0.1)


def test_the_measures_by_hand() -> None:
    """Two shoppers: the clicked one moves from rank 2 to 1, or stays where it cannot be reached."""
    near, far = by_hand([0, 2], "near", scores=[0.5, 0.45]), by_hand([0, 2], "far", scores=[0.9, 0.5])
    learned = lambda table: table[:, 0]  # noqa: E731
    fixed = lambda table: np.zeros(len(table), np.float32)  # noqa: E731
    unknown = by_hand([0, 2], "somebody", arm="other")
    arms = {"default": fixed, "other": None}
    figures = measured(packed([near, far, unknown]), np.array([1.0, 0.5]), learned, arms, 0.1)
    assert (figures["MRR shown"], figures["MRR learned"]) == pytest.approx((0.5, 0.75))
    second = 1 / np.log2(3)
    assert (figures["nDCG shown"], figures["nDCG learned"]) == pytest.approx((second, (1 + second) / 2))
    assert figures["held-out shoppers"] == figures["held-out lists"] == figures["held-out clicks"] == 2


def by_hand(liked: list[float], shopper: str, scores: list[float] | None = None, arm: str = "default") -> TasteList:
    """Two products; the second has the better first feature."""
    features = np.zeros((2, len(FEATURES)), np.float32)
    features[1, 0] = 1
    shown = np.array(scores or [0.5, 0.4], np.float32)
    return TasteList(
        "r", "q", shopper, arm, ("a", "b"), np.array([1, 2], np.int32), shown, np.array(liked, np.float32), features
    )
