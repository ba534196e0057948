"""The filters of title cleaning against values worked out by hand."""

import math

import pytest

from core.text.title_cleaning import (
    Segment,
    TitleCleaning,
    entropy,
    filter_words,
    low_association,
    low_entropy,
    protected_words,
    split_titles,
    spread_over_categories,
)

LAMPS: list[list[Segment]] = [[("red", "lamp")], [("blue", "lamp")], [("zx9000", "lamp", "lamp")]]


def test_entropy_of_even_and_uneven_counts() -> None:
    assert entropy([1, 1]) == pytest.approx(math.log(2))
    assert entropy([3, 1]) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert entropy([5]) == 0


def test_low_entropy_is_the_papers_rule() -> None:
    # H(lamp) = entropy([1, 1, 2]) / 3 = 1.04 / 3; the words of one title have 0; the mean lies between.
    assert low_entropy(LAMPS, [0, 0, 0]) == {0: {"red", "blue", "zx9000"}}


def test_protection_keeps_models_and_brands() -> None:
    steps = TitleCleaning(entropy="low")
    assert filter_words(LAMPS, [0, 0, 0], steps, ["blue"]) == [
        [("lamp",)], [("blue", "lamp")], [("zx9000", "lamp", "lamp")],
    ]  # fmt: skip
    titles: list[list[Segment]] = [[("acme", "saw")], [("acme", "drill")], [("acme", "drill", "bit")]]
    assert {"acme"} == protected_words(titles) & {"acme", "drill", "saw", "bit"}


def test_spread_drops_what_all_categories_say_alike() -> None:
    titles = [[("new", "lamp")], [("new", "chair")]] * 60
    categories = [0, 1] * 60
    assert spread_over_categories(titles, categories) == {0: {"new"}, 1: {"new"}}


@pytest.mark.parametrize("logarithm", [True, False])
def test_low_association_by_hand(logarithm: bool) -> None:
    titles = [[("a", "b")], [("a", "b")], [("a", "c")], [("d", "b")]]

    # pairs ab 2/4, ac 1/4, db 1/4; words a 3/8, b 3/8, c 1/8, d 1/8
    def score(together: float, left: float, right: float) -> float:
        ratio = together / (left * right)
        return (math.log(ratio) if logarithm else ratio) / -math.log(together)

    ab, ac = score(0.5, 3 / 8, 3 / 8), score(0.25, 3 / 8, 1 / 8)
    mean_of_pairs = {"a": (ab + ac) / 2, "b": (ab + ac) / 2, "c": ac, "d": ac}
    threshold = sum(mean_of_pairs.values()) / 4
    expected = {word for word, value in mean_of_pairs.items() if value < threshold}
    assert low_association(titles, [0] * 4, logarithm=logarithm, best=False) == {0: expected}
    assert expected in ({"a", "b"}, {"c", "d"})


def test_a_pair_with_a_word_between_counts_four_tenths() -> None:
    # ab 1, bc 1, ac 0.4 of 2.4; each word a third of all: b has two near pairs, a and c one near and one far
    together, far, chance = 1 / 2.4, 0.4 / 2.4, 1 / 9
    near_score = math.log(together / chance) / -math.log(together)
    far_score = math.log(far / chance) / -math.log(far)
    assert far_score < near_score
    assert low_association([[("a", "b", "c")]], [0], logarithm=True, best=False) == {0: {"a", "c"}}
    assert low_association([[("a", "b", "c")]], [0], logarithm=True, best=True) == {0: frozenset()}


def test_parentheses_left_out_or_expanded() -> None:
    title = ["Drill (Red Blue) Kit"]
    assert split_titles(title, TitleCleaning()) == [[("drill", "kit")]]
    expanded = split_titles(title, TitleCleaning(expand_parentheses=True))
    assert expanded == [[("drill", "kit"), ("drill", "red", "kit"), ("drill", "blue", "kit")]]
    assert split_titles(title, TitleCleaning(segments=False)) == [[("drill", "red", "blue", "kit")]]
