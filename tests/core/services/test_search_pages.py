"""Totals, facets and pages of search over a shop that was really trained, beside a reference that counts one by one."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.domain import PartUse, Product, SearchFilters, SearchQuery, SortOrder
from core.retrieval.products import ProductIndex
from core.services.bundle import Bundle
from core.services.search import SearchService
from core.text.terms import terms

QUERIES = 500


@pytest.fixture(scope="module")
def search(bundle: Bundle) -> SearchService:
    return SearchService(bundle)


@pytest.fixture(scope="module")
def index(bundle: Bundle) -> ProductIndex:
    assert bundle.products is not None
    return bundle.products


def value(index: ProductIndex, field: str, row: int) -> str | None:
    columns = index.columns
    coded = {"category": columns.category, "brand": columns.brand}.get(field) or columns.attributes[field]
    code = int(coded.codes[row])
    return coded.values[code] if code >= 0 else None


def passes(index: ProductIndex, row: int, filters: SearchFilters, but: str = "") -> bool:
    """Whether a row passes every filter, the one on the field `but` aside."""
    columns = index.columns
    price, rating = float(columns.price[row]), float(columns.rating[row])
    checks = {
        "category": not filters.category or value(index, "category", row) in filters.category,
        "brand": not filters.brand or value(index, "brand", row) in filters.brand,
        "price": (filters.price_min is None or price >= filters.price_min)
        and (filters.price_max is None or price <= filters.price_max),
        "rating": filters.rating_min is None or rating >= filters.rating_min,
        "in_stock": filters.in_stock is None or columns.in_stock[row] == filters.in_stock,
    }
    checks |= {name: value(index, name, row) in wanted for name, wanted in filters.attributes.items()}
    return all(passed for field, passed in checks.items() if field != but)


def random_filters(index: ProductIndex, generator: random.Random) -> SearchFilters:
    columns = index.columns

    def some(values: tuple[str, ...]) -> tuple[str, ...]:
        return (
            tuple(generator.sample(values, min(len(values), generator.randint(1, 3))))
            if generator.random() < 0.3
            else ()
        )

    attribute = generator.choice(sorted(columns.attributes))
    wanted = some(columns.attributes[attribute].values)
    return SearchFilters(
        category=some(columns.category.values),
        brand=some(columns.brand.values),
        price_min=generator.choice([None, None, 10.0, 49.0]),
        price_max=generator.choice([None, None, 60.0, 200.0]),
        rating_min=generator.choice([None, None, 3.0, 4.0]),
        in_stock=generator.choice([None, None, True]),
        attributes={attribute: wanted} if wanted else {},
    )


def test_totals_and_facets_are_those_of_a_count_one_by_one(search: SearchService, index: ProductIndex) -> None:
    generator = random.Random(0)
    texts = ["shoes", "red", "running shoes", "lamp", "laptop bag", "gift for mum", "blue cotton shirt", "tent", "pan"]
    for _ in range(QUERIES):
        text, filters = generator.choice(texts), random_filters(index, generator)
        reply = search.search(SearchQuery(text, filters=filters, interpret=False))
        asked = index.asked(terms(text))
        vector = search._vector(text, search._bundle.encoder)  # type: ignore[arg-type]
        rows = [int(row) for row in index.match(asked, index.query_vector(vector, terms(text))).rows]
        assert reply.total_results == sum(passes(index, row, filters) for row in rows)
        for field in ("category", "brand"):
            counts = Counter(value(index, field, row) for row in rows if passes(index, row, filters, field))
            counts.pop(None, None)
            expected = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:20]
            assert [(one.value, one.count) for one in getattr(reply.facets, field)] == expected
        for name, facet in reply.facets.attributes.items():
            counts = Counter(value(index, name, row) for row in rows if passes(index, row, filters, name))
            assert all(counts[one.value] == one.count for one in facet)
        rated = [row for row in rows if passes(index, row, filters, "rating")]
        for step in reply.facets.rating:
            assert step.count == sum(float(index.columns.rating[row]) >= step.low for row in rated)
        priced = [float(index.columns.price[row]) for row in rows if passes(index, row, filters, "price")]
        for part in reply.facets.price:
            high = float("inf") if part.high is None else part.high
            assert part.count == sum(part.low <= price < high for price in priced)


def test_every_result_is_on_one_page_in_any_order(search: SearchService) -> None:
    for sort in SortOrder:
        query = SearchQuery("shoes", limit=7, sort=sort, request_id=f"first of {sort}")
        first = search.search(query)
        listed = [hit.product_id for hit in first.hits]
        for offset in range(7, first.total_results, 7):
            page = search.search(replace(query, offset=offset, page_of=query.request_id, request_id="another"))
            listed += [hit.product_id for hit in page.hits]
        assert len(listed) == len(set(listed)) == first.total_results > 20


def test_pages_keep_their_order_while_the_catalogue_changes(bundle: Bundle, search: SearchService) -> None:
    query = SearchQuery("running shoes", limit=5, request_id="shown before")
    whole = [hit.product_id for hit in search.search(replace(query, limit=100, request_id=None)).hits]
    first = search.search(query)
    index = bundle.current.index
    assert index is not None
    try:
        bundle.current.replace(index.changed({whole[0]: None, "new": Product("new", "Running shoes running shoes")}))
        second = search.search(replace(query, offset=5, page_of="shown before", request_id="second page"))
        assert [hit.product_id for hit in (*first.hits, *second.hits)] == whole[:10]
        anew = [hit.product_id for hit in search.search(replace(query, request_id=None, limit=100)).hits]
        assert whole[0] not in anew and "new" in anew
        other = search.search(replace(query, text="lamp", offset=5, page_of="shown before", request_id="no page of it"))
        assert not set(whole) & {hit.product_id for hit in other.hits}  # another question has an order of its own
    finally:
        bundle.current.replace(index)


@pytest.fixture
def zorbos(bundle: Bundle, index: ProductIndex) -> Iterator[None]:
    """Two products of a kind of their own."""
    cheap, dear = (
        Product("cheap", "Zorbo lantern", price=10.0),
        Product("dear", "Zorbo lantern turquoise", price=5_000.0),
    )
    bundle.current.replace(index.changed({"cheap": cheap, "dear": dear}))
    yield
    bundle.current.replace(index)


def test_limits_that_leave_nothing_are_dropped_and_said(search: SearchService, zorbos: None) -> None:
    reply = search.search(SearchQuery("zorbo lantern between $20 and $30"))
    assert {hit.product_id for hit in reply.hits[:2]} == {"cheap", "dear"}
    assert reply.relaxed == "without between $20 and $30"
    assert [part.applied for part in reply.understood] == [PartUse.IGNORED]
    within = search.search(SearchQuery("zorbo lantern under $30"))
    assert (within.hits[0].product_id, within.relaxed) == ("cheap", None)
    own = SearchFilters(price_min=20, price_max=30)
    assert search.search(SearchQuery("zorbo lantern", filters=own)).total_results == 0  # the request's own are kept


def test_relaxed_is_true_of_what_passes_the_filters(search: SearchService, zorbos: None) -> None:
    assert search.search(SearchQuery("turquoise zorbo lantern")).relaxed is None
    assert search.search(SearchQuery("turquoise zorbo lantern under $30")).relaxed == "without turquoise"


def test_a_long_query_of_strange_words_finds_nothing_or_the_nearest(search: SearchService) -> None:
    for text in ("zzzq", "zzzq " * 60, "9" * 400, "a"):
        reply = search.search(SearchQuery(text, explain=True))
        assert reply.total_results == 0 or reply.relaxed or reply.corrected_query or text == "a"


@pytest.mark.parametrize("text", ["日本語", "xxqq zzkk"])
def test_what_matches_nothing_is_an_answer_too(search: SearchService, text: str) -> None:
    reply = search.search(SearchQuery(text, explain=True))
    assert len(reply.hits) == min(reply.total_results, 20)
