"""Which texts hold some words, the best first: postings of ranks, and the words of each text.

Rank 0 is the best text. A word's postings are ascending ranks, so the best texts come first and a search may stop as
soon as enough are found. The words of each text are kept in the order of ranks as well (the forward index): whether a
candidate holds the other words, or one that begins with a half-typed word, is asked of it.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.retrieval.range_max import RangeMax
from core.retrieval.text_table import TextTable

IntArray = npt.NDArray[np.int32]

HELD = 8  # words of a text that stand beside each other
_FIRST_CHUNK = 256  # candidates; then more at a time, since what is common is found among the first
_GROWTH = 4
_CHUNK_AT_MOST = 8_192


class WordPostings:
    """V distinct words, sorted, of N texts: `postings[starts[v]:starts[v + 1]]` are the ranks that hold word v.

    `held` `(N, 8)` are the distinct words of the text of each rank, −1 where there are fewer; where there are more, the
    last is −2 − i, and they are in `more[more_starts[i]:more_starts[i + 1]]`. `order` ranks the words by the best text
    that holds each.
    """

    def __init__(self, words: TextTable, order: RangeMax, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """`arrays` as named in `completion.ARRAYS`. KeyError for a missing one, ValueError where they do not fit."""
        self.words, self.order = words, order
        self.starts, self.postings = np.asarray(arrays["posting_starts"]), np.asarray(arrays["postings"])
        self.held = np.asarray(arrays["held_words"])
        self.more_starts, self.more = np.asarray(arrays["more_starts"]), np.asarray(arrays["more_words"])
        if len(self.starts) != len(words) + 1 or self.held.ndim != 2 or self.held.shape[1] != HELD:
            raise ValueError("words, postings and the words of the texts do not fit together")
        self._start_at, self._rank_at = memoryview(self.starts), memoryview(self.postings)  # type: ignore[arg-type]

    def holding(self, words: Sequence[str], half: str, limit: int, at_most: int) -> list[int]:
        """The best ranks, ascending, of texts that hold all `words` and a word that begins with `half`.

        At most `limit` of them, among the best `at_most` candidates: the texts that hold the rarest of the words. Of
        a half word that few texts hold, and of rare words, that is all of them.
        """
        low, high = self.words.range(half) if half else (0, 0)
        if limit < 1 or (half and low == high):
            return []
        ids = [self.words.find(word) for word in dict.fromkeys(words)]
        known = [word for word in ids if word is not None]
        if len(known) < len(ids):
            return []
        if not known:
            return self._beginning_with(low, high, limit, at_most) if half else list(range(min(limit, len(self.held))))
        known.sort(key=lambda word: self._start_at[word + 1] - self._start_at[word])
        driver, rest = known[0], known[1:]
        begin, end = self._start_at[driver], self._start_at[driver + 1]
        candidates = self.postings[begin:end]
        if half:
            begun, stop = self._start_at[low], self._start_at[high]
            if stop - begun <= min(at_most, end - begin):
                candidates, rest, half = _distinct(self.postings[begun:stop]), known, ""
        found: list[int] = []
        chunk, looked = _FIRST_CHUNK, 0
        while len(found) < limit and looked < min(at_most, len(candidates)):
            ranks = candidates[looked : min(looked + chunk, at_most)]
            looked += len(ranks)
            chunk = min(_GROWTH * chunk, _CHUNK_AT_MOST)
            for word in rest:
                ranks = self._that_hold(ranks, word, word + 1)
            if half:
                ranks = self._that_hold(ranks, low, high)
            found += ranks.tolist()
        return found[:limit]

    def _that_hold(self, ranks: IntArray, low: int, high: int) -> IntArray:
        """Those of the ascending `ranks` that hold one of the words `low` ≤ v < `high`."""
        held = self.held.take(ranks, axis=0)
        # One comparison instead of two: what is below `low`, and no word, wraps round to the largest numbers. The
        # eight answers of a text are read as one number.
        within = np.subtract(held, low).view(np.uint32) < np.uint32(high - low)
        hits: npt.NDArray[np.bool_] = within.view(np.uint64).ravel() != 0
        long = np.flatnonzero(held[:, -1] < -1)
        if len(long):
            number = -2 - held[long, -1].astype(np.int64)
            begins, ends = self.more_starts[number], self.more_starts[number + 1]
            for at, begin, end in zip(long.tolist(), begins.tolist(), ends.tolist(), strict=True):
                words = self.more[begin:end]  # ascending
                hits[at] |= bool(np.searchsorted(words, low) < np.searchsorted(words, high))
        return ranks[hits]

    def _beginning_with(self, low: int, high: int, limit: int, at_most: int) -> list[int]:
        """The best ranks that hold one of the words `low` ≤ v < `high`: postings merged, opened as they are needed."""
        found: dict[int, None] = {}
        for looked, rank in enumerate(self._merged(low, high)):
            found[rank] = None
            if len(found) == limit or looked + 1 == at_most:
                break
        return list(found)

    def _merged(self, low: int, high: int) -> Iterator[int]:
        """Ranks of all postings of the words, ascending, repeated for a text that holds several of them."""
        start_at, rank_at, word_at = self._start_at, self._rank_at, self.order.positions
        unopened = self.order.best_first(low, high)
        opened: list[tuple[int, int, int]] = []  # (rank, its posting, end of the word's postings)
        following = next(unopened, None)
        best = -1
        while opened or following is not None:
            while following is not None:
                if best < 0:
                    word = int(word_at[following])
                    best, at, end = rank_at[start_at[word]], start_at[word], start_at[word + 1]
                if opened and opened[0][0] < best:
                    break
                heapq.heappush(opened, (best, at, end))
                following, best = next(unopened, None), -1
            rank, posting, stop = opened[0]
            yield rank
            if posting + 1 < stop:
                heapq.heapreplace(opened, (rank_at[posting + 1], posting + 1, stop))
            else:
                heapq.heappop(opened)


def _distinct(ranks: IntArray) -> IntArray:
    """`ranks`, ascending, each once: what `np.unique` does, which hashes and takes twenty times as long."""
    ranks = np.sort(ranks)
    once: IntArray = ranks[np.append(True, ranks[1:] != ranks[:-1])]
    return once
