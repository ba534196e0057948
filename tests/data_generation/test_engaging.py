"""What follows a click, and what is bought on a later day: shares and times computed by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_generation.cast import DAY, HOUR, Cast
from data_generation.engaging import (
    CART,
    CLICK,
    PURCHASE,
    WISHLIST,
    Engagements,
    Later,
    bought_again,
    bought_later,
    engage,
)
from data_generation.personas import Persona
from data_generation.world import FloatArray, IntArray
from tests.data_generation.toy_world import START, behavior, persona, toy_cast, toy_world

VIEW, REVIEW = 0, 1
CLICKS = 10_000
USUAL = 1 / 2.2  # appeal at which a chain is followed as it stands
NOWHERE = (0.0,) * 5
BUYS = ((0, 0, 0, 1.0, 0), NOWHERE, NOWHERE, (0, 0, 0, 0, 1.0), NOWHERE)
WANDERS = ((0.3, 0.3, 0.1, 0.1, 0), (0.2, 0, 0, 0.2, 0), (0, 0, 0, 0.3, 0), (0, 0, 0, 0, 0.5), NOWHERE)
Chain = Sequence[Sequence[float]]


def cast_with(chain: Chain = (NOWHERE,) * 5, days: int = 1_000, who: Persona | None = None, **changes: float) -> Cast:
    world = toy_world(kinds=2, each=12, period_days=(0.0, 5.0))  # lamps 0 to 11 last, lamps 12 to 23 are used up
    return toy_cast(world, who or persona(), behavior(chain=chain, **changes), days)


def engaged(chain: Chain, appeal: float, count: int = CLICKS, clicks: int = 1) -> tuple[Engagements, FloatArray]:
    """`clicks` clicks in each of `count` searches, all of which begin at START."""
    total = count * clicks
    return engage(
        cast_with(chain),
        behavior=np.zeros(total, np.int64),
        search=np.repeat(np.arange(count), clicks),
        product=np.arange(total) % clicks,
        rank=np.arange(total) % clicks + 1,
        appeal=np.full(total, appeal),
        begins=np.full(count, START),
        generator=np.random.default_rng(2),
    )


def actions(done: Engagements) -> list[list[int]]:
    """Of each search with one click."""
    return [part.tolist() for part in np.split(done.action, np.flatnonzero(np.diff(done.search)) + 1)]


def test_a_chain_that_ends_at_once_is_a_click_and_a_view() -> None:
    done, _ = engaged((NOWHERE,) * 5, USUAL)
    assert actions(done) == [[CLICK, VIEW]] * CLICKS


def test_a_chain_goes_on_by_its_table_and_always_may_end() -> None:
    done, _ = engaged(BUYS, USUAL)
    lengths = np.bincount([len(one) for one in actions(done)], minlength=5) / CLICKS
    assert lengths == pytest.approx([0, 0, 0.03, 0.97 * 0.03, 0.97 * 0.97], abs=0.01)  # 3 in 100 leave anyhow
    assert [CLICK, VIEW, CART, PURCHASE] in actions(done)
    assert {tuple(one) for one in actions(done)} <= {(CLICK, VIEW, CART, PURCHASE)[:length] for length in (2, 3, 4)}


@pytest.mark.parametrize(("appeal", "times"), [(0.99, 1.5), (USUAL, 1.0), (0.01, 0.35)])
def test_what_suits_more_goes_to_the_cart_more_often(appeal: float, times: float) -> None:
    done, _ = engaged(((0, 0.2, 0, 0.2, 0), NOWHERE, NOWHERE, NOWHERE, NOWHERE), appeal)
    assert (done.action == CART).sum() / CLICKS == pytest.approx(0.2 * times, abs=0.015)
    assert (done.action == REVIEW).sum() / CLICKS == pytest.approx(0.2, abs=0.015)  # reading does not depend on it


def test_a_purchase_follows_the_cart_directly() -> None:
    done, _ = engaged(WANDERS, USUAL, clicks=3)
    bought = np.flatnonzero(done.action == PURCHASE)
    assert len(bought) > 500
    assert (done.action[bought - 1] == CART).all()
    assert np.array_equal(done.product[bought - 1], done.product[bought])


def test_products_of_a_search_come_one_after_the_other() -> None:
    done, spent = engaged(WANDERS, USUAL, 2_000, clicks=3)
    for number in range(0, 2_000, 50):
        of_search = done.search == number
        at, seconds = done.at[of_search], done.seconds[of_search]
        assert at[0] == pytest.approx(START, abs=1e-3)
        assert np.allclose(at[1:], at[:-1] + seconds[:-1], rtol=0, atol=1e-3)
        assert spent[number] == pytest.approx(seconds.sum())
        assert done.rank[of_search][done.action[of_search] == CLICK].tolist() == [1, 2, 3]
    follows = np.flatnonzero(done.action == CLICK) + 1
    assert (done.action[follows] == VIEW).all()
    assert not done.rank[done.action != CLICK].any()


def test_pages_are_looked_at_for_their_median_and_a_click_takes_no_time() -> None:
    done, _ = engaged(WANDERS, USUAL, clicks=2)
    assert not done.seconds[done.action == CLICK].any()
    for action, seconds in enumerate((10, 20, 30, 40, 50)):
        of_action = done.seconds[done.action == action]
        assert of_action.min() > 0
        assert np.median(of_action) == pytest.approx(seconds, rel=0.12)


def test_nobody_clicks_and_nothing_follows() -> None:
    nothing = np.zeros(0, np.int64)
    done, spent = engage(
        cast_with(WANDERS),
        behavior=nothing,
        search=nothing,
        product=nothing,
        rank=nothing,
        appeal=np.zeros(0),
        begins=np.full(3, START),
        generator=np.random.default_rng(1),
    )
    assert len(done.action) == 0 and spent.tolist() == [0, 0, 0]


def nobody(searches: int) -> tuple[IntArray, IntArray]:
    """Persona and behaviour of each search: there is one of either."""
    return np.zeros(searches, np.int64), np.zeros(searches, np.int64)


def put_aside(*rows: tuple[int, int, int]) -> Engagements:
    """`(search, action, product)`, one a minute."""
    search, action, product = (np.array(column) for column in zip(*rows, strict=True))
    at = np.asarray(START + 60.0 * np.arange(len(rows)), np.float64)
    return Engagements(search, action, product, np.zeros(len(rows), np.int64), at, np.ones(len(rows)))


def test_what_is_put_aside_is_bought_later_once_unless_it_was_bought_at_once() -> None:
    done = put_aside(
        (0, VIEW, 3),
        (0, WISHLIST, 3),
        (0, CART, 3),  # aside twice, bought once
        (0, CART, 4),
        (0, PURCHASE, 4),  # bought at once
        (1, CART, 4),  # another search: aside again
        (1, REVIEW, 5),  # only read about
        (2, WISHLIST, 23),
    )
    later = bought_later(cast_with(returns=1.0), done, *nobody(3), np.random.default_rng(3))
    assert sorted(zip(later.search.tolist(), later.product.tolist(), strict=True)) == [(0, 3), (1, 4), (2, 23)]
    aside = {(0, 3): START + 60, (1, 4): START + 300, (2, 23): START + 420}
    for search, product, at in zip(later.search.tolist(), later.product.tolist(), later.at.tolist(), strict=True):
        assert aside[search, product] < at < START + 1_000 * DAY
    never = bought_later(cast_with(returns=0.0), done, *nobody(3), np.random.default_rng(3))
    assert len(never.at) == 0


def test_as_many_come_back_as_the_behaviour_says_and_about_when() -> None:
    done = put_aside(*((number, WISHLIST, 3) for number in range(CLICKS)))
    cast = cast_with(returns=0.3, return_days=4.0)
    later = bought_later(cast, done, *nobody(CLICKS), np.random.default_rng(4))
    assert len(later.at) / CLICKS == pytest.approx(0.3, abs=0.02)
    assert np.median(later.at - done.at[later.search]) / DAY == pytest.approx(4, rel=0.1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32))
def test_nothing_is_bought_after_the_window(days: int, seed: int) -> None:
    cast = cast_with(days=days, returns=1.0, return_days=10.0, repeat=0.9)
    done = put_aside(*((number, CART, 12 + number % 12) for number in range(50)))
    generator = np.random.default_rng(seed)
    later = bought_later(cast, done, *nobody(50), generator)
    again = bought_again(cast, later, *nobody(50), generator)
    assert (later.at < cast.window.end).all() and (again.at < cast.window.end).all()


def bought(product: int, count: int = CLICKS) -> Later:
    return Later(np.arange(count), np.full(count, product), np.full(count, START))


def test_what_lasts_is_not_bought_again() -> None:
    generator = np.random.default_rng(5)
    cast = cast_with(repeat=0.9)
    assert len(bought_again(cast, bought(11), *nobody(CLICKS), generator).at) == 0
    assert len(bought_again(cast, bought(12), *nobody(CLICKS), generator).at) > CLICKS


def test_what_is_used_up_is_bought_again_and_again_after_its_period() -> None:
    cast = cast_with(repeat=0.5)
    again = bought_again(cast, bought(12), *nobody(CLICKS), np.random.default_rng(6))
    times = np.bincount(again.search, minlength=CLICKS)
    # One half buys again, half of them once more, …
    assert np.bincount(times)[:4] / CLICKS == pytest.approx([1 / 2, 1 / 4, 1 / 8, 1 / 16], abs=0.02)
    order = np.lexsort((again.at, again.search))
    first = np.flatnonzero(np.diff(again.search[order], prepend=-1))
    gaps = np.diff(again.at[order], prepend=START)
    gaps[first] = again.at[order][first] - START
    assert gaps.min() > 0.5 * DAY - 1
    assert np.median(gaps) / DAY == pytest.approx(5, rel=0.05)
    assert set(again.product.tolist()) == {12}


def test_who_never_buys_again_does_not() -> None:
    again = bought_again(cast_with(repeat=0.0), bought(12), *nobody(CLICKS), np.random.default_rng(7))
    assert len(again.at) == len(again.search) == len(again.product) == 0


def test_what_is_bought_later_or_again_is_bought_at_the_hours_of_its_shoppers() -> None:
    evenings = persona(hours=tuple(float(hour in (19, 22)) for hour in range(24)))
    cast = cast_with(who=evenings, returns=1.0, return_days=4.0, repeat=0.5)
    done = put_aside(*((number, CART, 12) for number in range(CLICKS)))
    later = bought_later(cast, done, *nobody(CLICKS), np.random.default_rng(8))
    again = bought_again(cast, later, *nobody(CLICKS), np.random.default_rng(9))
    for some in (later, again):
        hours = ((some.at - cast.window.start) % DAY // HOUR).astype(int)
        assert set(hours.tolist()) == {19, 22}
        assert (hours == 19).mean() == pytest.approx(0.5, abs=0.02)
    assert (later.at > done.at[later.search]).all()
