"""Starts, gates and merging on words that can be checked by eye."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.language_model.corpus import Line
from core.text.vocabulary import Vocabulary, build_vocabulary
from training.evaluation.generation import is_redundant
from training.generation.gates import WellFormed
from training.generation.merging import merge, same_wish
from training.generation.starts import starts_by_category

WORDS = ["12", "drill", "drills", "for", "ft", "heater", "red", "shoe", "shoes", "stainless", "steel", "water"]


@pytest.fixture
def vocabulary() -> Vocabulary:
    return build_vocabulary(dict.fromkeys(WORDS, 5.0), 2, min_count=1, max_words=100)


def line(vocabulary: Vocabulary, text: str, category: int = 0, weight: float = 1.0) -> Line:
    return Line(tuple(vocabulary.encode(text.split())), category, weight)


def test_starts_are_unigrams_and_bigrams_with_their_category(vocabulary: Vocabulary) -> None:
    lines = [line(vocabulary, "red shoes"), line(vocabulary, "red shoes", 1, 2.0), line(vocabulary, "shoes for 12 ft")]
    found = starts_by_category(lines, vocabulary, at_most=100, min_weight=1)
    texts = {
        category: {" ".join(vocabulary.words[token] for token in start.tokens): start.weight for start in starts}
        for category, starts in found.items()
    }
    assert texts == {
        0: {"red": 1, "shoes": 2, "red shoes": 1, "12": 1, "12 ft": 1},
        1: {"red": 2, "shoes": 2, "red shoes": 2},
    }
    assert sum(map(len, starts_by_category(lines, vocabulary, at_most=2, min_weight=1).values())) == 2


def test_rare_words_begin_nothing(vocabulary: Vocabulary) -> None:
    assert starts_by_category([line(vocabulary, "unheard")], vocabulary, at_most=9, min_weight=0) == {}


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("red shoes", True),
        ("stainless steel", True),
        ("red stainless", False),  # never ends a line
        ("shoes for", False),
        ("for shoes", False),
        ("ft shoes", False),
        ("drill drills", False),  # the same word twice
        ("12", False),
    ],
)
def test_well_formed(vocabulary: Vocabulary, text: str, accepted: bool) -> None:
    lines = [line(vocabulary, "stainless steel shoes")] * 200 + [line(vocabulary, "red drill shoe drills steel")]
    gate = WellFormed(lines + [line(vocabulary, "stainless steel")] * 50, vocabulary)
    assert gate.accepts(vocabulary.encode(text.split())) is accepted


def test_reorderings_and_inflections_are_one_wish() -> None:
    assert same_wish("red shoe") == same_wish("shoe red") == same_wish("red shoes")
    assert same_wish("case for phone") != same_wish("phone case")
    assert merge([("shoe red", -3.0), ("red shoes", -1.0), ("red shoe", -2.0), ("lamp", -9.0)]) == ["red shoes", "lamp"]
    assert merge([("shoe red", -3.0)], known=["red shoes"]) == []


@given(st.lists(st.tuples(st.sampled_from(["red shoe", "shoes red", "lamp", "lamps", "red lamp"]), st.floats(-9, 0))))
def test_merging_keeps_one_of_each_wish_whatever_the_order(texts: list[tuple[str, float]]) -> None:
    kept = merge(texts)
    assert len({same_wish(text) for text in kept}) == len(kept) == len({same_wish(text) for text, _ in texts})
    assert kept == merge(list(reversed(texts)))


@pytest.mark.parametrize(("text", "redundant"), [("dryer dryers", True), ("faucet faucett", True), ("red shoe", False)])
def test_redundancy(text: str, redundant: bool) -> None:
    assert is_redundant(text) is redundant
