"""Visits as rounds of searches, in a shop that can be computed by hand."""

from itertools import pairwise

import numpy as np
import pytest

from data_generation.cast import DAY, Cast
from data_generation.engaging import CLICK
from data_generation.searching import IN_MIND, SAME_KIND, Shopping, shop
from data_generation.shoppers import draw_shoppers, draw_visits
from data_generation.world import FloatArray, World
from tests.data_generation.toy_world import QUERIES, START, behavior, persona, toy_cast, toy_world

VISITS = 4_000
WORDS = [set(query.split()) for query in QUERIES]


@pytest.fixture(scope="module")
def world() -> World:
    return toy_world()


def shopping(cast: Cast, visits: int = VISITS) -> Shopping:
    generator = np.random.default_rng(5)
    shoppers = draw_shoppers(cast, 0, 500, generator)
    return shop(cast, shoppers, draw_visits(cast, shoppers, visits, generator), generator)


def by_visit(shopping: Shopping) -> dict[int, list[int]]:
    """The numbers of each visit's searches, in their order."""
    found: dict[int, list[int]] = {}
    for number, visit in enumerate(shopping.searches.visit.tolist()):
        found.setdefault(visit, []).append(number)
    return found


def test_who_neither_refines_nor_goes_on_searches_once(world: World) -> None:
    searches = shopping(toy_cast(world, persona(), behavior())).searches
    assert sorted(searches.visit.tolist()) == list(range(VISITS))
    assert not searches.mistyped.any() and not searches.taken_after.any()
    assert (searches.pattern == -1).all() and (searches.clicked == -1).all()


def test_who_always_goes_on_searches_eight_times(world: World) -> None:
    searches = shopping(toy_cast(world, persona(), behavior(another=1.0)), 200).searches
    assert np.bincount(searches.visit).tolist() == [8] * 200


def test_a_visit_ends_with_the_window(world: World) -> None:
    cast = toy_cast(world, persona(), behavior(another=1.0), days=1)
    searches = shopping(cast).searches
    assert (searches.typed_at < cast.window.end).all()
    assert 0 < (np.bincount(searches.visit, minlength=VISITS) < 8).sum() < VISITS / 10


def test_every_query_is_worded_as_often_as_its_weight_says(world: World) -> None:
    searches = shopping(toy_cast(world, persona(), behavior())).searches
    assert np.bincount(searches.query) / VISITS == pytest.approx(np.full(3, 1 / 3), abs=0.03)
    # Log odds of 1 for each further word: shares of 1, e and e².
    wordy = np.bincount(shopping(toy_cast(world, persona(wordiness=1.0), behavior())).searches.query) / VISITS
    assert wordy == pytest.approx(np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), abs=0.03)
    long = np.bincount(shopping(toy_cast(world, persona(length=-0.2), behavior())).searches.query) / VISITS
    odds = np.exp([-0.2 * len(text) for text in QUERIES])
    assert long == pytest.approx(odds / odds.sum(), abs=0.03)


def test_a_refined_query_has_all_words_of_the_one_before_and_more(world: World) -> None:
    found = shopping(toy_cast(world, persona(), behavior(refine=1.0)))
    steps = [pair for numbers in by_visit(found).values() for pair in pairwise(found.searches.query[numbers].tolist())]
    assert len(steps) > VISITS / 2
    assert all(WORDS[one] < WORDS[other] for one, other in steps)


def test_who_has_clicked_refines_less(world: World) -> None:
    rates = []
    for click in (-20.0, 20.0):
        found = shopping(toy_cast(world, persona(), behavior(refine=0.8, click=click, eta=0.0)))
        rates.append(len(found.searches.query) / VISITS - 1)
    assert rates[1] == pytest.approx(0.35 * rates[0], rel=0.3)


def test_a_mistyped_query_is_typed_again_by_a_third(world: World) -> None:
    found = shopping(toy_cast(world, persona(typo_share=1.0), behavior()))
    searches = found.searches
    visits = by_visit(found)
    assert all(searches.mistyped[numbers[0]] for numbers in visits.values())
    again = [numbers for numbers in visits.values() if len(numbers) > 1]
    assert len(again) / VISITS == pytest.approx(0.35, abs=0.03)
    for first, second, *more in again:
        assert searches.query[first] == searches.query[second]
        assert not searches.mistyped[second] and searches.pattern[second] == -1 and not more


def test_words_of_a_persona_are_typed_to_the_end_and_only_where_it_shops() -> None:
    world = toy_world(departments=("Home", "Toys"))
    who = persona(vocabulary=("cheap {query}", "{query} deals"), vocabulary_share=1.0, typo_share=1.0, own=0.5)
    searches = shopping(toy_cast(world, who, behavior(suggestion=1.0))).searches
    said = searches.pattern >= 0
    assert said.mean() == pytest.approx(0.75, abs=0.06)  # own half at home, of the other half as much again
    assert np.bincount(searches.pattern[said]) / said.sum() == pytest.approx([0.5, 0.5], abs=0.05)
    assert not searches.mistyped[said].any() and not searches.taken_after[said].any()
    assert searches.taken_after[~said].any()


