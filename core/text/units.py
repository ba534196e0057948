"""Units of measure and sizes in one canonical form each (CADENCE §4.1.1: `w, watts, watt → watt`).

Works on normalised text. A number and its unit become two words, since titles write `18 volt` where shoppers type
`18v` and `18-volt`. A single letter is a unit only where the number touches it, and only the letters of `_GLUED`:
`60w` is watts, `2 d` is nothing. Sizes of clothes are one word (`2xl`).
"""

from collections.abc import Mapping

import regex as re

UNITS: Mapping[str, str] = {
    # canonical: other spellings
    # lengths
    "in": "inch inches ins",
    "ft": "foot feet fts",
    "yd": "yard yards yds",
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres cms",
    "meter": "meters metre metres mtr mtrs",
    # areas, volumes and flow
    "sq ft": "sqft sq-ft square-feet square-foot",
    "cu ft": "cuft cu-ft cubic-feet cubic-foot",
    "gal": "gallon gallons gals",
    "qt": "quart quarts qts",
    "ml": "milliliter milliliters millilitre millilitres mls",
    "liter": "liters litre litres ltr ltrs",
    "fl oz": "floz fl-oz",
    "cfm": "cfms",
    # weights
    "oz": "ounce ounces ozs",
    "lb": "pound pounds lbs",
    "kg": "kilogram kilograms kilo kilos kgs",
    "gram": "grams gm gms",
    # power and electricity
    "volt": "volts",
    "watt": "watts",
    "kw": "kilowatt kilowatts",
    "amp": "amps ampere amperes",
    "mah": "milliamp-hour milliamp-hours",
    "hp": "horsepower",
    "btu": "btus",
    "hz": "hertz",
    # storage
    "gb": "gigabyte gigabytes gbs",
    "tb": "terabyte terabytes tbs",
    "mb": "megabyte megabytes",
    # counts
    "pack": "pk pks packs",
    "piece": "pc pcs pieces",
}
_GLUED: Mapping[str, str] = {"v": "volt", "w": "watt", '"': "in", "'": "ft", "l": "liter", "g": "gram"}
_SIZES: Mapping[str, str] = {
    "xs": "x-small extra-small xsmall",
    "xl": "x-large extra-large xlarge",
    "2xl": "xxl 2x-large xx-large",
    "3xl": "xxxl 3x-large xxx-large",
}
_NUMBER = r"\d+(?:[./-]\d+)*"

_CANONICAL = {
    re.sub(r"[ -]", " ", spelling): unit for unit, others in UNITS.items() for spelling in (unit, *others.split())
}
_SIZE_OF = {spelling.replace("-", " "): size for size, others in _SIZES.items() for spelling in others.split()}


def _any_of(spellings: Mapping[str, str]) -> str:
    """Alternatives, longest first; the blank of two words may be a hyphen."""
    return "|".join(spelling.replace(" ", "[ -]") for spelling in sorted(spellings, key=len, reverse=True))


_QUANTITY = re.compile(rf"""(?<!\S)({_NUMBER})(?:([{"".join(_GLUED)}])|[ -]?({_any_of(_CANONICAL)}))(?!\S)""")
_SIZE = re.compile(rf"(?<!\S)({_any_of(_SIZE_OF)})(?!\S)")

ABBREVIATIONS = frozenset(spelling for spelling in _CANONICAL if len(spelling) <= 3)
"""Units that are no words of their own: nothing begins with `ft` or `oz`."""


def canonical_units(text: str) -> str:
    """`text` with every quantity and size in its canonical form; idempotent (property-tested)."""
    text = _SIZE.sub(lambda match: _SIZE_OF[match.group().replace("-", " ")], text)
    return str(_QUANTITY.sub(_quantity, text))


def unit_named(word: str) -> str | None:
    """The canonical form of the unit that `word` names after a number (`inch`: `in`); None if it names none."""
    return _CANONICAL.get(word)


def _quantity(match: "re.Match[str]") -> str:
    number, letter, spelling = match.groups()
    return f"{number} {_GLUED[letter] if letter else _CANONICAL[spelling.replace('-', ' ')]}"
