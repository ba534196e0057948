"""The simulated shoppers do what their truth says, and their lists come back from the log as they were shown."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import ACTION_WEIGHTS, Action
from core.personalization.features import FEATURES, PLACE
from data_generation.click_simulator import (
    TASTE,
    ClickModel,
    FloatArray,
    SimulatedLists,
    World,
    draw_lists,
    make_world,
    records,
    simulate_clicks,
)
from database.connection import Database
from database.repositories.events import insert_new
from database.repositories.lists import insert_lists
from database.repositories.taste_lists import TasteLog

START = datetime(2026, 11, 1, tzinfo=UTC)


def own(features: FloatArray) -> FloatArray:
    """An order that only knows what the shopper dealt with before."""
    return features[:, PLACE["own_season"]]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(seed=1)


@pytest.fixture(scope="module")
def lists(world: World) -> SimulatedLists:
    return draw_lists(world, 5_000, 2, own)


@pytest.mark.parametrize("eta", [0.0, 0.7, 1.5])
def test_clicks_follow_the_rank_and_the_appeal(lists: SimulatedLists, eta: float) -> None:
    model = ClickModel(eta)
    clicked = simulate_clicks(lists.appeal, model, 3).clicked
    seen = model.seen(np.arange(1, 21))
    expected = seen * lists.appeal.mean(0)
    error = np.sqrt(expected / len(clicked))
    assert np.all(np.abs(clicked.mean(0) - expected) < 4 * error)
    assert seen[0] == 1 and np.all(np.diff(seen) <= 0)


def test_what_is_bought_was_clicked_and_appeals(lists: SimulatedLists) -> None:
    clicks = simulate_clicks(lists.appeal, ClickModel(0.5, cart=0.8), 4)
    assert clicks.clicked.sum() > clicks.carted.sum() > clicks.bought.sum() > 0
    means = [lists.appeal[done].mean() for done in (clicks.clicked, clicks.carted)]
    assert lists.appeal.mean() < means[0] < means[1]
    assert clicks.bought.sum() / clicks.carted.sum() == pytest.approx(0.5, abs=0.06)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 1_000),
    st.floats(0, 3),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 30),
    st.integers(1, 12),
)
def test_clicks_nest_repeat_and_grow(
    seed: int, eta: float, cart: float, purchase: float, size: int, count: int
) -> None:
    model = ClickModel(eta, cart, purchase)
    appeal = np.random.default_rng(seed).random((count, size)).astype(np.float32)
    clicks, again = simulate_clicks(appeal, model, seed), simulate_clicks(appeal, model, seed)
    assert np.array_equal(clicks.bought, again.bought) and np.array_equal(clicks.clicked, again.clicked)
    assert not np.any(clicks.bought & ~clicks.carted) and not np.any(clicks.carted & ~clicks.clicked)
    more = simulate_clicks(np.minimum(appeal + 0.2, 1).astype(np.float32), model, seed)
    assert not np.any(clicks.clicked & ~more.clicked)  # with the same chances, what appeals more loses no click


def test_lists_are_ordered_by_their_score_and_the_truth_can_be_computed(world: World, lists: SimulatedLists) -> None:
    assert np.all(np.diff(lists.score, axis=1) <= 0)
    np.testing.assert_array_equal(np.sort(lists.product, 1), np.sort(world.pool[lists.query], 1))
    np.testing.assert_allclose(lists.score, lists.base + 0.1 * lists.features[..., PLACE["own_season"]], atol=1e-6)
    at, rank = 7, 3
    place = int(np.flatnonzero(world.pool[lists.query[at]] == lists.product[at, rank])[0])
    relevance = (world.relevance[lists.query[at], place] - world.relevance.mean()) / np.ptp(world.relevance)
    taste = sum(weight * lists.features[at, rank, PLACE[name]] for name, weight in TASTE.items())
    odds = world.level + world.relevance_weight * relevance + taste
    assert lists.appeal[at, rank] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-5)
    again, other = draw_lists(world, 50, 2, own), draw_lists(world, 50, 3, own)
    np.testing.assert_array_equal(again.product, draw_lists(world, 50, 2, own).product)
    assert not np.array_equal(again.query, other.query)


def test_where_taste_is_nothing_shoppers_agree(world: World) -> None:
    alike = draw_lists(replace(world, taste={}), 400, 5, own, reach=0)
    by_pair: dict[tuple[int, int], set[float]] = {}
    for query, products, appeals in zip(alike.query, alike.product, alike.appeal, strict=True):
        for product, appeal in zip(products, appeals, strict=True):
            by_pair.setdefault((int(query), int(product)), set()).add(round(float(appeal), 5))
    assert {len(appeals) for appeals in by_pair.values()} == {1}


@pytest.mark.anyio
async def test_records_come_back_from_the_log_as_they_were(world: World, database: Database) -> None:
    shown = draw_lists(world, 60, 6, own)
    clicks = simulate_clicks(shown.appeal, ClickModel(0.3, cart=0.9), 7)
    names = [f"P{number}" for number in range(400)]
    logged = list(records(shown, clicks, names, START, "v1"))
    await database.commit(lambda connection: insert_lists(connection, [one for one, _ in logged]))
    events = [event for _, some in logged for event in some]
    assert len({event.event_id for event in events}) == len(events) > 0
    await database.commit(lambda connection: insert_new(connection, events, START))
    read = await database.read(lambda connection: list(TasteLog(connection, 1_000)))
    assert [one.request_id for one in read] == [one.request_id for one, _ in logged]
    for at, one in enumerate(read):
        assert one.items == tuple(names[product] for product in shown.product[at])
        assert one.shopper == f"sim-shopper-{shown.shopper[at]}" and one.query == f"simulated query {shown.query[at]}"
        np.testing.assert_array_equal(one.ranks, np.arange(1, 21))
        np.testing.assert_allclose(one.features, shown.features[at], atol=6e-5)
        np.testing.assert_allclose(one.scores, shown.score[at], atol=1e-6)
        expected = np.select(
            [clicks.bought[at], clicks.carted[at], clicks.clicked[at]],
            [ACTION_WEIGHTS[action] for action in (Action.PURCHASE, Action.ADD_TO_CART, Action.CLICK)],
        )
        np.testing.assert_array_equal(one.liked, expected)
    assert read[0].features.shape == (20, len(FEATURES))


def test_a_pool_cannot_be_larger_than_the_shop() -> None:
    with pytest.raises(ValueError, match="5 products are too few for pools of 20"):
        make_world(0, products=5)
