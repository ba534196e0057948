"""Prices, ratings and stock stated outright, and everything that only looks like it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.amounts import tokens_of
from core.text.normalize import normalize
from core.text.query_limits import limits_of, with_joining


def read(raw: str) -> tuple[str, list[tuple[str, float | None, float | None]]]:
    """What is left of a query, and its limits, where products settle nothing that is doubtful."""
    tokens = tokens_of(raw, normalize(raw))
    limits = [limit for limit in limits_of(tokens) if not limit.doubtful]
    gone = {at for limit in limits for at in with_joining(tokens, limit)}
    left = " ".join(word for at, token in enumerate(tokens) if at not in gone for word in token.words)
    return left, [(limit.kind, limit.low, limit.high) for limit in limits]


@pytest.mark.parametrize(
    ("raw", "left", "low", "high"),
    [
        ("shoes under 50", "shoes", None, 50),
        ("Running Shoes below $50", "running shoes", None, 50),
        ("shoes less than 50 dollars", "shoes", None, 50),
        ("shoes cheaper than 50 bucks", "shoes", None, 50),
        ("shoes no more than 50", "shoes", None, 50),
        ("shoes at most 50", "shoes", None, 50),
        ("shoes max 50", "shoes", None, 50),
        ("shoes maximum price 50", "shoes", None, 50),
        ("shoes up to $50", "shoes", None, 50),
        ("headphones within 2000", "headphones", None, 2000),
        ("shoes <50", "shoes", None, 50),
        ("shoes < $50", "shoes", None, 50),
        ("shoes ≤ 50 eur", "shoes", None, 50),
        ("shoes under$50", "shoes", None, 50),
        ("shoes under 50$", "shoes", None, 50),
        ("shoes under £50", "shoes", None, 50),
        ("laptops under 50k", "laptops", None, 50_000),
        ("jackets under €49,99", "jackets", None, 49.99),
        ("jackets under $49.99", "jackets", None, 49.99),
        ("red shoes under rs 500", "red shoes", None, 500),
        ("red shoes under Rs. 1,03,990", "red shoes", None, 103_990),
        ("red shoes under Rs.500", "red shoes", None, 500),
        ("red shoes under ₹2,000 for men", "red shoes for men", None, 2000),
        ("tv under 500 usd", "tv", None, 500),
        ("$50 and under shoes", "shoes", None, 50),
        ("shoes 50 dollars or less", "shoes", None, 50),
        ("under $50 running shoes", "running shoes", None, 50),
        ("gifts for under 50", "gifts", None, 50),
        ("gifts for men under 30", "gifts for men", None, 30),
        ("kids toys under 10", "kids toys", None, 10),
        ("laptop under $15.6", "laptop", None, 15.6),
        ("tv from 1950 to 2150", "tv", 1950, 2150),
        ("shoes under 50 only", "shoes", None, 50),
        ("shoes, under 50!", "shoes", None, 50),
        ("price under 50 lamp", "lamp", None, 50),
        ("laptop over 100", "laptop", 100, None),
        ("laptop above €1,000", "laptop", 1000, None),
        ("laptop more than 500", "laptop", 500, None),
        ("laptop at least 500", "laptop", 500, None),
        ("laptop from $500", "laptop", 500, None),
        ("laptop $500+", "laptop", 500, None),
        ("laptop $500 and up", "laptop", 500, None),
        ("shoes from 20 to 50", "shoes", 20, 50),
        ("shoes between 20 and 50", "shoes", 20, 50),
        ("shoes between $20-$50", "shoes", 20, 50),
        ("shoes 20-50 dollars", "shoes", 20, 50),
        ("shoes $20 - $50", "shoes", 20, 50),
        ("shoes $20–$50", "shoes", 20, 50),
        ("lamp priced between 10 and 20", "lamp", 10, 20),
        ("shirt upto 500", "shirt", None, 500),
        ("shirt up to 500", "shirt", None, 500),
        ("shirt upto 499 for men", "shirt for men", None, 499),
        ("under 500 shirt", "shirt", None, 500),
        ("less than 300 wallet", "wallet", None, 300),
        ("men under 1000 sneakers", "men sneakers", None, 1000),
        ("wallet 300-500", "wallet", 300, 500),
        ("tv 10k-15k", "tv", 10_000, 15_000),
        ("tv between 40-50k", "tv", 40_000, 50_000),
        ("tv 1 to 2 lakh", "tv", 100_000, 200_000),
        ("tv from 10 to 20 thousand rupees", "tv", 10_000, 20_000),
        ("wallet 300 - 500", "wallet", 300, 500),
        ("wallet 200 to 350 for men", "wallet for men", 200, 350),
        ("tv under 1 lakh", "tv", None, 100_000),
        ("tv under 1.5 lakhs", "tv", None, 150_000),
        ("tv under 20 thousand rupees", "tv", None, 20_000),
        ("ring above 1 crore", "ring", 10_000_000, None),
        ("tv around $500", "tv", 500, 500),
        ("tv price 500", "tv", 500, 500),
        ("shirt under", "shirt", None, None),
        ("wallet less than", "wallet", None, None),
    ],
)
def test_prices(raw: str, left: str, low: float | None, high: float | None) -> None:
    assert read(raw) == (left, [("price", low, high)])


@pytest.mark.parametrize(
    "raw",
    [
        "headphones 4 stars and up",
        "headphones 4 stars & up",
        "headphones 4+ stars",
        "headphones 4-star and above",
        "headphones 4★ and up",
        "headphones 4 or more stars",
        "headphones rated 4+",
        "headphones rated above 4",
        "headphones with at least 4 stars",
        "headphones minimum 4 star rating",
        "headphones rating over 4",
        "rated 4 and above headphones",
        "headphones 4+ rated",
    ],
)
def test_ratings(raw: str) -> None:
    assert read(raw) == ("headphones", [("rating", 4, None)])


@pytest.mark.parametrize(
    ("raw", "low", "high"),
    [
        ("shirt 500", 500, 500),
        ("shirt 2000", 2000, 2000),
        ("shirt rs 500", 500, 500),
        ("₹500 shirt", 500, 500),
        ("rs 500 shirt", 500, 500),
        ("500 rs shirt", 500, 500),
        ("$50 gift card", 50, 50),
        ("shirt around 500", 500, 500),
        ("about 500 shirt", 500, 500),
        ("wallet 5000+", 5000, None),
        ("wallet from 500", 500, None),
        ("wallet min 500", 500, None),
        ("500-1000 shoes", 500, 1000),
        ("500 to 1000 shoes", 500, 1000),
        ("between 500 and 1000 shoes", 500, 1000),
        ("10k-15k tv", 10_000, 15_000),
        ("10-15k tv", 10_000, 15_000),
        ("t-shirt 500", 500, 500),
        ("शर्ट 500", 500, 500),
        ("backpack 4 star", 4, None),
        ("4.5 star backpack", 4.5, None),
        ("backpack rated 4.5", 4.5, None),
    ],
)
def test_prices_where_no_product_holds_the_number(raw: str, low: float, high: float | None) -> None:
    (limit,) = limits_of(tokens_of(raw, normalize(raw)))
    assert (limit.doubtful, limit.low, limit.high) == (True, low, high)


@pytest.mark.parametrize(
    "raw",
    [
        "shirt 38", "500 shirt", "magazine 1950", "capacity 500", "bag for women 500", "resistor 5x 500", "insert 515",
        "tea 500 g", "air max 90", "stories about 500 days", "under", "pull over",
        "movie review 2",
    ],
)  # fmt: skip
def test_numbers_that_are_no_prices_whatever_products_hold(raw: str) -> None:
    assert limits_of(tokens_of(raw, normalize(raw))) == []


@pytest.mark.parametrize(
    "raw", ["ps5 in stock", "in stock ps5", "ps5 in-stock", "ps5 available now", "ps5 in stock now"]
)
def test_stock(raw: str) -> None:
    assert read(raw) == ("ps5", [("stock", None, None)])


def test_several_at_once() -> None:
    assert read("headphones rated 4.5+ under 50 in stock") == (
        "headphones",
        [("rating", 4.5, None), ("price", None, 50), ("stock", None, None)],
    )


@pytest.mark.parametrize(
    "raw",
    [
        "under cabinet lighting",
        "over the range microwave",
        "over ear headphones",
        "under armour 2xl",
        "under desk treadmill 300",
        "5 pounds dumbbell",
        "dumbbell under 5 pounds",
        "dumbbell under 5 lbs",
        "tv under 32 inch",
        'tv under 32"',
        "tv under 32 in",
        "ladder over 6 ft",
        "1/2 in drill bit",
        "4 in 1 printer",
        "2 in 1 laptop",
        "under 18 games",
        "games under 18",
        "games for over 21",
        "toys for kids under 5",
        "toys for boys under 12",
        "toys for ages 3 to 5",
        "ages from 3 to 5",
        "vitamins for women over 50",
        "multivitamin men above 50",
        "puzzle over 1000 pieces",
        "sheets over 400 thread count",
        "meals under 500 calories",
        "nike air max 90",
        "iphone 15 pro max 256",
        "max 256",
        "size under 10",
        "spf above 50 sunscreen",
        "tv mount up to 70",
        "up to 55 inch tv mount",
        "30 min timer",
        "up to 500 lumens flashlight",
        "under 100 watt bulb",
        "under 500 calorie meals",
        "under 12 shirt",
        "under 500 2 pack",
        "over 500 shirt",
        "ladder upto 20",
        "capacity upto 500",
        "insert 200-250",
        "sandpaper 120-240",
        "size 100-200",
        "300-500",
        "300-500 wallet",
        "magazines 1900 to 2000",
        "drill bits 30-50",
        "power bank min 5000 mah",
        "20-50 screws",
        "8-10 person tent",
        "shoes size 9 - 10",
        "rug over 100 by 50",
        "gift for mom over 60",
        "laptop under 15.6",
        "phone above 6.5",
        "calendars from 2010 to 2020",
        "tv between 40 and 50 inches",
        "$50 gift card",
        "over 100 games in 1",
        "5 star ac",
        "3 star refrigerator",
        "energy 5 star and up",
        "star wars 4",
        "6+ stars",
        "ip rated 6",
        "fire rated over 2 hours",
        "rated 4 amps",
        "films under 3 stars",
        "stock pot",
        "out of stock",
        "not in stock",
        "in stock car racing",
        "not under 50",
        "from 1990",
        "shoes under 0",
        "shoes under 99999999999",
        "shoes between 50 and 20",
        "under",
        "$",
        "50",
        "7 eleven",
    ],
)
def test_what_states_no_limit(raw: str) -> None:
    assert read(raw) == (normalize(raw), [])


_WORDS = st.sampled_from(
    """
    under over between and from to max in stock rated stars up 4 4+ 4★ 50 $50 20-50 $ € rs usd inch shoes kids < ≤ - & .
    price 1,03,990 9.99 5k not or less for air
    """.split()  # noqa: SIM905
)


@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=25).map(" ".join)))
def test_tokens_hold_the_normalised_words_and_limits_lie_side_by_side(raw: str) -> None:
    normal = normalize(raw)
    tokens = tokens_of(raw, normal)
    assert [word for token in tokens for word in token.words] == normal.split()
    limits = limits_of(tokens)
    assert all(before.end <= after.start for before, after in pairwise(limits))
    assert all(0 <= limit.start < limit.end <= len(tokens) for limit in limits)
