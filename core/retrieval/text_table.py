"""Sorted texts as two arrays that can be memory-mapped: millions of them cost no Python object until one is read.

Texts are ordered by their UTF-8 bytes, which is the order of their code points and so that of Python's `str`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import polars as pl

ByteArray = npt.NDArray[np.uint8]
OffsetArray = npt.NDArray[np.uint32] | npt.NDArray[np.int64]

_CHUNK = 1_000_000  # texts joined at a time while a table is built


class TextTable(Sequence[str]):
    """N sorted, distinct texts; text i is `blob[offsets[i]:offsets[i + 1]]`."""

    def __init__(self, blob: ByteArray, offsets: OffsetArray) -> None:
        """`blob` `(B,)` of UTF-8, `offsets` `(N + 1,)` ascending from 0 to B. ValueError where they do not fit."""
        if not len(offsets) or int(offsets[0]) != 0 or int(offsets[-1]) != len(blob):
            raise ValueError("the offsets of a text table do not fit its bytes")
        self.blob, self.offsets = blob, offsets
        # Views give Python's own numbers and bytes several times faster than indexing an array does.
        self._bytes, self._starts = memoryview(blob), memoryview(offsets)  # type: ignore[arg-type]
        self._rows = range(len(offsets) - 1)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[row] for row in self._rows[index]]
        row = self._rows[index]  # raises IndexError, and counts negative ones from the end
        return str(self._bytes[self._starts[row] : self._starts[row + 1]], "utf-8")

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.find(text) is not None

    def range(self, prefix: str, low: int = 0, high: int | None = None) -> tuple[int, int]:
        """Half-open range of the rows that start with `prefix`, searched between the rows `low` and `high`.

        Where none does, both ends are the row that it would be inserted at.
        """
        sought = prefix.encode()
        length, view, starts = len(sought), self._bytes, self._starts

        def beginning(row: int) -> bytes:
            start = starts[row]
            return view[start : min(start + length, starts[row + 1])].tobytes()

        first = bisect_left(self._rows, sought, low, high, key=beginning)
        if first == len(self) or beginning(first) != sought:
            return first, first
        return first, bisect_right(self._rows, sought, first, high, key=beginning)

    def find(self, text: str, low: int = 0, high: int | None = None) -> int | None:
        """The row of `text`, searched between the rows `low` and `high`, or None."""
        sought = text.encode()
        view, starts = self._bytes, self._starts

        def whole(row: int) -> bytes:
            return view[starts[row] : starts[row + 1]].tobytes()

        row = bisect_left(self._rows, sought, low, high, key=whole)
        return row if row < len(self) and whole(row) == sought else None

    def starts_any(self, prefix: str) -> bool:
        """Whether some text starts with `prefix`; cheaper than `range`."""
        sought = prefix.encode()
        length, view, starts = len(sought), self._bytes, self._starts

        def beginning(row: int) -> bytes:
            start = starts[row]
            return view[start : min(start + length, starts[row + 1])].tobytes()

        first = bisect_left(self._rows, sought, key=beginning)
        return first < len(self) and beginning(first) == sought


def build_text_table(texts: pl.Series | Iterable[str]) -> TextTable:
    """The table of `texts`. Raises ValueError unless they are sorted and distinct."""
    column = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
    if len(column) > 1 and not bool((column.slice(1) > column.slice(0, len(column) - 1)).all()):
        raise ValueError("texts must be sorted and distinct")
    ends = column.str.len_bytes().to_numpy().cumsum(dtype=np.int64)
    offsets: npt.NDArray[Any] = np.concatenate([np.zeros(1, np.int64), ends])
    blob = np.empty(int(offsets[-1]), np.uint8)
    for start in range(0, len(column), _CHUNK):
        joined = column.slice(start, _CHUNK).str.join("").item().encode()
        blob[offsets[start] : int(offsets[start]) + len(joined)] = np.frombuffer(joined, np.uint8)
    if len(blob) <= np.iinfo(np.uint32).max:
        offsets = offsets.astype(np.uint32)
    return TextTable(blob, offsets)
