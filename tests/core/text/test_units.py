"""Quantities have one form, and nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.normalize import normalize
from core.text.units import UNITS, canonical_units


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("18v drill", "18 volt drill"),
        ("60 watts bulb", "60 watt bulb"),
        ("192 litres", "192 liter"),
        ("3/4 in. x 3 inches x 8'", "3/4 in x 3 in x 8 ft"),
        ("6'' pipe", "6 in pipe"),
        ("1-gal. paint", "1 gal paint"),
        ("100 sq. ft. tile", "100 sq ft tile"),
        ("1.9 cu-ft oven", "1.9 cu ft oven"),
        ("64 gigabytes", "64 gb"),
        ("12-pack", "12 pack"),
        ("xx-large shirt", "2xl shirt"),
        ("extra large", "xl"),
        ("2 d", "2 d"),
        ("iphone 6 plus", "iphone 6 plus"),
        ("watt meter", "watt meter"),
        ("m18 fuel", "m18 fuel"),
    ],
)
def test_quantities_and_sizes(typed: str, canonical: str) -> None:
    assert canonical_units(normalize(typed)) == canonical


@given(st.lists(st.sampled_from(["18v", "18", "2x4", "x-large", "of", '6"', "v", *" ".join(UNITS.values()).split()])))
def test_applying_it_twice_changes_nothing(words: list[str]) -> None:
    once = canonical_units(" ".join(words))
    assert canonical_units(once) == once


def test_every_spelling_leads_to_its_unit() -> None:
    for unit, others in UNITS.items():
        for spelling in (unit, *others.split()):
            assert canonical_units(f"7 {spelling}") == f"7 {unit}"
            assert canonical_units(f"7-{spelling}") == f"7 {unit}"
