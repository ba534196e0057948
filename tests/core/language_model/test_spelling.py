"""The spelling model is a distribution over all strings, and knows its language."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.language_model.spelling import _END, _ESCAPE, _START, SpellingModel
from tests.core.language_model.models import small_vocabulary

WORDS = {"drill": 3.0, "drills": 1.0, "drip": 2.0, "saw": 5.0}


def total(model: SpellingModel, history: str, characters: str) -> float:
    """What the known characters, the end and all other code points together get after `history`."""
    unknown = model._interpolated(history, _ESCAPE)
    return sum(model.probability(history, character) for character in {*characters, _END}) + unknown


@given(history=st.text("drilspaw", max_size=5), order=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_every_next_character_distribution_sums_to_one(history: str, order: int) -> None:
    model = SpellingModel(WORDS, order)
    seen = (_START + history)[-(order - 1) :] if order > 1 else ""
    assert total(model, seen, "drilspaw") == pytest.approx(1.0)


def test_all_short_words_and_all_longer_ones_share_one() -> None:
    """p(words of up to n letters) + p(something longer) = 1, letters outside the alphabet included."""
    model = SpellingModel({"ab": 2.0, "b": 1.0}, 3)
    short = model.probability(_START, _END)
    short += sum(math.exp(model.log_prob(letter)) for letter in "ab")
    first_unknown = model._interpolated(_START, _ESCAPE)
    longer = sum(model.probability(_START, first) * (1 - model.probability(_START + first, _END)) for first in "ab")
    assert short + longer + first_unknown == pytest.approx(1.0)


def test_the_escape_is_shared_by_all_unknown_characters() -> None:
    model = SpellingModel(WORDS, 4)
    assert model.log_prob("sägé") > -math.inf
    assert model.log_prob("ß") == pytest.approx(model.log_prob("☃"))


def test_likelier_spellings_are_likelier() -> None:
    model = SpellingModel(WORDS)
    assert model.log_prob("drilling") > model.log_prob("gnillird")
    assert model.log_prob("saw") > model.log_prob("drills")


def test_hand_computed_interpolation() -> None:
    """Order 2 on {"a"}: after "a" one kind was seen once (the end); below it 2 events of 2 kinds; below it 1/3."""
    model = SpellingModel({"a": 1.0}, 2)
    unigram = (1 + 2 * (1 / 3)) / (2 + 2)
    assert model.probability("a", _END) == pytest.approx((1 + 1 * unigram) / (1 + 1))


def test_words_of_the_vocabulary_are_left_out() -> None:
    """Given "outside the vocabulary", the other words' probabilities grow by one over the share that is outside."""
    vocabulary = small_vocabulary()
    model = SpellingModel.of(vocabulary)
    inside = sum(math.exp(model.log_prob(word)) for word in vocabulary.words)
    share = math.exp(model._outside_log_share)
    assert inside == pytest.approx((1 - share) / share)
    assert 0 < share < 1


def test_words_are_needed() -> None:
    with pytest.raises(ValueError, match="words"):
        SpellingModel({})


def test_equal_words_give_equal_models() -> None:
    orders = itertools.permutations(WORDS.items())
    assert len({SpellingModel(dict(items)).log_prob("drilla") for items in list(orders)[:3]}) == 1
