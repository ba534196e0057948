"""What people write as numbers, times and booleans."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.importing.values import (
    NumberKind,
    boolean,
    currency,
    moment,
    number,
    parse_number,
    price,
    rating,
    said,
    tidy,
    whole_number,
)


def evaluate(texts: list[str | None], expression: pl.Expr) -> list[object]:
    return pl.DataFrame({"x": texts}, schema={"x": pl.String}).select(expression).to_series().to_list()


X = pl.col("x")

PRICES = [
    ("₹32,999", 32999.0),
    ("2,255", 2255.0),
    ("$1.99", 1.99),
    ("1.234,56 €", 1234.56),
    ("1.299 €", 1299.0),
    ("Rs. 499.00", 499.0),
    ("Rs.499", 499.0),
    ("USD 12", 12.0),
    ("12 USD", 12.0),
    ("1 299,00 kr", 1299.0),
    ("1\u00a0299,00 kr", 1299.0),
    ("1'299.00 CHF", 1299.0),
    ("4,3", 4.3),
    ("12,50", 12.5),
    ("0,125", 0.125),
    ("1,23,456.50", 123456.5),
    ("1,234,567", 1234567.0),
    ("$.99", 0.99),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("299:-", 299.0),
    ("$10.99 - $20.00", 10.99),
    ("9.99 incl. VAT", 9.99),
    ("R$ 1.234,56", 1234.56),
    ("0", 0.0),
    ("-5", None),
    ("-$5", None),
    ("$-5", None),
    ("NaN", None),
    ("inf", None),
    ("1e999", None),
    ("N/A", None),
    ("", None),
    ("Free", None),
    ("Get", None),
    ("Get 5% off", None),
    ("5% off", None),
    ("1.2.3", None),
    ("1,2,3", None),
    ("12 months", None),
]


@pytest.mark.parametrize(("text", "value"), PRICES)
def test_prices_as_people_write_them(text: str, value: float | None) -> None:
    assert parse_number(text) == value
    assert evaluate([text], price(X)) == [value]


numberish = st.text(alphabet="0123456789.,'’ +-eE$€₹¥krRsUSD/:()5outfN\u00a0", max_size=14)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(numberish, st.text(max_size=8)), min_size=1, max_size=60), st.sampled_from(list(NumberKind)))
def test_the_expression_agrees_with_its_specification(texts: list[str], kind: NumberKind) -> None:
    assert evaluate([*texts], number(X, kind)) == [parse_number(text, kind) for text in texts]


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False).map(lambda value: round(value, 2)))
def test_every_style_of_grouping_says_the_same(value: float) -> None:
    english = f"{value:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    swedish = english.replace(",", " ").replace(".", ",")
    assert parse_number(f"${english}") == pytest.approx(value)
    assert parse_number(f"{german} €") == pytest.approx(value)
    assert parse_number(f"{swedish} kr") == pytest.approx(value)


def test_ratings() -> None:
    texts = ["4.3 out of 5", "4.3/5", "4,3", "4.3 stars", "5", "0", "5.1", "Get", "₹68.99", "₹2.99", "-1", "FREE"]
    assert evaluate([*texts], rating(X)) == [4.3, 4.3, 4.3, 4.3, 5.0, 0.0] + [None] * 6


def test_whole_numbers() -> None:
    texts = ["2,255", "1.2k", "1.2K reviews", "(37 ratings)", "10+", "3.0", "12.5", "Only 2 left in stock.", "-3"]
    assert evaluate([*texts], whole_number(X)) == [2255, 1200, 1200, 37, 10, 3, None, None, None]


def test_currencies() -> None:
    texts = ["₹32,999", "12 USD", "1 299,00 kr", "R$ 5", "Rs. 499", "1.234,56 €", "12", "krill 5"]
    assert evaluate([*texts], currency(X)) == ["₹", "USD", "kr", "R$", "Rs", "€", None, None]


def test_booleans() -> None:
    yes = ["true", "In Stock", "1", "25", "https://schema.org/InStock", "YES"]
    no = ["false", "out of stock", "0", "http://schema.org/OutOfStock", "No", "sold out"]
    assert evaluate([*yes, *no, "maybe"], boolean(X)) == [True] * 6 + [False] * 6 + [None]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2011-10-15 00:04:14.438", datetime(2011, 10, 15, 0, 4, 14, 438000, UTC)),
        ("2020-01-01T00:00:00Z", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01T02:00:00+02:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01T10:05:00-0800", datetime(2020, 1, 1, 18, 5, tzinfo=UTC)),
        ("2020-01-01 10:05:06+00", datetime(2020, 1, 1, 10, 5, 6, tzinfo=UTC)),
        ("2020-01-01 10:05", datetime(2020, 1, 1, 10, 5, tzinfo=UTC)),
        ("2019-10-01 00:00:00 UTC", datetime(2019, 10, 1, tzinfo=UTC)),
        ("2020/05/06 07:08", datetime(2020, 5, 6, 7, 8, tzinfo=UTC)),
        ("1318636800", datetime(2011, 10, 15, tzinfo=UTC)),
        ("1318636800123", datetime(2011, 10, 15, 0, 0, 0, 123000, UTC)),
        ("2020-13-01", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moments(text: str, time: datetime | None) -> None:
    assert evaluate([text], moment(X)) == [time]


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_iso_times_keep_their_instant(naive: datetime, offset_minutes: int) -> None:
    zoned = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert evaluate([zoned.isoformat(), naive.isoformat(sep=" ")], moment(X)) == [zoned, naive.replace(tzinfo=UTC)]


def test_text_is_tidied() -> None:
    assert evaluate(["a\x00b\x07\n c", " \t ", "\u200b", "nan"], tidy(X)) == ["a b c", None, None, "nan"]
    assert evaluate(["nan", "N/A", "-", "Nana"], said(X)) == [None, None, None, "Nana"]
