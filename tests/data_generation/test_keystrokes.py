"""The box after each keystroke: from nothing to the text, one character at its end at a time."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.keystrokes import sent_text, states
from data_generation.typos import NEIGHBOURS

TEXTS = st.text("abcdefg xyz9é", min_size=1, max_size=25)
SEEDS = st.integers(0, 2**32)


@given(TEXTS, SEEDS)
def test_what_is_typed_ends_as_the_text(text: str, seed: int) -> None:
    assert states(random.Random(seed), text, 0, None)[-1] == text


@given(TEXTS, SEEDS, st.data())
def test_a_suggestion_is_taken_after_so_many_characters(text: str, seed: int, data: st.DataObject) -> None:
    taken = data.draw(st.integers(1, len(text)))
    seen = states(random.Random(seed), text, taken, "another thing")
    assert seen[-1] == text[:taken]
    assert all(one for one in seen)


@given(TEXTS, SEEDS)
def test_every_key_adds_or_takes_one_character_at_the_end(text: str, seed: int) -> None:
    for before, after in pairwise(["", *states(random.Random(seed), text, 0, None)]):
        longer, shorter = (before, after) if len(before) > len(after) else (after, before)
        assert longer[:-1] == shorter


@given(TEXTS, TEXTS, SEEDS)
def test_a_second_thought_is_taken_back_before_the_text_begins(text: str, begun: str, seed: int) -> None:
    seen = states(random.Random(seed), text, 0, begun)
    for before, after in pairwise(["", *seen]):
        longer, shorter = (before, after) if len(before) > len(after) else (after, before)
        emptied = len(before) == len(after) == 1  # what was begun is gone, which no log holds
        assert emptied or longer[:-1] == shorter
    assert seen[-1] == text


@given(TEXTS, SEEDS)
def test_every_prefix_of_the_text_is_passed(text: str, seed: int) -> None:
    assert {text[:length] for length in range(1, len(text) + 1)} <= set(states(random.Random(seed), text, 0, "q"))


def test_slips_are_of_neighbouring_keys_and_rare() -> None:
    text = "wireless headphones"
    slips = 0
    for seed in range(2_000):
        for before, after in pairwise(states(random.Random(seed), text, 0, None)):
            if text.startswith(before) and len(after) > len(before) and not text.startswith(after):
                assert after[-1] in NEIGHBOURS.get(text[len(before)], "qz")
                slips += 1
    assert slips / (2_000 * (len(text) - 1)) == pytest.approx(0.012, rel=0.15)


def test_one_in_twenty_five_begins_with_something_else() -> None:
    begun = sum(states(random.Random(seed), "running shoes", 0, "desk lamp")[0] == "d" for seed in range(5_000))
    assert begun / 5_000 == pytest.approx(0.04, abs=0.01)
    assert all(states(random.Random(seed), "running shoes", 0, "running late")[0] == "r" for seed in range(100))


@given(st.sampled_from(("garden hose", "bluetooth speaker", "desk lamp", "water bottle 32 oz")), SEEDS)
def test_a_mistyped_text_differs_by_one_edit(text: str, seed: int) -> None:
    wrong = sent_text(random.Random(seed), text, mistyped=True)
    assert abs(len(wrong) - len(text)) <= 1
    if wrong == text:  # two equal letters change places
        assert any(one == other for one, other in pairwise(text))


@given(TEXTS, SEEDS)
def test_a_text_that_is_not_mistyped_is_sent_as_it_is(text: str, seed: int) -> None:
    assert sent_text(random.Random(seed), text, mistyped=False) == text


def test_most_slips_can_be_seen() -> None:
    sent = [sent_text(random.Random(seed), "running shoes", mistyped=True) for seed in range(1_000)]
    assert sum(text != "running shoes" for text in sent) > 950
