"""The completion index against a plain scan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import Source
from core.retrieval.completion import Completion, CompletionIndex, build_completions

entries = st.lists(
    st.builds(
        Completion,
        text=st.text(alphabet="ab c", min_size=1, max_size=5),
        weight=st.integers(1, 50).map(float),
        category=st.integers(0, 2),
        source=st.sampled_from([Source.HISTORY, Source.CATALOG_MODEL]),
    ),
    max_size=60,
)


@given(entries, st.text(alphabet="ab c", max_size=3), st.integers(1, 5), st.none() | st.frozensets(st.integers(0, 2)))
def test_equals_a_scan(listed: list[Completion], prefix: str, limit: int, allowed: frozenset[int] | None) -> None:
    index = build_completions(listed)
    known: dict[str, Completion] = {}
    for entry in listed:
        best = known.get(entry.text)
        order = (entry.source is not Source.HISTORY, -entry.weight)
        if best is None or order < (best.source is not Source.HISTORY, -best.weight):
            known[entry.text] = entry
    matching = [
        entry
        for entry in known.values()
        if entry.source is Source.HISTORY
        and entry.text.startswith(prefix)
        and (allowed is None or entry.category in allowed)
    ]
    matching.sort(key=lambda entry: (-entry.weight, len(entry.text), entry.text))
    found, total = index.complete(prefix, limit, Source.HISTORY, allowed)
    assert found == matching[:limit]
    assert total == sum(entry.weight for entry in matching)


def test_unsorted_or_uneven_input_is_refused() -> None:
    import numpy as np

    one, two = np.ones(1, np.float32), np.zeros(2, np.int32)
    with pytest.raises(ValueError, match="equally long"):
        CompletionIndex(["a"], one, two, two, two, one)
    with pytest.raises(ValueError, match="sorted"):
        CompletionIndex(["b", "a"], np.ones(2, np.float32), two, two, two, np.ones(2, np.float32))
