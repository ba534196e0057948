"""Lexical and dense matching, filters, facets, and the index on disk."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.domain import FacetRange, FacetValue, Product, SearchFilters
from core.retrieval.lexical import LexicalIndex, plain
from core.retrieval.lexical_build import build_lexical
from core.retrieval.products import ProductIndex
from core.retrieval.storage import build_products, load_products, save_products
from core.text.terms import terms

PRODUCTS = [
    Product("1", "Red running shoes", brand="Fleet", category="Shoes", price=50.0, rating=4.5, in_stock=True),
    Product("2", "Blue running shoes", brand="Fleet", category="Shoes", price=80.0, rating=3.0, in_stock=False),
    Product("3", "Red table lamp", brand="Lumo", category="Lamps", price=20.0, attributes={"colour": "Red"}),
    Product("4", "Oak table", category="Tables", price=float(300), created_at=datetime(2026, 1, 2, tzinfo=UTC)),
]
VECTORS = np.eye(4, dtype=np.float32)


@pytest.fixture
def index() -> ProductIndex:
    return build_products(PRODUCTS, VECTORS)


def ids(index: ProductIndex, text: str, vector: np.ndarray | None = None) -> list[str]:
    matches = index.match(index.asked(terms(text)), np.zeros(4, np.float32) if vector is None else vector)
    return [index.ids[row] for row in matches.rows[np.argsort(-matches.lexical, kind="stable")]]


def holding(lexical: LexicalIndex, text: str) -> list[int]:
    return [int(row) for row in lexical.matching_all(plain(terms(text)))]


def test_bm25_by_hand() -> None:
    """Two documents of two and three terms: every figure of the formula written out."""
    lexical = build_lexical([Product("a", "red lamp"), Product("b", "red oak table")])
    scores, coverage = lexical.score(plain(["lamp"]))
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    norm = 1.2 * (1 - 0.4 + 0.4 * 2 / 2.5)
    assert scores == pytest.approx([idf * 2.2 / (1 + norm), 0.0])
    assert coverage == pytest.approx([1.0, 0.0])


def test_weights_of_many_terms_are_those_of_each(index: ProductIndex) -> None:
    changed = index.changed({"5": Product("5", "Brass lamp"), "3": None}).lexical
    listed = ["red", "lamp", "brass", "unicorn"]
    assert changed.idfs(listed).tolist() == pytest.approx([changed.idf(term) for term in listed])
    assert changed.idfs([]).shape == (0,)


def test_all_terms_or_most_of_them(index: ProductIndex) -> None:
    assert ids(index, "running shoe")[:2] == ["1", "2"]
    assert ids(index, "red running shoes")[0] == "1"
    assert index.count_matching(terms("red")) == 2
    assert index.count_matching(terms("red lamps")) == 1
    assert index.count_matching(terms("red unicorn")) == 0
    assert index.count_matching([]) == 0


def test_what_titles_say_in_a_row(index: ProductIndex) -> None:
    assert index.share_naming(terms("table"), terms("lamp")) == 1  # in either order; of the products with `lamp`
    assert index.share_naming(terms("lamp"), terms("table")) == 0.5
    assert index.share_naming(terms("red"), terms("lamp")) == 0  # not in a row
    assert index.share_naming(terms("table lamp"), terms("red")) == 0.5  # several are by themselves
    assert index.share_naming(terms("lamp table"), terms("red")) == 0
    assert index.share_naming(terms("lumo"), terms("lamp")) == 0  # a brand, in no title
    assert index.share_naming(terms("unicorn"), terms("lamp")) == index.share_naming([], terms("lamp")) == 0


def test_what_no_product_holds_does_not_hide_what_some_do(index: ProductIndex) -> None:
    assert ids(index, "unicorn dragon table") == ["4", "3"]
    assert ids(index, "unicorn red lamp") == ["3"]  # the other red one holds less than half as much
    assert index.match(index.asked(terms("unicorn table")), VECTORS[0]).holding_all == 0


def test_the_more_products_hold_all_words_the_nearer_others_must_be() -> None:
    products = [Product(str(at), "Oak table" if at < 100 else "Desk") for at in range(103)]
    nearness = np.array([0.9] + [0.0] * 99 + [0.8, 0.6, 0.4])
    vectors = np.stack([nearness, np.sqrt(1 - nearness**2)], axis=1).astype(np.float32)
    index = build_products(products, vectors)
    query = np.array([1, 0], np.float32)
    many = index.match(index.asked(terms("oak table")), query)
    assert (many.holding_all, many.rows.tolist()) == (100, [*range(101)])  # 0.8 ≥ 0.8 · 0.9 > 0.6
    few = index.match(index.asked(terms("unicorn")), query)
    assert (few.holding_all, few.rows.tolist()) == (0, [0, 100, 101])  # 0.6 ≥ 0.5 · 0.9 > 0.4


def test_compounds_are_found_however_they_are_written() -> None:
    lexical = build_lexical(
        [Product("a", "Steel dishwasher"), Product("b", "White dish washer hose"), Product("c", "Dish for a washer")]
    )
    found = {text: holding(lexical, text) for text in ("dishwasher", "dish washer", "dish hose")}
    assert found == {"dishwasher": [0, 1], "dish washer": [0, 1, 2], "dish hose": [1]}
    scores = lexical.score(plain(terms("dishwasher")))[0]
    assert scores[0] > scores[1] > 0  # the same weight, in a longer title


def test_a_word_that_was_typed_in_two_is_found_as_one() -> None:
    titles = ["Steel dishwasher", "Quiet dishwasher", "Dish for a washer", "Carpenter", "Ant bait"]
    products = [Product(str(number), title) for number, title in enumerate(titles)]
    found = build_products(products, np.eye(5, dtype=np.float32))
    assert found.matching_all(terms("dish washer")).tolist() == [0, 1, 2]
    assert found.asked(terms("steel dish washer"))[1].forms == (tuple(terms("dishwasher")), ("dish", "washer"))
    scores = found.lexical.score(found.asked(terms("dish washer")))[0]
    assert scores[1] >= scores[0] > scores[2] > 0  # who holds both words apart holds something else
    assert [one.terms for one in found.asked(terms("carpenter ant"))] == [("carpent",), ("ant",)]


def test_what_was_typed_without_a_space_comes_apart_where_nothing_else_is_known() -> None:
    products = [Product("a", "4 mil film"), Product("b", "Bolt 16 1/2 in."), Product("c", "Wire mil 2")]
    index = build_products(products, np.eye(3, dtype=np.float32))
    zero = np.zeros(3, np.float32)
    assert [ids(index, text, zero) for text in ("4mil", "161/2")] == [["a"], ["b"]]
    assert index.count_matching(terms("4mil wire")) == 0  # a known word is enough
    assert index.count_matching(terms("9mil")) == 0  # one part is in no product


def test_units_are_known_words() -> None:
    lexical = build_lexical([Product("a", "Ladder, 4 feet"), Product("b", "Foot rest")])
    assert all(lexical.knows(word) for word in ("foot", "feet", "ft", "4-foot", "ladders"))
    assert not lexical.knows("gallon")
    assert holding(lexical, "4 foot ladder") == [0]


def test_meaning_finds_what_words_do_not(index: ProductIndex) -> None:
    assert ids(index, "sneaker", VECTORS[1]) == ["2"]


def test_an_unknown_word_finds_nothing(index: ProductIndex) -> None:
    assert ids(index, "unicorn") == []


def test_filters_are_anded_and_their_values_ored(index: ProductIndex) -> None:
    def passing(filters: SearchFilters) -> list[int]:
        keep = np.ones(4, bool)
        for mask in index.columns.masks(filters).values():
            keep &= mask
        return np.flatnonzero(keep).tolist()

    assert passing(SearchFilters(category=("shoes", "Lamps"))) == [0, 1, 2]
    assert passing(SearchFilters(category=("Shoes", "Lamps"), brand=("Lumo",))) == [2]
    assert passing(SearchFilters(price_min=50, price_max=80)) == [0, 1]
    assert passing(SearchFilters(rating_min=3.5)) == [0]
    assert passing(SearchFilters(in_stock=True)) == [0]
    assert passing(SearchFilters(attributes={"colour": ("red",)})) == [2]
    assert passing(SearchFilters(attributes={"size": ("9",)})) == []
    assert passing(SearchFilters(brand=("none",))) == []


def test_facets_count_under_all_other_filters(index: ProductIndex) -> None:
    rows = np.arange(4, dtype=np.int32)
    facets = index.columns.facets(rows, index.columns.masks(SearchFilters(category=("Shoes",))))
    assert facets.category == (FacetValue("Shoes", 2), FacetValue("Lamps", 1), FacetValue("Tables", 1))
    assert facets.brand == (FacetValue("Fleet", 2),)
    assert facets.rating == (
        FacetRange(4.0, None, 1),
        FacetRange(3.0, None, 2),
        FacetRange(2.0, None, 2),
        FacetRange(1.0, None, 2),
    )
    assert sum(entry.count for entry in facets.price) == 2


def test_price_ranges_are_half_open_and_cover_everything(index: ProductIndex) -> None:
    ranges = index.columns.facets(np.arange(4, dtype=np.int32), {}).price
    assert sum(entry.count for entry in ranges) == 4
    assert [entry.high for entry in ranges[:-1]] == [entry.low for entry in ranges[1:]]
    assert ranges[-1].high is None


def test_saved_and_loaded_is_the_same(index: ProductIndex, tmp_path: Path) -> None:
    save_products(PRODUCTS, VECTORS, tmp_path)
    loaded = load_products(tmp_path)
    assert loaded.ids == index.ids
    for query in ("red running shoes", "table", "fleet"):
        assert ids(loaded, query) == ids(index, query)
    assert loaded.columns.attributes["colour"].values == ("Red",)
    np.testing.assert_array_equal(loaded.columns.created_at, index.columns.created_at)


def test_one_product(tmp_path: Path) -> None:
    save_products(PRODUCTS[:1], VECTORS[:1], tmp_path)
    assert ids(load_products(tmp_path), "shoes") == ["1"]
