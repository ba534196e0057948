"""Values as people write them → typed polars expressions; what cannot be read becomes null.

`parse_number` is the specification of `number` in plain Python: a property test holds the two together.
"""

import re
import unicodedata
from enum import Enum

import polars as pl

_SYMBOLS = r"R\$|US\$|A\$|C\$|CA\$|AU\$|NZ\$|HK\$|NT\$|S\$|\p{Sc}"
_CODES = (
    r"USD|EUR|GBP|INR|JPY|CNY|RMB|AUD|CAD|NZD|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|TRY|RUB|UAH|AED|SAR|QAR|EGP|ILS|ZAR"
    r"|NGN|KES|BRL|MXN|ARS|CLP|COP|PEN|KRW|THB|IDR|MYR|SGD|HKD|TWD|PHP|VND|PKR|BDT|LKR|Rs|kr|zł|Kč|Ft|lei|руб|TL|Rp|RM"
)
# Longest first where one symbol begins another; `re` does not know \p, so the Python twin spells the class out.
_SC_CLASS = "[" + "".join(chr(c) for c in range(0x20, 0x20D0) if unicodedata.category(chr(c)) == "Sc") + "]"

# "1 299,00" with spaces or apostrophes between thousands, else digits with dots and commas.
_DIGITS = r"([0-9]{1,3}(?:[ '’][0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]+(?:[.,][0-9]+)*)"


class NumberKind(Enum):
    """What may stand around the number. Words elsewhere mean that the cell is no number ("Get 5% off")."""

    PRICE = "price"
    RATING = "rating"
    COUNT = "count"
    PLAIN = "plain"


def _currency(sc_class: str) -> str:
    return rf"(?:{_SYMBOLS}|{_CODES})".replace(r"\p{Sc}", sc_class)


def _pattern(kind: NumberKind, sc_class: str) -> str:
    currency = _currency(sc_class)
    if kind is NumberKind.PRICE:
        before = rf"(?:(?:from|now|only|mrp|ab|price)\b[:.]?\s*)?(?:{currency}\.?\s*)?"
        after = rf"\s*(?:,-|:-|\.-)?\s*(?:{currency}\.?)?\s*(?:each|ea\.?|only|(?:[-/+(*]|per\b|incl|inkl).*)?"
    elif kind is NumberKind.RATING:
        before, after = "", r"\s*(?:(?:out of|of|von|/)\s*5(?:[.,]0)?)?\s*(?:stars?|★|⭐)?"
    elif kind is NumberKind.COUNT:
        before, after = r"\(?\s*", r"\s*\+?\s*(?:(?:global )?ratings?|reviews?|customer reviews?|votes?)?\s*\)?"
    else:
        before, after = "", ""
    return rf"(?i)^{before}\+?{_DIGITS}{after}$"


_PLAIN = r"^\+?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?$"
_THOUSANDS = r"^[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?$"  # 2,255  1,23,456.50
_DOTTED_THOUSANDS = r"^[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+$|^[0-9]{1,3}(?:\.[0-9]{3}){2,}$"  # 1.234,56  1.234.567
_EURO_THOUSAND = r"^[1-9][0-9]{0,2}\.[0-9]{3}$"  # 1.299 €: three decimals are no price in euros
_DECIMAL_COMMA = r"^[0-9]+,[0-9]+$"  # 4,3
_DECIMAL_POINT = r"^[0-9]+(?:\.[0-9]+)?$"


