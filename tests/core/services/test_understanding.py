"""What is read out of a query with a catalogue at hand: filters, preferences, and how far products fulfil these."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import PartUse, Product, SearchFilters
from core.retrieval.columns import ProductColumns, build_columns
from core.retrieval.storage import build_products
from core.services.understanding import QueryReader
from core.text.normalize import normalize
from core.text.terms import terms


def product(number: int, **facts: object) -> Product:
    known: dict[str, object] = {"price": 10.0 * (number + 1), "rating": 3.0 + number % 3, "in_stock": number % 2 == 0}
    return Product(f"p{number}", f"Product {number}", **(known | facts))  # type: ignore[arg-type]


PRODUCTS = [
    product(0, brand="Nike", category="Running Shoes", attributes={"color": "Red", "size": "9", "material": "Leather"}),
    product(1, brand="Nike", category="Running Shoes", attributes={"color": "Navy", "size": "9.5", "material": "Mesh"}),
    product(2, brand="Black & Decker", category="Tools > Cordless Drills", attributes={"color": "Black and Gold"}),
    product(3, brand="Black & Decker", category="Tools > Cordless Drills", attributes={"color": "Black"}),
    product(4, brand="Blue Heron", category="Televisions", attributes={"size": "32 inch", "color": "Gray"}),
    product(5, brand="O'Neill", category="T-Shirts", attributes={"size": "2XL", "color": "Rose Gold"}),
    product(6, brand="Apple", category="Grocery & Gourmet", attributes={"flavor": "Vanilla", "scent": "Vanilla"}),
    product(7, category="Grocery & Gourmet", attributes={"flavor": "Apple"}),
    product(8, category="Grocery & Gourmet", attributes={"flavor": "Apple", "scent": "Cedar Wood", "size": "S"}),
    product(9, category="Grocery & Gourmet", attributes={"flavor": "Apple", "organic": "Yes", "model": "900"}),
]
COLUMNS = build_columns(PRODUCTS)
ALL = np.arange(len(PRODUCTS), dtype=np.int32)


TITLES = [
    "3 Star window AC",
    "Gift card under 500",
    "Gift card 500",
    "Trail shoe 900",
    "Shoe rack for 500 pairs",
    "Wallet 300",
] + ["Wallet"] * 60
INDEX = build_products(
    [*PRODUCTS, *(Product(f"t{at}", title) for at, title in enumerate(TITLES))],
    np.ones((len(PRODUCTS) + len(TITLES), 1), np.float32),
)


def named(own: str, neighbour: str) -> float:
    return INDEX.share_naming(terms(own), terms(neighbour))


@pytest.fixture(scope="module")
def reader() -> QueryReader:
    return QueryReader(COLUMNS, named)


def soft(reader: QueryReader, raw: str) -> list[tuple[str, str, str]]:
    parts = reader.read(raw).parts
    return [(part.kind.value, part.text, part.value) for part in parts if part.applied is PartUse.PREFERENCE]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("Nike shoes", [("brand", "Nike", "Nike")]),
        ("oneill jacket", [("brand", "oneill", "O'Neill")]),
        ("O'Neill jacket", [("brand", "O'Neill", "O'Neill")]),
        ("black & decker", [("brand", "black decker", "Black & Decker")]),
        ("black and decker vacuum", [("brand", "black and decker", "Black & Decker")]),
        ("BLACK+DECKER vacuum", [("brand", "BLACK+DECKER", "Black & Decker")]),
        ("black-decker vacuum", [("brand", "black-decker", "Black & Decker")]),
        ("blackdecker vacuum", [("brand", "blackdecker", "Black & Decker")]),
        ("blue heron speaker", [("brand", "blue heron", "Blue Heron")]),
        ("blueheron speaker", [("brand", "blueheron", "Blue Heron")]),
        ("blue speaker", [("color", "blue", "blue")]),
        ("grey tv", [("color", "grey", "grey")]),
        ("gray tv", [("color", "gray", "gray")]),
        ("rose gold watch", [("color", "rose gold", "Rose Gold")]),
        ("purple tv", []),
        ("running shoe", [("category", "running shoe", "Running Shoes")]),
        ("running shoes", [("category", "running shoes", "Running Shoes")]),
        ("cordless drill", [("category", "cordless drill", "Tools > Cordless Drills")]),
        ("television", [("category", "television", "Televisions")]),
        ("grocery and gourmet", []),
        ("shoes size 9", [("size", "size 9", "9")]),
        ("shoes size 9.5", [("size", "size 9.5", "9.5")]),
        ("9 volt battery", []),
        ("32 inch tv", [("size", "32 inch", "32 inch")]),
        ('32" tv', [("size", '32"', "32 inch")]),
        ("32in tv", [("size", "32in", "32 inch")]),
        ("2xl hoodie", [("size", "2xl", "2XL")]),
        ("xxl hoodie", [("size", "xxl", "2XL")]),
        ("size xxl hoodie", [("size", "size xxl", "2XL")]),
        ("hoodie size small", [("size", "size small", "S")]),
        ("small hoodie", []),
        ("leather sofa", [("attribute", "leather", "Leather")]),
        ("cedar wood candle", [("attribute", "cedar wood", "Cedar Wood")]),
        ("vanilla candle", []),  # a flavour and a scent
        ("apple juice", [("attribute", "apple", "Apple")]),  # three products have the flavour, one the brand
        ("yes", []),
        ("900", []),
        ("infra-red lamp", []),
        ("cheap tv", [("price", "cheap", "lower prices")]),
        ("budget planner", []),
        ("premium tv", [("price", "premium", "higher prices")]),
        ("top rated tv", [("rating", "top rated", "good ratings")]),
        ("top-rated tv", [("rating", "top-rated", "good ratings")]),
        ("", []),
        ("🔥 !!", []),
    ],
)
def test_preferences(reader: QueryReader, raw: str, parts: list[tuple[str, str, str]]) -> None:
    understood = reader.read(raw)
    assert soft(reader, raw) == parts
    assert understood.text == normalize(raw)  # their words stay
    assert understood.filters == SearchFilters()


def test_filters_leave_the_text_and_preferences_stay_in_it(reader: QueryReader) -> None:
    understood = reader.read("Red Nike shoes under $50, rated 4+ and in stock")
    assert understood.text == "red nike shoes"
    assert understood.filters == SearchFilters(price_max=50, rating_min=4, in_stock=True)
    assert [(part.kind.value, part.text, part.value, part.applied.value) for part in understood.parts] == [
        ("color", "Red", "red", "preference"),
        ("brand", "Nike", "Nike", "preference"),
        ("price", "under $50", "≤ 50", "filter"),
        ("rating", "rated 4+", "≥ 4", "filter"),
        ("stock", "in stock", "in stock", "filter"),
    ]
    assert reader.read("shoes from 20 to 49.50").parts[0].value == "20 – 49.5"


@pytest.mark.parametrize("raw", ["under 50", "cheap under 50", "for under 50 in stock", "4 stars and up", "in stock"])
def test_where_nothing_is_left_to_search_the_words_stay(reader: QueryReader, raw: str) -> None:
    understood = reader.read(raw)
    assert (understood.text, understood.filters) == (normalize(raw), SearchFilters())


def test_what_contradicts_itself_is_no_filter(reader: QueryReader) -> None:
    for raw in ("shoes rated above 4 over 20 under 15", "shoes over 60 under 50"):
        assert reader.read(raw).filters == SearchFilters(), raw


def test_a_field_that_the_catalogue_mostly_does_not_know_filters_nothing() -> None:
    poor = [replace(one, price=None, rating=None, in_stock=None) for one in PRODUCTS[:6]] + PRODUCTS[6:]
    for reader in (QueryReader(build_columns(poor), named), QueryReader(build_columns([]), named)):
        understood = reader.read("cheap shoes under 50 4 stars and up in stock")
        assert (understood.text, understood.filters) == ("cheap shoes", SearchFilters())
        assert [(part.text, part.applied) for part in understood.parts] == [
            ("under 50", PartUse.IGNORED), ("4 stars and up", PartUse.IGNORED), ("in stock", PartUse.IGNORED)
        ]  # fmt: skip
        assert reader.read("gift card under 500").text == "gift card under 500"  # a title says so


def test_what_was_not_typed_to_its_end_is_ignored_and_said(reader: QueryReader) -> None:
    understood = reader.read("shoes under")
    assert (understood.text, understood.parts[0].applied) == ("shoes", PartUse.IGNORED)
    assert reader.read("gift card under").text == "gift card under"  # a title says so
    assert reader.read("gift card under 50").text == "gift card"


def test_stock_is_read_however_it_is_written(reader: QueryReader) -> None:
    for raw in ("shoes in-stock", "in-stock shoes", "shoes in stock"):
        assert reader.read(raw).filters == SearchFilters(in_stock=True), raw


def test_what_is_likely_a_price_prefers_and_leaves_the_text() -> None:
    dear = [replace(one, price=100.0 * (at + 1)) for at, one in enumerate(PRODUCTS)]
    columns = build_columns(dear)
    reader = QueryReader(columns, named)

    def read(raw: str) -> tuple[str, list[float]]:
        understood = reader.read(raw)
        assert understood.filters == SearchFilters()
        (one,) = (one for one in understood.preferences if one.within is not None)
        assert one.part in understood.parts and one.weight == 3
        return understood.text, [round(share, 2) for share in one.share(columns, ALL).tolist()]

    assert read("red shirt 500") == ("red shirt", [0, 0, 0.2, 0.6, 1, 0.6, 0.2, 0, 0, 0])
    assert read("shirt for 500") == ("shirt", read("t-shirt 500")[1])
    assert read("wallet 800+") == ("wallet", [0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1])
    assert read("300-500 wallet") == ("wallet", [0, 0.33, 1, 1, 1, 0.6, 0.2, 0, 0, 0])
    assert read("shoe 500") == ("shoe", read("shirt 500")[1])  # a title holds both, but not in a row
    assert read("₹300 wallet")[0] == "wallet"  # one of sixty is called so
    assert read("wallet around 300")[0] == "wallet"
    for name in ("trail shoe 900", "$500 gift card", "wallet 300", "gift card 500"):
        assert reader.read(name).text == normalize(name)
    assert reader.read("shirt 500").beside(SearchFilters(price_min=900)).preferences == ()
    poor = [replace(one, price=None) for one in PRODUCTS]
    assert QueryReader(build_columns(poor), named).read("shirt 500").text == "shirt 500"


def test_what_is_likely_a_rating_prefers(reader: QueryReader) -> None:
    understood = reader.read("wallet 4 star")
    assert (understood.text, understood.filters) == ("wallet", SearchFilters())
    assert reader.read("3 star ac").text == "3 star ac"  # a title says so
    rating = understood.preferences[0].share(COLUMNS, ALL)  # 3, 4, 5, 3 … stars
    assert rating.tolist() == [0, 1, 1] * 3 + [0]


def test_a_phrase_does_not_reach_across_a_filter(reader: QueryReader) -> None:
    assert soft(reader, "rose under $50 gold watch") == [("color", "gold", "gold")]


def test_what_is_said_twice_is_one_preference(reader: QueryReader) -> None:
    assert soft(reader, "Nike shoes nike NIKE") == [("brand", "Nike", "Nike")]


def test_a_brand_before_max_makes_it_a_name(reader: QueryReader) -> None:
    assert reader.read("nike max 90").text == "nike max 90"
    assert reader.read("shoes max 90").text == "shoes"


def test_words_that_no_product_need_hold(reader: QueryReader) -> None:
    assert reader.read("cheap top rated running shoes").optional == {"cheap", "top", "rated"}
    assert reader.read("premium shoes").optional == frozenset()
    assert reader.read("cheap").optional == frozenset()


def shares(reader: QueryReader, raw: str, columns: ProductColumns = COLUMNS) -> list[float]:
    [preference] = reader.read(raw).preferences
    found = preference.share(columns, ALL)
    assert found.dtype == np.float32
    return [round(float(share), 2) for share in found]


def test_how_far_products_fulfil_a_preference(reader: QueryReader) -> None:
    assert shares(reader, "nike socks") == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert shares(reader, "black socks") == [0, 0, 0.7, 1, 0, 0, 0, 0, 0, 0]
    assert shares(reader, "blue socks") == [0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0]  # navy is a shade of it
    assert shares(reader, "gold socks") == [0, 0, 0.7, 0, 0, 0.7, 0, 0, 0, 0]
    assert shares(reader, "top rated socks") == [0, 0.5, 1, 0, 0.5, 1, 0, 0.5, 1, 0]
    assert shares(reader, "cheap socks") == [1, 0.89, 0.78, 0.67, 0.56, 0.44, 0.33, 0.22, 0.11, 0]
    assert shares(reader, "luxury socks") == shares(reader, "cheap socks")[::-1]


def test_unknown_and_equal_prices(reader: QueryReader) -> None:
    [cheap] = reader.read("cheap socks").preferences
    rows = np.arange(4, dtype=np.int32)
    columns = replace(COLUMNS, price=np.array([5, np.nan, 5, 9], np.float32))
    assert cheap.share(columns, rows).tolist() == [0.75, 0, 0.75, 0]
    assert cheap.share(columns, rows[:1]).tolist() == [1]
    assert cheap.share(columns, rows[1:2]).tolist() == [0]
    assert cheap.share(columns, rows[:0]).tolist() == []


def test_columns_that_have_grown_since_keep_their_meaning(reader: QueryReader) -> None:
    brand = COLUMNS.brand
    grown = replace(brand, values=(*brand.values, "Zeta"), codes=np.append(brand.codes, len(brand.values)))
    [preference] = reader.read("nike socks").preferences
    rows = np.array([0, len(PRODUCTS)], np.int32)
    assert preference.share(replace(COLUMNS, brand=grown), rows).tolist() == [1, 0]


def test_the_requests_own_filters_win(reader: QueryReader) -> None:
    understood = reader.read("shoes under 50 in stock")
    own = SearchFilters(brand=("Nike",), price_min=10)
    joined = understood.beside(own)
    assert joined.filters == SearchFilters(brand=("Nike",), price_min=10, in_stock=True)
    assert [part.kind.value for part in joined.parts] == ["stock"]
    assert joined.text == "shoes"
    assert understood.beside(SearchFilters()) == understood
    assert understood.beside(SearchFilters(in_stock=False)).filters == SearchFilters(price_max=50, in_stock=False)


_WORDS = st.sampled_from(
    """
    under over between and from to in stock rated 4+ stars up 50 $50 20-50 9.99 € nike black decker red rose gold size 9
    9.5 32" xxl cheap top leather running shoes for T-Shirt black+decker ₹1,03,990
    """.split()  # noqa: SIM905
)


@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=20).map(" ".join)))
def test_any_text_is_read_and_nothing_is_made_up(raw: str) -> None:
    understood = _READER.read(raw)
    words = iter(normalize(raw).split())
    assert all(word in words for word in understood.text.split()), "what is left is a subsequence of the words"
    numbers = {float(number) for number in _numbers(raw)}
    filters = understood.filters
    for bound in (filters.price_min, filters.price_max, filters.rating_min):
        assert bound is None or bound in numbers
    assert replace(filters, price_min=None, price_max=None, rating_min=None, in_stock=None) == SearchFilters()
    assert understood.optional <= set(understood.text.split())
    for preference in understood.preferences:
        share = preference.share(COLUMNS, ALL)
        assert share.shape == ALL.shape and share.min() >= 0 and share.max() <= 1
        assert preference.part in understood.parts


_READER = QueryReader(COLUMNS, named)


def _numbers(raw: str) -> list[str]:
    kept = "".join(character if character.isdecimal() or character in ".," else " " for character in raw)
    return [part.replace(",", "") for part in kept.replace("-", " ").split() if part.strip(".,").replace(",", "")]
