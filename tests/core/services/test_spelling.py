"""Spelling of searches, in context."""

import pytest

from core.domain import Product
from core.retrieval.lexical import LexicalIndex
from core.retrieval.lexical_build import build_lexical, live_segment, weighted_terms
from core.services.spelling import SearchSpeller, Spelled

TITLES = [
    *["Oak board"] * 2000,
    *["Bathroom faucet chrome"] * 30,
    *["Ceiling fan white", "Water line kit", "Table lamp"] * 10,
    *["Bosch dishwasher"] * 6,
    *["Vacuum cleaner bag"] * 30,
    *["Golf caddy cart"] * 8,
    *["Makita cordless caddie drill"] * 3,
    *["Curb stone grey", "Crumb rubber mat"] * 40,
    *["Power bank 5000 mAh", "Powerball candy"] * 2,
    "Vaccum cleaner hose",
    "Facet of a chrome lamp",
    "Drill DCD771",
]  # fmt: skip
COUNTS = {
    "bathroom": 40.0, "faucet": 500.0, "facet": 3.0, "chrome": 30.0, "ceiling": 20.0, "fan": 20.0, "white": 10.0,
    "water": 30.0, "line": 20.0, "kit": 10.0, "dishwasher": 20.0, "vacuum": 300.0, "vaccum": 1.0, "cleaner": 40.0,
    "curb": 10.0, "crumb": 9.0, "rubber": 9.0, "mat": 9.0, "stone": 9.0, "grey": 9.0, "lamp": 10.0, "table": 10.0,
    "drill": 10.0, "cast": 40.0, "power": 2.0, "bank": 1.0, "powerball": 9.0, "tan": 90.0, "stick": 90.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def lexical() -> LexicalIndex:
    return build_lexical([Product(str(number), title) for number, title in enumerate(TITLES)])


@pytest.fixture(scope="module")
def speller(lexical: LexicalIndex) -> SearchSpeller:
    return SearchSpeller(lexical, COUNTS)


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("bathrom fuacet", "bathroom faucet"),
        ("ceilingfan white", "ceiling fan white"),  # split
        ("waterline kit", "water line kit"),
        ("powerbank", "power bank"),  # however rare its parts
        ("dish washer", "dishwasher"),  # joined: `dish` and `washer` are in no product
        ("bath rom faucet", "bathroom faucet"),  # joined and mended
        ("crub rubber", "crumb rubber"),  # in context
        ("crub stone", "curb stone"),
        ("vaccum cleaner", "vacuum cleaner"),  # one title has it, but many say otherwise
    ],
)
def test_what_was_meant(speller: SearchSpeller, typed: str, meant: str) -> None:
    spelled = speller.spell(typed)
    assert spelled.text == meant and spelled.changed


@pytest.mark.parametrize(
    "typed",
    [
        "bathroom faucet", "faucets", "dcd772 drill", "fan 18v", "zzyzzx", "", "a", "кран белый",
        "lamp less than 50", "kit in stock",  # how limits are stated, read or not
        "cost",  # an English word that is not sold, however frequent `cast`
    ],
)  # fmt: skip
def test_what_is_left_alone(speller: SearchSpeller, typed: str) -> None:
    assert speller.spell(typed) == Spelled(typed)


def test_changes_are_told(speller: SearchSpeller) -> None:
    assert speller.spell("dish washer vaccum").changed == (("dish washer", "dishwasher"), ("vaccum", "vacuum"))


def test_a_known_word_beside_a_likelier_one_is_asked_about(speller: SearchSpeller) -> None:
    spelled = speller.spell("bathroom facet")
    assert spelled == Spelled("bathroom facet", (), "bathroom faucet")


def test_an_unknown_word_that_is_far_from_all_known_ones_is_asked_about(speller: SearchSpeller) -> None:
    assert speller.spell("tbalk") == Spelled("tbalk", (), "table")
    assert speller.spell("tbale").text == "table"  # few edits
    assert speller.spell("acue") == Spelled("acue")  # too far even for that
    assert speller.spell("tbalk lamp table").text == "tbalk lamp table"  # nobody says it twice


def test_other_words_make_a_far_one_sure(speller: SearchSpeller) -> None:
    assert speller.spell("ruxxer") == Spelled("ruxxer", (), "rubber")
    assert speller.spell("crumb ruxxer mat").text == "crumb rubber mat"


def test_words_of_products_added_since_are_known(speller: SearchSpeller, lexical: LexicalIndex) -> None:
    assert speller.spell("lampa table").text == "lamp table"
    added = live_segment([weighted_terms(Product("new", "Lampa de table"), lexical.compounds)], lexical)
    assert speller.spell("lampa table", LexicalIndex(lexical.base, live=added)).text == "lampa table"


def test_a_long_text_is_searched_as_it_is_behind_its_beginning(speller: SearchSpeller) -> None:
    words = ["fuacet"] * 40
    assert speller.spell(" ".join(words)).text.split() == ["faucet"] * 12 + words[12:]


def test_a_shop_without_words_changes_nothing() -> None:
    speller = SearchSpeller(build_lexical([]), {}, ordinary=frozenset())
    assert speller.spell("fuacet dish") == Spelled("fuacet dish")
