"""What becomes of Gemini's words: what is usable stays, the rest is dropped and counted, numbers are the tables'."""

import dataclasses
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.catalog import make_products
from data_generation.providers.gemini_schemas import DepartmentWords, PersonaWords, QueryWords
from data_generation.providers.gemini_words import persona, phrases, product_types, with_known_brands
from data_generation.tables import ProductType
from tests.data_generation.providers.gemini_server import department
from tests.data_generation.providers.small_tables import TYPES, kind, shopper

SHOES = [row for row in TYPES if row.department == "Shoes"]


def types_of(words: dict[str, Any], taken: tuple[str, ...] = ()) -> tuple[list[ProductType], Counter[str]]:
    return product_types("Shoes", DepartmentWords.model_validate(words), SHOES, taken)


def with_family(**changes: object) -> dict[str, Any]:
    """Two families, one of them changed."""
    words = department("Shoes", 2)
    words["families"][1] |= changes
    return words


def test_good_words_become_types() -> None:
    types, dropped = types_of(department("Shoes", 2))
    assert dropped == {}
    assert [row.name for row in types] == ["Shoes Thing A", "Shoes Thing B"]
    assert types[0] == ProductType(
        name="Shoes Thing A",
        department="Shoes",
        brands=("Shoesora", "Shoesix"),
        series=("Dawn", "Dusk"),
        titles=("{brand} {style} {name}, {size}", "{brand} {series} {name} - {size}"),
        slots={"style": ("Plain", "Fancy", "Grand"), "size": ("Small", "Medium", "Large")},
        features=("a lid", "a long cord", "two wheels"),
        uses=("beginners", "travel"),
        price=(40, 160),
        weight=3,
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "shoes thing a"}, "duplicate name"),
        ({"name": "Taken Already"}, "duplicate name"),
        ({"name": ""}, "invalid value"),
        ({"name": "{brand} Shoes"}, "invalid value"),
        ({"name": "N" * 41}, "invalid value"),
        ({"titles": ["{brand} {colour} {name}"]}, "unknown slot in a title"),
        ({"titles": ["{brand} {name}", "{brand} {name} {}"]}, "unknown slot in a title"),
        ({"titles": ["{brand.__class__} {brand} {name}"]}, "unknown slot in a title"),
        ({"titles": ["{brand!r} {name}"]}, "invalid value"),
        ({"titles": ["{brand:>9999} {name}"]}, "invalid value"),
        ({"titles": ["{brand} {name"]}, "invalid value"),
        ({"titles": ["{brand} {{name}} {name}"]}, "invalid value"),
        ({"titles": ["{style} {name}"]}, "title without a brand or a name"),
        ({"titles": []}, "empty list"),
        ({"features": ["a lid", "with a lid"]}, "empty list"),
        ({"features": ["a lid", "a\x00bag"]}, "invalid value"),
        ({"uses": []}, "empty list"),
        ({"uses": ["home", "<b>travel</b>"]}, "invalid value"),
        ({"slots": [{"attribute": "style", "values": []}]}, "empty list"),
        ({"slots": [{"attribute": "style", "values": ["Plain", ""]}]}, "invalid value"),
        ({"slots": [{"attribute": "Style", "values": ["Plain"]}]}, "invalid value"),
        ({"slots": [{"attribute": "brand", "values": ["Plain"]}]}, "invalid value"),
        ({"slots": [{"attribute": "style", "values": ["Plain"]}] * 2}, "invalid value"),
    ],
)
def test_a_family_that_cannot_be_used_is_dropped_and_counted(changes: dict[str, object], reason: str) -> None:
    types, dropped = types_of(with_family(**changes), ("taken already",))
    assert [row.name for row in types] == ["Shoes Thing A"]
    assert dropped == {f"family: {reason}": 1}


def test_little_words_that_the_shop_puts_itself_are_taken_off() -> None:
    types, _ = types_of(with_family(features=["with a lid", "a  bag "], uses=["for beginners", "for beginners"]))
    assert types[1].features == ("a lid", "a bag")
    assert types[1].uses == ("beginners",)


@pytest.mark.parametrize("missing", ["brands", "series"])
def test_without_brands_or_series_there_are_no_types(missing: str) -> None:
    types, dropped = types_of(department("Shoes") | {missing: ["{}", "  "]})
    assert types == []
    assert dropped == {f"{missing.removesuffix('s') if missing == 'brands' else missing}: invalid value": 2}


