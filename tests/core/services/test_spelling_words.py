"""Which words a search may have been meant to hold."""

from core.domain import Product
from core.retrieval.columns import build_columns
from core.retrieval.lexical_build import build_lexical
from core.services.spelling_words import spelling_words

PRODUCTS = [
    Product("1", "Loud headphones", category="Televisions", attributes={"kind": "On Ear"}),
    Product("2", "Quiet headphones", category="Televisions", brand="Zorbo"),
    Product("3", "Glasses", category="Quiet things", attributes={"size": "32", "kind": "Reading"}),
]


def test_words_of_values_and_singulars_join_those_of_titles() -> None:
    words = spelling_words(
        {"headphones": 8.0, "glasses": 3.0, "quiet": 5.0}, build_columns(PRODUCTS), build_lexical(PRODUCTS)
    )
    assert words == {
        "headphones": 8.0, "glasses": 3.0, "quiet": 5.0,  # as they were
        "televisions": 2, "things": 1, "zorbo": 1, "on": 1, "ear": 1, "reading": 1,
        "headphone": 4.0,  # a `glasse` is none
    }  # fmt: skip


def test_a_shop_without_columns_adds_nothing() -> None:
    assert spelling_words({"lamp": 1.0}, build_columns([]), build_lexical([])) == {"lamp": 1.0}
