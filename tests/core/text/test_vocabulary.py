"""Sorted words, contiguous prefix ranges, special tokens that never collide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.vocabulary import Vocabulary, build_vocabulary, count_words

word_counts = st.dictionaries(st.text(min_size=1, max_size=6), st.integers(1, 9), max_size=30)


@given(word_counts, st.text(max_size=3))
def test_prefix_range_is_exactly_the_words_with_the_prefix(counts: dict[str, float], prefix: str) -> None:
    vocabulary = build_vocabulary(counts, 2, min_count=3, max_words=20)
    low, high = vocabulary.prefix_range(prefix)
    assert list(vocabulary.words[low:high]) == [word for word in vocabulary.words if word.startswith(prefix)]
    low, high = vocabulary.rare_prefix_range(prefix)
    assert list(vocabulary.rare_words[low:high]) == [word for word in vocabulary.rare_words if word.startswith(prefix)]


@given(word_counts, st.integers(1, 4))
def test_token_ids_are_disjoint(counts: dict[str, float], categories: int) -> None:
    vocabulary = build_vocabulary(counts, categories, min_count=2, max_words=20)
    ids = [vocabulary.id_of(word) for word in vocabulary.words] + [vocabulary.rare_id]
    ids += [vocabulary.eos_id(category) for category in range(categories)]
    assert max(ids) == vocabulary.output_size - 1
    ids += [vocabulary.bos_id(category) for category in range(categories)]
    assert sorted(ids) == list(range(vocabulary.input_size))


@given(word_counts)
def test_no_word_is_lost(counts: dict[str, float]) -> None:
    vocabulary = build_vocabulary(counts, 1, min_count=4, max_words=5)
    assert set(vocabulary.words) | set(vocabulary.rare_words) == set(counts)
    assert len(vocabulary.words) <= 5
    assert all(word in vocabulary for word in counts)


def test_rare_and_unknown_words_share_a_token() -> None:
    vocabulary = build_vocabulary({"lamp": 5, "zzz": 1}, 1, min_count=2, max_words=10)
    assert vocabulary.encode(["lamp", "zzz", "never"]) == [0, vocabulary.rare_id, vocabulary.rare_id]
    assert "zzz" in vocabulary and "never" not in vocabulary


def test_unsorted_words_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        Vocabulary(("b", "a"), (1.0, 1.0), 1)


def test_counts_are_weighted() -> None:
    assert count_words([(["red", "shoe"], 2.0), (["red"], 0.5)]) == {"red": 2.5, "shoe": 2.0}