def test_numbers_are_those_of_the_type_that_is_nearest_in_name_or_the_medians() -> None:
    def priced(name: str) -> tuple[tuple[float, float], float]:
        (row,), _ = types_of(
            department("Shoes", 1) | {"families": [department("Shoes", 1)["families"][0] | {"name": name}]}
        )
        return row.price, row.weight

    assert priced("Running Shoes") == ((40, 160), 3)
    assert priced("Sandal") == ((15, 60), 1)
    assert priced("House Slippers") == ((8, 30), 1)
    assert priced("Umbrella") == ((15, 60), 1)  # the medians of 8, 15, 40 and of 30, 60, 160


WORD = st.text(st.characters(codec="utf-8"), max_size=45) | st.sampled_from(
    ["Lamp", "{brand} {name}", "{size}", "size"]
)
SLOT = st.fixed_dictionaries({"attribute": WORD, "values": st.lists(WORD, max_size=3)})
FAMILY = st.fixed_dictionaries(
    {name: st.lists(WORD, max_size=3) for name in ("titles", "features", "uses")}
    | {"name": WORD, "slots": st.lists(SLOT, max_size=2)}
)


@given(st.lists(FAMILY, max_size=4), st.lists(WORD, max_size=3), st.lists(WORD, max_size=3))
def test_whatever_comes_either_makes_products_or_is_dropped(
    families: list[dict[str, Any]], brands: list[str], series: list[str]
) -> None:
    fine = department("Shoes", 1)
    words = {"families": families + fine["families"], "brands": [*brands, "Fine"], "series": [*series, "Fine"]}
    types, dropped = types_of(words)
    assert len(types) + sum(count for reason, count in dropped.items() if "family" in reason) == len(families) + 1
    for product in make_products(types, 5 * len(types), 1):
        assert product.title and "{" not in product.title and product.price > 0


def test_a_persona_keeps_its_numbers_and_gets_other_words() -> None:
    template = shopper("reader")
    words = PersonaWords(
        name="reader",
        departments=["garden & outdoor", "Baby", "Toys", "Garden & Outdoor"],
        brands=["Sunny", "Unknown"],
        vocabulary=["Second hand {query}", "{query} {size}", "no place for it", "{query}", "{query} or {query}"],
    )
    new, dropped = persona(template, words, ["Shoes", "Baby", "Garden & Outdoor"], ["Sunny", "Oldbrand"])
    assert new == dataclasses.replace(
        template,
        departments={"Garden & Outdoor": 6, "Baby": 2},
        brands=("Sunny",),
        vocabulary=("second hand {query}",),
    )
    assert list(new.departments) == ["Garden & Outdoor", "Baby"]
    assert dropped == {
        "department: not one of the shop's": 1,
        "brand: not one of the shop's": 1,
        "pattern: invalid value": 4,
    }


def test_a_persona_without_usable_words_stays_as_it_was_but_for_brands_nobody_sells() -> None:
    template = shopper("reader")
    nothing = PersonaWords(name="reader", departments=["Toys"], brands=[], vocabulary=["{oops}"])
    new, _ = persona(template, nothing, ["Shoes"], ["Oldbrand"])
    assert new == with_known_brands(template, ["Oldbrand"])
    assert new == dataclasses.replace(template, brands=("Oldbrand",))


def test_queries_are_as_they_are_typed() -> None:
    rows = [
        {
            "kind": "rain  boots",
            "queries": ["Women's Rain Boots", "womens rain boots", "wellies, black", "", "{x}", "w" * 81],
        },
        {"kind": "Rain Boots", "queries": ["again"]},
        {"kind": "Never Asked", "queries": ["what"]},
        {"kind": "Clogs", "queries": []},
    ]
    found, dropped = phrases(QueryWords.model_validate({"kinds": rows}), ["Rain Boots", "Clogs"])
    assert found == {"Rain Boots": ("womens rain boots", "wellies black")}
    assert dropped == {"query: invalid value": 3, "kind: unknown or named twice": 2}


def test_a_lone_type_gives_its_numbers_to_all() -> None:
    types, _ = product_types("Lamps", DepartmentWords.model_validate(department("Lamps", 2)), [kind("Lamp", "Lamps")])
    assert {(row.price, row.weight) for row in types} == {((10, 50), 1)}
