"""Lists for a shopper, on a shop that was really trained: bounded, explained, and as the components say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain import Action, Engagement, SearchHit, SearchQuery, SearchReply, SortOrder, SuggestQuery
from core.errors import NoCatalogError, UnknownProductError
from core.personalization.crowd import Crowd
from core.personalization.keys import Space, key_of
from core.personalization.profile import Profile, folded
from core.personalization.score import COMPONENTS, Formula
from core.personalization.shopper import Shopper
from core.services.bundle import Bundle
from core.services.gathered import Now
from core.services.recommendation import Reason
from core.services.search import SearchService
from core.services.suggest import SuggestService

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
QUERY = "shoes"
ACTIONS = (Action.VIEW, Action.CLICK, Action.ADD_TO_CART, Action.PURCHASE, Action.REMOVE_FROM_CART)
formulas = st.builds(
    Formula,
    weights=st.sampled_from([(0.4, 0.3, 0.2, 0.1), (1.0, 0.0, 0.0, 0.0), (0.25, 0.25, 0.25, 0.25)]),
    reach=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    depth=st.sampled_from([3, 20, 200]),
)
dealings = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(ACTIONS), st.integers(0, 90)), max_size=25)


@pytest.fixture(scope="module")
def search(bundle: Bundle) -> SearchService:
    return SearchService(bundle)


@pytest.fixture(scope="module")
def crowd(bundle: Bundle) -> Crowd:
    """Shoppers who bought ten products each, four of them always the same ten."""
    assert bundle.products is not None
    crowd, ids = Crowd(), list(bundle.products.ids)
    np.random.default_rng(0).shuffle(ids)
    for start in range(0, len(ids), 10):
        for shopper in range(4):
            for number, product in enumerate(ids[start : start + 10]):
                at = NOW.timestamp() - start - number
                crowd.add(4 * start + shopper, key_of(Space.PRODUCT, product), 10.0, at, bought=True)
    return crowd


def profile_of(search: SearchService, found: SearchReply, done: list[tuple[int, Action, int]]) -> Profile:
    """Of a shopper who did this, so many days ago, with the hits at these places."""
    events = []
    for number, (place, action, days) in enumerate(done):
        product = found.hits[place % len(found.hits)].product_id
        at = NOW - timedelta(days=days, minutes=number)
        facts = search.event_facts(product)
        events.append(Engagement(f"e{number}", action, at, session_id="s", item_id=product, facts=facts))
    return folded(events)


def asked(search: SearchService, shopper: Shopper | None, **more: object) -> SearchReply:
    return search.search(SearchQuery(QUERY, limit=100, explain=True, **more), shopper)  # type: ignore[arg-type]


def raw(hit: SearchHit) -> float:
    """What its explanation adds up to."""
    said = hit.explain or {}
    return sum(said.get(name, 0.0) for name in ("relevance", "business", "preference", "rule", "taste"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=dealings, formula=formulas)
def test_what_is_explained_adds_up_to_the_order_shown(
    search: SearchService, crowd: Crowd, done: list[tuple[int, Action, int]], formula: Formula
) -> None:
    plain = asked(search, None)
    shopper = Shopper(profile_of(search, plain, done), crowd, NOW.timestamp(), (), formula)
    reply = asked(search, shopper)
    assert reply.personalized == (bool(done) and formula.depth > 0)
    assert {hit.product_id for hit in reply.hits} == {hit.product_id for hit in plain.hits}
    sums = [raw(hit) for hit in reply.hits]
    for hit, total in zip(reply.hits, sums, strict=True):
        assert hit.score == pytest.approx(min(max(total, 0.0), 1.0), abs=1e-5)
        said = hit.explain or {}
        if all(name in said for name in COMPONENTS):
            final = sum(said[name] * said[f"{name}_weight"] for name in COMPONENTS)
            assert said["final"] == pytest.approx(final, abs=1e-5)
            assert said.get("taste", 0.0) == pytest.approx(formula.reach * final, abs=1e-5)
            assert all(0 <= said[name] <= 1 for name in COMPONENTS)
    assert all(one >= other - 1e-5 for one, other in pairwise(sums))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=dealings, formula=formulas)
def test_nothing_passes_what_is_more_relevant_by_the_reach(
    search: SearchService, crowd: Crowd, done: list[tuple[int, Action, int]], formula: Formula
) -> None:
    plain = asked(search, None)
    base = {hit.product_id: raw(hit) for hit in plain.hits}
    shopper = Shopper(profile_of(search, plain, done), crowd, NOW.timestamp(), (), formula)
    order = [hit.product_id for hit in asked(search, shopper).hits]
    for place, product in enumerate(order):
        for behind in order[place + 1 :]:
            assert base[behind] <= base[product] + formula.reach + 1e-5


@pytest.mark.parametrize("alone", range(4))
def test_one_weight_alone_gives_the_order_of_its_component(search: SearchService, crowd: Crowd, alone: int) -> None:
    """The base scores differ by less than 1, so with a reach of 1,000 taste decides alone."""
    plain = asked(search, None)
    profile = profile_of(search, plain, [(3, Action.PURCHASE, 0), (9, Action.CLICK, 0), (5, Action.PURCHASE, 40)])
    weights = tuple(float(at == alone) for at in range(4))
    formula = Formula(weights, reach=1_000.0)  # type: ignore[arg-type]
    reply = asked(search, Shopper(profile, crowd, NOW.timestamp(), (), formula))
    values = [(hit.explain or {})[COMPONENTS[alone]] for hit in reply.hits]
    assert len(set(values)) > 1
    assert all(one >= other - 1e-3 for one, other in pairwise(values))


def test_other_orders_and_nobody_are_left_alone(search: SearchService, crowd: Crowd) -> None:
    plain = asked(search, None, sort=SortOrder.PRICE_ASC)
    shopper = Shopper(profile_of(search, plain, [(0, Action.PURCHASE, 0)]), crowd, NOW.timestamp())
    assert asked(search, shopper, sort=SortOrder.PRICE_ASC).hits == plain.hits
    nobody = Shopper(Profile(), crowd, NOW.timestamp())
    reply = asked(search, nobody)
    assert not reply.personalized and reply.hits == asked(search, None).hits


def test_later_pages_keep_the_order_that_taste_gave(search: SearchService, crowd: Crowd) -> None:
    plain = search.search(SearchQuery(QUERY, limit=100))
    shopper = Shopper(profile_of(search, plain, [(7, Action.PURCHASE, 0)]), crowd, NOW.timestamp())
    whole = [hit.product_id for hit in search.search(SearchQuery(QUERY, limit=100), shopper).hits]
    first = search.search(SearchQuery(QUERY, limit=5, request_id="r1"), shopper)
    other = Shopper(profile_of(search, plain, [(20, Action.PURCHASE, 0)]), crowd, NOW.timestamp())
    second = search.search(SearchQuery(QUERY, limit=5, offset=5, page_of="r1"), other)
    assert [hit.product_id for hit in (*first.hits, *second.hits)] == whole[:10]


def test_what_a_product_was_ranked_by_goes_into_the_log(search: SearchService, crowd: Crowd) -> None:
    plain = asked(search, None)
    assert all(hit.taste is None for hit in plain.hits)
    shopper = Shopper(profile_of(search, plain, [(7, Action.PURCHASE, 0)]), crowd, NOW.timestamp())
    tasted = [hit.taste for hit in search.search(SearchQuery(QUERY, limit=5), shopper).hits]
    assert all(taste is not None and np.isfinite(taste).all() for taste in tasted)


def test_suggestions_add_up_too(bundle: Bundle, search: SearchService, crowd: Crowd) -> None:
    suggest = SuggestService(bundle)
    liked = search.search(SearchQuery("women boots", limit=5)).hits[0].product_id
    event = Engagement("e1", Action.CLICK, NOW, session_id="s", item_id=liked, facts=search.event_facts(liked))
    said = Engagement("e2", Action.SEARCH, NOW, session_id="s", query="women boots")
    shopper = Shopper(folded([event, said]), crowd, NOW.timestamp())
    gathered = suggest.gather(SuggestQuery("w", explain=True), deadline=float("inf"))
    plain = suggest.finish(gathered, SuggestQuery("w", explain=True), Now(at=NOW))
    reply = suggest.finish(gathered, SuggestQuery("w", explain=True), Now(shopper=shopper, at=NOW))
    assert reply.personalized and not plain.personalized
    compared = []
    for line in reply.suggestions:
        why = line.explain or {}
        assert why["log_score"] == pytest.approx(why["base"] + why["session"] + why["taste"])  # type: ignore[operator]
        compared.append(float(why["probability"]) * float(why["diversity"]))  # type: ignore[arg-type]
        assert all(0 <= float(why[name]) <= 1 for name in COMPONENTS)  # type: ignore[arg-type]
    assert compared == sorted(compared, reverse=True)
    assert any((line.explain or {})["taste"] != 0 for line in reply.suggestions)


def test_recommendations_of_each_reason(bundle: Bundle, search: SearchService, crowd: Crowd) -> None:
    assert bundle.products is not None
    plain = asked(search, None)
    product = plain.hits[0].product_id
    shopper = Shopper(
        profile_of(search, plain, [(0, Action.PURCHASE, 1), (4, Action.CLICK, 0)]), crowd, NOW.timestamp()
    )
    for reason in (Reason.FOR_YOU, Reason.SIMILAR, Reason.BOUGHT_TOGETHER, Reason.TRENDING):
        found = search.recommend(shopper, 10, product, [reason], explain=True)
        assert found and {one.reason for one in found} == {reason}
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
        assert product not in {one.product_id for one in found}
        sold_out = [bundle.products.row_of(one.product_id) for one in found]
        assert all(bundle.products.columns.in_stock[row] != 0 for row in sold_out)
    mixed = search.recommend(shopper, 9, None, [], explain=False)
    assert len({one.product_id for one in mixed}) == len(mixed) == 9
    assert {Reason.FOR_YOU, Reason.TRENDING} <= {one.reason for one in mixed}
    with pytest.raises(UnknownProductError):
        search.recommend(shopper, 5, "nowhere", [], explain=False)


def test_without_a_catalogue_there_is_nothing_to_recommend(bundle: Bundle) -> None:
    alone = SearchService(replace(bundle, products=None, encoder=None))
    with pytest.raises(NoCatalogError):
        alone.recommend(Shopper(Profile(), Crowd(), 0.0), 5, None, [], explain=False)


def test_an_unknown_product_gets_its_chance_in_a_few_lists(search: SearchService, bundle: Bundle) -> None:
    plain = asked(search, None)
    known = [hit.product_id for hit in plain.hits]
    crowd = Crowd()
    for number, product in enumerate(known[:8] + known[9:]):
        crowd.add(number, key_of(Space.PRODUCT, product), 10.0, NOW.timestamp(), bought=True)
    profile = profile_of(search, plain, [(0, Action.CLICK, 80)])
    formula = Formula(reach=0.0, explore=0.25)
    shopper = Shopper(profile, crowd, NOW.timestamp(), (), formula)
    lifted = 0
    for number in range(200):
        order = asked(search, shopper, request_id=f"request {number}").hits
        places = [hit.product_id for hit in order]
        if places != known:
            lifted += 1
            assert places.index(known[8]) == 4 and (order[4].explain or {})["explored"] == 5
            assert [one for one in places if one != known[8]] == [one for one in known if one != known[8]]
    assert 25 <= lifted <= 75  # a quarter of two hundred
    never = Shopper(profile, crowd, NOW.timestamp(), (), Formula(reach=0.0))
    assert all([hit.product_id for hit in asked(search, never, request_id=str(n)).hits] == known for n in range(20))
