"""The best of a range against sorting the range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.retrieval.range_max import RangeMax, build_range_max


@settings(deadline=None)
@given(st.integers(0, 700), st.integers(0, 9), st.data())
def test_equals_sorting(count: int, seed: int, data: st.DataObject) -> None:
    ranks = np.random.default_rng(seed).permutation(count).astype(np.int32)
    best = build_range_max(ranks)
    assert np.array_equal(ranks[best.positions], np.arange(count))
    low = data.draw(st.integers(0, count))
    high = data.draw(st.integers(low, count))
    k = data.draw(st.integers(0, 40))
    ordered = sorted(ranks[low:high].tolist())
    assert list(best.best_first(low, high)) == ordered
    assert best.top(low, high, k) == ordered[:k]
    even = [rank for rank in ordered if rank % 2 == 0]
    assert best.top(low, high, k, lambda rank: rank % 2 == 0) == even[:k]
    looked_at = [rank for rank in ordered[:7] if rank % 2 == 0]
    assert best.top(low, high, k, lambda rank: rank % 2 == 0, at_most=7) == looked_at[:k]


@settings(deadline=None)
@given(st.integers(1, 5_000), st.integers(0, 9))
def test_many_ranges_at_once(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    ranks = generator.permutation(count).astype(np.int32)
    bounds = np.sort(generator.integers(0, count + 1, (20, 2)), axis=1)
    best = build_range_max(ranks).best_of(bounds[:, 0], bounds[:, 1])
    for found, (low, high) in zip(best.tolist(), bounds.tolist(), strict=True):
        assert found == min(ranks[low:high].tolist(), default=np.iinfo(np.int32).max)


def test_arrays_that_do_not_fit_are_refused() -> None:
    good = build_range_max(np.arange(100, dtype=np.int32))
    with pytest.raises(ValueError, match="fit"):
        RangeMax(good.ranks, good.positions[1:], good.minima)
    with pytest.raises(ValueError, match="fit"):
        RangeMax(good.ranks, good.positions, good.minima[:, 1:])
