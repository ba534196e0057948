"""The best positions of any range without reading the range: a sparse table over blocks (Bender & Farach-Colton 2000).

Positions 0..N−1 have distinct ranks 0..N−1, 0 the best. Blocks of 64 ranks have their minimum stored, and so has every
run of 2^j blocks: the best of a range are two look-ups and two ends shorter than a block.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]

BLOCK = 64
READ_AT_MOST = 8_192  # positions of a range that are read faster than its best are looked up
_SHIFT = 6
_NONE = np.iinfo(np.int32).max


class RangeMax:
    """`ranks` `(N,)` by position, `positions` `(N,)` its inverse, `minima` `(J, ⌈N/64⌉)`: of 2^j blocks from each."""

    def __init__(self, ranks: IntArray, positions: IntArray, minima: IntArray) -> None:
        """Raises ValueError where the arrays do not fit together."""
        blocks = -(-len(ranks) // BLOCK)
        if len(positions) != len(ranks) or minima.shape != (max(1, blocks.bit_length()), blocks):
            raise ValueError("ranks, their inverse and the minima of their blocks do not fit together")
        self.ranks, self.positions, self.minima = np.asarray(ranks), np.asarray(positions), np.asarray(minima)
        self._levels = [memoryview(level) for level in self.minima]
        self._at = memoryview(self.positions)  # type: ignore[arg-type]

    def best_first(self, low: int, high: int) -> Iterator[int]:
        """The ranks of the positions `low` ≤ i < `high`, ascending; each costs about 5 µs, however long the range."""
        first, last = -(-low // BLOCK), high // BLOCK
        if first >= last:
            yield from np.sort(self.ranks[low:high]).tolist()
            return
        # The heap holds runs of whole blocks (rank, first block, end) and blocks or ends of a range that were sorted
        # (rank, −1, the other ranks, the best of them last). Ranks are distinct: nothing behind them is compared.
        heap: list[tuple[int, int, int | list[int]]] = [(self._best_block(first, last), first, last)]
        for start, stop in ((low, first << _SHIFT), (last << _SHIFT, high)):
            if start < stop:
                rest = np.sort(self.ranks[start:stop])[::-1].tolist()
                heap.append((rest.pop(), -1, rest))
        heapq.heapify(heap)
        while heap:
            rank, begin, rest_or_end = heap[0]
            yield rank
            if isinstance(rest_or_end, list):
                if rest_or_end:
                    heapq.heapreplace(heap, (rest_or_end.pop(), -1, rest_or_end))
                else:
                    heapq.heappop(heap)
                continue
            block = self._at[rank] >> _SHIFT
            rest = np.sort(self.ranks[block << _SHIFT : (block + 1) << _SHIFT])[:0:-1].tolist()
            heapq.heapreplace(heap, (rest.pop(), -1, rest))
            if begin < block:
                heapq.heappush(heap, (self._best_block(begin, block), begin, block))
            if block + 1 < rest_or_end:
                heapq.heappush(heap, (self._best_block(block + 1, rest_or_end), block + 1, rest_or_end))

    def top(
        self,
        low: int,
        high: int,
        k: int,
        accept: Callable[[int], bool] | None = None,
        at_most: int | None = None,
    ) -> list[int]:
        """The `k` best ranks between the positions `low` and `high`, ascending; `positions[rank]` is where they stand.

        `accept`: only ranks for which it is true, and then no more than `at_most` are looked at.
        """
        if accept is None and high - low <= READ_AT_MOST:
            return smallest(self.ranks[low:high], k if at_most is None else min(k, at_most))
        ranks = islice(self.best_first(low, high), at_most)
        return list(islice(filter(accept, ranks) if accept else ranks, k))

    def best_of(self, lows: npt.NDArray[np.int64], highs: npt.NDArray[np.int64]) -> IntArray:
        """The best rank of each of the ranges `(C,)`, at once; the largest int32 for an empty one."""
        if not len(self.ranks):
            return np.full(len(lows), _NONE, np.int32)
        offsets = np.arange(BLOCK)
        # An end of a range is read with a whole block's breadth: what is beyond the range does not count.
        ahead, behind = lows[:, None] + offsets, highs[:, None] - 1 - offsets
        columns = np.concatenate([ahead, behind], axis=1)
        inside = (columns >= lows[:, None]) & (columns < highs[:, None])
        best: IntArray = np.where(inside, self.ranks[np.clip(columns, 0, len(self.ranks) - 1)], _NONE).min(axis=1)
        firsts, lasts = -(-lows // BLOCK), highs // BLOCK
        runs = np.flatnonzero(firsts < lasts)
        if len(runs):
            begin, end = firsts[runs], lasts[runs]
            level = np.log2(end - begin).astype(np.int64)  # exact: blocks are far fewer than 2^50
            middle = np.minimum(self.minima[level, begin], self.minima[level, end - (1 << level)])
            best[runs] = np.minimum(best[runs], middle)
        return best

    def _best_block(self, begin: int, end: int) -> int:
        level = (end - begin).bit_length() - 1
        minima = self._levels[level]
        left, right = minima[begin], minima[end - (1 << level)]
        return left if left < right else right


def smallest(ranks: IntArray, k: int) -> list[int]:
    """The `k` smallest of `ranks`, ascending."""
    best: list[int] = np.sort(np.partition(ranks, k)[:k] if k < len(ranks) else ranks).tolist()
    return best


def build_range_max(ranks: IntArray, positions: IntArray | None = None) -> RangeMax:
    """Over `ranks`, a permutation of 0..N−1; `positions` is its inverse where that is known already."""
    count = len(ranks)
    if positions is None:
        positions = np.empty(count, np.int32)
        positions[ranks] = np.arange(count, dtype=np.int32)
    blocks = -(-count // BLOCK)
    minima = np.full((max(1, blocks.bit_length()), blocks), _NONE, np.int32)
    if blocks:
        minima[0] = np.minimum.reduceat(ranks, np.arange(0, count, BLOCK))
    for level in range(1, len(minima)):
        half = 1 << (level - 1)
        minima[level] = minima[level - 1]
        np.minimum(minima[level, :-half], minima[level - 1, half:], out=minima[level, :-half])
    return RangeMax(ranks, positions, minima)
