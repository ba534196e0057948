"""Each step of query cleaning, with its switch, and what it must leave alone."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.log_spelling import LogSpelling
from core.text.query_cleaning import QueryCleaner, QueryCleaning
from core.text.singular import Singulars

CATALOGUE = {
    "drill": 40.0, "lawn": 25.0, "sprinkler": 30.0, "mower": 20.0, "ryobi": 15.0, "shoe": 30.0, "shoes": 12.0,
    "box": 9.0, "canvas": 12.0, "glass": 50.0, "plier": 1.0, "adidas": 30.0, "bins": 20.0, "bind": 19.0, "phone": 9.0,
}  # fmt: skip
EVERYTHING = QueryCleaning(spelling=True, stop_words=True, units=True, singulars=True)
NOTHING = QueryCleaning(spelling=False, stop_words=False, units=False, singulars=False)
COUNTS = CATALOGUE | {"boxes": 20.0, "glasses": 20.0, "pliers": 30.0, "phones": 3.0}


def cleaner(steps: QueryCleaning) -> QueryCleaner:
    return QueryCleaner(steps, CATALOGUE, COUNTS)


@pytest.mark.parametrize(
    ("query", "cleaned"),
    [
        ("lawn sprkinler", "lawn sprinkler"),
        ("the ryobi 18v drill", "ryobi 18 volt drill"),
        ("boxes for shoes", "box for shoe"),  # the joiner stays
        ("adidas canvas", "adidas canvas"),
        ("glasses pliers", "glasses pliers"),
        ("the", "the"),  # nothing else is left
    ],
)
def test_all_steps(query: str, cleaned: str) -> None:
    assert cleaner(EVERYTHING).clean(query) == cleaned


@pytest.mark.parametrize("step", [field.name for field in dataclasses.fields(QueryCleaning)])
def test_a_step_that_is_off_does_nothing(step: str) -> None:
    examples = {"spelling": "sprkinler", "stop_words": "the drill", "units": "18v drill", "singulars": "boxes"}
    only = dataclasses.replace(NOTHING, **{step: True})
    without = dataclasses.replace(EVERYTHING, **{step: False})
    assert cleaner(only).clean(examples[step]) != examples[step]
    assert cleaner(without).clean(examples[step]) == examples[step]


def test_spelling_is_confident_or_silent() -> None:
    spelling = LogSpelling(CATALOGUE)
    assert spelling.correct_word("mowerr") == "mower"
    assert spelling.correct_word("binz") == "binz"  # bins and bind are equally near and common
    assert spelling.correct_word("house") == "house"  # English, though no title holds it
    assert spelling.correct_word("xrill") == "xrill"  # first letters are seldom wrong
    assert spelling.correct_word("a53x") == "a53x"
    assert LogSpelling(CATALOGUE, frozenset({"mowerr"})).correct_word("mowerr") == "mowerr"


def test_singular_needs_the_shop_to_use_it() -> None:
    singulars = Singulars(COUNTS)
    assert singulars.of("phones") == "phone"
    assert singulars.of("batteries") == "batteries"  # the shop never writes battery
    assert Singulars(COUNTS, frozenset({"phones"})).of("phones") == "phones"


@given(st.lists(st.sampled_from([*COUNTS, "18v", "the", "for", "drlil", "xxl"]), min_size=1, max_size=6))
def test_cleaning_is_idempotent_and_never_empty(words: list[str]) -> None:
    made = cleaner(EVERYTHING)
    once = made.clean(" ".join(words))
    assert once and made.clean(once) == once