def parse_number(text: str, kind: NumberKind = NumberKind.PRICE) -> float | None:
    """The non-negative number that `text` says, or None where it says none.

    >>> [parse_number(text) for text in ("₹32,999", "1.234,56 €", "1 299,00 kr", "4,3", "Get", "-5", "NaN")]
    [32999.0, 1234.56, 1299.0, 4.3, None, None, None]
    """
    cell = _leading_point(unicodedata.normalize("NFKC", text).strip(" \t\r\n"))
    value: float | None = None
    if re.match(_PLAIN, cell):
        value = float(cell)
    elif found := re.match(_pattern(kind, _SC_CLASS), cell):
        token = re.sub("[ '’]", "", found.group(1))
        if re.match(r"^0,[0-9]+$", token):
            value = float(token.replace(",", "."))
        elif re.match(_THOUSANDS, token):
            value = float(token.replace(",", ""))
        elif re.match(_DOTTED_THOUSANDS, token) or ("€" in cell and re.match(_EURO_THOUSAND, token)):
            value = float(token.replace(".", "").replace(",", "."))
        elif re.match(_DECIMAL_COMMA, token) or re.match(_DECIMAL_POINT, token):
            value = float(token.replace(",", "."))
    return value if value is not None and value < float("inf") else None


def _leading_point(cell: str) -> str:
    """ "$.99" starts with a decimal point, the point of "Rs.499" belongs to the currency."""
    return re.sub(rf"^({_SC_CLASS}? ?)\.([0-9])", r"\g<1>0.\g<2>", cell)


def number(cell: pl.Expr, kind: NumberKind = NumberKind.PRICE) -> pl.Expr:
    """`parse_number` as an expression: String → Float64, null where no number is said."""

    def parse(cells: pl.Series) -> pl.Series:
        return _numbers(cells, kind)

    # Steps on a series, because one nested expression evaluates its inner regular expressions once per branch.
    return cell.map_batches(parse, return_dtype=pl.Float64, is_elementwise=True)


def _numbers(cells: pl.Series, kind: NumberKind) -> pl.Series:
    text, token = pl.col("text"), pl.col("token")
    start = cells.cast(pl.String).str.normalize("NFKC").str.strip_chars(" \t\r\n")
    start = start.str.replace(r"^(\p{Sc}? ?)\.([0-9])", "${1}0.${2}")
    found = start.str.extract(_pattern(kind, r"\p{Sc}"), 1).str.replace_all("[ '’]", "")
    no_commas = token.str.replace_all(",", "", literal=True)
    comma_is_point = token.str.replace(",", ".", literal=True)
    no_dots = token.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    euro_thousand = text.str.contains("€", literal=True) & token.str.contains(_EURO_THOUSAND)
    digits = (
        pl.when(text.str.contains(_PLAIN))
        .then(text.str.strip_prefix("+"))
        .when(token.str.contains(r"^0,[0-9]+$"))
        .then(comma_is_point)
        .when(token.str.contains(_THOUSANDS))
        .then(no_commas)
        .when(token.str.contains(_DOTTED_THOUSANDS) | euro_thousand)
        .then(no_dots)
        .when(token.str.contains(_DECIMAL_COMMA) | token.str.contains(_DECIMAL_POINT))
        .then(comma_is_point)
    )
    value = pl.DataFrame({"text": start, "token": found}).select(digits.cast(pl.Float64, strict=False)).to_series()
    return value.set(~value.is_finite(), None).alias(cells.name)


def price(cell: pl.Expr) -> pl.Expr:
    """A price in the unit that the shop writes: ≥ 0, else null."""
    return number(cell, NumberKind.PRICE)


def rating(cell: pl.Expr) -> pl.Expr:
    """Stars from 0 to 5; anything else, a price in the wrong column included, is null."""
    value = number(cell, NumberKind.RATING)
    return pl.when(value.is_between(0, 5)).then(value)


def whole_number(cell: pl.Expr, kind: NumberKind = NumberKind.COUNT) -> pl.Expr:
    """A whole number ≥ 0 as Int64: "2,255", "1.2k", "(37 ratings)"; null for fractions and words."""
    text = cell.str.normalize("NFKC")
    thousands = text.str.extract(r"(?i)^\(?\s*([0-9]+(?:[.,][0-9]+)?)\s*k\b").str.replace(",", ".", literal=True)
    value = pl.coalesce(thousands.cast(pl.Float64, strict=False) * 1000, number(cell, kind)).round(6)
    return pl.when((value == value.floor()) & (value < 2**53)).then(value).cast(pl.Int64, strict=False)