def test_a_suggestion_is_taken_as_often_as_the_keys_before_it_allow(world: World) -> None:
    searches = shopping(toy_cast(world, persona(), behavior(suggestion=1.0, eta=1.0)), 12_000).searches
    lamp = searches.taken_after[searches.query == 0]
    # 0.16 after each key, in proportion below four: 0.04, 0.08, 0.12 after one, two, three letters of "lamp".
    expected = np.array([0.96 * 0.92 * 0.88, 0.04, 0.96 * 0.08, 0.96 * 0.92 * 0.12])
    assert np.bincount(lamp) / len(lamp) == pytest.approx(expected, abs=0.02)
    taken = searches.taken_after > 0
    assert (searches.taken_after < world.query_chars[searches.query]).all()
    assert (searches.taken_rank[taken] == 1).all() and not searches.taken_rank[~taken].any()
    assert not searches.mistyped[taken].any()


@pytest.mark.parametrize("eta", [0.3, 1.5])
def test_low_suggestions_are_taken_less_by_the_position_bias(eta: float) -> None:
    world = toy_world()
    world.completion_rank[0] = 0
    world.completion_rank[0, 2] = 8  # after "lam", eighth in the list
    searches = shopping(toy_cast(world, persona(wordiness=-9.0), behavior(suggestion=1.0, eta=eta)), 40_000).searches
    lamp = searches.query == 0
    taken = searches.taken_after[lamp] > 0
    expected = 0.16 * 3 / 4 * 8**-eta
    assert taken.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / lamp.sum()))
    assert set(searches.taken_after[lamp][taken]) == {3} and set(searches.taken_rank[lamp][taken]) == {8}


def rates_by_rank(found: Shopping) -> FloatArray:
    """Clicks at each of the 24 ranks by search."""
    clicks = found.engagements.rank[found.engagements.action == CLICK]
    return np.asarray(np.bincount(clicks, minlength=25)[1:] / len(found.searches.query))


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.5])
def test_clicks_fall_with_the_rank_by_the_position_bias(world: World, eta: float) -> None:
    level = -1.5
    rates = rates_by_rank(shopping(toy_cast(world, persona(), behavior(eta=eta, click=level)), 20_000))
    usual, wanted = (1 / (1 + np.exp(-(level + SAME_KIND + more))) for more in (0, IN_MIND))
    expected = np.arange(1, 25) ** -eta * (23 * usual + wanted) / 24  # each of the lamps is in mind equally often
    assert np.all(np.abs(rates - expected) < 4 * np.sqrt(expected / 20_000))


def test_what_is_not_on_sale_yet_is_not_clicked() -> None:
    middle = START + 500 * DAY
    world = toy_world(arrived=[0.0, middle] * 12)
    found = shopping(toy_cast(world, persona(), behavior(eta=0.0, click=20.0)))
    clicked = found.engagements.product % 2 == 1
    asked = found.searches.at[found.engagements.search]
    assert clicked.sum() > 0 and (asked[clicked] >= middle).all()
    clicks = np.where(found.searches.at >= middle, 24, 12)
    assert np.array_equal(found.searches.clicks, clicks)


def test_a_search_knows_its_first_click_and_their_number(world: World) -> None:
    found = shopping(toy_cast(world, persona(), behavior(eta=0.5, click=-2.0, another=0.5)))
    done = found.engagements
    clicks = done.action == CLICK
    count = np.bincount(done.search[clicks], minlength=len(found.searches.query))
    assert np.array_equal(found.searches.clicks, count)
    assert np.array_equal(found.searches.clicked >= 0, count > 0)
    search, first = np.unique(done.search[clicks], return_index=True)
    assert np.array_equal(found.searches.clicked[search], done.product[clicks][first])
    assert np.array_equal(done.product[clicks], done.rank[clicks] - 1)  # the page is lamp 0, lamp 1, …


def test_the_next_search_begins_when_all_of_the_last_one_is_done(world: World) -> None:
    chain = ((0.3, 0.3, 0.1, 0.1, 0.0), (0.2, 0.0, 0.0, 0.2, 0.0), (0.0,) * 5, (0.0, 0.0, 0.0, 0.0, 0.5), (0.0,) * 5)
    found = shopping(toy_cast(world, persona(), behavior(eta=0.5, click=-1.0, another=0.9, chain=chain)))
    searches, done = found.searches, found.engagements
    assert (searches.at > searches.typed_at).all()
    assert (done.at > searches.at[done.search]).all()
    finished = searches.at.copy()
    np.maximum.at(finished, done.search, done.at + done.seconds)
    steps = [pair for numbers in by_visit(found).values() for pair in pairwise(numbers)]
    assert len(steps) > VISITS
    assert all(searches.typed_at[other] > finished[one] for one, other in steps)
