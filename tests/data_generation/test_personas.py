"""Fourteen personas and five behaviours that hang together with the tables, and draws that stay where they belong."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import Product
from data_generation.build_world import world_of_catalog
from data_generation.calibration import load_calibration
from data_generation.keystrokes import sent_text, states
from data_generation.personas import load_behaviors, load_personas
from data_generation.sampling import RangeSampler, RowSampler, moved, noise, sigmoid
from data_generation.tables import load_types
from data_generation.title_queries import TitleQueries
from data_generation.world import World

SHARES = st.floats(0.01, 100)


def test_personas_name_what_there_is() -> None:
    personas, behaviors, types = load_personas(), load_behaviors(), load_types()
    assert len(personas) == len({one.name for one in personas}) == 14
    assert len(behaviors) == len({one.name for one in behaviors}) == 5
    assert sum(one.share for one in personas) == pytest.approx(1)
    departments = {kind.department for kind in types}
    brands = {brand for kind in types for brand in kind.brands}
    for one in personas:
        assert one.departments.keys() | one.later.keys() <= departments
        assert set(one.brands) <= brands
        assert one.behaviors.keys() <= {behavior.name for behavior in behaviors}
        assert sum(one.behaviors.values()) == pytest.approx(1)
        assert len(one.hours) == 24 and min(one.hours) > 0
        assert all("{query}" in pattern for pattern in one.vocabulary)
        assert 0 <= one.price <= 1 and 0 < one.own < 1 and 0 <= one.typo_share < 0.3
        early, late = (sum(table.values()) for table in (one.departments, one.later))
        moved_weights = [one.departments.get(d, 0) / early - one.later.get(d, 0) / late for d in departments]
        assert max(map(abs, moved_weights)) > 0.02 or one.name in ("beauty fan", "pet owner", "book lover")


def test_every_chain_can_end_and_buys_only_out_of_the_cart() -> None:
    for behavior in load_behaviors():
        table = np.array(behavior.chain)
        assert table.shape == (5, 5) and (table >= 0).all()
        assert (table.sum(axis=1) < 1).all()
        assert (table[[0, 1, 2, 4], 4] == 0).all() and table[3, 4] > 0
        assert min(behavior.dwell_seconds) > 0


@given(st.lists(st.lists(SHARES, min_size=4, max_size=4), min_size=1, max_size=5), st.floats(0, 1, exclude_max=True))
def test_a_draw_stays_in_its_row(table: list[list[float]], uniform: float) -> None:
    rows = np.arange(len(table))
    drawn = RowSampler(np.array(table)).draw(rows, np.full(len(rows), uniform))
    assert ((drawn >= 0) & (drawn < 4)).all()
    for weights, column in zip(table, drawn.tolist(), strict=True):
        below, upto = sum(weights[:column]) / sum(weights), sum(weights[: column + 1]) / sum(weights)
        assert below - 1e-9 <= uniform <= upto + 1e-9


def test_a_row_without_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="sums to nothing"):
        RowSampler(np.array([[1.0, 0.0], [0.0, 0.0]]))


@given(st.lists(SHARES, min_size=1, max_size=30), st.data())
def test_a_draw_stays_in_its_range(weights: list[float], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(weights) - 1))
    stop = data.draw(st.integers(start + 1, len(weights)))
    sampler = RangeSampler(np.array(weights))
    drawn = sampler.draw(np.array([start] * 50), np.array([stop] * 50), np.linspace(0, 1, 50, endpoint=False))
    assert ((drawn >= start) & (drawn < stop)).all()
    assert (np.diff(drawn) >= 0).all()


def test_a_heavier_weight_is_drawn_oftener() -> None:
    uniform = np.random.default_rng(1).random(20_000)
    drawn = RangeSampler(np.array([1.0, 3.0, 6.0])).draw(np.zeros(20_000, int), np.full(20_000, 3), uniform)
    assert np.bincount(drawn) / 20_000 == pytest.approx([0.1, 0.3, 0.6], abs=0.015)


def test_noise_has_an_address() -> None:
    one, other = np.meshgrid(np.arange(300), np.arange(300))
    values = noise(7, one.ravel(), other.ravel())
    assert np.array_equal(values, noise(7, one.ravel(), other.ravel()))
    assert not np.allclose(values, noise(8, one.ravel(), other.ravel()))
    assert values.mean() == pytest.approx(0, abs=0.02) and values.std() == pytest.approx(1, abs=0.02)
    table = values.reshape(300, 300)
    assert abs(np.corrcoef(table[0], table[1])[0, 1]) < 0.2


@given(st.floats(-8, 8), st.floats(-5, 5))
def test_probabilities_move_by_log_odds(odds: float, by: float) -> None:
    assert moved(sigmoid(np.array([odds])), by)[0] == pytest.approx(sigmoid(np.array([odds + by]))[0], abs=1e-9)


@given(st.text("abc dfgr", min_size=1, max_size=20), st.integers(0, 20), st.integers(0, 500))
def test_keystrokes_lead_to_the_text_one_key_at_a_time(text: str, taken: int, seed: int) -> None:
    taken = min(taken, len(text))
    seen = states(random.Random(seed), text, taken, "xylophone stand")
    assert seen[-1] == (text[:taken] if taken else text)
    for before, after in zip(["", *seen], seen, strict=False):
        if len(before) == len(after) == 1:
            continue  # the box was empty in between, which no log holds
        longer, shorter = sorted((before, after), key=len, reverse=True)
        assert len(longer) - len(shorter) == 1 and longer.startswith(shorter)


def test_some_begin_with_something_else_and_some_slip() -> None:
    typed = [states(random.Random(seed), "running shoes", 0, "desk lamp") for seed in range(400)]
    begun = sum(one[0] == "d" for one in typed)
    assert 4 <= begun <= 40
    assert 10 < sum(len(one) > 13 for one in typed) - begun < 120
    wrong = [sent_text(random.Random(seed), "running shoes", mistyped=True) for seed in range(50)]
    assert all(text != "running shoes" for text in wrong[:1]) and len(set(wrong)) > 20
    assert sent_text(random.Random(1), "running shoes", mistyped=False) == "running shoes"


def hose_shop() -> World:
    products = (
        Product("b", "Acme Garden Hose", brand="Acme", category="Garden", price=30.0, rating_count=10_000),
        Product("a", "Bolt Garden Hose", brand="Bolt", category="Garden", price=10.0, rating_count=0),
        Product("c", "Acme Rubber Garden Hose", brand="Acme", category="Garden", price=20.0, rating_count=0),
        Product("d", "Plush Bear", brand="Cuddle", category="Toys"),
    )
    return world_of_catalog(products, 1, load_calibration(), lambda _share, _note: None)


def test_a_small_catalogue_as_a_world_by_hand() -> None:
    world = hose_shop()
    assert world.product_ids == ["a", "b", "c", "d"]
    assert (world.departments, world.kinds) == (["Garden", "Toys"], ["Garden", "Toys"])
    assert world.kind_start.tolist() == [0, 3, 4] and world.department_start.tolist() == [0, 1, 2]
    assert world.price.tolist() == [0.0, 1.0, 0.5, 0.5]
    place = world.queries.index("garden hose")
    assert world.results[place].tolist()[0] == 1  # ten thousand ratings
    assert set(world.results[place].tolist()) == {0, 1, 2, -1}
    assert set(world.results[world.queries.index("rubber garden hose")].tolist()) == {2, -1}
    assert world.query_words[place] == 2 and world.query_chars[place] == 11
    # Both begin with "g": no more than ten queries do, so all are in the list, the commonest first.
    first = sorted(world.completion_rank[at, 0] for at, text in enumerate(world.queries) if text.startswith("g"))
    assert first == list(range(1, len(first) + 1))
    assert world.completion_rank[place, 10] == 0  # nothing is left to complete
    assert (world.period_days == 0).all()
    of_bear = world.offer_query[world.offer_start[3] : world.offer_start[4]]
    assert {world.queries[query] for query in of_bear} >= {"plush bear", "cuddle plush bear", "cuddle"}


def test_titles_are_asked_for_by_what_they_end_with() -> None:
    products = [Product(str(n), f"Acme {kind} Desk Lamp, Black") for n, kind in enumerate(("LED", "Brass", "Clip"))]
    queries = TitleQueries(products)
    assert queries.kind(products[0]) == "desk lamp"
    offers = dict(queries.offers(products[0]))
    assert {"lamp", "desk lamp", "led desk lamp"} <= offers.keys()
    assert offers["desk lamp"] > offers["led desk lamp"] and offers["desk lamp"] > offers["lamp"]
    assert not any("black" in text for text in offers)
    with pytest.raises(ValueError, match="could be searched for"):
        world_of_catalog([Product("1", "12 4")], 1, load_calibration(), lambda _share, _note: None)
