"""Counts that correct a network, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.language_model.corpus import Line
from core.language_model.next_words import DISCOUNT, NETWORK, NextWords

LINES = [Line((0, 1), 0), Line((0, 1), 0), Line((0, 2), 0), Line((3,), 0)]
COLUMNS = np.array([1, 2, 3, 4, 0])  # tokens 0–3, and the end in column 0
UNIFORM = np.full(5, 0.2, np.float32)


def test_one_context_by_hand() -> None:
    """After 0 alone: 1 twice, 2 once. The context of two words (begin, 0) says the same again."""
    counted = NextWords(LINES)
    free = DISCOUNT * 2 + NETWORK
    first = [free * 0.2 / (3 + NETWORK)] * 5
    first[2] += (2 - DISCOUNT) / (3 + NETWORK)
    first[3] += (1 - DISCOUNT) / (3 + NETWORK)
    second = [free * p / (3 + NETWORK) for p in first]
    second[2] += (2 - DISCOUNT) / (3 + NETWORK)
    second[3] += (1 - DISCOUNT) / (3 + NETWORK)
    assert counted.mixed([0], COLUMNS, UNIFORM) == pytest.approx(second, rel=1e-5)


def test_an_unknown_context_leaves_the_network_alone() -> None:
    assert NextWords(LINES).mixed([2, 2], COLUMNS, UNIFORM)[1:] == pytest.approx(
        NextWords(LINES).mixed([2], COLUMNS, UNIFORM)[1:], abs=1
    )
    assert NextWords([]).mixed([0], COLUMNS, UNIFORM) is UNIFORM


def test_what_is_ignored_is_no_follower() -> None:
    assert NextWords(LINES, frozenset({1})).mixed([0], COLUMNS, UNIFORM)[2] < UNIFORM[2]


def test_counts_of_other_words_do_not_matter_within_a_slice() -> None:
    slice_ = np.array([-1, 0, 1, -1, -1])  # tokens 1 and 2 alone are candidates
    mixed = NextWords(LINES).mixed([0], slice_, np.array([0.5, 0.5], np.float32))
    assert mixed.sum() == pytest.approx(1, rel=1e-5) and mixed[0] > mixed[1]


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), max_size=8), st.lists(st.integers(0, 3), max_size=3)
)
def test_it_stays_a_distribution(lines: list[list[int]], typed: list[int]) -> None:
    counted = NextWords([Line(tuple(line), 0) for line in lines])
    mixed = counted.mixed(typed, COLUMNS, UNIFORM)
    assert mixed.sum() == pytest.approx(1, rel=1e-4) and (mixed > 0).all()
