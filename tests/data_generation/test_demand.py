"""Departments of any shop find their season, and what gets used up, by the words of their names."""

import pytest

from data_generation.demand import Season, gets_used_up, season_of, words_of
from data_generation.tables import load_types


def test_words_are_compared_in_lower_case_and_in_the_singular() -> None:
    assert words_of("Women's Fashion & Accessories, of SA") == {"women", "fashion", "accessory"}
    assert words_of("") == frozenset()


@pytest.mark.parametrize(
    ("department", "season"),
    [
        ("Toys & Games", Season(12, 0.8)),
        ("Video Games", Season(11, 0.5)),  # the very name, although toys and games share a word with it
        ("Garden Tools", Season(5, 0.6)),
        ("garden, outdoor", Season(5, 0.6)),  # two words in common with the garden, one with sports
        ("Party", Season(12, 0.9)),
        ("Lamps", None),
        ("手袋", None),
    ],
)
def test_a_department_has_the_season_of_the_name_that_is_most_like_its_own(
    department: str, season: Season | None
) -> None:
    assert season_of(department) == season


@pytest.mark.parametrize(
    ("department", "kind", "used_up"),
    [
        ("Pet Supplies", "Dry Dog Food", True),
        ("Pet Supplies", "Dog Bed", False),
        ("Groceries", "Groceries", True),
        ("hair", "hair dryers", False),
        ("Coffee Makers", "Coffee Makers", False),
        ("Office Supplies", "Office Supplies", False),
        ("Garden Tools", "Rake", False),
        ("Pet Supplies", "Kitten Food", True),  # no kit
        ("Food/Drink", "Tea", True),
        ("Kitchen Cleaning", "Kitchen Cleaning", True),
        ("Coffee Tables", "Coffee Tables", False),
        ("Food Processors", "Food Processors", False),
        ("Personal Computers", "Personal Computers", False),
        ("Dog Collars", "Dog Collars", False),
        ("Hair Accessories", "Hair Accessories", False),
    ],
)
def test_food_is_used_up_and_tools_last(department: str, kind: str, used_up: bool) -> None:
    assert gets_used_up(department, kind) is used_up


def test_in_the_made_up_shop_a_part_gets_used_up() -> None:
    departments = {kind.department for kind in load_types() if gets_used_up(kind.department, kind.name)}
    assert departments == {
        "Baby", "Beauty & Personal Care", "Grocery & Gourmet", "Health & Household", "Pet Supplies",
    }  # fmt: skip
