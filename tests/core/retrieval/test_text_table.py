"""The table of texts against a sorted list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.retrieval.text_table import TextTable, build_text_table
from core.text.vocabulary import prefix_range

texts = st.lists(st.text(alphabet="ab é🙂\ud7ff\ue000", max_size=6), unique=True).map(sorted)


@given(texts, st.text(alphabet="ab é🙂", max_size=3))
def test_equals_a_list(listed: list[str], prefix: str) -> None:
    table = build_text_table(listed)
    assert list(table) == listed and len(table) == len(listed)
    assert table.range(prefix) == prefix_range(listed, prefix)
    assert table.starts_any(prefix) == any(text.startswith(prefix) for text in listed)
    assert table.find(prefix) == (listed.index(prefix) if prefix in listed else None)
    assert (prefix in table) is (prefix in listed)
    assert all(table.find(text) == row for row, text in enumerate(listed))
    assert table[1:] == listed[1:]


def test_within_rows_that_are_known_to_hold_it() -> None:
    table = build_text_table(["a", "ab", "abc", "b"])
    assert table.range("ab", *table.range("a")) == (1, 3)
    assert table.range("az", *table.range("a")) == (3, 3)


def test_offsets_are_as_narrow_as_they_can_be() -> None:
    assert build_text_table(["a", "b"]).offsets.dtype == np.uint32


def test_what_does_not_fit_is_refused() -> None:
    for listed in (["b", "a"], ["a", "a"]):
        with pytest.raises(ValueError, match="sorted"):
            build_text_table(listed)
    with pytest.raises(ValueError, match="fit"):
        TextTable(np.zeros(3, np.uint8), np.array([0, 2], np.uint32))
    with pytest.raises(IndexError):
        build_text_table(["a"])[1]
    assert build_text_table(["a", "b"])[-1] == "b"
