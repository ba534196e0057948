"""Building and storing `FuzzyPrefixes`: the hashes of the beginnings of the heaviest texts, a length at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.retrieval.completion import CompletionIndex
from core.retrieval.completion_storage import mapped_arrays, save_arrays
from core.retrieval.fuzzy import ARRAYS, BASE, CHARACTERS, FILTER_BITS_A_HASH, FuzzyPrefixes, filter_shift, mixed

TEXTS_AT_MOST = 500_000
LETTERS_AT_MOST = 96  # that are put in for a typed one; of scripts with thousands, the most frequent


def build_fuzzy(index: CompletionIndex, texts_at_most: int = TEXTS_AT_MOST) -> FuzzyPrefixes:
    """The beginnings of the `texts_at_most` heaviest texts of `index`."""
    rows = index.heaviest_rows(texts_at_most)
    texts = [index.texts[row][:CHARACTERS] for row in rows.tolist()]
    lengths = np.array([len(text) for text in texts], np.int64)
    # (T, 32) code points, 0 beyond a text's end: numpy pads its fixed-width strings so.
    code = np.array(texts, f"<U{CHARACTERS}").view(np.uint32).reshape(-1, CHARACTERS) if texts else _NO_TEXTS
    alphabet = _alphabet(code, lengths)
    weights = index.weights_of_rows(rows).astype(np.float64)
    shared = np.zeros(len(texts), np.int64)  # characters that a text has in common with the one before it
    if len(texts) > 1:
        differs = code[1:] != code[:-1]
        shared[1:] = np.where(differs.any(axis=1), differs.argmax(axis=1), CHARACTERS)
    rolling = np.zeros(len(texts), np.uint64)
    hashes: list[npt.NDArray[np.uint64]] = [np.zeros(0, np.uint64)]
    totals: list[npt.NDArray[np.float64]] = [np.zeros(0)]
    firsts: list[npt.NDArray[np.int32]] = [np.zeros(0, np.int32)]
    for length in range(1, CHARACTERS + 1):
        rolling = rolling * BASE + mixed(code[:, length - 1])
        # Sorted texts: those with one beginning stand together, from where fewer characters are shared.
        starts = np.flatnonzero((shared < length) | (np.arange(len(texts)) == 0))
        if len(starts):
            long_enough = lengths[starts] >= length
            hashes.append(rolling[starts[long_enough]])
            totals.append(np.add.reduceat(weights, starts)[long_enough])
            firsts.append(rows[starts[long_enough]])
    joined, total = np.concatenate(hashes), np.concatenate(totals).astype(np.float32)
    order = np.argsort(joined)
    arrays: dict[str, npt.NDArray[Any]] = {
        "hashes": joined[order],
        "weights": total[order],
        "rows": np.concatenate(firsts)[order],
        "filter_bits": _filter(joined),
        "alphabet": alphabet,
    }
    return FuzzyPrefixes(index.texts, arrays)


def save_fuzzy(fuzzy: FuzzyPrefixes, folder: Path) -> None:
    """Writes the arrays into the empty or missing `folder`; the texts are stored with their index."""
    save_arrays(fuzzy.arrays, folder)


def load_fuzzy(folder: Path, index: CompletionIndex) -> FuzzyPrefixes:
    """What `save_fuzzy` wrote, mapped. Raises ArtifactError where it is not there."""
    return FuzzyPrefixes(index.texts, mapped_arrays(ARRAYS, folder))


_NO_TEXTS = np.zeros((0, CHARACTERS), np.uint32)


def _alphabet(code: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    known, counts = np.unique(code[np.arange(CHARACTERS) < lengths[:, None]], return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:LETTERS_AT_MOST])
    return known[kept].astype(np.int64)


def _filter(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """A bit for each hash, set at its highest bits, in a power of two of bytes."""
    bits = max(8, 1 << (FILTER_BITS_A_HASH * max(1, len(hashes)) - 1).bit_length())
    flags = np.zeros(bits, bool)
    flags[(hashes >> filter_shift(bits // 8)).astype(np.int64)] = True
    return np.packbits(flags, bitorder="little")