def currency(cell: pl.Expr) -> pl.Expr:
    """The currency symbol or code as written in a price, or null."""
    # Letters count as a currency only beside the number: "kr 5", "5 kr", but not "krill".
    words = rf"(?i)(?:^|[^\p{{L}}])({_CODES})(?:[^\p{{L}}]|$)"
    return pl.coalesce(cell.str.extract(rf"({_SYMBOLS})"), cell.str.extract(words))


def boolean(cell: pl.Expr) -> pl.Expr:
    """Whether something is in stock, from yes/no words or from a quantity; null for anything else."""
    word = cell.str.to_lowercase().str.replace_all(r"[^a-z0-9.]+", "")
    word = word.str.replace("^https?.*schema.?org", "")  # schema.org/InStock, as product feeds write it
    yes = ("true", "t", "yes", "y", "instock", "available", "onstock", "limitedavailability", "preorder", "backorder")
    no = ("false", "f", "no", "n", "outofstock", "unavailable", "soldout", "notavailable", "discontinued")
    quantity = word.str.extract(r"^([0-9]+(?:\.[0-9]+)?)$").cast(pl.Float64, strict=False)
    return (
        pl.when(word.is_in(yes))
        .then(True)
        .when(word.is_in(no))
        .then(False)
        .when(quantity.is_not_null())
        .then(quantity > 0)
    )


def moment(cell: pl.Expr) -> pl.Expr:
    """A time as Datetime(us, UTC): ISO 8601 with or without zone (UTC assumed), or epoch in s, ms or µs."""
    text = cell.str.strip_chars().str.to_uppercase().str.replace(r"\s*(?:UTC|GMT)$", "Z")
    iso = (
        text.str.replace(r"^([0-9]{4})/([0-9]{2})/([0-9]{2})", "${1}-${2}-${3}")
        .str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})$", "${1}T00:00")
        .str.replace(r"^([0-9-]{10})\s+", "${1}T")
        .str.replace(r"^([0-9-]{10}T[0-9]{2}:[0-9]{2})(Z|[+-][0-9:]+)?$", "${1}:00${2}")
        .str.replace(r"([0-9]),([0-9])", "${1}.${2}")
        .str.replace(r"^([0-9-]{10}T[0-9:.]+)\s*([+-][0-9]{2})$", "${1}${2}:00")
        .str.replace(r"^([0-9-]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)$", "${1}+00:00")
        .str.replace(r"\s+([+-])", "${1}")
    )
    # One pattern must not see both zoned and bare times: the bare ones have got their zone above.
    zoned = pl.when(iso.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")).then(iso)
    parsed = zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    ticks = text.str.extract(r"^([0-9]{9,16})(?:\.[0-9]+)?$").cast(pl.Int64, strict=False)
    micros = pl.when(ticks < 10**11).then(ticks * 10**6).when(ticks < 10**14).then(ticks * 1000).otherwise(ticks)
    return pl.coalesce(parsed, micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


_NOT_TEXT = r"[\x{00}-\x{1f}\x{7f}-\x{a0}\x{1680}\x{2000}-\x{200b}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]"


def tidy(cell: pl.Expr) -> pl.Expr:
    """Text without control characters and with single spaces; null where nothing is left."""
    text = cell.str.replace_all(_NOT_TEXT, " ").str.replace_all(r"  +", " ").str.strip_chars(" ")
    return text.replace("", None)


NOTHING_WORDS = ("nan", "n/a", "na", "null", "none", "nil", "#n/a", "-", "--", "?", "<na>", "nat")
_NOTHING = sorted({"NaN", "NaT"}.union(*({word, word.upper(), word.title()} for word in NOTHING_WORDS)))


def said(cell: pl.Expr) -> pl.Expr:
    """`tidy`, and the words that exports write for "nothing" ("nan", "N/A", "null", "-") are null."""
    return tidy(cell).replace(_NOTHING, None)
