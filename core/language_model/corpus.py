"""Lines for a language model: token ids with category and weight, split, drawn and batched without padding."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.text.vocabulary import Vocabulary

HELD_OUT_SHARE = 0.05
HELD_OUT_AT_MOST = 3_000


@dataclass(frozen=True, slots=True)
class Line:
    """A query or a title: `tokens` without begin and end, its category, and how often it is drawn."""

    tokens: tuple[int, ...]
    category: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of one length: `tokens` `(B, T+2)` from begin to end token, `category` `(B,)`, both int64."""

    tokens: npt.NDArray[np.int64]
    category: npt.NDArray[np.int64]


def is_held_out(text: str) -> bool:
    """Whether `text` belongs to the held-out 5 %. Depends on the text alone, so it never moves between runs."""
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < HELD_OUT_SHARE * 2**32


def batches(lines: Sequence[Line], vocabulary: Vocabulary, batch_size: int, seed: int | None) -> Iterator[Batch]:
    """All `lines` once, in batches of equal length; shuffled when a `seed` is given."""
    by_length: dict[int, list[Line]] = defaultdict(list)
    order = np.arange(len(lines)) if seed is None else np.random.default_rng(seed).permutation(len(lines))
    for index in order:
        by_length[len(lines[index].tokens)].append(lines[index])
    groups = [
        group[start : start + batch_size]
        for _, group in sorted(by_length.items())
        for start in range(0, len(group), batch_size)
    ]
    if seed is not None:
        groups = [groups[index] for index in np.random.default_rng(seed + 1).permutation(len(groups))]
    for group in groups:
        rows = [(vocabulary.bos_id(line.category), *line.tokens, vocabulary.eos_id(line.category)) for line in group]
        yield Batch(np.array(rows, np.int64), np.array([line.category for line in group], np.int64))


def draw(lines: Sequence[Line], at_most: int, seed: int) -> list[Line]:
    """One epoch's lines: `at_most` of them, each drawn in proportion to its weight (all, where there are fewer)."""
    if len(lines) <= at_most and all(line.weight == lines[0].weight for line in lines):
        return list(lines)
    weights = np.array([line.weight for line in lines])
    picked = np.random.default_rng(seed).choice(
        len(lines), size=min(at_most, len(lines)), replace=True, p=weights / weights.sum()
    )
    return [lines[index] for index in picked]
