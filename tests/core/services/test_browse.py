"""A part of the shop without a query, on a shop that was really trained."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.domain import Action, Engagement, SearchFilters, SearchQuery, SortOrder
from core.personalization.crowd import Crowd
from core.personalization.profile import Profile, folded
from core.personalization.score import COMPONENTS
from core.personalization.shopper import Shopper
from core.retrieval.products import ProductIndex
from core.services.bundle import Bundle
from core.services.search import SearchService

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def search(bundle: Bundle) -> SearchService:
    return SearchService(bundle)


@pytest.fixture(scope="module")
def index(bundle: Bundle) -> ProductIndex:
    assert bundle.products is not None
    return bundle.products


def shopper_of(search: SearchService, clicked: list[str]) -> Shopper:
    """Somebody who has clicked these products within the last half hour."""
    log = [
        Engagement(
            f"e{at}", Action.CLICK, NOW - timedelta(minutes=30 - at), item_id=item, facts=search.event_facts(item)
        )
        for at, item in enumerate(clicked)
    ]
    return Shopper(folded(log), Crowd(), NOW.timestamp(), ())


def test_everything_is_there_once_with_counts(search: SearchService, index: ProductIndex) -> None:
    pages = [search.search(SearchQuery("", limit=100, offset=at)) for at in range(0, len(index.ids), 100)]
    ids = [hit.product_id for page in pages for hit in page.hits]
    assert Counter(ids) == Counter(index.ids)
    assert pages[0].total_results == len(index.ids)
    coded = index.columns.category
    counts = Counter(coded.values[code] for code in coded.codes.tolist())
    listed = {one.value: one.count for one in pages[0].facets.category}  # the largest ones
    assert listed and all(counts[category] == count for category, count in listed.items())
    assert not pages[0].personalized


def test_filters_and_sorting_hold(search: SearchService, index: ProductIndex) -> None:
    for category in search.search(SearchQuery("", limit=0)).facets.category[:5]:
        filters = SearchFilters(category=(category.value,), price_min=20)
        reply = search.search(SearchQuery("", limit=500, filters=filters, sort=SortOrder.PRICE_ASC))
        rows = np.array([index.row_of(hit.product_id) for hit in reply.hits], np.int32)
        prices = index.columns.price[rows]
        code = list(index.columns.category.values).index(category.value)
        wanted = (index.columns.category.codes == code) & (index.columns.price >= 20)
        assert len(rows) == reply.total_results == int(wanted.sum())
        assert (prices >= 20).all() and (np.diff(prices) >= 0).all()


def test_later_pages_keep_the_order_of_the_first(search: SearchService, index: ProductIndex) -> None:
    shopper = shopper_of(search, list(index.ids[:5]))
    first = search.search(SearchQuery("", limit=10, request_id="first"), shopper)
    later = search.search(SearchQuery("", limit=10, offset=10, request_id="later", page_of="first"), None)
    whole = search.search(SearchQuery("", limit=20, request_id="first"), shopper)
    assert [hit.product_id for hit in (*first.hits, *later.hits)] == [hit.product_id for hit in whole.hits]


def test_what_was_clicked_comes_first_and_says_why(search: SearchService, index: ProductIndex) -> None:
    kind = search.search(SearchQuery("", limit=0)).facets.category[3].value
    nobody = search.search(SearchQuery("", limit=30))
    clicked = [hit.product_id for hit in search.search(SearchQuery("", limit=3, filters=SearchFilters((kind,)))).hits]
    mine = search.search(SearchQuery("", limit=30, explain=True, request_id="r"), shopper_of(search, clicked))
    assert mine.personalized

    def of_kind(ids: list[str]) -> int:
        codes = index.columns.category.codes
        wanted = list(index.columns.category.values).index(kind)
        return sum(int(codes[index.row_of(one) or 0]) == wanted for one in ids)

    assert of_kind([hit.product_id for hit in mine.hits]) > of_kind([hit.product_id for hit in nobody.hits])
    parts = mine.hits[0].explain or {}
    assert set(COMPONENTS) <= set(parts)
    added = sum(parts.get(name, 0.0) for name in ("relevance", "business", "taste"))
    assert mine.hits[0].score == pytest.approx(min(1.0, added), abs=2e-6)


def test_who_was_only_shown_things_is_nobody_in_particular(search: SearchService, index: ProductIndex) -> None:
    seen = [
        Engagement(f"e{at}", Action.IMPRESSION, NOW, item_id=item, facts=search.event_facts(item))
        for at, item in enumerate(index.ids[:20])
    ]
    shopper = Shopper(folded(seen), Crowd(), NOW.timestamp(), ())
    assert not shopper.is_known and not Shopper(Profile(), Crowd(), NOW.timestamp(), ()).is_known
    assert not search.search(SearchQuery("shoes"), shopper).personalized
