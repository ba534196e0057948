"""Products that changed since a version: the index with an overlay finds what one built anew finds."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import Product, SearchFilters
from core.retrieval.products import ProductIndex
from core.retrieval.storage import build_products
from core.text.terms import terms

_WORDS = ["red", "blue", "oak", "lamp", "table", "shoe", "drill", "18v", "steel"]
_NOTHING = np.zeros(4, np.float32)


def product(number: int, title: str, price: float | None = None) -> Product:
    return Product(
        f"p{number}", title, brand=f"brand {number % 3}", price=price, attributes={"finish": title.split()[0]}
    )


def titled(generator: random.Random) -> str:
    return " ".join(generator.sample(_WORDS, 3))


@pytest.fixture(scope="module")
def published() -> ProductIndex:
    generator = random.Random(0)
    products = [product(number, titled(generator), float(number)) for number in range(30)]
    return build_products(products, np.tile(np.eye(4, dtype=np.float32), (8, 1))[:30])


def found(index: ProductIndex, text: str, filters: SearchFilters | None = None) -> set[str]:
    rows = index.matching_all(terms(text))
    for mask in index.columns.masks(filters or SearchFilters()).values():
        rows = rows[mask[rows]]
    return {index.ids[row] for row in rows}


changes = st.lists(
    st.tuples(st.integers(0, 40), st.one_of(st.none(), st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4))),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(changes=changes, query=st.lists(st.sampled_from(_WORDS), min_size=1, max_size=2))
def test_any_changes_leave_what_a_new_index_would_have(
    published: ProductIndex, changes: list[tuple[int, list[str] | None]], query: list[str]
) -> None:
    generator = random.Random(0)
    truth = {f"p{number}": product(number, titled(generator), float(number)) for number in range(30)}
    index = published
    for number, words in changes:
        changed = None if words is None else product(number, " ".join(words), 5.0)
        index = index.changed({f"p{number}": changed})
        truth.pop(f"p{number}", None)
        if changed:
            truth[f"p{number}"] = changed
    if not truth:
        return
    anew = build_products(list(truth.values()), np.zeros((len(truth), 4), np.float32))
    text = " ".join(query)
    filters = SearchFilters(price_max=12, brand=("Brand 1", "brand 2"), attributes={"finish": ("RED", "oak")})
    assert found(index, text) == found(anew, text)
    assert found(index, text, filters) == found(anew, text, filters)
    assert {one: index.row_of(one) is not None for one in truth} == dict.fromkeys(truth, True)
    rows, fresh = index.matching_all(terms(text)), anew.matching_all(terms(text))
    assert index.columns.facets(rows, index.columns.masks(filters)) == anew.columns.facets(
        fresh, anew.columns.masks(filters)
    )


def test_a_new_product_is_near_in_meaning_once_it_has_a_vector(published: ProductIndex) -> None:
    vector = np.array([0.6, 0.8, 0, 0], np.float32)
    fresh = published.changed({"new": product(1, "quite another thing")})
    assert "new" not in {fresh.ids[row] for row in fresh.match((), vector).rows}
    near = fresh.changed({}, {"new": vector})
    assert near.ids[int(near.match((), vector).near[-1])] == "new"
    cheaper = near.changed({"new": product(1, "quite another thing", price=1.0)})  # the title stays, so does the vector
    assert cheaper.ids[int(cheaper.match((), vector).near[-1])] == "new"
    retitled = near.changed({"new": product(1, "something else")})
    assert "new" not in {retitled.ids[row] for row in retitled.match((), vector).rows}


def test_a_price_keeps_the_published_vector(published: ProductIndex) -> None:
    generator = random.Random(0)
    title = titled(generator)
    before = published.dense.vectors(np.array([0], np.int32))
    changed = published.changed({"p0": product(0, title, price=99.0)})
    row = changed.row_of("p0")
    assert row is not None and row >= 30
    assert np.array_equal(changed.dense.vectors(np.array([row], np.int32)), before)
    assert changed.columns.price[row] == 99.0


def test_removed_twice_or_unknown_is_no_error(published: ProductIndex) -> None:
    index = published.changed({"p3": None, "nobody": None}).changed({"p3": None})
    assert index.row_of("p3") is None and index.row_of("nobody") is None
    assert "p3" not in {index.ids[row] for row in index.match(index.asked(["red"]), _NOTHING).rows}
    assert index.changed({"p3": product(3, "red lamp")}).row_of("p3") is not None
